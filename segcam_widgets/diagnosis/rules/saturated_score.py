"""SC201: the network is so sure that the probability's gradient vanishes, or tells of the last doubts alone."""

import numpy as np

from segcam_widgets.core.text.numbers import number, percent
from segcam_widgets.diagnosis.case import Case
from segcam_widgets.diagnosis.findings import NotApplicable
from segcam_widgets.diagnosis.remedies import margin, try_queries
from segcam_widgets.diagnosis.rule import Hit, Rule

SURE = 1e-3
"""Mean of 1 - p_c: every gradient of log p_c, and of p_c, is smaller than the logits' by about this factor."""


class SaturatedScore(Rule):
    """Where p_c is nearly 1, nothing that raises the class's logit changes the probability."""

    code, name, title = (
        "SC201",
        "saturated-score",
        "At {layer}, the probability of {class_name} tells another story than its margin",
    )
    holds = (
        "the score is probability or log_probability, and its map is blank while the margin's is not; as a tip: the mean of "
        "1 - p_c over the region is below 1e-3"
    )
    needs = ("map",)

    def look(self, case: Case) -> Hit | str | NotApplicable:
        if case.query.score not in ("probability", "log_probability"):
            return self.not_here("the score is no probability")
        doubt = self._doubt(case)
        sure = doubt < SURE
        if not case.says(self.code) and not sure:
            return f"the mean of 1 - p is {number(doubt)}"
        said = [
            f"In the region the network gives {case.class_name} all but {number(doubt)} of the probability. The gradient of the "
            "score is smaller than the logit's by about that factor, and tells of the last doubts alone."
            if sure
            else "A probability's gradient weighs each pixel and each class by how much doubt is left there."
        ]
        better = "logit" if case.probe.multilabel else "margin"
        if case.says(self.code):
            said.append(f"The {better}'s map is not blank: {percent(case.judged.positive_share)} of it is positive.")
        elif case.judged_blank:
            said.append(f"That is not why the map is blank: the {better}'s is blank as well.")
        return Hit(
            " ".join(said),
            {"mean_doubt": doubt},
            f"Ask for the {better}: it does not saturate.",
            try_queries(case, margin(case)) if case.says(self.code) else None,
            title="" if case.says(self.code) else "The network is so sure that its probability hardly moves",
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
        if inside.shape[1] == 1:
            return 0.0
        others = np.logaddexp.reduce(np.delete(inside, case.index, axis=1) - own, axis=1)  # log of odds against
        return float(np.exp(others - np.logaddexp(0, others)).mean())
