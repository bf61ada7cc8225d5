"""Networks trained for seconds each, with seeds, and never looked at when a threshold was chosen.

The causes are put into what `training` gives.
"""

from functools import partial

import numpy as np
from keras import layers, ops

from . import claims, look_alikes
from .blocks import SIZE, Policy, closed, conv, generator
from .net import free, look_alike, one, two
from .prove import Bench, Built, Claim, claim_at_least, claim_at_most, is_blank
from .training import (
    GROUND,
    SEEDS,
    TEXTURE,
    built,
    grown,
    learned,
    learned_well,
    looked_at,
    pair,
    plain,
    scene,
    three_classes,
)
from .two_causes import each_alone


def absent(name, seed, tail):
    x, mask = looked_at(name)
    proof = lambda bench: [*claims.absence(bench, paint=False), learned_well(bench, mask)]  # noqa: E731
    return built(name, seed, partial(plain, tail), proof, x, target=GROUND)


def shifted(name, seed):
    def change(by, *, image, feat, w, b, rng):
        weights, bias = pair(w, b)
        return conv(feat, weights - by, bias, "logits"), "1x1"

    twin = built(name, seed, partial(change, 0.0), None, score="logit")

    def proof(bench):
        return [
            is_blank(bench),
            *claims.predicted(bench),
            *claims.same_function(bench, twin),
            *claims.twin_has_a_map(Bench(twin)),
        ]

    return built(name, seed, partial(change, 1.5 * learned(seed)[1].max()), proof, score="logit")


def sure(name, seed, score):
    def change(heat, *, image, feat, w, b, rng):
        weights, bias = pair(w, b)
        return conv(feat, heat * weights, heat * bias, "logits"), "1x1"

    twin = built(name, seed, partial(change, 1.0), None, score=score)
    y = Bench(twin).cut.logits
    inner = (y[..., 0] - y[..., 1]) > 0.1

    def proof(bench):
        found = Bench(twin)
        return [
            is_blank(bench),
            *claims.predicted(bench),
            *claims.same_labels(bench, found),
            *claims.twin_has_a_map(found),
        ]

    return built(name, seed, partial(change, 2e4), proof, score=score, region=inner)


def diluted(name, seed, outputs):
    def change(n, *, image, feat, w, b, rng):
        weights, bias = pair(w, b)
        unused = n - 2
        weights = np.hstack([weights, 2.5 * np.tile(w[:, None], (1, unused))])
        return conv(feat, weights, [*bias, *[-500.0] * unused], "logits"), "1x1"

    twin = Bench(built(name, seed, partial(change, 2), None, score="centered_logit"))

    def proof(bench):
        return [
            is_blank(bench),
            *claims.predicted(bench),
            *claims.same_labels(bench, twin),
            *claims.twin_has_a_map(twin),
        ]

    return built(name, seed, partial(change, outputs), proof, score="centered_logit")


def steep(name, seed):
    """A square root after features that are zero on the ground: its slope is infinite there."""

    def change(root, *, image, feat, w, b, rng):
        return conv(ops.sqrt(feat) if root else feat, *pair(w, b), "logits"), "1x1"

    def proof(bench):
        slope = np.broadcast_to(np.array([1.0, -1.0]), bench.cut.logits.shape)
        finite = np.isfinite(bench.cut.gradient("feat", slope)).all()
        twin = Bench(built(name, seed, partial(change, False), None))
        return [
            Claim("the gradient is finite", float(finite), not finite),
            Claim("the logits are finite", 1.0, bool(np.isfinite(bench.cut.logits).all())),
            *claims.predicted(bench),
            *claims.twin_has_a_map(twin),
        ]

    return built(name, seed, partial(change, True), proof)


def elsewhere(name, seed):
    x, mask = looked_at(name)

    def proof(bench):
        m = bench.cut.logits[..., GROUND] - bench.cut.logits[..., TEXTURE]
        return [
            is_blank(bench), claim_at_most("share that carries the class", bench.share(), 0.3),
            claim_at_most("mean margin", m[mask].mean(), -0.1), learned_well(bench, mask),
        ]  # fmt: skip

    return built(name, seed, partial(plain, "1x1"), proof, x, target=GROUND, region=mask)


def zero_above(name, seed):
    """The zero of the layer put above all that it shows; the next layer puts it back."""

    def change(zero, *, image, feat, w, b, rng):
        k = len(w)
        moved = conv(feat, np.eye(k), np.full(k, -zero), "moved")
        weights, bias = pair(w, b + zero * w.sum())
        return conv(moved, weights, bias, "logits"), "1x1"

    twin = built(name, seed, partial(change, 0.0), None, layer="moved")
    highest = float(Bench(twin).cut.activations("moved").max())

    def proof(bench):
        return [
            *claims.presence(bench, paint=False),
            *claims.same_function(bench, twin),
            *claims.twin_has_a_map(Bench(twin)),
        ]

    return built(name, seed, partial(change, 1.2 * highest), proof, layer="moved")


def outweighed(name, seed):
    """A channel that is always on, and as much bias against it: the same function, and a map that is nowhere positive."""

    def change(on, *, image, feat, w, b, rng):
        k = len(w)
        wide = conv(feat, np.eye(k, k + 1), [*np.zeros(k), on], "wide", activation="relu")
        weights, bias = pair([*w, -1.0], b + on)
        return conv(wide, weights, bias, "logits"), "1x1"

    twin = built(name, seed, partial(change, 0.0), None, layer="wide")
    most = float((Bench(twin).cut.activations("wide")[..., :-1] @ learned(seed)[1]).max())

    def proof(bench):
        k = bench.cut.activations("wide").shape[-1]
        return [
            *claims.presence(bench, paint=False), *claims.same_function(bench, twin), *claims.twin_has_a_map(Bench(twin)),
            claim_at_most("random cells in the channel that is always on: lost", bench.after("swap", channels=[k - 1])[0], 0),
        ]  # fmt: skip

    return built(name, seed, partial(change, 1.1 * most), proof, layer="wide")


def clipped(name, seed):
    """The ground as the first class, both clipped at zero: it is what is left."""

    def change(clip, *, image, feat, w, b, rng):
        z = conv(feat, np.stack([-w, w], -1), [-b - 300.0, b], "linear" if clip else "logits")
        return (layers.ReLU(name="logits")(z) if clip else z), "1x1"

    def proof(bench):
        open_ = Bench(built(name, seed, partial(change, False), None, region=bench.region))
        slope = np.broadcast_to(np.array([1.0, 0.0]), open_.cut.logits.shape)
        return [
            *claims.no_gradient(bench), is_blank(bench), *claims.predicted(bench),
            claim_at_least("largest gradient without the clip", np.abs(open_.cut.gradient("feat", slope)).max(), 1e-2),
        ]  # fmt: skip

    return built(name, seed, partial(change, True), proof)


def stepped(name, seed, step):
    def change(on, *, image, feat, w, b, rng):
        scale = 4 / max(np.abs(b), 1e-3)
        h = conv(feat, np.diag(w * scale), name="scaled")
        h = {"round": ops.round, "stop": ops.stop_gradient}[step](h) if on else h
        weights, bias = pair(np.full(len(w), 1 / scale), b)
        return conv(h, weights, bias, "logits"), "1x1"

    def proof(bench):
        twin = Bench(built(name, seed, partial(change, False), None))
        return [
            *claims.no_gradient(bench), is_blank(bench), *claims.predicted(bench),
            claim_at_least("random cells of the rest: lost", bench.after("swap")[0], 0.5), *claims.twin_has_a_map(twin),
        ]  # fmt: skip

    return built(name, seed, partial(change, True), proof)


def shut(name, seed):
    """A branch whose next units are all closed, beside the trained one."""

    def change(*, image, feat, w, b, rng):
        branch = conv(image, rng.normal(0, 0.5, (3, 3, 2, 3)), name="branch", activation="relu")
        shut_ = conv(branch, rng.normal(0, 0.3, (3, 3)), np.full(3, -50.0), "closed", activation="relu")
        weights, bias = pair([*w, 1.0, 1.0, 1.0], b)
        return conv(layers.Concatenate()([feat, shut_]), weights, bias, "logits"), "1x1"

    def proof(bench):
        return [
            *claims.no_gradient(bench),
            is_blank(bench),
            claim_at_most("noise: change", claims.moved(bench, 1.0), 0),
        ]

    return built(name, seed, change, proof, layer="branch", skips=("feat",))


def dead(name, seed):
    def change(*, image, feat, w, b, rng):
        branch = conv(image, rng.normal(0, 0.5, (3, 3, 2, 3)), np.full(3, -50.0), "branch", activation="relu")
        weights, bias = pair([*w, 1.0, 1.0, 1.0], b)
        return conv(layers.Concatenate()([feat, branch]), weights, bias, "logits"), "1x1"

    def proof(bench):
        return [
            Claim("largest activation", float(bench.cut.activations("branch").max()), not bench.cut.activations("branch").any()),
            is_blank(bench), claim_at_least("random cells in the skip: lost", bench.after("swap", ("feat",))[0], 0.5),
        ]  # fmt: skip

    return built(name, seed, change, proof, layer="branch", skips=("feat",))


def carried(name, seed):
    """A branch that is a little against the texture, everywhere; the trained layer goes round it."""

    def change(*, image, feat, w, b, rng):
        branch = conv(image, rng.uniform(0, 0.2, (3, 3, 2, 3)), name="branch", activation="relu")
        weights, bias = pair([*w, -0.02, -0.05, -0.03], b)
        return conv(layers.Concatenate()([feat, branch]), weights, bias, "logits"), "1x1"

    return built(name, seed, change, claims.bypass, layer="branch", skips=("feat",))


def both(name, seed):
    """The trained layer twice, side by side: the ground needs both to be low."""

    def change(*, image, feat, w, b, rng):
        k = len(w)
        one_, other = (conv(feat, np.eye(k), name=n, activation="relu") for n in ("left", "right"))
        weights, bias = pair([*w, *w], 1.0 * b)
        return conv(layers.Concatenate()([one_, other]), weights, bias, "logits"), "1x1"

    return built(name, seed, change, each_alone, layer="left", skips=("right",), target=GROUND)


def underflow(name, seed, policy="mixed_float16"):
    x, _ = looked_at(name)
    image, feat, w, b = grown(seed, policy)
    with Policy(policy):
        h = feat
        for step in range(4):
            h = conv(h, 1e-4 * np.eye(len(w)), name=f"small{step}")
        weights, bias = pair([*w, *w], b)
        y = conv(layers.Concatenate()([h, conv(feat, np.eye(len(w)), name="skip")]), weights, bias, "logits")
    # asked at a layer that has no other way on: the first of the small ones
    model = closed(image, y)

    def proof(bench):
        single = Bench(underflow(name, seed, "float32"))
        return [
            is_blank(bench), *claims.predicted(bench), *claims.twin_has_a_map(single),
            claim_at_most("labels that differ", (bench.said != single.said).mean(), 0.05),
        ]  # fmt: skip

    return Built(model, x, proof, layer="small0")


def only_ground(name, seed):
    """A picture without texture, and a region drawn into it: the layer decides nothing between here and there."""
    mask = np.zeros((SIZE, SIZE), bool)
    mask[4:14, 4:12] = True
    x, _ = scene(generator(name), np.zeros((SIZE, SIZE), bool))
    x[..., 0] *= generator(name).choice([1.0, 1.6], x.shape[:2], p=[0.9, 0.1])  # dots too few to be the texture
    proof = lambda bench: [  # noqa: E731
        is_blank(bench), *claims.predicted(bench),
        claim_at_least("largest activation", bench.cut.activations("feat").max(), 1e-3),
        claim_at_most("random cells of the rest: lost", bench.after("swap")[0], 0.02),
    ]  # fmt: skip
    return built(name, seed, partial(plain, "1x1"), proof, x, target=GROUND, region=mask)


def texture(name, seed, tail):
    return built(name, seed, partial(plain, tail), look_alikes.healthy)


TAILS = ("1x1", "hidden", "bn", "sigmoid", "maximum", "ten", "relu6", "residual")
MORE = ((0, "3x3"), (1, "gelu"), (3, "unet"), (6, "average"), (7, "float16"))
SURE = ((0, "probability"), (2, "log_probability"), (4, "probability"), (5, "log_probability"), (7, "probability"))
DILUTED = ((0, 10), (1, 5), (3, 10), (4, 4), (6, 10))
STEPS = ((0, "round"), (1, "stop"), (3, "round"), (4, "stop"), (6, "round"))
BY_SEED = (
    ("SC202", shifted, (0, 1, 2, 3, 5, 6)), ("SC207", elsewhere, (0, 1, 4, 6, 7)), ("SC204", zero_above, (0, 1, 3, 5, 7)),
    ("SC208", outweighed, (0, 2, 3, 4, 6)), ("SC302", clipped, (1, 2, 5, 7)), ("SC102", shut, (0, 3, 4, 7)),
    ("SC104", dead, (1, 2, 5, 6)), ("SC206", carried, (0, 1, 2, 6, 7)), ("SC209", underflow, (0, 3, 6)),
    ("SC103", steep, (1, 2, 4)),
)  # fmt: skip
BY_SEED_AND_KIND = (
    ("SC205", absent, (*zip(SEEDS, TAILS, strict=True), *MORE)), ("SC201", sure, SURE), ("SC212", diluted, DILUTED),
    ("SC107", stepped, STEPS),
)  # fmt: skip


def nets():
    """All of this module: `used` is False for each."""
    for code, make, seeds in BY_SEED:
        for seed in seeds:
            yield one(code, f"trained {seed}", partial(make, f"trained {code} {seed}", seed), used=False)
    for code, make, kinds in BY_SEED_AND_KIND:
        for seed, kind in kinds:
            name = f"trained {seed}, {kind}"
            yield one(code, name, partial(make, f"trained {code} {seed} {kind}", seed, kind), used=False)
    for seed in (0, 1, 7):
        name = f"trained {seed}, no texture"
        yield one("SC213", name, partial(only_ground, f"only ground {seed}", seed), {"SC105"}, used=False)
    for seed in (0, 4, 7):
        yield two("SC205", "SC206", f"trained {seed}", partial(both, f"trained both {seed}", seed), used=False)
    for seed, tail in zip(SEEDS, TAILS, strict=True):
        name = f"trained {seed}, {tail}"
        yield look_alike(name, partial(texture, f"trained texture {seed}", seed, tail), used=False)
    for seed in range(8):
        yield free(f"trained {seed}", partial(three_classes, f"free {seed}", seed))
