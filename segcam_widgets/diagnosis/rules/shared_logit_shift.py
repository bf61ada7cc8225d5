"""SC202: a part common to all classes' logits hides the map, or is most of it."""

import numpy as np

from segcam_widgets.core.text.numbers import counted, number, percent
from segcam_widgets.diagnosis.case import Case
from segcam_widgets.diagnosis.findings import NotApplicable
from segcam_widgets.diagnosis.remedies import margin, try_queries
from segcam_widgets.diagnosis.rule import Hit, Rule

MOST = 1.0
"""The common part counts from where it is as large as what sets the class apart."""


class SharedLogitShift(Rule):
    """A softmax cannot see a number added to all logits of a pixel, but the raw logit's gradient can."""

    code, name, title = (
        "SC202",
        "shared-logit-shift",
        "At {layer}, a shift common to all classes hides the map of {class_name}",
    )
    holds = (
        "the score is the raw logit of a softmax, its map is blank, and the margin's is not; as a tip: what raises or lowers all "
        "classes alike is larger than what sets the class apart from its rival"
    )
    needs = ("map",)

    def look(self, case: Case) -> Hit | str | NotApplicable:
        if not case.raw_logit:
            return self.not_here("the score is not the raw logit of a softmax")
        raw, apart = case.asked.pooled_gradients, case.judged.pooled_gradients
        if not case.says(self.code):
            return self._tip(case, raw, apart)
        return Hit(
            f"Of the {counted(raw.size, 'weight')} of the raw logit of {case.class_name} {_negative(raw)} negative, and its map "
            f"is blank; of those of its margin over the strongest rival {_negative(apart)}, and "
            f"{percent(case.judged.positive_share)} of the map is positive. The two differ by what the layer does to the rival, "
            "too. The network predicts by differences of logits, so the sign of one logit's gradient means nothing.",
            {
                "negative_weights_logit": int((raw < 0).sum()),
                "negative_weights_margin": int((apart < 0).sum()),
                "margin_positive_share": case.judged.positive_share,
                "margin_over_logit": float(np.abs(apart).sum() / max(np.abs(raw).sum(), 1e-300)),
            },
            "Ask for the margin: it does not have this freedom (Lerma & Lucas, arXiv 2307.03305).",
            try_queries(case, margin(case)),
        )

    @staticmethod
    def _tip(case: Case, raw: "np.ndarray", apart: "np.ndarray") -> Hit | str:
        """What the logit's weights share with the rival's: raw = margin + rival, so the rival's own is raw - margin."""
        rival = raw - apart
        shared = np.where(raw * rival > 0, np.minimum(np.abs(raw), np.abs(rival)), 0).sum()
        size = np.abs(apart).sum()
        if not size > 0 and not shared > 0:
            return "neither the logit nor the margin has a weight"
        ratio = float(shared / size) if size > 0 else float("inf")
        if ratio < MOST:
            return f"what class and rival share is {number(ratio)} of what sets them apart"
        times = (
            "all there is: nothing sets them apart"
            if np.isinf(ratio)
            else f"{number(ratio)} times what sets them apart"
        )
        return Hit(
            f"What the layer shows moves the logit of {case.class_name} and that of its strongest rival alike: the common part "
            f"of the weights is {times}. A softmax cannot see that part, and the raw logit's map shows it.",
            {} if np.isinf(ratio) else {"shared_over_margin": ratio},
            "Ask for the margin, which has no common part (Lerma & Lucas, arXiv 2307.03305).",
            title="At {layer}, {class_name} shares most of its weights with its strongest rival",
        )


def _negative(weights: "np.ndarray") -> str:
    """How many: "all are", "1 is", "none is"."""
    below = int((weights < 0).sum())
    if below == weights.size > 1:
        return "all are"
    return f"{below or 'none'} {'is' if below < 2 else 'are'}"
