"""`segcam explain`: a folder that reads back, or one sentence and exit code 2."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import segcam_widgets as sc
from segcam_widgets.cli import main
from segcam_widgets.core.baselines import Baseline

pytestmark = pytest.mark.keras


@pytest.fixture
def explain(files, tmp_path, capfd, monkeypatch):
    """Give a function that runs the command in the folder of files: (code, stdout, stderr, output folder)."""
    monkeypatch.chdir(files)
    monkeypatch.setattr(sys, "path", list(sys.path))  # the command adds the folder that it is called in
    output = tmp_path / "out"

    def run(model="model.keras", image="picture.png", *more, layer="body", **options):
        arguments = ["explain", model, image, "--layer", layer, "-o", str(output)]
        for name, value in ({"class": "0", "region": "0,0,8,8"} | options).items():
            arguments += [] if value is None else [f"--{name}={value}"]
        code = main([*arguments, *more])
        said = capfd.readouterr()
        return code, said.out, said.err, output

    return run


def assert_one_sentence(result, *words):
    code, out, err, output = result
    assert code == 2, err
    assert out == ""
    assert err.startswith("segcam: ")
    assert err.count("\n") == 1, err
    assert "Traceback" not in err
    assert len(err) < 900
    for word in words:
        assert word in err
    assert not output.exists()


@pytest.mark.parametrize("model", ["model.keras", "model.h5", "any.keras"])
@pytest.mark.parametrize("image", ["picture.png", "picture.jpg", "x.npy", "batch.npy"])
def test_the_folder_reads_back(explain, files, model, image):
    code, out, err, output = explain(model, image, score="margin", method="hirescam")
    assert (code, err) == (0, "")
    read = sc.load_explanation(output)
    assert read.query.layer == "body"
    assert read.query.score == "margin"
    assert read.query.method == "hirescam"
    assert read.query.region == sc.Rectangle(0, 0, 8, 8)
    assert read.summary() in out
    assert str(output) in out
    if image == "x.npy":
        x = np.load(files / image)
        assert read.isclose(sc.explain(sc.open_probe(files / model, x), read.query))


def test_a_second_run_replaces_the_first(explain):
    assert explain()[0] == 0
    code, _, err, output = explain(layer="head", **{"class": "class 1"})
    assert (code, err) == (0, "")
    assert sc.load_explanation(output).query.class_index == 1


def test_classes_by_name(explain):
    code, out, err, output = explain(classes=" sky , sea,land ", **{"class": "sea"})
    assert (code, err) == (0, "")
    assert sc.load_explanation(output).class_names == ("sky", "sea", "land")
    assert "of sea at body" in out


@pytest.mark.parametrize(
    "names",
    ["'quote',\"double\",`tick`", "<script>alert(1)</script>,b,c", "{braces},%s,\\n", "a\nb,c\td,e\x00f", "🙂,é,ß"],
)
def test_whatever_a_class_is_called_stays_text(explain, names):
    expected = tuple(name.strip() for name in names.split(","))
    code, _, err, output = explain(classes=names)
    assert (code, err) == (0, "")
    assert sc.load_explanation(output).class_names == expected


@pytest.mark.parametrize(("fit", "words"), [("resize", "resized"), ("pad", "padded")])
def test_what_was_done_to_the_picture_is_said(explain, fit, words):
    code, out, err, _ = explain(image="large.png", fit=fit)
    assert (code, err) == (0, "")
    assert words in out
    assert "40 x 50" in out


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("missing.keras", ["exists", "missing.keras"]),
        ("", ["`model`"]),
        (".", ["folder"]),
        ("notes.txt", [".keras or .h5"]),
        ("words.keras", ["no Keras archive"]),
        ("words.h5", ["no HDF5 file"]),
        ("empty.keras", ["Received"]),
        ("cut.keras", ["Received"]),
        ("picture.png", [".keras or .h5"]),
        ("model.weights.h5", ["weights only"]),
        ("weights.h5", ["weights only"]),
        ("classifier.keras", ["Received"]),
        ("two.keras", ["input"]),
        ("five.keras", ["5 channels", ".npy"]),
        ("lambda.keras", ["Lambda", "safe_mode"]),
        ("a\nb.keras", ["exists"]),
    ],
)
def test_models_that_cannot_be_opened(explain, model, words):
    assert_one_sentence(explain(model), *words)


@pytest.mark.parametrize(
    ("image", "words"),
    [
        ("missing.png", ["exists"]),
        ("", ["`image`"]),
        (".", ["`image`"]),
        ("notes.txt", ["picture"]),
        ("words.png", ["picture"]),
        ("empty.png", ["picture"]),
        ("cut.png", ["`image`"]),
        ("large.png", ["16 x 24", "40 x 50", "'resize'"]),
        ("missing.npy", ["Received"]),
        ("nan.npy", ["NaN"]),
        ("small.npy", ["Received"]),
        ("two.npy", ["Received"]),
        ("five.npy", ["Received"]),
        ("flat.npy", ["Received"]),
        ("text.npy", ["Received"]),
        ("complex.npy", ["Received"]),
        ("object.npy", ["Received"]),
        ("several.npy", ["Received"]),
        ("empty.npy", ["Received"]),
        ("cut.npy", ["Received"]),
        ("model.keras", ["picture"]),
    ],
)
def test_images_that_cannot_be_opened(explain, image, words):
    assert_one_sentence(explain(image=image), *words)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"layer": "bodi"}, ["`layer` must be one of", "body", "Did you mean 'body'"]),
        ({"layer": ""}, ["`layer`"]),
        ({"class": "9"}, ["class"]),
        ({"class": "-1"}, ["class"]),
        ({"class": "lake"}, ["class"]),
        ({"class": "²"}, ["class"]),
        ({"class": ""}, ["class"]),
        ({"score": "loss"}, ["`score` must be one of"]),
        ({"method": "gradcam"}, ["`method` must be one of", "seg-grad-cam"]),
        ({"baseline": "median"}, ["`baseline` must be one of"]),
        ({"method": "layercam", "baseline": "silly"}, ["baseline"]),
        ({"region": "0,0,8"}, ["TOP,LEFT,BOTTOM,RIGHT"]),
        ({"region": ""}, ["TOP,LEFT,BOTTOM,RIGHT"]),
        ({"region": "a,b,c,d"}, ["TOP,LEFT,BOTTOM,RIGHT"]),
        ({"region": "0,0,nan,8"}, ["Received"]),
        ({"region": "0,0,1e400,8"}, ["Received"]),
        ({"region": "8,8,0,0"}, ["Received"]),
        ({"region": "100,100,120,120"}, ["at least one pixel"]),
        ({"classes": "a,b"}, ["class_names"]),
        ({"classes": ""}, ["class_names"]),
        ({"range": "0-2"}, ["range"]),
        ({"fit": "crop"}, ["fit"]),
        ({"import": "no_such_module"}, ["--import", "no_such_module"]),
        ({"import": ""}, ["--import"]),
        ({"import": "."}, ["--import"]),
    ],
    ids=str,
)
def test_options_that_mean_nothing(explain, options, words):
    assert_one_sentence(explain(**options), *words)


@pytest.mark.parametrize("source", ["raise RuntimeError('at import')", "def broken(:", "import no_such_module_either"])
def test_a_module_that_cannot_be_imported(explain, tmp_path, monkeypatch, source):
    (tmp_path / "own_layers.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "own_layers", raising=False)
    assert_one_sentence(explain(**{"import": "own_layers"}), "--import", "own_layers")


def test_an_output_that_cannot_be_written(explain, tmp_path):
    (tmp_path / "out").write_text("a file")
    code, _, err, _ = explain()
    assert code == 2
    assert err.count("\n") == 1
    (tmp_path / "out").unlink()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("precious")
    code, _, err, _ = explain()
    assert code == 2
    assert err.count("\n") == 1
    assert (tmp_path / "out" / "thesis.txt").read_text() == "precious"


@pytest.mark.parametrize("name", ["picture.png", "picture.jpg", "x.npy", "model.keras", "model.h5"])
def test_files_with_random_faults(explain, files, tmp_path, name):
    """Bytes changed, cut and doubled: an explanation or a sentence, never a traceback."""
    rng = np.random.default_rng(0)
    whole = (files / name).read_bytes()
    for trial in range(12):
        data = bytearray(whole)
        for _ in range(int(rng.integers(1, 40))):
            data[int(rng.integers(len(data)))] = int(rng.integers(256))
        if trial % 3 == 1:
            data = data[: int(rng.integers(1, len(data)))]
        broken = tmp_path / f"broken-{trial}{Path(name).suffix}"
        broken.write_bytes(bytes(data))
        place = "model" if "model" in name else "image"
        code, _, err, _ = explain(**{place: str(broken)})
        assert code in (0, 2)
        if code == 2:
            assert err.startswith("segcam: ")
            assert err.count("\n") == 1, err


def test_in_a_process_of_its_own(files, tmp_path):
    """What a shell sees: nothing of TensorFlow's chatter, no traceback, the exit code."""
    command = [sys.executable, "-m", "segcam_widgets.cli", "explain", "model.keras"]
    rest = ["--layer", "body", "--class", "0", "--region", "0,0,8,8", "-o", str(tmp_path / "out")]
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    for image, code in (("picture.png", 0), ("missing.png", 2)):
        done = subprocess.run(
            [*command, image, *rest],
            cwd=files,
            env=environment,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == code, done.stderr
        assert done.stderr == "" if code == 0 else done.stderr.startswith("segcam: "), done.stderr
        assert done.stderr.count("\n") == (0 if code == 0 else 1)
    assert sc.load_explanation(tmp_path / "out").query.layer == "body"


# ------------------------------------------------------------------ pictures of any size


@pytest.mark.parametrize("fit", ["resize", "pad"])
def test_region_and_map_are_those_of_the_picture(explain, fit):
    """40 x 50 into 16 x 24: the region is said in the picture's rows and columns, and the map comes back in them."""
    code, _, err, output = explain(image="large.png", fit=fit, region="0,0,20,25")
    assert (code, err) == (0, "")
    mask = sc.load_explanation(output).mask
    inner = (16, 24) if fit == "resize" else (16, 20)
    assert mask[: inner[0] // 2, : inner[1] // 2].all()
    assert mask.sum() == inner[0] * inner[1] // 4
    assert np.load(output / "on_picture.npy").shape == (40, 50)


def test_the_tile_under_the_region(explain):
    code, out, err, output = explain(image="large.png", fit="tile", region="22,38,26,48")
    assert (code, err) == (0, "")
    assert "tile 6 of 9, rows 16 to 32 and columns 26 to 50 of 40 x 50" in out
    assert sc.load_explanation(output).query.region == sc.Rectangle(6, 12, 10, 22)
    on_picture = np.load(output / "on_picture.npy")
    assert np.isfinite(on_picture[16:32, 26:50]).all()
    assert np.isnan(on_picture).sum() == 40 * 50 - 16 * 24


def test_tiles_need_a_region_that_one_of_them_holds(explain):
    assert_one_sentence(explain(image="large.png", fit="tile", region=None), "--region", "which of the 9 tiles")
    assert_one_sentence(
        explain(image="large.png", fit="tile", region="0,0,30,30"), "one tile of 16 x 24 px", "none holds"
    )


def test_values_by_the_name_of_a_family(explain):
    assert_one_sentence(explain(preprocess="mobilnet"), "`preprocess` must be one of", "Did you mean 'mobilenet")
    assert_one_sentence(explain(image="x.npy", preprocess="vgg16"), "whose values are taken as they are")
    code, out, err, _ = explain(preprocess="mobilenet_v2")
    assert (code, err) == (0, "")
    assert "as keras.applications prepares them for mobilenet_v2" in out


def test_bands_of_an_array(explain):
    assert_one_sentence(explain("five.keras", "five.npy", bands="4,5,0"), "each from 0 to 4")
    assert_one_sentence(explain("five.keras", "five.npy", bands="red"), "`--bands`", "counted from 0")
    code, out, err, _ = explain("five.keras", "five.npy", bands="4,2,0")
    assert (code, err) == (0, "")
    assert "channels 4, 2, 0" in out


def test_what_a_user_registered_is_asked_for_by_name(explain):
    class Twice(type(sc.SCORES["logit"])):
        name = "twice"

    loudest = Baseline("loudest", "loudest cell", lambda activations, coverage: activations.max((0, 1)))
    mine = replace(sc.METHODS["hirescam"], name="mine")
    with (
        sc.BASELINES.temporarily(loudest),
        sc.SCORES.temporarily(Twice()),
        sc.METHODS.temporarily(mine),
    ):
        code, _, err, output = explain(baseline="loudest", score="twice", method="mine")
        assert (code, err) == (0, "")
        read = sc.load_explanation(output)
    assert (read.query.baseline, read.query.score, read.query.method) == ("loudest", "twice", "mine")
    np.testing.assert_array_equal(read.baseline, read.activations.max((0, 1)))
