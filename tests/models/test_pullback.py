"""Gradients through the cut against plain automatic differentiation of the user's own model, on every kind of network."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import segcam_widgets as sc
from segcam_widgets.core.answers import Cotangent
from segcam_widgets.core.resolve import resolve, score_input
from tests.models.networks import ENDINGS, NETWORKS, SIZE, image, small, softmax_then_resize
from tests.models.reference import find_layer, relative, tape_gradient

pytestmark = pytest.mark.keras


def entry(model):
    shape = model.inputs[0].shape
    rng = np.random.default_rng(3)
    return rng.normal(size=[SIZE if n is None else n for n in shape[1:]]).astype(np.float32)


SAME_BODY = {"enc", "pool", "up", "join", "dec"}  # of the networks that differ in their ending only


def a_field(probe, seed=4):
    """Any field over the logits; after a softmax one that no number added to a pixel's logits can be seen in."""
    field = np.random.default_rng(seed).normal(size=probe.logits.shape).astype(np.float32)
    return field - field.mean(-1, keepdims=True) if probe.head == "softmax" else field


def of_the_model(probe, field):
    """The same field over what leaves the network: one channel z is shown as (-z/2, z/2)."""
    binary = probe.head == "sigmoid" and not probe.multilabel
    return (field[:, :, 1:] - field[:, :, :1]) / 2 if binary else field


def ends_with(model, probe):
    output = model(probe.x, training=False)
    return (
        probe.head if np.allclose(output.numpy().reshape(-1), of_probability(probe).reshape(-1), atol=1e-3) else "none"
    )


def of_probability(probe):
    binary = probe.head == "sigmoid" and not probe.multilabel
    return probe.probabilities[:, :, 1:] if binary else probe.probabilities


def squash_is_inside(info, layer):
    """The last layer has the softmax in it: its output as the probe sees it is not the one that a tape sees."""
    return info.activation is None and getattr(getattr(layer, "activation", None), "__name__", "") in (
        "softmax",
        "sigmoid",
    )


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_equal_those_of_a_tape_at_every_layer(name):
    model = NETWORKS[name]()
    x = entry(model)
    probe = sc.open_probe(model, x)
    field = a_field(probe)
    compared = 0
    for info in probe.layers[1:-1]:
        if name in ENDINGS and info.name in SAME_BODY:
            continue
        layer, call = find_layer(model, info.name)
        if squash_is_inside(info, layer):
            continue
        ours = probe.pullback(info.name, field).gradients
        theirs = tape_gradient(
            model, layer, call, x[None], field=of_the_model(probe, field), ends_with=ends_with(model, probe)
        )
        assert ours.shape == info.shape
        assert theirs.shape in (info.shape, (info.shape[0] * info.shape[1], info.shape[2]))  # a map, or tokens
        assert relative(ours, theirs.reshape(info.shape)) < 1e-5, info.name
        compared += 1
    assert compared


@pytest.mark.parametrize("name", NETWORKS)
def test_the_logits_gradient_is_the_field_itself(name):
    probe = sc.open_probe(model := NETWORKS[name](), entry(model))
    field = a_field(probe)
    gradients = probe.pullback(probe.layers[-1].name, field).gradients
    np.testing.assert_allclose(gradients.reshape(-1), of_the_model(probe, field).reshape(-1), rtol=1e-6, atol=1e-7)


def test_at_the_input_it_is_the_whole_models_gradient():
    model, x = small(), image()
    probe = sc.open_probe(model, x)
    field = a_field(probe)
    with tf.GradientTape() as tape:
        tape.watch(constant := tf.constant(x[None]))
        y = tf.math.log(model(constant, training=False))
        target = tf.reduce_sum(y * field)
    assert relative(probe.pullback("image", field).gradients, tape.gradient(target, constant).numpy()[0]) < 1e-5


def test_a_softmax_that_is_resized_is_taken_out_and_the_logits_are_resized_instead():
    model, x = softmax_then_resize(), image()
    probe = sc.open_probe(model, x)
    field = a_field(probe)
    layer = model.get_layer("dec")
    with tf.GradientTape() as tape:
        a = keras.Model(model.input, layer.output)(x[None])
        tape.watch(a)
        p = model.get_layer("logits")(model.get_layer("halve")(a))
        target = tf.reduce_sum(model.get_layer("resize")(tf.math.log(p)) * field)
    assert relative(probe.pullback("dec", field).gradients, tape.gradient(target, a).numpy()[0]) < 1e-5


def test_outer_products_and_whole_fields_pull_alike():
    probe = sc.open_probe(small(), image())
    mask = (np.random.default_rng(0).random((SIZE, SIZE)) < 0.3).astype(np.float32)
    contrast = np.array([1, -1, 0.5, 0], np.float32)
    for name in ("enc", "deep", "logits"):
        outer = probe.pullback(name, Cotangent(mask, contrast))
        whole = probe.pullback(name, mask[:, :, None] * contrast)
        np.testing.assert_allclose(outer.gradients, whole.gradients, rtol=1e-5, atol=1e-7)
        assert outer.bypass == pytest.approx(whole.bypass, rel=1e-5)


def against_rivals(classes=4, factor=0.5):
    """A field of each pixel's class against its own rival, compact and whole."""
    rng = np.random.default_rng(0)
    contrast = np.zeros(classes, np.float32)
    contrast[1] = factor
    rivals = np.array([0, 2, 3])[rng.integers(0, classes - 1, (SIZE, SIZE))]
    mask = (rng.random((SIZE, SIZE)) < 0.3).astype(np.float32)
    whole = mask[:, :, None] * (contrast - factor * np.eye(classes, dtype=np.float32)[rivals])
    return Cotangent(mask, contrast, rivals=rivals), whole


def test_a_rival_at_each_pixel_pulls_as_the_whole_field():
    probe = sc.open_probe(small(), image())
    compact, field = against_rivals()
    np.testing.assert_array_equal(compact.to_array(), field)
    for name in ("image", "enc", "deep", "logits"):
        ours, theirs = (probe.pullback(name, given) for given in (compact, field))
        np.testing.assert_allclose(ours.gradients, theirs.gradients, rtol=1e-5, atol=1e-7)
        assert ours.bypass == pytest.approx(theirs.bypass, rel=1e-5)
        np.testing.assert_allclose(
            probe.pullback_float32(name, compact).gradients, theirs.gradients, rtol=1e-4, atol=1e-6
        )
    swept = [probe.sweep(given)["deep"].weights for given in (compact, field)]
    np.testing.assert_array_equal(*swept)


def test_a_rival_at_each_pixel_pulls_at_several_points_at_once():
    probe = sc.open_probe(small(), image())
    compact, field = against_rivals()
    at = probe.activations("deep") * np.array([1, 0.5, 2], np.float32)[:, None, None, None]
    ours, theirs = (probe.pullback("deep", given, at).gradients for given in (compact, field))
    assert ours.shape == at.shape
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-7)


def test_the_field_of_a_margin_is_never_whole():
    """What goes into the graph is a mask, an index per pixel and a number per class."""
    probe = sc.open_probe(small(), image())
    seen = []
    pull = probe._pull

    def watched(target, factors, source):
        seen.append([(factor.shape, factor.dtype) for factor in factors])
        return pull(target, factors, source)

    probe._pull = watched
    ex = sc.explain(probe, sc.CamQuery("deep", 1, sc.Everything()))
    assert ex.query.score == "margin"
    assert seen == [[((1, SIZE, SIZE), np.float32), ((1, SIZE, SIZE), np.uint8), ((1, 4), np.float32)]]


def test_the_rivals_are_found_once_a_prediction():
    model = small()
    probe = sc.open_probe(model, image())

    def rivals(c):
        query = resolve(sc.CamQuery("deep", c, sc.Everything()), probe)
        return score_input(probe, query, query.region.rasterize(probe)).rivals

    first = rivals(1)
    assert rivals(1) is first
    assert rivals(2) is not first
    last = model.get_layer("logits")
    last.bias.assign(last.bias - [9, 0, 0, 0])
    assert probe.refresh()
    again = rivals(1)
    assert again is not first
    others = np.where(np.arange(4) == 1, -np.inf, probe.logits)
    np.testing.assert_array_equal(again, others.argmax(-1))


def test_several_fields_at_once_are_the_single_ones():
    probe = sc.open_probe(small(), image())
    fields = np.stack([a_field(probe, seed) for seed in range(3)])
    together = probe.pullback("deep", fields)
    assert together.gradients.shape == (3, 8, 8, 8)
    for i, field in enumerate(fields):
        alone = probe.pullback("deep", field)
        np.testing.assert_allclose(together.gradients[i], alone.gradients, rtol=1e-4, atol=1e-6)
        assert {n: v[i] for n, v in together.bypass.items()} == pytest.approx(alone.bypass, rel=1e-4)


def test_at_other_activations_it_is_linearised_there():
    model, x = small(), image()
    probe = sc.open_probe(model, x)
    field = a_field(probe)
    other = np.abs(np.random.default_rng(8).normal(size=(2, 8, 8, 8))).astype(np.float32)
    skip = probe.activations("enc")
    with tf.GradientTape() as tape:
        tape.watch(a := tf.constant(other))
        joined = model.get_layer("join")([model.get_layer("up")(a), np.stack([skip, skip])])
        target = tf.reduce_sum(model.get_layer("logits")(model.get_layer("dec")(joined)) * field)
    expected = tape.gradient(target, a).numpy()
    both = probe.pullback("deep", field, at=other).gradients
    assert relative(both, expected) < 1e-5
    assert relative(probe.pullback("deep", field, at=other[1]).gradients, expected[1]) < 1e-5


def test_the_parts_add_up_where_nothing_else_carries_the_score():
    """Without biases a ReLU network is its own tangent: <G, A> and what goes round make up the whole score."""
    model = small()
    for layer in model.layers:
        if len(layer.get_weights()) == 2:
            layer.bias.assign(np.zeros(layer.bias.shape))
    probe = sc.open_probe(model, image())
    field = a_field(probe)
    score = float((probe.logits.astype(float) * field).sum())
    for info in probe.layers:
        pulled = probe.pullback(info.name, field)
        carried = float((pulled.gradients.astype(float) * probe.activations(info.name)).sum())
        assert carried + sum(pulled.bypass.values()) == pytest.approx(score, rel=1e-4)
    assert set(probe.pullback("deep", field).bypass) == {"enc"}
    assert set(probe.pullback("pool", field).bypass) == {"enc"}
    assert probe.pullback("enc", field).bypass == {}


def test_replay_is_the_model():
    model, x = small(), image()
    probe = sc.open_probe(model, x)
    np.testing.assert_allclose(probe.replay("image", x), probe.logits, atol=1e-5)
    others = np.random.default_rng(9).normal(size=(3, SIZE, SIZE, 3)).astype(np.float32)
    logits = probe.replay("image", others)
    np.testing.assert_allclose(tf.nn.softmax(logits), model(others, training=False), atol=1e-5)
    for info in probe.layers:
        np.testing.assert_allclose(probe.replay(info.name, probe.activations(info.name)), probe.logits, atol=1e-5)
    silenced = probe.activations("dec") * 0
    bias = model.get_layer("logits").get_weights()[1]
    np.testing.assert_allclose(probe.replay("dec", silenced), np.broadcast_to(bias, (SIZE, SIZE, 4)), atol=1e-6)


@pytest.mark.parametrize("depth", ["enc", "deep", "dec"])
def test_float64_networks_are_computed_in_float64(depth):
    with _policy("float64"):
        model = small(dtype="float64")
    x = image()
    probe = sc.open_probe(model, x)
    field = a_field(probe)
    theirs = tape_gradient(
        model, model.get_layer(depth), 1, x[None].astype(np.float64), field=field, ends_with="softmax"
    )
    assert theirs.dtype == np.float64
    assert relative(probe.pullback(depth, field).gradients, theirs) < 3e-7


class _policy:
    """The global dtype policy for the length of a block."""

    def __init__(self, name):
        self._name = name

    def __enter__(self):
        self._before = keras.config.dtype_policy()
        keras.config.set_dtype_policy(self._name)

    def __exit__(self, *_):
        keras.config.set_dtype_policy(self._before)


def in_half_precision(**options):
    """The same weights twice: float32, and float16 with float32 variables."""
    wide = small(**options)
    with _policy("mixed_float16"):
        half = small(**options)
    half.set_weights(wide.get_weights())
    return wide, half


@pytest.mark.parametrize("end", ["softmax", "fused softmax", "none"])
def test_half_precision_networks_have_the_gradients_of_full_precision(end):
    wide, half = in_half_precision(end=end)
    full, rough = sc.open_probe(wide, image()), sc.open_probe(half, image())
    assert rough.logits.dtype == np.float32
    np.testing.assert_allclose(rough.logits, full.logits, atol=0.02)
    field = a_field(full)
    for name in ("enc", "deep", "dec"):
        assert relative(rough.pullback(name, field).gradients, full.pullback(name, field).gradients) < 0.01


@pytest.mark.parametrize("loudness", [1e-9, 1e-4, 1.0, 1e4])
def test_half_precision_gradients_neither_vanish_nor_overflow(loudness):
    """A mean over 60 000 pixels has a field of 1e-5: float16 would round its gradients to zero."""
    wide, half = in_half_precision()
    full, rough = sc.open_probe(wide, image()), sc.open_probe(half, image())
    contrast = loudness * np.array([1, -0.25, -0.5, -0.25], np.float32)
    mask = np.ones((SIZE, SIZE), np.float32)
    for name in ("enc", "deep", "dec"):
        ours, theirs = (p.pullback(name, Cotangent(mask, contrast)) for p in (rough, full))
        assert relative(ours.gradients, theirs.gradients) < 0.01
        assert ours.bypass == pytest.approx(theirs.bypass, rel=0.02)
        dense = rough.pullback(name, mask[:, :, None] * contrast)
        assert relative(dense.gradients, theirs.gradients) < 0.01
        compact, field = against_rivals(factor=loudness)
        ours, theirs = rough.pullback(name, compact), full.pullback(name, field)
        assert relative(ours.gradients, theirs.gradients) < 0.01
