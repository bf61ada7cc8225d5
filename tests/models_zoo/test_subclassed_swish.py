"""Swish in a model without a graph: TensorFlow's own gradient of it cannot be copied, and need not be."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import segcam_widgets as sc
from tests.models.networks import SIZE, Seeds, image
from tests.models.reference import relative

pytestmark = pytest.mark.keras


def in_a_loop(x):
    return tf.while_loop(lambda i, _: i < 2, lambda i, t: (i + 1, tf.nn.silu(t)), (0, x))[1]


SWISHES = {
    "TensorFlow's": tf.nn.silu,
    "with a beta": lambda x: tf.nn.silu(x, 1.7),
    "Keras's": keras.ops.silu,
    "a layer": layers.Activation("swish"),
    "in a loop": in_a_loop,
}


class Net(keras.Model):
    def __init__(self, function):
        super().__init__()
        seeds = Seeds(9500)
        self.first = seeds.conv(4, activation=None)
        self.second = seeds.conv(4, activation="silu")
        self.head = seeds.conv(3, 1, activation=None)
        self.function = function

    def call(self, x):
        return self.head(self.second(self.function(self.first(x))))


@pytest.mark.parametrize("name", SWISHES)
def test_its_gradient_is_that_of_a_tape(name):
    model, x = Net(SWISHES[name]), image()
    probe = sc.open_probe(model, x)
    rng = np.random.default_rng(4)
    field = rng.normal(size=probe.logits.shape).astype(np.float32)
    with tf.GradientTape() as tape:
        features = model.first(x[None])
        tape.watch(features)
        logits = model.head(model.second(model.function(features)))
    exact = tape.gradient(logits, features, field[None])[0].numpy()
    assert relative(probe.pullback("first", field).gradients, exact) < 1e-5
    assert relative(probe.sweep(field)["first"].weights, exact.mean((0, 1))) < 1e-5
    if name != "in a loop":  # loops are not differentiated forwards
        tangent = rng.normal(size=exact.shape).astype(np.float32)
        pushed = probe.pushforward("first", tangent)
        assert float((pushed * field).sum()) == pytest.approx(float((tangent * exact).sum()), rel=1e-3, abs=1e-3)


@tf.custom_gradient
def straight_through(x):
    return tf.round(x), lambda gradient: 2 * gradient


def test_another_gradient_of_ones_own_is_kept():
    model, x = Net(straight_through), image()
    probe = sc.open_probe(model, x)
    field = np.random.default_rng(4).normal(size=probe.logits.shape).astype(np.float32)
    with tf.GradientTape() as tape:
        features = model.first(x[None])
        tape.watch(features)
        logits = model.head(model.second(model.function(features)))
    exact = tape.gradient(logits, features, field[None])[0].numpy()
    assert exact.shape == (SIZE, SIZE, 4)
    assert relative(probe.pullback("first", field).gradients, exact) < 1e-5


def test_in_half_precision_it_has_a_gradient_in_32_bits():
    wide = Net(tf.nn.silu)
    wide(image()[None])
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        half = Net(tf.nn.silu)
    finally:
        keras.config.set_dtype_policy(before)
    half(image()[None])
    half.set_weights(wide.get_weights())
    full, probe = sc.open_probe(wide, image()), sc.open_probe(half, image())
    field = np.random.default_rng(4).normal(size=full.logits.shape).astype(np.float32)
    exact = full.pullback("image", field).gradients
    assert relative(probe.pullback("image", field).gradients, exact) < 0.01
    assert relative(probe.pullback_float32("image", field).gradients, exact) < 1e-5
