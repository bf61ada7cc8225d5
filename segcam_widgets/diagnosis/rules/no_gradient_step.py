"""SC107: a step on the way to the logits lets no gradient through."""

from segcam_widgets.core.methods import METHODS
from segcam_widgets.core.text.numbers import percent
from segcam_widgets.diagnosis import sentences as said
from segcam_widgets.diagnosis.case import Case
from segcam_widgets.diagnosis.decide import STIRS
from segcam_widgets.diagnosis.findings import NotApplicable
from segcam_widgets.diagnosis.remedies import other_layers, try_layers
from segcam_widgets.diagnosis.rule import Hit, Rule
from segcam_widgets.diagnosis.wording import listed


class NoGradientStep(Rule):
    """Rounding, comparing, taking the largest: the layer decides, and no gradient can tell."""

    code, name, title = "SC107", "no-gradient-step", "After {layer}, a step lets no gradient through"
    holds = (
        "the gradient of every class is zero, replaying the layer changed moves the margin, and a step between the layer and the "
        "logits has no gradient"
    )
    needs = ("gradients", "activations", "live")

    def look(self, case: Case) -> Hit | str | NotApplicable:
        if not case.ignores_region:
            return "a gradient comes back through all that follows"
        steps = case.tail.no_gradient
        if not steps:
            return "every step after the layer has a gradient"
        change = case.experiments.largest_change
        if change < STIRS:
            return f"changing the layer moves the margin by {percent(change)} of its size: nothing comes through at all"
        named = listed(f"{step} ({operation})" for step, operation in steps.items())
        return Hit(
            f"The gradient of every class is zero at {case.query.layer}, and yet the layer counts: changed, it "
            f"{said.moves_margin(case)}. {named} lets no gradient through.",
            {"largest_change": change, "steps": len(steps)},
            "Choose a layer behind that step, or a method that needs no gradient: Ablation-CAM, Score-CAM, occlusion."
            if case.made_of_gradient
            else f"{METHODS[case.query.method].title} needs no gradient here; a method that does has a map of zeros.",
            try_layers(case, other_layers(case, after=True)),
        )
