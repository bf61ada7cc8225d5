"""SC106: the channels that speak for the class are dead here."""

import numpy as np

from segcam_widgets.diagnosis.case import Case
from segcam_widgets.diagnosis.remedies import other_layers, try_layers
from segcam_widgets.diagnosis.rule import Hit, Rule
from segcam_widgets.diagnosis.words import capital, channels, verb


class PositiveChannelsSilent(Rule):
    """Positive weights on channels that are zero add nothing."""

    code, name, title = "SC106", "positive-channels-silent", "The channels for the class are silent here"
    holds = "some channel has w_k > 0, and every such channel is dead: max|A_k| <= 1e-6 max|A|"
    needs = ("map", "live", "puzzle")

    def look(self, case: Case) -> Hit | str:
        rising = np.flatnonzero(case.rising)
        if not rising.size:
            return "no channel has a positive weight"
        if case.live[rising].any():
            return f"{int(case.live[rising].sum())} of {rising.size} channels with positive weight are live"
        who = capital(channels(rising, case.live.size))
        live = np.flatnonzero(case.live)
        others = "The one live channel" if live.size == 1 else f"The {live.size} live channels"
        down = (
            f"{verb(live, 'pull')} it down"
            if (case.weights[..., live] < 0).all()
            else f"{verb(live, 'do')} not pull it up"
        )
        return Hit(
            f"{who} would speak for {case.class_name}, but {'is' if rising.size == 1 else 'are'} zero everywhere on this image. "
            f"{others} {down}.",
            {"positive_channels": int(rising.size), "live_channels": int(case.live.sum())},
            "Choose another layer, or look at the table of channels: what should have been there, and is not?",
            try_layers(case, other_layers(case)),
            tuple(int(k) for k in rising),
        )
