"""What the networks are built of: pictures of known levels, layers of known weights, and tails of every kind."""

from dataclasses import dataclass
from zlib import crc32

import keras
import numpy as np
from keras import layers, ops

SIZE = 20
TAILS = (
    "1x1", "3x3", "hidden", "bn", "gelu", "transposed", "bilinear", "average", "maximum", "residual", "unet",
    "sigmoid", "multi", "relu6", "ten", "float16",
)  # fmt: skip
COARSE = ("transposed", "bilinear")  # these bring features of half the size back to the picture's
HEADS = {"sigmoid": "sigmoid", "multi": "multi"}


@dataclass(frozen=True)
class Part:
    """A picture (size, size, n) and where its inside is, (size, size) bool."""

    x: np.ndarray
    mask: np.ndarray


def generator(name):
    return np.random.default_rng(crc32(name.encode()))


def shape_of(rng, size=SIZE):
    """A rectangle or a disc, on even pixels so that half the size can hold it."""
    rows, cols = np.mgrid[:size, :size]
    if rng.integers(2):
        top, left = 2 * rng.integers(1, 4, 2)
        return (rows >= top) & (rows < top + 10) & (cols >= left) & (cols < left + 8)
    row, col = 2 * rng.integers(4, 7, 2)
    return (rows // 2 * 2 - row) ** 2 + (cols // 2 * 2 - col) ** 2 <= 30


def picture(rng, inside, outside, noise=0.15, mask=None):
    """One channel for each pair of levels, each cell off by up to `noise` of its level."""
    mask = shape_of(rng) if mask is None else mask
    level = np.where(mask[..., None], np.asarray(inside, float), np.asarray(outside, float))
    return Part((level * (1 + noise * rng.uniform(-1, 1, level.shape))).astype("float32"), mask)


@keras.saving.register_keras_serializable("planted")
class given(keras.initializers.Initializer):  # noqa: N801 - reads as a verb: kernel_initializer=given(weights)
    """An initializer: these numbers."""

    def __init__(self, values):
        self.values = np.asarray(values, "float32")

    def __call__(self, shape, dtype=None):
        return ops.convert_to_tensor(self.values.reshape(shape), dtype)

    def get_config(self):
        return {"values": self.values.tolist()}


def conv(x, weights, bias=None, name=None, **options):
    """A convolution of known weights: (in, out) for 1x1, or (kh, kw, in, out)."""
    weights = np.asarray(weights, "float32")
    weights = weights[None, None] if weights.ndim == 2 else weights
    bias = np.zeros(weights.shape[-1]) if bias is None else bias
    return layers.Conv2D(
        weights.shape[-1], weights.shape[:2], kernel_initializer=given(weights), bias_initializer=given(bias),
        name=name, **{"padding": "same"} | options,
    )(x)  # fmt: skip


def blur(weights, size=3):
    """The same weights, spread over size x size cells."""
    return np.tile(np.asarray(weights)[None, None] / size**2, (size, size, 1, 1))


def features(x, mix, tail="1x1", name="feat", activation="relu", bias=None):
    """Channels out of the picture's, at half the size where the tail brings it back."""
    if tail in COARSE:
        return conv(x, blur(mix, 2), bias, name, strides=2, activation=activation)
    return conv(x, mix, bias, name, activation=activation)


def folded_norm(x, weights, bias, rng):
    """Batch normalisation with a history, and the weights after it that undo it."""
    k = len(weights)
    gamma, beta, mean, variance = rng.uniform(0.5, 1.5, k), rng.normal(0, 0.3, k), rng.normal(0, 1, k), rng.uniform(0.2, 2, k)
    slope = gamma / np.sqrt(variance + 1e-3)
    x = layers.BatchNormalization(
        beta_initializer=given(beta), gamma_initializer=given(gamma), moving_mean_initializer=given(mean),
        moving_variance_initializer=given(variance), name="bn",
    )(x)  # fmt: skip
    weights = weights / slope[:, None]
    return x, weights, bias - (beta - mean * slope) @ weights


def with_neighbours(x, weights, rng):
    """A residual block that adds little: x + relu(3x3(x))."""
    k = len(weights)
    kernel = rng.normal(0, 0.01, (3, 3, k, k))
    return layers.Add(name="add")([x, conv(x, kernel, name="res", activation="relu")])


def with_deep_path(x, weights):
    """Down, a convolution, up, and joined with x, which thus is the skip; the deep path weighs a twentieth."""
    k = len(weights)
    deep = layers.AveragePooling2D(2, name="down")(x)
    deep = conv(deep, np.eye(k), name="deep", activation="relu")
    deep = layers.UpSampling2D(2, name="up")(deep)
    return layers.Concatenate(name="join_deep")([x, deep]), np.vstack([0.95 * weights, 0.05 * weights])


def before_head(kind, x, weights, bias, rng):
    """The part of a tail that still has channels: (tensor, weights, bias) whose product is what was asked for."""
    if kind == "hidden":
        return conv(x, np.eye(len(weights)), np.full(len(weights), 0.1), "hidden", activation="relu"), weights, bias - 0.1 * weights.sum(0)
    if kind == "bn":
        return folded_norm(x, weights, bias, rng)
    if kind == "gelu":
        return conv(x, 4 * np.eye(len(weights)), name="smooth", activation="gelu"), weights / 4, bias
    if kind == "bilinear":
        return layers.UpSampling2D(2, interpolation="bilinear", name="up")(x), weights, bias
    if kind == "average":
        return layers.AveragePooling2D(2, name="pool")(x), weights, bias
    if kind == "maximum":
        return layers.MaxPooling2D(2, name="pool")(x), weights, bias
    if kind == "residual":
        return with_neighbours(x, weights, rng), weights, bias
    if kind == "unet":
        return *with_deep_path(x, weights), bias
    if kind == "relu6":
        return layers.ReLU(6, name="relu6")(x), weights, bias
    return x, weights, bias


def spread_over(count, weights, bias):
    """`count` outputs, of which those beyond the given ones are never used."""
    unused = count - weights.shape[1]
    return np.pad(weights, ((0, 0), (0, unused))), np.concatenate([bias, np.full(unused, -30.0)])


def logits_of(kind, x, weights, bias, rng):
    """A tail with logits x @ weights + bias, or nearly so, (K, C) and (C,); the tensor is called logits."""
    weights, bias = np.asarray(weights, float), np.asarray(bias, float)
    if kind == "ten":
        weights, bias = spread_over(10, weights, bias)
    if kind == "sigmoid":
        weights, bias = weights[:, [1]] - weights[:, [0]], bias[[1]] - bias[[0]]
    x, weights, bias = before_head(kind, x, weights, bias, rng)
    if kind == "3x3":
        return conv(x, blur(weights), bias, "logits")
    if kind == "transposed":
        kernel = np.tile(weights.T[None, None], (2, 2, 1, 1))
        return layers.Conv2DTranspose(
            weights.shape[1], 2, strides=2, kernel_initializer=given(kernel), bias_initializer=given(bias), name="logits"
        )(x)
    return conv(x, weights, bias, "logits")


def closed(inputs, logits, kind="1x1"):
    """The model, with the probabilities that belong to the tail."""
    activation = "sigmoid" if kind in HEADS else "softmax"
    return keras.Model(inputs, layers.Activation(activation, dtype="float32", name="probabilities")(logits))


class Policy:
    """Layers made inside compute under this policy."""

    def __init__(self, name):
        self.name = name

    def __enter__(self):
        self.before = keras.config.dtype_policy()
        keras.config.set_dtype_policy(self.name)

    def __exit__(self, *_):
        keras.config.set_dtype_policy(self.before)


def policy_of(kind):
    return Policy("mixed_float16" if kind == "float16" else "float32")


def network(kind, x, mix, weights, bias, rng, *, skip=None, skip_weights=None, activation="relu", feat_bias=None):
    """Picture to features ("feat"), if asked to a second layer of them that goes round ("skip"), to a tail."""
    with policy_of(kind):
        image = keras.Input(x.shape, name="image")
        h = features(image, mix, kind, activation=activation, bias=feat_bias)
        if skip is not None:
            around = features(image, skip, kind, name="skip")
            h = layers.Concatenate(name="join")([h, around])
            weights = np.vstack([weights, skip_weights])
        return closed(image, logits_of(kind, h, weights, bias, rng), kind)
