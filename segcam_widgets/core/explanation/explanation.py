"""`Explanation`: the answer to a query, signed, not normalised, immutable, with everything that follows by arithmetic."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.core.answers import LayerInfo
from segcam_widgets.core.explanation.blank import is_empty, is_faint, positive_share
from segcam_widgets.core.explanation.channel_histogram import BINS, ChannelHistogram, channel_histogram
from segcam_widgets.core.explanation.storage import ARRAYS, load, save
from segcam_widgets.core.grid import coverage, resize_bilinear
from segcam_widgets.core.methods import METHODS, pooled
from segcam_widgets.core.query import CamQuery
from segcam_widgets.core.scores import SCORES
from segcam_widgets.core.support.checks import grid_size
from segcam_widgets.core.support.frozen import Frozen
from segcam_widgets.core.text.one_line import one_line

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

Float = NDArray[np.float32]


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    array.flags.writeable = False
    return array


@dataclass(frozen=True, eq=False)
class Explanation:
    """What :func:`segcam_widgets.explain` answers. Arrays are read-only.

    (h, w, K) is the target layer's output, (H, W) the grid of the logits.

    Attributes
    ----------
    query : CamQuery
        Resolved: no None left, class as index.
    score : float
        S, the mean of the score over the region, in logits (or probability, or nats).
    mask : ndarray of bool, (H, W)
        The region's pixels.
    activations, gradients : ndarray, (h, w, K) float32
        A and dS/dA.
    weights : ndarray, (K,), (h, w, K) or (0,), float32
        Pooled, per pixel, or none.
    baseline : ndarray, (K,) float32
        What activations are compared with.
    cam : ndarray, (h, w) float32
        SIGNED, un-normalised, at the layer's resolution; (weights * (activations - baseline)).sum(-1).
    class_names : tuple of str
    layer : LayerInfo
    notes : tuple of str
        What a reader of the map should know.
    evidence : mapping of str to number
        What the method measured on the way: integrated gradients' "completeness_error", say.
    """

    query: CamQuery
    score: float
    mask: NDArray[np.bool_] = field(repr=False)
    activations: Float = field(repr=False)
    gradients: Float = field(repr=False)
    weights: Float = field(repr=False)
    baseline: Float = field(repr=False)
    cam: Float = field(repr=False)
    class_names: tuple[str, ...] = field(repr=False)
    layer: LayerInfo = field(repr=False)
    notes: tuple[str, ...] = field(default=(), repr=False)
    evidence: Mapping[str, float] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "evidence", Frozen(self.evidence))
        for name in ARRAYS:
            object.__setattr__(self, name, _read_only(np.asarray(getattr(self, name)).view()))

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.__post_init__()  # pickled arrays come back writable

    @property
    def class_name(self) -> str:
        """The explained class's name."""
        return self.class_names[int(self.query.class_index)]

    @cached_property
    def coverage(self) -> NDArray[np.float64]:
        """(h, w) in [0, 1]: the share of each cell of the layer that the region covers."""
        size = (self.cam.shape[0], self.cam.shape[1])
        return _read_only(coverage(self.mask, size))

    @cached_property
    def contributions(self) -> NDArray[np.float64]:
        """(K,) sum over the map of weights * (activations - baseline); they sum to ``cam.sum()``.

        (0,) where the method has no weights.
        """
        return _read_only(self._contributions(None))

    @cached_property
    def region_contributions(self) -> NDArray[np.float64]:
        """(K,) the same inside the region, each cell counted by the share of it that the region covers."""
        return _read_only(self._contributions(self.coverage))

    def _contributions(self, share: NDArray[np.float64] | None) -> NDArray[np.float64]:
        if not self.weights.size:
            return np.zeros(0)
        cells = np.ones(self.cam.shape) if share is None else share
        if self.weights.ndim == 1:
            summed = np.einsum("hw,hwk->k", cells, self.activations) - cells.sum() * self.baseline.astype(np.float64)
            return self.weights.astype(np.float64) * summed
        products = np.einsum("hw,hwk,hwk->k", cells, self.weights, self.activations)
        return products - np.einsum("hw,hwk->k", cells, self.weights) * self.baseline.astype(np.float64)

    @cached_property
    def pooled_gradients(self) -> NDArray[np.float64]:
        """(K,) mean of the gradient over the map: the weights of Seg-Grad-CAM, whatever the method."""
        return _read_only(pooled(self.gradients))

    @cached_property
    def positive_share(self) -> float:
        """``sum(max(cam, 0)) / sum(|cam|)``, in [0, 1]; 0 for a zero map."""
        return positive_share(self.cam)

    @property
    def is_map(self) -> bool:
        """False at a layer of one cell: that is a number, and neither blank nor faint."""
        return self.cam.size > 1

    @cached_property
    def is_empty(self) -> bool:
        """True where a ReLU'd map would be blank: ``cam.max() <= 1e-6 * max|cam|``. This is what *blank* means."""
        return is_empty(self.cam)

    @cached_property
    def is_faint(self) -> bool:
        """True where the map is not blank, but less than a hundredth of it is positive.

        False for pooled weights with a baseline other than zero, whose maps hold both signs by construction.
        """
        return is_faint(self.cam, self.query, pooled_weights=self.weights.ndim == 1 and self.weights.size > 0)

    def upsampled(self, size: tuple[int, int] | None = None) -> Float:
        """The signed map on the logits' grid, or at `size`: bilinear, half-pixel centres, edges clamped.

        Parameters
        ----------
        size : (height, width), optional
            Default (H, W).

        Returns
        -------
        ndarray, (H, W) float32

        Raises
        ------
        SegCamError
            `size` is not two whole numbers above zero.
        """
        return resize_bilinear(self.cam, grid_size(self.mask.shape if size is None else size))

    @cached_property
    def focus(self) -> float:
        """Share of the positive mass of ``upsampled()`` inside the region, in [0, 1]; 0 without positive mass."""
        positive = np.maximum(self.upsampled(), 0).astype(np.float64)
        total = positive.sum()
        return float(positive[self.mask].sum() / total) if total > 0 else 0.0

    @property
    def unit(self) -> str:
        """Of the map and of the contributions: "logit", "logit x activation" (of ablation, say), "1" for a probability."""
        return METHODS[self.query.method].map_unit(SCORES[str(self.query.score)].unit)

    @property
    def region_share(self) -> float:
        """``|M| / (H W)``, in (0, 1]."""
        return float(self.mask.mean())

    @property
    def gain(self) -> float:
        """(focus - region_share) / (1 - region_share): 0 for an even map, 1 for one that stays inside.

        nan where the region is everything.
        """
        share = self.region_share
        return float("nan") if share == 1 else (self.focus - share) / (1 - share)

    def isclose(self, other: "Explanation", rtol: float = 1e-4) -> bool:
        """Whether another explanation answers the same query with the same numbers.

        Each array may differ by `rtol` of its largest magnitude, the score by `rtol` of its own; 0 means not at all.
        """
        if self.query != other.query or self.class_names != other.class_names:
            return False
        if not np.array_equal(self.mask, other.mask) or not math.isclose(self.score, other.score, rel_tol=rtol):
            return False
        pairs = [(getattr(self, name), getattr(other, name)) for name in ARRAYS if name != "mask"]
        return all(
            a.shape == b.shape and (not a.size or bool(np.abs(a - b).max() <= rtol * np.abs(a).max())) for a, b in pairs
        )

    def to_frame(self) -> "pd.DataFrame":
        """One row per channel, as a pandas.DataFrame.

        Columns: weight (its mean over the map where it is per pixel), mean_gradient, mean_activation, max_activation,
        baseline, contribution, region_contribution; nan where the method has no weights.

        Raises
        ------
        SegCamError
            Where pandas is not installed.
        """
        from segcam_widgets.core.explanation.report import to_frame

        return to_frame(self)

    def to_xarray(self) -> "xr.Dataset":
        """Everything as one xarray.Dataset with named dimensions, units and attributes.

        Raises
        ------
        SegCamError
            Where xarray is not installed.
        """
        from segcam_widgets.core.explanation.report import to_xarray

        return to_xarray(self)

    def save(self, folder: str | Path) -> Path:
        """Write arrays (npz), the map (png) and manifest.json into a folder, whole or not at all.

        Raises
        ------
        SegCamError
            Where `folder` is a file, or holds something that is not a saved explanation.
        """
        return save(self, folder)

    def summary(self) -> str:
        """One line in words: method, class, layer, score, region, and what the map and the channels do."""
        from segcam_widgets.core.explanation.wording import sentence

        return sentence(self)

    def channel_histogram(self, channel: int, bins: int = BINS) -> ChannelHistogram:
        """How the gradient of one channel is spread over the map.

        Parameters
        ----------
        channel : int
        bins : int
            Default 41; with an odd number zero is the middle of a bin.

        Returns
        -------
        ChannelHistogram
            Counts, edges, the share of negative gradients, their mean; `plot` draws it.

        Raises
        ------
        SegCamError
            A channel that the layer does not have, or no bins.
        """
        return channel_histogram(self, channel, bins)

    def __repr__(self) -> str:
        return one_line("Explanation", self.summary())

    def _repr_html_(self) -> str:
        from segcam_widgets.core.explanation.report import to_html

        return to_html(self)

    def scalars(self) -> dict[str, float | bool]:
        """The numbers that sum the map up, by name."""
        return {
            "score": self.score, "positive_share": self.positive_share, "is_empty": self.is_empty,
            "is_faint": self.is_faint, "focus": self.focus,
            "region_share": self.region_share, "gain": self.gain,
        }  # fmt: skip


def load_explanation(folder: str | Path) -> Explanation:
    """Read a folder that :meth:`Explanation.save` wrote.

    Raises
    ------
    SegCamError
        Where the folder is none of these, is damaged, or was written by a newer version.
    """
    return Explanation(**load(folder))
