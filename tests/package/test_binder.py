"""Binder installs what the package asks for, with the CPU's TensorFlow in place of TensorFlow, and opens what it says."""

import argparse
import ast
import importlib.util
import os
import re
import tomllib
from pathlib import Path

import nbformat
import pytest
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


def test_start_hands_over_to_what_binder_runs():
    script = ROOT / "binder" / "start"
    assert os.access(script, os.X_OK)
    assert script.read_text().splitlines()[-1] == 'exec "$@"'


def test_the_readme_s_addresses_open_notebooks_that_are_here():
    paths = re.findall(r"urlpath=(?:lab/tree|voila/render)/(\S+?)`", (ROOT / "binder" / "README.md").read_text())
    assert len(paths) == 2
    assert all((ROOT / path).is_file() for path in paths)


def test_voila_shows_the_cell_of_segcam_demo(monkeypatch):
    from segcam_widgets import cli, serve

    said = []
    monkeypatch.setattr(serve, "serve", lambda code, **options: said.append(code))
    cli._demo(argparse.Namespace(name="textures", port=None, no_browser=True, theme="light"))
    (cell,) = nbformat.read(ROOT / "binder" / "explorer.ipynb", as_version=4).cells
    assert ast.dump(ast.parse(cell.source)) == ast.dump(ast.parse(said[0]))
    assert not cell.outputs


def test_repo2docker_renders_the_recipe():
    pytest.importorskip("repo2docker", reason="pip install jupyter-repo2docker to see the recipe that Binder renders")
    spec = importlib.util.spec_from_file_location("binder_check", ROOT / "binder" / "check.py")
    check = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(check)
    pack, dockerfile = check.recipe()
    assert type(pack).__name__ == "PythonBuildPack"
    assert pack.python_version == "3.11"
    steps = "\n".join(check.steps(dockerfile))
    assert 'pip install --no-cache-dir -r "binder/requirements.txt"' in steps
    assert "RUN ./binder/postBuild" in steps
    assert "binder/start" in steps
