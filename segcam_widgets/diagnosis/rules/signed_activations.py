"""SC204: the sign comes from the activations."""

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.core.explanation.blank import BLANK_TOLERANCE
from segcam_widgets.core.scores import SCORES
from segcam_widgets.core.text.numbers import number, numbers, percent
from segcam_widgets.diagnosis import sentences as said
from segcam_widgets.diagnosis.case import HEALTHY_GAIN, Case
from segcam_widgets.diagnosis.findings import NotApplicable
from segcam_widgets.diagnosis.remedies import Remedy, other_method, rectified_layer, try_queries
from segcam_widgets.diagnosis.rule import Hit, Rule
from segcam_widgets.diagnosis.wording import capital, channels


class SignedActivations(Rule):
    """A weight times a negative activation changes sides; Grad-CAM was made for layers that end with a ReLU."""

    code, name, title = "SC204", "signed-activations", "At {layer}, negative activations undo the positive evidence"
    holds = (
        "sum_k w_k max(A_k, 0) is not blank although the map is, or lowering the channels inside the region takes the class away "
        "and a positive weight meets a negative mean activation; on a map that is not blank: every live weight is negative, and "
        "negative activations make the map positive"
    )
    needs = ("map", "live")

    def look(self, case: Case) -> Hit | str | NotApplicable:
        if case.blank and case.classless and case.says(self.code):
            return self._turned(case)
        reason = self._cannot(case)
        if reason:
            return self.not_here(reason)
        if not case.blank:
            return self._calm(case)
        if case.undone:
            return self._undone(case)
        return (
            self._turned_round(case)
            if case.says(self.code)
            else "without its negative activations the map is blank as well"
        )

    @staticmethod
    def _cannot(case: Case) -> str:
        """Why signs are not worth a word here; "" where they may be."""
        if case.is_number:
            return "the layer has a single cell"
        if case.activations is None or not (case.activations < 0).any():
            return "no activation is negative"
        if not case.blank or case.judged_blank:
            return ""
        return f"the {SCORES[str(case.margin_query.score)].title}'s map is not blank"

    def _undone(self, case: Case) -> Hit:
        activations = case.judged.activations
        rectified = (case.weights * np.maximum(activations, 0)).sum(-1)
        above = rectified > BLANK_TOLERANCE * np.abs(rectified).max()
        negative = float((activations[:, :, case.live] < 0).mean())
        shown = f" {said.sunk(case)}" if case.says(self.code) else ""
        return Hit(
            f"{percent(negative)} of the live activations of {case.query.layer} are negative. Without them the map would be "
            f"positive in {percent(float(above.mean()))} of its cells: a positive weight times a negative activation counts as "
            f"evidence against.{shown}",
            {
                "negative_activations": negative,
                "cells_positive_without": float(above.mean()),
                **(said.evidence(case) if case.says(self.code) else {}),
            },
            "Use the layer's activation function (the activation after it) as the target, HiResCAM, or look at the "
            "contributions inside the region.",
            self._remedy(case),
        )

    def _turned_round(self, case: Case) -> Hit:
        """Positive weights on channels that are negative on average: less negative is what speaks for the class."""
        below = np.flatnonzero(case.rising & case.live & (case.judged.activations.mean((0, 1)) < 0))
        who = capital(channels(below, case.live.size))
        have = "has a positive weight and is" if below.size == 1 else "have positive weights and are"
        return Hit(
            f"{who} {have} negative on average: being higher here than elsewhere speaks for {case.class_name}, and the map "
            f"compares with zero instead. {said.sunk(case)}",
            {"channels_below_zero": int(below.size), **said.evidence(case)},
            "Use the layer's activation function (the activation after it) as the target, or HiResCAM.",
            self._remedy(case),
            tuple(int(k) for k in below),
        )

    def _remedy(self, case: Case) -> Remedy | None:
        if not case.says(self.code):
            return None
        return try_queries(case, (*other_method(case, "hirescam"), *rectified_layer(case)))

    def _turned(self, case: Case) -> Hit:
        """A method without a class goes along with the activations, and where they are negative so is its map."""
        negative = float((case.asked.activations[:, :, case.live] < 0).mean())
        return Hit(
            f"{percent(negative)} of the live activations of {case.query.layer} are negative, and the map goes along with "
            "their sum: it is negative as well. It does not look at the class.",
            {"negative_activations": negative},
            "Look at minus the map, use the layer's activation function (the activation after it) as the target, or ask a "
            "method that looks at the class.",
            try_queries(case, (*rectified_layer(case), *other_method(case, "seg-grad-cam"))),
            title="At {layer}, the activations are negative, and the map with them",
        )

    def _calm(self, case: Case) -> Hit | str:
        """Words that calm: every weight negative, and the map as it should be, where that can be said."""
        explanation = case.asked
        if case.classless:
            return "the method does not look at the class"
        weights = explanation.weights
        if explanation.query.baseline != "zero" or not weights.size or not _falling(weights[..., case.live]):
            return "not every live weight is negative"
        live = np.flatnonzero(case.live)
        negative = float((explanation.activations[:, :, case.live] < 0).mean())
        share, gain = explanation.positive_share, explanation.gain
        right = gain >= HEALTHY_GAIN and not case.loses  # not so where the region is everything: gain is nan
        pooled = weights[live] if weights.ndim == 1 else weights[..., live].mean((0, 1))
        whose = "weight of the one live channel is" if live.size == 1 else f"weights of {_all(case, live)} are"
        shows = f" (gain {number(gain)}): it shows the region" if right else ""
        return Hit(
            f"The {whose} negative ({numbers(pooled)}), and so are {percent(negative)} of "
            f"{'its' if live.size == 1 else 'their'} activations: minus times minus is evidence for {case.class_name}. The map "
            f"is {percent(share)} positive{shows}.",
            {"negative_activations": negative, "positive_share": share, **({} if np.isnan(gain) else {"gain": gain})},
            "Nothing to do." if right else "Look at the map, not at the signs of the weights: they say nothing here.",
            channels=tuple(int(k) for k in live),
            title="At {layer}, all weights are negative and the map shows the region"
            if right
            else "At {layer}, all weights are negative, the map is not",
        )


def _falling(weights: NDArray[np.floating]) -> bool:
    """Whether every channel's weight is negative; a pixelwise one may be zero in some cells, where no score is asked."""
    return bool((weights < 0).all() if weights.ndim == 1 else (weights <= 0).all() and (weights < 0).any((0, 1)).all())


def _all(case: Case, live: NDArray[np.intp]) -> str:
    """All live channels: "both channels", "the 3 live channels of 8"."""
    some, count = live.size, case.live.size
    return channels(live, count) if some == count else f"the {some} live channels of {count}"
