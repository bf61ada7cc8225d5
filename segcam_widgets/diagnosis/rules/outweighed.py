"""SC208: some channels speak for the class, the others speak louder."""

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.core.explanation import BLANK_TOLERANCE
from segcam_widgets.diagnosis.case import Case
from segcam_widgets.diagnosis.remedies import other_method, try_queries
from segcam_widgets.diagnosis.rule import Hit, Rule
from segcam_widgets.diagnosis.words import capital, channels, signed, verb


class Outweighed(Rule):
    """A map adds channels up: evidence for and against cancels cell by cell."""

    code, name, title = "SC208", "outweighed", "Evidence against the class outweighs the evidence for it"
    holds = "some live channel has w_k > 0, but the rest outweigh it everywhere"
    needs = ("map", "live", "puzzle")

    def look(self, case: Case) -> Hit | str:
        rising = np.flatnonzero(case.rising & case.live)
        if not rising.size:
            return "no live channel has a positive weight"
        products = case.weights * case.judged.activations
        up, down = (float(part.sum(dtype=np.float64)) for part in (np.maximum(products, 0), np.minimum(products, 0)))
        own = products[:, :, rising]
        helped = bool((own > BLANK_TOLERANCE * np.abs(products).max()).any())
        return Hit(
            f"{self._for(case, rising, helped)}, but {self._against(case, rising, own, helped)}: all positive products of weight "
            f"and activation sum to {signed(up)}, all negative ones to {signed(down)}.",
            {"positive_channels": int(rising.size), "sum_positive": up, "sum_negative": down},
            "LayerCAM keeps the positive gradients alone; the table of channels shows which speak for the class.",
            try_queries(case, other_method(case, "layercam")),
            tuple(int(k) for k in rising),
            title="" if helped else "Where the weights are positive, the activations are not",
        )

    @staticmethod
    def _for(case: Case, rising: NDArray[np.intp], helped: bool) -> str:
        """What speaks for the class: "Channel 0 pulls brick up"."""
        who = capital(channels(rising, case.live.size))
        places = "" if case.weights.ndim == 1 else " in places"
        if helped:
            return f"{who} {verb(rising, 'pull')} {case.class_name} up{places}"
        have = "has a positive weight" if rising.size == 1 else "have positive weights"
        return f"{who} {have}{places}"

    @staticmethod
    def _against(case: Case, rising: NDArray[np.intp], own: NDArray[np.floating], helped: bool) -> str:
        """What speaks against it: "in every cell the others pull it down harder"."""
        if not helped:
            whose = "its" if rising.size == 1 else "their"
            turned = "negative where they are not zero, which counts against it" if (own < 0).any() else "zero there"
            return f"{whose} activations are {turned}"
        positive = int((case.judged.cam > BLANK_TOLERANCE * np.abs(case.judged.cam).max()).sum())
        cells = "in every cell" if not positive else f"in all but {positive} of {case.judged.cam.size} cells"
        if case.weights.ndim == 3:
            return f"{cells} what speaks against it is stronger"
        others = case.live.copy()
        others[rising] = False
        if not others.any():
            return f"{cells} {'its' if rising.size == 1 else 'their'} negative activations pull it down harder"
        return f"{cells} the others pull it down harder"
