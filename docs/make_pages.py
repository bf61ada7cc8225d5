"""Turn each notebook into the page that the documentation shows: ``python docs/make_pages.py [NAME ...]``.

``notebooks/*.py`` is what people edit. From it this script makes the ``.ipynb`` beside it (no outputs, the form that
JupyterLab and Binder open), runs that in a fresh kernel, and writes text, code and results to ``docs/*.md`` and the
pictures to ``docs/figures/``. The page then reads the same on a repository's website and in the built documentation,
and building it takes neither TensorFlow nor a network. `tests/notebooks` runs the notebooks again and compares.

The code of a cell with the tag "hide-input" is folded away, that of one with "remove-input" is left out.
"""

import base64
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parent.parent
DOCS, NOTEBOOKS = ROOT / "docs", ROOT / "notebooks"
TIMEOUT = 600
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")
NUMBERED = re.compile(r"^\d+_")


@dataclass
class Page:
    """A page of the documentation.

    Attributes
    ----------
    text : str
        Markdown.
    pictures : dict of str to bytes
        PNG files by their path beside the page.
    """

    text: str
    pictures: dict = field(default_factory=dict)


def sources():
    """The notebooks as people edit them, in order."""
    return sorted(NOTEBOOKS.glob("*.py"))


def page_path(source):
    """Where a notebook's page lies: the file's name without its number."""
    return DOCS / f"{NUMBERED.sub('', source.stem).replace('_', '-')}.md"


def as_notebook(source):
    """The notebook of a source, without outputs. Cells keep the ids that they have in the file beside it."""
    notebook = jupytext.read(source, fmt="py:percent")
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    notebook.metadata.get("jupytext", {}).pop("text_representation", None)
    before = source.with_suffix(".ipynb")
    known = {}
    if before.exists():
        for cell in nbformat.read(before, as_version=4).cells:
            known.setdefault((cell.cell_type, cell.source), []).append(cell.id)
    used = set()
    for number, cell in enumerate(notebook.cells):
        cell.id = next(iter(known.get((cell.cell_type, cell.source), [])), f"cell-{number:02d}")
        if cell.id in used:
            cell.id = f"cell-{number:02d}"
        used.add(cell.id)
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return notebook


def write_notebook(source):
    """Write the .ipynb beside a source."""
    path = source.with_suffix(".ipynb")
    path.write_text(nbformat.writes(as_notebook(source), version=nbformat.NO_CONVERT) + "\n", encoding="utf-8")
    return path


def run(source):
    """Run a notebook top to bottom in a fresh kernel; an error in a cell is raised here, with its traceback."""
    return execute(as_notebook(source), NOTEBOOKS)


def execute(notebook, folder):
    """Run a notebook in place, in a fresh kernel that starts in a folder."""
    NotebookClient(notebook, timeout=TIMEOUT, kernel_name="python3", resources={"metadata": {"path": folder}}).execute()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = _joined(cell.outputs)
    return notebook


def _joined(outputs):
    """What a cell printed in one piece: it arrives in as many as happened to be flushed, with warnings of libraries between."""
    found = []
    for output in outputs:
        if output.output_type == "stream" and output.name == "stderr":
            continue
        if found and output.output_type == found[-1].output_type == "stream" and output.name == found[-1].name:
            found[-1].text += output.text
        else:
            found.append(output)
    return found


def words_of(output):
    """What an output says in words, or None: markdown before plain text; a picture says nothing."""
    if output.output_type == "stream":
        return ESCAPE.sub("", output.text).rstrip() if output.name == "stdout" else None
    data = output.get("data", {})
    if "text/markdown" in data:
        return data["text/markdown"]
    if "image/png" in data and "application/vnd.jupyter.widget-view+json" not in data:
        return None
    return ESCAPE.sub("", data.get("text/plain", "")).rstrip() or None


def render(source, notebook):
    """The page of a notebook that was run."""
    name = page_path(source).stem
    page = Page("")
    parts = [f"<!-- Made from notebooks/{source.name} by docs/make_pages.py: change it there. -->"]
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
            continue
        tags, code = cell.metadata.get("tags", ()), f"```python\n{cell.source}\n```"
        if "hide-input" in tags:
            code = f"<details>\n<summary>Code</summary>\n\n{code}\n\n</details>"
        if "remove-input" not in tags:
            parts.append(code)
        for output in cell.outputs:
            parts += _shown(output, name, page)
    page.text = "\n\n".join(parts) + "\n"
    return page


def _shown(output, name, page):
    """One output as pieces of markdown; pictures go to the page."""
    data = output.get("data", {})
    if "text/markdown" in data:
        found = [data["text/markdown"]]
    elif 'class="dataframe"' in data.get("text/html", ""):
        found = [_plain_table(data["text/html"])]
    else:
        words = words_of(output)
        found = [f"```text\n{words}\n```"] if words else []
    if "image/png" in data:
        path = f"figures/{name}-{len(page.pictures) + 1}.png"
        page.pictures[path] = base64.b64decode(data["image/png"])
        about = output.metadata.get("image/png", {})
        alt = about.get("alt") or (words_of(output) or "").splitlines()[:1] or [""]
        alt = alt if isinstance(alt, str) else alt[0]
        width = f' width="{about["width"]}"' if "width" in about else ""
        found.append(f'<img src="{path}" alt="{alt.replace(chr(34), "&quot;")}"{width}>')
    return found


def _plain_table(html):
    """A table of pandas without its style sheet, which a repository's website would not take."""
    html = re.sub(r"<style.*?</style>|</?div>", "", html, flags=re.DOTALL)
    return "\n".join(line.strip() for line in html.splitlines() if line.strip())


def write(source):
    """Make the .ipynb, run it, and write page and pictures."""
    write_notebook(source)
    page = render(source, run(source))
    target = page_path(source)
    for old in (DOCS / "figures").glob(f"{target.stem}-*.png"):
        old.unlink()
    (DOCS / "figures").mkdir(exist_ok=True)
    for path, data in page.pictures.items():
        (DOCS / path).write_bytes(data)
    target.write_text(page.text, encoding="utf-8")
    return target


def main(names):
    """Make the pages whose name holds one of the words given; without words all."""
    for source in sources():
        if not names or any(word in source.name for word in names):
            print(f"{source.name} -> {write(source).relative_to(ROOT)}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
