"""The maps that a method has to beat: they know the image or the region, and nothing of the network.

A faithfulness score says little by itself: a random order also lowers the score, a network looks at edges, and the pixels
of the region are close to what decides about the region. To add one: a function here, registered in REFERENCES.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from segcam_widgets.core.support.registry import Registry

Float = NDArray[np.float32]
FINEST = 16
"""Cells along a side of a random map at most."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What a reference map may look at.

    Attributes
    ----------
    x : ndarray, (h, w, C) float32
        The input.
    mask : ndarray of bool, (H, W)
        The region.
    size : (h', w')
        The target layer's grid.
    rng : numpy.random.Generator
    """

    x: Float
    mask: NDArray[np.bool_]
    size: tuple[int, int]
    rng: np.random.Generator


@dataclass(frozen=True, slots=True)
class Reference:
    """One map to beat.

    Attributes
    ----------
    name : str
        What a table shows: "edge map".
    title : str
        What it is, in words.
    compute : callable
        Scene -> (any h, any w) float32.
    drawn : bool
        It is random: drawn several times.
    """

    name: str
    title: str
    compute: Callable[[Scene], Float] = field(repr=False)
    drawn: bool = False


def random_map(scene: Scene) -> Float:
    """Normal noise on a coarse grid, the target layer's but no finer than 16 cells along a side, enlarged as a map is.

    So it is a smooth map, like those it is put beside: noise on the input's own grid takes single pixels away here and there,
    which confuses a network more than a patch does, and would seem to know what matters.
    """
    size = [min(side, FINEST) for side in scene.size]
    return scene.rng.normal(size=size).astype(np.float32)


def edge_map(scene: Scene) -> Float:
    """Magnitude of the Sobel gradient of the input: the root of the sum of squares over both axes and all channels."""
    gradients = [
        ndimage.sobel(scene.x[:, :, channel].astype(np.float64), axis, mode="nearest")
        for channel in range(scene.x.shape[2])  # one by one: the filter would smooth over the channels too
        for axis in (0, 1)
    ]
    return np.sqrt(np.square(gradients).sum(0)).astype(np.float32)


def region_map(scene: Scene) -> Float:
    """The signed distance to the region's edge, in pixels of the logits' grid: positive inside, negative outside; smoothed.

    The mask itself has two values, whose order would be chance, and distances on a grid are often equal: a Gaussian of one
    pixel tells most of them apart. Where the region is the whole image, the distance is to the image's edge.
    """
    mask = scene.mask
    if mask.all():
        signed = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    else:
        signed = ndimage.distance_transform_edt(mask) - ndimage.distance_transform_edt(~mask)
    smooth: Float = ndimage.gaussian_filter(signed.astype(np.float32), 1.0, mode="nearest")
    return smooth


REFERENCES: Registry[Reference] = Registry("reference")
REFERENCES.add(
    Reference(
        "random map", f"smooth noise: the layer's grid, {FINEST} x {FINEST} at most, enlarged", random_map, drawn=True
    )
)
REFERENCES.add(Reference("edge map", "Sobel gradient of the input", edge_map))
REFERENCES.add(Reference("region mask", "signed distance to the region's edge", region_map))
