"""The documentation says what is there: its code runs, its names exist, its tables hold every entry."""

import importlib
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

import segcam_widgets as sc

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
WRITTEN = [DOCS / "asking.md", DOCS / "models-and-images.md", *sorted((DOCS / "how-to").glob("*.md"))]
PAGES = sorted(path for path in [*DOCS.glob("*.md"), *DOCS.glob("how-to/*.md"), ROOT / "README.md"])


@pytest.fixture(scope="module")
def tables():
    spec = importlib.util.spec_from_file_location("tables", DOCS / "tables.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def code_of(page):
    return "\n".join(re.findall(r"```python\n(.+?)```", page.read_text(encoding="utf-8"), re.DOTALL))


RUN = """
import sys, traceback
from pathlib import Path
failed = []
for path in sys.argv[1:]:
    try:
        exec(compile(Path(path).read_text(), path, "exec"), {"__name__": "__main__"})
    except Exception:
        failed.append(path)
        traceback.print_exc()
sys.exit(len(failed))
"""


@pytest.mark.keras
def test_the_code_of_the_pages_runs(tmp_path):
    # in a process of their own: what a how-to registers stays registered
    for page in WRITTEN:
        (tmp_path / f"{page.stem}.py").write_text(code_of(page), encoding="utf-8")
    paths = [str(tmp_path / f"{page.stem}.py") for page in WRITTEN]
    ran = subprocess.run([sys.executable, "-c", RUN, *paths], cwd=ROOT, check=False, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr[-4000:]


def test_links_of_the_readme_lead_somewhere():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#:]+)\)", text) + re.findall(r'(?:src|srcset)="([^"]+)"', text)
    assert len(targets) > 10
    assert all((ROOT / target).exists() for target in targets), [t for t in targets if not (ROOT / t).exists()]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_pictures_are_there_in_light_and_dark(page):
    shown = re.findall(r'(?:src|srcset)="([^":]+)"', page.read_text(encoding="utf-8"))
    assert all((page.parent / path).exists() for path in shown), shown
    for one, other in (("light", "dark"), ("dark", "light")):
        assert {path.replace(one, other) for path in shown if path.endswith(f"-{one}.png")} <= set(shown)


def test_there_is_code_to_run():
    assert all(code_of(page).count("sc.") for page in WRITTEN)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_every_public_name_on_a_page_exists(page):
    named = set(re.findall(r"\bsc\.([A-Za-z_]\w*)", page.read_text(encoding="utf-8")))
    assert named <= set(sc.__all__), named - set(sc.__all__)


def test_the_api_page_has_every_public_name_once(tables):
    listed = re.findall(r"^\.\. \w+:: segcam_widgets\.(\w+)$", tables.api(), re.MULTILINE)
    assert sorted(listed) == sorted(set(sc.__all__) - {"__version__"})


def test_the_api_page_tells_what_a_probe_answers(tables):
    listed = re.findall(r"^\.\. autoclass:: segcam_widgets\.(\w+)\.(\w+)\.(\w+)$", tables.api(), re.MULTILINE)
    assert {"KerasProbe", "Probe", "Pullback", "Cotangent"} <= {name for *_, name in listed}
    for room, module, name in listed:
        if room == "core":
            assert getattr(importlib.import_module(f"segcam_widgets.{room}.{module}"), name).__doc__
        else:  # TensorFlow's room: its text is enough
            assert f"\nclass {name}(" in (ROOT / "segcam_widgets" / room / f"{module}.py").read_text(encoding="utf-8")


# Documents that whoever reads the repository does not have: the words that pointed to them.
ELSEWHERE = (
    r"\bDESIGN\b|DESIGN\.md|graph notes|notes/\w+\.md|prototypes/|house/plan|moves\.md|the brief\b|\bissue #?\d+"
)
TEXTS = [
    path
    for room in ("segcam_widgets", "docs", "tests", "benchmarks", "binder", "notebooks")
    for path in sorted((ROOT / room).rglob("*"))
    if path.suffix in {".py", ".pyi", ".md", ".js", ".css", ".html", ".toml"}
    and not {"_build", "node_modules"} & set(path.parts)
] + [*ROOT.glob("*.md"), ROOT / "pyproject.toml"]


def test_nothing_refers_to_a_document_that_is_not_here():
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in TEXTS
        if path != Path(__file__)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if re.search(ELSEWHERE, line)
    ]
    assert len(TEXTS) > 300
    assert not found, "\n".join(found)


def test_no_room_is_named_that_does_not_stand():
    standing = {path.stem for path in (ROOT / "segcam_widgets").iterdir()}
    for path in (ROOT / "CONTRIBUTING.md", ROOT / "pyproject.toml", DOCS / "architecture.md"):
        text = path.read_text(encoding="utf-8")
        order = re.search(r"cli -> [\w|> -]+errors", text)
        assert order, path
        assert set(re.findall(r"\w+", order[0])) <= standing, path
        assert set(re.findall(r"segcam_widgets[./](\w+)", text)) <= standing, path


def test_the_order_of_the_rooms_is_the_same_everywhere():
    orders = {
        re.search(r"cli -> [\w|> -]+errors", path.read_text(encoding="utf-8"))[0]
        for path in (ROOT / "CONTRIBUTING.md", ROOT / "pyproject.toml", DOCS / "architecture.md")
    }
    assert len(orders) == 1


def test_the_tables_hold_every_entry_in_order(tables):
    for table, registry in ((tables.scores, sc.SCORES), (tables.methods, sc.METHODS)):
        assert re.findall(r"^\| `([\w+-]+)` \|", table(), re.MULTILINE) == list(registry)
    assert re.findall(r"^\| \[(SC\d+)\]", tables.rules(), re.MULTILINE) == [rule.code for rule in sc.RULES.values()]


def test_the_address_that_a_finding_gives_is_a_section():
    sections = re.findall(r"^### (SC\d+) (\S+)$", (DOCS / "rules.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sections == [(rule.code, rule.name) for rule in sc.RULES.values()]
    # Sphinx makes the anchor of a heading so
    assert {f"rules.html#{code.lower()}-{name}" for code, name in sections} == {
        rule.docs_url for rule in sc.RULES.values()
    }


def test_a_table_s_cells_stay_cells(tables):
    assert tables.markdown_table(["a", "b"], [["x | y", 1]]) == "| a | b |\n| --- | --- |\n| x \\| y | 1 |\n"


def test_the_command_line_page_has_every_command(tables):
    assert re.findall(r"^## segcam (\w+)", tables.command_line(), re.MULTILINE) == ["demo", "explore", "explain"]


def test_architecture_names_the_rooms_that_stand():
    page = (DOCS / "architecture.md").read_text(encoding="utf-8")
    named = {name.rstrip("/") for name in re.findall(r"^\| `([\w./]+)` \|", page, re.MULTILINE) if "(" not in name}
    here = {path.name for path in (ROOT / "segcam_widgets").iterdir() if not path.name.startswith(("_", "py."))}
    assert here - {"errors.py"} == named & here
