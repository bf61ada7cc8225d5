"""What the last three rules of the list share: no live channel speaks for the class, so something else carries it."""

from abc import abstractmethod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.core.scores import SCORES
from segcam_widgets.diagnosis.case import Case
from segcam_widgets.diagnosis.findings import NotApplicable
from segcam_widgets.diagnosis.rule import Hit, Rule
from segcam_widgets.diagnosis.words import capital, channels, lower, number, numbers, verb

PARTS = {"channels": "channels", "bypass": "skip connections' sum", "residual": "residual (bias)"}
"""The ledger's parts in words."""


class Carried(Rule):
    """Holds on a blank map where no live channel has a positive weight, and the ledger's largest part is this one's."""

    carrier: ClassVar[str]
    needs = ("map", "live", "puzzle")

    def look(self, case: Case) -> Hit | str | NotApplicable:
        if case.ignores_region:
            return self.not_here("no class in the region depends on the layer")
        if (case.rising & case.live).any():
            return "some live channel has a positive weight"
        if case.carrier != self.carrier:
            return f"of the ledger's parts the {PARTS[case.carrier]} {'are' if case.carrier == 'channels' else 'is'} the largest"
        return self.hit(case)

    @abstractmethod
    def hit(self, case: Case) -> Hit:
        """The finding."""


def parts_of(case: Case) -> dict[str, float]:
    """The ledger as evidence: its three parts, and the score they add up to."""
    book = case.book
    around = {"bypass": sum(book.bypass.values())} if book.bypass else {}
    return {"score": book.score, "channels": float(book.channels.sum()), **around, "residual": book.residual}


def speaking(case: Case) -> NDArray[np.floating]:
    """The weights to speak of, (K,) or (h, w, K): the method's, or the pooled gradients where it kept none of them.

    LayerCAM and Grad-CAM++ keep positive gradients alone: of a class that every channel pulls down nothing is left.
    """
    return case.weights if case.weights[..., case.live].any() else case.pooled_gradients()


def pulls(case: Case) -> str:
    """What the live channels do: "Both channels pull brick down (-7.8e-05, -0.000198)."."""
    live = np.flatnonzero(case.live)
    weights = speaking(case)
    weights = weights if weights.ndim == 1 else weights.mean((0, 1))
    who, values, silent = channels(live, case.live.size), numbers(weights[live]), case.live.size - live.size
    if (weights[live] < 0).all():
        others = f"; the other{'s are' if silent > 1 else ' is'} zero on this image" if silent else ""
        return f"{capital(who)} {verb(live, 'pull')} {case.class_name} down ({values}){others}."
    if not weights[live].any():
        return f"No channel pulls {case.class_name} up or down."
    return f"No live channel pulls {case.class_name} up ({values})."


def sums(case: Case) -> str:
    """The ledger in words: "channels -0.05, bias +2.14"."""
    return case.book.sum_words()


def residual_name(case: Case) -> str:
    """What the residual is made of."""
    return "bias" if case.book.exact else "bias and curvature"


def nothing(case: Case) -> Hit:
    """The finding where the largest part of the ledger is zero or less: as a tip, for the class is not predicted there."""
    return Hit(
        f"{pulls(case)} Nothing carries {lower(score_words(case))}: {sums(case)}.",
        parts_of(case),
        "Minus the map, the counterfactual half, shows what speaks against the class.",
        channels=tuple(int(k) for k in np.flatnonzero(case.live)),
        title="Nothing here speaks for the class",
    )


def score_words(case: Case) -> str:
    """The score that is judged, with its value: "The score 2.09"; for a raw logit "The margin 1.3"."""
    name = SCORES[str(case.judged.query.score)].title if case.raw_logit else "score"
    return f"The {name} {number(case.book.score)}"
