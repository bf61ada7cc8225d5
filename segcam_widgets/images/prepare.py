"""Turn the arguments `x`, `image` and `preprocess` into the model's input, the picture to show, and how the two align."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.core.placement import Placement
from segcam_widgets.core.support.checks import is_whole
from segcam_widgets.errors import SegCamError, must_be_one_of, shown
from segcam_widgets.images.arrays import (
    as_display,
    as_input,
    band_words,
    bands_shown,
    display_of,
    from_channels_first,
)
from segcam_widgets.images.fitting import FITS, fitted, looked_at, placements, told

Shape = tuple[int | None, ...]
ByName = Callable[[str, int | None], tuple[Callable[[NDArray[np.uint8]], Any], str]]
"""(name, channels of the model's input) -> a function of a picture, and what it does in words."""


@dataclass(frozen=True, slots=True)
class Given:
    """What :func:`segcam_widgets.open_probe` was told of the image."""

    x: Any = None
    image: Any = None
    preprocess: Callable[[Any], Any] | str | None = None
    fit: str = "exact"
    tile: int = 0
    bands: Any = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """An image ready for a model.

    Attributes
    ----------
    x : ndarray, (1, H, W, C) float32
    image : ndarray, (h', w', 3) uint8, or callable
        The picture to show; or a function that makes it from `x` (h, w, C) when it is first shown.
    placement : Placement
        Where the image, as it was given, lies in `x`.
    remarks : tuple of str
        What was done to it.
    """

    x: NDArray[np.float32]
    image: NDArray[np.uint8] | Callable[[NDArray[np.float32]], NDArray[np.uint8]]
    placement: Placement
    remarks: tuple[str, ...] = ()


def check(given: Given) -> None:
    """Raise SegCamError for arguments that contradict one another, whatever the model."""
    x, image, preprocess = given.x, given.image, given.preprocess
    if x is not None and preprocess is not None:
        raise SegCamError("`preprocess` is for an `image` without `x`. Received: both `x` and `preprocess`.")
    if x is None and image is None:
        raise SegCamError("`x` must be given, or `image` together with `preprocess`. Received: neither.")
    if x is None and preprocess is None:
        raise SegCamError("`preprocess` must be given if `image` is given without `x`. Received: None.")
    if preprocess is not None and not callable(preprocess) and not isinstance(preprocess, str):
        raise SegCamError(
            "`preprocess` must be a function from the image to `x`, or a name like 'resnet50' or '0-1'. "
            f"Received: {type(preprocess).__name__}."
        )
    if given.fit not in FITS:
        raise SegCamError(must_be_one_of("fit", FITS, given.fit))
    if given.fit != "exact" and x is not None and image is not None:
        raise SegCamError(f"`fit` fits `x` or `image`, whichever is given. Received: both, with fit={given.fit!r}.")
    if given.bands is not None and image is not None:
        raise SegCamError(
            "`bands` chooses the channels of `x` to show. Received: `bands` together with `image`, which is shown itself."
        )


def prepare(given: Given, shape: Shape, first: bool = False, *, by_name: ByName) -> Prepared:
    """Fit and preprocess an image for a model whose input has this shape (N, H, W, C); `first`: it expects (N, C, H, W).

    `by_name` finds a function, and what it does in words, where `preprocess` is a name: names belong to a framework.

    Raises
    ------
    SegCamError
        As :func:`segcam_widgets.open_probe`.
    """
    check(given)
    given = _channels_last(given, shape) if first else given
    return _of_array(given, shape) if given.x is not None else _of_picture(given, shape, by_name)


def _channels_last(given: Given, shape: Shape) -> Given:
    """The same with `x`, or what a function of the user's own makes of the image, brought from (C, H, W) to (H, W, C)."""
    height, width = shape[1:3] if given.fit == "exact" else (None, None)

    def last(x: Any) -> Any:
        return from_channels_first(x, (None, shape[-1], height, width))

    own = given.preprocess
    return replace(
        given,
        x=None if given.x is None else last(given.x),
        preprocess=(lambda image: last(own(image))) if callable(own) else own,
    )


def tiles(given: Given, shape: Shape, first: bool = False) -> int:
    """How many probes an image makes: one, or with ``fit="tile"`` one per tile."""
    check(given)
    given = _channels_last(given, shape) if first else given
    size = _raw(given, shape).shape[:2]
    return len(placements((int(size[0]), int(size[1])), shape[1:3], given.fit))


def _raw(given: Given, shape: Shape) -> NDArray[Any]:
    """The array (h, w, C) or the picture (h, w, 3) before it is fitted."""
    if given.x is not None:
        return as_input(given.x, (None, None, None, shape[-1]))[0]
    return _picture(given.image)


def _picture(image: Any) -> NDArray[np.uint8]:
    return read_image(image) if isinstance(image, str | os.PathLike) else as_display(image)


def _of_array(given: Given, shape: Shape) -> Prepared:
    remarks: tuple[str, ...] = ()
    if given.fit == "exact":
        array = as_input(given.x, shape)
        size = (array.shape[1], array.shape[2])
        place = Placement.whole(size, size)
    else:
        raw = _raw(given, shape)
        place, words = _placed(given, (raw.shape[0], raw.shape[1]), shape)
        array = as_input(fitted(raw, place), shape)
        remarks = (f"The input: {words}.",)
    if given.image is None:
        bands = bands_shown(given.bands, array.shape[-1])
        remarks += band_words(array.shape[-1], bands)
        return Prepared(array, partial(display_of, bands=bands), place, remarks)
    picture = _picture(given.image)
    place = Placement.whole((picture.shape[0], picture.shape[1]), place.input)
    return Prepared(array, picture, place, remarks)


def _of_picture(given: Given, shape: Shape, by_name: ByName) -> Prepared:
    own = given.preprocess
    if callable(own) and given.fit == "exact":  # it may resize as well, and take other things than pictures
        array = as_input(own(given.image), shape)
        picture = _picture(given.image)
        seen = (picture.shape[0], picture.shape[1])
        return Prepared(array, picture, Placement.whole(seen, (array.shape[1], array.shape[2])))
    words = "values by a function of your own"
    if isinstance(own, str):
        own, words = by_name(own, shape[-1])
    assert own is not None  # `check` has seen to it
    picture = _picture(given.image)
    place, done = _placed(given, (picture.shape[0], picture.shape[1]), shape)
    array = as_input(own(fitted(picture, place)), shape)
    return Prepared(array, looked_at(picture, place, given.fit), place, (f"The picture: {done}, {words}.",))


def _placed(given: Given, size: tuple[int, int], shape: Shape) -> tuple[Placement, str]:
    places = placements(size, shape[1:3], given.fit)
    if not is_whole(given.tile) or not 0 <= given.tile < len(places):
        last = f"the number of a tile, 0 to {len(places) - 1}" if given.fit == "tile" else "0 without fit='tile'"
        raise SegCamError(f"`tile` must be {last}. Received: {shown(given.tile)}.")
    return places[given.tile], told(places[given.tile], given.fit, int(given.tile), len(places))


def read_image(path: str | os.PathLike[str]) -> NDArray[np.uint8]:
    """A picture file as (h, w, 3) uint8. Raises SegCamError where it cannot be read."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as picture:
            return np.asarray(picture.convert("RGB"))
    except FileNotFoundError as error:
        raise SegCamError(f"`image` must be a file that exists. Received: {str(path)!r}.") from error
    except (UnidentifiedImageError, OSError) as error:
        raise SegCamError(
            f"`image` must be a picture file (PNG, JPEG, TIFF). Received: {str(path)!r}, which cannot be read as one."
        ) from error
