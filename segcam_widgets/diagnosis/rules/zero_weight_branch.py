"""SC215: the layer's branch is multiplied by zero, for every image."""

from segcam_widgets.diagnosis.case import Case
from segcam_widgets.diagnosis.findings import NotApplicable
from segcam_widgets.diagnosis.rule import Hit, Rule
from segcam_widgets.diagnosis.wording import listed


class ZeroWeightBranch(Rule):
    """A scale that starts at zero (a residual branch's gamma, LayerScale) and was not trained away from it."""

    code, name, title = "SC215", "zero-weight-branch", "What {layer} does is multiplied by zero, for every image"
    holds = (
        "the gradient of every class is zero, and a step between the layer and the logits multiplies by weights that are all "
        "zero"
    )
    needs = ("gradients", "activations")
    in_list = False

    def look(self, case: Case) -> Hit | str | NotApplicable:
        if not case.ignores_region:
            return "a gradient comes back through all that follows"
        steps = case.tail.zero_weights
        if not steps:
            return "no step after the layer has weights that are all zero"
        return Hit(
            f"Between {case.query.layer} and the logits stands {listed(steps)}, whose weights are all zero: whatever the image, "
            "nothing of this layer comes through.",
            {"steps": len(steps)},
            "A branch that is scaled by zero at the start of training (gamma, LayerScale) has not been trained away from it. "
            "Explain a layer that is not in that branch.",
        )
