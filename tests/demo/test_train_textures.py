"""The training script: light to import, kind to mistakes, and repeatable."""

import subprocess
import sys

import pytest

from segcam_widgets.demo import train_textures


def python(code):
    return subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)


@pytest.mark.parametrize("module", ["segcam_widgets.demo", "segcam_widgets.demo.train_textures"])
def test_importing_loads_no_tensorflow(module):
    result = python(f"import sys, {module}; print({{'tensorflow', 'keras', 'skimage'}} & set(sys.modules))")
    assert result.stdout.strip() == "set()", result.stderr


def test_importing_the_demo_loads_no_numpy():
    result = python("import sys, segcam_widgets.demo; print('numpy' in sys.modules)")
    assert result.stdout.strip() == "False", result.stderr


@pytest.mark.parametrize(
    "arguments",
    [["--seed", "1"], ["--epochs", "0", "-o", "x"], ["--seed", "-1", "-o", "x"], ["--seed", "one", "-o", "x"]],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        train_textures.main(arguments)
    assert caught.value.code == 2
    said = capsys.readouterr().err
    assert "error: " in said
    assert "Traceback" not in said


@pytest.mark.keras
@pytest.mark.slow
def test_a_training_can_be_repeated_bit_for_bit_and_writes_what_it_says(tmp_path):
    """Two short runs in two fresh processes, with mosaics enough for the loss to fall but not to be any good."""
    pytest.importorskip("skimage", reason="new mosaics are cut from scikit-image's photos")
    short = (
        "import sys; from segcam_widgets.demo import train_textures as t; "
        "t.TRAIN_PER_EPOCH, t.TEST_COUNT, t.SHIPPED_COUNT, t.SHIPPED_SIZE = 48, 2, 1, 64; "
        "sys.exit(t.main(['--seed', '5', '--epochs', '2', '-o', {folder!r}]))"
    )
    for name in ("first", "second"):
        result = python(short.format(folder=str(tmp_path / name)))
        assert result.returncode == 0, result.stderr
    first, second = ((tmp_path / name / "measurements.json").read_text() for name in ("first", "second"))
    assert first == second
    assert '"seed": 5' in first
    assert sorted(path.name for path in (tmp_path / "first").iterdir()) == [
        "CARD.md",
        "measurements.json",
        "model.keras",
        "mosaics.npz",
    ]
    assert "missing" in first
