"""What the rules share whose cause an experiment shows."""

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.core.text.numbers import numbers
from segcam_widgets.diagnosis import sentences as said
from segcam_widgets.diagnosis.case import Case
from segcam_widgets.diagnosis.wording import capital, channels, verb

NUMBERS = ("lift", "zero", "sink", "skip")
"""The experiments whose numbers stand in the evidence."""


def because(case: Case) -> str:
    """Why the table does not name a cause that experiments would show: what they showed, or what came before them."""
    if case.decision.line not in ("8", "9", "10", "11"):
        return f"line {case.decision.line} of the decision table holds before any experiment is weighed"
    return f"the experiments do not show it: {said.all_numbers(case)}"


def speaking(case: Case) -> NDArray[np.floating]:
    """(K,) the weights to speak of: the method's mean over the map, or pooled gradients where it kept none of them.

    LayerCAM and Grad-CAM++ keep positive gradients alone: of a class that every channel pulls down nothing is left.
    """
    weights = case.weights if case.weights[..., case.live].any() else case.pooled_gradients()
    return np.asarray(weights if weights.ndim == 1 else weights.mean((0, 1)))


def pulls(case: Case) -> str:
    """What the live channels do: "Both channels pull brick down (-7.8e-05, -0.000198)."."""
    live = np.flatnonzero(case.live)
    weights = speaking(case)[live]
    who, values, dead = channels(live, case.live.size), numbers(weights), case.live.size - live.size
    if (weights < 0).all():
        others = f"; the other{'s are' if dead > 1 else ' is'} zero on this image" if dead else ""
        return f"{capital(who)} {verb(live, 'pull')} {case.class_name} down ({values}){others}."
    if not weights.any():
        return f"No channel pulls {case.class_name} up or down."
    if not (weights > 0).any():
        return f"No live channel pulls {case.class_name} up ({values})."
    up, down = int((weights > 0).sum()), int((weights < 0).sum())
    if up == live.size:
        return f"{capital(who)} {verb(live, 'pull')} {case.class_name} up ({values})."
    pulled = f"{up} pull{'s' if up == 1 else ''} {case.class_name} up"
    return f"Of the {live.size} live channels {pulled} and {down or 'none'} down."
