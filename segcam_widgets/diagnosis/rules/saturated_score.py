"""SC201: the network is so sure that the probability's gradient vanishes."""

import numpy as np

from segcam_widgets.diagnosis.case import Case
from segcam_widgets.diagnosis.remedies import other_scores, try_queries
from segcam_widgets.diagnosis.rule import Hit, Rule
from segcam_widgets.diagnosis.words import number

SURE = 1e-3
"""Mean of 1 - p_c: every gradient of log p_c, and of p_c, is smaller than the logits' by about this factor."""


class SaturatedScore(Rule):
    """Where p_c is nearly 1, nothing that raises the class's logit changes the probability."""

    code, name, title = "SC201", "saturated-score", "The network is so sure that its probability cannot move"
    holds = "the score is probability or log_probability, and the mean of 1 - p_c over the region is below 1e-3"
    needs = ("region",)

    def look(self, case: Case) -> Hit | str:
        if case.query.score not in ("probability", "log_probability"):
            return "the score does not saturate"
        doubt = self._doubt(case)
        if doubt >= SURE:
            return f"the mean of 1 - p is {number(doubt)}"
        better = "logit" if case.probe.multilabel else "centered_logit"
        return Hit(
            f"In the region the network gives {case.class_name} all but {number(doubt)} of the probability. The gradient of "
            f"the score is smaller than the logit's by that factor, and what is left of it is about the last doubts.",
            {"mean_doubt": doubt},
            f"Ask for the {better.replace('_', ' ')}: it does not saturate.",
            try_queries(case, other_scores(case, better)) if case.blank else None,
        )

    @staticmethod
    def _doubt(case: Case) -> float:
        """Mean over the region of 1 - p_c, summed from the other classes: as a difference it would be rounding."""
        assert case.logits is not None
        assert case.mask is not None
        inside = case.logits[case.mask].astype(np.float64)
        own = inside[:, [case.index]]
        if case.probe.multilabel:
            return float(np.exp(-np.logaddexp(0, own)).mean())
        others = np.logaddexp.reduce(np.delete(inside, case.index, axis=1) - own, axis=1)  # log of odds against
        return float(np.exp(others - np.logaddexp(0, others)).mean())
