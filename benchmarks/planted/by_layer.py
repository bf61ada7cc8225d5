"""Hand-set networks whose map is blank for what the layer shows: absence, bypass, signs, pooling, outweighed, nothing."""

from functools import partial

import keras
import numpy as np
from keras import layers

from . import claims
from .blocks import (
    HEADS, SIZE, TAILS, Part, closed, conv, generator, network, picture,
)  # fmt: skip
from .net import UNDECIDED, one
from .prove import Bench, Built, claim_at_least, claim_at_most, is_blank

LOW, HIGH = 0.05, 1.0


def against(k, rng, total=4.0):
    """Weights (k, 2) that all speak against class 0, in all `total`, shared out over both classes' logits."""
    w = rng.uniform(0.6, 1.4, k)
    w *= total / w.sum()
    part = rng.uniform(0.3, 0.8, k)
    return np.stack([-w * part, w * (1 - part)], -1)


def pull_of(tail, weights):
    """What a tail reads of class 0 against what it is compared with: several sigmoids have no rival."""
    return weights[:, 0] - (0 if tail == "multi" else weights[:, 1])


def absent(name, tail="1x1", k=2, friends=0):
    """Class 0 is where k features are low; `friends` of them speak weakly for it."""
    rng = generator(name)
    part = picture(rng, [LOW] * 2, [HIGH] * 2)
    mix = np.eye(2)[np.arange(k) % 2].T * rng.uniform(0.8, 1.2, k)
    weights = against(k, rng)
    weights[:friends] *= -0.02
    bias = [-0.3 * pull_of(tail, weights).sum(), 0]
    model = network(tail, part.x, mix, weights, bias, rng)
    return Built(model, part.x, claims.absence, head=HEADS.get(tail, "softmax"))


def carried_by_skip(name, tail="1x1", k=2):
    """The skip tells the class by presence; the layer is a little against it, everywhere alike."""
    rng = generator(name)
    part = picture(rng, [0.8, 1.0], [1.0, 0.05])
    mix, skip = np.vstack([rng.uniform(0.8, 1.2, k), np.zeros(k)]), [[0.0], [1.0]]
    weights = against(k, rng, total=0.6)
    bias = [0.6 - 1.2, 0.0]
    model = network(tail, part.x, mix, weights, bias, rng, skip=skip, skip_weights=[[3.0, 0.0]])
    return Built(model, part.x, claims.bypass, head=HEADS.get(tail, "softmax"))


def dots(rng, mask, inside=1.0, outside=0.2):
    """Every third cell of the inside is bright and the others dark; the rest is of one grey."""
    grid = np.zeros((SIZE, SIZE), bool)
    grid[1::3, 1::3] = True
    level = np.where(mask, np.where(grid, inside, 0.0), outside)
    return Part((level * rng.uniform(0.9, 1.1, level.shape))[..., None].astype("float32"), mask)


def peaks(name, kind):
    """A class of bright dots: a gradient that is positive on the dots and negative between, more often than not."""
    rng = generator(name)
    mask = np.zeros((SIZE, SIZE), bool)
    mask[3:17, 2:12] = True
    part = dots(rng, mask)
    image = keras.Input(part.x.shape)
    a = conv(image, [[1.0]], name="feat", activation="relu")
    if kind == "maximum":
        wide, flat = layers.MaxPooling2D(5, 1, "same")(a), layers.AveragePooling2D(5, 1, "same")(a)
        y = conv(layers.Concatenate()([wide, flat]), [[3.0, 0], [-4.0, 0]], [-1.0, 0], "logits")
    elif kind == "centre":
        kernel = np.full((3, 3, 1, 1), -2.0)
        kernel[1, 1] = 8.0
        spots = conv(a, kernel, [-1.0], "spots", activation="relu")
        spots = layers.MaxPooling2D(3, 1, "same")(spots)
        y = conv(layers.Concatenate()([spots, a]), [[1.0, 0], [-1.0, 0]], [-3.0, 0], "logits")
    else:  # what is strong, in a window, less three times what is there
        strong = conv(a, [[1.0]], [-0.6], "strong", activation="relu")
        strong, flat = layers.AveragePooling2D(3, 1, "same")(strong), layers.AveragePooling2D(3, 1, "same")(a)
        scale = float(kind)
        y = conv(layers.Concatenate()([strong, flat]), [[40 * scale, 0], [-8.0 * scale, 0]], [-0.4 * scale, 0], "logits")
    return Built(closed(image, y), part.x, cancels)


def cancels(bench):
    """Painted over, the dots lose the class. Raised by a tenth each, the score rises; raised all alike, it falls."""
    a = bench.cut.activations("feat")
    inside = bench.region[..., None]
    prop = bench.margin(bench.cut.run(replace={"feat": np.where(inside, 1.02 * a, a)})) - bench.margin()
    alike = bench.margin(bench.cut.run(replace={"feat": np.where(inside, a + 0.01, a)})) - bench.margin()
    grey = bench.cut.run(np.where(inside, bench.built.x[~bench.region].mean(), bench.built.x))
    return [
        is_blank(bench), *claims.predicted(bench),
        claim_at_least("painted grey: lost", bench.lost(grey), 0.5),
        claim_at_least("random cells of the rest: lost", bench.after("swap")[0], 0.5),
        claim_at_least("each raised in proportion: the margin rises", prop, 1e-4),
        claim_at_most("all raised alike: the margin rises", alike, -1e-4),
    ]  # fmt: skip


def shifted_zero(name, tail="1x1", shift=3.0, k=2):
    """Class 0 by presence, at a linear layer whose zero lies above all of its activations."""
    rng = generator(name)
    part = picture(rng, [1.0, 1.0], [LOW, LOW])
    mix = np.eye(2)[np.arange(k) % 2].T * rng.uniform(0.8, 1.2, k)
    weights = -against(k, rng)
    pull = pull_of(tail, weights)

    def build(zero):
        bias = [-0.5 * pull.sum() + zero * pull.sum(), 0]
        return network(
            tail, part.x, mix, weights, bias, generator(name), activation=None, feat_bias=np.full(k, -zero)
        )  # fmt: skip

    def proof(bench):
        twin = Built(build(0.0), part.x, None, head=bench.built.head)
        return [
            *claims.presence(bench), *claims.same_function(bench, twin), *claims.twin_has_a_map(Bench(twin)),
        ]  # fmt: skip

    return Built(build(shift), part.x, proof, head=HEADS.get(tail, "softmax"))


def bent(name, activation):
    """Class 0 by presence of one channel, drowned by another that is negative everywhere, behind an activation with two signs."""
    rng = generator(name)
    part = picture(rng, [1.0, 1.0], [0.0, 1.0])
    image = keras.Input(part.x.shape)
    a = conv(image, [[1.0, 0.0], [0.0, -1.0]], [0.0, -1.0], "linear")
    a = layers.Activation(activation, name="feat")(a)
    low = float(np.asarray(layers.Activation(activation)(np.array([-2.0])))[0])
    weight = 2.0 / abs(low)  # outweighs the first channel, which is at most 1.15
    y = conv(a, [[1.0, 0.0], [weight, 0.0]], [-0.4 - weight * low, 0.0], "logits")

    def proof(bench):
        return [
            *claims.presence(bench),
            claim_at_least("random cells in the first channel alone: lost", bench.after("swap", channels=[0])[0], 0.5),
            claim_at_most("random cells in the negative channel alone: lost", bench.after("swap", channels=[1])[0], 0.05),
            claim_at_most("largest activation of the negative channel", bench.cut.activations("feat")[..., 1].max(), 0),
        ]

    return Built(closed(image, y), part.x, proof)


def outweighed(name, tail="1x1", weight=2.0):
    """A channel for class 0 that is needed, and one against it that is the same everywhere and larger."""
    rng = generator(name)
    part = picture(rng, [1.0, 1.0], [0.0, 1.0], noise=0.08)
    mix = [[1.0, 0.0], [0.0, 2.0]]
    weights = np.array([[weight, 0.0], [-0.9 * weight, 0.0]])
    bias = [1.8 * weight - weight / 2, 0.0]
    model = network(tail, part.x, mix, weights, bias, rng)

    def proof(bench):
        return [
            *claims.presence(bench),
            claim_at_least("random cells in the channel for it: lost", bench.after("swap", channels=[0])[0], 0.5),
            claim_at_most("random cells in the channel against it: lost", bench.after("swap", channels=[1])[0], 0.05),
        ]

    return Built(model, part.x, proof, head=HEADS.get(tail, "softmax"))


def drawn():
    """A rectangle in a picture that is all of one class."""
    mask = np.zeros((SIZE, SIZE), bool)
    mask[4:14, 4:12] = True
    return mask


def on_grid(mask, tail):
    return mask[::2, ::2] if tail in ("average", "maximum") else mask


def silent_friend(name, tail="1x1"):
    """Class 0 everywhere by bias; what is here is a little against it; the channel for it is not in this picture."""
    rng = generator(name)
    mask = drawn()
    part = picture(rng, [0.2, 0.2, 0.0], [1.2, 1.2, 0.0], mask=mask)
    weights = np.vstack([against(2, rng, total=1.2), [[1.5, 0.0]]])
    model = network(tail, part.x, np.eye(3), weights, [3.0, 0.0], rng)

    def proof(bench):
        x = part.x.copy()
        x[mask, 2] = 3.0
        painted = Bench(Built(model, x, None, region=on_grid(mask, tail)))
        lost, margin = bench.after("raise")
        return [
            is_blank(bench), *claims.predicted(bench),
            claim_at_most("largest activation of the channel for it", bench.cut.activations("feat")[..., 2].max(), 0),
            is_blank(painted, wanted=False),
            claim_at_most("raised to random cells: lost", lost, 0.05),
            claim_at_least("raised to random cells: share of the margin", 1 - margin / bench.margin(), 0.25),
        ]  # fmt: skip

    return Built(model, part.x, proof, region=on_grid(mask, tail))


def always(name, tail="1x1", levels=(0.5, 1.2), bias=12.0, region="drawn", proof=claims.nothing, noise=0.15):
    """Class 0 everywhere, by bias: the layer is against it and decides nothing."""
    rng = generator(name)
    mask = drawn()
    part = picture(rng, [levels[0]] * 2, [levels[1]] * 2, mask=mask, noise=noise)
    model = network(tail, part.x, np.eye(2), against(2, rng, total=1.0), [bias, 0.0], rng)
    region = on_grid(mask, tail) if region == "drawn" else region
    return Built(model, part.x, proof, region=region, head=HEADS.get(tail, "softmax"))


def no_contrast(name, tail="1x1"):
    """The layer is of one colour, and what the class hangs on it is nothing."""
    return always(name, tail, (5.0, 5.0), 30.0, noise=0.02, proof=lambda b: [*claims.nothing(b), *claims.flat(b)])


def hat(name, height=1.0):
    """Class 0 at a moderate level of a feature: less of it and more of it are class 1. On the falling side of the hat."""
    rng = generator(name)
    part = picture(rng, [1.3], [3.0], noise=0.06)
    image = keras.Input(part.x.shape)
    a = conv(image, [[1.0]], name="feat", activation="relu")
    h = conv(a, [[1.0, 1.0]], [0.0, -1.0], "hidden", activation="relu")
    y = conv(h, [[2.0 * height, 0.0], [-3.5 * height, 0.0]], [-1.2 * height, 0.0], "logits")

    def proof(bench):
        return [
            is_blank(bench), *claims.predicted(bench),
            claim_at_least("raised to random cells: lost", bench.after("raise")[0], 0.5),
            claim_at_least("painted dark: lost", bench.lost(bench.cut.run(0 * part.x)), 0.5),
            claim_at_least("faded: lost", bench.after("fade")[0], 0.2),
        ]  # fmt: skip

    return Built(closed(image, y), part.x, proof)


def valley(name):
    """Two kinds of rest, less and more than here: neither direction alone is the cause."""
    rng = generator(name)
    mask = drawn()
    part = picture(rng, [1.3], [3.0], noise=0.06, mask=mask)
    part.x[:, 14:] *= 0.02  # the rest's other half is dark
    part.x[mask] = 1.3 * rng.uniform(0.95, 1.05, (mask.sum(), 1))
    built = hat(name)

    def proof(bench):
        return [
            is_blank(bench), *claims.predicted(bench),
            claim_at_least("random cells of the rest: lost", bench.after("swap")[0], 0.9),
            claim_at_least("raised to random cells: lost", bench.after("raise")[0], 0.2),
            claim_at_least("faded: lost", bench.after("fade")[0], 0.2),
        ]  # fmt: skip

    return Built(built.model, part.x, proof)


SKIPPED = ("1x1", "3x3", "bn", "bilinear", "residual", "gelu", "float16")


def nets():
    """All of this module."""
    for tail in TAILS:
        yield one("SC205", f"absent, {tail}", partial(absent, f"absent {tail}", tail))
    for k, friends in ((3, 0), (8, 0), (16, 0), (32, 0), (64, 0), (64, 1), (32, 2)):
        name = f"absent, {k} channels" + (f", {friends} weakly for it" if friends else "")
        yield one("SC205", name, partial(absent, name, "1x1", k, friends))
    for tail in SKIPPED:
        yield one("SC206", f"skip, {tail}", partial(carried_by_skip, f"skip {tail}", tail))
    for kind in ("maximum", "centre", "1", "2"):
        yield one("SC203", f"dots, {kind}", partial(peaks, f"dots {kind}", kind))
    for tail in ("1x1", "ten", "bn", "transposed", "sigmoid"):
        yield one("SC204", f"zero above, {tail}", partial(shifted_zero, f"zero {tail}", tail))
    for activation in ("tanh", "leaky_relu", "elu"):
        yield one("SC204", f"two signs, {activation}", partial(bent, f"bent {activation}", activation))
    for tail in ("1x1", "hidden", "bilinear", "ten", "multi"):
        yield one("SC208", f"outweighed, {tail}", partial(outweighed, f"outweighed {tail}", tail))
    for tail in ("1x1", "residual", "hidden"):
        yield one("SC106", f"silent, {tail}", partial(silent_friend, f"silent {tail}", tail))
    for tail in ("1x1", "hidden", "average"):
        yield one("SC105", f"one colour, {tail}", partial(no_contrast, f"flat {tail}", tail))
    for tail in ("1x1", "bn", "average", "multi"):
        yield one("SC213", f"always, {tail}", partial(always, f"always {tail}", tail))
    for name, build in (("hat", hat), ("valley", valley)):
        yield one(UNDECIDED, name, partial(build, name))
    yield one(UNDECIDED, "hat, high", partial(hat, "hat high", 5.0))
