"""The one form that a number has wherever a person reads it: three significant digits, "-", "1.2e-5", "48 %".

``signedNumber`` in ``ui/canvas/static/bytes.js`` says the same in the browser. The minus is the hyphen of the keyboard: such a
number can be pasted into code, and every terminal can print it.
"""

import math
from collections.abc import Iterable
from numbers import Integral, Real

import numpy as np

SHOWN = 4
"""Numbers listed one by one before a list becomes a range."""
WRITTEN_OUT = 5
"""From this power of ten on a number has an exponent: 12345, but 1.23e5."""
NONE = "–"
"""What stands where there is no number."""


def number(value: float) -> str:
    """Three significant digits: "2.09", "-7.8e-5", "12345"; whole numbers below 100000 in full; "–" for nan.

    Trailing zeros are left out; zero has no sign.
    """
    value = float(value)
    if math.isnan(value):
        return NONE
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    text = f"{value + 0.0:.3g}"
    mantissa, _, exponent = text.partition("e")
    if not exponent:
        return "0" if float(text) == 0 else text
    power = int(exponent)
    return f"{value:.0f}" if 0 < power < WRITTEN_OUT else f"{mantissa}e{power}"


def signed(value: float) -> str:
    """The same with its sign: "+2.14"; "0" has none."""
    return f"+{number(value)}" if value > 0 else number(value)


def percent(share: float) -> str:
    """A share, given as a number from 0 to 1: "48 %", "0.4 %", "less than 0.1 %", "0 %"; "–" for nan."""
    if math.isnan(share):
        return NONE
    hundredths = 100 * float(share)
    if 0 < hundredths < 0.1:
        return "less than 0.1 %"
    return f"{hundredths:.1f} %" if 0 < hundredths < 0.95 else f"{hundredths + 0.0:.0f} %"


def signed_percent(share: float) -> str:
    """A change as a share, with its sign: "-31 %", "+0.4 %"; "0 %" and "less than 0.1 %" have none."""
    if share == 0 or math.isnan(share):
        return percent(share)
    size = percent(abs(share))
    return size if abs(share) < 0.001 else f"{'-' if share < 0 else '+'}{size}"


def numbers(values: Iterable[float]) -> str:
    """All of a few numbers, the range of many: "-7.8e-5, -0.000198", "-0.3 to -0.01"."""
    listed = [float(value) for value in values]
    if len(listed) <= SHOWN:
        return ", ".join(number(value) for value in listed)
    return f"{number(min(listed))} to {number(max(listed))}"


def counted(count: int, noun: str) -> str:
    """How many: "1 pixel", "12 pixels"."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def measured(value: object) -> str:
    """A measured value of any kind: "yes" for True, whole numbers in full, other numbers as :func:`number`, else its text."""
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    return number(float(value)) if isinstance(value, Real) and not isinstance(value, Integral) else str(value)
