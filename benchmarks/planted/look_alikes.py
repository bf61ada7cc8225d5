"""Healthy networks that look ill: faint maps, weights that are all negative, one number instead of a map. No issue is right."""

from functools import partial

import keras
import numpy as np
from keras import layers

from . import claims, engine
from .blocks import HEADS, closed, conv, features, generator, logits_of, network, picture
from .by_gradient import conv_only, diluted, saturated, shifted
from .by_layer import absent
from .net import look_alike
from .prove import Bench, Built, Claim, claim_at_least, claim_at_most, is_blank


def healthy(bench):
    """Predicted, not blank, and in the right place."""
    found = bench.pooled()[0]
    return [
        *claims.predicted(bench), is_blank(bench, wanted=False),
        claim_at_least("gain", engine.gain(found, bench.region), 0.3),
    ]  # fmt: skip


def faint(name, tail="1x1"):
    """All that is positive lies in the region, and is less than a hundredth of what is negative outside."""
    rng = generator(name)
    part = picture(rng, [1.0, 0.0], [0.0, 3.0])
    model = network(tail, part.x, np.eye(2), [[0.03, 0.0], [-4.0, 0.0]], [1.0, 0.0], rng)

    def proof(bench):
        found = bench.pooled()[0]
        share = np.maximum(found, 0).sum() / np.abs(found).sum()
        return [*healthy(bench), claim_at_most("positive share", share, 0.01)]

    return Built(model, part.x, proof, head=HEADS.get(tail, "softmax"))


def twice_negative(name, tail="1x1"):
    """Every weight is negative, and so is every activation: evidence for the class."""
    rng = generator(name)
    part = picture(rng, [1.0, 1.0], [0.0, 0.0])
    model = network(tail, part.x, -np.eye(2), against(rng), [-1.5, 0.0], rng, activation=None)

    def proof(bench):
        return [
            *healthy(bench), claim_at_most("largest weight", bench.pooled()[1].max(), 0),
            claim_at_least("lowered to random cells of the rest: lost", bench.after("swap")[0], 0.5),
        ]  # fmt: skip

    return Built(model, part.x, proof, head=HEADS.get(tail, "softmax"))


def against(rng):
    return np.stack([-rng.uniform(1.5, 2.0, 2), np.zeros(2)], -1)


def other_class(name, tail):
    """The class that is not coded by absence, in a network whose other class is."""
    built = absent(name, tail)
    return Built(built.model, built.x, healthy, target=1, head=built.head)


def one_cell(name, how):
    """A layer of one cell, whose number is against the class: no map, and no fault."""
    rng = generator(name)
    part = picture(rng, [1.0, 0.1], [0.05, 1.0])
    image = keras.Input(part.x.shape)
    a = conv(image, np.eye(2), name="wide", activation="relu")
    pooled = layers.GlobalAveragePooling2D(keepdims=True, name="feat")(a)
    if how == "gate":
        a = layers.Multiply()([a, conv(pooled, -np.eye(2), [1.0, 1.0], "gate", activation="sigmoid")])
    elif how == "sum":
        a = layers.Add()([a, conv(pooled, [[0.0, 0.1], [0.0, 0.1]], name="shift")])
    else:
        squeezed = conv(pooled, [[0.5], [0.5]], name="squeeze", activation="relu")
        a = layers.Multiply()([a, conv(squeezed, [[-1.0, 1.0]], [1.0, 1.0], "excite", activation="sigmoid")])
    y = conv(a, [[2.0, 0.0], [0.0, 2.0]], name="logits")

    def proof(bench):
        cells = bench.cut.activations("feat").shape[:2]
        return [claim_at_most("cells", cells[0] * cells[1], 1), *claims.predicted(bench), is_blank(bench)]

    return Built(closed(image, y), part.x, proof)


def mostly_dead(name, tail="1x1"):
    """One channel in sixteen is live, and it is the one that matters."""
    rng = generator(name)
    part = picture(rng, [1.0], [0.0])
    weights = np.stack([rng.normal(0, 1, 16), np.zeros(16)], -1)
    weights[5, 0] = 3.0
    bias = np.full(16, -9.0)
    bias[5] = 0
    image = keras.Input(part.x.shape)
    y = logits_of(tail, features(image, np.ones((1, 16)), tail, bias=bias), weights, [-1.5, 0], rng)
    return Built(closed(image, y, tail), part.x, healthy)


def shift_upwards(name, tail):
    """A shared shift that leaves the raw logit's map alone."""
    built = shifted(name, tail, shift=-0.4)
    return Built(built.model, built.x, healthy, score="logit")


def sure(name, tail):
    built = saturated(name, tail, None)
    return Built(built.model, built.x, healthy, region=built.region, head=built.head)


def many_outputs(name, outputs, tail):
    """The margin does not see the outputs that nobody uses."""
    built = diluted(name, outputs, tail)
    return Built(built.model, built.x, healthy, score="margin")


def nets():
    """All of this module."""
    for tail in ("1x1", "3x3", "hidden", "bn", "transposed", "bilinear", "sigmoid", "ten", "multi"):
        yield look_alike(f"faint, {tail}", partial(faint, f"faint {tail}", tail))
    for tail in ("1x1", "bn", "transposed", "ten", "float16"):
        yield look_alike(f"twice negative, {tail}", partial(twice_negative, f"twice negative {tail}", tail))
    for tail in ("1x1", "bilinear", "hidden"):
        yield look_alike(f"the other class, {tail}", partial(other_class, f"other {tail}", tail))
    for how in ("gate", "sum", "squeeze"):
        yield look_alike(f"one cell, {how}", partial(one_cell, f"one cell {how}", how))
    for tail in ("1x1", "maximum"):
        yield look_alike(f"mostly dead, {tail}", partial(mostly_dead, f"mostly dead {tail}", tail))
    for tail in ("1x1", "bn"):
        yield look_alike(f"shift upwards, {tail}", partial(shift_upwards, f"shift upwards {tail}", tail))
    for tail in ("1x1", "sigmoid"):
        yield look_alike(f"sure, by the margin, {tail}", partial(sure, f"sure margin {tail}", tail))
    for outputs, tail in ((10, "1x1"), (5, "hidden")):
        yield look_alike(f"{outputs} outputs, by the margin, {tail}", partial(many_outputs, f"many {outputs} {tail}", outputs, tail))
