"""Class colours in the form that the browser expects."""

import numpy as np
from numpy.typing import ArrayLike

from segcam_widgets.errors import SegCamError


def hex_colours(palette: ArrayLike) -> list[str]:
    """A palette in any usual form as "#rrggbb" strings.

    Parameters
    ----------
    palette : sequence of "#rrggbb", or array (C, 3) of integers in 0..255 or floats in [0, 1]

    Raises
    ------
    SegCamError
        Where it is neither.
    """
    values = np.asarray(palette)
    if values.dtype.kind == "U":
        return [_checked_name(str(name)) for name in values.ravel()]
    if values.ndim != 2 or values.shape[1] != 3 or values.dtype.kind not in "iuf":
        raise SegCamError(
            f'`palette` must be colours like "#e69f00", or an array (C, 3). '
            f"Received: shape {values.shape}, dtype {values.dtype}."
        )
    if values.dtype.kind == "f":
        values = np.round(values * 255)
    if not ((values >= 0) & (values <= 255)).all():
        raise SegCamError("`palette` must be integers in 0..255 or floats in [0, 1]. Received: values outside.")
    return [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in values.astype(int)]


def _checked_name(name: str) -> str:
    plain = name.lower()
    if len(plain) != 7 or plain[0] != "#" or set(plain[1:]) - set("0123456789abcdef"):
        raise SegCamError(f'`palette` must hold colours like "#e69f00". Received: {name!r}.')
    return plain
