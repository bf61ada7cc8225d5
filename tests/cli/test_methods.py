"""`segcam explain --method ... --option ...`: every method, its options, and how far a slow one is."""

import sys

import pytest

import segcam_widgets as sc
from segcam_widgets.cli import main

pytestmark = pytest.mark.keras


@pytest.fixture
def explain(files, tmp_path, capfd, monkeypatch):
    monkeypatch.chdir(files)
    monkeypatch.setattr(sys, "path", list(sys.path))  # the command adds the folder that it is called in
    output = tmp_path / "out"

    def run(method, *options, layer="body"):
        given = ["explain", "model.keras", "picture.png", "--layer", layer, "--class", "0", "--region", "0,0,8,8"]
        given += ["--method", method, "-o", str(output), *(word for option in options for word in ("--option", option))]
        code = main(given)
        said = capfd.readouterr()
        return code, said.out, said.err, output

    return run


@pytest.mark.parametrize(
    ("method", "options", "read"),
    [
        ("score-cam", [], {}),
        ("grad-cam++", [], {}),
        ("occlusion", ["window=8", " stride = 4 "], {"window": 8, "stride": 4}),
        ("seg-xres-cam", ["pooling=max"], {"pooling": "max", "window": 4}),
        ("integrated-gradients", ["steps=3"], {"steps": 3}),
    ],
)
def test_the_folder_holds_the_method_and_its_options(explain, method, options, read):
    code, out, err, output = explain(method, *options)
    assert (code, err) == (0, "")  # no terminal, no line that moves
    found = sc.load_explanation(output)
    assert (found.query.method, dict(found.query.options)) == (method, read)
    assert found.summary() in out


def test_what_the_method_measured_is_in_the_folder(explain):
    found = sc.load_explanation(explain("integrated-gradients")[3])
    assert set(found.evidence) == {"sum", "difference", "completeness_error"}
    assert "completeness error" in found.notes[0]


@pytest.mark.parametrize(
    ("method", "options", "words"),
    [
        ("occlusion", ["windw=8"], ["`options` must be one of window, stride", "Did you mean 'window'"]),
        ("occlusion", ["window=large"], ["`options['window']` must be a whole number at least 0", "'large'"]),
        ("occlusion", ["window=-3"], ["`options['window']`", "-3"]),
        ("occlusion", ["window"], ["`--option` must be NAME=VALUE", "'window'"]),
        ("occlusion", ["=3"], ["`--option` must be NAME=VALUE"]),
        ("seg-xres-cam", ["pooling=median"], ["`options['pooling']` must be one of mean, max"]),
        ("hirescam", ["window=3"], ["`options` must be empty: 'hirescam' has none"]),
    ],
)
def test_options_that_mean_nothing(explain, method, options, words):
    code, out, err, output = explain(method, *options)
    assert (code, out) == (2, "")
    assert err.startswith("segcam: ")
    assert err.count("\n") == 1
    assert all(word in err for word in words), err
    assert not output.exists()


def test_a_method_that_does_not_apply_to_the_layer(explain):
    code, _, err, output = explain("score-cam", layer="image")
    assert code == 2
    assert err == (
        "segcam: `method` 'score-cam' masks the model's input, and so applies to the layers after it. "
        "Received: 'image', the input.\n"
    )
    assert not output.exists()


def test_in_a_terminal_a_line_says_how_far_it_is(explain, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    code, out, err, _ = explain("ablation-cam")
    assert code == 0
    assert "Ablation-CAM at body, channel 0 of 5" in err
    assert err.endswith("\r\x1b[K")  # gone at the end
    assert "Ablation-CAM of class 0 at body" in out
