"""SC202: a part common to all classes' logits hides the map."""

import numpy as np

from segcam_widgets.diagnosis.case import Case, is_blank
from segcam_widgets.diagnosis.findings import NotApplicable
from segcam_widgets.diagnosis.remedies import other_scores, try_queries
from segcam_widgets.diagnosis.rule import Hit, Rule
from segcam_widgets.diagnosis.words import percent


class SharedLogitShift(Rule):
    """A softmax cannot see a number added to all logits of a pixel, but the raw logit's gradient can."""

    code, name, title = "SC202", "shared-logit-shift", "A shift common to all classes hides the map"
    holds = "the score is the raw logit of a softmax, its map is blank, and the margin's is not"
    needs = ("map",)

    def look(self, case: Case) -> Hit | str | NotApplicable:
        if not case.raw_logit:
            return self.not_here("the score is not the raw logit of a softmax")
        if not case.blank:
            return "the map is not blank"
        if is_blank(case.judged):
            return "the margin's map is blank as well"
        raw, margin = case.asked.pooled_gradients, case.judged.pooled_gradients
        down = "does not rise" if not (raw < 0).any() else "falls" if (raw <= 0).all() else "mostly falls"
        return Hit(
            f"The raw logit of {case.class_name} {down} with what the layer shows ({int((raw < 0).sum())} of {raw.size} weights "
            "are negative), but that of its strongest rival falls more: what the layer shows sets the class above its rival "
            f"(margin: {int((margin < 0).sum())} of {margin.size} weights negative, {percent(case.judged.positive_share)} of the "
            "map positive). The network predicts by differences of logits, so the sign of one logit's gradient means nothing.",
            {
                "negative_weights_logit": int((raw < 0).sum()),
                "negative_weights_margin": int((margin < 0).sum()),
                "margin_positive_share": case.judged.positive_share,
                "margin_over_logit": float(np.abs(margin).sum() / max(np.abs(raw).sum(), 1e-300)),
            },
            "Ask for the centered logit or the margin: they do not have this freedom (Lerma & Lucas, arXiv 2307.03305).",
            try_queries(case, other_scores(case, "centered_logit", "margin")),
        )
