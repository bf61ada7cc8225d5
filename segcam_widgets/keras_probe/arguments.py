"""Check what a user says about a model's output: head, class names, truth."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.errors import SegCamError, must_be_one_of

HEADS = ("softmax", "sigmoid")


def choose_head(found: str, asked: str | None, channels: int) -> str:
    """One of HEADS: what the model ends with, or where it ends with neither, what was asked or is usual."""
    if asked not in (None, *HEADS):
        raise SegCamError(must_be_one_of("head", HEADS, asked))
    if found == "none":
        if asked == "softmax" and channels == 1:
            raise SegCamError("`head` must be 'sigmoid' for a model with one output channel. Received: 'softmax'.")
        return asked or ("sigmoid" if channels == 1 else "softmax")
    if asked is not None and asked != found:
        raise SegCamError(f"`head` must be {found!r}: the model itself ends with a {found}. Received: {asked!r}.")
    return found


def name_classes(given: Sequence[str] | None, count: int) -> tuple[str, ...]:
    """Distinct names, one per class."""
    if given is None:
        return tuple(f"class {i}" for i in range(count))
    if isinstance(given, str) or not isinstance(given, Sequence | np.ndarray):
        raise SegCamError(f"`class_names` must be a sequence of names. Received: {given!r}.")
    names = tuple(str(name) for name in given)
    if len(names) != count:
        hint = (
            " (one sigmoid channel shows two classes: the background first)" if count == 2 and len(names) == 1 else ""
        )
        raise SegCamError(f"`class_names` must hold {count} names, one per class{hint}. Received: {len(names)}.")
    if len(set(names)) != count:
        twice = sorted({name for name in names if names.count(name) > 1})
        raise SegCamError(
            f"`class_names` must differ from one another. Received: {', '.join(map(repr, twice))} more than once."
        )
    return names


def read_truth(truth: Any, size: tuple[int, int]) -> NDArray[np.int64] | None:
    """Class indices on the logits' grid, (H, W)."""
    if truth is None:
        return None
    labels = np.asarray(truth)
    if labels.ndim == 3 and labels.shape[-1] == 1:
        labels = labels[:, :, 0]
    if labels.shape != size:
        raise SegCamError(f"`truth` must have shape {size}, the grid of the logits. Received: shape {np.shape(truth)}.")
    whole = np.issubdtype(labels.dtype, np.integer) or labels.dtype == bool
    if not whole and not (
        np.issubdtype(labels.dtype, np.floating) and np.isfinite(labels).all() and (labels == np.round(labels)).all()
    ):
        raise SegCamError(
            f"`truth` must hold whole numbers, one class index per pixel. Received: dtype {labels.dtype}."
        )
    labels = labels.astype(np.int64)
    labels.flags.writeable = False
    return labels
