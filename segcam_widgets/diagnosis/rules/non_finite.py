"""SC103: NaN or infinity."""

import numpy as np

from segcam_widgets.diagnosis.case import Case
from segcam_widgets.diagnosis.rule import Hit, Rule
from segcam_widgets.errors import SegCamError


class NonFinite(Rule):
    """A single NaN makes every number after it one; which number was first can be told."""

    code, name, title = "SC103", "non-finite", "Not every number is finite"
    holds = "NaN or infinity in the logits, the activations or the gradients"
    always_issue = True

    def look(self, case: Case) -> Hit | str:
        if not case.nonfinite:
            return "logits, activations and gradients are finite, as far as they are there"
        what = " and ".join(case.nonfinite)
        where = self._start(case)
        message = f"There is NaN or infinity in the {what}{where}. No map can be drawn."
        half = not case.unreachable and case.tail.half_precision
        advice = (
            "The network computes in 16 bits, whose largest number is 65504: compute in float32."
            if half
            else "Check the input's range and the weights of the layer that is named, or of what follows it: a division by "
            "zero, a square root or logarithm at zero, weights that diverged in training. Computing in float32 helps where 16 "
            "bits overflow."
        )
        return Hit(message, {f"non_finite_{key}": count for key, count in case.nonfinite.items()}, advice)

    def _start(self, case: Case) -> str:
        """Where it begins: the first layer of the forward pass, or else the last that the gradient comes through whole."""
        names = [info.name for info in case.probe.layers]
        if case.nonfinite.keys() & {"logits", "activations"}:
            first = next((n for n in names if not np.isfinite(case.probe.activations(n)).all()), None)
            return "" if first is None else f", beginning at layer {first}"
        if "gradients" not in case.nonfinite:
            return ", where activations and gradients are multiplied"
        try:
            swept = case.probe.sweep(case.cotangent(case.query), names[names.index(case.query.layer) :])
        except SegCamError:
            return ""
        broken = [name for name, found in swept.items() if not np.isfinite(found.weights).all()]
        return f": on the way back, what follows layer {broken[-1]} makes them" if broken else ""
