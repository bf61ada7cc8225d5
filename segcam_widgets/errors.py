"""All errors that this package raises for a user's mistake: one family, one form of words."""

import difflib
import re
from collections.abc import Iterable


class SegCamError(ValueError):
    """Base of all errors of this package: something about the input is wrong, and the message says what would do."""


class UnknownLayerError(SegCamError):
    """The named layer is not one of the model's target layers."""


class EmptyRegionError(SegCamError):
    """The region covers no pixel of this image, so there is no score to explain."""


class DisconnectedLayerError(SegCamError):
    """No path leads from the layer to the logits: nothing it does can change the score."""


class UnsupportedModelError(SegCamError):
    """The model cannot be taken apart: not a segmentation network, several inputs, no graph."""


class NonFiniteError(SegCamError):
    """NaN or infinity in the input, the logits, the activations or the gradients."""


class Cancelled(SegCamError):
    """The caller's progress function answered False."""


def listing(names: Iterable[object], *, limit: int = 16) -> str:
    """Join names for a message, cut where a long list would bury the sentence."""
    items = [str(name) for name in names]
    if len(items) <= limit:
        return ", ".join(items)
    return ", ".join(items[:limit]) + f", ... ({len(items)} in all)"


def either(names: Iterable[object]) -> str:
    """Join names as alternatives: "a, b or c"."""
    *others, last = [str(name) for name in names]
    return f"{', '.join(others)} or {last}" if others else last


def shown(value: object, *, limit: int = 200) -> str:
    """A value as a message shows it: its repr on one line, cut where it is so long that it would bury the sentence."""
    try:
        text = " ".join(repr(value).split())
    except Exception:  # a broken __repr__ must not hide the message it was meant for
        text = object.__repr__(value)
    return text if len(text) <= limit else text[:limit] + "..."


def must_be_one_of(argument: str, allowed: Iterable[str], received: object) -> str:
    """The standard sentence for a name that is not in a list, with the nearest names as a suggestion.

    Parameters
    ----------
    argument : str
        Name of the argument as the user typed it.
    allowed : iterable of str
        What would have been accepted.
    received : object
        What came.

    Returns
    -------
    str
        "`layer` must be one of a, b, c. Received: 'x'. Did you mean 'a'?"
    """
    allowed = list(allowed)
    message = f"`{argument}` must be one of {listing(allowed)}. Received: {shown(received)}."
    # one character more or less in a very long text is no near miss, and looking for one takes minutes
    near = isinstance(received, str) and len(received) <= 200
    close = difflib.get_close_matches(str(received), allowed, n=3, cutoff=0.6) if near else []
    if close:
        message += f" Did you mean {' or '.join(repr(name) for name in close)}?"
    return message


def first_line(error: Exception) -> str:
    """The line of a TensorFlow or Keras error that says what went wrong, without the stack around it."""
    lines = [line.strip() for line in re.sub(r"\x1b\[\d*m|\{\{.*?\}\}", "", str(error)).splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith(("Exception encountered", "Arguments received", "•"))]
    return (told or lines or [type(error).__name__])[0].rstrip(".")
