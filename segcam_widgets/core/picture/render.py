"""Turn numbers into pixels: signed maps, labels, outlines. No number is changed here."""

import base64
import io
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from segcam_widgets.core.grid import resize_bilinear
from segcam_widgets.core.picture.colours import Colours, class_colours, diverging_lut
from segcam_widgets.core.support.checks import grid_size, is_finite_number
from segcam_widgets.errors import SegCamError, shown

__all__ = [
    "class_colours",
    "data_uri",
    "diverging_lut",
    "draw_outline",
    "encode_png",
    "outline",
    "overlay",
    "render",
    "resize_nearest",
    "symmetric_limit",
]


def _map(values: ArrayLike, argument: str = "cam") -> NDArray[np.float32]:
    try:
        with np.errstate(over="ignore"):  # a float64 beyond float32 is shown as infinity: the end colour
            array = np.asarray(values, np.float32)
    except (TypeError, ValueError, OverflowError) as error:
        raise SegCamError(f"`{argument}` must be a 2-D array of numbers. Received: {shown(values)}.") from error
    if array.ndim != 2 or not array.size:
        raise SegCamError(f"`{argument}` must be a 2-D array of numbers. Received: shape {array.shape}.")
    return array


def symmetric_limit(cam: ArrayLike) -> float:
    """The largest magnitude in a map, so that -limit to +limit holds it all with zero in the middle.

    Parameters
    ----------
    cam : array_like, (h, w)
        NaN and infinity are passed over.

    Returns
    -------
    float
        0 for a map of zeros.
    """
    values = np.abs(_map(cam))
    return float(values.max(where=np.isfinite(values), initial=0))


def render(cam: ArrayLike, limit: float | None = None, relu: bool = False, fade: bool = False) -> Colours:
    """A signed map in the colours of :func:`diverging_lut`: blue below zero, red above, near-white at zero.

    Parameters
    ----------
    cam : array_like, (h, w)
        Signed, in any unit.
    limit : float, optional
        The values -limit and +limit get the end colours, what is beyond them too; default the map's own
        :func:`symmetric_limit`. Give it to compare maps.
    relu : bool
        Leave negative values transparent, as a Grad-CAM picture has it.
    fade : bool
        Opacity grows from zero's, 0, to the ends', 1: for a map laid over an image.

    Returns
    -------
    ndarray, (h, w, 4) uint8
        RGBA. NaN is transparent.

    Raises
    ------
    SegCamError
        `cam` is no map, or `limit` is no number above zero.
    """
    values = _map(cam)
    if limit is None:
        limit = symmetric_limit(values)
    elif not is_finite_number(limit) or limit <= 0:
        raise SegCamError(f"`limit` must be a number above zero. Received: {shown(limit)}.")
    limit = float(limit)  # a uint8 would overflow below
    table = diverging_lut()
    top = len(table) - 1
    missing = np.isnan(values)
    gain = min(top / (2 * limit), 1e200) if limit > 0 else 0.0  # bounded: zero times infinity is no colour
    place = np.where(missing, 0, values).astype(np.float64) * gain
    # the same rounding as in the browser, so that both pictures are equal
    pixels = table[np.clip(np.floor(place + top / 2 + 0.5), 0, top).astype(np.intp)]
    if fade:
        pixels[:, :, 3] = np.round(np.clip(np.abs(place) / (top / 2), 0, 1) * 255)
    pixels[missing | (relu & (values < 0))] = 0
    return pixels


def resize_nearest(values: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """Each pixel of a grid of `size` gets the cell that its centre lies in. For labels and masks, (h, w, ...)."""
    rows, cols = (
        np.minimum(((np.arange(n) + 0.5) * old / n).astype(int), old - 1)
        for n, old in zip(size, values.shape, strict=False)
    )
    return values[rows[:, None], cols]


def outline(mask: NDArray[np.bool_], width: int = 1) -> NDArray[np.bool_]:
    """The region's own pixels within `width` of its edge; the image's edge closes it. (H, W) bool."""
    return mask & ~ndimage.binary_erosion(mask, np.ones((3, 3), bool), iterations=width)


def draw_outline(pixels: NDArray[Any], mask: NDArray[np.bool_]) -> None:
    """Draw a region's edge into a picture of any size, in place: dark inside, light outside, so that it shows on both.

    Parameters
    ----------
    pixels : ndarray, (height, width, 3 or 4)
    mask : ndarray of bool, (H, W)
    """
    height, width = pixels.shape[:2]
    line = max(1, round(min(height, width) / 250))
    inside = resize_nearest(np.asarray(mask, bool), (height, width))
    beyond = ndimage.binary_dilation(inside, np.ones((3, 3), bool), iterations=line) & ~inside
    for where, shade in ((outline(inside, line), 0), (beyond, 255)):
        pixels[where, :3] = shade
        pixels[where, 3:] = 255


def _picture(image: ArrayLike) -> Colours:
    array = np.asarray(image)
    if array.ndim == 2:
        array = np.repeat(array[:, :, None], 3, 2)
    if array.ndim == 3 and array.shape[2] == 3 and array.size:
        if array.dtype == np.uint8:
            return array
        if array.dtype.kind == "f" and array.min() >= 0 and array.max() <= 1:
            return np.round(array * 255).astype(np.uint8)
    raise SegCamError(
        "`image` must be an array of shape (h, w, 3), uint8 or float in [0, 1]. "
        f"Received: shape {array.shape}, dtype {array.dtype}."
    )


def _blend(under: NDArray[np.float64], colours: Colours, opacity: NDArray[np.float64] | float) -> NDArray[np.float64]:
    weight = np.broadcast_to(np.asarray(opacity, np.float64)[..., None], (*under.shape[:2], 1))
    return under * (1 - weight) + colours * weight


def overlay(
    image: ArrayLike,
    *,
    labels: NDArray[np.integer] | None = None,
    cam: ArrayLike | None = None,
    mask: NDArray[np.bool_] | None = None,
    size: tuple[int, int] | None = None,
    limit: float | None = None,
    relu: bool = False,
    label_opacity: float = 0.4,
    cam_opacity: float = 0.8,
) -> Colours:
    """Image, labels, map and outline on top of each other. Each may have a grid of its own.

    Parameters
    ----------
    image : array_like, (h', w', 3)
        uint8, or float in [0, 1].
    labels : ndarray of int, (H, W), optional
        Class of each pixel; negative: none, left clear.
    cam : array_like, (h, w), optional
        Signed map, laid over bilinearly interpolated and the more opaque the farther from zero.
    mask : ndarray of bool, (H, W), optional
        Its outline is drawn, dark inside and light outside.
    size : (height, width), optional
        Of the picture; default the image's own.
    limit, relu
        As in :func:`render`.
    label_opacity, cam_opacity : float in [0, 1]
        The map's at its limit.

    Returns
    -------
    ndarray, (height, width, 3) uint8

    Raises
    ------
    SegCamError
        An array has the wrong shape, or `size` is none.
    """
    picture = _picture(image)
    height, width = picture.shape[:2] if size is None else grid_size(size)
    if picture.shape[:2] != (height, width):
        from PIL import Image

        picture = np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BILINEAR))
    canvas = picture.astype(np.float64)
    if labels is not None:
        classes = resize_nearest(np.asarray(labels), (height, width))
        colours = class_colours(max(1, int(classes.max()) + 1))[np.maximum(classes, 0)]
        canvas = _blend(canvas, colours, np.where(classes < 0, 0.0, label_opacity))
    if cam is not None:
        values = _map(cam)
        shade = render(resize_bilinear(values, (height, width)), limit or symmetric_limit(values) or None, relu, True)
        canvas = _blend(canvas, shade[:, :, :3], shade[:, :, 3] / 255 * cam_opacity)
    if mask is not None:
        draw_outline(canvas, mask)
    return np.round(canvas).astype(np.uint8)


def encode_png(pixels: Colours) -> bytes:
    """A PNG file of an RGB or RGBA array, (h, w, 3 or 4) uint8."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def data_uri(pixels: Colours) -> str:
    """The same file as an address that holds it, "data:image/png;base64,...": for an ``img`` that needs no file beside it."""
    return f"data:image/png;base64,{base64.b64encode(encode_png(pixels)).decode()}"
