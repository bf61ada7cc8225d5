"""SC303: what the gradient forecasts is not what happens."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.core.ledger import NOISE
from segcam_widgets.core.scores import SCORES
from segcam_widgets.core.text.numbers import counted, signed
from segcam_widgets.diagnosis.case import Case
from segcam_widgets.diagnosis.findings import NotApplicable
from segcam_widgets.diagnosis.rule import Hit, Rule

TRIED = 3
"""Channels that are switched off, each on its own: those with the largest share of the ledger."""


class GradientContradictsAblation(Rule):
    """A gradient is true for small changes; switching a channel off is a large one."""

    code, name, title = (
        "SC303",
        "gradient-contradicts-ablation",
        "At {layer}, switching a channel off does the opposite of the forecast",
    )
    holds = (
        "of the 3 channels with the largest share of the ledger, one changes the score, when set to zero, with the sign "
        "opposite to the forecast"
    )
    needs = ("map", "live")
    in_list = False

    def look(self, case: Case) -> Hit | str | NotApplicable:
        if not case.thorough:
            return self.not_here("it takes three replays of the network: ask with thorough=True")
        book = case.book
        chosen = np.argsort(-np.abs(book.channels), kind="stable")[:TRIED]
        off = np.repeat(case.judged.activations[None], len(chosen), 0)
        off[np.arange(len(chosen)), :, :, chosen] = 0
        replayed = case.probe.replay(case.query.layer, off)
        changes = np.array([self._score(case, logits) for logits in replayed]) - book.score
        forecast = -book.channels[chosen]
        noise = NOISE * book.magnitude
        wrong = np.flatnonzero((np.minimum(np.abs(changes), np.abs(forecast)) > noise) & (changes * forecast < 0))
        if not wrong.size:
            return f"{counted(len(chosen), 'channel')} that {_were(chosen)} switched off did as forecast"
        first = int(wrong[0])
        score, tried = "margin" if case.judged is not case.asked else "score", counted(len(chosen), "channel")
        return Hit(
            f"Without channel {int(chosen[first])} the {score} changes by {signed(float(changes[first]))}; the gradient forecast "
            f"{signed(float(forecast[first]))}. So it is for {wrong.size} of {tried} that {_were(chosen)} tried: between here "
            "and zero the network bends.",
            {
                "contradictions": int(wrong.size),
                "true_change": float(changes[first]),
                "forecast": float(forecast[first]),
            },
            "Trust the ablation (switch channels off, or Ablation-CAM) before the gradient here.",
            channels=tuple(int(chosen[k]) for k in wrong),
        )

    @staticmethod
    def _score(case: Case, logits: "np.ndarray[tuple[int, ...], np.dtype[np.float32]]") -> float:
        given = replace(case.score_input(case.judged.query), logits=logits)
        return SCORES[str(case.judged.query.score)].value(given)


def _were(channels: NDArray[np.intp]) -> str:
    return "was" if len(channels) == 1 else "were"
