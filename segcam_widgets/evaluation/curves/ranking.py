"""Rank the input's pixels by a signed map."""

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.core.grid import resize_bilinear

UPSAMPLING = "bilinear, half-pixel centres, edges clamped"
"""How a map comes from its layer's grid to the input's: as `Explanation.upsampled` does it."""


def on_grid(values: NDArray[np.floating], size: tuple[int, int]) -> NDArray[np.float32]:
    """A signed map on another grid, (h, w) float32: :data:`UPSAMPLING`. Sign and range are kept."""
    return resize_bilinear(values, size)


def region_on_grid(mask: NDArray[np.bool_], size: tuple[int, int]) -> NDArray[np.bool_]:
    """The pixels of a grid of `size` whose centre lies in a pixel of the mask, (h, w) bool."""
    rows, cols = (((np.arange(n) + 0.5) * side / n).astype(int) for n, side in zip(size, mask.shape, strict=True))
    return mask[np.ix_(rows, cols)]


def cell_side(size: tuple[int, int]) -> int:
    """The usual side of a cell in pixels: 1/20 of the longer side of the input, at least 1 (8 px at 160, 11 px at 224)."""
    return max(1, max(size) // 20)


def order(values: NDArray[np.floating], pixels: NDArray[np.intp], cell: int = 1, seed: int = 0) -> NDArray[np.intp]:
    """Pixels in the order of a signed map, the highest first, the most negative last; square cells stay together.

    Only the order of the signed values counts: no ReLU is applied, nothing is scaled. A cell's place is that of the mean rank
    of its pixels, so that a map and any increasing function of it give the same order. Cells of equal rank are shuffled
    (seeded), so that a flat part of a map is taken away like a random one and not row by row.

    Parameters
    ----------
    values : ndarray, (h, w)
    pixels : ndarray of int, (n,)
        Where in the flattened map.
    cell : int
        Side in pixels; 1 for single pixels.
    seed : int

    Returns
    -------
    ndarray of int, (n,)
        The same pixels.

    Notes
    -----
    Cells make maps of different smoothness comparable: a fine-grained order sprinkles the image with holes, which confuses a
    network whatever they hide. Samek et al., "Evaluating the visualization of what a deep neural network has learned",
    arXiv 1509.06321, take away squares of 9 x 9 pixels of 227 x 227.
    """
    from scipy.stats import rankdata  # half a second, for those who need it

    ranks = rankdata(np.ravel(values)[pixels])
    rows, cols = np.divmod(pixels, values.shape[1])
    names = (rows // cell) * values.shape[1] + cols // cell
    _, cells, sizes = np.unique(names, return_inverse=True, return_counts=True)
    means = np.bincount(cells, ranks) / sizes
    shuffled = np.random.default_rng(seed).permutation(len(sizes))
    return pixels[np.lexsort((shuffled[cells], -means[cells]))]


def tied_share(values: NDArray[np.floating]) -> float:
    """Share of the pixels whose value another pixel has too, in [0, 1]: so much of the order is chance."""
    _, counts = np.unique(values, return_counts=True)
    return float(counts[counts > 1].sum() / max(1, values.size))
