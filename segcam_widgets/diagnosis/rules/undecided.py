"""SC217: the experiments do not agree, and no cause is named."""

from segcam_widgets.diagnosis import sentences as said
from segcam_widgets.diagnosis.case import Case
from segcam_widgets.diagnosis.rule import Hit, Rule
from segcam_widgets.diagnosis.rules.weighed import NUMBERS, because


class Undecided(Rule):
    """Numbers without a verdict are better than a verdict without numbers."""

    code, name, title = (
        "SC217",
        "undecided",
        "At {layer}, the experiments do not agree on why the map of {class_name} is blank",
    )
    holds = "no other line of the decision table holds, or nothing in the region carries the class"
    needs = ("map", "live", "blank")

    def look(self, case: Case) -> Hit | str:
        if not case.says(self.code):
            return because(case)
        if case.decision.line == "6":
            return Hit(
                f"By the logits, nothing in the region carries {case.class_name}, so that there is no pixel to lose: no "
                "experiment can tell.",
                {"mean_margin": case.mean_margin, "predicted_share": case.predicted_share},
                "Ask about pixels that are predicted as the class, or about the class that is predicted here.",
                title="At {layer}, no experiment can tell why the map of {class_name} is blank",
            )
        experiments = case.experiments
        everything = "The whole image" if experiments.image_share == 1 else "Nearly the whole image"
        alone = "" if experiments.has_rest else (
            f" {everything} carries {case.class_name} and lies in the region: there is nothing to compare it with, so the "
            "channels were set to their largest and their least value."
        )  # fmt: skip
        return Hit(
            f"{said.lifted(case)} {said.sunk(case)} {said.switched_off(case)}{alone} No single cause explains all of this.",
            said.evidence(case, *NUMBERS),
            "Draw another region, or look at another layer; switch channels off one by one to see which the class needs.",
        )
