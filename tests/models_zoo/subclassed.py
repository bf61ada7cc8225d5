"""Models without a graph, as people write them: a `call` of their own, with and without Keras's own operations."""

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from tests.models.networks import CLASSES, SIZE, Seeds


class Block(layers.Layer):
    """Two convolutions and a shortcut that is added without a layer."""

    def __init__(self, filters, seeds, **options):
        super().__init__(**options)
        self.first, self.second = seeds.conv(filters), seeds.conv(filters, activation=None)
        self.norm = layers.BatchNormalization()
        self.drop = layers.Dropout(0.5)

    def call(self, x, training=None):
        y = self.norm(self.second(self.drop(self.first(x), training=training)), training=training)
        return tf.nn.relu(y + x)


class Net(keras.Model):
    """Lists and dictionaries of layers, a model in the model, TensorFlow's own operations, a Python loop."""

    def __init__(self, end="softmax", **options):
        super().__init__(**options)
        seeds = Seeds(9000)
        self.stem = seeds.conv(6)
        self.blocks = [Block(6, seeds), Block(6, seeds)]
        self.pool = layers.MaxPooling2D()
        self.deep = keras.Sequential([seeds.conv(8), seeds.conv(6)])
        self.sides = {"left": seeds.conv(4), "right": seeds.conv(4, 1)}
        self.head = seeds.conv(
            CLASSES, 1, activation=end.removeprefix("fused ") if end.startswith("fused") else None, name="head"
        )
        self.end = end
        self.kept = "nothing"

    def call(self, inputs, training=None):
        x = skip = self.stem(inputs)
        for block in self.blocks:
            x = block(x, training=training)
        x = self.deep(self.pool(x))
        x = tf.cast(tf.image.resize(x, (inputs.shape[1], inputs.shape[2])), skip.dtype)
        x = tf.concat([x, skip], -1)
        self.kept = x  # as people do, to look at it later
        x = tf.concat([self.sides["left"](x), self.sides["right"](x)], -1)
        y = self.head(x)
        return {"softmax": tf.nn.softmax, "sigmoid": tf.sigmoid}.get(self.end, tf.identity)(y)


class Branching(keras.Model):
    """Decides by the values of tensors, in Python: it runs eagerly alone."""

    def __init__(self):
        super().__init__()
        self.conv = Seeds(9100).conv(CLASSES, 1, activation="softmax")

    def call(self, x):
        return self.conv(-x if float(tf.reduce_mean(x)) > 0 else x)


class Looping(keras.Model):
    """A branch and a loop of TensorFlow's own, a shared layer, several outputs by name, and layers in a plain object."""

    def __init__(self):
        super().__init__()
        seeds = Seeds(9200)
        self.conv, self.aux = seeds.conv(6), seeds.conv(2, 1, activation="sigmoid")
        self.shared = seeds.conv(6)
        self.classify = seeds.conv(CLASSES, 1, activation="softmax")

    def call(self, x):
        x = self.shared(self.shared(self.conv(x)))
        _, x = tf.while_loop(lambda i, _: i < 2, lambda i, t: (i + 1, tf.tanh(t) + 0.3 * t), (0, x))
        x = tf.cond(tf.reduce_sum(x) > 1e9, lambda: x, lambda: 2 * x)
        return {"segments": self.classify(x), "aux": self.aux(x)}


class Attending(keras.Model):
    """Tokens and attention in the middle."""

    def __init__(self):
        super().__init__()
        seeds = Seeds(9300)
        self.embed = seeds.conv(8, 4, strides=4, activation=None)
        self.norm = layers.LayerNormalization()
        self.attention = layers.MultiHeadAttention(2, 4, kernel_initializer=seeds())
        self.mlp = layers.Dense(8, "gelu", kernel_initializer=seeds())
        self.classify = seeds.conv(CLASSES, 1, activation=None)
        self.up = layers.UpSampling2D(4, interpolation="bilinear")

    def call(self, x):
        x = self.embed(x)
        tokens = self.norm(tf.reshape(x, (-1, x.shape[1] * x.shape[2], 8)))
        tokens = self.mlp(tokens + self.attention(tokens, tokens))
        return self.up(self.classify(tf.reshape(tokens, (-1, x.shape[1], x.shape[2], 8))))


def unsettled(model, size=SIZE):
    """Built, with moving statistics that are not those of the batch."""
    model(np.zeros((1, size, size, 3), np.float32))
    rng = np.random.default_rng(7)
    for layer in model._flatten_layers():
        if isinstance(layer, layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 2, weight.shape) for weight in layer.get_weights()])
    return model
