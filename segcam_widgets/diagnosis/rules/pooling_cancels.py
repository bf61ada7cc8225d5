"""SC203: the mean over the map cancels what the gradient says cell by cell."""

import numpy as np

from segcam_widgets.diagnosis.case import Case
from segcam_widgets.diagnosis.remedies import other_method, try_queries
from segcam_widgets.diagnosis.rule import Hit
from segcam_widgets.diagnosis.rules.carried import Carried, parts_of, pulls, score_words, sums
from segcam_widgets.diagnosis.words import lower, number


class PoolingCancels(Carried):
    """Grad-CAM averages the gradient over the map; where activation and gradient go together cell by cell, that is lost."""

    code, name, title = "SC203", "pooling-cancels", "Averaging the gradient over the map loses the evidence"
    holds = (
        "no live channel has w_k > 0, and of the ledger's parts the channels are the largest: sum G A is positive though the "
        "pooled weights are not"
    )
    carrier = "channels"

    def hit(self, case: Case) -> Hit:
        gradients = case.judged.gradients
        mean, size = np.abs(case.judged.pooled_gradients).sum(), np.abs(gradients).mean((0, 1), dtype=np.float64).sum()
        agreement = float(mean / size) if size > 0 else 0.0
        carried = (
            "is carried by the channels, cell by cell"
            if case.predicted
            else "has a part that speaks for it, the channels"
        )
        return Hit(
            f"{pulls(case)} But {lower(score_words(case))} {carried}: {sums(case)}. The gradient "
            f"is positive where a channel is strong, and not on average over the map; the average keeps {number(agreement)} of "
            "its size.",
            {**parts_of(case), "mean_over_size": agreement},
            "HiResCAM multiplies gradient and activation cell by cell, without the average.",
            try_queries(case, other_method(case, "hirescam")),
            tuple(int(k) for k in np.flatnonzero(case.live)),
        )
