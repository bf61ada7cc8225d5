"""The six scores: what is asked of a region's pixels, and the field that pulls it back through the network.

S = mean over the region M of s(y), with y the logits at a pixel. The paper (arXiv 2002.11434, section 3) sums over M;
the mean differs by the factor 1/|M| only, and keeps values comparable between regions.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.core.answers import Cotangent
from segcam_widgets.core.standing import strongest_rivals
from segcam_widgets.core.support.registry import Registry
from segcam_widgets.errors import SegCamError, either

Array64 = NDArray[np.float64]


def log_softmax(logits: Array64) -> Array64:
    """log softmax over the last axis, safe for logits of any size."""
    shifted: Array64 = logits - logits.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


@dataclass(frozen=True, eq=False)
class ScoreInput:
    """What a score looks at.

    Attributes
    ----------
    logits : ndarray, (H, W, C)
    mask : ndarray of bool, (H, W)
        The region, fixed on the unmodified prediction.
    class_index : int
    rival : int or None
        Read by the margin alone; None is the strongest rival at each pixel.
    multilabel : bool
        Every class has its own sigmoid.
    prediction : ndarray, (H, W, C)
        The unmodified logits, which say who the strongest rival at each pixel is; default `logits`. What is replayed is
        scored against that rival: ``replace(given, logits=replayed)`` keeps it.
    """

    logits: NDArray[np.floating]
    mask: NDArray[np.bool_]
    class_index: int
    rival: int | None = None
    multilabel: bool = False
    prediction: NDArray[np.floating] = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        if self.prediction is None:
            object.__setattr__(self, "prediction", self.logits)

    @property
    def rivals(self) -> NDArray[np.integer]:
        """The strongest other class at each pixel of the unmodified prediction, (H, W) whole numbers."""
        return strongest_rivals(self.prediction, self.class_index)

    @cached_property
    def pixels(self) -> NDArray[np.intp]:
        """(|M|,) where the region's pixels are in the flattened image. As an index seven times quicker than the mask."""
        return np.flatnonzero(self.mask)

    @cached_property
    def inside(self) -> Array64:
        """Logits of the region's pixels, (|M|, C) float64."""
        return self.at_pixels(self.logits)

    def at_pixels(self, field: NDArray[np.floating]) -> Array64:
        """A field (H, W, C) at the region's pixels, (|M|, C) float64."""
        return field.reshape(-1, field.shape[-1]).take(self.pixels, 0).astype(np.float64)

    def of_class(self, index: "int | NDArray[np.integer]") -> Array64:
        """The logit of a class, or of one at each of the region's pixels, (|M|,) float64: no other class is read."""
        classes = self.logits.shape[-1]
        return self.logits.ravel().take(self.pixels * classes + index).astype(np.float64)

    @cached_property
    def log_probabilities(self) -> Array64:
        """Log softmax of the region's pixels, (|M|, C) float64."""
        return log_softmax(self.inside)

    def one_hot(self) -> NDArray[np.float32]:
        unit = np.zeros(self.logits.shape[-1], np.float32)
        unit[self.class_index] = 1
        return unit

    def scatter(self, values: NDArray[np.floating]) -> Cotangent:
        """A dense field from (|M|, C) values inside the region."""
        dense = np.zeros((self.mask.size, self.logits.shape[-1]), np.float32)
        dense[self.pixels] = values
        return Cotangent(self.mask.astype(np.float32), dense=dense.reshape(self.logits.shape))

    def outer(self, contrast: NDArray[np.float32]) -> Cotangent:
        return Cotangent(self.mask.astype(np.float32), contrast=contrast)


class Score(ABC):
    """One score.

    Attributes
    ----------
    name, title, formula : str
    linear : bool
        Its cotangent does not depend on the logits' values: a rival is fixed on the unmodified prediction.
    contrastive : bool
        It compares classes, so it needs two that compete.
    unit : str
        Of the score, of the map and of the contributions.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    formula: ClassVar[str]
    linear: ClassVar[bool]
    contrastive: ClassVar[bool] = False
    unit: ClassVar[str] = "logit"

    def check(self, classes: int, multilabel: bool) -> None:
        """Raise SegCamError with the reason where the score means nothing for this head."""
        if self.contrastive and multilabel:
            alone = [repr(score.name) for score in SCORES.values() if not score.contrastive]
            raise SegCamError(
                f"`score` {self.name!r} compares classes, but this model gives each class a sigmoid of its own: "
                f"classes do not compete there. Use {either(alone)}."
            )
        if self.contrastive and classes < 2:
            raise SegCamError(
                f"`score` {self.name!r} needs two classes or more. Received: a model with {classes}. "
                f"Use {default_score(classes, multilabel)!r}."
            )

    @abstractmethod
    def values(self, given: ScoreInput) -> Array64:
        """s(y) at the region's pixels, (|M|,) float64."""

    @abstractmethod
    def cotangent(self, given: ScoreInput) -> Cotangent:
        """The gradient of the SUM of s over the region by the logits; `divided` by |M| it is the mean's."""

    def bend(self, given: ScoreInput, tangent: NDArray[np.floating]) -> Cotangent:
        """s''(y) applied to a change of the logits, (H, W, C): how the cotangent of the sum changes with it, to first order.

        Zero for a score that is linear in the logits.
        """
        return given.outer(np.zeros(given.logits.shape[-1], np.float32))

    def value(self, given: ScoreInput) -> float:
        """S, the mean over the region."""
        return float(self.values(given).mean())


def default_score(classes: int, multilabel: bool) -> str:
    """Name of the score of a query that names none: the margin, or the logit if classes have no rivals."""
    return "logit" if multilabel or classes < 2 else "margin"


class Logit(Score):
    """The paper's own score. A softmax model's prediction does not determine its gradient's sign (arXiv 2307.03305)."""

    name, title, formula, linear = "logit", "logit", "y_c", True

    def values(self, given: ScoreInput) -> Array64:
        return given.of_class(given.class_index)

    def cotangent(self, given: ScoreInput) -> Cotangent:
        return given.outer(given.one_hot())


class CenteredLogit(Score):
    """The logit over the mean of all classes' logits: blind, as the softmax is, to a number added to all of them."""

    name, title, formula, linear, contrastive = "centered_logit", "centered logit", "y_c - mean_j y_j", True, True

    def values(self, given: ScoreInput) -> Array64:
        inside = given.inside
        return inside[:, given.class_index] - inside.mean(1)

    def cotangent(self, given: ScoreInput) -> Cotangent:
        unit = given.one_hot()
        return given.outer(unit - np.float32(1 / unit.size))


class Margin(Score):
    """The logit over the rival's: above zero where the class wins.

    Blind to a number added to all logits, as the softmax is, and to the outputs that are nowhere the strongest rival.
    """

    name, title, formula, linear, contrastive = "margin", "margin", "y_c - max_{j != c} y_j", True, True

    def values(self, given: ScoreInput) -> Array64:
        rival = given.rivals.ravel().take(given.pixels) if given.rival is None else given.rival
        return given.of_class(given.class_index) - given.of_class(rival)

    def cotangent(self, given: ScoreInput) -> Cotangent:
        unit, rival = given.one_hot(), given.rival
        if rival is None and unit.size == 2:  # there is one rival only: the same everywhere
            rival = 1 - given.class_index
        if rival is not None:
            unit[rival] -= 1
            return given.outer(unit)
        return Cotangent(given.mask.astype(np.float32), unit, rivals=given.rivals)


class LogOdds(Score):
    """The logit over all others taken together: log p_c / (1 - p_c). Does not saturate, and every class has a say."""

    name, title, formula, linear, contrastive = "log_odds", "log odds", "y_c - log sum_{j != c} exp y_j", False, True

    def values(self, given: ScoreInput) -> Array64:
        others = _without(given)
        loudest = others.max(1)
        return given.of_class(given.class_index) - loudest - np.log(np.exp(others - loudest[:, None]).sum(1))

    def cotangent(self, given: ScoreInput) -> Cotangent:
        gap = -np.exp(log_softmax(_without(given)))
        gap[:, given.class_index] = 1
        return given.scatter(gap)

    def bend(self, given: ScoreInput, tangent: NDArray[np.floating]) -> Cotangent:
        share, change = np.exp(log_softmax(_without(given))), given.at_pixels(tangent)
        return given.scatter(-share * (change - (share * change).sum(1, keepdims=True)))


def _without(given: ScoreInput) -> Array64:
    """Logits of the region's pixels with the class itself out of the race, (|M|, C) float64."""
    others = given.inside.copy()
    others[:, given.class_index] = -np.inf
    return others


class LogProbability(Score):
    """log p_c. Cotangent e_c - p; for several sigmoids (1 - p_c) e_c."""

    name, title, formula, linear, unit = "log_probability", "log probability", "log p_c", False, "nat"

    def values(self, given: ScoreInput) -> Array64:
        inside = given.inside
        if given.multilabel:
            return -np.logaddexp(0, -inside[:, given.class_index])
        return given.log_probabilities[:, given.class_index]

    def cotangent(self, given: ScoreInput) -> Cotangent:
        return given.scatter(probability_gap(given))

    def bend(self, given: ScoreInput, tangent: NDArray[np.floating]) -> Cotangent:
        return given.scatter(probability_turn(given, given.at_pixels(tangent)))


class Probability(Score):
    """p_c. Cotangent p_c (e_c - p); for several sigmoids p_c (1 - p_c) e_c. Vanishes where the model is sure."""

    name, title, formula, linear, unit = "probability", "probability", "p_c", False, "1"

    def values(self, given: ScoreInput) -> Array64:
        return np.exp(LogProbability().values(given))

    def cotangent(self, given: ScoreInput) -> Cotangent:
        return given.scatter(self.values(given)[:, None] * probability_gap(given))

    def bend(self, given: ScoreInput, tangent: NDArray[np.floating]) -> Cotangent:
        change, gap = given.at_pixels(tangent), probability_gap(given)
        turned = (gap * change).sum(1, keepdims=True) * gap + probability_turn(given, change)
        return given.scatter(self.values(given)[:, None] * turned)


def probability_gap(given: ScoreInput) -> Array64:
    """d log p_c / dy at the region's pixels, (|M|, C) float64: e_c - p, or (1 - p_c) e_c for several sigmoids.

    1 - p_c is summed from the other classes: computed as a difference it would be 0 for every sure pixel.
    """
    inside, c = given.inside, given.class_index
    if given.multilabel:
        gap = np.zeros_like(inside)
        gap[:, c] = np.exp(-np.logaddexp(0, inside[:, c]))
        return gap
    gap = -np.exp(given.log_probabilities)
    gap[:, c] = 0
    gap[:, c] = -gap.sum(1)
    return gap


def probability_turn(given: ScoreInput, change: Array64) -> Array64:
    """How `probability_gap` changes with the logits, to first order: (|M|, C) from a change (|M|, C)."""
    if given.multilabel:
        own = np.exp(LogProbability().values(given))[:, None]
        return -own * probability_gap(given) * change  # -p (1 - p) at the class, else 0
    p = np.exp(given.log_probabilities)
    return -p * (change - (p * change).sum(1, keepdims=True))


SCORES: Registry[Score] = Registry("score")
for _score in (Logit(), CenteredLogit(), Margin(), LogOdds(), LogProbability(), Probability()):
    SCORES.add(_score)

__all__ = [
    "SCORES",
    "CenteredLogit",
    "LogOdds",
    "LogProbability",
    "Logit",
    "Margin",
    "Probability",
    "Score",
    "ScoreInput",
    "default_score",
    "probability_gap",
    "probability_turn",
]
