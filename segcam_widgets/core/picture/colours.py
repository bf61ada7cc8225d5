"""The two colour tables: a diverging scale for signed maps, and one colour per class for labels.

Both are computed in Oklab (Ottosson, "A perceptual color space for image processing", 2020), where equal distances look
about equally large, and checked as people with a colour-vision deficiency see them (Machado, Oliveira & Fernandes, "A
physiologically-based model for simulation of color vision deficiency", IEEE TVCG 2009; severity 1).
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.core.support.checks import whole_number

Colours = NDArray[np.uint8]
Float64 = NDArray[np.float64]

_RGB_TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_LMS_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
DEFICIENCIES = {
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
"""Linear sRGB as it is seen without the long, the middle or the short cones."""


def linear_rgb(colours: Colours) -> Float64:
    """Linear light in [0, 1] of sRGB bytes (..., 3)."""
    encoded = np.asarray(colours, np.float64) / 255
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def oklab(colours: Colours, deficiency: str | None = None) -> Float64:
    """Oklab coordinates of sRGB bytes (..., 3): lightness in [0, 1], green to red, blue to yellow.

    As a person with a deficiency sees them where one of :data:`DEFICIENCIES` is named.
    """
    light = linear_rgb(colours)
    if deficiency is not None:
        light = np.clip(light @ DEFICIENCIES[deficiency].T, 0, 1)
    return np.cbrt(light @ _RGB_TO_LMS.T) @ _LMS_TO_LAB.T


def _from_oklab(lab: Float64) -> Float64:
    """Linear sRGB (..., 3) from Oklab; outside [0, 1] where no screen shows the colour."""
    lms = (lab @ np.linalg.inv(_LMS_TO_LAB).T) ** 3
    return lms @ np.linalg.inv(_RGB_TO_LMS).T


def _encoded(light: Float64) -> Colours:
    light = np.clip(light, 0, 1)
    encoded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.round(encoded * 255).astype(np.uint8)


# ------------------------------------------------------------------ signed maps

# Hues in degrees of Oklab's a-b plane. Blue and orange-red stay apart in all three deficiencies; red and green do not.
_BLUE, _RED = 256.0, 28.0
_LIGHTEST, _DARKEST = 0.97, 0.36
_CHROMA = 0.16


def _arm(hue: float, steps: int) -> Float64:
    """Linear sRGB (steps, 3) from near-white to a dark colour of the hue, lightness falling evenly."""
    t = np.linspace(0, 1, steps)
    lightness = _LIGHTEST + (_DARKEST - _LIGHTEST) * t
    # vivid in the middle, as screens can be: this curve stays inside sRGB for both hues, so nothing is clipped
    chroma = _CHROMA * np.sin(0.75 * np.pi * t)
    angle = np.deg2rad(hue)
    return _from_oklab(np.stack([lightness, chroma * np.cos(angle), chroma * np.sin(angle)], -1))


@lru_cache(maxsize=1)
def diverging_lut() -> Colours:
    """The scale of signed maps: blue where negative, near-white at zero, red where positive.

    Both arms have the same lightness at the same distance from zero, so that neither sign looks stronger than the
    other, in print and with any colour vision.

    Returns
    -------
    ndarray, (256, 4) uint8, read-only
        RGBA, opaque. Entry 0 is -limit, 255 is +limit; 127 and 128 are the same colour, zero's.
    """
    blue, red = _encoded(_arm(_BLUE, 128)), _encoded(_arm(_RED, 128))
    table = np.full((256, 4), 255, np.uint8)
    table[:128, :3] = blue[::-1]
    table[128:, :3] = red
    table.flags.writeable = False
    return table


# ------------------------------------------------------------------ labels

# Okabe & Ito, "Color universal design" (2008), without black, in an order that sets neighbours far apart
_FIRST = ((86, 180, 233), (230, 159, 0), (0, 158, 115), (240, 228, 66), (0, 114, 178), (213, 94, 0), (204, 121, 167))
_MOST = 256


@lru_cache(maxsize=1)
def _palette() -> Colours:
    """(256, 3): seven known colours, then always the one that is farthest from all before it in its worst view."""
    levels = np.arange(16, 256, 17, dtype=np.uint8)
    candidates = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), -1).reshape(-1, 3)
    lightness = oklab(candidates)[:, 0]
    # neither black nor white: outlines and the page use these
    candidates = candidates[(lightness > 0.3) & (lightness < 0.93)]
    chosen = np.array(_FIRST, np.uint8)
    # the short cones are missing in one person of ten thousand only: the metric is the two common deficiencies'
    views = (None, "protanopia", "deuteranopia")
    places = [oklab(candidates, view) for view in views]
    nearest = np.full(len(candidates), np.inf)

    def see(colour: Colours) -> None:
        for place, view in zip(places, views, strict=True):
            np.minimum(nearest, ((place - oklab(colour, view)) ** 2).sum(-1), out=nearest)

    for colour in chosen:
        see(colour)
    found: list[Colours] = []
    while len(chosen) + len(found) < _MOST:
        # rounded, so that ties break the same way on every machine
        found.append(candidates[np.round(nearest, 9).argmax()])
        see(found[-1])
    return np.concatenate([chosen, np.array(found, np.uint8)])


def class_colours(count: int) -> Colours:
    """One colour per class, to tell labels apart, with a colour-vision deficiency too.

    Parameters
    ----------
    count : int
        Number of classes. From 256 on the colours repeat.

    Returns
    -------
    ndarray, (count, 3) uint8
        RGB. Class i has the same colour whatever `count` is.

    Raises
    ------
    SegCamError
        `count` is not a whole number, 1 or more.
    """
    count = whole_number(count, "count", "a whole number of classes", least=1)
    return _palette()[np.arange(count) % _MOST]
