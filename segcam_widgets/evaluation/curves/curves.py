"""Deletion and insertion: the score while pixels are taken away, or given back, in a map's order.

Petsiuk, Das & Saenko, "RISE", arXiv 1806.07421, section 4.2, for classifiers. What segmentation adds: the score is that of
the *region* (S, the mean of the query's score over M, M fixed on the unmodified prediction), and the pixels that are taken
away are those of the region, those around it (its context), or all of them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.core.answers import Progress
from segcam_widgets.core.probe import Probe
from segcam_widgets.core.query import CamQuery
from segcam_widgets.core.resolve import score_input
from segcam_widgets.core.scores import SCORES, ScoreInput
from segcam_widgets.errors import UnsupportedModelError
from segcam_widgets.evaluation.curves.ranking import order, region_on_grid
from segcam_widgets.evaluation.curves.replays import Reading, readings

Float = NDArray[np.float32]
Array64 = NDArray[np.float64]
SCOPES: tuple[str, ...] = ("region", "context", "everywhere")
"""Whose pixels are taken away: the region's, all others', or all. Those outside the scope stay as they are."""
TESTS: tuple[str, ...] = ("deletion", "insertion")
MEASURES: tuple[str, ...] = ("score", "iou")
CHANNELS = "channels"
"""The scope of a curve whose parts are not pixels but the layer's channels."""


@dataclass(frozen=True, eq=False)
class Curve:
    """One map's curve; for a random map one row a draw.

    Attributes
    ----------
    map : str
        The map's name.
    scope : {"region", "context", "everywhere", "channels"}
    test : {"deletion", "insertion"}
    fractions : ndarray, (n,) float64
        Of the scope's pixels, or of the channels: taken away (deletion), or given back (insertion), 0 to 1.
    scores : ndarray, (draws, n) float64
        S, in the score's unit.
    ious : ndarray, (draws, n) float64
        Inside the region, the overlap of the class's predicted pixels with those of the unmodified prediction; nan where
        it is predicted in neither.
    """

    map: str
    scope: str
    test: str
    fractions: Array64 = field(repr=False)
    scores: Array64 = field(repr=False)
    ious: Array64 = field(repr=False)

    def values(self, measure: str = "score") -> Array64:
        """(draws, n) of the measure, "score" or "iou"."""
        return self.scores if measure == "score" else self.ious

    def mean(self, measure: str = "score") -> Array64:
        """(n,) mean over the draws."""
        return self.values(measure).mean(0)

    def aucs(self, measure: str = "score") -> Array64:
        """(draws,) areas under the curve over fractions 0 to 1, by the trapezoidal rule; in the measure's unit."""
        values = self.values(measure)
        return ((values[:, 1:] + values[:, :-1]) / 2 * np.diff(self.fractions)).sum(1)

    def auc(self, measure: str = "score") -> float:
        """Area under the curve, the mean over the draws. For deletion lower is better, for insertion higher."""
        return float(self.aucs(measure).mean())

    def spread(self, measure: str = "score") -> float:
        """Standard deviation of the area over the draws; 0 for a map that is no random one."""
        return float(self.aucs(measure).std())


@dataclass(frozen=True, eq=False)
class Ranked:
    """A map on the input's grid, by which pixels are ordered.

    Attributes
    ----------
    name : str
    draws : sequence of ndarray, (h, w)
        One, or several of a random map.
    """

    name: str
    draws: Sequence[NDArray[np.floating]] = field(repr=False)


@dataclass(frozen=True, eq=False)
class Meter:
    """Reads score and overlap off replayed logits.

    Attributes
    ----------
    query : CamQuery
        Resolved.
    given : ScoreInput
        What the score looks at in the unmodified prediction: the region and the rivals are fixed there.
    before : ndarray of bool, (|M|,)
        Which of the region's pixels the unmodified prediction gives to the class.
    """

    query: CamQuery
    given: ScoreInput = field(repr=False)
    before: NDArray[np.bool_] = field(repr=False)

    @property
    def mask(self) -> NDArray[np.bool_]:
        """The region, (H, W)."""
        return self.given.mask

    @classmethod
    def of(cls, probe: Probe, query: CamQuery, mask: NDArray[np.bool_]) -> "Meter":
        """For a resolved query."""
        given = score_input(probe, query, mask)
        return cls(query, given, _of_class(given))

    def __call__(self, logits: Float) -> Reading:
        """(S, IoU) of (H, W, C) logits."""
        given = replace(self.given, logits=logits)
        after = _of_class(given)
        either = int((after | self.before).sum())
        overlap = int((after & self.before).sum()) / either if either else float("nan")
        return SCORES[str(self.query.score)].value(given), overlap


def _of_class(given: ScoreInput) -> NDArray[np.bool_]:
    """Which of the region's pixels are predicted as the class; with several sigmoids masks may overlap."""
    inside = given.inside
    if given.multilabel:
        return inside[:, given.class_index] > 0
    return inside.argmax(1) == given.class_index


def pixel_layer(probe: Probe) -> str:
    """The layer whose pixels are the input's and through which everything goes.

    Raises
    ------
    UnsupportedModelError
        The first target layer is not the input, or not of its size.
    """
    first = probe.layers[0]
    if probe.bypass(first.name) or first.shape[:2] != tuple(probe.x.shape[-3:-1]):
        raise UnsupportedModelError(
            "`probe` must have the image, in real numbers, as its first layer: deletion and insertion change its pixels. "
            f"Received: a model whose first layer is {first.name!r} of shape {first.shape}."
        )
    return first.name


def scope_pixels(scope: str, mask: NDArray[np.bool_], size: tuple[int, int]) -> NDArray[np.intp]:
    """Where the scope's pixels are in the flattened input of `size`, (n,)."""
    inside = region_on_grid(mask, size)
    chosen = {"region": inside, "context": ~inside}.get(scope, np.ones(size, bool))
    return np.flatnonzero(chosen)


def counts(pixels: int, steps: int) -> NDArray[np.intp]:
    """How many pixels (or channels) are gone at each point of a curve: 0, ..., all; fewer points where there are fewer."""
    return np.unique(np.round(np.linspace(0, pixels, steps + 1)).astype(np.intp))


@dataclass(frozen=True, eq=False)
class Perturbation:
    """The images of which a set of curves consists.

    Attributes
    ----------
    x, filled : ndarray, (h, w, C) float32
        The input, and what its pixels are replaced with.
    pixels : dict of str to ndarray of int
        For each scope, where its pixels are in the flattened input.
    steps : int
        A curve has so many parts of about equal size, and a point more.
    cell : int
        Side, in pixels, of the squares that are taken away together.
    seed : int
        Of the order of squares with equal values.
    """

    x: Float = field(repr=False)
    filled: Float = field(repr=False)
    pixels: dict[str, NDArray[np.intp]] = field(repr=False)
    steps: int = 16
    cell: int = 1
    seed: int = 0

    def points(self, scope: str) -> NDArray[np.intp]:
        """How many of the scope's pixels are gone at each point of a curve, (n,)."""
        return counts(len(self.pixels[scope]), self.steps)

    def total(self, maps: Sequence[Ranked]) -> int:
        """How many images there are."""
        draws = sum(len(ranked.draws) for ranked in maps)
        return 1 + sum(1 + 2 * draws * (len(self.points(scope)) - 2) for scope in self.pixels)

    def images(self, maps: Sequence[Ranked]) -> Iterator[tuple[Float, str]]:
        """Each image, flattened, and what it is: the unmodified one, then for each scope one without its pixels, then its curves.

        The two ends of all curves of a scope are the same two images.
        """
        own, other = (image.reshape(-1, self.x.shape[2]) for image in (self.x, self.filled))
        yield own, "the unmodified image"
        for scope, pixels in self.pixels.items():
            gone = own.copy()
            gone[pixels] = other[pixels]
            yield gone, f"{scope}: all pixels taken away"
            for ranked in maps:
                for values in ranked.draws:
                    ranks = order(values, pixels, self.cell, self.seed)
                    yield from (
                        (image, f"{scope}: {ranked.name}")
                        for start, given in ((own, other), (gone, own))
                        for image in self._between(start, given, ranks, self.points(scope)[1:-1])
                    )

    @staticmethod
    def _between(start: Float, given: Float, ranks: NDArray[np.intp], ks: NDArray[np.intp]) -> Iterator[Float]:
        for k in ks:
            image = start.copy()
            image[ranks[:k]] = given[ranks[:k]]
            yield image

    def curves(self, maps: Sequence[Ranked], read: Iterator[Reading]) -> Iterator[Curve]:
        """The curves out of what was read off the images, in their order."""
        whole = next(read)
        for scope in self.pixels:
            ks, none = self.points(scope), next(read)
            inner = range(len(ks) - 2)
            for ranked in maps:
                rows: dict[str, list[list[Reading]]] = {test: [] for test in TESTS}
                for _ in ranked.draws:
                    rows["deletion"].append([whole, *(next(read) for _ in inner), none])
                    rows["insertion"].append([none, *(next(read) for _ in inner), whole])
                for test, values in rows.items():
                    table = np.array(values)  # (draws, n, 2)
                    yield Curve(ranked.name, scope, test, ks / ks[-1], table[:, :, 0], table[:, :, 1])


def perturb(
    probe: Probe,
    meter: Meter,
    maps: Sequence[Ranked],
    plan: Perturbation,
    *,
    budget: int = 256 * 2**20,
    progress: Progress | None = None,
) -> tuple[Curve, ...]:
    """Deletion and insertion curves of several maps, scope by scope.

    Parameters
    ----------
    probe : Probe
    meter : Meter
    maps : sequence of Ranked
        On the input's grid.
    plan : Perturbation
        Its scopes have two pixels or more each.
    budget : int
        Bytes that the replayed images may take together.
    progress : callable, optional

    Returns
    -------
    tuple of Curve

    Raises
    ------
    NonFiniteError
        The network answers NaN or infinity for a perturbed image.
    Cancelled
    """
    layer, total = pixel_layer(probe), plan.total(maps)
    versions = ((image.reshape(plan.x.shape), text) for image, text in plan.images(maps))
    found = readings(probe, layer, versions, total, meter, what="a perturbed image", budget=budget, progress=progress)
    return tuple(plan.curves(maps, iter(found)))
