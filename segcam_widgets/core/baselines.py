"""The baselines: the reference activation that a channel is compared with, zero as in Grad-CAM or another."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.core.support.registry import Registry


@dataclass(frozen=True, slots=True)
class Baseline:
    """A reference activation, one number per channel.

    Attributes
    ----------
    name : str
    title : str
        For menus and pictures: a picture says which reference was chosen.
    compute : callable
        (activations (h, w, K), coverage (h, w)) -> (K,) float32.
    """

    name: str
    title: str
    compute: Callable[[NDArray[np.float32], NDArray[np.float64]], NDArray[np.float32]] = field(repr=False)


def _zero(activations: NDArray[np.float32], coverage: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.zeros(activations.shape[-1], np.float32)


def _mean(activations: NDArray[np.float32], coverage: NDArray[np.float64]) -> NDArray[np.float32]:
    return activations.mean((0, 1), dtype=np.float64).astype(np.float32)


def _midpoint(activations: NDArray[np.float32], coverage: NDArray[np.float64]) -> NDArray[np.float32]:
    total = coverage.sum()
    outside = 1 - coverage
    if total <= 0 or outside.sum() <= 1e-9 * outside.size:  # no inside or no outside: there is only one mean to take
        return _mean(activations, coverage)
    inner = np.einsum("hw,hwk->k", coverage, activations) / total
    outer = np.einsum("hw,hwk->k", outside, activations) / outside.sum()
    return ((inner + outer) / 2).astype(np.float32)


BASELINES: Registry[Baseline] = Registry("baseline")
BASELINES.add(Baseline("zero", "zero (Grad-CAM's own)", _zero))
BASELINES.add(Baseline("mean", "mean over the image", _mean))
BASELINES.add(Baseline("midpoint", "midpoint of inside and outside the region", _midpoint))
