"""Arrays as the canvas's traits carry them: one dict per layer, shape and bytes together.

A trait that holds both arrives whole. Of two traits the browser could see a new buffer with an old shape.
"""

import io
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segcam_widgets.core.text.numbers import number
from segcam_widgets.errors import SegCamError

Packed = dict[str, Any]
HALF_ABOVE = 512 * 512
"""Maps with more cells than this travel as float16 with a scale; the screen shows 255 colours."""


def pack_image(image: ArrayLike) -> Packed:
    """Encode what a person sees.

    Parameters
    ----------
    image : ndarray, (h', w'), (h', w', 1), (h', w', 3) or (h', w', 4)
        uint8 in 0..255, or float in [0, 1].

    Returns
    -------
    dict
        data (PNG), shape [h', w'].

    Raises
    ------
    SegCamError
        Another shape, another type, values outside the range.
    """
    from PIL import Image  # with the first picture, not with the module

    array = np.asarray(image)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or array.size == 0 or (array.ndim == 3 and array.shape[2] not in (3, 4)):
        raise SegCamError(f"`image` must be an array (h, w) or (h, w, 3). Received: shape {np.shape(image)}.")
    if array.dtype.kind == "f":
        if not (array.min() >= 0 and array.max() <= 1):  # NaN fails both
            raise SegCamError(
                f"`image` as floats must lie in [0, 1]. Received: {number(array.min())} to {number(array.max())}."
            )
        array = np.round(array * 255).astype(np.uint8)
    elif array.dtype != np.uint8:
        raise SegCamError(f"`image` must be uint8, or float in [0, 1]. Received: dtype {array.dtype}.")
    buffer = io.BytesIO()
    # level 1: five times faster than the default for a tenth more bytes, and the wire is usually this machine's own
    Image.fromarray(np.ascontiguousarray(array)).save(buffer, "PNG", compress_level=1)
    return {"data": buffer.getvalue(), "shape": [int(array.shape[0]), int(array.shape[1])]}


def pack_labels(labels: ArrayLike, count: int, argument: str = "labels") -> Packed:
    """Encode a label map; what is no class (negative, or `count` and above: void) becomes "nothing".

    Parameters
    ----------
    labels : ndarray of int, (H, W)
    count : int
        Number of classes.
    argument : str
        How the error names the array.

    Returns
    -------
    dict
        data, shape [H, W], dtype "uint8" or "uint16"; the type's largest value stands for "nothing".
    """
    array = np.asarray(labels)
    if array.ndim != 2 or array.size == 0 or array.dtype.kind not in "iub":
        raise SegCamError(
            f"`{argument}` must be an array (H, W) of integers. Received: shape {array.shape}, dtype {array.dtype}."
        )
    wide = count > 255
    if count > 65535:
        raise SegCamError(f"`{argument}` can show at most 65535 classes. Received: {count}.")
    array = array.astype(np.int64)
    known = (array >= 0) & (array < count)
    packed = np.where(known, array, 65535 if wide else 255).astype("<u2" if wide else np.uint8)
    return {"data": packed.tobytes(), "shape": list(array.shape), "dtype": "uint16" if wide else "uint8"}


def pack_heat(heat: ArrayLike, seq: int) -> Packed:
    """Encode a signed map at its own resolution.

    Parameters
    ----------
    heat : ndarray, (h, w)
        NaN is shown as transparent.
    seq : int
        Number of the request that this map answers.

    Returns
    -------
    dict
        data, shape [h, w], dtype "float32", or "float16" with `scale` (values = data * scale), seq.
    """
    array = np.asarray(heat)
    if array.ndim != 2 or array.size == 0 or array.dtype.kind not in "fiub":
        raise SegCamError(
            f"`heat` must be a map (h, w) of numbers. Received: shape {array.shape}, dtype {array.dtype}."
        )
    shape = [int(n) for n in array.shape]
    # what is too large for the narrower type becomes infinite and shows the end colour
    with np.errstate(invalid="ignore", over="ignore"):
        if array.size <= HALF_ABOVE:
            return {"data": array.astype("<f4").tobytes(), "shape": shape, "dtype": "float32", "scale": 1.0, "seq": seq}
        scale = largest(array) or 1.0
        half = (array / scale).astype("<f2")  # within [-1, 1]: no map is too small or too large for half precision
    return {"data": half.tobytes(), "shape": shape, "dtype": "float16", "scale": scale, "seq": seq}


def pack_mask(mask: ArrayLike) -> Packed:
    """Encode a mask (H, W) as bits: data (numpy.packbits), shape."""
    array = np.asarray(mask)
    if array.ndim != 2 or array.size == 0 or not (array.dtype == bool or np.isin(array, (0, 1)).all()):
        raise SegCamError(
            f"`mask` must be an array (H, W) of booleans. Received: shape {array.shape}, dtype {array.dtype}."
        )
    return {"data": np.packbits(array.astype(bool)).tobytes(), "shape": [int(n) for n in array.shape]}


def largest(values: NDArray[Any]) -> float:
    """Largest finite magnitude; 0 where nothing is finite."""
    finite = np.abs(values[np.isfinite(values)])
    return float(finite.max()) if finite.size else 0.0
