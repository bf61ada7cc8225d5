"""Check what a user typed, or what must be installed, and word the error if it will not do."""

import importlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.core.support.progress import report as report
from segcam_widgets.errors import NonFiniteError, SegCamError, shown


def must_be_finite(what: str, values: NDArray[np.floating], layer: str) -> None:
    """Raise NonFiniteError where an array holds NaN or infinity."""
    flat = np.ravel(values)
    with np.errstate(over="ignore", invalid="ignore"):
        # A finite sum proves every value finite (an infinite one may be mere overflow, so check below). Do not use a dot
        # product here: BLAS threads contend with TensorFlow's spinning threads and make a query 2 to 5 times slower.
        if np.isfinite(flat.sum()):
            return
    finite = np.isfinite(values)
    if not finite.all():
        raise NonFiniteError(
            f"The {what} must be finite: there is no map to draw. Received: NaN or infinity in "
            f"{int(finite.size - finite.sum())} of {finite.size} values (query at layer {layer!r})."
        )


FARTHEST = 2.0**31
"""No image is this large; products of two such coordinates still are ordinary floats."""
LARGEST = 65536
"""Pixels along one side of a picture."""


def is_whole(value: object) -> bool:
    """Whether the value is an int of Python or numpy; True and False are not."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def whole_number(value: object, argument: str, what: str = "a whole number", *, least: int | None = None) -> int:
    """The value as an int.

    Parameters
    ----------
    value : object
    argument : str
        Names it in the message.
    what : str
        "a whole number of pixels".
    least : int, optional

    Raises
    ------
    SegCamError
        It is a bool, no integer, or below `least`.
    """
    if not is_whole(value) or (least is not None and int(value) < least):  # type: ignore[call-overload]
        bound = "" if least is None else f", {least} or more"
        raise SegCamError(f"`{argument}` must be {what}{bound}. Received: {shown(value)}.")
    return int(value)  # type: ignore[call-overload]


def is_finite_number(value: object) -> bool:
    """Whether the value is a finite real number of Python or numpy that a float can hold; True and False are not."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        return False
    try:
        return bool(np.isfinite(float(value)))
    except OverflowError:
        return False


def coordinate(value: object, argument: str) -> float:
    """A place or a length in pixels; whole numbers come back as int, so that a region prints as it was typed.

    Raises
    ------
    SegCamError
        It is no finite number, or farther away than any image is large.
    """
    if not is_finite_number(value) or abs(number := float(value)) > FARTHEST:  # type: ignore[arg-type]
        raise SegCamError(f"`{argument}` must be a finite number of pixels. Received: {shown(value)}.")
    return int(number) if number.is_integer() else number


def grid_size(value: object, argument: str = "size") -> tuple[int, int]:
    """(height, width), both from 1 to :data:`LARGEST`.

    Raises
    ------
    SegCamError
        It is anything else.
    """
    sides = (
        list(value) if isinstance(value, tuple | list) or (isinstance(value, np.ndarray) and value.ndim == 1) else []
    )
    if len(sides) == 2 and all(is_whole(side) and 0 < side <= LARGEST for side in sides):
        return int(sides[0]), int(sides[1])
    raise SegCamError(
        f"`{argument}` must be (height, width), two whole numbers from 1 to {LARGEST}. Received: {shown(value)}."
    )


def needed(library: str, call: str, install: str = "'segcam-widgets[data]'") -> Any:
    """Load an optional library. Raises SegCamError that names the call, and what to install, where it is missing."""
    try:
        return importlib.import_module(library)
    except ImportError as error:
        message = f"`{call}` needs {library.partition('.')[0]}, which is not installed: pip install {install}."
        raise SegCamError(message) from error
