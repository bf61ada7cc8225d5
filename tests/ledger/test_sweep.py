"""One backward pass answers for every layer what a pullback answers for one."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import segcam_widgets as sc
from segcam_widgets.core.answers import Cotangent
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


def test_every_layer_and_nothing_but_weights_and_maps_comes_back():
    probe = sc.open_probe(build("unet"), picture())
    mask = np.zeros((SIZE, SIZE), np.float32)
    mask[4:12, 2:9] = 1 / 56
    swept = probe.sweep(Cotangent(mask, np.array([-0.25, 0.75, -0.25, -0.25], np.float32)))
    for info in probe.layers:
        query = sc.CamQuery(info.name, 1, sc.Mask(mask > 0), "centered_logit")
        ex, found = sc.explain(probe, query), swept[info.name]
        size = np.abs(ex.gradients).mean((0, 1)).max()
        np.testing.assert_allclose(found.weights, ex.weights, rtol=0, atol=1e-5 * size, err_msg=info.name)
        bound = size * np.abs(ex.activations).sum(-1).max()
        np.testing.assert_allclose(found.grad_cam, ex.cam, rtol=0, atol=1e-5 * bound, err_msg=info.name)
        height, width, channels = info.shape
        assert [a.shape for a in (found.weights, found.grad_cam, found.hirescam)] == [
            (channels,), (height, width), (height, width),
        ]  # fmt: skip
        assert found.weights.dtype == found.grad_cam.dtype == found.hirescam.dtype == np.float32


def test_one_forward_and_one_backward_pass():
    seen = []

    @keras.saving.register_keras_serializable("segcam_tests")
    class Watched(keras.layers.Layer):
        def call(self, x):
            @tf.custom_gradient
            def identity(t):
                seen.append("forward")

                def back(upstream):
                    seen.append("backward")
                    return upstream

                return tf.identity(t), back

            return identity(x)

        def compute_output_shape(self, shape):
            return shape

    image = keras.Input((SIZE, SIZE, 3), name="image")
    x = Watched(name="watched")(conv(5, image, name="first"))
    for index in range(4):
        x = conv(5, x, name=f"conv{index}")
    probe = sc.open_probe(keras.Model(image, conv(CLASSES, x, 1, None)), picture())
    field = np.random.default_rng(3).normal(size=probe.logits.shape).astype(np.float32)
    seen.clear()
    swept = probe.sweep(field)
    assert len(swept) == 8
    assert seen.count("backward") == 1  # for all eight layers, while it is traced
    seen.clear()
    probe.sweep(2 * field)
    assert seen == []  # compiled


def test_half_precision_neither_vanishes_nor_overflows():
    previous = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy("mixed_float16")
    try:
        model = build("unet")
    finally:
        keras.mixed_precision.set_dtype_policy(previous)
    probe = sc.open_probe(model, picture())
    field = np.random.default_rng(3).normal(size=probe.logits.shape).astype(np.float32)
    expected = probe.sweep(field)
    assert all(np.abs(found.weights).max() > 0 for found in expected.values())
    for factor in (2.0**-30, 2.0**20):
        for name, found in probe.sweep(field * np.float32(factor)).items():
            size = np.abs(expected[name].weights).max()
            np.testing.assert_allclose(found.weights / factor, expected[name].weights, rtol=0, atol=2e-2 * size)
    for info in some(probe.layers)[1:]:
        weights = probe.pullback(info.name, field).gradients.mean((0, 1), dtype=np.float64)
        np.testing.assert_allclose(
            expected[info.name].weights, weights, rtol=0, atol=2e-2 * np.abs(weights).max(), err_msg=info.name
        )


def test_bad_questions_are_named():
    probe = sc.open_probe(build("unet"), picture())
    with pytest.raises(sc.UnknownLayerError, match=r"`layer` must be one of .* Did you mean 'bottom'"):
        probe.sweep(np.zeros(probe.logits.shape), ["botom"])
    with pytest.raises(sc.SegCamError, match="without a batch axis"):
        probe.sweep(np.zeros((2, *probe.logits.shape)))
