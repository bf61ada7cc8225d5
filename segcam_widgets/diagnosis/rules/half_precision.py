"""SC209: the gradient is lost in 16 bits."""

import numpy as np

from segcam_widgets.core.methods import METHODS
from segcam_widgets.core.text.numbers import counted, number, percent
from segcam_widgets.diagnosis.case import Case
from segcam_widgets.diagnosis.findings import NotApplicable
from segcam_widgets.diagnosis.rule import Hit, Rule


class HalfPrecision(Rule):
    """The smallest positive float16 is 6e-8: what is smaller becomes zero on the way back."""

    code, name, title = "SC209", "half-precision", "At {layer}, the gradient is too small for 16 bits"
    holds = (
        "something after the layer computes in 16 bits, the map is blank, and in float32 it is not, or the gradient of every "
        "class is zero and in float32 it is not; as a tip: both maps are blank, and some pooled weights have another sign in "
        "float32"
    )
    needs = ("map",)

    def look(self, case: Case) -> Hit | str | NotApplicable:
        if not case.tail.half_precision:
            return self.not_here("the network computes in 32 bits or more")
        if not case.blank:
            return "the map is not blank"
        if METHODS[case.query.method].slow:
            return self.not_here("the method is slow, and its map is not made again in 32 bits")
        wide = case.wide
        if wide is None:
            return self.not_here(f"the gradient could not be computed in 32 bits: {case.no_wide}")
        own, other = case.asked.pooled_gradients, wide.pooled_gradients
        turned = int((np.sign(own) != np.sign(other)).sum())
        largest = float(np.abs(wide.gradients).max())
        if not case.says(self.code) and not turned:
            return "the weights have the same signs in 32 bits"
        lost = "every gradient is zero" if not case.asked.gradients.any() else f"{counted(turned, 'weight')} lost its sign" if (
            turned == 1
        ) else f"{turned} weights lost their sign"  # fmt: skip
        shows = (
            f"In float32 the map is not blank: {percent(wide.positive_share)} of it is positive."
            if not wide.is_empty
            else "In float32 the map is blank as well."
        )
        return Hit(
            f"In 16 bits {lost} at {case.query.layer}; in float32 the largest gradient is {number(largest)}. The path is there, "
            f"its numbers are lost on the way back. {shows}",
            {
                "largest_gradient_float32": largest,
                "smallest_float16": float(np.finfo(np.float16).smallest_subnormal),
                "signs_that_differ": turned,
                "positive_share_float32": wide.positive_share,
            },
            "Explain the network in float32: load its weights into the same architecture built with the policy 'float32'.",
        )
