"""A model without a graph in half precision: its gradients are those of full precision, as well as a graph's are."""

import contextlib

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import segcam_widgets as sc
from tests.diagnosis.outcomes import not_applicable
from tests.models.networks import CLASSES, SIZE, Seeds, image, small
from tests.models.reference import relative
from tests.models_zoo.subclassed import Attending, Net, unsettled

pytestmark = pytest.mark.keras


@contextlib.contextmanager
def policy(name):
    """The global dtype policy for the length of a block."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def halved(build, name="mixed_float16"):
    """A network, and one of the same weights that computes in 16 bits."""
    wide = unsettled(build())
    with policy(name):
        half = build()
        half(np.zeros((1, SIZE, SIZE, 3), np.float32))
    half.set_weights(wide.get_weights())
    return wide, half


def a_field(probe, seed=4):
    return np.random.default_rng(seed).normal(size=probe.logits.shape).astype(np.float32)


class Around(keras.Model):
    """A graph inside a `call` of one's own: the same layers, traced."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def call(self, x):
        return self.inner(x)


class Looping(keras.Model):
    """A loop and a branch of TensorFlow's own between the layers."""

    def __init__(self):
        super().__init__()
        seeds = Seeds(9400)
        self.conv, self.classify = seeds.conv(6), seeds.conv(CLASSES, 1, activation="softmax")

    def call(self, x):
        x = self.conv(x)
        _, x = tf.while_loop(lambda i, _: i < 3, lambda i, t: (i + 1, tf.tanh(t) + 0.5 * t), (0, x))
        x = tf.cond(tf.reduce_mean(x) > 0.0, lambda: 2 * x, lambda: -x)
        return self.classify(x)


class Between(keras.Model):
    """A function of TensorFlow's between two layers."""

    def __init__(self, function, kernel_initializer="glorot_uniform"):
        super().__init__()
        self.features = layers.Conv2D(4, 3, padding="same", activation="relu")
        self.tiny = layers.Conv2D(4, 1, kernel_initializer=kernel_initializer)
        self.head = layers.Conv2D(3, 1, kernel_initializer=kernel_initializer, bias_initializer="ones")
        self.function = function

    def call(self, x):
        return tf.nn.softmax(self.head(self.function(self.tiny(self.features(x)))))


# ------------------------------------------------------------------ the gradients


@pytest.mark.parametrize("end", ["softmax", "fused softmax", "none"])
def test_its_gradients_are_as_near_to_full_precision_as_a_graphs(end):
    wide, half = halved(lambda: small(end=end))
    full, graph, traced = (sc.open_probe(model, image()) for model in (wide, half, Around(half)))
    field = a_field(full)
    for name in ("enc", "deep", "dec"):
        exact = full.pullback(name, field).gradients
        for ask in ("pullback", "pullback_float32"):
            of_graph = relative(getattr(graph, ask)(name, field).gradients, exact)
            ours = relative(getattr(traced, ask)(name, field).gradients, exact)
            assert ours < max(1.5 * of_graph, 1e-6), (name, ask)
            assert ours < 0.01, (name, ask)


@pytest.mark.parametrize("loudness", [1e-9, 1e-4, 1e4])
def test_they_neither_vanish_nor_overflow(loudness):
    wide, half = halved(small)
    full, traced = sc.open_probe(wide, image()), sc.open_probe(Around(half), image())
    field = loudness * a_field(full)
    for name in ("enc", "deep", "dec"):
        exact = full.pullback(name, field)
        for ours in (traced.pullback(name, field), traced.pullback_float32(name, field)):
            assert relative(ours.gradients, exact.gradients) < 0.01
            assert list(ours.bypass.values()) == pytest.approx(list(exact.bypass.values()), rel=0.02)


@pytest.mark.parametrize("build", [Net, Looping, Attending])
@pytest.mark.parametrize("name", ["mixed_float16", "mixed_bfloat16"])
def test_from_the_image_on_32_bits_are_those_of_the_wide_network(build, name):
    """All of the network is the tail there, and nothing of 16 bits goes in: lists, loops, branches, tokens, constants."""
    wide, half = halved(build, name)
    full, traced = sc.open_probe(wide, image()), sc.open_probe(half, image())
    assert traced.tail("image").half_precision
    field = a_field(full)
    ours, exact = traced.pullback_float32("image", field), full.pullback("image", field)
    assert relative(ours.gradients, exact.gradients) < (1e-3 if build is Looping else 1e-6)  # 0.5 * t may be rounded


def test_variables_of_16_bits_are_read_as_they_are():
    wide, half = halved(lambda: Between(tf.identity), "float16")
    wide.set_weights(half.get_weights())  # rounded
    full, traced = sc.open_probe(wide, image()), sc.open_probe(half, image())
    field = a_field(full)
    ours, exact = traced.pullback_float32("image", field), full.pullback("image", field)
    assert relative(ours.gradients, exact.gradients) < 1e-6


def test_new_weights_are_seen():
    _, half = halved(lambda: Between(tf.identity))
    probe = sc.open_probe(half, image())
    field = a_field(probe)
    before = probe.pullback_float32("features", field).gradients
    half.head.kernel.assign(2 * half.head.kernel)
    np.testing.assert_allclose(probe.pullback_float32("features", field).gradients, 2 * before, rtol=1e-5)


# ------------------------------------------------------------------ what is said of it


def test_a_gradient_lost_in_16_bits_is_found_in_32():
    """Two layers of tiny weights: each survives in 16 bits, their product does not."""
    wide, half = halved(lambda: Between(tf.identity, keras.initializers.RandomNormal(stddev=3e-5, seed=1)))
    query = sc.CamQuery("features", 0, sc.Everything())
    probe = sc.open_probe(half, image())
    finding = sc.diagnose(probe, query).headline
    assert finding.code == "SC209"
    exact = np.abs(sc.explain(sc.open_probe(wide, image()), query).gradients).max()
    assert exact > 0
    assert finding.evidence["largest_gradient_float32"] == pytest.approx(exact, rel=1e-2)


@tf.custom_gradient
def reversed_gradient(x):
    return tf.identity(x), lambda gradient: -gradient


def its_bits(x):
    return x + tf.stop_gradient(tf.cast(tf.bitcast(x, tf.int16) % 2, x.dtype))


@pytest.mark.parametrize(
    ("function", "words"), [(reversed_gradient, "a gradient of its own"), (its_bits, "bit by bit")]
)
def test_what_is_not_the_same_in_32_bits_is_said(function, words):
    with policy("mixed_float16"):
        model = Between(function, keras.initializers.RandomNormal(stddev=3e-5, seed=1))
    probe = sc.open_probe(model, image())
    with pytest.raises(sc.UnsupportedModelError, match=words) as caught:
        probe.pullback_float32("features", a_field(probe))
    assert str(caught.value).startswith("`layer` is followed by '")
    said = not_applicable(sc.diagnose(probe, sc.CamQuery("features", 0, sc.Everything())), "SC209")
    assert said == f"the gradient could not be computed in 32 bits: {caught.value}"
    assert probe.pullback_float32("head", a_field(probe)).gradients.any()  # nothing of that kind follows


def test_a_loop_that_reads_variables_of_16_bits_is_said():
    with policy("float16"):
        model = Between(tf.identity)
        model.function = lambda x: tf.while_loop(lambda i, _: i < 2, lambda i, t: (i + 1, t * model.scale), (0, x))[1]
        model.scale = model.add_weight(shape=(), initializer="ones")
    probe = sc.open_probe(model, image())
    with pytest.raises(sc.UnsupportedModelError, match="variables of 16 bits in a loop"):
        probe.pullback_float32("features", a_field(probe))


def test_a_call_that_writes_to_variables_of_16_bits_is_said():
    with policy("float16"):
        model = Between(tf.identity)
        model.seen = model.add_weight(shape=(), initializer="zeros", trainable=False)
        model.function = lambda x: x + model.seen.value.assign_add(0.0)
    probe = sc.open_probe(model, image())
    with pytest.raises(sc.UnsupportedModelError, match="writes to variables of 16 bits"):
        probe.pullback_float32("features", a_field(probe))


def test_a_network_of_32_bits_is_run_as_it_is():
    probe = sc.open_probe(unsettled(Net()), image())
    field = a_field(probe)
    for name in ("image", "blocks_1", "head"):
        wide, plain = probe.pullback_float32(name, field), probe.pullback(name, field)
        assert relative(wide.gradients, plain.gradients) < 1e-5
