"""SC205: the class is coded by the absence of features."""

import numpy as np

from segcam_widgets.diagnosis.case import Case
from segcam_widgets.diagnosis.remedies import other_baselines, try_queries
from segcam_widgets.diagnosis.rule import Hit
from segcam_widgets.diagnosis.rules.carried import (
    Carried,
    nothing,
    parts_of,
    pulls,
    residual_name,
    score_words,
    speaking,
    sums,
)
from segcam_widgets.diagnosis.words import lower, number


class CodedByAbsence(Carried):
    """The bias says "this class, unless": every feature speaks against it, and inside its region the features are low."""

    code, name, title = "SC205", "coded-by-absence", "The class is coded by the absence of features"
    holds = "no live channel has w_k > 0, and of the ledger's parts the residual (the bias) is the largest"
    carrier = "residual"

    def hit(self, case: Case) -> Hit:
        evidence = parts_of(case)
        live = tuple(int(k) for k in np.flatnonzero(case.live))
        if case.book.residual <= 0:  # a class that is not predicted, or the logarithm of a probability
            return nothing(case)
        if not case.predicted:
            part = "mostly" if max(case.book.bypass.values(), default=0) > 0 else "only"
            return Hit(
                f"{pulls(case)} What speaks for it in {lower(score_words(case))} is {part} the {residual_name(case)}: "
                f"{sums(case)}.",
                evidence,
                "Minus the map, the counterfactual half, shows what speaks against the class.",
                channels=live,
                title="The bias speaks for the class, and is outweighed",
            )
        message = f"{pulls(case)} {score_words(case)} is carried by the {residual_name(case)}: {sums(case)}."
        if not speaking(case)[..., case.live].any():
            return Hit(
                message,
                evidence,
                "The score is the same whatever this layer shows. Choose another layer.",
                channels=live,
                title="The bias carries the class, and the layer says nothing",
            )
        remedy = try_queries(case, other_baselines(case))
        inside, outside = _pull(case)
        if outside > 0:
            evidence["pull_inside_over_outside"] = inside / outside
        if inside >= outside and inside > 0:
            times = f"{number(inside / outside)} times as hard as outside" if outside > 0 else "and nowhere else"
            return Hit(
                f"{message} Inside the region the channels pull {times}: the class is predicted in spite of them.",
                evidence,
                "What the layer shows and the bias disagree, and the bias wins. A layer further back may show what the class is "
                "made of; minus the map, the counterfactual half, shows what speaks against it.",
                remedy,
                live,
                "The bias carries the class, against the layer",
            )
        return Hit(
            message,
            evidence,
            "Zero is Grad-CAM's point of comparison. Against the channel's mean over the image, or the midpoint between inside "
            "and outside the region (which uses the region to choose it), low activation under a negative weight is evidence "
            "for the class. Or look at the counterfactual half, minus the map: what would take the class away.",
            remedy,
            live,
        )


def _pull(case: Case) -> tuple[float, float]:
    """How hard the channels pull, the mean of |sum_k alpha_k A_k| inside the region and outside; 0, 0 where it is everything.

    By pooled gradients whatever the method: a gradient of its own is zero where the score does not look, outside.
    """
    pull = np.abs(case.judged.activations @ case.pooled_gradients())
    inside = case.judged.coverage
    if inside.min() == 1:
        return 0.0, 0.0
    return float((pull * inside).sum() / inside.sum()), float((pull * (1 - inside)).sum() / (1 - inside).sum())
