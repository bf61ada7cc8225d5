"""SC207: the class is not what the network predicts in the region."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.core.query import CamQuery
from segcam_widgets.core.text.numbers import number, percent
from segcam_widgets.diagnosis.case import Case
from segcam_widgets.diagnosis.findings import NotApplicable
from segcam_widgets.diagnosis.remedies import try_queries
from segcam_widgets.diagnosis.rule import Hit, Rule

HALF = 0.5
"""Share of the region that must carry the class to count as predicted."""


class NotPredictedHere(Rule):
    """Evidence against a class that does not win here is the right answer, not a fault."""

    code, name, title = "SC207", "not-predicted-here", "The network does not predict {class_name} here"
    holds = (
        "less than half of the region is predicted as the class, and the mean margin over it is zero or less (several sigmoids: "
        "the mean logit); as a tip with its own title: half or more of it is, and the mean margin is below zero all the same"
    )
    needs = ("region",)

    def look(self, case: Case) -> Hit | str | NotApplicable:
        classes = case.probe.class_names
        if len(classes) < 2 and not case.probe.multilabel:
            return self.not_here("there is no other class")
        margin, share = case.mean_margin, case.predicted_share
        if not case.loses and not (share >= HALF and margin < 0):
            return f"the class is predicted at {percent(share)} of the region, with a mean margin of {number(margin)}"
        shares = self._shares(case)
        winner = int(shares.argmax()) if shares.any() else None
        rest = ""
        if winner is not None and winner != case.index:
            most = shares[winner] > HALF
            part = "Most of it" if most else f"The largest part of it, {percent(float(shares[winner]))},"
            rest = f" {part} is predicted {classes[winner]}."
        kind = "logit" if case.probe.multilabel else "margin over the strongest rival"
        return Hit(
            f"Over the region ({case.region_words}) the mean {kind} of {case.class_name} is {number(margin)}; the network "
            f"predicts it at {percent(share)} of the pixels.{rest} {self._so(margin, share)}",
            {"mean_margin": margin, "predicted_share": share},
            "Ask about the class that is predicted here, or about pixels where this class is. The negative half of the map "
            "shows what speaks against it.",
            try_queries(case, self._predicted(case, winner)) if case.says(self.code) else None,
            title=""
            if share < HALF
            else f"At {percent(share)} of the region {{class_name}} wins, and on average it loses",
        )

    @staticmethod
    def _so(margin: float, share: float) -> str:
        """What follows from it."""
        if margin == 0:
            return "On average it is neither ahead nor behind, so there is little for a map to show."
        where = "It loses by more than it wins by, so evidence" if share >= HALF else "Evidence"
        return f"{where} against it is what the map should show."

    @staticmethod
    def _shares(case: Case) -> NDArray[np.float64]:
        """(C,): the share of the region's pixels where each class is predicted; several sigmoids may overlap."""
        assert case.mask is not None
        if case.probe.multilabel:
            assert case.logits is not None
            return (case.logits[case.mask] > 0).mean(0)
        labels = case.probe.labels[case.mask]
        return np.bincount(labels, minlength=len(case.probe.class_names)) / labels.size

    @staticmethod
    def _predicted(case: Case, winner: int | None) -> Iterable[CamQuery]:
        if winner is not None and winner != case.index:
            yield replace(case.query, class_index=winner, rival=None)
