"""Texture mosaics: what the demo network segments. Pieces of three CC0 photos, laid out by random region maps.

The photos ship inside scikit-image's wheel, so nothing is downloaded. Training pieces are cut from the left 60 % of
each photo and test pieces from the right 35 %; the 5 % between them belong to nobody, so no test piece shares a pixel,
or the neighbour of one, with a training piece.
"""

import importlib
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from segcam_widgets.errors import SegCamError, must_be_one_of

Split = Literal["train", "test"]

CLASS_NAMES: tuple[str, ...] = ("brick", "grass", "gravel")
SPLITS: dict[Split, tuple[float, float]] = {"train": (0.0, 0.60), "test": (0.65, 1.0)}
"""The columns of every photo that a split may use, as shares of its width."""

LEVELS = 255
"""Mosaics are made of whole 1/255 steps, so that 8 bits hold exactly what the network was measured on."""


@lru_cache(maxsize=len(SPLITS))
def photo_strips(split: Split) -> tuple[NDArray[np.float32], ...]:
    """Cut the columns of one split out of each photo, with the photos' brightness and contrast made equal.

    Brightness is standardised (mean 0.5, standard deviation 0.2, both measured on the training columns alone), so that
    a network has to look at texture: mean grey tells the classes apart no more.

    Parameters
    ----------
    split : {"train", "test"}

    Returns
    -------
    tuple of ndarray, (rows, cols) float32, about [0, 1]
        In the order of `CLASS_NAMES`; read-only.

    Raises
    ------
    SegCamError
        Unknown split, or scikit-image is not installed.
    """
    if split not in SPLITS:
        raise SegCamError(must_be_one_of("split", SPLITS, split))
    try:
        data = importlib.import_module("skimage.data")
    except ImportError as error:
        message = "New mosaics are cut from scikit-image's photos, and it is not installed: `pip install scikit-image`."
        raise SegCamError(message) from error
    strips = []
    for name in CLASS_NAMES:
        photo = getattr(data, name)().astype(np.float32)
        known = _columns(photo, "train")
        strip = (_columns(photo, split) - known.mean()) / known.std() * 0.2 + 0.5
        strip.flags.writeable = False
        strips.append(strip)
    return tuple(strips)


def make_mosaics(
    count: int,
    size: int | tuple[int, int],
    *,
    split: Split,
    seed: int | np.random.Generator,
    grain: float = 9.0,
    min_share: float = 0.1,
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Make seeded mosaics in which every class has its place.

    Parameters
    ----------
    count : int
        How many.
    size : int or (H, W)
        Pixels. A size beyond the strip of a photo (180 columns for the test split) continues it by reflection.
    split : {"train", "test"}
        Which columns of the photos the pieces come from.
    seed : int or numpy Generator
        The same seed makes the same mosaics; a Generator is advanced.
    grain : float
        Standard deviation in pixels of the Gaussian that smooths the region map: larger makes fewer, larger regions.
    min_share : float
        Region maps in which a class covers less of the image than this are drawn again; in [0, 1/3).

    Returns
    -------
    images : ndarray, (count, H, W, 1) float32
        In [0, 1], in steps of 1/255, as the network expects them.
    truth : ndarray, (count, H, W) uint8
        Index into `CLASS_NAMES`.

    Raises
    ------
    SegCamError
        An argument out of its range, or scikit-image is not installed.
    """
    height, width = (size, size) if isinstance(size, int) else size
    if count < 0 or height < 1 or width < 1:
        message = f"`count` must not be negative and `size` must be positive. Received: {count!r} and {size!r}."
        raise SegCamError(message)
    if not 0 <= min_share < 0.3:
        # at exactly a third no map would ever be accepted
        message = f"`min_share` must lie in [0, 0.3): there are three classes. Received: {min_share!r}."
        raise SegCamError(message)
    rng = np.random.default_rng(seed)
    strips = photo_strips(split)
    images = np.empty((count, height, width, 1), np.float32)
    truth = np.empty((count, height, width), np.uint8)
    for index in range(count):
        truth[index] = _region_map(rng, height, width, grain, min_share)
        pieces = np.stack([_piece(rng, strip, height, width) for strip in strips])
        mosaic = np.take_along_axis(pieces, truth[index][None].astype(np.intp), axis=0)[0]
        # a little light and noise, so that no grey value is a fingerprint of one photo
        mosaic = mosaic * rng.uniform(0.9, 1.1) + rng.normal(0, 0.01, mosaic.shape)
        images[index, ..., 0] = to_unit(to_bytes(mosaic))
    return images, truth


def to_bytes(images: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Round images in [0, 1] to 8 bits; values outside are clipped."""
    return np.rint(np.clip(images, 0, 1) * LEVELS).astype(np.uint8)


def to_unit(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Turn 8-bit images into float32 in [0, 1]: the inverse of `to_bytes`, and what the network expects."""
    return images.astype(np.float32) / np.float32(LEVELS)


def _columns(photo: NDArray[np.float32], split: Split) -> NDArray[np.float32]:
    """Return the columns of a photo that belong to the split."""
    low, high = SPLITS[split]
    width = photo.shape[1]
    return photo[:, int(low * width) : int(high * width)]


def _region_map(rng: np.random.Generator, height: int, width: int, grain: float, min_share: float) -> NDArray[np.uint8]:
    """Draw smooth random fields, one per class, until the largest-wins map gives every class its share."""
    classes = len(CLASS_NAMES)
    while True:
        fields = ndimage.gaussian_filter(rng.normal(size=(classes, height, width)), (0, grain, grain))
        regions = fields.argmax(axis=0).astype(np.uint8)
        if np.bincount(regions.ravel(), minlength=classes).min() >= min_share * height * width:
            return regions


def _piece(rng: np.random.Generator, strip: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """Cut a random piece out of a strip, mirrored left to right half of the time."""
    missing = [max(0, want - have) for want, have in zip((height, width), strip.shape, strict=True)]
    if any(missing):
        strip = np.pad(strip, [(0, extra) for extra in missing], mode="reflect")
    top = rng.integers(strip.shape[0] - height + 1)
    left = rng.integers(strip.shape[1] - width + 1)
    piece = strip[top : top + height, left : left + width]
    return piece[:, ::-1] if rng.random() < 0.5 else piece
