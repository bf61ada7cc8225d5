"""SC204: the sign comes from the activations."""

import numpy as np

from segcam_widgets.core.explanation import BLANK_TOLERANCE
from segcam_widgets.diagnosis.case import Case
from segcam_widgets.diagnosis.findings import NotApplicable
from segcam_widgets.diagnosis.remedies import other_method, rectified_layer, try_queries
from segcam_widgets.diagnosis.rule import Hit, Rule
from segcam_widgets.diagnosis.words import channels, numbers, percent


class SignedActivations(Rule):
    """A weight times a negative activation changes sides; Grad-CAM was made for layers that end with a ReLU."""

    code, name, title = "SC204", "signed-activations", "Negative activations undo the positive evidence"
    holds = (
        "sum_k w_k max(A_k, 0) is positive at a cell where the map is not; on a map that is not blank: every live weight is "
        "negative, and negative activations make the map positive"
    )
    needs = ("map", "live")

    def look(self, case: Case) -> Hit | str | NotApplicable:
        if not (case.asked.activations < 0).any():
            return self.not_here("no activation is negative")
        if not case.blank:
            return self._calm(case)
        if case.classless:
            return self._turned(case)
        reason = case.lacks("puzzle")
        return self.not_here(reason) if reason else self._undone(case)

    def _undone(self, case: Case) -> Hit | str:
        activations, weights = case.judged.activations, case.weights
        signed = (weights * activations).sum(-1)
        rectified = (weights * np.maximum(activations, 0)).sum(-1)
        above = rectified > BLANK_TOLERANCE * np.abs(rectified).max()
        undone = above & (signed <= BLANK_TOLERANCE * np.abs(signed).max()) & (rectified > signed)
        if not undone.any():
            return "without its negative activations the map would be blank as well"
        negative = float((activations[:, :, case.live] < 0).mean())
        return Hit(
            f"{percent(negative)} of the live activations of {case.query.layer} are negative. Without them the map would be "
            f"positive in {percent(float(above.mean()))} of its cells: a positive weight times a negative activation counts as "
            "evidence against.",
            {"negative_activations": negative, "cells_positive_without": float(above.mean())},
            "Use the layer's activation function (the ReLU after it) as the target, HiResCAM, or look at the contributions "
            "inside the region.",
            try_queries(case, (*other_method(case, "hirescam"), *rectified_layer(case))),
        )

    def _turned(self, case: Case) -> Hit:
        """A method without a class goes along with the activations, and where they are negative so is its map."""
        negative = float((case.asked.activations[:, :, case.live] < 0).mean())
        return Hit(
            f"{percent(negative)} of the live activations of {case.query.layer} are negative, and the map goes along with "
            "their sum: it is negative as well. It does not look at the class.",
            {"negative_activations": negative},
            "Look at minus the map, use the layer's activation function (the ReLU after it) as the target, or ask a method "
            "that looks at the class.",
            try_queries(case, (*rectified_layer(case), *other_method(case, "seg-grad-cam"))),
            title="The activations are negative, and the map with them",
        )

    def _calm(self, case: Case) -> Hit | str:
        """Words that calm: every weight negative, and the map as it should be."""
        explanation = case.asked
        if case.classless:
            return "the method does not look at the class"
        weights = explanation.weights if explanation.weights.ndim == 1 else explanation.weights.mean((0, 1))
        if explanation.query.baseline != "zero" or not weights.size or not (weights[case.live] < 0).all():
            return "not every live weight is negative"
        live = np.flatnonzero(case.live)
        negative = float((explanation.activations[:, :, case.live] < 0).mean())
        return Hit(
            f"The weights of {channels(live, case.live.size)} are negative ({numbers(weights[live])}), and so are "
            f"{percent(negative)} of their activations: minus times minus is evidence for {case.class_name}. The map is "
            f"{percent(explanation.positive_share)} positive, and nothing is wrong with it.",
            {"negative_activations": negative, "positive_share": explanation.positive_share},
            "Nothing to do.",
            channels=tuple(int(k) for k in live),
            title="All weights are negative, and the map is right",
        )
