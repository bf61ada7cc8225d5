"""Experiments: change the layer's activations, replay, and see whether the class survives. Each runs at most once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.core.answers import Float
from segcam_widgets.core.grid import coverage
from segcam_widgets.core.probe import Probe
from segcam_widgets.core.regions.base import BoolMask

TURNS = 0.5
"""An experiment turns the class where at least this share of its pixels loses it ..."""
LEANS = 0.25
"""... and leans where fewer do, and the mean margin falls by at least this share of itself."""
NO_MARGIN = 1e-5
"""A mean margin this small beside the largest logit is a tie, up to rounding: a fall is measured in this much at least."""
TINY = float(np.finfo(np.float32).tiny)
LEAST_REST = 0.01
"""Share of the image that must be without the class to be compared with; else the pixels outside the region are."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one replay did.

    Attributes
    ----------
    lost : float
        E, in [0, 1]: share of the pixels that carried the class and no longer do.
    fall : float
        g: fall of their mean margin over the magnitude of the mean margin before (of 1e-5 of the largest logit at least, so
        that a tie is not divided by); negative where it rises.
    image_share : float
        Share of the whole image that carries the class afterwards.
    region_share : float
        The same of the region.
    rest_share : float
        The same of the rest, nan where there is none.
    """

    lost: float
    fall: float
    image_share: float
    region_share: float
    rest_share: float

    @property
    def turns(self) -> bool:
        """Whether half of the pixels or more lose the class."""
        return self.lost >= TURNS

    @property
    def leans(self) -> bool:
        """Whether fewer do, and their margin falls by a quarter of itself or more."""
        return not self.turns and self.fall >= LEANS

    @property
    def moves(self) -> bool:
        """Whether it turns or leans."""
        return self.turns or self.leans


class Experiments:
    """Replays of one layer about one class in one region.

    Parameters
    ----------
    probe : Probe
    layer : str
    class_index : int
    mask : ndarray of bool, (H, W)
        The region, not empty.
    live : ndarray of bool, (K,)
        The channels that are not dead.

    Attributes
    ----------
    carriers : ndarray of bool, (H, W)
        B: pixels of the region that carry the class now (several sigmoids: p > 0.5; a single class: all).
    rest : ndarray of bool, (H, W)
        R: pixels that do not carry it; where these are under 1 % of the image, those outside the region. May be empty.
    """

    def __init__(
        self, probe: Probe, layer: str, class_index: int, mask: BoolMask, live: NDArray[np.bool_] | None = None
    ) -> None:
        self._probe, self._layer, self._index, self._mask = probe, layer, class_index, mask
        self._before = before = self._carries(probe.logits)
        self.carriers: BoolMask = mask & before
        self.rest: BoolMask = ~before if (~before).mean() >= LEAST_REST else ~mask
        self._live = live
        self.image_share = float(before.mean())
        self._pixels = self.carriers if self.carriers.any() else mask
        self._margin = self._mean_margin(probe.logits)
        self._least = NO_MARGIN * float(np.abs(probe.logits).max())

    # -------------------------------------------------------------- the prediction

    def _carries(self, logits: Float) -> BoolMask:
        if self._probe.multilabel:
            return np.asarray(logits[..., self._index] > 0)
        return np.asarray(logits.argmax(-1) == self._index)

    def _mean_margin(self, logits: Float) -> float:
        inside = logits[self._pixels].astype(np.float64)
        own = inside[:, self._index]
        if self._probe.multilabel or inside.shape[1] == 1:
            return float(own.mean())
        return float((own - np.delete(inside, self._index, 1).max(1)).mean())

    def _outcome(self, logits: Float) -> Outcome:
        after = self._carries(logits)
        kept = after[self.carriers]
        change = self._margin - self._mean_margin(logits)
        return Outcome(
            lost=float(1 - kept.mean()) if kept.size else 0.0,
            fall=change / self._size,
            image_share=float(after.mean()),
            region_share=float(after[self._mask].mean()),
            rest_share=float(after[self.rest].mean()) if self.rest.any() else float("nan"),
        )

    @property
    def tied(self) -> bool:
        """Whether the pixels are on average neither ahead nor behind: then a fall has no size of the margin to be told in."""
        return abs(self._margin) <= self._least

    @property
    def _size(self) -> float:
        return max(abs(self._margin), self._least, TINY)

    # -------------------------------------------------------------- the layer

    @property
    def has_rest(self) -> bool:
        """Whether there are pixels to compare with."""
        return bool(self.rest.any())

    @property
    def rest_carries(self) -> bool:
        """Whether the class is in the rest already: it is nearly everywhere, and the rest is what lies outside the region."""
        return bool(self._before[self.rest].any())

    @cached_property
    def _activations(self) -> Float:
        return self._probe.activations(self._layer)

    def _cover(self, mask: BoolMask) -> NDArray[np.float32]:
        size = (self._activations.shape[0], self._activations.shape[1])
        return coverage(mask, size).astype(np.float32)[..., None]

    def _mean(self, mask: BoolMask) -> NDArray[np.float32]:
        """(K,) over the cells, each counted by the share of it that a mask covers."""
        return _weighted_mean(self._activations, mask)

    @cached_property
    def level(self) -> float:
        """How far the region's mean activation is from the rest's: max over live channels of |difference| / mean |A_k|.

        nan where there is nothing to compare.
        """
        if not (self.has_rest and self._pixels.any()):
            return float("nan")
        size = np.abs(self._activations).mean((0, 1), dtype=np.float64)
        apart = np.abs(self._mean(self._pixels) - self._mean(self.rest))
        live = size > 0 if self._live is None else self._live & (size > 0)
        return float((apart[live] / size[live]).max()) if live.any() else 0.0

    def _replay(self, activations: Float, bypass: Mapping[str, Float] | None = None) -> Outcome:
        return self._outcome(self._probe.replay(self._layer, np.ascontiguousarray(activations, np.float32), bypass))

    def _inside(
        self, change: Callable[[Float, Float], Float], otherwise: Float, where: BoolMask, to: BoolMask
    ) -> Outcome:
        return self._replay(self._activations + self._change(change, otherwise, where, to))

    def _change(
        self, change: Callable[[Float, Float], Float], otherwise: Float, where: BoolMask, to: BoolMask
    ) -> Float:
        """(h, w, K) what cells of `where` change by, towards the mean over `to`; without such pixels towards `otherwise`."""
        own = self._activations
        reference = self._mean(to) if to.any() else otherwise
        changed: Float = self._cover(where) * (change(own, reference) - own)
        return changed

    @cached_property
    def lift(self) -> Outcome:
        """Inside the region every channel at least what it is on average over the rest (no rest: at its largest)."""
        return self._inside(np.maximum, self._activations.max((0, 1)), self._pixels, self.rest)

    @cached_property
    def sink(self) -> Outcome:
        """Inside the region every channel at most what it is on average over the rest (no rest: at its least)."""
        return self._inside(np.minimum, self._activations.min((0, 1)), self._pixels, self.rest)

    def forecast_of_sink(self, gradients: Float) -> float:
        """What a gradient (h, w, K) says of lowering the region: below zero, that the score falls as well."""
        lowered = self._change(np.minimum, self._activations.min((0, 1)), self._pixels, self.rest)
        return float(np.einsum("hwk,hwk->", gradients, lowered, dtype=np.float64))

    @cached_property
    def zero(self) -> Outcome:
        """The whole layer switched off."""
        return self._replay(np.zeros_like(self._activations))

    @cached_property
    def lowered_rest(self) -> Outcome | None:
        """The rest's cells at most what they are on average inside; shown, not judged. None without a rest."""
        if not self.has_rest:
            return None
        return self._inside(np.minimum, self._activations.min((0, 1)), self.rest, self._pixels)

    @cached_property
    def bypass_names(self) -> tuple[str, ...]:
        """The bypass tensors that have rows and columns, and so can be set to their mean over the rest."""
        return tuple(name for name, tensor in self._probe.bypass(self._layer).items() if tensor.ndim == 3)

    @cached_property
    def skip(self) -> Outcome | None:
        """The bypass tensors set to their mean over the rest; None if there are none, or no rest."""
        if not (self.has_rest and self.bypass_names):
            return None
        around = self._probe.bypass(self._layer)
        level = {
            name: np.broadcast_to(_weighted_mean(around[name], self.rest), around[name].shape).astype(np.float32)
            for name in self.bypass_names
        }
        return self._replay(self._activations, level)

    @property
    def judged(self) -> dict[str, Outcome]:
        """The experiments that the decision looks at, by name; those that can be made."""
        made = {"lift": self.lift, "sink": self.sink, "zero": self.zero}
        return made if self.skip is None else {**made, "skip": self.skip}

    @cached_property
    def largest_change(self) -> float:
        """The largest change of g by lifting, sinking or switching off: whether the layer can change the class here at all.

        Beside a replay of the layer as it is: rounding is the same in both where nothing comes through.
        """
        as_it_is = self._replay(self._activations).fall
        return max(abs(outcome.fall - as_it_is) for outcome in (self.zero, self.lift, self.sink))


def _weighted_mean(tensor: Float, mask: BoolMask) -> NDArray[np.float32]:
    cover = coverage(mask, (tensor.shape[0], tensor.shape[1]))
    return np.asarray(np.einsum("hw,hwk->k", cover, tensor) / cover.sum(), np.float32)
