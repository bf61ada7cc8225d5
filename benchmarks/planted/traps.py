"""Blank maps that look like a class coded by absence, and are not: nobody may use the word of them."""

from functools import partial

import keras
import numpy as np
from keras import layers

from . import claims
from .blocks import HEADS, Part, closed, conv, features, generator, logits_of, network, picture
from .by_layer import against, always, drawn, hat, no_contrast, valley
from .net import UNDECIDED, trap
from .prove import Built, claim_at_least, claim_at_most, is_blank


def whatever(bench):
    """The class stays wherever the picture's pixels are put, and at three times their brightness."""
    x, rng = bench.built.x, bench.rng
    mixed = rng.permutation(x.reshape(-1, x.shape[-1])).reshape(x.shape)
    return [
        is_blank(bench), *claims.predicted(bench),
        claim_at_most("pixels mixed: lost", bench.lost(bench.cut.run(mixed)), 0),
        claim_at_most("three times as bright: lost", bench.lost(bench.cut.run(3 * x)), 0),
    ]  # fmt: skip


def skip_tells(name, tail="1x1", code="absence"):
    """The skip alone tells the region, by absence or by presence, and the bias is larger than all; the layer is low here, too."""
    rng = generator(name)
    inside, outside = (0.05, 1.0) if code == "absence" else (1.0, 0.05)
    part = picture(rng, [0.6, inside], [1.0, outside])
    mix = [[1.0, 1.0], [0.0, 0.0]]
    skip_weight = -13.0 if code == "absence" else 13.0
    bias = 6.5 if code == "absence" else -6.0
    model = network(
        tail, part.x, mix, against(2, rng, 0.5), [bias, 0], rng, skip=[[0.0], [1.0]], skip_weights=[[skip_weight, 0.0]]
    )  # fmt: skip
    return Built(model, part.x, claims.bypass, head=HEADS.get(tail, "softmax"))


def plateau(name, tail="1x1"):
    """No bias anywhere: a unit of ReLU6 is full, and carries the class everywhere."""
    rng = generator(name)
    mask = drawn()
    x = picture(rng, [0.2, 1.0], [1.0, 1.0], mask=mask).x
    image = keras.Input(x.shape)
    a = conv(image, [[1.0, 0.0], [0.0, 1.0]], name="feat", activation="relu", use_bias=False)
    full = layers.ReLU(6, name="full")(conv(a, [[0.0], [20.0]], name="raised", use_bias=False))
    h = layers.Concatenate()([a, full])
    y = conv(h, [[-1.2, 0], [0, 0], [0.5, 0]], name="logits", use_bias=False)

    def proof(bench):
        biases = [v.path for v in bench.built.model.weights if "bias" in v.path]
        return [
            is_blank(bench), *claims.predicted(bench), claim_at_most("biases", len(biases), 0),
            claim_at_most("random cells of the rest: lost", bench.after("swap")[0], 0),
            claim_at_most("painted: lost", bench.painted(), 0),
        ]  # fmt: skip

    return Built(closed(image, y), x, proof, region=mask)


def won_by_presence(name, tail="1x1"):
    """Three classes and one feature: class 0 wins where it is, class 1 elsewhere; the centered logit of class 0 falls with it."""
    rng = generator(name)
    part = picture(rng, [1.0], [0.05], noise=0.1)
    image = keras.Input(part.x.shape)
    a = features(image, [[1.0]], tail)
    y = logits_of(tail, a, [[-2.0, -4.0, 4.0]], [6.0, 7.0, -10.0], rng)

    def proof(bench):
        dark = bench.cut.run(0 * part.x)
        found = bench.pooled("margin")[0]
        return [
            is_blank(bench), *claims.predicted(bench), claim_at_least("painted dark: lost", bench.lost(dark), 0.9),
            claim_at_least("random cells of the rest: lost", bench.after("swap")[0], 0.5),
            claim_at_least("largest value of the margin's map", found.max(), 0),
        ]  # fmt: skip

    return Built(closed(image, y, tail), part.x, proof, score="centered_logit")


def everything(name, tail):
    return always(name, tail, (0.5, 1.0), 9.0, region="everything", proof=whatever)


def nets():
    """All of this module."""
    for tail in ("1x1", "sigmoid", "multi", "bn"):
        yield trap(f"always, everything, {tail}", partial(everything, f"always everything {tail}", tail))
    for tail in ("1x1", "gelu", "residual"):
        name = f"always, drawn, {tail}"
        yield trap(name, partial(always, name, tail, (0.2, 1.2)), {"SC213"})
    yield trap("hat, low", partial(hat, "trap hat", 0.5), {UNDECIDED})
    yield trap("hat, high", partial(hat, "trap hat high", 3.0), {UNDECIDED})
    yield trap("valley", partial(valley, "trap valley"), {UNDECIDED})
    for tail, code in (("1x1", "absence"), ("3x3", "presence"), ("unet", "absence"), ("bilinear", "presence")):
        yield trap(f"the skip tells by {code}, {tail}", partial(skip_tells, f"skip tells {tail}", tail, code), {"SC206"})
    for seed in range(2):
        yield trap(f"plateau, {seed}", partial(plateau, f"plateau {seed}"))
    for tail in ("1x1", "hidden"):
        yield trap(f"won by presence, {tail}", partial(won_by_presence, f"won {tail}", tail), {"SC212"})
    for tail in ("1x1", "maximum"):
        yield trap(f"one colour, {tail}", partial(no_contrast, f"trap flat {tail}", tail), {"SC105"})
