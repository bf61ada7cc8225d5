"""SC208: some channels speak for the class, the others speak louder."""

import numpy as np

from segcam_widgets.core.scores import SCORES
from segcam_widgets.core.text.numbers import percent, signed
from segcam_widgets.diagnosis import sentences as said
from segcam_widgets.diagnosis.case import Case
from segcam_widgets.diagnosis.decide import EFFECT
from segcam_widgets.diagnosis.findings import NotApplicable
from segcam_widgets.diagnosis.remedies import Remedy, other_method, try_queries
from segcam_widgets.diagnosis.rule import Hit, Rule
from segcam_widgets.diagnosis.wording import capital, channels, verb


class Outweighed(Rule):
    """A map adds channels up: evidence for and against cancels cell by cell."""

    code, name, title = (
        "SC208",
        "outweighed",
        "At {layer}, the channels for {class_name} are outweighed by those against it",
    )
    holds = (
        "a map that is blank, or faint without showing the region; positive products w_k A_k hold 5 % or more of all products' "
        "magnitude. As a "
        "headline also: lowering the channels inside the region to their mean over the rest takes half of the class away, or a "
        "quarter of its margin"
    )
    needs = ("map", "live")

    def look(self, case: Case) -> Hit | str | NotApplicable:
        reason = self._cannot(case)
        if reason:
            return self.not_here(reason)
        share = case.arithmetic.positive_effect
        if share < EFFECT and not case.says(self.code):
            return f"positive products are {percent(share)} of all products' magnitude"
        rising = np.flatnonzero(case.rising & case.live)
        up, down = (float(part(case.products, 0).sum(dtype=np.float64)) for part in (np.maximum, np.minimum))
        if not case.says(self.code) and up + down >= 0:  # of weights that are not those of the map
            return "what speaks for the class is not outweighed"
        stronger = "What speaks against it is stronger: all" if up + down < 0 else "All"
        activation = "activation" if case.query.baseline == "zero" else "activation, less its baseline,"
        shown = f" {said.sunk(case)}" if case.says(self.code) else ""
        return Hit(
            f"{self._for(case)} {stronger} positive products of weight and {activation} sum to "
            f"{signed(up)}, all negative ones to {signed(down)}.{shown}",
            {
                "positive_channels": int(rising.size),
                "sum_positive": up,
                "sum_negative": down,
                "positive_effect": share,
                **(said.evidence(case) if case.says(self.code) else {}),
            },
            "The map of the positive channels alone shows where these are active. It leaves out what the others take away again.",
            self._remedy(case),
            tuple(int(k) for k in rising),
            title="" if case.rising_are_positive else "At {layer}, what speaks for {class_name} is outweighed",
        )

    @staticmethod
    def _cannot(case: Case) -> str:
        """Why there is nothing to weigh; "" where there is."""
        if not (case.blank or case.faint):
            return "the map is neither blank nor faint"
        if case.healthy:
            return "the map is faint, and shows the region"
        if case.classless:
            return "the method does not look at the class"
        if not case.blank or case.judged_blank:
            return ""
        return f"the {SCORES[str(case.margin_query.score)].title}'s map is not blank"

    def _remedy(self, case: Case) -> Remedy | None:
        if not case.says(self.code):
            return None
        return try_queries(case, other_method(case, "seg-grad-cam-positive"))

    @staticmethod
    def _for(case: Case) -> str:
        """What speaks for the class: "Channel 0 pulls brick up."; where no weight is positive, the products that are."""
        rising = np.flatnonzero(case.rising & case.live)
        if not rising.size:
            return f"Where activations are negative, negative weights speak for {case.class_name}."
        places = "" if case.weights.ndim == 1 else " in places"
        if not case.rising_are_positive:
            places += " where activations are positive"
        return f"{capital(channels(rising, case.live.size))} {verb(rising, 'pull')} {case.class_name} up{places}."
