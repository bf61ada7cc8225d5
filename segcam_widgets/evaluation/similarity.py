"""Measures of how alike two signed maps are; none depends on the scale of either map.

All are taken of the signed values: a map and its negative have -1, not 1. Nothing is rectified.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

WINDOW_SIGMA = 1.5
"""Of the Gaussian window of the structural similarity, in pixels (Wang et al. 2004)."""
WINDOW_RADIUS = 5
"""The window is 11 x 11: 3.5 standard deviations, rounded."""
FLAT = 1e-6
"""A map whose values vary this little beside their magnitude is constant (float32 rounding is 1e-7): it has no order."""

Map = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Similarity:
    """Two signed maps compared.

    Attributes
    ----------
    spearman : float
        Rank correlation, in [-1, 1]; ties have their mean rank. nan where a map is constant.
    pearson : float
        Linear correlation, in [-1, 1]; nan where a map is constant.
    ssim : float
        Structural similarity of the maps, each brought to one range by its largest magnitude, in [-1, 1].
    region_spearman : float
        Rank correlation inside the region alone: whether its own pixels are in the same order.
    """

    spearman: float
    pearson: float
    ssim: float
    region_spearman: float


def compare(first: Map, second: Map, mask: NDArray[np.bool_]) -> Similarity:
    """All measures of two maps on one grid, (H, W); `mask` is the region on it."""
    inside = spearman(first[mask], second[mask])
    return Similarity(spearman(first, second), pearson(first, second), ssim(first, second), inside)


def pearson(first: Map, second: Map) -> float:
    """Linear correlation of the values of two arrays of one shape; nan where one of them is constant."""
    a, b = _centered(first), _centered(second)
    if a is None or b is None:
        return float("nan")
    return float(np.clip((a @ b) / np.sqrt((a @ a) * (b @ b)), -1, 1))


def spearman(first: Map, second: Map) -> float:
    """Pearson's correlation of the ranks; ties have the mean of the ranks that they fill; nan where a map is constant."""
    if _centered(first) is None or _centered(second) is None:
        return float("nan")
    from scipy.stats import rankdata  # half a second, for those who need it

    return pearson(rankdata(first), rankdata(second))


def is_flat(values: Map) -> bool:
    """Whether a map is constant but for rounding: it has no order."""
    return _centered(values) is None


def _centered(values: Map) -> NDArray[np.float64] | None:
    """Values less their mean, scaled to 1; None where they are constant."""
    flat = np.ravel(values).astype(np.float64)
    largest = np.abs(flat).max(initial=0)
    centered = flat - flat.mean()
    spread = np.abs(centered).max(initial=0)
    return None if spread <= FLAT * largest else centered / spread


def ssim(first: Map, second: Map) -> float:
    """Structural similarity of two maps (h, w), each brought to [0, 2] by its largest magnitude, with zero at 1.

    With zero at zero, two opposite maps would be alike: the measure multiplies the means' likeness by the structure's, and
    minus times minus is plus.

    References
    ----------
    Wang, Bovik, Sheikh & Simoncelli, "Image quality assessment: from error visibility to structural similarity",
    IEEE TIP 2004: Gaussian windows, K1 = 0.01, K2 = 0.03. Edges are mirrored, and the mean is over windows that lie
    inside the map (over all, where it is no larger than a window).
    """
    a, b = _scaled(first), _scaled(second)

    def blurred(values: NDArray[np.float64]) -> NDArray[np.float64]:
        smooth: NDArray[np.float64] = ndimage.gaussian_filter(
            values, WINDOW_SIGMA, radius=WINDOW_RADIUS, mode="reflect"
        )
        return smooth

    c1, c2 = (0.01 * 2) ** 2, (0.03 * 2) ** 2
    mean_a, mean_b = blurred(a), blurred(b)
    variances = blurred(a * a) - mean_a**2 + blurred(b * b) - mean_b**2
    covariance = blurred(a * b) - mean_a * mean_b
    local = (2 * mean_a * mean_b + c1) * (2 * covariance + c2) / ((mean_a**2 + mean_b**2 + c1) * (variances + c2))
    inner = local[WINDOW_RADIUS:-WINDOW_RADIUS, WINDOW_RADIUS:-WINDOW_RADIUS]
    return float((inner if inner.size else local).mean())


def _scaled(values: Map) -> NDArray[np.float64]:
    array = np.asarray(values, np.float64)
    largest = np.abs(array).max(initial=0)
    return 1 + array / largest if largest > 0 else array + 1
