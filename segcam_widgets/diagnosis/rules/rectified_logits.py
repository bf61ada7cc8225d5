"""SC302: a ReLU on the head clips the logits."""

import numpy as np

from segcam_widgets.diagnosis.case import Case
from segcam_widgets.diagnosis.rule import Hit, Rule
from segcam_widgets.diagnosis.words import percent

CLIPPED = 0.99
"""Share of the region's logits that must be clipped: a few pixels that are not cannot carry a map of the whole region."""


class RectifiedLogits(Rule):
    """No gradient comes back through a ReLU that is closed; ReLUs do not belong on logits."""

    code, name, title = "SC302", "rectified-logits", "A ReLU on the head clips the logits"
    holds = (
        "the logits leave a ReLU, and at least 99 % of the region's logits that the score reads are clipped, those of the "
        "class as well"
    )
    needs = ("layer", "region")

    def look(self, case: Case) -> Hit | str:
        if not case.tail.rectified:
            return "no ReLU stands on the logits"
        logits, mask = case.logits, case.mask
        assert logits is not None
        assert mask is not None
        clipped = logits[mask] == 0
        read = case.cotangent(case.query).to_array()[mask] != 0
        share = float(clipped[read].mean()) if read.any() else 0.0
        own = float(clipped[:, case.index].mean())
        if min(share, own) < CLIPPED:
            return f"{percent(share)} of the region's logits are clipped by the ReLU on the head"
        return Hit(
            f"The network ends with a ReLU on its logits, and {percent(share)} of those in the region are clipped to zero: no "
            "gradient comes back through them, at any layer.",
            {"clipped_share": share, "clipped_share_of_class": own, "pixels": int(np.count_nonzero(mask))},
            "Give the last layer no activation before the softmax, and train again. To look at this network as it is, build a "
            "model that ends before the ReLU.",
        )
