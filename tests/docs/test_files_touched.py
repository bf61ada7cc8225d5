"""Each how-to page says how many files a thing takes in the package; here it is added to a copy, in exactly these."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import segcam_widgets

PACKAGE = Path(segcam_widgets.__file__).parent
HOW_TO = Path(__file__).parents[2] / "docs" / "how-to"

# What a page adds, and how one sees in a fresh process that it is there.
SEEN = {
    "method": "'power-cam' in sc.METHODS",
    "score": "'mean_of_others' in sc.SCORES",
    "baseline": "'median' in sc.BASELINES",
    "region": "sc.Sure(0.5).to_dict()['type'] == 'sure' and 'Sure as Sure' in stub",
    "drawing-tool": "'outside' in __import__('segcam_widgets.ui.canvas.tools', fromlist=['_']).REGION_TOOLS",
    "rule": "'small-region' in sc.RULES",
}


def told(kind):
    """(how many files, their paths in the package, the code) that a page gives."""
    page = (HOW_TO / f"add-a-{kind}.md").read_text(encoding="utf-8")
    [(count, rest)] = re.findall(r"In the package it takes \*\*(\d) files?\*\*(.+?)(?:\.\s|;|$)", page, re.DOTALL)
    code = re.search(r"```python\n(.+?)```", page, re.DOTALL)[1]
    return int(count), re.findall(r"`([\w/]+\.pyi?)`", rest), code


def add(package, path, code):
    """Write into one file of a copy what the page's code needs there."""
    file = package / path
    if path == "__init__.py":
        file.write_text(file.read_text().replace('"TruthClass",', '"TruthClass",\n        "Sure",'))
    elif path == "__init__.pyi":
        file.write_text(
            file.read_text().replace("TruthClass as TruthClass,", "TruthClass as TruthClass,\n    Sure as Sure,")
        )
    elif path == "diagnosis/rules/__init__.py":
        file.write_text(f"{file.read_text()}\nimport segcam_widgets.diagnosis.rules.small_region\n")
    else:  # inside of the package a module of a room imports from its neighbours
        code = code.replace("segcam_widgets.core.methods import", "segcam_widgets.core.methods.method import")
        file.write_text((file.read_text() if file.exists() else "") + "\n\n" + code)


def is_seen(kind, folder):
    look = (
        "import segcam_widgets as sc; from pathlib import Path; here = Path(sc.__file__).parent; "
        f"assert here.parent == Path.cwd(), here; stub = (here / '__init__.pyi').read_text(); assert {SEEN[kind]}"
    )
    return subprocess.run([sys.executable, "-c", look], cwd=folder, check=False, capture_output=True).returncode == 0


@pytest.mark.parametrize("kind", SEEN)
def test_it_takes_as_many_files_as_its_page_says(kind, tmp_path):
    count, paths, code = told(kind)
    assert len(paths) == len(set(paths)) == count
    copy = tmp_path / "segcam_widgets"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__", "*.npz", "*.png"))
    for path in paths:
        assert not is_seen(kind, tmp_path), f"{path} need not be touched"
        add(copy, path, code)
    assert is_seen(kind, tmp_path)


def test_every_page_that_adds_something_is_counted():
    assert {page.stem.removeprefix("add-a-") for page in HOW_TO.glob("add-a-*.md")} == set(SEEN)
