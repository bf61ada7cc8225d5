"""Change between grids: upsample maps bilinearly, and find the share of a coarse cell that a fine mask covers."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray


@lru_cache(maxsize=64)
def bilinear_matrix(size_in: int, size_out: int) -> NDArray[np.float32]:
    """The (size_out, size_in) matrix of bilinear resampling along one axis.

    Half-pixel centres, edges clamped: what OpenCV and `tf.image.resize` (both without antialiasing) do, the browser's
    canvas of this package, and Pillow when it enlarges. Not align_corners.
    """
    centre = (np.arange(size_out) + 0.5) * size_in / size_out - 0.5
    low = np.floor(centre).astype(int)
    fraction = centre - low
    matrix = np.zeros((size_out, size_in), np.float32)
    rows = np.arange(size_out)
    np.add.at(matrix, (rows, np.clip(low, 0, size_in - 1)), 1 - fraction)
    np.add.at(matrix, (rows, np.clip(low + 1, 0, size_in - 1)), fraction)
    matrix.flags.writeable = False
    return matrix


def resize_bilinear(values: NDArray[np.floating], size: tuple[int, int]) -> NDArray[np.float32]:
    """Resample a map bilinearly, keeping its sign and its range.

    Parameters
    ----------
    values : ndarray, (h, w) or (h, w, K)
    size : (H, W)

    Returns
    -------
    ndarray, (H, W) or (H, W, K), float32
    """
    values = np.asarray(values, np.float32)
    if values.shape[:2] == size:
        return values.copy()
    rows, cols = bilinear_matrix(values.shape[0], size[0]), bilinear_matrix(values.shape[1], size[1])
    if values.ndim == 2:
        return rows @ values @ cols.T
    return np.einsum("Hh,hwk,Ww->HWk", rows, values, cols, optimize=True)


@lru_cache(maxsize=64)
def overlap_matrix(coarse: int, fine: int) -> NDArray[np.float64]:
    """(coarse, fine): the share of each coarse interval that each fine interval covers, both dividing [0, 1)."""
    edges_coarse = np.arange(coarse + 1) / coarse
    edges_fine = np.arange(fine + 1) / fine
    low = np.maximum(edges_coarse[:-1, None], edges_fine[None, :-1])
    high = np.minimum(edges_coarse[1:, None], edges_fine[None, 1:])
    matrix = np.clip(high - low, 0, None) * coarse
    matrix.flags.writeable = False
    return matrix


def coverage(mask: NDArray[np.bool_], size: tuple[int, int]) -> NDArray[np.float64]:
    """How much of each cell of a grid of `size` the mask covers.

    Parameters
    ----------
    mask : ndarray of bool, (H, W)
    size : (h, w)
        The layer's grid; finer than the mask's is allowed.

    Returns
    -------
    ndarray, (h, w), in [0, 1]
    """
    if mask.shape == size:
        return mask.astype(np.float64)
    if not (mask.shape[0] % size[0] or mask.shape[1] % size[1]):  # whole pixels: to count is quicker than two products
        rows, cols = mask.shape[0] // size[0], mask.shape[1] // size[1]
        counts = mask.reshape(size[0], rows, mask.shape[1]).sum(1, dtype=np.int64)
        return counts.reshape(*size, cols).sum(2) / (rows * cols)
    return overlap_matrix(size[0], mask.shape[0]) @ mask.astype(np.float64) @ overlap_matrix(size[1], mask.shape[1]).T
