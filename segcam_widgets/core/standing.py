"""The strongest rival at each pixel of a prediction, computed once per prediction."""

import threading
import weakref
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Logits = NDArray[np.floating]
Indices = NDArray[np.integer]


@dataclass(eq=False)
class _Known:
    """What was read off some logits so far, but for the logits themselves: who is kept for them must not keep them."""

    first_two: tuple[Indices, Indices] | None = None
    rivals: dict[int, Indices] = field(default_factory=dict)
    loudest: float | None = None


_KEPT: "dict[int, tuple[weakref.ref[Logits], _Known]]" = {}
_LOCK = threading.Lock()


def strongest_rivals(logits: Logits, class_index: int) -> Indices:
    """The strongest of the other classes at each pixel, (H, W) whole numbers from logits (H, W, C); of equals the first.

    Read-only, and in bytes where they do: the maps of all classes then take a quarter of what the logits take.
    """
    known = _known(logits)
    if class_index not in known.rivals:
        if known.first_two is None:
            known.first_two = _first_two(logits)
        first, second = known.first_two
        found = np.where(first == class_index, second, first)
        found.flags.writeable = False
        known.rivals[class_index] = found
    return known.rivals[class_index]


def loudest(logits: Logits) -> float:
    """The largest magnitude of a logit."""
    known = _known(logits)
    if known.loudest is None:
        known.loudest = float(np.abs(logits).max())
    return known.loudest


def index_type(classes: int) -> type[np.integer]:
    """The numbers that a map of class indices is made of."""
    return np.uint8 if classes <= 256 else np.int32


def _first_two(logits: Logits) -> tuple[Indices, Indices]:
    """(H, W) each: the classes with the largest and the second largest logit."""
    kind, first, others = index_type(logits.shape[-1]), logits.argmax(-1), logits.copy()
    np.put_along_axis(others, first[..., None], -np.inf, -1)
    return first.astype(kind), others.argmax(-1).astype(kind)


def _known(logits: Logits) -> _Known:
    """Of these very logits. Kept where they are read-only, as a probe's are: others may change under our hands."""
    if logits.flags.writeable:
        return _Known()
    key = id(logits)
    with _LOCK:
        kept = _KEPT.get(key)
        if kept is not None and kept[0]() is logits:
            return kept[1]
        found = _Known()
        _KEPT[key] = (weakref.ref(logits, lambda _: _KEPT.pop(key, None)), found)
        return found
