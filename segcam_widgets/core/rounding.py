"""Detect where two gradients cancel so far that only rounding is left, which is no answer."""

from dataclasses import dataclass

import numpy as np

from segcam_widgets.core.answers import Cotangent, Float
from segcam_widgets.core.probe import Probe
from segcam_widgets.core.query import CamQuery
from segcam_widgets.core.standing import loudest
from segcam_widgets.core.text.numbers import number
from segcam_widgets.errors import UnsupportedModelError

Answer = tuple[Float, Float]
CANCELS = 1e-5
"""A contrast's gradient below this share of the class's own is rounding.

One float32 operation errs by 6e-8; a sum of a few thousand terms, layer behind layer, by up to some 1e-6. What is really
there and this small could not be told from it. Networks of 16 bits are judged by their gradients in 32.
"""
QUIET = 1e-3
"""Only where a map adds up to less than this share of the loudest logit is a second gradient asked for.

Where the gradients cancel it adds up to some 1e-7 of what the class alone would give, which is of the logits' size unless
activations cancel ten thousandfold. A map that shows something, and nearly every blank one, adds up to far more.
"""
AGREES = 1e-5
"""The pulls on a pixel's classes add up to zero if their sum is this small beside the largest: float32 arithmetic."""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The largest magnitudes of the contrast's gradient and of the class's own, in the score's unit."""

    left: float
    own: float

    @property
    def note(self) -> str:
        """For a reader of the map."""
        return (
            f"Zero, up to rounding: the gradient of the class alone is up to {number(self.own)}, that of what it is compared "
            f"with is the same, and of their difference {number(self.left)} is left. Nothing at this layer tells them apart."
        )


def cancelled(probe: Probe, query: CamQuery, cotangent: Cotangent, answer: Answer) -> Cancelled | None:
    """Whether a gradient is nothing but the rounding of two that cancel; None where it is more, or zero anyway.

    The class is pulled on without its rivals, at the price of one more pullback. What the rivals give is the difference,
    so that one of the two tells both. Scores that compare no classes have nothing that could cancel.

    Parameters
    ----------
    probe : Probe
    query : CamQuery
        Resolved.
    cotangent : Cotangent
        What was pulled back for it.
    answer : (ndarray (h, w, K), ndarray (h, w))
        The gradients that came of it, and the map.
    """
    gradients, cam = answer
    if not gradients.any() or float(np.abs(cam).sum()) > QUIET * loudest(probe.logits) or not _compares(cotangent):
        return None
    assert isinstance(query.class_index, int)  # resolved
    alone = _class_alone(cotangent, query.class_index)
    if not probe.tail(query.layer).half_precision:
        left, own = _largest(gradients), _largest(probe.pullback(query.layer, alone).gradients)
    else:
        try:
            left, own = (_largest(probe.pullback_float32(query.layer, f).gradients) for f in (cotangent, alone))
        except UnsupportedModelError:  # 16 bits cannot tell
            return None
    return Cancelled(left, own) if left < CANCELS * own else None


def _largest(values: Float) -> float:
    return float(np.abs(values).max())


def _compares(cotangent: Cotangent) -> bool:
    """Whether at each pixel the pulls on the classes add up to zero."""
    if cotangent.rivals is not None:
        return True
    pulls = cotangent.to_array() if cotangent.contrast is None else cotangent.contrast
    return bool(np.abs(pulls.sum(-1)).max() <= AGREES * np.abs(pulls).max())


def _class_alone(cotangent: Cotangent, class_index: int) -> Cotangent:
    """The pull on the class itself, without those on the others."""
    if cotangent.contrast is None:
        own, unit = (
            np.ascontiguousarray(cotangent.to_array()[:, :, class_index]),
            np.zeros_like(cotangent.to_array()[0, 0]),
        )
    else:
        own, unit = cotangent.mask * cotangent.contrast[class_index], np.zeros_like(cotangent.contrast)
    unit[class_index] = 1
    return Cotangent(own, unit)
