"""SC105: the layer says the same everywhere."""

import numpy as np

from segcam_widgets.diagnosis.case import Case
from segcam_widgets.diagnosis.findings import NotApplicable
from segcam_widgets.diagnosis.rule import Hit, Rule
from segcam_widgets.diagnosis.words import number

FLAT = 0.05
"""std / |mean| of a channel: below this a map of it is one colour to the eye."""


class NoContrast(Rule):
    """A map cannot be sharper than what it is made of."""

    code, name, title = "SC105", "no-contrast", "The layer is nearly constant over the image"
    holds = "std / |mean| over the map is below 0.05 in every live channel"
    needs = ("live",)
    in_list = False

    def look(self, case: Case) -> Hit | str | NotApplicable:
        activations = case.activations
        assert activations is not None
        if activations[:, :, 0].size == 1:
            return self.not_here("the layer has a single cell")
        live = activations[:, :, case.live].astype(np.float64)
        spread = live.std((0, 1)) / np.maximum(np.abs(live.mean((0, 1))), 1e-300)
        largest = float(spread.max())
        if largest >= FLAT:
            return f"the liveliest channel varies by {number(largest)} of its mean"
        return Hit(
            f"No live channel of {case.query.layer} varies by more than {number(largest)} of its mean over the image: any map "
            "at this layer is nearly one colour.",
            {"largest_std_over_mean": largest, "live_channels": int(case.live.sum())},
            "Compare with the channels' mean (baseline), or choose an earlier layer. If the images themselves have no contrast, "
            "check how they are scaled.",
        )
