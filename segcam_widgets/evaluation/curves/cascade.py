"""Cascading parameter randomisation: a map must change when the weights are drawn at random, layer by layer.

Adebayo et al., "Sanity checks for saliency maps", NeurIPS 2018, arXiv 1810.03292, section 3: weights are re-drawn from the
output to the input, layer by layer, and the map is compared with the original's at every stage. What it shows and what it
does not: Binder et al., "Shortcomings of top-down randomization-based sanity checks", CVPR 2023, arXiv 2211.12486.
"""

import itertools
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.core.answers import Progress
from segcam_widgets.core.explanation.explain import explain
from segcam_widgets.core.explanation.explanation import Explanation
from segcam_widgets.core.probe import Probe
from segcam_widgets.core.regions.drawn import Mask
from segcam_widgets.core.support.progress import report
from segcam_widgets.errors import Cancelled, SegCamError
from segcam_widgets.evaluation.similarity import Similarity, compare

NOTHING = Similarity(*[float("nan")] * 4)


@runtime_checkable
class Randomisable(Protocol):
    """A probe that can be asked about a network with other weights. The user's own model must stay as it is."""

    @property
    def weighted_layers(self) -> tuple[str, ...]:
        """Names of the layers that have weights, from the output to the input."""
        ...

    def randomised(self, layers: Collection[str], seed: int = 0) -> Probe:
        """The same image in a network in which the weights of these layers are re-drawn, the others' as they are.

        A layer's new weights depend on it and on the seed alone: the stages of a cascade agree in them.
        """
        ...


@dataclass(frozen=True, eq=False)
class Cascade:
    """One map at every stage of the cascade.

    Attributes
    ----------
    map : str
    stages : tuple of tuple of str
        The layers that each stage randomises besides those of the stages before it, from the output to the input.
    draws : tuple of tuple of Similarity
        For each draw of the weights, the map at each stage compared with the original's.
    """

    map: str
    stages: tuple[tuple[str, ...], ...]
    draws: tuple[tuple[Similarity, ...], ...] = field(repr=False)

    def values(self, measure: str = "spearman") -> NDArray[np.float64]:
        """(draws, stages) of one measure: "spearman", "pearson", "ssim" or "region_spearman"."""
        return np.array([[getattr(similarity, measure) for similarity in draw] for draw in self.draws])

    def kept(self, measure: str = "spearman") -> NDArray[np.float64]:
        """(stages,) mean over the draws of the measure's magnitude: a map that only changes its sign keeps its shape.

        nan where the map was constant in every draw.
        """
        magnitudes = np.abs(self.values(measure))
        known = ~np.isnan(magnitudes)
        sums = np.where(known, magnitudes, 0).sum(0)
        return np.divide(sums, known.sum(0), out=np.full(sums.shape, np.nan), where=known.any(0))


def stages_of(layers: Sequence[str], count: int | None) -> tuple[tuple[str, ...], ...]:
    """Layers in order, in at most `count` groups of about equal size; None: one group per layer."""
    groups = len(layers) if count is None else min(count, len(layers))
    if groups == 0:
        return ()
    bounds = np.round(np.linspace(0, len(layers), groups + 1)).astype(int)
    return tuple(tuple(layers[a:b]) for a, b in itertools.pairwise(bounds))


def cascade(
    probe: Randomisable,
    originals: dict[str, Explanation],
    *,
    stages: int | None = 10,
    redraws: int = 2,
    seed: int = 0,
    progress: Progress | None = None,
) -> tuple[Cascade, ...]:
    """Every map at every stage, compared with its original on the grid of the logits.

    Parameters
    ----------
    probe : Randomisable
    originals : dict of str to Explanation
        The maps by name. Their regions are kept pixel by pixel: the prediction of random weights would give others.
    stages : int, optional
        At most so many; None for one per layer.
    redraws : int
        How many times the weights are drawn.
    seed : int
    progress : callable, optional

    Returns
    -------
    tuple of Cascade
        A stage at which a map cannot be computed, or is constant, has nan.
    """
    groups = stages_of(probe.weighted_layers, stages)
    found: dict[str, list[list[Similarity]]] = {name: [] for name in originals}
    total, done = max(1, redraws * len(groups) * len(originals)), 0
    for draw in range(redraws):
        for rows in found.values():
            rows.append([])
        for number in range(1, len(groups) + 1):
            text = f"random weights from the output to {groups[number - 1][-1]}"
            report(progress, done / total, text)
            other = probe.randomised([name for group in groups[:number] for name in group], seed + draw)
            for name, original in originals.items():
                report(progress, done / total, f"{text}: {name}")
                found[name][-1].append(_compared(other, original))
                done += 1
    return tuple(Cascade(name, groups, tuple(map(tuple, rows))) for name, rows in found.items())


def _compared(other: Probe, original: Explanation) -> Similarity:
    query = replace(original.query, region=Mask(original.mask))
    try:
        after = explain(other, query)
    except Cancelled:
        raise
    except SegCamError:
        return NOTHING
    return compare(original.upsampled(), after.upsampled(), original.mask)
