"""SC212: the score compares with classes that do not compete."""

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.core.scores import SCORES
from segcam_widgets.core.text.numbers import number, percent
from segcam_widgets.diagnosis.case import Case
from segcam_widgets.diagnosis.findings import NotApplicable
from segcam_widgets.diagnosis.remedies import margin, try_queries
from segcam_widgets.diagnosis.rule import Hit, Rule
from segcam_widgets.diagnosis.wording import capital, listed

QUARTER = 0.25
"""Share of what the score subtracts that outputs without use may have."""


class DilutedScore(Rule):
    """A centered logit is compared with the mean of all outputs: those that are never used decide the map as well."""

    code, name, title = (
        "SC212",
        "diluted-score",
        "At {layer}, the map compares {class_name} with classes that do not compete",
    )
    holds = (
        "the score is the centered logit or the log odds, and its map is blank while the margin's is not; as a tip on a map that "
        "is not blank: outputs that win no pixel and are nowhere the strongest rival hold a quarter or more of what the score "
        "subtracts"
    )
    needs = ("map",)

    def look(self, case: Case) -> Hit | str | NotApplicable:
        score = str(case.query.score)
        if not SCORES[score].contrastive or score == "margin":
            return self.not_here("the score does not compare with several classes at once")
        idle = self._idle(case)
        shares = self._subtracted(case)
        share = float(shares[idle].sum())
        if not case.says(self.code) and not (share >= QUARTER and not case.blank):
            return f"outputs that are never used hold {percent(share)} of what the score subtracts"
        names = case.probe.class_names
        used = ""
        if idle.any():
            which = np.flatnonzero(idle)
            win, are, hold = ("wins", "is", "holds") if which.size == 1 else ("win", "are", "hold")
            used = (
                f"{capital(listed(names[c] for c in which))} {win} no pixel of this image, {are} nowhere the strongest "
                f"rival, and {hold} {percent(share)} of what the score subtracts. "
            )
        else:
            order = np.argsort(-shares)[:4]
            weighs = listed(f"{names[c]} {percent(float(shares[c]))}" for c in order if shares[c] > 0)
            used = f"What it subtracts is made of {weighs}. "
        margin_map = case.judged
        verb = "subtract" if score == "log_odds" else "subtracts"
        compared = (
            "Compared with the strongest rival at each pixel, the map is "
            + ("blank" if margin_map.is_empty else f"{percent(margin_map.positive_share)} positive")
            + ("" if margin_map.is_empty or np.isnan(margin_map.gain) else f" (gain {number(margin_map.gain)})")
            + "."
        )
        return Hit(
            f"The {SCORES[score].title} {verb} from the logit of {case.class_name} what all other outputs say. "
            f"{used}{compared}",
            {
                "unused_outputs": int(idle.sum()),
                "share_of_unused": share,
                "margin_positive_share": margin_map.positive_share,
                **({} if np.isnan(case.asked.gain) else {"gain": case.asked.gain, "margin_gain": margin_map.gain}),
            },
            "Ask for the margin: at each pixel it compares with the one class that is nearest to winning."
            + (
                " That its map is blank has a reason of its own, which its diagnosis tells."
                if margin_map.is_empty
                else ""
            ),
            try_queries(case, margin(case)),
        )

    @staticmethod
    def _idle(case: Case) -> NDArray[np.bool_]:
        """(C,): the classes that win no pixel of the image and are nowhere the strongest rival of the asked one."""
        assert case.logits is not None
        others = case.logits.copy()
        others[..., case.index] = -np.inf
        idle = np.ones(case.logits.shape[-1], bool)
        idle[np.unique(case.logits.argmax(-1))] = False
        idle[np.unique(others.argmax(-1))] = False
        idle[case.index] = False
        return idle

    @staticmethod
    def _subtracted(case: Case) -> NDArray[np.float64]:
        """(C,): each other class's share of what the score subtracts, over the region; sums to one."""
        assert case.mask is not None
        field = case.cotangent(case.query).to_array()[case.mask].astype(np.float64)
        taken = np.maximum(-field, 0).sum(0)
        taken[case.index] = 0
        return taken / max(float(taken.sum()), np.finfo(float).tiny)
