"""SC205: the class is there where the layer's features are not."""

import numpy as np

from segcam_widgets.core.text.numbers import percent
from segcam_widgets.diagnosis import sentences as said
from segcam_widgets.diagnosis.case import Case
from segcam_widgets.diagnosis.experiments import Outcome
from segcam_widgets.diagnosis.findings import NotApplicable
from segcam_widgets.diagnosis.remedies import Remedy, other_baselines, try_queries
from segcam_widgets.diagnosis.rule import Hit, Rule
from segcam_widgets.diagnosis.rules.weighed import NUMBERS, because, pulls

ADVICE = (
    "Zero is Grad-CAM's point of comparison. Compared with the channel's mean over the image, or with the midpoint between "
    "inside and outside the region (which uses the region to choose it), low activation under a negative weight is evidence "
    "for the class. Minus the map, the counterfactual half, shows what would take the class away."
)


class CodedByAbsence(Rule):
    """An encoded absence (arXiv 2603.09787): raising the features takes the class away, removing them does not."""

    code, name = "SC205", "coded-by-absence"
    title = "At {layer}, {class_name} is coded by the absence of features"
    holds = (
        "region and rest differ by 0.1 of a channel's mean magnitude or more; with the layer off at most 10 % of the class is "
        "lost; and lifting the channels inside the region to their mean over the rest takes half of the class away (with the "
        "layer off its margin then falls by less than half), or a quarter of its margin (then by less than a tenth)"
    )
    needs = ("map", "live", "blank")

    def look(self, case: Case) -> Hit | str | NotApplicable:
        if not case.says(self.code):
            return because(case)
        if case.decision.line == "5":
            return self._elsewhere(case)
        lift = case.experiments.lift
        about = [
            pulls(case),
            said.lifted(case),
            said.switched_off(case),
            said.lowered_elsewhere(case),
            said.parts(case),
        ]
        return Hit(
            " ".join(sentence for sentence in about if sentence),
            {**said.evidence(case, *NUMBERS), **self._image(case)},
            ADVICE,
            self._remedy(case),
            tuple(int(k) for k in np.flatnonzero(case.live)),
            title="" if lift.turns else f"Less of {{layer}} speaks for {{class_name}}; {self._hangs(lift)}",
        )

    @staticmethod
    def _hangs(lift: Outcome) -> str:
        """How many pixels hang on a level that only leans: "no pixel hangs on it", "30 % of its pixels hang on it"."""
        return f"{percent(lift.lost)} of its pixels hang on it" if lift.lost > 0 else "no pixel hangs on it"

    def _elsewhere(self, case: Case) -> Hit:
        """The class is not predicted here, and would be with the layer off."""
        share = case.experiments.zero.region_share
        return Hit(
            f"{pulls(case)} {said.switched_off(case)}",
            {**said.evidence(case, "zero"), "region_with_layer_off": share},
            "What the layer shows here is what keeps the class away.",
            channels=tuple(int(k) for k in np.flatnonzero(case.live)),
            title="At {layer}, the features that are here keep {class_name} away",
        )

    @staticmethod
    def _image(case: Case) -> dict[str, float]:
        """How much of the image carries the class, now and with the layer off."""
        return {"image_share": case.experiments.image_share, "image_share_off": case.experiments.zero.image_share}

    def _remedy(self, case: Case) -> Remedy | None:
        """Baselines where the absence is the first or the second line and nowhere else."""
        first_two = case.decision.codes[:2]
        return try_queries(case, other_baselines(case)) if self.code in first_two else None
