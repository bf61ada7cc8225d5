"""SC211: what is positive lies on the border, where padding is."""

import numpy as np

from segcam_widgets.core.explanation.blank import BLANK_TOLERANCE
from segcam_widgets.core.text.numbers import percent
from segcam_widgets.diagnosis.case import Case
from segcam_widgets.diagnosis.findings import NotApplicable
from segcam_widgets.diagnosis.rule import Hit, Rule


class PaddingArtefact(Rule):
    """Convolutions see zeros beyond the edge: cells on the border differ from all others for that alone."""

    code, name, title = "SC211", "padding-artefact", "At {layer}, only the border is positive"
    holds = "all positive mass of the map is in its border cells, and the region has cells inside"
    needs = ("map",)
    in_list = False

    def look(self, case: Case) -> Hit | str | NotApplicable:
        cam = case.asked.cam
        positive = np.maximum(cam, 0).astype(np.float64)
        if min(cam.shape) < 3:
            return self.not_here("the layer's map has no inside")
        if case.asked.is_empty:
            return self.not_here("nothing in the map is positive")
        if not case.asked.coverage[1:-1, 1:-1].any():
            return self.not_here("the region itself lies on the border")
        total, inner = float(positive.sum()), float(positive[1:-1, 1:-1].sum())
        if inner > BLANK_TOLERANCE * total:
            return f"{percent(inner / total)} of the positive mass is inside"
        border = positive.size - positive[1:-1, 1:-1].size
        return Hit(
            f"All that is positive in the map lies in its {border} border cells of {positive.size}. Where convolutions pad "
            "the image, these cells differ from all others for that alone.",
            {"border_cells": border, "cells": positive.size, "positive_share": case.asked.positive_share},
            "Do not read the border. Choose another layer, or a region away from the edge.",
        )
