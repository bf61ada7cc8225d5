"""SC207: the class is not what the network predicts in the region."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from segcam_widgets.core.query import CamQuery
from segcam_widgets.diagnosis.case import Case
from segcam_widgets.diagnosis.findings import NotApplicable
from segcam_widgets.diagnosis.remedies import try_queries
from segcam_widgets.diagnosis.rule import Hit, Rule
from segcam_widgets.diagnosis.words import number, percent


class NotPredictedHere(Rule):
    """Evidence against a class that does not win here is the right answer, not a fault."""

    code, name, title = "SC207", "not-predicted-here", "The network does not predict the class here"
    holds = "the mean margin over the region is zero or less (several sigmoids: the mean logit)"
    needs = ("region",)

    def look(self, case: Case) -> Hit | str | NotApplicable:
        classes = case.probe.class_names
        if len(classes) < 2 and not case.probe.multilabel:
            return self.not_here("there is no other class")
        margin = case.mean_margin
        if margin > 0:
            return f"the mean margin over the region is {number(margin)}"
        assert case.mask is not None
        inside = case.probe.labels[case.mask]
        winner, share = self._winner(inside, len(classes)), float((inside == case.index).mean())
        rest = "" if winner in (None, case.index) else f" Most of it is predicted {classes[winner]}."
        kind = "logit" if case.probe.multilabel else "margin over the strongest rival"
        return Hit(
            f"Over the region ({case.region_words}) the mean {kind} of {case.class_name} is {number(margin)}; the network "
            f"predicts it at {percent(share)} of the pixels.{rest} Evidence against it is what the map should show.",
            {"mean_margin": margin, "predicted_share": share},
            "Ask about the class that is predicted here, or about pixels where this class is. The negative half of the map "
            "shows what speaks against it.",
            try_queries(case, self._predicted(case, winner)) if case.blank else None,
        )

    @staticmethod
    def _winner(labels: "np.ndarray[tuple[int, ...], np.dtype[np.int64]]", classes: int) -> int | None:
        counts = np.bincount(labels[labels >= 0], minlength=classes)
        return int(counts.argmax()) if counts.any() else None

    @staticmethod
    def _predicted(case: Case, winner: int | None) -> Iterable[CamQuery]:
        if winner is not None and winner != case.index:
            yield replace(case.query, class_index=winner, rival=None)
