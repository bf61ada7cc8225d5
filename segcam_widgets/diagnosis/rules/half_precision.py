"""SC209: the gradient is lost in 16 bits."""

import numpy as np

from segcam_widgets.diagnosis.case import Case
from segcam_widgets.diagnosis.rule import Hit, Rule
from segcam_widgets.diagnosis.words import number
from segcam_widgets.errors import SegCamError


class HalfPrecision(Rule):
    """The smallest positive float16 is 6e-8: what is smaller becomes zero on the way back."""

    code, name, title = "SC209", "half-precision", "The gradient is too small for 16 bits"
    holds = "the gradient is zero as the network computes it, in 16 bits, and not zero in float32"
    needs = ("gradients",)

    def look(self, case: Case) -> Hit | str:
        if not case.tail.half_precision:
            return "the network computes in 32 bits or more"
        assert case.gradients is not None
        if case.gradients.any():
            return "the gradient survives in 16 bits"
        try:
            wide = case.probe.pullback_float32(case.query.layer, case.cotangent(case.query)).gradients
        except SegCamError as error:
            return f"the gradient is zero in 16 bits; in 32 it could not be computed: {error}"
        largest = float(np.abs(wide).max())
        if not largest > 0:
            return "the gradient is zero in float32 as well"
        return Hit(
            f"In 16 bits every gradient of this score is zero at {case.query.layer}; in float32 the largest is "
            f"{number(largest)}. The path is there, its numbers are lost on the way back.",
            {"largest_gradient_float32": largest, "smallest_float16": float(np.finfo(np.float16).smallest_subnormal)},
            "Explain the network in float32: load its weights into the same architecture built with the policy 'float32'.",
        )
