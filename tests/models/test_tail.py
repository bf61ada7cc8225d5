"""What kind of network follows a layer: steps without a gradient, and branches whose weight is zero."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import segcam_widgets as sc

pytestmark = pytest.mark.keras
X = np.random.default_rng(0).random((16, 16, 3)).astype("f")


def conv(x, filters, name, **more):
    more = {"padding": "same", "activation": "relu"} | more
    return layers.Conv2D(filters, 3, name=name, kernel_initializer=keras.initializers.HeNormal(7), **more)(x)


def cascade(gate):
    """A first stage whose mask, through `gate`, is an input of the second."""
    image = keras.Input((16, 16, 3), name="image")
    mask = conv(conv(image, 4, "stage1"), 1, "mask", activation="sigmoid")
    gated = layers.Lambda(gate, output_shape=(16, 16, 1), name="gate")(mask)
    x = conv(layers.Concatenate(name="join")([image, gated]), 4, "stage2")
    return sc.open_probe(keras.Model(image, conv(x, 2, "logits", activation=None)), X)


def steps(t):
    return tf.one_hot(tf.argmax(tf.concat([t, 1 - t], -1), -1), 1)


LOSING = {
    "a threshold": (lambda t: tf.cast(t > 0.5, tf.float32), "Greater"),
    "round": (tf.round, "Round"),
    "floor": (tf.floor, "Floor"),
    "sign": (lambda t: tf.sign(t - 0.5), "Sign"),
    "argmax": (steps, "ArgMax"),
    "whole numbers": (lambda t: tf.cast(tf.cast(t * 9, tf.int32), tf.float32), "Cast"),
    "a stopped gradient": (tf.stop_gradient, "StopGradient"),
    "numpy": (lambda t: tf.ensure_shape(tf.numpy_function(lambda a: a, [t], tf.float32), (None, 16, 16, 1)), "PyFunc"),
    "rounding what is normed": (lambda t: tf.round(t / tf.stop_gradient(tf.reduce_max(t))), "Round"),
}
"""What is done to the mask, and the operation that the gradient ends at."""

PASSING = {
    "a norm that stops a gradient inside": lambda t: t / tf.stop_gradient(tf.reduce_max(t) + 1),
    "a straight-through estimator": lambda t: t + tf.stop_gradient(tf.round(t) - t),
    "a mask by hand": lambda t: t * tf.cast(t > 0.5, t.dtype),
    "python code with a gradient": lambda t: tf.ensure_shape(tf.py_function(lambda a: 2 * a, [t], tf.float32), (None, 16, 16, 1)),
    "a function compiled by itself": tf.function(lambda t: tf.where(t > 0.5, t, 2 * t)),
}  # fmt: skip


@pytest.mark.parametrize("name", LOSING)
def test_a_step_without_gradient_is_named_with_its_operation(name):
    gate, operation = LOSING[name]
    probe = cascade(gate)
    assert dict(probe.tail("stage1").no_gradient) == {"gate": operation}
    assert not np.any(probe.pullback("stage1", np.ones(probe.logits.shape)).gradients)
    assert probe.tail("stage2").no_gradient == {}


@pytest.mark.parametrize("name", PASSING)
def test_a_step_that_passes_a_gradient_on_another_way_is_none(name):
    probe = cascade(PASSING[name])
    assert probe.tail("stage1").no_gradient == {}
    assert np.any(probe.pullback("stage1", np.ones(probe.logits.shape)).gradients)


def test_an_operation_that_tensorflow_knows_no_gradient_of():
    image = keras.Input((16, 16, 3), name="image")
    x = conv(image, 4, "feat")
    x = layers.Lambda(lambda t: tf.image.resize(t, (8, 8), "area"), output_shape=(8, 8, 4), name="shrink")(x)
    probe = sc.open_probe(keras.Model(image, conv(conv(x, 4, "after"), 3, "logits", activation=None)), X)
    assert probe.tail("feat").no_gradient == {"shrink": "ResizeArea"}
    assert probe.tail("after").no_gradient == {}


def test_a_call_of_the_authors_own():
    class Cascade(keras.Model):
        def __init__(self):
            super().__init__()
            self.first, self.head = layers.Conv2D(2, 3, padding="same"), layers.Conv2D(2, 1)

        def call(self, image):
            return self.head(tf.concat([image, tf.round(self.first(image))], -1))

    probe = sc.open_probe(Cascade(), X)
    (operation,) = probe.tail("first").no_gradient.values()
    assert operation == "Round"
    assert probe.tail("image").no_gradient == {}  # it also goes round


# ------------------------------------------------------------------ weights that are zero


class Gamma(layers.Layer):
    """A factor that is learned, and begins at zero."""

    def build(self, shape):
        self.gamma = self.add_weight(shape=(), initializer="zeros", name="gamma")

    def call(self, x):
        return x * self.gamma


def branch(scale):
    image = keras.Input((16, 16, 3), name="image")
    feat = conv(image, 6, "feat")
    side = scale(conv(feat, 6, "side"))
    return keras.Model(image, conv(layers.Add(name="sum")([feat, side]), 3, "logits", activation=None))


SCALES = {
    "a gamma": lambda: Gamma(name="scale"),
    "batch norm": lambda: layers.BatchNormalization(gamma_initializer="zeros", name="scale"),
    "a kernel": lambda: layers.Conv2D(6, 3, padding="same", kernel_initializer="zeros", name="scale"),
    "a dense kernel": lambda: layers.Dense(6, kernel_initializer="zeros", bias_initializer="ones", name="scale"),
    "a transposed kernel": lambda: layers.Conv2DTranspose(6, 1, kernel_initializer="zeros", name="scale"),
    "a depthwise kernel": lambda: layers.DepthwiseConv2D(3, padding="same", depthwise_initializer="zeros", name="scale"),
}  # fmt: skip


@pytest.mark.parametrize("name", SCALES)
def test_a_branch_whose_weight_is_zero(name):
    model = branch(SCALES[name]())
    probe = sc.open_probe(model, X)
    assert probe.tail("side").zero_weights == ("scale",)
    assert probe.tail("feat").zero_weights == ()  # the other path is open
    assert probe.tail("scale").zero_weights == ()
    assert not np.any(probe.pullback("side", np.ones(probe.logits.shape)).gradients)
    weight = model.get_layer("scale").weights[0]
    weight.assign(np.zeros(weight.shape, "f") + np.eye(1, int(np.prod(weight.shape)), dtype="f").reshape(weight.shape))
    assert probe.tail("side").zero_weights == ()
    weight.assign(np.zeros(weight.shape, "f"))
    assert list(probe.tail("side").zero_weights) == ["scale"]


def test_two_branches_must_both_be_zero():
    image = keras.Input((16, 16, 3), name="image")
    feat = conv(image, 6, "feat")
    one, two = Gamma(name="one"), Gamma(name="two")
    x = layers.Add()([one(feat), two(conv(feat, 6, "side")), image @ np.ones((3, 6), "f")])
    probe = sc.open_probe(keras.Model(image, conv(x, 3, "logits", activation=None)), X)
    assert probe.tail("feat").zero_weights == ("one", "two")
    two.gamma.assign(1.0)
    assert probe.tail("feat").zero_weights == ()


def test_some_channels_at_zero_are_no_zero_weight():
    model = branch(layers.BatchNormalization(name="scale"))
    gamma = model.get_layer("scale").gamma
    gamma.assign([0, 0, 0, 0, 0, 1e-3])
    assert sc.open_probe(model, X).tail("side").zero_weights == ()
