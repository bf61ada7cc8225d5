"""What replaces a pixel that is taken away. To add one: a function here, registered in FILLS."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from segcam_widgets.core.support.registry import Registry

Float = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Fill:
    """A replacement for the input's pixels.

    Attributes
    ----------
    name : str
    title : str
        In words, for tables.
    compute : callable
        x (h, w, C) -> (h, w, C) float32, in the values that the network expects.
    """

    name: str
    title: str
    compute: Callable[[Float], Float] = field(repr=False)


def blur_sigma(size: tuple[int, int]) -> float:
    """Standard deviation of the blur in pixels: 1/32 of the longer side, at least 1 (7 px at 224, 5 px at 160)."""
    return max(1.0, max(size) / 32)


def _blur(x: Float) -> Float:
    sigma = blur_sigma((x.shape[0], x.shape[1]))
    smooth: Float = ndimage.gaussian_filter(x, (sigma, sigma, 0), mode="nearest")
    return smooth


def _mean(x: Float) -> Float:
    return np.broadcast_to(x.mean((0, 1), dtype=np.float64).astype(np.float32), x.shape)


def _zero(x: Float) -> Float:
    return np.zeros_like(x)


FILLS: Registry[Fill] = Registry("fill")
FILLS.add(Fill("blur", "the image blurred by a Gaussian of 1/32 of its longer side", _blur))
FILLS.add(Fill("mean", "the image's mean, one value per channel", _mean))
FILLS.add(Fill("zero", "zero, in the values that the network expects", _zero))
