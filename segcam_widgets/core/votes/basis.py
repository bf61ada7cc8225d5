"""What a vote field holds: the directions over the classes that it was collected for, and how a cotangent is made of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.core.answers import Cotangent, Float
from segcam_widgets.core.classes import class_index
from segcam_widgets.core.probe import Probe
from segcam_widgets.core.query import CamQuery
from segcam_widgets.core.resolve import resolve, score_input
from segcam_widgets.core.scores import SCORES
from segcam_widgets.errors import SegCamError, listing, shown

ALIKE = 1e-5
"""Two directions are the same if they differ by no more than this share of the larger one: float32 arithmetic."""

Parts = list[tuple[dict[int, float], Float]]
"""A sum of outer products: ({number of a direction held: its factor}, a field over the output pixels (H, W))."""


class Basis(Protocol):
    """The directions of a vote field."""

    @property
    def count(self) -> int:
        """How many fields are held."""
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """What each of them is about, in words."""
        ...

    @property
    def dtype(self) -> type[np.floating]:
        """Of the sums that are held."""
        ...

    def project(self, pushed: Float) -> NDArray[np.float32]:
        """(B, H, W, C) changes of the logits along every direction: (R, B, H, W)."""
        ...

    def split(self, cotangent: Cotangent) -> Parts:
        """A cotangent as a sum of directions. Raises SegCamError where it is none."""
        ...


@dataclass(frozen=True)
class ClassBasis:
    """The logits of some classes, and (from three classes on) the mean over all.

    With the mean, a centered logit is two directions and not as many as there are classes.

    Attributes
    ----------
    classes : tuple of int
    class_names : tuple of str
    """

    classes: tuple[int, ...]
    class_names: tuple[str, ...]

    @property
    def has_mean(self) -> bool:
        """Whether the last direction is the mean over all classes."""
        return len(self.class_names) > 2

    @property
    def count(self) -> int:
        return len(self.classes) + self.has_mean

    @property
    def names(self) -> tuple[str, ...]:
        own = tuple(f"logit of {self.class_names[c]}" for c in self.classes)
        return (*own, "mean of all logits") if self.has_mean else own

    @property
    def dtype(self) -> type[np.floating]:
        return np.float32

    def project(self, pushed: Float) -> NDArray[np.float32]:
        own = pushed[..., list(self.classes)]
        if self.has_mean:
            own = np.concatenate([own, pushed.mean(-1, keepdims=True)], -1)
        return np.moveaxis(own, -1, 0)

    def split(self, cotangent: Cotangent) -> Parts:
        if cotangent.contrast is not None and cotangent.is_outer:
            factors = self._factors(cotangent.contrast)
            return [({r: float(factor) for r, factor in enumerate(factors) if factor}, cotangent.mask)]
        factors = self._factors(cotangent.to_array())
        return [({r: 1.0}, factors[..., r]) for r in range(self.count) if factors[..., r].any()]

    def _factors(self, values: Float) -> Float:
        """(..., R) factors of the directions that add up to (..., C) values over the classes."""
        others = np.setdiff1d(np.arange(len(self.class_names)), self.classes)
        common: NDArray[np.float32] = np.zeros(values.shape[:-1], np.float32)
        if others.size:
            common = values[..., others[0]]
            spread = np.abs(values[..., others] - common[..., None]).max()
            if spread > ALIKE * np.abs(values).max() or (common.any() and not self.has_mean):
                missing = [self.class_names[c] for c in others if np.any(values[..., c])]
                raise SegCamError(
                    f"`cotangent` must pull on the classes that the votes were collected for, "
                    f"{listing(self.class_names[c] for c in self.classes)}, and on all others alike. "
                    f"Received: one that also pulls on {listing(missing)}. "
                    "Name these in votes(..., classes=...), or the query in votes(..., queries=...)."
                )
        elif (
            self.has_mean and values.ndim == 1
        ):  # what most classes share goes to the mean: a centered logit is two fields
            found, times = np.unique(values, return_counts=True)
            common = np.asarray(found[times.argmax()] if times.max() > 1 else 0, np.float32)
        factors = values[..., list(self.classes)] - common[..., None]
        if not self.has_mean:
            return factors
        return np.concatenate([factors, (common * len(self.class_names))[..., None]], -1).astype(np.float32)


@dataclass(frozen=True)
class Question:
    """What a query pulls with, whatever its region: class, score and rival."""

    class_index: int
    score: str
    rival: int | str

    @classmethod
    def of(cls, query: CamQuery) -> "Question":
        """Of a resolved query."""
        assert isinstance(query.class_index, int)
        assert query.rival is not None
        return cls(query.class_index, str(query.score), query.rival)

    def direction(self, probe: Probe) -> Float:
        """What a pixel is pulled with if it is in the region: (C,), or (H, W, C) where that differs between pixels."""
        query = CamQuery("", self.class_index, score=self.score, rival=self.rival)
        given = score_input(probe, query, np.ones(probe.logits.shape[:2], bool))
        found = SCORES[self.score].cotangent(given)
        return found.contrast if found.contrast is not None and found.is_outer else found.to_array()


@dataclass(frozen=True)
class QuestionBasis:
    """The contrasts of some queries, each whatever its region: one field a question, with every score.

    Attributes
    ----------
    questions : tuple of Question
    probe : Probe
    """

    questions: tuple[Question, ...]
    probe: Probe

    @property
    def count(self) -> int:
        return len(self.questions)

    @property
    def names(self) -> tuple[str, ...]:
        classes = self.probe.class_names
        return tuple(f"{SCORES[q.score].title} of {classes[q.class_index]}" for q in self.questions)

    @property
    def dtype(self) -> type[np.floating]:
        """Double where a score is curved: a saturated pixel's votes are millions of times smaller than its neighbour's."""
        return np.float32 if all(SCORES[q.score].linear for q in self.questions) else np.float64

    def project(self, pushed: Float) -> NDArray[np.float32]:
        return np.stack([np.einsum("bhwc,...c->bhw", pushed, d) if d.ndim == 1 else np.einsum("bhwc,hwc->bhw", pushed, d)
                         for d in self._directions()])  # fmt: skip

    def _directions(self) -> list[Float]:
        return [question.direction(self.probe) for question in self.questions]

    def split(self, cotangent: Cotangent) -> Parts:
        for number, direction in enumerate(self._directions()):
            if direction.ndim == 1 and cotangent.contrast is not None and cotangent.is_outer:
                factor = _multiple(cotangent.contrast, direction)
                if factor is not None:
                    return [({number: float(factor)}, cotangent.mask)]
            else:
                factor = _multiple(cotangent.to_array(), direction)
                if factor is not None:
                    return [({number: 1.0}, factor)]
        raise SegCamError(
            f"`cotangent` must pull with what the votes were collected for: {listing(self.names)}, in any region. "
            "Received: another contrast. Name its query in votes(..., queries=...)."
        )


def _multiple(values: Float, direction: Float) -> Float | None:
    """(...) by which a direction is to be multiplied at each pixel to give (..., C) values; None where it cannot be.

    In double: where all pixels are sure, the square of what a curved score pulls with is nothing in float32.
    """
    pull, along = values.astype(np.float64), direction.astype(np.float64)
    square = (along * along).sum(-1)
    factor = np.divide((pull * along).sum(-1), square, out=np.zeros(values.shape[:-1]), where=square > 0)
    rest = np.abs(pull - factor[..., None] * along).max()
    if rest > ALIKE * np.abs(pull).max() or np.abs(factor).max() > np.finfo(np.float32).max:
        return None
    return np.asarray(factor, np.float32)


def basis_for(
    probe: Probe, classes: Sequence[int | str] | None, queries: CamQuery | Sequence[CamQuery] | None
) -> ClassBasis | QuestionBasis:
    """The directions asked for. Raises SegCamError where they name nothing, or both are given."""
    if classes is not None and queries is not None:
        raise SegCamError("`classes` and `queries` exclude each other: votes are held for the one or for the other.")
    names = probe.class_names
    if queries is not None:
        given = [queries] if isinstance(queries, CamQuery) else list(queries)
        questions = tuple(dict.fromkeys(Question.of(resolve(query, probe)) for query in given))
        if not questions:
            raise SegCamError("`queries` must hold one query or more. Received: none.")
        return QuestionBasis(questions, probe)
    if classes is None:
        return ClassBasis(tuple(range(len(names))), names)
    if isinstance(classes, str) or not isinstance(classes, Sequence) or not classes:
        raise SegCamError(f"`classes` must be a list of one class or more. Received: {shown(classes)}.")
    return ClassBasis(tuple(sorted({class_index(c, names, "classes") for c in classes})), names)
