"""From a picture to a model's input, and from an input to a picture to show."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.core.support.checks import is_whole
from segcam_widgets.errors import NonFiniteError, SegCamError, shown


def as_display(image: Any) -> NDArray[np.uint8]:
    """A picture given by the user, as (h', w', 3) uint8.

    Raises
    ------
    SegCamError
        Where it is not (h', w'), (h', w', 1 or 3 or 4), uint8 or float in [0, 1].
    """
    picture = np.asarray(image)
    if picture.ndim == 2:
        picture = picture[:, :, None]
    if picture.ndim != 3 or picture.shape[2] not in (1, 3, 4) or not picture.size:
        raise SegCamError(f"`image` must have shape (h, w, 3), or (h, w) for grey. Received: shape {np.shape(image)}.")
    picture = picture[:, :, :3]
    if picture.dtype != np.uint8:
        if not np.issubdtype(picture.dtype, np.floating) and picture.dtype != bool:
            raise SegCamError(f"`image` must be uint8, or float in [0, 1]. Received: dtype {picture.dtype}.")
        low, high = float(picture.min()), float(picture.max())
        if not (low >= -1e-6 and high <= 1 + 1e-6):
            raise SegCamError(f"`image` of floats must lie in [0, 1]. Received: values from {low:.3g} to {high:.3g}.")
        picture = np.round(np.clip(picture, 0, 1) * 255).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(picture, (*picture.shape[:2], 3)))


def display_of(x: NDArray[np.float32], bands: Sequence[int] | None = None) -> NDArray[np.uint8]:
    """The model's input rescaled to be looked at: (h, w, C) -> (h, w, 3) uint8.

    One or two channels are shown grey (the first), three as red, green and blue, more by the first three. Up to three in
    [0, 1] or [0, 255] keep their scale; anything else is stretched between its 1st and 99th percentile. Where there are
    more, as satellites have them, each band that is shown is stretched between its own 2nd and 98th percentile.

    Parameters
    ----------
    x : ndarray, (h, w, C)
    bands : sequence of int, optional
        One channel to be shown grey, or three as red, green and blue.

    Raises
    ------
    SegCamError
        `bands` are not one or three of the channels.
    """
    seen = x[:, :, list(bands_shown(bands, x.shape[2]))]
    if x.shape[2] > 3:
        low, high = np.percentile(seen, (2, 98), axis=(0, 1))
    else:
        low, high = (np.asarray(v) for v in _range(seen))
    scaled = np.clip((seen - low) / np.where(high > low, high - low, 1), 0, 1) * 255
    return np.ascontiguousarray(np.broadcast_to(np.round(scaled).astype(np.uint8), (*x.shape[:2], 3)))


def _range(bands: NDArray[np.float32]) -> tuple[float, float]:
    low, high = float(bands.min()), float(bands.max())
    if low < -0.1 or 1.1 < high < 2 or high > 255.5 or high <= 0:
        low, high = (float(v) for v in np.percentile(bands, (1, 99)))
        return low, high
    return (0.0, 1.0) if high <= 1.1 else (0.0, 255.0)  # about [0, 1]: noise may overshoot a little


def bands_shown(bands: Any, channels: int) -> tuple[int, ...]:
    """Which channels :func:`display_of` shows: one as grey, or three.

    Raises
    ------
    SegCamError
        `bands` are not one or three of the channels.
    """
    if bands is None:
        return (0, 1, 2) if channels >= 3 else (0,)
    given = list(bands) if isinstance(bands, Sequence | np.ndarray) and not isinstance(bands, str) else []
    if len(given) not in (1, 3) or not all(is_whole(band) and 0 <= band < channels for band in given):
        raise SegCamError(
            f"`bands` must be one channel, or three for red, green and blue, each from 0 to {channels - 1}. "
            f"Received: {shown(bands)}."
        )
    return tuple(int(band) for band in given)


def band_words(channels: int, bands: Sequence[int] | None) -> tuple[str, ...]:
    """What :func:`display_of` shows of more than three channels; nothing to say of fewer."""
    if channels <= 3:
        return ()
    chosen = bands_shown(bands, channels)
    which = f"channel {chosen[0]}" if len(chosen) == 1 else f"channels {', '.join(map(str, chosen))}"
    return (f"Shown of {channels} channels: {which}, stretched between the 2nd and 98th percentile.",)


def from_channels_first(x: Any, shape: tuple[int | None, ...]) -> Any:
    """An array as a model with channels first expects it, (C, H, W) or (1, C, H, W), with its channels last.

    Parameters
    ----------
    x : array-like
        What is no array of numbers is left to :func:`as_input`.
    shape : tuple
        (N, C, H, W), None where any size will do.

    Raises
    ------
    SegCamError
        Another number of axes, or other sizes.
    """
    try:
        array = np.asarray(x)
    except (TypeError, ValueError):
        return x
    if array.dtype.kind not in "biuf":
        return x
    sizes = zip(shape[1:], array.shape[-3:], strict=False)
    if array.ndim not in (3, 4) or any(n is not None and n != got for n, got in sizes):
        wanted = ", ".join("any" if n is None else str(n) for n in shape[1:])
        raise SegCamError(
            f"`x` must have its channels first, as the model expects them: shape ({wanted}) or (1, {wanted}). "
            f"Received: shape {array.shape}."
        )
    return np.moveaxis(array, -3, -1)


def as_input(x: Any, shape: tuple[int | None, ...]) -> NDArray[np.float32]:
    """The model's input, as (1, H, W, C) float32.

    Parameters
    ----------
    x : array-like, (H, W, C) or (1, H, W, C)
        As the model expects it.
    shape : tuple
        The model's input shape with the batch axis, None where any size will do.

    Raises
    ------
    SegCamError
        Wrong number of axes, size or channels.
    NonFiniteError
        NaN or infinity.
    """
    try:
        if np.iscomplexobj(x):
            raise TypeError
        with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused below
            array = np.asarray(x, dtype=np.float32)
    except (TypeError, ValueError) as error:
        what = f"dtype {x.dtype}" if isinstance(x, np.ndarray) else type(x).__name__
        raise SegCamError(f"`x` must be an array of real numbers. Received: {what}.") from error
    wanted = ", ".join("any" if n is None else str(n) for n in shape[1:])
    if array.ndim == 4 and array.shape[0] != 1:
        raise SegCamError(
            f"`x` must be one image of shape ({wanted}). Received: a batch of {array.shape[0]}, shape {array.shape}."
        )
    if array.ndim == 3:
        array = array[None]
    if array.ndim != 4 or array.size == 0:
        hint = " Add the channel axis: x[..., None]." if array.ndim == 2 and shape[-1] == 1 else ""
        raise SegCamError(f"`x` must have shape ({wanted}) or (1, {wanted}). Received: shape {np.shape(x)}.{hint}")
    if shape[-1] is not None and array.shape[-1] != shape[-1]:
        raise SegCamError(
            f"`x` must have {shape[-1]} channels, shape ({wanted}). "
            f"Received: {array.shape[-1]} channels, shape {array.shape[1:]}."
        )
    if any(n is not None and n != got for n, got in zip(shape[1:3], array.shape[1:3], strict=True)):
        raise SegCamError(f"`x` must have shape ({wanted}), the model's input. Received: shape {array.shape[1:]}.")
    if not np.isfinite(array).all():
        count = int((~np.isfinite(array)).sum())
        raise NonFiniteError(
            f"`x` must hold finite numbers. Received: {count} of {array.size} values are NaN or infinite."
        )
    return array
