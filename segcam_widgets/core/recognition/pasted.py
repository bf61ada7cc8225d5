"""Read numbers that a user pasted, and find out with how many digits they were printed."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.core.answers import LayerInfo
from segcam_widgets.errors import SegCamError, listing, shown

Array64 = NDArray[np.float64]
ENOUGH = 6
"""Significant digits from which on rounding is no matter."""


@dataclass(frozen=True, eq=False)
class Pasted:
    """Numbers, and how far rounding may have moved them.

    Attributes
    ----------
    numbers : ndarray, (K,) float64
    digits : int
        Significant ones, 2 or more: a number with one may be whole by nature.
    half_units : ndarray, (K,) float64
        Half a unit of each number's last digit; 0 where there are digits enough.
    """

    numbers: Array64
    digits: int
    half_units: Array64

    @property
    def is_rough(self) -> bool:
        """Whether rounding may have turned them by more than is allowed."""
        return self.digits < ENOUGH


def read_pooled(pooled: object, layer: LayerInfo, layers: Sequence[LayerInfo]) -> Pasted:
    """The pasted numbers.

    Parameters
    ----------
    pooled : array_like or str
        K numbers; axes of length one are no matter. A string is read as numpy and TensorFlow print it.
    layer : LayerInfo
    layers : sequence of LayerInfo
        Where a length that is not K may belong.

    Raises
    ------
    SegCamError
        Anything else, NaN and infinity included.
    """
    count = layer.shape[2]
    wanted = (
        f"`pooled` must be the {count} pooled gradients of layer {layer.name!r}, shape ({count},)"
        if count > 1
        else f"`pooled` must be the one pooled gradient of layer {layer.name!r}, shape (1,)"
    )
    given = _numbers(pooled, wanted)
    if given.size != count or sum(side != 1 for side in given.shape) > 1:
        raise SegCamError(f"{wanted}. Received: shape {given.shape}.{_advice(given.shape, layer, layers)}")
    finite = np.isfinite(given)
    if not finite.all():
        raise SegCamError(
            f"{wanted}, and finite. Received: NaN or infinity in {int((~finite).sum())} of {given.size} numbers."
        )
    own = given.reshape(-1)
    digits = max([2, *(len(_scientific(number)[0]) for number in own if number)])
    rough = digits < ENOUGH and own.any()
    half_units = _half_units(own, digits) if rough else np.zeros(count)
    return Pasted(own.astype(np.float64), digits, half_units)


def _numbers(pooled: object, wanted: str) -> NDArray[np.floating]:
    """An array of floats in the precision that they came in: 0.1 has one digit in float32, too."""
    if pooled is None:
        raise SegCamError(
            f"{wanted}. Received: None. A tape answers None where the score does not depend on what was watched: take the "
            "layer's output and the logits from one and the same call."
        )
    try:
        if isinstance(pooled, str):
            inside = re.search(
                r"\[.*\]", pooled, re.DOTALL
            )  # without the "tf.Tensor(" and ", dtype=float32)" around it
            words = re.split(r"[\s,\[\]()]+", inside.group() if inside else pooled)
            return np.array([float(word) for word in words if word])
        array = np.asarray(pooled)
        if array.dtype.kind == "f":
            return array
        if str(array.dtype) == "bfloat16":
            return array.astype(np.float32)
        if array.dtype.kind not in "iu":
            raise TypeError
        return array.astype(np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise SegCamError(f"{wanted}. Received: {shown(pooled)}.") from error


def _advice(shape: tuple[int, ...], layer: LayerInfo, layers: Sequence[LayerInfo]) -> str:
    if len(shape) > 1 and shape[-3:] == layer.shape:
        return f" That is a map: pool it first, gradients.mean({tuple(range(len(shape) - 1))})."
    if sum(side != 1 for side in shape) > 1:
        return ""
    others = [repr(info.name) for info in layers if info.shape[2] == int(np.prod(shape)) and info.name != layer.name]
    return f" Layers with as many channels: {listing(others, limit=6)}." if others else ""


def _half_units(numbers: NDArray[np.floating], digits: int) -> Array64:
    """By how much rounding may have moved each number.

    Whether digits were counted from each number's first (0.0012, 0.53) or from the point (0.00, 0.53) is not known: each
    number gets the larger of the two.
    """
    magnitude = np.abs(numbers.astype(np.float64))
    zero = magnitude == 0
    places = np.floor(np.log10(np.where(zero, 1.0, magnitude))) - digits + 1
    from_first = np.where(zero, 0.0, 0.5 * 10.0**places)
    from_point = 0.5 * 10.0 ** -max(_last_place(number) for number in numbers[~zero])
    # 1.0 and 120.0 are stored as 1 and 120: their last place is not seen
    return np.maximum(from_first, min(from_point, float(from_first.max())))


def _scientific(number: np.floating) -> tuple[str, int]:
    """Digits and exponent of the shortest text that reads as the same number in its own precision."""
    mantissa, _, exponent = np.format_float_scientific(number, trim="-").lstrip("-").partition("e")
    return mantissa.replace(".", ""), int(exponent)


def _last_place(number: np.floating) -> int:
    mantissa, exponent = _scientific(number)
    return len(mantissa) - 1 - exponent
