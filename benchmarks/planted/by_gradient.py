"""Hand-set networks whose map is blank for what happens to the gradient or to the score on its way."""

from functools import partial

import keras
import numpy as np
from keras import layers, ops

from . import claims
from .blocks import HEADS, SIZE, Policy, closed, conv, features, generator, logits_of, picture
from .net import one
from .prove import Bench, Built, Claim, claim_at_least, claim_at_most, is_blank

TOLD = ([1.0, 0.1], [0.05, 1.0])  # a feature that class 0 has, and one of the rest
FOR = np.array([[2.0, 0.0], [0.0, 2.0]])


def start(name, levels=TOLD, tail="1x1"):
    rng = generator(name)
    part = picture(rng, *levels)
    image = keras.Input(part.x.shape)
    return rng, part, image, features(image, np.eye(part.x.shape[-1]), tail)


def gone(bench):
    return [Claim("pixels of the region", float(bench.region.sum()), bench.region.sum() == 0)]


def never_said(name, tail="1x1"):
    """Class 2 is not predicted, and asked where it is predicted."""
    rng, part, image, a = start(name)
    y = logits_of(tail, a, np.hstack([FOR, [[-1.0], [-1.0]]]), [0, 0, -3.0], rng)
    return Built(closed(image, y, tail), part.x, gone, target=2, head=HEADS.get(tail, "softmax"))


def nothing_drawn(name):
    rng, part, image, a = start(name)
    y = logits_of("1x1", a, FOR, [0, 0], rng)
    return Built(closed(image, y), part.x, gone, region=np.zeros((SIZE, SIZE), bool))


def not_finite(name, how):
    """NaN or infinity on the way back, or in the layer itself; the logits are numbers."""
    _, part, _, _ = start(name, ([1.0, 0.0], [0.0, 1.0]))
    target = "feat" if how in ("root", "power") else "late"
    with Policy("mixed_float16" if how == "overflow" else "float32"):
        image = keras.Input(part.x.shape)
        a = conv(image, np.eye(2), name="feat", activation="relu")
        if how == "overflow":  # past 65504
            a = layers.ReLU(6)(conv(conv(a, 3e4 * np.eye(2), name="large"), 10 * np.eye(2), name="late"))
        elif how == "log":  # of zero
            a = layers.ReLU(name="clip")(layers.Lambda(ops.log, name="late")(a))
        else:
            a = ops.sqrt(a) if how == "root" else ops.power(a, 0.5)
        y = conv(a, FOR, [0.5, 0], name="logits")

    def proof(bench):
        slope = np.broadcast_to(np.array([1.0, -1.0]), bench.cut.logits.shape)
        finite = np.isfinite(bench.cut.gradient(target, slope)).all() and np.isfinite(bench.cut.activations(target)).all()
        twin = conv_only(part)
        healthy = np.isfinite(twin.pooled()[0]).all()
        return [
            Claim("the layer and its gradient are finite", float(finite), not finite),
            Claim("they are in a network without that step", float(healthy), bool(healthy)),
            Claim("the logits are finite", 1.0, bool(np.isfinite(bench.cut.logits).all())),
        ]

    return Built(closed(image, y), part.x, proof, region="everything", layer=target)


def conv_only(part, weights=FOR, bias=(0, 0), **options):
    """The plain network on the same picture: what the others are with their cause taken out."""
    image = keras.Input(part.x.shape)
    a = conv(image, np.eye(len(weights)), name="feat", activation="relu")
    return Bench(Built(closed(image, conv(a, weights, bias, "logits")), part.x, None, **options))


def dead(name, tail="1x1", skip=False):
    """Every unit of the layer is closed for this picture; a brighter one opens them."""
    rng, part, image, _ = start(name)
    a = features(image, np.eye(2), tail, bias=[-2.0, -2.0])
    weights, bias = FOR, [1.0, 0]
    if skip:
        a = layers.Concatenate()([a, features(image, np.eye(2), tail, name="skip")])
        weights, bias = np.vstack([FOR, FOR]), [0.0, 0.0]
    y = logits_of(tail, a, weights, bias, rng)

    def proof(bench):
        brighter = np.asarray(bench.cut._run(part.x * 5)["feat"])
        return [
            Claim("largest activation", float(bench.cut.activations("feat").max()), not bench.cut.activations("feat").any()),
            claim_at_least("largest activation of a picture five times as bright", brighter.max(), 0.5),
            *claims.predicted(bench),
        ]

    return Built(closed(image, y, tail), part.x, proof, skips=("skip",) if skip else ())


def clipped(name, how):
    """A ReLU on the logits: class 0 is what is left where every logit is zero."""
    rng, part, image, a = start(name)
    weights, bias = np.array([[-1.0, -1.0], [-1.0, 2.0]]), np.array([-0.5, -0.5])
    if how == "ten":
        weights, bias = np.pad(weights, ((0, 0), (0, 8)), constant_values=-1.0), np.pad(bias, (0, 8), constant_values=-2.0)
    z = conv(a, weights, bias, "logits" if how == "inside" else "linear", activation="relu" if how == "inside" else None)
    if how in ("layer", "ten"):
        z = layers.ReLU(name="logits")(z)
    elif how == "moved":
        z = layers.UpSampling2D(2, name="logits")(layers.ReLU(name="clip")(z))

    def proof(bench):
        b = conv_only(part, weights, bias, region=part.mask)
        c = b.cut.gradient("feat", np.broadcast_to(np.eye(len(bias))[0], b.cut.logits.shape))
        return [
            *claims.no_gradient(bench), is_blank(bench), *claims.predicted(bench),
            claim_at_least("largest gradient without the clip", np.abs(c).max(), 0.5),
        ]  # fmt: skip

    return Built(closed(image, z), part.x, proof)


def shut(name, how):
    """The units after the layer are closed or full, wherever the region looks."""
    rng, part, image, a = start(name, ([1.0, 0.1], [0.3, 1.0]) if how == "full here" else TOLD)
    weights, bias, skips, moves = FOR, [1.0, 0], (), False
    if how == "closed":
        h = conv(a, np.eye(2), [-9.0, -9.0], "hidden", activation="relu")
    elif how == "closed, with a skip":
        h = conv(a, np.eye(2), [-9.0, -9.0], "hidden", activation="relu")
        h, skips = layers.Concatenate()([h, features(image, np.eye(2), name="skip")]), ("skip",)
        weights, bias = np.vstack([FOR, FOR]), [0, 0]
    elif how == "full":
        h = layers.ReLU(6, name="hidden")(conv(a, np.eye(2), [9.0, 9.0], "raised"))
        weights, bias = FOR, [1.0, 0]
    elif how == "full here":
        h = layers.ReLU(6, name="hidden")(conv(a, [[12.0], [0.0]], name="raised"))
        weights, bias, moves = [[1.0, 0.0]], [-5.0, 0], True
    else:  # closed here: what is open elsewhere speaks for class 1
        h = conv(a, [[-4.0], [0.0]], [1.5], "hidden", activation="relu")
        weights, bias, moves = [[0.0, 2.0]], [0.5, 0], True
    y = conv(h, weights, bias, "logits")

    def proof(bench):
        found = [
            *claims.no_gradient(bench), is_blank(bench), *claims.predicted(bench),
            claim_at_most("a little noise: largest change", claims.moved(bench, 1e-3), 0),
        ]  # fmt: skip
        swapped = claims.moved(bench)
        return [*found, claim_at_least("random cells: change", swapped, 0.5) if moves else claim_at_most("random cells: change", swapped, 0)]

    return Built(closed(image, y), part.x, proof, skips=skips)


STEPS = {
    "round": lambda a: ops.round(2 * a) / 2,
    "floor": lambda a: ops.floor(a + 0.5),
    "one hot": lambda a: ops.one_hot(ops.argmax(a, -1), 2),
    "stop gradient": ops.stop_gradient,
    "comparison": lambda a: ops.cast(ops.greater(a, 0.5), "float32"),
    "sign": lambda a: ops.sign(a - 0.5),
}


@keras.saving.register_keras_serializable("planted")
class Stopped(layers.Layer):
    """A layer of one's own that lets no gradient through."""

    def call(self, x):
        return ops.stop_gradient(x)


def stepped(name, step):
    """The layer decides, by way of a step that has no slope."""
    _, part, image, a = start(name)
    h = Stopped(name="stopped")(a) if step == "own layer" else STEPS[step](a)
    y = conv(h, FOR, name="logits")

    def proof(bench):
        twin = conv_only(part)
        return [
            *claims.no_gradient(bench), is_blank(bench), *claims.predicted(bench),
            claim_at_least("random cells of the rest: lost", bench.after("swap")[0], 0.5),
            *claims.same_labels(bench, twin), *claims.twin_has_a_map(twin),
        ]  # fmt: skip

    return Built(closed(image, y), part.x, proof)


def underflow(name, how, policy="mixed_float16"):
    """Small weights in a row: in 16 bits the gradient is zero, or that of the channel for class 0 is."""
    _, part, _, _ = start(name, ([1.0, 0.0], [0.0, 1.0]))
    with Policy(policy):
        image = keras.Input(part.x.shape)
        a = conv(image, np.eye(2), name="feat", activation="relu")
        if how == "all":
            h = a
            for step in range(4):
                h = conv(h, 1e-4 * np.eye(2), name=f"small{step}")
            h = layers.Concatenate()([h, conv(image, np.eye(2), name="skip", activation="relu")])
            y = conv(h, np.vstack([FOR, FOR]), name="logits")
        else:
            h = conv(conv(a, [[3e-5], [0.0]], name="small0"), [[3e-5]], name="small1")
            y = conv(layers.Concatenate()([h, a]), [[1.0, 0], [0, 0], [-1e-4, 0]], [5e-5, 0], "logits")

    def proof(bench):
        single = Bench(underflow(name, how, "float32"))
        return [
            is_blank(bench), *claims.predicted(bench), claim_at_most("labels that differ", (bench.said != single.said).mean(), 0.01),
            *claims.twin_has_a_map(single),
        ]  # fmt: skip

    return Built(closed(image, y), part.x, proof)


def shifted(name, tail="1x1", shift=4.0, k=3):
    """All logits fall with the layer, class 0's least."""
    rng, part, image, _ = start(name)
    truth = np.pad(FOR, ((0, 0), (0, k - 2)))

    def build(by):
        i = keras.Input(part.x.shape)
        y = logits_of(tail, features(i, np.eye(2), tail), truth - by, [0.0] * 2 + [-2.0] * (k - 2), generator(name))
        return Built(closed(i, y, tail), part.x, None, score="logit")

    def proof(bench):
        twin = build(0.0)
        return [is_blank(bench), *claims.predicted(bench), *claims.same_function(bench, twin), *claims.twin_has_a_map(Bench(twin))]

    return Built(build(shift).model, part.x, proof, score="logit")


def saturated(name, tail, score):
    """So sure that the probability has no slope left; a thousandth of the logits says the same, with one."""
    _, part, _, _ = start(name)

    def build(heat):
        i = keras.Input(part.x.shape)
        y = logits_of(tail, features(i, np.eye(2), tail), heat * FOR, [-heat * (tail == "multi"), 0.0], generator(name))
        return Built(closed(i, y, tail), part.x, None, score=score, head=HEADS.get(tail, "softmax"))

    def proof(bench):
        twin = Bench(build(1.0))
        return [is_blank(bench), *claims.predicted(bench), *claims.same_labels(bench, twin), *claims.twin_has_a_map(twin)]

    hot = build(1e3)
    inner = part.mask & Bench(hot).said  # without the doubtful pixels of a border
    return Built(hot.model, part.x, proof, region=inner, score=score, head=hot.head)


def diluted(name, outputs, tail="1x1"):
    """Outputs that are never used rise with everything: the mean of all logits outweighs class 0's rise."""
    _, part, _, _ = start(name)

    def build(n):
        unused = n - 2
        weights = np.hstack([[[0.4, -1.0], [0.0, 1.0]], np.tile([[2.5], [1.0]], unused)])
        i = keras.Input(part.x.shape)
        y = logits_of(tail, features(i, np.eye(2), tail), weights, [0.2, 0.0] + [-40.0] * unused, generator(name))
        return Built(closed(i, y, tail), part.x, None, score="centered_logit")

    def proof(bench):
        twin = build(2)
        ours, theirs = np.asarray(bench.built.model(part.x[None])), np.asarray(twin.model(part.x[None]))
        return [
            is_blank(bench), *claims.predicted(bench), *claims.twin_has_a_map(Bench(twin)),
            claim_at_most("probabilities without the unused outputs differ by", np.abs(ours[..., :2] - theirs).max(), 1e-3),
        ]  # fmt: skip

    return Built(build(outputs).model, part.x, proof, score="centered_logit")


def elsewhere(name, how):
    """Asked where the class is not predicted."""
    rng, part, image, a = start(name)
    tail = how if how in HEADS else "1x1"
    if how in ("third", "multi"):
        weights, bias, region, target = np.hstack([FOR, [[-1.0], [-1.5]]]), [0, 0, -0.5], "everything", 2
    else:
        weights, bias, region, target = np.array([[-1.0, 1.0], [-1.0, 2.0]]), [0.4, 0], ~part.mask, 0
    y = logits_of(tail, a, weights, bias, rng)

    def proof(bench):
        m = bench.cut.logits[..., target] - (0 if how == "multi" else np.delete(bench.cut.logits, target, -1).max(-1))
        return [
            claim_at_most("share of the region that carries the class", bench.share(), 0.1),
            claim_at_most("mean margin", m[bench.region].mean(), -0.5), is_blank(bench),
        ]  # fmt: skip

    return Built(closed(image, y, tail), part.x, proof, target=target, region=region, head=HEADS.get(tail, "softmax"))


def nets():
    """All of this module."""
    yield one("SC101", "never predicted", partial(never_said, "never"))
    yield one("SC101", "never predicted, multi", partial(never_said, "never multi", "multi"))
    yield one("SC101", "nothing drawn", partial(nothing_drawn, "nothing"))
    for how in ("root", "power", "log", "overflow"):
        yield one("SC103", f"not finite, {how}", partial(not_finite, f"nan {how}", how))
    for tail, skip in (("1x1", False), ("hidden", False), ("bn", True)):
        yield one("SC104", f"dead, {tail}{', with a skip' * skip}", partial(dead, f"dead {tail}", tail, skip))
    for how in ("inside", "layer", "moved", "ten"):
        yield one("SC302", f"clipped, {how}", partial(clipped, f"clipped {how}", how))
    for how in ("closed", "closed, with a skip", "full", "full here", "closed here"):
        yield one("SC102", how, partial(shut, f"shut {how}", how))
    for step in (*STEPS, "own layer"):
        yield one("SC107", f"step, {step}", partial(stepped, f"step {step}", step))
    for how in ("all", "for it"):
        for seed in range(2):
            yield one("SC209", f"underflow, {how}, {seed}", partial(underflow, f"underflow {how} {seed}", how))
    for tail in ("1x1", "3x3", "bn", "transposed", "gelu"):
        yield one("SC202", f"shift, {tail}", partial(shifted, f"shift {tail}", tail))
    for tail, score in (
        ("1x1", "probability"), ("1x1", "log_probability"), ("bn", "probability"), ("sigmoid", "probability"),
        ("multi", "probability"), ("bilinear", "log_probability"),
    ):  # fmt: skip
        yield one("SC201", f"sure, {tail}, {score}", partial(saturated, f"sure {tail} {score}", tail, score))
    for outputs, tail in ((3, "1x1"), (5, "hidden"), (10, "1x1"), (10, "bn")):
        yield one("SC212", f"diluted, {outputs} outputs, {tail}", partial(diluted, f"diluted {outputs} {tail}", outputs, tail))
    for how in ("third", "rest", "multi", "sigmoid"):
        yield one("SC207", f"elsewhere, {how}", partial(elsewhere, f"elsewhere {how}", how))
