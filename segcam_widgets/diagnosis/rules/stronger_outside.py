"""SC214: the map is stronger outside its region than inside."""

import numpy as np

from segcam_widgets.core.text.numbers import number, percent
from segcam_widgets.diagnosis.case import Case
from segcam_widgets.diagnosis.findings import NotApplicable
from segcam_widgets.diagnosis.rule import Hit, Rule


class StrongerOutside(Rule):
    """Evidence may lie beside what it is evidence for; more often such a map is about something else."""

    code, name, title = "SC214", "stronger-outside", "At {layer}, the map is stronger outside the region than inside"
    holds = "the map is not blank, and its gain is below zero: less of its positive mass is inside than an even map would have"
    needs = ("map",)
    in_list = False

    def look(self, case: Case) -> Hit | str | NotApplicable:
        explanation = case.asked
        if case.blank or case.is_number:
            return self.not_here("there is no positive map to judge")
        if np.isnan(explanation.gain):
            return self.not_here("the region is everything")
        if explanation.gain >= 0:
            return f"the gain is {number(explanation.gain)}"
        return Hit(
            f"The region is {percent(explanation.region_share)} of the image and holds {percent(explanation.focus)} of what is "
            f"positive in the map, less than its share (gain {number(explanation.gain)}).",
            {"focus": explanation.focus, "region_share": explanation.region_share, "gain": explanation.gain},
            "Do not read it as a picture of the region. What decides may really lie outside; a pooled weight is the same "
            "everywhere and cannot tell. Compare another layer, or HiResCAM.",
        )
