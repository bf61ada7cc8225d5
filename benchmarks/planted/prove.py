"""The proof of each plant: interventions that no rule uses.

The rules lift to the mean of the rest, sink to it, set to zero and exchange skips for their mean. Here the cells of the
region get the activations of *random cells* of the rest, activations are *faded* by random factors, pixels of the *picture*
are painted, or the cause is *taken out of the network* and the rest of it left alone. A claim that does not hold is an error
of this benchmark, never a miss of the diagnosis.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from . import engine

DRAWS = 5


class BrokenProof(AssertionError):
    """A network is not what it was built to be."""


@dataclass(frozen=True)
class Claim:
    """One measured number, and whether it is as the cause demands."""

    what: str
    value: float
    holds: bool


@dataclass(frozen=True)
class Built:
    """A network, what is asked of it, and its proof.

    `target` is the class, `region` a mask on the logits' grid, "everything", or None for where the class is predicted.
    """

    model: object
    x: np.ndarray
    prove: Callable
    target: int = 0
    layer: str = "feat"
    region: object = None
    score: str | None = None
    head: str = "softmax"
    skips: tuple[str, ...] = ("skip",)
    options: dict = field(default_factory=dict)


class Bench:
    """A built network on the bench: B, the part of its region that carries the class, R, what is compared with it."""

    def __init__(self, built):
        self.built = built
        self.cut = engine.Cut(built.model, built.x, built.head)
        self.rng = np.random.default_rng(7)
        self.said = engine.carries(self.cut.logits, built.target, built.head)
        self.region = self._region(built.region)
        self.carried = self.region & self.said
        self.rest = ~self.said if (~self.said).mean() >= 0.01 else ~self.region

    def _region(self, region):
        if region is None:
            return self.said
        return np.ones_like(self.said) if isinstance(region, str) else np.asarray(region)

    def share(self):
        """How much of the region carries the class."""
        return float(self.carried.sum() / max(self.region.sum(), 1))

    def margin(self, logits=None):
        """The mean margin over B."""
        logits = self.cut.logits if logits is None else logits
        return float(engine.margin(logits, self.built.target, self.built.head)[self.carried].mean())

    def lost(self, logits):
        """The share of B that another run takes the class from."""
        still = engine.carries(logits, self.built.target, self.built.head)
        return float((self.carried & ~still).sum() / max(self.carried.sum(), 1))

    def pooled(self, score="asked", layer=None):
        """The pooled map (h, w) of a score, in this file's own arithmetic, and its weights (K,)."""
        built, layer = self.built, layer or self.built.layer
        score = built.score if score == "asked" else score
        slope = engine.cotangent(self.cut.logits, built.target, score, built.head) * self.region[..., None]
        gradient = self.cut.gradient(layer, slope / max(self.region.sum(), 1))
        weights = gradient.mean((0, 1))
        return (self.cut.activations(layer) * weights).sum(-1), weights

    def exchanged(self, layer, how, channels=None):
        """Activations (h, w, K) whose cells in B are changed with the help of random cells of R."""
        old = self.cut.activations(layer)
        grid = old.shape[:2]
        inside, rest = engine.covered(self.carried, grid) > 0, engine.covered(self.rest, grid) >= 0.75
        if how == "fade":
            other = old * self.rng.uniform(0, 1, old.shape)
        elif not rest.any():
            return old
        else:
            other = old[rest][self.rng.integers(0, rest.sum(), grid)]
        other = {"raise": np.maximum(old, other), "lower": np.minimum(old, other)}.get(how, other)
        use = np.isin(np.arange(old.shape[-1]), np.arange(old.shape[-1]) if channels is None else channels)
        return np.where(inside[..., None] & use, other, old).astype("float32")

    def after(self, how, layers=None, channels=None):
        """(share of B that loses the class, mean margin over B), the mean of several draws."""
        found = []
        for _ in range(DRAWS):
            replace = {name: self.exchanged(name, how, channels) for name in layers or (self.built.layer,)}
            logits = self.cut.run(replace=replace)
            found.append((self.lost(logits), self.margin(logits)))
        return tuple(np.mean(found, 0))

    def painted(self, into=True):
        """Pixels of B painted over with random ones of R: share lost. Or those of R with ones of B: share that gains."""
        size = self.built.x.shape[:2]
        b, r = (engine.covered(m, size) > 0.5 for m in (self.carried, self.rest))
        target, source = (b, r) if into else (r, b)
        if not source.any():
            return 0.0
        x = np.where(target[..., None], self.built.x[source][self.rng.integers(0, source.sum(), size)], self.built.x)
        logits = self.cut.run(x)
        if into:
            return self.lost(logits)
        return float(engine.carries(logits, self.built.target, self.built.head)[self.rest].mean())


def claim_at_least(what, value, bound):
    return Claim(f"{what} (at least {bound:g})", float(value), bool(value >= bound))


def claim_at_most(what, value, bound):
    return Claim(f"{what} (at most {bound:g})", float(value), bool(value <= bound))


def is_blank(bench, wanted=True):
    """The asked map is blank: without that there is no question."""
    found = engine.blank(bench.pooled()[0])
    return Claim("the asked map is blank" if wanted else "the asked map is not blank", float(found), found is wanted)


def by_absence(bench):
    """The unused intervention for absence, of any network: what the rest has takes the class away; what is here is not needed."""
    raised, _ = bench.after("raise")
    faded, _ = bench.after("fade")
    return raised, faded


def is_absence(raised, faded):
    return raised >= 0.5 and faded <= 0.1


def prove(bench):
    """The claims of a network; raises BrokenProof where one does not hold."""
    claims = bench.built.prove(bench)
    broken = [f"{claim.what}: {claim.value:.4g}" for claim in claims if not claim.holds]
    if broken or not claims:
        raise BrokenProof("; ".join(broken) or "no claim")
    return claims
