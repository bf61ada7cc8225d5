"""What a map would reach anyway, by chance or because of where the gradient is."""

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.core.explanation.explanation import Explanation
from segcam_widgets.core.grid import bilinear_matrix, resize_bilinear

DRAWS = 64
"""Random weightings that a pooled map is compared with."""


def gain_of(focus: float, region_share: float) -> float:
    """(focus - region share) / (1 - region share); nan where the region is everything."""
    return float("nan") if region_share == 1 else (focus - region_share) / (1 - region_share)


def footprint(explanation: Explanation) -> float:
    """Gain of sum_k |G_k|: how far the gradient stays in the region whatever its sign; nan where the region is everything.

    A pixelwise map is a product with this gradient, so it stays there as well, also with random weights in the network.
    """
    reach = resize_bilinear(np.abs(explanation.gradients).sum(-1), explanation.mask.shape).astype(np.float64)
    total = float(reach.sum())
    focus = float(reach[explanation.mask].sum()) / total if total > 0 else 0.0
    return gain_of(focus, explanation.region_share)


def share_by_chance(explanation: Explanation, floor: float, draws: int = DRAWS, seed: int = 0) -> float:
    """Share of random pooled weightings, with the same signs, whose map reaches a gain.

    Parameters
    ----------
    explanation : Explanation
        Of a method with pooled weights (K,).
    floor : float
        The gain to reach.
    draws : int
        Weightings drawn: each channel's sign kept, its size the magnitude of a normal number.
    seed : int

    Returns
    -------
    float
        In [0, 1]. nan where there is nothing to compare: fewer than two channels that count, the region is everything, or
        the weights are not pooled.
    """
    weights = explanation.weights
    counting = np.flatnonzero(weights) if weights.ndim == 1 else np.zeros(0, int)
    if counting.size < 2 or explanation.region_share == 1:
        return float("nan")
    sizes = np.abs(np.random.default_rng(seed).normal(size=(draws, counting.size)))
    drawn = np.zeros((draws, weights.size), np.float32)
    drawn[:, counting] = np.sign(weights[counting]) * sizes
    height, width, channels = explanation.activations.shape
    maps = drawn @ explanation.activations.reshape(height * width, channels).T
    maps -= (drawn @ explanation.baseline.astype(np.float32))[:, None]
    maps = maps.reshape(draws, height, width)
    gains = [gain_of(focus, explanation.region_share) for focus in _focus(maps, explanation.mask)]
    return float((np.array(gains) >= floor).mean())


def _focus(maps: NDArray[np.floating], mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(n,) share of each upsampled map's positive mass inside a mask; 0 without positive mass."""
    if maps.shape[1:] != mask.shape:
        rows, cols = bilinear_matrix(maps.shape[1], mask.shape[0]), bilinear_matrix(maps.shape[2], mask.shape[1])
        # two large products: one small product a map takes twice as long, and now and then thirty times
        count, height, width = maps.shape
        wide = (maps.reshape(-1, width) @ cols.T).reshape(count, height, -1).transpose(1, 0, 2)
        maps = (rows @ wide.reshape(height, -1)).reshape(mask.shape[0], count, -1).transpose(1, 0, 2)
    positive = np.maximum(maps, 0, out=maps)
    total = positive.sum((1, 2), dtype=np.float64)
    inside = np.einsum("nhw,hw->n", positive, mask.astype(np.float32)).astype(np.float64)
    return np.divide(inside, total, out=np.zeros_like(total), where=total > 0)
