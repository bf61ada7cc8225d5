"""Forward mode is the transpose of reverse mode on every architecture: <J t, u> == <t, J'u>."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import segcam_widgets as sc
from segcam_widgets.keras_probe.answers import pushforward
from tests.ledger.architectures import ARCHITECTURES, BANDS, CLASSES, SIZE, build, conv, entry, picture, some
from tests.models.networks import NETWORKS

pytestmark = pytest.mark.keras


def dot(a, b):
    return float((a.astype(np.float64) * b).sum())


def adjoint_gap(pushed, cotangent, tangents_by_gradients):
    """|<J t, u> - <t, J'u>| relative to |J t| |u|."""
    scale = (dot(pushed, pushed) * dot(cotangent, cotangent)) ** 0.5
    return abs(dot(pushed, cotangent) - tangents_by_gradients) / scale


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.mark.parametrize("name", list(ARCHITECTURES))
def test_forward_is_the_transpose_of_reverse(name, rng):
    probe = sc.open_probe(build(name), picture())
    for info in some(probe.layers):
        tangent = rng.normal(size=info.shape).astype(np.float32)
        cotangent = rng.normal(size=probe.logits.shape).astype(np.float32)
        pushed = probe.pushforward(info.name, tangent)
        assert pushed.shape == probe.logits.shape
        back = probe.pullback(info.name, cotangent).gradients
        assert adjoint_gap(pushed, cotangent, dot(tangent, back)) < 1e-6, info.name


@pytest.mark.parametrize("name", list(NETWORKS))
def test_every_structure_and_every_ending(name, rng):
    model = NETWORKS[name]()
    shape = tuple(SIZE if side is None else side for side in model.inputs[0].shape[1:])
    probe = sc.open_probe(model, rng.normal(size=shape))
    for info in some(probe.layers)[:2]:
        tangent = rng.normal(size=info.shape).astype(np.float32)
        cotangent = rng.normal(size=probe.logits.shape).astype(np.float32)
        back = probe.pullback(info.name, cotangent).gradients
        assert adjoint_gap(probe.pushforward(info.name, tangent), cotangent, dot(tangent, back)) < 1e-6, info.name


@pytest.mark.parametrize("name", ["unet", "resizing bilinear", "depthwise, relu6, nearest", "attention", "one sigmoid"])
def test_a_batch_is_its_rows(name, rng):
    probe = sc.open_probe(build(name), picture())
    layer = probe.layers[1]
    tangents = rng.normal(size=(3, *layer.shape)).astype(np.float32)
    together = probe.pushforward(layer.name, tangents)
    assert together.shape == (3, *probe.logits.shape)
    for row, tangent in zip(together, tangents, strict=True):
        one = probe.pushforward(layer.name, tangent)
        np.testing.assert_allclose(row, one, atol=2e-6 * np.abs(one).max())


@pytest.mark.parametrize(
    ("name", "layer"), [("unet", "up"), ("depthwise, relu6, nearest", "project"), ("gates", "gate")]
)
def test_what_goes_round_can_be_pushed_too(name, layer, rng):
    probe = sc.open_probe(build(name), picture())
    around = probe.bypass(layer)
    assert len(around) == 1
    cotangent = rng.normal(size=probe.logits.shape).astype(np.float32)
    back = probe.pullback(layer, cotangent)
    # the bypass tensor as its own tangent, the layer held: the share that the pullback reports
    pushed = probe.pushforward(layer, np.zeros(probe.layer(layer).shape), around)
    assert adjoint_gap(pushed, cotangent, sum(back.bypass.values())) < 1e-6
    both = probe.pushforward(layer, tangent := rng.normal(size=probe.layer(layer).shape), around)
    np.testing.assert_allclose(both - pushed, probe.pushforward(layer, tangent), atol=1e-5 * np.abs(both).max())


def test_two_outputs_of_one_layer_that_go_round_have_two_names(rng):
    class Halves(keras.layers.Layer):
        def call(self, x):
            return x[..., :1], 2 * x[..., 1:]

        def compute_output_shape(self, shape):
            return (*shape[:-1], 1), (*shape[:-1], shape[-1] - 1)

    x = image = entry()
    left, right = Halves(name="halves")(x)
    feat = conv(5, left, name="feat")
    x = keras.layers.Concatenate()([feat, left, right])
    probe = sc.open_probe(keras.Model(image, conv(CLASSES, x, 1, None)), picture())
    around = probe.bypass("feat")
    assert list(around) == ["halves", "halves:1"]
    assert [t.shape[-1] for t in around.values()] == [1, BANDS - 1]
    back = probe.pullback("feat", cotangent := rng.normal(size=probe.logits.shape).astype(np.float32))
    for name, tensor in around.items():
        pushed = probe.pushforward("feat", np.zeros((SIZE, SIZE, 5)), {name: tensor})
        assert adjoint_gap(pushed, cotangent, back.bypass[name]) < 1e-6


def test_half_precision(rng):
    previous = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy("mixed_float16")
    try:
        model = build("resizing bilinear")
    finally:
        keras.mixed_precision.set_dtype_policy(previous)
    probe = sc.open_probe(model, picture())
    tangent = rng.normal(size=probe.layer("feat").shape).astype(np.float32)
    cotangent = rng.normal(size=probe.logits.shape).astype(np.float32)
    back = probe.pullback("feat", cotangent).gradients
    assert adjoint_gap(probe.pushforward("feat", tangent), cotangent, dot(tangent, back)) < 1e-3


def test_without_the_replaced_gradients_a_resize_is_refused_not_lost(monkeypatch, rng):
    monkeypatch.setattr(pushforward, "OVERRIDES", {})
    probe = sc.open_probe(build("a resize inside a custom layer"), picture())
    with pytest.raises(sc.UnsupportedModelError, match=r"tf\.function"):
        probe.pushforward("feat", rng.normal(size=probe.layer("feat").shape))


def test_a_resize_that_a_layer_compiled_for_itself_is_refused(rng):
    class Compiled(keras.layers.Layer):
        @tf.function(autograph=False)
        def call(self, x):
            return tf.image.resize(x, (SIZE, SIZE))

        def compute_output_shape(self, shape):
            return (shape[0], SIZE, SIZE, shape[-1])

    x = image = entry()
    x = Compiled()(conv(5, x, strides=2, name="feat"))
    probe = sc.open_probe(keras.Model(image, conv(CLASSES, x, 1, None)), picture())
    with pytest.raises(sc.UnsupportedModelError, match=r"tf\.function"):
        probe.pushforward("feat", rng.normal(size=probe.layer("feat").shape))


def test_an_op_without_a_second_derivative_is_refused(rng):
    x = image = entry()
    x = keras.layers.Lambda(tf.nn.local_response_normalization)(conv(5, x, name="feat"))
    probe = sc.open_probe(keras.Model(image, conv(CLASSES, x, 1, None)), picture())
    with pytest.raises(sc.UnsupportedModelError, match="LRNGrad"):
        probe.pushforward("feat", rng.normal(size=probe.layer("feat").shape))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([1, 2, 3],), r"`tangent` must have shape \(8, 8, 8\).* Received: \(3,\)"),
        ((np.zeros((8, 8, 8)), {"tpo": 0}), r"`bypass` must be one of top. Received: 'tpo'. Did you mean 'top'"),
        ((np.zeros((8, 8, 8)), {"top": np.zeros((8, 8, 6))}), r"`bypass\['top'\]` must have shape \(16, 16, 6\)"),
        ((np.zeros((2, 8, 8, 8)), {"top": np.zeros((3, 16, 16, 6))}), r"batches of one length. Received: \[2, 3\]"),
    ],
)
def test_bad_tangents_are_named(arguments, words):
    probe = sc.open_probe(build("unet"), picture())
    with pytest.raises(sc.SegCamError, match=words):
        probe.pushforward("bottom", *arguments)
