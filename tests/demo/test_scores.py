"""The card's arithmetic on arrays small enough to check by hand."""

import numpy as np
import pytest

from segcam_widgets.demo import card, measure
from segcam_widgets.demo.mosaics import CLASS_NAMES
from segcam_widgets.demo.scores import CamStack, cotangent, intersection_over_union


def stack(activations, gradients, mask):
    """One image of 2x2 with K channels."""
    return CamStack(
        activations=np.array(activations, np.float32)[None],
        gradients=np.array(gradients, np.float32)[None],
        masks=np.array(mask, bool)[None],
        scores=np.zeros(1),
    )


def test_intersection_over_union_by_hand():
    truth = np.array([[0, 0], [1, 1]])
    predicted = np.array([[0, 1], [1, 1]])
    iou = intersection_over_union(truth, predicted, 3)
    np.testing.assert_allclose(iou, [1 / 2, 2 / 3, np.nan])


def test_cotangents_by_hand():
    logits = np.array([[[[3.0, 1.0, 2.0], [0.0, 5.0, 1.0]]]], np.float32)
    both = np.ones((1, 1, 2), bool)
    np.testing.assert_allclose(cotangent(logits, both, 0, "logit")[0, 0], [[0.5, 0, 0], [0.5, 0, 0]])
    third = 1 / 3
    np.testing.assert_allclose(
        cotangent(logits, both, 0, "centered_logit")[0, 0] * 2, [[1 - third, -third, -third]] * 2, rtol=1e-6
    )
    # the strongest rival of class 0 is class 2 in the first pixel and class 1 in the second
    np.testing.assert_allclose(cotangent(logits, both, 0, "margin")[0, 0] * 2, [[1, 0, -1], [1, -1, 0]])


@pytest.mark.parametrize("score", ["logit", "centered_logit", "margin"])
def test_the_score_is_the_sum_of_cotangent_times_logits(score):
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(1, 3, 4, 5)).astype(np.float32)
    mask = rng.random((1, 3, 4)) < 0.5
    own = logits[..., 2]
    others = np.delete(logits, 2, axis=-1)
    pixels = {"logit": own, "centered_logit": own - logits.mean(-1), "margin": own - others.max(-1)}[score]
    expected = pixels[mask].mean()
    assert (cotangent(logits, mask, 2, score) * logits).sum() == pytest.approx(expected, rel=1e-5)


def test_a_map_by_hand():
    cams = stack(
        activations=[[[4, 0], [0, 2]], [[0, 0], [0, 2]]],
        gradients=[[[1, 0], [1, 0]], [[1, -2], [1, -2]]],
        mask=[[1, 0], [0, 0]],
    )
    np.testing.assert_allclose(cams.weights, [[1, -1]])
    np.testing.assert_allclose(cams.cam()[0], [[4, -2], [0, -2]])
    np.testing.assert_allclose(cams.channels, [4 * 1 + 2 * -2])
    assert not cams.blank()[0]
    assert cams.focus()[0] == 1
    assert cams.gain()[0] == 1
    # means of the channels are 1 and 1, so the reference moves the map by 1 - 1 = 0
    np.testing.assert_allclose(cams.cam("mean"), cams.cam())
    # inside (4, 0), outside (0, 4/3): half-way (2, 2/3), which moves it by 2 - 2/3
    np.testing.assert_allclose(cams.cam("midpoint")[0], cams.cam()[0] - 4 / 3, rtol=1e-6)


def test_absence_is_blank_with_zero_and_focused_with_the_mean():
    cams = stack(
        activations=[[[0], [3]], [[3], [3]]],
        gradients=[[[-4], [0]], [[0], [0]]],
        mask=[[1, 0], [0, 0]],
    )
    assert cams.blank()[0]
    assert cams.focus()[0] == 0
    assert cams.gain()[0] == pytest.approx(-1 / 3)
    assert cams.focus("mean")[0] == 1
    assert cams.gain("midpoint")[0] == 1


def measurements(logits_bias=0.0):
    """A whole set of measurements of a tiny made-up network: two images, one layer for both roles."""
    rng = np.random.default_rng(1)
    activations = rng.random((2, 8, 8, 2)).astype(np.float32)
    kernel = np.array([[-1, 2, 0], [-1, 0, 2]], np.float32)
    bias = np.array([1.2 + logits_bias, 0, 0], np.float32)
    logits = activations @ kernel + bias
    view = measure.LayerView(activations, lambda pull: pull @ kernel.T, lambda changed: changed @ kernel + bias)
    layers = {measure.BLANK_LAYER: view, measure.SIGNED_LAYER: view}
    part = measure.measure(logits, logits.argmax(-1), layers, CLASS_NAMES)
    whole = {
        "seed": 3,
        "epochs": 5,
        "weights_sha256": "0" * 64,
        "parameters": 12,
        "train": {"size": 8, "mosaics_per_epoch": 2, "batch": 1},
        "unseen": part,
        "shipped": part,
        "logit_weights": {
            name: {"weights": kernel[:, index].tolist(), "bias": 0.0} for index, name in enumerate(CLASS_NAMES)
        },
        "tried": [],
    }
    whole["verdict"] = measure.verdict(whole)
    return whole


def test_a_class_with_two_negative_weights_is_found_blank():
    found = measurements()
    assert found["unseen"]["mean_iou"] == 1
    assert found["verdict"]["blank"]["logit"] == ["brick"]
    # made-up activations are noise: no reference makes a good map of them, and the verdict says so
    assert len(found["verdict"]["missing"]) == 3
    assert all("another baseline helps brick too little" in sentence for sentence in found["verdict"]["missing"])
    text = card.render(found)
    assert "**brick** is blank on every mosaic" in text
    assert "| brick | -1.000 | -1.000 | +0.000 | 4 of 4 | 4 of 4 | 4 of 4 |" in text


def test_a_class_that_is_nowhere_predicted_is_no_blank_class():
    found = measurements(logits_bias=-100.0)
    assert found["unseen"]["cams"][measure.BLANK_LAYER]["brick"] == {"mosaics": 0}
    assert found["verdict"]["blank"]["logit"] == []
    assert found["verdict"]["missing"] == ["0 classes are blank on every mosaic, not one"]
    text = card.render(found)
    assert "With this seed no class is blank on every mosaic." in text
    assert "| 0 of 0 |" in text


def test_the_card_lists_the_other_seeds():
    found = measurements()
    found["tried"] = [measure.summary(found) | {"seed": 11}]
    assert "| 11 | 1.000 | brick | brick | brick |" in card.render(found)
