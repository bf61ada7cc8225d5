"""SC208: some channels speak for the class, the others speak louder."""

import numpy as np

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
        who = capital(channels(rising, case.live.size))
        return Hit(
            f"{who} {verb(rising, 'pull')} {case.class_name} up, but in every cell the others pull it down harder: all "
            f"positive products of weight and activation sum to {signed(up)}, all negative ones to {signed(down)}.",
            {"positive_channels": int(rising.size), "sum_positive": up, "sum_negative": down},
            "LayerCAM keeps the positive gradients alone; the table of channels shows which speak for the class.",
            try_queries(case, other_method(case, "layercam")),
            tuple(int(k) for k in rising),
        )
