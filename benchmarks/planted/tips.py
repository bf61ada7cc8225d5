"""What the design makes a tip: to be named, whatever else is said."""

from functools import partial

import keras
import numpy as np
from keras import layers, ops

from . import claims
from .blocks import SIZE, closed, conv, features, given, logits_of
from .by_gradient import FOR, start
from .net import named
from .prove import Bench, Built, Claim, claim_at_least, claim_at_most


def edge_only(name, tail="1x1"):
    """A picture of one grey: a filter that looks for contrast finds it at the edge alone, against the zeros beyond."""
    rng = np.random.default_rng(len(name))
    x = rng.uniform(0.97, 1.03, (SIZE, SIZE, 1)).astype("float32")
    kernel = np.full((3, 3, 1, 1), -1 / 8)
    kernel[1, 1] = 1.0

    def build(size):
        image = keras.Input((size, size, 1))
        a = conv(image, kernel, [-0.2], "feat", activation="relu")
        return closed(image, logits_of(tail, a, [[1.0, 0]], [0.5, 0], rng))

    def proof(bench):
        ours = bench.pooled()[0]
        wide = Bench(Built(build(SIZE + 4), np.pad(x, ((2, 2), (2, 2), (0, 0)), "edge"), None, region="everything"))
        return [
            claim_at_most("largest value of the map away from the edge", ours[1:-1, 1:-1].max(), 0),
            claim_at_least("largest value at the edge", ours.max() / max(np.abs(ours).max(), 1e-30), 0.5),
            claim_at_most("the same cells, where the picture goes on", wide.cut.activations("feat")[2:-2, 2:-2].max(), 0),
        ]  # fmt: skip

    return Built(build(SIZE), x, proof, region="everything")


def weightless(name, how):
    """A branch that no picture can be seen through: its weight is zero."""
    rng, part, _, _ = start(name)

    def build(weight):
        image = keras.Input(part.x.shape)
        a = conv(image, np.eye(2), name="feat", activation="relu")
        skip = conv(image, np.eye(2), name="skip", activation="relu")
        if how == "batch norm":
            a = layers.BatchNormalization(gamma_initializer=given([weight, weight]), name="scale")(a)
        elif how == "convolution":
            a = conv(a, weight * np.eye(2), name="scale")
        else:
            a = layers.DepthwiseConv2D(1, depthwise_initializer=given([weight, weight]), use_bias=False, name="scale")(a)
        return Built(closed(image, conv(layers.Add()([a, skip]), FOR, name="logits")), part.x, None)

    def proof(bench):
        most = 0.0
        for seed in range(3):
            other = np.random.default_rng(seed).uniform(0, 2, part.x.shape)
            there = Bench(Built(bench.built.model, other, None, region="everything"))
            most = max(most, claims.moved(there, 1.0))
        return [
            *claims.no_gradient(bench), claim_at_most("noise in the layer, three pictures: change of a logit", most, 0),
            claim_at_least("the same with a weight", claims.moved(Bench(build(1.0)), 1.0), 0.1),
        ]  # fmt: skip

    return Built(build(0.0).model, part.x, proof)


def twice(name, how):
    """A softmax of a softmax: no probability can come near one."""
    _, part, image, a = start(name)
    y = conv(a, 4 * FOR, name="first", activation=None if how == "layers" else "softmax")
    y = layers.Softmax(name="logits")(y) if how == "layers" else ops.multiply(y, 1.0)
    model = keras.Model(image, layers.Softmax(name="second")(y))

    def proof(bench):
        out = np.asarray(model(part.x[None]))
        once = np.asarray(bench.cut.kept["first"], float)[0]
        once = np.exp(once) / np.exp(once).sum(-1, keepdims=True) if how == "layers" else once
        bound = np.e / (np.e + 1)
        return [
            claim_at_most("largest probability", out.max(), bound + 1e-6),
            claim_at_least("largest probability of one softmax", once.max(), 0.9),
            Claim("both agree", 1.0, bool((out[0].argmax(-1) == once.argmax(-1)).all())),
        ]

    return Built(model, part.x, proof)


def nets():
    """All of this module."""
    for tail in ("1x1", "hidden"):
        yield named("SC211", f"edge, {tail}", partial(edge_only, f"edge {tail}", tail))
    for how in ("batch norm", "convolution", "scale"):
        yield named("SC215", f"weightless, {how}", partial(weightless, f"weightless {how}", how))
    yield named("SC216", "twice", partial(twice, "twice", "layers"))
