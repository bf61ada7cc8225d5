"""The built wheel, installed elsewhere and imported from another folder, has everything inside."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Build the wheel of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder], cwd=ROOT, check=True)
    (file,) = folder.glob("*.whl")
    return file


@pytest.fixture(scope="module")
def elsewhere(wheel, tmp_path_factory):
    """Install the wheel into a folder of its own; its requirements are those of this environment."""
    folder = tmp_path_factory.mktemp("site")
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", folder, wheel]
    subprocess.run(install, check=True)
    return folder


def run_installed(elsewhere, cwd, code):
    """Run code that has the installed package before the checkout on its path; give what it prints as JSON."""
    environment = {**os.environ, "PYTHONPATH": str(elsewhere)}
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=cwd, env=environment, check=True, capture_output=True, text=True
    )
    return json.loads(answer.stdout.splitlines()[-1])


def test_every_tracked_file_of_the_package_is_in_the_wheel(wheel):
    listed = ["git", "ls-files", "-z", "segcam_widgets"]
    tracked = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    with zipfile.ZipFile(wheel) as archive:
        assert set(filter(None, tracked)) <= set(archive.namelist())


def test_javascript_and_demo_are_found_from_another_folder(elsewhere, tmp_path):
    code = """if True:
        import json, pathlib, segcam_widgets
        root = pathlib.Path(segcam_widgets.__file__).parent
        print(json.dumps([str(root), [file.relative_to(root).as_posix() for file in root.rglob("*")]]))
    """
    root, files = run_installed(elsewhere, tmp_path, code)
    assert Path(root) == elsewhere / "segcam_widgets"
    assert {"py.typed", "__init__.pyi"} <= set(files)
    for demo, pictures in (("textures", "mosaics.npz"), ("question", "pictures.npz")):
        inside = {"model.keras", pictures, "CARD.md", "measurements.json"}
        assert {f"demo/{demo}/{name}" for name in inside} <= set(files)
    assert {".js", ".css"} <= {Path(name).suffix for name in files if name.startswith("ui/canvas/")}


def test_the_canvas_is_built_from_the_installed_files(elsewhere, tmp_path):
    code = """if True:
        import json
        from segcam_widgets.ui.canvas import SegmentationCanvas
        print(json.dumps([str(SegmentationCanvas._esm), str(SegmentationCanvas._css)]))
    """
    script, style = run_installed(elsewhere, tmp_path, code)
    assert "export default" in script
    assert style.strip()


@pytest.mark.keras
@pytest.mark.parametrize(("name", "class_name"), [("textures", "brick"), ("question", "circle")])
def test_the_installed_demos_open(elsewhere, tmp_path, name, class_name):
    code = f"""if True:
        import json, segcam_widgets as sc
        demo = sc.load_demo({name!r})
        probe = sc.open_probe(demo.model, demo.images[0], class_names=demo.class_names)
        print(json.dumps(list(probe.class_names)))
    """
    assert class_name in run_installed(elsewhere, tmp_path, code)


def test_the_installed_command_starts(elsewhere, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(elsewhere)}
    command = elsewhere / "bin" / "segcam"
    answer = subprocess.run(
        [command, "--help"], cwd=tmp_path, env=environment, check=True, capture_output=True, text=True
    )
    assert "demo" in answer.stdout
