"""SC203: what is there is needed, and the average over the map does not show it."""

import numpy as np

from segcam_widgets.core.explanation.blank import is_empty
from segcam_widgets.core.methods import METHODS
from segcam_widgets.core.text.numbers import number, signed
from segcam_widgets.diagnosis import sentences as said
from segcam_widgets.diagnosis.case import Case
from segcam_widgets.diagnosis.findings import NotApplicable
from segcam_widgets.diagnosis.remedies import other_method, try_queries
from segcam_widgets.diagnosis.rule import Hit, Rule
from segcam_widgets.diagnosis.rules.weighed import NUMBERS, because, pulls


class PoolingCancels(Rule):
    """Grad-CAM averages the gradient over the map; where activation and gradient go together cell by cell, that is lost."""

    code, name = "SC203", "pooling-cancels"
    title = "At {layer}, averaging the gradient over the map loses the evidence for {class_name}"
    holds = (
        "region and rest differ by 0.1 of a channel's mean magnitude or more; lowering the channels inside the region to their "
        "mean over the rest takes half of the class or a quarter of its margin away; and sum G A is positive, with a pixelwise "
        "map that is not blank (or nothing else explains the blank map)"
    )
    needs = ("map", "live", "blank")

    def look(self, case: Case) -> Hit | str | NotApplicable:
        if not case.says(self.code):
            return because(case)
        live = tuple(int(k) for k in np.flatnonzero(case.live))
        about = f"{pulls(case)} {said.sunk(case)}"
        numbers = said.evidence(case, *NUMBERS)
        if not (case.arithmetic.channels_carry and self._lost_by_averaging(case)):
            return self._otherwise(case, about)
        agreement = self._agreement(case)
        together = float((case.judged.gradients * case.judged.activations).sum(dtype=np.float64))
        return Hit(
            f"{about} Cell by cell, the products of gradient and activation sum to {signed(together)}; with the gradient's "
            f"average over the map, which keeps {number(agreement)} of its size, they are nowhere above zero. {said.parts(case)}",
            {**numbers, "mean_over_size": agreement, "sum_of_products": together},
            "HiResCAM multiplies gradient and activation cell by cell, without the average.",
            try_queries(case, other_method(case, "hirescam")),
            live,
        )

    @staticmethod
    def _lost_by_averaging(case: Case) -> bool:
        """Whether the map of the averaged gradient is blank, and not that of the method's own weights alone."""
        return is_empty((case.pooled_gradients() * case.judged.activations).sum(-1))

    @staticmethod
    def _otherwise(case: Case, about: str) -> Hit:
        """What is there is needed, and averaging is not why the map does not show it."""
        live, numbers = tuple(int(k) for k in np.flatnonzero(case.live)), said.evidence(case, *NUMBERS)
        forecast = case.experiments.forecast_of_sink(case.judged.gradients)
        if forecast > 0 and not case.arithmetic.channels_carry:
            return Hit(
                f"{about} Yet the gradient asks for less of it: the class needs what is here, and a little more would hurt it. "
                "A gradient tells of small changes, the replay of a large one.",
                numbers,
                "Trust the replay. Ablation-CAM weighs channels by what happens without them.",
                channels=live,
                title="At {layer}, what is there is needed, and more of it would hurt",
            )
        agrees = " The gradient says the same: with less of it the score falls." if forecast < 0 else ""
        title = METHODS[case.query.method].title
        return Hit(
            f"{about}{agrees} The weights that {title} gives the channels do not show it.",
            numbers,
            "Trust the replay, and look at the map of another method.",
            try_queries(case, (*other_method(case, "seg-grad-cam"), *other_method(case, "hirescam"))),
            live,
            title=f"At {{layer}}, what is there is needed, and {title} does not show it",
        )

    @staticmethod
    def _agreement(case: Case) -> float:
        """|mean G| over mean |G|, summed over the channels, in [0, 1]."""
        gradients = case.judged.gradients
        mean, size = np.abs(case.judged.pooled_gradients).sum(), np.abs(gradients).mean((0, 1), dtype=np.float64).sum()
        return float(mean / size) if size > 0 else 0.0
