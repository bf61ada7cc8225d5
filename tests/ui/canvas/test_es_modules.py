"""The JavaScript modules become one: what it says, and what is refused before it reaches a page."""

import re
import subprocess
from pathlib import Path

import pytest

import segcam_widgets
from segcam_widgets.ui.canvas.assets import module_source, script_names
from segcam_widgets.ui.canvas.es_modules import ModuleError, join_modules, module_order
from tests.javascript.node import find_node

UI = Path(segcam_widgets.__file__).parent / "ui"
STATIC = UI / "canvas" / "static"
NODE = find_node()
needs_node = pytest.mark.skipif(NODE is None, reason="Node.js is not installed")


@pytest.fixture
def write(tmp_path):
    """Give a function that writes files, each keyword one, and gives their folder."""

    def make(**scripts):
        for name, text in scripts.items():
            (tmp_path / f"{name}.js").write_text(text, encoding="utf-8")
        return tmp_path

    return make


GRAPH = {
    "main": 'import { twice } from "./numbers.js";\nimport { sum as total } from "./sums.js";\n'
    "const hidden = 3;\nexport default () => [twice(hidden), total(1, 2)];\n",
    "numbers": 'import { BASE } from "./base.js";\nconst hidden = 2;\n'
    "export function twice(x) {\n  return BASE + hidden * x;\n}\n",
    "sums": '// adds\nimport {\n  BASE,\n} from "./base.js";\n/* a = b */ const hidden = 5;\n'
    "export const sum = (a, b) => BASE + hidden + a + b;",
    "base": "export const BASE = 100;\n",
}


def run_node(module, folder, show="module.default()"):
    file = folder / "joined.mjs"
    file.write_text(module, encoding="utf-8")
    code = f"import({file.as_uri()!r}).then((module) => console.log(JSON.stringify({show})))"
    return subprocess.run([NODE, "-e", code], capture_output=True, text=True, check=True).stdout.strip()


@needs_node
def test_equal_names_in_two_files_stay_two_things(write):
    folder = write(**GRAPH)
    assert run_node(join_modules(folder, "main.js"), folder) == "[106,108]"


def test_a_module_comes_after_those_it_imports_and_once(write):
    assert module_order(write(**GRAPH), "main.js") == ("base.js", "numbers.js", "sums.js", "main.js")


def test_lines_stay_lines(write):
    joined = join_modules(write(**GRAPH), "main.js").splitlines()
    for name, text in GRAPH.items():
        (head,) = [at for at, line in enumerate(joined) if line.endswith(f"// ---- {name}.js")]
        for n, line in enumerate(text.splitlines(), start=1):
            if "hidden" in line or "BASE +" in line:
                assert joined[head + n] == line.removeprefix("export ") or "default" in line


@pytest.mark.parametrize(
    ("scripts", "words"),
    [
        (
            {"base": 'import { twice } from "./numbers.js";\nexport const BASE = twice(1);'},
            r"in a circle. Received: base.js -> numbers.js -> base.js|numbers.js -> base.js -> numbers.js",
        ),
        (
            {"base": 'import { BASE as b } from "./base.js";\nexport const BASE = b;'},
            "circle. Received: base.js -> base.js",
        ),
        ({"base": "const BASE = 100;"}, "numbers.js must import what base.js exports. Received: BASE"),
        ({"base": "export const BASE = 1;\nexport const MORE = 2;"}, "base.js must export only what .* Received: MORE"),
        (
            {"numbers": 'import { BASE } from "./bose.js";'},
            "numbers.js must import a file that exists. Received: bose.js",
        ),
        (
            {"base": "export const BASE = 1;\nexport default 2;"},
            "must stand in main.js alone. Received: one in base.js",
        ),
        ({"main": "const nothing = 0;"}, "main.js must have an `export default`. Received: none"),
        (
            {"main": "export default 1;\nexport default 2;"},
            "main.js must have one `export default`. Received: a second",
        ),
        (
            {"main": 'import sum from "./sums.js";\nexport default sum;'},
            "main.js, line 1: .* Received: import sum from",
        ),
        (
            {"main": 'import * as sums from "./sums.js";\nexport default sums;'},
            "line 1: .* Received: import \\* as sums",
        ),
        ({"main": 'import "./sums.js";\nexport default 1;'}, 'line 1: .* Received: import "./sums.js"'),
        ({"main": 'import { map } from "d3";\nexport default map;'}, 'line 1: .* Received: import { map } from "d3"'),
        (
            {"main": 'export default 1;\nimport { sum } from "./sums.js";'},
            "line 2: .* at the top.* Received: import { sum }",
        ),
        ({"base": "export let BASE = 1;"}, "base.js, line 1: .* Received: export let BASE"),
        ({"base": "const BASE = 1;\nexport { BASE };"}, "base.js, line 2: .* Received: export { BASE }"),
        ({"base": 'export * from "./sums.js";'}, "base.js, line 1: .* Received: export \\*"),
        ({"base": "export const { BASE } = { BASE: 1 };"}, "base.js, line 1: .* Received: export const { BASE }"),
        (
            {"base": "export const BASE = 1;\nfunction BASE() {}"},
            "base.js must give each name to one thing. Received: BASE",
        ),
        (
            {"numbers": 'import { BASE } from "./base.js";\nexport function twice() {}\nlet BASE = 1;'},
            "numbers.js must give each name to one thing. Received: BASE, 2 times",
        ),
        (
            {
                "main": 'import { twice } from "./numbers.js";\nimport { sum as twice } from "./sums.js";\nexport default twice;'
            },
            "main.js must give each name to one thing. Received: twice, 2 times",
        ),
        (
            {"base": "const $numbers = 1;\nexport const BASE = $numbers;"},
            "begin its names with a letter. Received: \\$numbers",
        ),
    ],
)
def test_what_does_not_fit_together_is_refused(write, scripts, words):
    folder = write(**{**GRAPH, **scripts})
    with pytest.raises(ModuleError, match=words):
        join_modules(folder, "main.js")


def test_the_canvas_has_one_order_of_modules():
    names = script_names()
    assert names[-1] == "main.js"
    assert set(names) == {file.name for file in STATIC.glob("*.js")}


def test_the_canvas_as_joined_imports_nothing_and_loses_no_line():
    source = module_source()
    assert not re.search(r"^(import|export (?!default))", source, re.MULTILINE)
    for name in script_names():
        text = (STATIC / name).read_text(encoding="utf-8")
        joined = source.split(f"// ---- {name}\n")[1].split("\n")
        last = text.splitlines()[-1]
        assert joined[text.count("\n") - 1] == last


@pytest.mark.parametrize("script", sorted(UI.rglob("*.js")), ids=lambda file: file.name)
def test_every_script_of_the_package_is_a_module_of_some_size(script):
    text = script.read_text(encoding="utf-8")
    assert text.count("\n") <= 350
    if script.parent != STATIC:  # loaded as it is
        assert join_modules(script.parent, script.name).split("\n", 1)[1] == text


@needs_node
def test_the_joined_canvas_makes_what_anywidget_asks_for(tmp_path):
    show = "Object.entries(module.default()).map(([name, value]) => [name, typeof value])"
    assert run_node(module_source(), tmp_path, show) == '[["initialize","function"],["render","function"]]'
