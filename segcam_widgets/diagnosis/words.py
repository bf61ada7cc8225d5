"""Numbers in sentences."""

import re
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

Indices = Sequence[int] | NDArray[np.intp]
SHOWN = 4
"""Numbers listed one by one before a list becomes a range."""


def number(value: float) -> str:
    """Three significant digits: "2.09", "-7.8e-05", "3030"."""
    return _plain(f"{value:.3g}")


def signed(value: float) -> str:
    """The same with its sign: "+2.14"; zero has none."""
    return _plain(f"{value:+.3g}") if value else "0"


def _plain(text: str) -> str:
    """Thousands without a power of ten: "3.03e+03" as "3030"."""
    return f"{float(text):{'+' if text.startswith('+') else ''}.0f}" if re.search(r"e\+0[3-5]$", text) else text


def numbers(values: Iterable[float]) -> str:
    """All of a few numbers, the range of many: "-7.8e-05, -0.000198", "-0.3 to -0.01"."""
    listed = [float(value) for value in values]
    if len(listed) <= SHOWN:
        return ", ".join(number(value) for value in listed)
    return f"{number(min(listed))} to {number(max(listed))}"


def counted(count: int, noun: str) -> str:
    """How many: "1 pixel", "12 pixels"."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


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


def percent(share: float) -> str:
    """A share: "12 %", "0.4 %", "less than 0.01 %"."""
    if 0 < share < 1e-4:
        return "less than 0.01 %"
    return f"{100 * share:.0f} %" if share >= 0.01 or share == 0 else f"{100 * share:.2g} %"
