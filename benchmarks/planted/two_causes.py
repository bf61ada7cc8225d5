"""Networks with two causes at once: each alone takes the class away, or the design says that both are told."""

from functools import partial

import keras
import numpy as np
from keras import layers

from . import claims
from .blocks import HEADS, SIZE, closed, conv, features, generator, logits_of, network, picture
from .by_gradient import dead
from .by_layer import LOW, against, dots
from .net import two
from .prove import Built, claim_at_least, claim_at_most, is_blank


def each_alone(bench, layer_how="raise"):
    """Random cells of the rest in the layer lose the class, and so do they in the skip."""
    return [
        is_blank(bench), *claims.predicted(bench),
        claim_at_least(f"{layer_how} the layer: lost", bench.after(layer_how)[0], 0.5),
        claim_at_least("random cells in the skip: lost", bench.after("swap", bench.built.skips)[0], 0.5),
    ]  # fmt: skip


def both_absent(name, tail="1x1"):
    """The class is where the layer is low and the skip is low; either alone is not enough."""
    rng = generator(name)
    part = picture(rng, [LOW, LOW], [1.0, 1.0])
    weights = against(2, rng, 3.0)
    bias = [1.4, 0.0]
    model = network(tail, part.x, np.eye(2), weights, bias, rng, skip=[[0.0], [1.0]], skip_weights=[[-3.0, 0.0]])
    return Built(model, part.x, each_alone, head=HEADS.get(tail, "softmax"))


def absent_and_skip(name, tail="1x1"):
    """The class is where the layer is low and the skip is high."""
    rng = generator(name)
    part = picture(rng, [LOW, 1.0], [1.0, LOW])
    model = network(
        tail, part.x, [[1.0, 1.0], [0.0, 0.0]], against(2, rng, 2.0), [-1.0, 0.0], rng, skip=[[0.0], [1.0]], skip_weights=[[2.4, 0.0]]
    )  # fmt: skip
    return Built(model, part.x, each_alone, head=HEADS.get(tail, "softmax"))


def outweighed_and_skip(name, tail="1x1"):
    """A channel for the class that is needed under a larger one against it, and a skip that is needed, too."""
    rng = generator(name)
    part = picture(rng, [1.0, 1.0, 1.0], [0.0, 1.0, 0.0], noise=0.08)
    mix, skip = [[1.0, 0], [0, 2.0], [0, 0]], [[0.0], [0.0], [1.0]]
    weights = [[2.0, 0], [-1.8, 0]]
    model = network(tail, part.x, mix, weights, [3.6 - 2.8, 0], rng, skip=skip, skip_weights=[[2.0, 0]])
    return Built(model, part.x, partial(each_alone, layer_how="lower"), head=HEADS.get(tail, "softmax"))


def signed_and_skip(name, tail="1x1"):
    """The same at a layer whose zero lies above all of its activations."""
    rng = generator(name)
    part = picture(rng, [1.0, 1.0], [0.0, 0.0], noise=0.08)
    model = network(
        tail, part.x, [[1.0], [0.0]], [[2.0, 0]], [6.0 - 2.8, 0], rng, skip=[[0.0], [1.0]], skip_weights=[[2.0, 0]],
        activation=None, feat_bias=[-3.0],
    )  # fmt: skip
    return Built(model, part.x, partial(each_alone, layer_how="lower"), head=HEADS.get(tail, "softmax"))


def dots_and_skip(name, joint):
    """Bright dots that outvote themselves when pooled, and a skip that is needed, too."""
    rng = generator(name)
    mask = np.zeros((SIZE, SIZE), bool)
    mask[3:17, 2:12] = True
    x = np.concatenate([dots(rng, mask).x, picture(rng, [1.0], [0.0], mask=mask).x], -1)
    image = keras.Input(x.shape)
    a = conv(image, [[1.0], [0.0]], name="feat", activation="relu")
    skip = conv(image, [[0.0], [1.0]], name="skip", activation="relu")
    wide, flat = layers.MaxPooling2D(5, 1, "same")(a), layers.AveragePooling2D(5, 1, "same")(a)
    if joint == "sum":
        y = conv(layers.Concatenate()([wide, flat, skip]), [[3.0, 0], [-4.0, 0], [2.0, 0]], [-3.0, 0], "logits")
    else:
        h = conv(layers.Concatenate()([wide, flat]), [[3.0], [-4.0]], name="hidden")
        y = conv(layers.Concatenate()([h, conv(skip, [[1.0]], name="side")]), [[1.0, 0], [2.4, 0]], [-3.4, 0], "logits")
    return Built(closed(image, y), x, partial(each_alone, layer_how="swap"))


def absent_and_outweighed(name, tail="1x1"):
    """One channel must be high, the other must not be higher; the second outweighs the first everywhere."""
    rng = generator(name)
    part = picture(rng, [1.0, 2.1], [0.0, 3.0], noise=0.04)
    model = network(tail, part.x, np.eye(2), [[2.0, 0], [-4.0, 0]], [7.6, 0], rng)

    def proof(bench):
        return [
            is_blank(bench), *claims.predicted(bench),
            claim_at_least("random cells in the channel for it: lost", bench.after("swap", channels=[0])[0], 0.5),
            claim_at_least("random cells in the channel against it: lost", bench.after("swap", channels=[1])[0], 0.5),
            claim_at_most("faded: lost", bench.after("fade")[0], 0.1),
        ]  # fmt: skip

    return Built(model, part.x, proof, head=HEADS.get(tail, "softmax"))


def absent_elsewhere(name, tail="1x1"):
    """A class coded by absence, asked where its features are; dimmed to nothing, the place is the class's."""
    rng = generator(name)
    part = picture(rng, [LOW] * 2, [1.0] * 2)
    image = keras.Input(part.x.shape)
    weights = against(2, rng)
    y = logits_of(tail, features(image, np.eye(2), tail), weights, [1.2, 0], rng)

    def proof(bench):
        dark = bench.cut.run(0.05 * part.x).argmax(-1) == 0
        return [
            is_blank(bench), claim_at_most("share that carries the class", bench.share(), 0.1),
            claim_at_least("share of the region that is the class in the dark", dark[bench.region].mean(), 0.9),
        ]  # fmt: skip

    return Built(closed(image, y, tail), part.x, proof, region=~part.mask)


def dead_and_skip(name, tail):
    built = dead(name, tail, skip=True)

    def proof(bench):
        found = [*built.prove(bench), is_blank(bench)]
        return [*found, claim_at_least("random cells in the skip: lost", bench.after("swap", ("skip",))[0], 0.5)]

    return Built(built.model, built.x, proof)


def nets():
    """Twenty."""
    for tail in ("1x1", "3x3", "bn", "bilinear"):
        yield two("SC205", "SC206", f"both absent, {tail}", partial(both_absent, f"both absent {tail}", tail))
    for tail in ("1x1", "gelu", "residual"):
        yield two("SC205", "SC206", f"absent and skip, {tail}", partial(absent_and_skip, f"absent and skip {tail}", tail))
    for tail in ("1x1", "hidden"):
        yield two("SC206", "SC208", tail, partial(outweighed_and_skip, f"outweighed and skip {tail}", tail))
    for tail in ("1x1", "bn"):
        yield two("SC204", "SC206", tail, partial(signed_and_skip, f"signed and skip {tail}", tail))
    for joint in ("sum", "side"):
        yield two("SC203", "SC206", joint, partial(dots_and_skip, f"dots and skip {joint}", joint))
    for tail in ("1x1", "hidden", "ten"):
        yield two("SC205", "SC208", tail, partial(absent_and_outweighed, f"absent and outweighed {tail}", tail))
    for tail in ("1x1", "transposed"):
        yield two("SC205", "SC207", tail, partial(absent_elsewhere, f"absent elsewhere {tail}", tail))
    for tail in ("1x1", "relu6"):
        yield two("SC104", "SC206", tail, partial(dead_and_skip, f"dead and skip {tail}", tail))
