"""Every result says in one line what it is, however long and odd the names in it are."""

import numpy as np
import pytest

import segcam_widgets as sc
from segcam_widgets.core.votes.channel import channel_votes
from tests.core.fake_probe import Conv, NumpyProbe, relu

NAMES = ("a\nb\r\n<b>c</b>\u2028d", "x" * 500, "\x1b[31m")
MASK = np.indices((512, 512)).sum(0) % 3 == 0
POINTS = [(100 + 50 * np.sin(t), 100 + 50 * np.cos(t)) for t in np.linspace(0, 6, 400)]


@pytest.fixture(scope="module")
def probe():
    rng = np.random.default_rng(0)
    nodes = [
        ("wide", Conv(rng.normal(size=(2, 512))), "image"),
        ("relu", relu(), "wide"),
        ("logits", Conv(rng.normal(size=(512, 3))), "relu"),
    ]
    return NumpyProbe(rng.normal(size=(6, 5, 2)), nodes, class_names=NAMES)


@pytest.fixture(scope="module")
def results(probe):
    everything = sc.CamQuery("relu", 0, sc.Polygon([(row, col) for row, col in ((0, 0), (0, 5), (6, 5), (6, 0))]))
    explanation = sc.explain(probe, everything)
    diagnosis = sc.diagnose(probe, everything)
    return [
        explanation,
        explanation.channel_histogram(3),
        diagnosis,
        *diagnosis.findings,
        sc.atlas(probe),
        sc.atlas(probe).cells()[0],
        sc.ledger(probe, everything),
        sc.ablate(probe, everything),
        sc.votes(probe, "relu"),
        channel_votes(probe, everything, 3),
        sc.evaluation.faithfulness(probe, everything, methods=["seg-grad-cam"]),
        recognition := sc.recognise(probe, "relu", explanation.pooled_gradients),
        *recognition.matches,
    ]


def regions():
    polygon = sc.Polygon(POINTS)
    mask = sc.Mask(MASK)
    nested = polygon
    for _ in range(20):
        nested = (nested | mask) - sc.PredictedClass("y" * 500)
    return [polygon, mask, nested, sc.PredictedClass("y\n" * 500), sc.Border(nested, 2), sc.Brush(POINTS, 3)]


def test_of_every_result(results):
    for result in results:
        text = repr(result)
        assert text.startswith(("<", "Match(", "Recognition("))
        assert len(text) < 200, text
        assert text.isprintable(), text


def test_every_result_has_the_same_ways_to_be_read(results):
    cells = ("Finding", "AtlasCell", "Match", "ChannelHistogram")
    for result in results:
        kind = type(result).__name__
        if kind not in cells:
            assert isinstance(result.summary(), str)
            assert "<b>c</b>" not in result._repr_html_(), kind
    assert {type(r).__name__ for r in results if hasattr(r, "to_frame")} == {
        "Explanation", "Diagnosis", "Atlas", "EvidenceLedger", "Ablation", "Faithfulness", "Recognition",
    }  # fmt: skip


def test_of_queries_and_regions():
    for region in regions():
        query = sc.CamQuery("z" * 300, "y\n" * 300, region, options={"steps": 3})
        for text in (repr(region), repr(query)):
            assert len(text) < 200, text
            assert text.isprintable(), text


def test_short_ones_are_code():
    query = sc.CamQuery("relu", "sky", sc.Rectangle(0, 0, 8, 8) - sc.Pixel(1, 2), score="logit", options={"steps": 3})
    names = {name: getattr(sc, name) for name in sc.__all__ if name in ("CamQuery", "Rectangle", "Pixel")}
    names["Difference"] = type(query.region)
    assert eval(repr(query), names) == query
    assert repr(sc.CamQuery("relu", 3)) == "CamQuery('relu', 3)"
    assert repr(sc.Pixel(1, 2)) == "Pixel(row=1, col=2)"


def test_segmentations_before_and_after_an_ablation(probe):
    done = sc.ablate(probe, sc.CamQuery("relu", 0))
    frame = done.to_frame()
    assert frame.before.sum() == frame.after.sum() == done.mask.sum()
    assert frame.set_index("class_index").before[0] == done.mask.sum()
    assert done.kept_share == frame.set_index("class_index").after.get(0, 0) / done.mask.sum()
