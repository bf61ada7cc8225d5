"""What each cause claims of a bench: lists of claims, put together by the networks."""

import numpy as np

from . import engine
from .prove import Claim, claim_at_least, claim_at_most, is_blank


def predicted(bench):
    return [claim_at_least("share of the region that carries the class", bench.share(), 0.5)]


def absence(bench, paint=True):
    """Raising to random cells of the rest takes the class away, fading what is here does not, nor is it said without it."""
    claims = [
        is_blank(bench), *predicted(bench),
        claim_at_least("raised to random cells of the rest: lost", bench.after("raise")[0], 0.5),
        claim_at_most("faded: lost", bench.after("fade")[0], 0.1),
    ]  # fmt: skip
    if paint:
        claims.append(claim_at_least("the rest's pixels painted in: lost", bench.painted(), 0.5))
        claims.append(claim_at_least("its own pixels painted over the rest: gained", bench.painted(into=False), 0.5))
    return claims


def bypass(bench, quiet=0.1):
    """Random cells in the tensors that go round take the class away; in the layer they do not."""
    return [
        is_blank(bench), *predicted(bench),
        claim_at_least("random cells in the skip: lost", bench.after("swap", bench.built.skips)[0], 0.5),
        claim_at_most("random cells in the layer: lost", bench.after("swap")[0], quiet),
    ]  # fmt: skip


def presence(bench, paint=True):
    """What is here is needed, and more of it from elsewhere does no harm."""
    claims = [
        is_blank(bench), *predicted(bench),
        claim_at_least("lowered to random cells of the rest: lost", bench.after("lower")[0], 0.5),
        claim_at_most("raised to random cells of the rest: lost", bench.after("raise")[0], 0.1),
    ]  # fmt: skip
    if paint:
        claims.append(claim_at_least("the rest's pixels painted in: lost", bench.painted(), 0.5))
    return claims


def nothing(bench):
    """Neither random cells of the rest nor fading changes anything to speak of."""
    before = bench.margin()
    claims = [is_blank(bench), *predicted(bench)]
    for how in ("swap", "raise", "lower", "fade"):
        lost, margin = bench.after(how)
        claims.append(claim_at_most(f"{how}: lost", lost, 0.02))
        claims.append(claim_at_most(f"{how}: share of the margin", (before - margin) / abs(before), 0.2))
    claims.append(claim_at_most("the rest's pixels painted in: lost", bench.painted(), 0.02))
    return claims


def flat(bench):
    """The layer's channels are nearly the same everywhere."""
    a = bench.cut.activations(bench.built.layer)
    return [claim_at_most("deviation of a channel, by its mean", (a.std((0, 1)) / np.abs(a).mean((0, 1))).max(), 0.08)]


def no_gradient(bench):
    """No class's logit has a gradient at the layer, anywhere in the region."""
    classes = bench.cut.logits.shape[-1]
    largest = 0.0
    for c in range(classes):
        one = np.broadcast_to(np.eye(classes)[c], bench.cut.logits.shape) * bench.region[..., None]
        largest = max(largest, np.abs(bench.cut.gradient(bench.built.layer, one)).max())
    return [Claim("largest gradient of a logit is zero", float(largest), largest == 0)]


def moved(bench, by=None):
    """The largest change of a logit in the region, by random cells of the rest, or by noise of a size."""
    old = bench.cut.activations(bench.built.layer)
    new = bench.exchanged(bench.built.layer, "swap") if by is None else old + by * bench.rng.uniform(-1, 1, old.shape)
    return float(np.abs(bench.cut.run(replace={bench.built.layer: new}) - bench.cut.logits)[bench.region].max())


def same_function(bench, twin, atol=1e-3):
    """A twin network that gives the same probabilities."""
    ours = np.asarray(bench.built.model(bench.built.x[None]), float)
    theirs = np.asarray(twin.model(twin.x[None]), float)
    return [claim_at_most("difference of the twin's probabilities", np.abs(ours - theirs).max(), atol)]


def same_labels(bench, twin_bench):
    different = bench.said != twin_bench.said
    return [claim_at_most("pixels that the twin labels differently", different.mean(), 0.01)]


def twin_has_a_map(twin_bench):
    """The cause taken out, the map is there, and in the right place."""
    found = twin_bench.pooled()[0]
    return [
        Claim("the twin's map is blank", float(engine.blank(found)), not engine.blank(found)),
        claim_at_least("gain of the twin's map", engine.gain(found, twin_bench.region), 0.3),
    ]
