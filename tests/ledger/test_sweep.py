"""One backward pass answers for every layer what a pullback answers for one."""

import keras
import numpy as np
import pytest

import segcam_widgets as sc
from segcam_widgets.core.probe import Cotangent
from tests.ledger.architectures import ARCHITECTURES, CLASSES, SIZE, build, conv, picture, some

pytestmark = pytest.mark.keras


@pytest.mark.parametrize("name", list(ARCHITECTURES))
def test_a_sweep_equals_the_pullbacks(name):
    probe = sc.open_probe(build(name), picture())
    field = np.random.default_rng(3).normal(size=probe.logits.shape).astype(np.float32)
    swept = probe.sweep(field)
    assert list(swept) == [info.name for info in probe.layers]
    for info in some(probe.layers):
        gradients, activations = probe.pullback(info.name, field).gradients, probe.activations(info.name)
        weights = gradients.mean((0, 1), dtype=np.float64)
        for got, expected in (
            (swept[info.name].weights, weights),
            (swept[info.name].grad_cam, activations @ weights),
            (swept[info.name].hirescam, (activations * gradients).sum(-1)),
        ):
            assert got.shape == expected.shape
            np.testing.assert_allclose(got, expected, atol=2e-5 * np.abs(activations).max() * np.abs(gradients).max())


def test_one_function_for_a_model_and_a_shape():
    model = build("unet")
    probe, other = sc.open_probe(model, picture()), sc.open_probe(model, picture(1))
    fields = np.random.default_rng(3).normal(size=(2, *probe.logits.shape)).astype(np.float32)
    first = probe.sweep(fields[0], ["bottom", "top"])
    assert list(first) == ["bottom", "top"]
    traced = probe._engine.traces
    assert traced == 1
    again = other.sweep(fields[1])
    assert other._engine is probe._engine
    assert probe._engine.traces == traced
    assert not np.allclose(first["top"].weights, again["top"].weights)


def test_a_factored_cotangent_is_its_field():
    probe = sc.open_probe(build("unet"), picture())
    mask = np.zeros((SIZE, SIZE), np.float32)
    mask[3:7] = 1
    given = Cotangent(mask, np.array([1, 0, -1, 0], np.float32))
    one, two = probe.sweep(given, ["last"])["last"], probe.sweep(given.to_array(), ["last"])["last"]
    np.testing.assert_array_equal(one.weights, two.weights)


def test_a_network_that_eats_whole_numbers():
    image = keras.Input((SIZE, SIZE, 3), dtype="uint8", name="image")
    x = conv(5, keras.layers.Rescaling(1 / 255, name="scaled")(image), name="feat")
    probe = sc.open_probe(keras.Model(image, conv(CLASSES, x, 1, None)), np.full((SIZE, SIZE, 3), 100))
    field = np.ones(probe.logits.shape, np.float32) * np.arange(CLASSES, dtype=np.float32)
    swept = probe.sweep(field)
    assert "image" not in swept
    for layer in ("scaled", "feat"):
        expected = probe.pullback(layer, field).gradients.mean((0, 1))
        np.testing.assert_allclose(swept[layer].weights, expected, rtol=1e-4)


def test_bad_questions_are_named():
    probe = sc.open_probe(build("unet"), picture())
    with pytest.raises(sc.UnknownLayerError, match=r"`layer` must be one of .* Did you mean 'bottom'"):
        probe.sweep(np.zeros(probe.logits.shape), ["botom"])
    with pytest.raises(sc.SegCamError, match="without a batch axis"):
        probe.sweep(np.zeros((2, *probe.logits.shape)))
