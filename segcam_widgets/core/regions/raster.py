"""Turn outlines into pixels, exactly: a pixel belongs to a shape if its centre does."""

import numpy as np
from numpy.typing import NDArray


def polygon_mask(points: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Even-odd fill of a closed polygon.

    Each edge flips every pixel to its right on the rows whose centre line it crosses; a pixel flipped an odd number of
    times is inside. Half-open on both axes (top and left edges belong, bottom and right do not), so that shapes that
    share an edge neither overlap nor leave a gap.

    Parameters
    ----------
    points : ndarray, (n, 2)
        (row, col) in pixel-corner coordinates: the centre of pixel (0, 0) is (0.5, 0.5).
    size : (H, W)

    Returns
    -------
    ndarray of bool, (H, W)
    """
    height, width = size
    flips = np.zeros((height, width + 1), np.uint8)  # it wraps at 256, which is even
    for start, end in zip(points, np.roll(points, -1, axis=0), strict=True):
        # always downwards: an edge that two shapes share is computed alike for both
        (row0, col0), (row1, col1) = (start, end) if start[0] <= end[0] else (end, start)
        first, last = max(0, int(np.ceil(row0 - 0.5))), min(height, int(np.ceil(row1 - 0.5)))
        if first >= last:  # level, or between two centre lines, or off the image
            continue
        rows = np.arange(first, last)
        crossing = col0 + (rows + 0.5 - row0) * (col1 - col0) / (row1 - row0)
        np.add.at(flips, (rows, np.clip(np.ceil(crossing - 0.5), 0, width).astype(int)), 1)
    return (np.cumsum(flips[:, :width], axis=1, dtype=np.uint8) & 1).astype(bool)


def brush_mask(points: NDArray[np.float64], radius: float, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Pixels whose centre is within `radius` of the polyline through `points` (one point: a disc).

    Parameters
    ----------
    points : ndarray, (n, 2)
        (row, col) in pixel-corner coordinates.
    radius : float
        In pixels, inclusive.
    size : (H, W)

    Returns
    -------
    ndarray of bool, (H, W)
    """
    height, width = size
    mask = np.zeros(size, bool)
    ends = points[1:] if len(points) > 1 else points
    for start, end in zip(points, ends, strict=False):
        # only the box the segment can reach is looked at: a long stroke costs its own area, not the image's
        low, high = np.minimum(start, end) - radius - 1, np.maximum(start, end) + radius + 1
        top, left = max(0, int(np.floor(low[0]))), max(0, int(np.floor(low[1])))
        bottom, right = min(height, int(np.ceil(high[0]))), min(width, int(np.ceil(high[1])))
        if top >= bottom or left >= right:
            continue
        rows = np.arange(top, bottom)[:, None] + 0.5 - start[0]
        cols = np.arange(left, right)[None, :] + 0.5 - start[1]
        along = end - start
        length2 = float(along @ along)
        t = np.clip((rows * along[0] + cols * along[1]) / length2, 0, 1) if length2 > 0 else 0.0
        distance2 = (rows - t * along[0]) ** 2 + (cols - t * along[1]) ** 2
        mask[top:bottom, left:right] |= distance2 <= radius**2
    return mask
