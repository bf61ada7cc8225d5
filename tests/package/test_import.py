"""`import segcam_widgets` is light, and its table of public names, its stub and its modules agree."""

import ast
import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

import segcam_widgets

HEAVY = {"tensorflow", "keras", "numpy", "scipy", "PIL", "ipywidgets", "bqplot", "anywidget", "traitlets", "IPython"}
PACKAGE = Path(segcam_widgets.__file__).parent


def loaded_by(statement, folder):
    """Names of the top-level modules that a fresh process holds after the statement, run from that folder."""
    code = f"{statement}\nimport json, sys\nprint(json.dumps([name for name in sys.modules if '.' not in name]))"
    answer = subprocess.run([sys.executable, "-c", code], cwd=folder, check=True, capture_output=True, text=True)
    return set(json.loads(answer.stdout))


def test_import_loads_nothing_heavy(tmp_path):
    modules = loaded_by("import segcam_widgets; segcam_widgets.SegCamError; dir(segcam_widgets)", tmp_path)
    assert "segcam_widgets" in modules
    assert not HEAVY & modules


@pytest.mark.parametrize("heavy", ["numpy", "ipywidgets"])
def test_the_test_above_sees_an_eager_import(tmp_path, heavy):
    eager = tmp_path / "segcam_widgets"
    eager.mkdir()
    (eager / "__init__.py").write_text(f"import {heavy}\n{(PACKAGE / '__init__.py').read_text()}")
    # the folder that a process is started in comes first on its path: this copy is what it imports
    assert heavy in HEAVY & loaded_by("import segcam_widgets", tmp_path)


@pytest.mark.keras
def test_every_public_name_is_there():
    for name, module in segcam_widgets._HOME.items():
        value = getattr(segcam_widgets, name)
        assert value is getattr(importlib.import_module(f"segcam_widgets.{module}"), name)
    for name in segcam_widgets._ROOMS:
        assert getattr(segcam_widgets, name) is importlib.import_module(f"segcam_widgets.{name}")
    assert set(segcam_widgets.__all__) <= set(dir(segcam_widgets))


def test_the_stub_says_the_same_as_the_table():
    tree = ast.parse((PACKAGE / "__init__.pyi").read_text())
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    assert all(node.level == 1 and alias.name == alias.asname for node in imports for alias in node.names)
    found = {alias.name: node.module for node in imports for alias in node.names}
    assert found == segcam_widgets._HOME | dict.fromkeys(
        segcam_widgets._ROOMS
    )  # a room is of no module but the package


def test_a_room_is_loaded_when_it_is_first_named(tmp_path):
    light = "import sys, segcam_widgets as sc; assert 'segcam_widgets.evaluation' not in sys.modules; "
    modules = loaded_by(
        light + "sc.evaluation.faithfulness; assert 'segcam_widgets.evaluation' in sys.modules", tmp_path
    )
    assert "numpy" in modules
    assert not {"tensorflow", "keras", "ipywidgets", "pandas"} & modules


def test_an_unknown_name_is_an_ordinary_attribute_error():
    with pytest.raises(AttributeError, match=r"module 'segcam_widgets' has no attribute 'expain'"):
        segcam_widgets.expain  # noqa: B018
