"""SC302: a ReLU on the head clips the logits."""

import numpy as np

from segcam_widgets.core.text.numbers import percent
from segcam_widgets.diagnosis.case import Case
from segcam_widgets.diagnosis.rule import Hit, Rule


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
        share, own = case.clipped_shares
        if not case.clipped:
            return f"{percent(share)} of the region's logits are clipped by the ReLU on the head"
        assert case.mask is not None
        return Hit(
            f"The network ends with a ReLU on its logits, and {percent(share)} of those in the region are clipped to zero: no "
            "gradient comes back through them, at any layer.",
            {"clipped_share": share, "clipped_share_of_class": own, "pixels": int(np.count_nonzero(case.mask))},
            "Give the last layer no activation before the softmax, and train again. To look at this network as it is, build a "
            "model that ends before the ReLU.",
        )
