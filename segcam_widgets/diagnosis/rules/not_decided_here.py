"""SC213: nothing that is done to the layer moves the class."""

from segcam_widgets.diagnosis import sentences as said
from segcam_widgets.diagnosis.case import Case
from segcam_widgets.diagnosis.decide import KEEPS
from segcam_widgets.diagnosis.remedies import other_layers, try_layers
from segcam_widgets.diagnosis.rule import Hit, Rule
from segcam_widgets.diagnosis.rules.weighed import NUMBERS, because


class NotDecidedHere(Rule):
    """Why a class wins that a layer does not decide, the layer's map cannot show: it is the bias, or what goes round it."""

    code, name, title = "SC213", "not-decided-here", "At {layer}, {class_name} is not decided"
    holds = (
        "no cause is shown, and lifting the channels inside the region, lowering them, and switching the layer off each lose "
        "less than half of the class and less than a quarter of its margin"
    )
    needs = ("map", "live", "blank")

    def look(self, case: Case) -> Hit | str:
        if not case.says(self.code):
            return because(case)
        lost = max(outcome.lost for name, outcome in case.experiments.judged.items() if name != "skip")
        return Hit(
            f"{said.lifted(case)} {said.sunk(case)} {said.switched_off(case)} {said.parts(case)}",
            said.evidence(case, *NUMBERS),
            "This layer does not decide the class here, so its map has nothing to explain. Choose another layer."
            if lost <= KEEPS
            else "This layer decides less than half of the class here, so its map explains little of it. Choose another layer.",
            try_layers(case, other_layers(case)),
            title="" if lost <= KEEPS else "At {layer}, most of {class_name} is not decided",
        )
