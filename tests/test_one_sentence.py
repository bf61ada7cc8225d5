"""What is said or written in several places has one home: a missing library, a picture as an address."""

import base64
import importlib
import inspect
import io
import pkgutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import segcam_widgets as sc
from segcam_widgets.core.picture.render import data_uri
from tests.core.fake_probe import random_network

PACKAGE = Path(sc.__file__).parent
QUERY = sc.CamQuery("deep", 1)


def pooled(probe):
    return sc.explain(probe, QUERY).pooled_gradients


# every class with a `to_frame`, and how one comes by it
FRAMES = {
    "Ablation": lambda probe: sc.ablate(probe, QUERY),
    "Atlas": sc.atlas,
    "Diagnosis": lambda probe: sc.diagnose(probe, QUERY),
    "EvidenceLedger": lambda probe: sc.ledger(probe, QUERY),
    "Explanation": lambda probe: sc.explain(probe, QUERY),
    "Faithfulness": lambda probe: sc.evaluation.faithfulness(probe, QUERY, ["hirescam"], steps=2, draws=2, orders=2),
    "Recognition": lambda probe: sc.recognise(probe, "deep", pooled(probe)),
}


@pytest.mark.parametrize("name", FRAMES)
def test_every_frame_says_the_same_where_pandas_is_missing(name, monkeypatch):
    made = FRAMES[name](random_network())
    assert type(made).__name__ == name
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(sc.SegCamError) as caught:
        made.to_frame()
    assert str(caught.value) == "`to_frame` needs pandas, which is not installed: pip install 'segcam-widgets[data]'."


def test_no_frame_is_left_out():
    found = set()
    for room in ("core", "diagnosis", "evaluation"):
        package = importlib.import_module(f"segcam_widgets.{room}")
        for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            members = inspect.getmembers(importlib.import_module(info.name), inspect.isclass)
            found |= {name for name, member in members if "to_frame" in vars(member) and "segcam" in member.__module__}
    assert found == set(FRAMES)


@pytest.mark.parametrize("words", ["which is not installed: pip install", "data:image/png;base64,{"])
def test_the_words_stand_in_one_file(words):
    assert len([path for path in PACKAGE.rglob("*.py") if words in path.read_text(encoding="utf-8")]) == 1


@pytest.mark.parametrize("channels", [3, 4])
def test_a_picture_comes_back_from_its_address(channels):
    pixels = np.random.default_rng(0).integers(0, 256, (4, 5, channels), dtype=np.uint8)
    start, _, data = data_uri(pixels).partition(",")
    assert start == "data:image/png;base64"
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))), pixels)
