"""The dependency direction is a contract that the linter checks, and that fails when it is broken."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import segcam_widgets

PACKAGE = Path(segcam_widgets.__file__).parent
LINT = "from importlinter.cli import lint_imports_command; lint_imports_command()"


@pytest.fixture
def copy(tmp_path):
    """Give a folder with a copy of the package and of its contracts."""
    shutil.copytree(PACKAGE, tmp_path / "segcam_widgets", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PACKAGE.parent / "pyproject.toml", tmp_path)
    return tmp_path


def lint(folder):
    # the command puts the folder it is started in first on its path: it lints the copy
    command = [sys.executable, "-c", LINT, "--no-cache"]
    return subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)


def test_contracts_hold(copy):
    result = lint(copy)
    assert result.returncode == 0, result.stdout
    assert "0 broken" in result.stdout


@pytest.mark.parametrize(
    ("module", "statement", "words"),
    [
        ("core/broken.py", "import tensorflow", "segcam_widgets.core.broken -> tensorflow"),
        ("ui/broken.py", "def late():\n    import keras", "segcam_widgets.ui.broken -> keras"),
        ("core/broken.py", "import traitlets", "segcam_widgets.core.broken -> traitlets"),
        ("keras_probe/broken.py", "import ipywidgets", "segcam_widgets.keras_probe.broken -> ipywidgets"),
        ("core/broken.py", "import segcam_widgets.keras_probe", "segcam_widgets.core is not allowed to import"),
        ("errors.py", "import segcam_widgets.core", "segcam_widgets.errors is not allowed to import"),
        ("keras_probe/broken.py", "import segcam_widgets.ui", "segcam_widgets.keras_probe is not allowed to import"),
        ("newroom.py", "", "newroom"),  # a module that has no place in the order
    ],
)
def test_a_broken_contract_is_seen(copy, module, statement, words):
    file = copy / "segcam_widgets" / module
    file.parent.mkdir(exist_ok=True)
    (file.parent / "__init__.py").touch()
    with file.open("a") as text:
        text.write(f"\n{statement}\n")
    result = lint(copy)
    assert result.returncode != 0
    assert words in " ".join(result.stdout.split())
