"""What *blank* and *faint* mean, everywhere."""

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.core.query import CamQuery

BLANK_TOLERANCE = 1e-6
"""A map whose largest value is this small beside its largest magnitude shows nothing after a ReLU.

Float32 noise is 1e-7.
"""


FAINT = 0.01
"""A map that is not blank, and of which less than this share is positive, is faint: single cells show after a ReLU."""


def positive_share(cam: NDArray[np.floating]) -> float:
    """How much of a signed map is positive, in [0, 1]: ``sum(max(cam, 0)) / sum(|cam|)``, 0 for a zero map."""
    total = float(np.abs(cam).sum(dtype=np.float64))
    return float(np.maximum(cam, 0).sum(dtype=np.float64)) / total if total > 0 else 0.0


def is_empty(cam: NDArray[np.floating]) -> bool:
    """Whether nothing would be left of a signed map after a ReLU: ``cam.max() <= 1e-6 * max|cam|``."""
    return bool(cam.max() <= BLANK_TOLERANCE * np.abs(cam).max())


def is_faint(cam: NDArray[np.floating], query: CamQuery, *, pooled_weights: bool) -> bool:
    """Whether hardly anything would be left of a signed map after a ReLU, but something: less than a hundredth.

    A map of pooled weights with a baseline other than zero holds both signs by construction: its share says nothing.
    """
    says = query.baseline == "zero" or not pooled_weights
    return says and not is_empty(cam) and positive_share(cam) < FAINT
