"""From a picture file to what a model eats, by choices that are named and shown, never made silently."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.errors import SegCamError, must_be_one_of

RANGES = {"0-1": (0.0, 1.0), "0-255": (0.0, 255.0), "-1-1": (-1.0, 1.0)}
FITS = ("exact", "resize", "pad")
EVEN = 32


@dataclass(frozen=True, slots=True)
class Fitted:
    """A picture made to fit.

    Attributes
    ----------
    x : ndarray, (h, w, C) float32
    image : ndarray, (h, w, 3) uint8
        The same pixels to look at: region and map lie over it as they are.
    words : str
        What was done, to be shown.
    """

    x: NDArray[np.float32]
    image: NDArray[np.uint8]
    words: str


def fit_picture(
    picture: NDArray[np.uint8], shape: tuple[int | None, ...], *, fit: str = "exact", value_range: str = "0-1"
) -> Fitted:
    """Make a picture into a model's input.

    Parameters
    ----------
    picture : ndarray, (h, w, 3) uint8
    shape : tuple
        The model's input shape with the batch axis; None where any size will do.
    fit : {"exact", "resize", "pad"}
        Where the size differs: refuse, resize (bilinear, the aspect changes), or shrink to fit and pad with mid-grey. A
        model that takes any size gets the nearest one divisible by 32.
    value_range : {"0-1", "0-255", "-1-1"}
        What the model was trained on.

    Raises
    ------
    SegCamError
        An unknown choice, another size with "exact", or a model that eats neither grey nor RGB.
    """
    from PIL import Image

    if fit not in FITS:
        raise SegCamError(must_be_one_of("fit", FITS, fit))
    if value_range not in RANGES:
        raise SegCamError(must_be_one_of("range", RANGES, value_range))
    if shape[-1] not in (1, 3, None):
        raise SegCamError(
            f"`image` must be an array file (.npy) for a model with {shape[-1]} channels. Received: a picture, which has 1 or 3."
        )
    height, width = _target(shape, (picture.shape[0], picture.shape[1]), fit)
    done = "as it is"
    if (height, width) != picture.shape[:2]:
        sizes = f"{picture.shape[0]} x {picture.shape[1]} to {height} x {width}"
        if fit == "exact":
            raise SegCamError(
                f"`image` must be {height} x {width} px for this model. Received: {picture.shape[0]} x {picture.shape[1]}. "
                "Choose how to fit it: 'resize' or 'pad'."
            )
        if fit == "resize":
            picture, done = (
                np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BILINEAR)),
                f"resized, {sizes}",
            )
        else:
            picture, done = _padded(picture, (height, width)), f"shrunk and padded, {sizes}"
    values: Any = picture.astype(np.float32)
    if shape[-1] == 1:  # luma of ITU-R BT.601, as Pillow's "L"
        values = np.asarray(Image.fromarray(picture).convert("L"), np.float32)[:, :, None]
        done += ", grey"
    low, high = RANGES[value_range]
    return Fitted(values / 255 * (high - low) + low, picture, f"{done}, values {low:g} to {high:g}")


def _target(shape: tuple[int | None, ...], size: tuple[int, int], fit: str) -> tuple[int, int]:
    """The size to make: the model's, or where it takes any, one that halves evenly five times (skip connections meet again)."""
    rounded = {
        "exact": lambda n: n,
        "resize": lambda n: max(EVEN, round(n / EVEN) * EVEN),
        "pad": lambda n: -(-n // EVEN) * EVEN,
    }
    height, width = (rounded[fit](got) if want is None else want for want, got in zip(shape[1:3], size, strict=True))
    return height, width


def _padded(picture: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    from PIL import Image

    scale = min(1.0, size[0] / picture.shape[0], size[1] / picture.shape[1])
    inner = (max(1, round(picture.shape[0] * scale)), max(1, round(picture.shape[1] * scale)))
    small = np.asarray(Image.fromarray(picture).resize((inner[1], inner[0]), Image.Resampling.BILINEAR))
    padded = np.full((*size, 3), 127, np.uint8)
    padded[: inner[0], : inner[1]] = small
    return padded
