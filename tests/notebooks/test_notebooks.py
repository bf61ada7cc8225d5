"""Every notebook runs top to bottom in a fresh kernel, its three forms agree, and its prose states what it measures."""

import importlib.util
import re
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?")


def load(path):
    """A script of the repository as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


pages = load(ROOT / "docs" / "make_pages.py")
SOURCES = pages.sources()
by_name = pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)


def last_place(text):
    """How much one more in a number's last digit is: 0.01 for 2.15, 1e-06 for 1.2e-05."""
    mantissa, _, exponent = text.partition("e")
    return 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))


def differences(left, right):
    """What two texts differ in: words exactly; numbers by more than two in the last digit and one in a hundred."""
    if NUMBER.sub("#", left) != NUMBER.sub("#", right):
        pairs = zip(NUMBER.sub("#", left).splitlines(), NUMBER.sub("#", right).splitlines(), strict=False)
        return [f"{a!r} and {b!r}" for a, b in pairs if a != b] or ["one text is longer"]
    found = []
    for a, b in zip(NUMBER.findall(left), NUMBER.findall(right), strict=True):
        allowed = max(2 * last_place(a), 2 * last_place(b), 0.01 * abs(float(a)))
        if a != b and abs(float(a) - float(b)) > allowed * 1.001:
            found.append(f"{a} and {b}")
    return found


def sections(notebook):
    """Each part from one heading to the next: its prose, and everything that its cells say."""
    found = [["", ""]]
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for part in re.split(r"(?m)^(?=#{2,3} )", cell.source):
                if part.startswith("#"):
                    found.append(["", ""])
                found[-1][0] += part + "\n"
        else:
            said = [pages.words_of(output) for output in cell.outputs]
            found[-1][1] += "\n".join(words for words in said if words) + "\n"
    return found


def claims(prose):
    """The decimal numbers of a text; links, code and headings state none."""
    plain = re.sub(r"https?://\S+|arXiv [\d.]+|`[^`]*`|(?m:^#.*$)|(?m:^    .*$)", " ", prose)
    return re.findall(r"(?<![\w.])-?\d+\.\d+(?:e-?\d+)?(?![\w.]*\d)", plain)


def unbacked(notebook):
    """The decimal numbers of the prose that no output of their section says, to within one in their last digit."""
    found = []
    for prose, said in sections(notebook):
        printed = [abs(float(number)) for number in NUMBER.findall(said)]
        for claim in claims(prose):
            if not any(abs(value - abs(float(claim))) <= last_place(claim.lstrip("-")) for value in printed):
                found.append(claim)
    return found


# ------------------------------------------------------------------ without running anything


@by_name
def test_the_file_for_jupyter_is_the_one_for_people(source):
    stored = nbformat.read(source.with_suffix(".ipynb"), as_version=nbformat.NO_CONVERT)
    nbformat.validate(stored)
    made = pages.as_notebook(source)
    assert stored == made, f"run python docs/make_pages.py {source.stem}"


@by_name
def test_no_outputs_are_committed(source):
    stored = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in stored.cells)


def test_every_notebook_has_a_source_and_a_page():
    assert {path.with_suffix(".py") for path in pages.NOTEBOOKS.glob("*.ipynb")} == set(SOURCES)
    assert all(pages.page_path(source).exists() for source in SOURCES)


@by_name
def test_the_page_shows_its_pictures_and_no_others(source):
    page = pages.page_path(source)
    shown = set(re.findall(r'<img src="([^"]+)"', page.read_text(encoding="utf-8")))
    assert shown == {f"figures/{path.name}" for path in (page.parent / "figures").glob(f"{page.stem}-*.png")}
    alts = re.findall(r'<img src="[^"]+" alt="([^"]*)"', page.read_text(encoding="utf-8"))
    assert len(alts) == len(shown)
    assert all(alts)


def test_a_number_that_moved_is_seen_and_rounding_is_not():
    assert not differences("score 2.15, 3 px", "score 2.16, 3 px")
    assert differences("score 2.15", "score 2.19") == ["2.15 and 2.19"]
    assert not differences("largest -5.0e-04", "largest -5.1e-04")
    assert differences("largest -5.0e-04", "largest 5.0e-04")
    assert differences("blank", "not blank")


def test_claims_are_the_decimal_numbers_of_the_prose():
    text = "## 4.1 heading\n`2.0` [3], arXiv 2002.11434 at https://a.org/1.5 is -0.3085, or -1.21e-05. 0.2 % of 3x3."
    assert claims(text) == ["-0.3085", "-1.21e-05", "0.2"]


def test_a_number_of_the_prose_that_nothing_prints_is_found():
    new = nbformat.v4
    cells = [new.new_markdown_cell("## A\nThe score is 2.15, of which the bias is 2.19."), new.new_code_cell("...")]
    cells[1].outputs = [new.new_output("stream", name="stdout", text="score 2.146, bias +2.190")]
    assert unbacked(new.new_notebook(cells=cells)) == []
    cells[0].source = cells[0].source.replace("2.19", "2.91")
    assert unbacked(new.new_notebook(cells=cells)) == ["2.91"]
    cells.append(new.new_markdown_cell("## B\nAgain 2.15."))  # another section, where nothing says so
    assert unbacked(new.new_notebook(cells=cells)) == ["2.91", "2.15"]


# ------------------------------------------------------------------ in a fresh kernel


@pytest.fixture(scope="module")
def ran():
    """Notebooks that have run, by source; each runs once."""
    kept = {}

    def run(source):
        if source not in kept:
            kept[source] = pages.run(source)
        return kept[source]

    return run


@pytest.mark.notebook
@by_name
def test_it_runs_and_the_page_says_what_it_says(source, ran):
    made = pages.render(source, ran(source))
    stored = pages.page_path(source).read_text(encoding="utf-8")
    assert not differences(made.text, stored), f"run python docs/make_pages.py {source.stem}, and read the page"


@pytest.mark.notebook
def test_what_voila_shows_on_binder_is_an_explorer_on_the_blank_class():
    notebook = pages.execute(nbformat.read(ROOT / "binder" / "explorer.ipynb", as_version=4), ROOT / "binder")
    (output,) = notebook.cells[-1].outputs
    assert "application/vnd.jupyter.widget-view+json" in output.data
    assert output.data["text/plain"].startswith("Seg-Grad-CAM of brick at tail_conv2")


@pytest.mark.notebook
@by_name
def test_no_cell_warns(source, ran):
    said = [
        output.text
        for cell in ran(source).cells
        for output in cell.get("outputs", ())
        if output.get("name") == "stderr"
    ]
    assert not said


@pytest.mark.notebook
@by_name
def test_every_decimal_number_of_the_prose_is_printed_in_its_section(source, ran):
    assert not unbacked(ran(source))
