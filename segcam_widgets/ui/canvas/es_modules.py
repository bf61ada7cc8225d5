"""JavaScript modules joined into one for the browser, because anywidget asks for one text.

A file names at its top what it needs, and offers what it declares at the beginning of a line::

    import { distance, corners as cornersOf } from "./geometry.js";

    export const REACH = 8;
    export function handlesOf(shape) { ... }

In the joined text each module is a function of its own that runs once: equal names in two files stay two things, as they
are in a browser. Lines stay lines: line n of a file is the nth below its ``// ---- file.js``. What does not fit together
is refused here, at the import of the package, and not on somebody's page.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources.abc import Traversable

_GAP = re.compile(r"(?:\s|//[^\n]*|/\*.*?\*/)*+", re.DOTALL)
_IMPORT = re.compile(r'import\s*\{(?P<names>[^{}"]*)\}\s*from\s*"\./(?P<file>[a-z][a-z0-9_]*\.js)";')
_NAMES = re.compile(r"(?P<theirs>[A-Za-z_]\w*)(?:\s+as\s+(?P<ours>[A-Za-z_]\w*))?")
_STATEMENT = re.compile(r"^(?:import|export)\b[^\n]*", re.MULTILINE)
_EXPORT = re.compile(r"export (?=(?:(?:async )?function\*?|class|const) (?P<name>[A-Za-z_]\w*)\b)")
_DECLARED = re.compile(r"^(?:export )?(?:(?:async )?function\*?|class|const|let|var) ([\w$]+)", re.MULTILINE)


class ModuleError(ValueError):
    """Scripts that do not fit together: which file, and what is expected there."""


@dataclass(frozen=True)
class _Script:
    """One file: its text as it is joined, the names that it needs of which file, and those that it offers."""

    name: str
    text: str
    needs: dict[str, frozenset[str]]
    offers: tuple[str, ...]
    has_default: bool

    @property
    def variable(self) -> str:
        """What holds its exports in the joined text."""
        return _variable(self.name)


def join_modules(folder: Traversable, entry: str) -> str:
    """One module in the place of `entry` and all that it imports.

    Parameters
    ----------
    folder : Traversable
        Where the files lie, side by side.
    entry : str
        The file that nothing imports, the only one with a default export.

    Returns
    -------
    str
        Source of a module without imports; its default export is that of `entry`.

    Raises
    ------
    ModuleError
        A file that is not there; an import or export of another form than above; files that import each other in a circle;
        a name that is imported and not exported, or exported and imported nowhere; one name for two things in a file; a
        default export that `entry` lacks, or that stands elsewhere.
    """
    scripts = _ordered(folder, entry)
    _check_exports(scripts)
    return "\n".join(_wrapped(script, is_entry=script.name == entry) for script in scripts)


def module_order(folder: Traversable, entry: str) -> tuple[str, ...]:
    """The names of `entry` and of all files that it needs, each after those that it imports."""
    return tuple(script.name for script in _ordered(folder, entry))


def _wrapped(script: _Script, *, is_entry: bool) -> str:
    if is_entry:  # its `export default` must stand outside of every function
        return f"// ---- {script.name}\n{script.text}"
    offered = ", ".join(script.offers)
    return f"const {script.variable} = (() => {{ // ---- {script.name}\n{script.text}return {{ {offered} }};\n}})();"


# ---------------------------------------------------------------- the graph


def _ordered(folder: Traversable, entry: str) -> list[_Script]:
    """Depth first, in the order in which a browser would run them."""
    done: dict[str, _Script] = {}
    path: list[str] = []

    def visit(name: str) -> None:
        if name in path:
            circle = " -> ".join([*path[path.index(name) :], name])
            raise ModuleError(f"Modules must not import each other in a circle. Received: {circle}.")
        if name in done:
            return
        file = folder.joinpath(name)
        if not file.is_file():
            raise ModuleError(
                f"{path[-1] if path else 'The package'} must import a file that exists. Received: {name}."
            )
        path.append(name)
        script = _parsed(name, file.read_text(encoding="utf-8"))
        for needed in script.needs:
            visit(needed)
        path.pop()
        done[name] = script

    visit(entry)
    return list(done.values())


def _check_exports(scripts: list[_Script]) -> None:
    """Each import has its export, each export an import; the default export stands in the last, the entry."""
    imported: dict[str, set[str]] = {script.name: set() for script in scripts}
    offers = {script.name: script.offers for script in scripts}
    for script in scripts:
        for file, names in script.needs.items():
            imported[file] |= names
            for name in sorted(names.difference(offers[file])):
                raise ModuleError(f"{script.name} must import what {file} exports. Received: {name}.")
    for script in scripts:
        for name in script.offers:
            if name not in imported[script.name]:
                raise ModuleError(f"{script.name} must export only what is imported elsewhere. Received: {name}.")
    entry = scripts[-1].name
    if not scripts[-1].has_default:
        raise ModuleError(f"{entry} must have an `export default`. Received: none.")
    for script in scripts[:-1]:
        if script.has_default:
            raise ModuleError(f"`export default` must stand in {entry} alone. Received: one in {script.name}.")


# ---------------------------------------------------------------- one file


def _parsed(name: str, text: str) -> _Script:
    needs: dict[str, set[str]] = {}
    ours: list[str] = []
    head, start = "", 0
    for found in _imports(text):
        pairs = _import_pairs(name, text, found)
        needs.setdefault(found["file"], set()).update(pairs.values())
        ours += pairs
        head += text[start : found.start()] + _destructuring(found, pairs)
        start = found.end()
    body, offers, has_default = _without_exports(name, text, start)
    _check_declared(name, [*ours, *_DECLARED.findall(text)])
    joined = head + body if body.endswith("\n") else head + body + "\n"
    return _Script(name, joined, {file: frozenset(names) for file, names in needs.items()}, offers, has_default)


def _imports(text: str) -> Iterator[re.Match[str]]:
    """The import statements at the top, comments and empty lines between them."""
    at = _end_of_gap(text, 0)
    while found := _IMPORT.match(text, at):
        yield found
        at = _end_of_gap(text, found.end())


def _end_of_gap(text: str, start: int) -> int:
    found = _GAP.match(text, start)
    return start if found is None else found.end()


def _import_pairs(name: str, text: str, found: re.Match[str]) -> dict[str, str]:
    """{name here: name there}."""
    pairs: dict[str, str] = {}
    for part in found["names"].removesuffix(",").rstrip().removesuffix(",").split(","):
        pair = _NAMES.fullmatch(part.strip())
        if pair is None:
            raise _refused(name, text, found.start(), found[0])
        ours = pair["ours"] or pair["theirs"]
        _check_declared(name, [*pairs, ours])
        pairs[ours] = pair["theirs"]
    return pairs


def _destructuring(found: re.Match[str], pairs: dict[str, str]) -> str:
    """The statement that takes the place of an import, over as many lines."""
    names = ", ".join(ours if ours == theirs else f"{theirs}: {ours}" for ours, theirs in pairs.items())
    return f"const {{ {names} }} = {_variable(found['file'])};" + "\n" * found[0].count("\n")


def _variable(file: str) -> str:
    return "$" + file.removesuffix(".js")


def _without_exports(name: str, text: str, start: int) -> tuple[str, tuple[str, ...], bool]:
    """What follows the imports without the word `export`, the names that had it, and whether there is a default."""
    parts, offers, has_default = [], [], False
    for statement in _STATEMENT.finditer(text, start):
        if statement[0].startswith("export default "):
            if has_default:
                raise ModuleError(f"{name} must have one `export default`. Received: a second.")
            has_default = True
            continue
        found = _EXPORT.match(statement[0])
        if found is None:
            raise _refused(name, text, statement.start(), statement[0])
        offers.append(found["name"])
        parts.append(text[start : statement.start()])
        start = statement.start() + found.end()
    return "".join([*parts, text[start:]]), tuple(offers), has_default


def _check_declared(name: str, declared: list[str]) -> None:
    for word, count in Counter(declared).items():
        if count > 1:
            raise ModuleError(f"{name} must give each name to one thing. Received: {word}, {count} times.")
        if word.startswith("$"):  # the joined text calls modules so
            raise ModuleError(f"{name} must begin its names with a letter. Received: {word}.")


def _refused(name: str, text: str, at: int, words: str) -> ModuleError:
    line = text.count("\n", 0, at) + 1
    return ModuleError(
        f'{name}, line {line}: must read `import {{ name, name as other }} from "./file.js";` at the top, or '
        f"`export function`, `export class`, `export const name`. Received: {' '.join(words.split())}"
    )
