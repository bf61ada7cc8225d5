"""Small seeded networks, one a family: what the layers after a cut may be made of."""

import keras
import numpy as np
import tensorflow as tf
from keras import layers

SIZE, BANDS, CLASSES = 16, 3, 4


class PyramidPooling(keras.layers.Layer):
    """Branches of different resolutions inside one layer, resized and joined: no graph shows what happens in here."""

    def __init__(self, filters, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.same = layers.Conv2D(filters, 1, use_bias=True, bias_initializer="random_normal")
        self.wide = layers.Conv2D(filters, 3, strides=2, padding="same", bias_initializer="random_normal")
        self.norm = layers.BatchNormalization(beta_initializer="random_normal")
        self.resize = layers.Resizing(1, 1)

    def build(self, shape):
        self.resize = layers.Resizing(shape[1], shape[2], interpolation="bilinear")
        self.same.build(shape)
        self.wide.build(shape)
        self.norm.build((None, None, None, self.filters))

    def call(self, x):
        coarse = keras.ops.relu(self.norm(self.wide(x)))
        return keras.ops.concatenate([self.same(x), self.resize(coarse)], -1)

    def compute_output_shape(self, shape):
        return (*shape[:-1], 2 * self.filters)


def conv(filters, x, size=3, activation="relu", **kwargs):
    kwargs = {"padding": "same", "bias_initializer": "random_normal", **kwargs}
    return layers.Conv2D(filters, size, activation=activation, **kwargs)(x)


def norm(x, **kwargs):
    return layers.BatchNormalization(
        beta_initializer="random_normal", gamma_initializer=keras.initializers.RandomUniform(0.5, 1.5),
        moving_mean_initializer="random_normal", moving_variance_initializer=keras.initializers.RandomUniform(0.5, 2),
        **kwargs,
    )(x)  # fmt: skip


def entry():
    return keras.Input((SIZE, SIZE, BANDS), name="image")


def unet():
    x = image = entry()
    skip = x = layers.ReLU(name="top")(norm(conv(6, x, activation=None)))
    x = layers.MaxPooling2D(2)(x)
    x = conv(8, x, name="bottom")
    x = layers.UpSampling2D(2, name="up")(x)
    x = layers.Concatenate(name="join")([x, skip])
    x = conv(5, x, name="last")
    return keras.Model(image, layers.Softmax()(conv(CLASSES, x, 1, None, name="logits")))


def fused_transposed():
    x = image = entry()
    x = conv(8, x, strides=2, name="feat")
    x = layers.Conv2DTranspose(2, 2, strides=2, bias_initializer="random_normal", name="transposed")(x)
    x = layers.LeakyReLU(name="leaky")(x)
    return keras.Model(image, conv(CLASSES, x, 1, "softmax", name="logits"))


def resized(interpolation, **kwargs):
    x = image = entry()
    x = conv(6, x, strides=2, name="feat")
    x = layers.Resizing(10, 12, interpolation=interpolation, name="first", **kwargs)(x)
    x = conv(5, x, name="between")
    x = layers.Resizing(SIZE, SIZE, interpolation=interpolation, name="second", **kwargs)(x)
    return keras.Model(image, conv(CLASSES, x, 1, None, name="logits"))


def upsampled(interpolation):
    x = image = entry()
    x = conv(6, x, strides=2, name="feat")
    x = conv(CLASSES, x, name="between", activation=None)
    return keras.Model(image, layers.UpSampling2D(2, interpolation=interpolation, name="up")(x))


def pyramid():
    x = image = entry()
    x = conv(6, x, name="feat")
    x = PyramidPooling(4, name="pyramid")(x)
    return keras.Model(image, conv(CLASSES, x, 1, None, name="logits"))


def resize_in_lambda():
    x = image = entry()
    x = conv(6, x, strides=2, name="feat")
    x = layers.Lambda(lambda t: tf.image.resize(t, (SIZE, SIZE), antialias=True), name="free")(x)
    return keras.Model(image, conv(CLASSES, x, 1, None, name="logits"))


def mobile():
    x = image = entry()
    first = x = conv(6, x, activation="relu6", name="feat")
    x = layers.DepthwiseConv2D(3, padding="same", bias_initializer="random_normal", name="depthwise")(x)
    x = layers.ReLU(6, name="six")(norm(x))
    x = layers.Conv2D(6, 1, name="project")(x)
    x = layers.Add(name="sum")([x, first])
    x = layers.AveragePooling2D(2, name="pool")(x)
    x = layers.Resizing(SIZE, SIZE, interpolation="nearest", name="back")(x)
    return keras.Model(image, conv(CLASSES, x, 1, None, name="logits"))


def attention():
    x = image = entry()
    x = conv(8, x, strides=4, activation="gelu", name="feat")
    tokens = layers.LayerNormalization(name="normed")(layers.Reshape((16, 8))(x))
    tokens = layers.Add()([tokens, layers.MultiHeadAttention(2, 4, name="heads")(tokens, tokens)])
    x = layers.Reshape((4, 4, 8), name="grid")(tokens)
    x = conv(CLASSES, x, 1, None, name="scores")
    return keras.Model(image, layers.UpSampling2D(4, interpolation="bilinear")(x))


def gated():
    x = image = entry()
    x = conv(6, x, name="feat")
    gate = layers.Dense(6, activation="sigmoid", name="gate")(layers.GlobalAveragePooling2D(keepdims=True)(x))
    x = layers.Multiply(name="gated")([x, gate])
    return keras.Model(image, conv(CLASSES, x, 1, None, name="logits"))


def nested_and_shared():
    inner_in = keras.Input((SIZE, SIZE, 6))
    inner = keras.Model(inner_in, conv(6, conv(5, inner_in, name="first"), name="second"), name="block")
    image = entry()
    x = conv(6, image, name="feat")
    x = layers.Add(name="sum")([inner(x), x])
    x = inner(x)
    return keras.Model(image, conv(CLASSES, x, 1, None, name="logits"))


def flat_output():
    x = image = entry()
    x = conv(6, x, name="feat")
    x = layers.Reshape((SIZE * SIZE, CLASSES))(conv(CLASSES, x, 1, None, name="logits"))
    return keras.Model(image, layers.Softmax()(x))


def one_sigmoid():
    x = image = entry()
    x = conv(6, x, name="feat")
    return keras.Model(image, conv(1, x, 1, "sigmoid", name="logits"))


def many_sigmoids():
    x = image = entry()
    x = conv(6, x, name="feat")
    return keras.Model(image, conv(CLASSES, x, 1, "sigmoid", name="logits"))


ARCHITECTURES = {
    "unet": unet,
    "fused softmax, transposed convolution": fused_transposed,
    "resizing nearest": lambda: resized("nearest"),
    "resizing bilinear": lambda: resized("bilinear"),
    "resizing bicubic": lambda: resized("bicubic"),
    "resizing lanczos3": lambda: resized("lanczos3"),
    "resizing, antialias": lambda: resized("bilinear", antialias=True),
    "resizing, crop to aspect": lambda: resized("bilinear", crop_to_aspect_ratio=True),
    "upsampling nearest": lambda: upsampled("nearest"),
    "upsampling bilinear": lambda: upsampled("bilinear"),
    "upsampling bicubic": lambda: upsampled("bicubic"),
    "upsampling lanczos5": lambda: upsampled("lanczos5"),
    "a resize inside a custom layer": pyramid,
    "a resize inside a Lambda": resize_in_lambda,
    "depthwise, relu6, nearest": mobile,
    "attention": attention,
    "gates": gated,
    "nested and shared": nested_and_shared,
    "flat output": flat_output,
    "one sigmoid": one_sigmoid,
    "many sigmoids": many_sigmoids,
}
"""Name -> function that builds the network, with random biases and offsets."""

PIECEWISE_LINEAR = tuple(name for name in ARCHITECTURES if name not in ("attention", "gates"))


def build(name, seed=0):
    keras.utils.set_random_seed(seed)
    return ARCHITECTURES[name]()


def some(found):
    """Three layers of a probe, the first, one in the middle, the last but one: each costs a trace."""
    return [found[0], found[len(found) // 2], found[-2]]


def picture(seed=0):
    return np.random.default_rng(seed).normal(0.5, 0.5, (SIZE, SIZE, BANDS)).astype(np.float32)
