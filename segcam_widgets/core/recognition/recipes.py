"""The recipes that a user's own script may have followed: what it differentiated, where, and the gradients this gives.

Every vector here is the mean over the map of dS/dA, S being the mean over the region: sums, and a loss's sign, differ from
it by a factor only. All of them are linear in the field that is pulled back, so that recipes which mix several classes cost
no backward pass of their own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.core.answers import LayerInfo, Progress
from segcam_widgets.core.probe import Probe
from segcam_widgets.core.query import CamQuery
from segcam_widgets.core.regions.base import BoolMask, Region
from segcam_widgets.core.regions.drawn import Everything
from segcam_widgets.core.regions.labelled import PredictedClass, TruthClass
from segcam_widgets.core.resolve import region_mask, resolve, score_input
from segcam_widgets.core.scores import SCORES
from segcam_widgets.core.support.checks import must_be_finite
from segcam_widgets.core.support.progress import report
from segcam_widgets.errors import SegCamError

Array64 = NDArray[np.float64]
Kind = Literal["class", "rival", "sum", "predicted", "true"]

CROSSED = 8
"""With more classes than this a class is not asked about over the pixels of another: that is C x C backward passes per score."""
ROUNDING = 1e-6
"""A mean this small beside what it is the mean of is zero but for float32's rounding."""


@dataclass(frozen=True)
class Recipe:
    """One way to come to pooled gradients.

    Attributes
    ----------
    layer : str
    score : str
        One of ``sc.SCORES``.
    class_index : int or None
        None where it is not one class: the three last kinds.
    region : Region
    kind : {"class", "rival", "sum", "predicted", "true"}
        One class; one class against `rival`; the sum over all classes; at each pixel the class predicted there; at each
        pixel the true class.
    rival : int or None
    """

    layer: str
    score: str
    class_index: int | None
    region: Region
    kind: Kind = "class"
    rival: int | None = None

    @property
    def query(self) -> CamQuery | None:
        """The query that asks the same of this package; None where it mixes classes."""
        if self.class_index is None:
            return None
        return CamQuery(self.layer, self.class_index, self.region, self.score, rival=self.rival)

    def what(self, class_names: tuple[str, ...], sign: int) -> str:
        """What was differentiated: "the margin of brick", "-log p (a loss) of brick", "minus the logit of brick"."""
        loss = sign < 0 and self.score == "log_probability"
        minus = "minus " if sign < 0 else ""
        title = SCORES[self.score].title
        if self.class_index is not None:
            name = class_names[self.class_index]
            if self.rival is not None:
                return f"{minus}the margin of {name} against {class_names[self.rival]}"
            return f"-log p (a loss) of {name}" if loss else f"{minus}the {title} of {name}"
        if self.kind == "sum":
            return f"{'-log p (a loss)' if loss else f'{minus}the {title}'}, summed over all classes,"
        if loss:
            other = "the truth" if self.kind == "true" else "the prediction itself"
            return f"the cross-entropy with {other} (a loss: -log p of the {self.kind} class of each pixel)"
        return f"{minus}the {title} of the {self.kind} class of each pixel"

    def where(self, class_names: tuple[str, ...]) -> str:
        """The region: "over all pixels", "over the pixels predicted as brick"."""
        if isinstance(self.region, Everything):
            return "over all pixels"
        if isinstance(self.region, PredictedClass):
            return f"over the pixels predicted as {self.region.describe(class_names).removeprefix('predicted ')}"
        if isinstance(self.region, TruthClass):
            return f"over the pixels whose truth is {self.region.describe(class_names).removeprefix('true ')}"
        return f"over {self.region.describe(class_names)}"


@dataclass(frozen=True, eq=False)
class Candidate:
    """A recipe and what it gives.

    Attributes
    ----------
    recipe : Recipe
    vector : ndarray, (K,) float64
        Mean over the map of the gradient of the mean over the region.
    size : float
        The largest channel's mean magnitude, which `vector` may be small beside: then its cells cancel.
    pixels : int
        Of the region.
    """

    recipe: Recipe
    vector: Array64
    size: float
    pixels: int

    @property
    def is_zero(self) -> bool:
        """Whether the vector is nothing but rounding."""
        return float(np.abs(self.vector).max()) <= ROUNDING * self.size


class Catalogue:
    """All recipes that are tried on a probe.

    Parameters
    ----------
    probe : Probe
    regions : sequence of Region
        Tried besides the ones that prediction and truth give.

    Raises
    ------
    EmptyRegionError, SegCamError
        A region of `regions` that has no pixel, or means nothing here.
    """

    def __init__(self, probe: Probe, regions: Sequence[Region]) -> None:
        self._probe = probe
        count = len(probe.class_names)
        self.classes = range(count)
        self.crossed = count <= CROSSED
        self.scores = tuple(name for name in SCORES if _means_something(name, count, probe.multilabel))
        self._masks: dict[Region, BoolMask] = {}
        for region in regions:
            self._masks[region] = region_mask(probe, CamQuery("", 0, region))
        self.shared: tuple[Region, ...] = (*self._masks, *((Everything(),) if Everything() not in self._masks else ()))
        for region in (Everything(), *(PredictedClass(c) for c in self.classes), *self._true):
            mask = region.rasterize(probe)
            if mask.any():
                self._masks[region] = mask
        # the same pixels under two names cost one backward pass
        self._same = {region: mask.tobytes() for region, mask in self._masks.items()}

    @property
    def _true(self) -> tuple[Region, ...]:
        return () if self._probe.truth is None else tuple(TruthClass(c) for c in self.classes)

    def regions_of(self, class_index: int) -> list[Region]:
        """Where a class is asked about, the likeliest first."""
        own = [*self.shared[:-1], PredictedClass(class_index), self.shared[-1], TruthClass(class_index)]
        others = [PredictedClass(c) for c in self.classes if self.crossed and c != class_index]
        return [region for region in dict.fromkeys([*own, *others]) if region in self._masks]

    def asked(self) -> list[tuple[str, int, Region]]:
        """(score, class, region) of everything that is pulled back."""
        return [(score, c, region) for score in self.scores for c in self.classes for region in self.regions_of(c)]

    def at(self, layer: LayerInfo, progress: Progress | None, span: tuple[float, float]) -> list[Candidate]:
        """What every recipe gives at a layer, told as the part `span` of the whole. Raises NonFiniteError, Cancelled."""
        found: dict[tuple[str, int, Region], Candidate] = {}
        pulled: dict[tuple[str, int, bytes], Candidate] = {}
        asked = self.asked()
        for number, (score, c, region) in enumerate(asked):
            done = span[0] + (span[1] - span[0]) * number / len(asked)
            report(progress, done, f"recipes at {layer.name}: {number} of {len(asked)}")
            recipe, pixels = Recipe(layer.name, score, c, region), self._same[region]
            if (score, c, pixels) not in pulled:
                pulled[score, c, pixels] = self._pull(recipe)
            found[score, c, region] = replace(pulled[score, c, pixels], recipe=recipe)
        for key, one in found.items():
            found[key] = self._beside_logit(one, found)
        return [*found.values(), *self._rivals(found), *self._mixed(found)]

    def _pull(self, recipe: Recipe) -> Candidate:
        mask = self._masks[recipe.region]
        pixels = int(mask.sum())
        assert recipe.query is not None  # one class
        resolved = resolve(recipe.query, self._probe)
        field = SCORES[recipe.score].cotangent(score_input(self._probe, resolved, mask)).divided(pixels)
        gradients = self._probe.pullback(recipe.layer, field).gradients
        must_be_finite("gradients", gradients, recipe.layer)
        vector = gradients.mean((0, 1), dtype=np.float64)
        size = float(np.abs(gradients).mean((0, 1), dtype=np.float64).max())
        return Candidate(recipe, vector, size, pixels)

    @staticmethod
    def _beside_logit(one: Candidate, found: dict[tuple[str, int, Region], Candidate]) -> Candidate:
        """A difference of logits cancels inside the network: what is left of it is judged beside the logit itself."""
        score = SCORES[one.recipe.score]
        assert one.recipe.class_index is not None
        logit = found.get(("logit", one.recipe.class_index, one.recipe.region))
        if logit is None or not score.contrastive:
            return one
        return replace(one, size=max(one.size, logit.size))

    def _rivals(self, found: dict[tuple[str, int, Region], Candidate]) -> Iterator[Candidate]:
        """One class against each that is its strongest rival somewhere, where these are several."""
        if "margin" not in self.scores or "logit" not in self.scores:
            return
        for c in self.classes:
            for region in dict.fromkeys([*self.shared, PredictedClass(c)]):
                if region not in self._masks:
                    continue
                inside = self._probe.logits[self._masks[region]].copy()
                inside[:, c] = -np.inf
                strongest = [int(r) for r in np.unique(inside.argmax(1))]
                own = found["logit", c, region]
                rivals = [(r, other) for r in strongest if (other := found.get(("logit", r, region))) is not None]
                for rival, other in rivals if len(strongest) > 1 else ():
                    recipe = Recipe(own.recipe.layer, "margin", c, region, "rival", rival)
                    yield Candidate(recipe, own.vector - other.vector, own.size + other.size, own.pixels)

    def _mixed(self, found: dict[tuple[str, int, Region], Candidate]) -> Iterator[Candidate]:
        """Several classes at once: a class index that was forgotten, the largest logit at each pixel, a training loss."""
        for score in self.scores:
            if not SCORES[score].contrastive:
                for region in self._masks:
                    parts = [found.get((score, c, region)) for c in self.classes]
                    if None not in parts and not isinstance(region, TruthClass):
                        yield _added(parts, "sum", region)
            if self._probe.multilabel:
                continue  # no pixel has one class
            kinds: tuple[tuple[Kind, type[PredictedClass] | type[TruthClass]], ...] = (
                ("predicted", PredictedClass),
                ("true", TruthClass),
            )
            for kind, of in kinds:
                own = [one for c in self.classes if (one := found.get((score, c, of(c)))) is not None]
                if len(own) > 1:  # else it is that class's own recipe
                    yield _added(own, kind, Everything())


def _added(parts: "Sequence[Candidate | None]", kind: Kind, region: Region) -> Candidate:
    """The sum over classes; for the two kinds in which a pixel has one class, the mean over the pixels of all of them."""
    whole = [one for one in parts if one is not None]
    pixels = whole[0].pixels if kind == "sum" else sum(one.pixels for one in whole)
    shares = [one.pixels / pixels for one in whole]
    vector = sum((share * one.vector for share, one in zip(shares, whole, strict=True)), np.zeros(1))
    size = sum(share * one.size for share, one in zip(shares, whole, strict=True))
    return Candidate(Recipe(whole[0].recipe.layer, whole[0].recipe.score, None, region, kind), vector, size, pixels)


def _means_something(score: str, classes: int, multilabel: bool) -> bool:
    try:
        SCORES[score].check(classes, multilabel)
    except SegCamError:
        return False
    return True
