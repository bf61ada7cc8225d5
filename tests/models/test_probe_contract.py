"""What the protocol promises, of Keras models: functional, nested, with one sigmoid, in 16 and in 64 bits, subclassed."""

import functools

import keras
import numpy as np
import pytest
from keras import layers

import segcam_widgets as sc
from tests.core.probe_contract import ProbeContract
from tests.models.networks import SIZE, Seeds, body, image, nested, small

pytestmark = pytest.mark.keras


def opened(model, **more):
    found = sc.open_probe(model, image(), **more).labels
    return sc.open_probe(model, image(), truth=np.maximum(found, 0), **more)


def with_a_dead_end():
    seeds = Seeds()
    inputs = keras.Input((SIZE, SIZE, 3), name="image")
    x = body(inputs, seeds)
    aside = seeds.conv(2, name="aside")(x)
    x = seeds.conv(4, 1, activation=None, name="logits")(x)
    return keras.Model(inputs, [layers.Softmax(name="softmax")(x), aside])


def without_biases():
    seeds = Seeds()
    conv = functools.partial(seeds.conv, use_bias=False)
    inputs = keras.Input((SIZE, SIZE, 3), name="image")
    first = conv(6, name="enc")(layers.Rescaling(8.0, name="louder")(inputs))
    pooled = layers.AveragePooling2D(2, name="pool")(first)
    deep = layers.ReLU(6.0, name="full")(conv(8, activation=None, name="deep")(pooled))
    joined = layers.Concatenate(name="join")([layers.UpSampling2D(2, name="up")(deep), first])
    return sc.open_probe(keras.Model(inputs, conv(4, 1, activation=None, name="logits")(joined)), image())


class TestFunctional(ProbeContract):
    disconnected = "aside"
    opened_without_biases = staticmethod(without_biases)

    @staticmethod
    def opened():
        return opened(with_a_dead_end())

    @staticmethod
    def retrained():
        model = small()
        layer = model.get_layer("enc")
        change = lambda: layer.set_weights([2 * values + 0.1 for values in layer.get_weights()])  # noqa: E731
        return sc.open_probe(model, image()), change


class TestNested(ProbeContract):
    opened_without_biases = staticmethod(without_biases)

    @staticmethod
    def opened():
        return opened(nested())


class TestOneSigmoid(ProbeContract):
    opened_without_biases = staticmethod(without_biases)

    @staticmethod
    def opened():
        return opened(small("sigmoid", classes=1))


class TestMultilabel(ProbeContract):
    opened_without_biases = staticmethod(without_biases)

    @staticmethod
    def opened():
        return opened(small("sigmoid"))


class TestFloat64(ProbeContract):
    opened_without_biases = staticmethod(without_biases)

    @staticmethod
    def opened():
        kept = keras.config.dtype_policy()
        keras.config.set_dtype_policy("float64")
        try:
            model = small("none", dtype="float64")
        finally:
            keras.config.set_dtype_policy(kept)
        assert model.get_layer("deep").output.dtype == "float64"
        return opened(model)


class WithoutGraph(keras.Model):
    """A call of the author's own: there is no graph until it is traced."""

    def __init__(self):
        super().__init__()
        seeds = Seeds(40)
        self.down, self.deep = seeds.conv(6, name="down"), seeds.conv(8, name="deep")
        self.pool, self.up = layers.MaxPooling2D(name="pool"), layers.UpSampling2D(2, name="up")
        self.head = seeds.conv(4, 1, activation=None, name="logits")

    def call(self, x):
        first = self.down(x)
        return keras.ops.softmax(self.head(keras.ops.concatenate([self.up(self.deep(self.pool(first))), first], -1)))


class TestSubclassed(ProbeContract):
    opened_without_biases = staticmethod(without_biases)

    @staticmethod
    def opened():
        return opened(WithoutGraph())
