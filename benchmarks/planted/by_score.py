"""Hand-set networks whose map is blank for the score that was asked, or for the place."""

from functools import partial

import keras
import numpy as np

from . import claims
from .blocks import HEADS, closed, features, generator, logits_of
from .by_gradient import FOR, start
from .net import one
from .prove import Bench, Built, claim_at_most, is_blank


def shifted(name, tail="1x1", shift=4.0, k=3):
    """All logits fall with the layer, class 0's least."""
    _, part, _, _ = start(name)
    truth = np.pad(FOR, ((0, 0), (0, k - 2)))

    def build(by):
        i = keras.Input(part.x.shape)
        y = logits_of(tail, features(i, np.eye(2), tail), truth - by, [0.0] * 2 + [-2.0] * (k - 2), generator(name))
        return Built(closed(i, y, tail), part.x, None, score="logit")

    def proof(bench):
        twin = build(0.0)
        return [
            is_blank(bench),
            *claims.predicted(bench),
            *claims.same_function(bench, twin),
            *claims.twin_has_a_map(Bench(twin)),
        ]

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
        return [
            is_blank(bench),
            *claims.predicted(bench),
            *claims.same_labels(bench, twin),
            *claims.twin_has_a_map(twin),
        ]

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
    for tail in ("1x1", "3x3", "bn", "transposed", "gelu"):
        yield one("SC202", f"shift, {tail}", partial(shifted, f"shift {tail}", tail))
    for tail, score in (
        ("1x1", "probability"), ("1x1", "log_probability"), ("bn", "probability"), ("sigmoid", "probability"),
        ("multi", "probability"), ("bilinear", "log_probability"),
    ):  # fmt: skip
        yield one("SC201", f"sure, {tail}, {score}", partial(saturated, f"sure {tail} {score}", tail, score))
    for outputs, tail in ((3, "1x1"), (5, "hidden"), (10, "1x1"), (10, "bn")):
        yield one(
            "SC212", f"diluted, {outputs} outputs, {tail}", partial(diluted, f"diluted {outputs} {tail}", outputs, tail)
        )
    for how in ("third", "rest", "multi", "sigmoid"):
        yield one("SC207", f"elsewhere, {how}", partial(elsewhere, f"elsewhere {how}", how))
