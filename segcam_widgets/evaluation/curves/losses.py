"""Compare two curves: where a map that knows nothing is as good as one under test, or better."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.evaluation.curves.curves import Curve

ROUNDING = 1e-6
"""Areas that differ by less than this share of what the curve spans are equal."""


@dataclass(frozen=True, slots=True)
class Loss:
    """One comparison that a reference has won, or in which it is as good.

    Attributes
    ----------
    map, reference : str
    scope, test, measure : str
    area, reference_area : float
        Under the two curves; the mean over the draws of a random reference.
    level : bool
        No difference that counts: equal, or, for a random reference, within its draws.
    """

    map: str
    reference: str
    scope: str
    test: str
    measure: str
    area: float
    reference_area: float
    level: bool


def lead(own: Curve, other: Curve, measure: str) -> tuple[NDArray[np.float64], float]:
    """How far each draw of the other curve is ahead, (draws,), and the difference from which on that counts.

    Above zero the other is better: its area is smaller for a deletion, larger for an insertion. nan: not to be compared.
    """
    better = -1 if own.test == "deletion" else 1
    span = np.ptp(np.concatenate([own.values(measure).ravel(), other.values(measure).ravel()]))
    return better * (other.aucs(measure) - own.auc(measure)), float(ROUNDING * span)


def loss(own: Curve, other: Curve, measure: str) -> Loss | None:
    """What a reference's curve makes of one under test: None where that is better than each of the reference's draws."""
    ahead, least = lead(own, other, measure)
    if not ahead.max() >= -least:  # nan: not to be compared
        return None
    level = bool(ahead.mean() <= least)
    area, reference_area = own.auc(measure), float(other.aucs(measure).mean())
    return Loss(own.map, other.map, own.scope, own.test, measure, area, reference_area, level)
