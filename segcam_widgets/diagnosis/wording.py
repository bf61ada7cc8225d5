"""Channels and names in sentences; numbers are in :mod:`segcam_widgets.core.text.numbers`."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.core.text.numbers import SHOWN

Indices = Sequence[int] | NDArray[np.intp]


def channels(indices: Indices, count: int) -> str:
    """Some of a layer's channels: "the one channel", "both channels", "all 8 channels", "channels 1, 5", "5 of 8 channels"."""
    some = len(indices)
    if some == count:
        return {1: "the one channel", 2: "both channels"}.get(count, f"all {count} channels")
    if some <= SHOWN:
        return f"channel{'s' if some != 1 else ''} {', '.join(map(str, indices))}"
    return f"{some} of {count} channels"


def verb(indices: Indices, plural: str) -> str:
    """The verb's form for so many channels: "pull" or "pulls"."""
    return plural if len(indices) != 1 else plural + ("es" if plural.endswith("o") else "s")


def listed(names: Iterable[str], limit: int = SHOWN) -> str:
    """A few names: "enc1, enc2", of many the first: "a, b, c, d and 3 more"."""
    all_names = list(names)
    more = len(all_names) - limit
    return ", ".join(all_names[:limit]) + (f" and {more} more" if more > 0 else "")


def lower(text: str) -> str:
    """The first letter in lower case, the rest as it is: "a ReLU on the head"."""
    return text[:1].lower() + text[1:]


def capital(text: str) -> str:
    """The first letter in upper case, the rest as it is."""
    return text[:1].upper() + text[1:]
