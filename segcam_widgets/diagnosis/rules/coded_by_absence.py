"""SC205: the class is coded by the absence of features."""

import numpy as np

from segcam_widgets.diagnosis.case import Case
from segcam_widgets.diagnosis.remedies import other_baselines, try_queries
from segcam_widgets.diagnosis.rule import Hit
from segcam_widgets.diagnosis.rules.carried import Carried, parts_of, pulls, residual_name, score_words, sums


class CodedByAbsence(Carried):
    """The bias says "this class, unless": every feature speaks against it, and inside its region the features are low."""

    code, name, title = "SC205", "coded-by-absence", "The class is coded by the absence of features"
    holds = "no live channel has w_k > 0, and of the ledger's parts the residual (the bias) is the largest"
    carrier = "residual"

    def hit(self, case: Case) -> Hit:
        return Hit(
            f"{pulls(case)} {score_words(case)} is carried by the {residual_name(case)}: {sums(case)}.",
            parts_of(case),
            "Zero is Grad-CAM's point of comparison. Against the channel's mean over the image, or the midpoint between inside "
            "and outside the region (which uses the region to choose it), low activation under a negative weight is evidence "
            "for the class. Or look at the counterfactual half, minus the map: what would take the class away.",
            try_queries(case, other_baselines(case)),
            tuple(int(k) for k in np.flatnonzero(case.live)),
        )
