"""SC105: the layer says the same everywhere."""

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.core.text.numbers import number, percent
from segcam_widgets.diagnosis import sentences as said
from segcam_widgets.diagnosis.case import Case
from segcam_widgets.diagnosis.findings import NotApplicable
from segcam_widgets.diagnosis.rule import Hit, Rule

FLAT = 0.05
"""std / |mean| of a channel: below this a map of it is one colour to the eye."""


class NoContrast(Rule):
    """A map cannot be sharper than what it is made of."""

    code, name, title = "SC105", "no-contrast", "At {layer}, the channels are nearly the same everywhere"
    holds = (
        "as a headline: a blank map, and the mean activation of region and rest differs by less than 0.1 of a channel's mean "
        "magnitude in every live channel, and what goes round the layer does not take half of the class away; as a tip: std / "
        "|mean| over the map is below 0.05 in every live channel"
    )
    needs = ("live",)

    def look(self, case: Case) -> Hit | str | NotApplicable:
        activations = case.activations
        assert activations is not None
        if activations[:, :, 0].size == 1:
            return self.not_here("the layer has a single cell")
        if not case.lacks("map") and case.says(self.code):
            return self._level(case)
        for channel in np.flatnonzero(case.live):  # one with contrast is enough, and most often the first has it
            spread = contrast(activations[:, :, channel])
            if spread >= FLAT:
                return f"channel {channel} varies by {number(spread)} of its mean"
        largest = max(contrast(activations[:, :, channel]) for channel in np.flatnonzero(case.live))
        varies = f"varies by more than {number(largest)} of its mean" if largest > 0 else "varies"
        return Hit(
            f"No live channel of {case.query.layer} {varies} over the image: any map at this layer is "
            f"{'nearly ' if largest > 0 else ''}one colour.",
            {"largest_std_over_mean": largest, "live_channels": int(case.live.sum())},
            "Compare with the channels' mean (baseline), or choose an earlier layer. If the images themselves have no contrast, "
            "check how they are scaled.",
        )

    @staticmethod
    def _level(case: Case) -> Hit:
        """On average the region is as the rest: there is nothing to lift or to lower it to."""
        level = case.experiments.level
        return Hit(
            f"On average, region and rest differ by {percent(level)} of a channel's size at most ({said.who(case)} of "
            f"{case.query.layer}), too little to lift or to lower anything to. {said.switched_off(case)}",
            said.evidence(case),
            "Choose a layer that tells the region from the rest, or look at single cells: what differs may be the pattern.",
            title="At {layer}, the region is on average like the rest",
        )


def contrast(channel: NDArray[np.floating]) -> float:
    """std / |mean| over the map, in float64; infinite for a channel whose mean is zero and that varies."""
    mean = abs(float(channel.mean(dtype=np.float64)))
    deviation = float(channel.std(dtype=np.float64))
    return deviation / mean if mean > 0 else (float("inf") if deviation > 0 else 0.0)
