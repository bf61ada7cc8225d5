"""Binder installs what the package asks for, with the CPU's TensorFlow in place of TensorFlow."""

import os
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]


def requirements(lines):
    return {(found := Requirement(line)).name: found.specifier for line in lines if line and not line.startswith("#")}


def test_binder_asks_for_what_the_package_asks_for():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = requirements(project["dependencies"] + project["optional-dependencies"]["data"])
    binder = requirements((ROOT / "binder" / "requirements.txt").read_text().splitlines())
    floor = asked.pop("tensorflow")
    (pin,) = binder.pop("tensorflow-cpu")
    assert pin.operator == "=="
    assert pin.version in floor
    assert binder == asked


def test_post_build_can_be_run_and_leaves_tensorflow_alone():
    script = ROOT / "binder" / "postBuild"
    assert os.access(script, os.X_OK)
    assert "pip install --no-deps" in script.read_text()
