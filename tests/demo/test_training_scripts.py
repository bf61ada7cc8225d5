"""The training scripts: light to import, kind to mistakes, and repeatable."""

import json
import subprocess
import sys

import pytest

from segcam_widgets.demo import train_question, train_textures

SHORT = "t.TRAIN_PER_EPOCH, t.TEST_COUNT, t.SHIPPED_COUNT, t.SHIPPED_SIZE = 48, 2, 1, 64"
"""Pictures enough for the loss to fall, but not to be any good."""


def python(code):
    return subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)


@pytest.mark.parametrize("module", ["demo", "demo.train_textures", "demo.train_question", "demo.network"])
def test_importing_loads_no_tensorflow(module):
    code = f"import sys, segcam_widgets.{module}; print({{'tensorflow', 'keras', 'skimage'}} & set(sys.modules))"
    result = python(code)
    assert result.stdout.strip() == "set()", result.stderr


def test_importing_the_demo_loads_no_numpy():
    result = python("import sys, segcam_widgets.demo; print('numpy' in sys.modules)")
    assert result.stdout.strip() == "False", result.stderr


@pytest.mark.parametrize("script", [train_textures, train_question])
@pytest.mark.parametrize(
    "arguments",
    [["--seed", "1"], ["--epochs", "0", "-o", "x"], ["--seed", "-1", "-o", "x"], ["--seed", "one", "-o", "x"]],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(script, arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        script.main(arguments)
    assert caught.value.code == 2
    said = capsys.readouterr().err
    assert "error: " in said
    assert "Traceback" not in said


@pytest.mark.keras
@pytest.mark.slow
@pytest.mark.parametrize(("script", "pictures"), [("train_textures", "mosaics"), ("train_question", "pictures")])
def test_a_training_can_be_repeated_bit_for_bit_and_writes_what_it_says(script, pictures, tmp_path):
    """Two short runs in two fresh processes."""
    if script == "train_textures":
        pytest.importorskip("skimage", reason="new mosaics are cut from scikit-image's photos")
    for name in ("first", "second"):
        folder = str(tmp_path / name)
        result = python(
            f"import sys; from segcam_widgets.demo import {script} as t; {SHORT}; "
            f"sys.exit(t.main(['--seed', '5', '--epochs', '2', '-o', {folder!r}]))"
        )
        assert result.returncode == 0, result.stderr
        assert "epoch 2 of 2: loss " in result.stdout
    first, second = ((tmp_path / name / "measurements.json").read_text() for name in ("first", "second"))
    assert first == second
    measured = json.loads(first)
    assert measured["seed"] == 5
    assert measured["train"]["mosaics_per_epoch"] == 48
    assert measured["verdict"]["missing"]  # two epochs make no demo
    files = sorted(path.name for path in (tmp_path / "first").iterdir())
    assert files == ["CARD.md", "measurements.json", "model.keras", f"{pictures}.npz"]


def test_the_seeds_of_other_runs_are_counted_in_the_card(tmp_path):
    """`--tried`: every folder's measurements, by seed."""
    from segcam_widgets.demo.script import read_runs

    for folder, seed in (("b", 2), ("a", 11)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "measurements.json").write_text(json.dumps({"seed": seed}))
    assert [run["seed"] for run in read_runs(tmp_path)] == [2, 11]
