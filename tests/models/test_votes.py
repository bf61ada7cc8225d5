"""Votes are the gradient's pooled weights on every architecture, structure and ending, for every score."""

import keras
import numpy as np
import pytest

import segcam_widgets as sc
from segcam_widgets.core.votes.channel import channel_votes
from tests.ledger.architectures import ARCHITECTURES, SIZE, build, picture, some
from tests.models.networks import NETWORKS

pytestmark = pytest.mark.keras


def disc(shape):
    rows, cols = np.mgrid[: shape[0], : shape[1]]
    return sc.Mask(np.hypot(rows - shape[0] / 3, cols - shape[1] / 2) < min(shape) / 3)


def scores(probe):
    return [
        s.name for s in sc.SCORES.values() if not (s.contrastive and (probe.multilabel or len(probe.class_names) < 2))
    ]


def must_agree(probe, layer, rtol=1e-4):
    """All scores from one field of all classes, and a curved one from a field of its own."""
    everything = sc.votes(probe, layer)
    region = disc(probe.logits.shape)
    for score in scores(probe):
        query = sc.CamQuery(layer, len(probe.class_names) - 1, region, score)
        ex = sc.explain(probe, query)
        # what the mean is taken of: where gradients cancel, that is what rounding errors are beside
        size = max(np.abs(ex.pooled_gradients).max(), 0.1 * np.abs(ex.gradients).mean((0, 1)).max())
        fields = [everything] if score != "probability" else [everything, sc.votes(probe, layer, queries=query)]
        for field in fields:
            weights = field.weights_for(query)
            assert weights.shape == (probe.layer(layer).shape[2],)
            np.testing.assert_allclose(
                weights, ex.pooled_gradients, rtol=0, atol=rtol * size + 1e-12, err_msg=f"{layer} {score}"
            )


@pytest.mark.parametrize("name", list(ARCHITECTURES))
def test_every_architecture(name):
    probe = sc.open_probe(build(name), picture())
    for info in some(probe.layers)[:2]:
        must_agree(probe, info.name)


@pytest.mark.parametrize("name", list(NETWORKS))
def test_every_structure_and_every_ending(name):
    model = NETWORKS[name]()
    shape = tuple(SIZE if side is None else side for side in model.inputs[0].shape[1:])
    probe = sc.open_probe(model, np.random.default_rng(7).normal(size=shape))
    must_agree(probe, some(probe.layers)[1].name)


def test_half_precision():
    previous = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy("mixed_float16")
    try:
        model = build("unet")
    finally:
        keras.mixed_precision.set_dtype_policy(previous)
    must_agree(sc.open_probe(model, picture()), "last", rtol=1e-2)


def test_one_function_for_all_chunks_and_images():
    model = build("unet")
    probe, other = sc.open_probe(model, picture()), sc.open_probe(model, picture(1))
    sc.votes(probe, "join")  # 14 channels: a chunk of 8 and one of 6
    traced = probe._engine.traces
    assert traced == 1
    sc.votes(other, "join")
    assert probe._engine.traces == traced


def test_other_weights_drop_the_votes():
    model = build("unet")
    probe = sc.open_probe(model, picture())
    field = sc.votes(probe, "bottom")
    query = sc.CamQuery("bottom", 1, sc.Everything(), "centered_logit")
    field.weights_for(query)
    last = model.get_layer("logits")
    last.kernel.assign(last.kernel * 2)
    assert not field.current
    with pytest.raises(sc.SegCamError, match="other weights"):
        field.weights_for(query)
    assert sc.votes(probe, "bottom").weights_for(query) == pytest.approx(2 * field.weights(_centered(probe)), rel=1e-4)


def _centered(probe):
    size = probe.logits.shape
    field = np.full(size, -1 / size[2], np.float32)
    field[..., 1] += 1
    return field / (size[0] * size[1])


def test_a_channels_pixels():
    probe = sc.open_probe(build("unet"), picture())
    query = sc.CamQuery("bottom", 2, disc(probe.logits.shape))
    expected = sc.explain(probe, query).pooled_gradients
    for channel in (0, 5):
        found = channel_votes(probe, query, channel)
        assert found.weight == pytest.approx(expected[channel], abs=1e-5 * np.abs(expected).max())
