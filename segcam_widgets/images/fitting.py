"""Fit pictures and arrays of any size to a model's input, by a choice that is named and shown, never silently."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.core.placement import Placement
from segcam_widgets.errors import SegCamError, must_be_one_of

FITS = ("exact", "resize", "pad", "tile")
EVEN = 32
"""A model that takes any size gets one that halves evenly five times, so that skip connections meet again."""
TILE = 512
"""Pixels a side of a tile for a model that takes any size."""
GREY = 127
LOOKED_AT = 1024
"""Pixels of the longer side of a resized picture as it is shown."""

Size = tuple[int, int]
Sides = Sequence[int | None]


def placements(size: Size, wanted: Sides, fit: str) -> list[Placement]:
    """Where a picture goes in a model's input: one place, or for "tile" one for each tile, row by row.

    Parameters
    ----------
    size : (h', w')
        Of the picture.
    wanted : (h, w)
        Of the model's input; None where any size will do.
    fit : {"exact", "resize", "pad", "tile"}
        Where the size differs: refuse; resize (the aspect changes); shrink to fit and pad; cut into tiles of the model's
        size, the last ones shifted back into the picture, so that they overlap the ones before.

    Raises
    ------
    SegCamError
        An unknown choice, or another size with "exact".
    """
    if fit not in FITS:
        raise SegCamError(must_be_one_of("fit", FITS, fit))
    if fit == "tile":
        return _tiles(size, wanted)
    height, width = target = _target(size, wanted, fit)
    if fit == "exact" and target != size:
        raise SegCamError(
            f"`image` must be {height} x {width} px for this model. Received: {size[0]} x {size[1]}. "
            "Choose how to fit it: 'resize', 'pad' or 'tile'."
        )
    inner = target
    if fit == "pad":
        scale = min(1.0, height / size[0], width / size[1])
        inner = (max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))
    return [Placement(size, (0, 0, *size), target, (0, 0, *inner))]


def _target(size: Size, wanted: Sides, fit: str) -> Size:
    rounded = {
        "exact": lambda n: n,
        "resize": lambda n: max(EVEN, round(n / EVEN) * EVEN),
        "pad": lambda n: -(-n // EVEN) * EVEN,
    }
    height, width = (rounded[fit](got) if want is None else want for want, got in zip(wanted, size, strict=True))
    return height, width


def _tiles(size: Size, wanted: Sides) -> list[Placement]:
    height, width = tile = _target((min(size[0], TILE), min(size[1], TILE)), wanted, "pad")
    places = []
    for top in _starts(size[0], height):
        for left in _starts(size[1], width):
            bottom, right = min(top + height, size[0]), min(left + width, size[1])
            places.append(Placement(size, (top, left, bottom, right), tile, (0, 0, bottom - top, right - left)))
    return places


def _starts(length: int, tile: int) -> list[int]:
    return [0] if length <= tile else [min(start, length - tile) for start in range(0, length, tile)]


def fitted(pixels: NDArray[Any], place: Placement) -> NDArray[Any]:
    """The pixels (h', w', C) of a picture (uint8) or an array, as they lie in the input, (h, w, C) of the same type.

    Pictures are padded with mid-grey, arrays with zeros.
    """
    top, left, bottom, right = place.window
    part = pixels[top:bottom, left:right]
    inner = (place.box[2] - place.box[0], place.box[3] - place.box[1])
    if part.shape[:2] != inner:
        part = _resized(part, inner)
    if inner == place.input:
        return part
    padded = np.full((*place.input, pixels.shape[2]), GREY if pixels.dtype == np.uint8 else 0, pixels.dtype)
    padded[place.box[0] : place.box[2], place.box[1] : place.box[3]] = part
    return padded


def _resized(pixels: NDArray[Any], size: Size) -> NDArray[Any]:
    """Bilinear, each pixel of a smaller picture the weighted mean of what it covers."""
    from PIL import Image

    def resize(band: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(Image.fromarray(band).resize((size[1], size[0]), Image.Resampling.BILINEAR))

    if pixels.dtype == np.uint8 and pixels.shape[2] == 3:
        return resize(pixels)
    return np.stack([resize(pixels[:, :, k].astype(np.float32)) for k in range(pixels.shape[2])], -1).astype(
        pixels.dtype
    )


def looked_at(picture: NDArray[np.uint8], place: Placement, fit: str) -> NDArray[np.uint8]:
    """What a person sees: the pixels that the model sees, but of a resized picture itself, in its own aspect."""
    if fit != "resize" or place.is_identity:
        return fitted(picture, place)
    scale = min(1.0, LOOKED_AT / max(picture.shape[:2]))
    return (
        picture if scale == 1 else _resized(picture, (round(picture.shape[0] * scale), round(picture.shape[1] * scale)))
    )


def told(place: Placement, fit: str, number: int = 0, count: int = 1) -> str:
    """What was done, in words."""
    sizes = f"{place.picture[0]} x {place.picture[1]} to {place.input[0]} x {place.input[1]}"
    if fit == "tile":
        top, left, bottom, right = place.window
        padded = "" if place.box == (0, 0, *place.input) else ", padded"
        return (
            f"tile {number + 1} of {count}, rows {top} to {bottom} and columns {left} to {right} of "
            f"{place.picture[0]} x {place.picture[1]}{padded}; the model sees each tile by itself"
        )
    if place.is_identity:
        return "as it is"
    return f"resized, {sizes}" if fit == "resize" else f"shrunk and padded, {sizes}"
