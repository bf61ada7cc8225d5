"""The maps of one comparison: those under test and those to beat, and the checks before anything is replayed."""

import itertools
from collections.abc import Iterator
from dataclasses import astuple, dataclass, field

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.evaluation.arguments import TestMap
from segcam_widgets.evaluation.curves.curves import Ranked
from segcam_widgets.evaluation.curves.ranking import on_grid, tied_share
from segcam_widgets.evaluation.curves.references import REFERENCES
from segcam_widgets.evaluation.result import Chance, Contender
from segcam_widgets.evaluation.similarity import Similarity, compare, is_flat, spearman

Float = NDArray[np.float32]


def leakage(values: NDArray[np.floating], mask: NDArray[np.bool_]) -> float:
    """The share of a map's positive mass outside the region, in [0, 1]: 1 - focus. nan without positive mass.

    Both are (H, W).
    """
    positive = np.maximum(values, 0).astype(np.float64)
    total = float(positive.sum())
    return float(positive[~mask].sum()) / total if total > 0 else float("nan")


@dataclass(frozen=True, eq=False)
class Arena:
    """The maps under test and those to beat.

    Attributes
    ----------
    under_test : list of TestMap
    references : dict of str to list of ndarray
        Each with its draws, on grids of their own.
    mask : ndarray of bool, (H, W)
    size : (h, w)
        Of the input.
    """

    under_test: list[TestMap]
    references: dict[str, list[Float]] = field(repr=False)
    mask: NDArray[np.bool_] = field(repr=False)
    size: tuple[int, int]

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W), of the logits."""
        return (self.mask.shape[0], self.mask.shape[1])

    def ranked(self) -> list[Ranked]:
        """Every map on the input's grid."""
        every = {entry.name: [entry.values] for entry in self.under_test} | self.references
        return [Ranked(name, [on_grid(values, self.size) for values in some]) for name, some in every.items()]

    def contenders(self) -> Iterator[Contender]:
        """Methods and own maps, then references."""
        fixed = {n: on_grid(some[0], self.shape) for n, some in self.references.items() if not REFERENCES[n].drawn}

        def contender(name: str, kind: str, title: str, draws: list[NDArray[np.floating]]) -> Contender:
            values = draws[0]
            here = on_grid(values, self.shape)
            likeness = {other: spearman(here, reference) for other, reference in fixed.items()}
            leaks = [leakage(on_grid(draw, self.shape), self.mask) for draw in draws]
            tied = tied_share(on_grid(values, self.size))
            return Contender(name, kind, title, is_flat(values), tied, likeness, float(np.mean(leaks)))

        for entry in self.under_test:
            kind = "own map" if entry.explanation is None else "method"
            yield contender(entry.name, kind, entry.title, [entry.values])
        for name, some in self.references.items():
            yield contender(name, "reference", REFERENCES[name].title, list(some))

    def chance(self) -> Chance:
        """What two random maps have in common, as magnitudes."""
        drawn = next(some for name, some in self.references.items() if REFERENCES[name].drawn)
        maps = [on_grid(values, self.shape) for values in drawn]
        pairs = np.abs([astuple(compare(a, b, self.mask)) for a, b in itertools.combinations(maps, 2)])
        return Chance(Similarity(*pairs.max(0).tolist()), Similarity(*np.median(pairs, 0).tolist()), len(pairs))
