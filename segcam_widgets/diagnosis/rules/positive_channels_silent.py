"""SC106: the channels that speak for the class are dead here."""

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.core.scores import SCORES
from segcam_widgets.core.text.numbers import counted
from segcam_widgets.diagnosis import sentences as said
from segcam_widgets.diagnosis.case import STRONG, Case
from segcam_widgets.diagnosis.findings import NotApplicable
from segcam_widgets.diagnosis.remedies import other_layers, try_layers
from segcam_widgets.diagnosis.rule import Hit, Rule
from segcam_widgets.diagnosis.wording import capital, channels, verb


class PositiveChannelsSilent(Rule):
    """Positive weights on channels that are zero add nothing."""

    code, name, title = "SC106", "positive-channels-silent", "At {layer}, the channels for {class_name} are silent here"
    holds = (
        "a blank map; some channel has a positive weight of 0.1 max|w| or more, and every such channel is dead: max|A_k| <= 1e-6 "
        "max|A|. As a headline also: the experiments lean towards absence: under half of the pixels hang on it"
    )
    needs = ("map", "live", "blank")

    def look(self, case: Case) -> Hit | str | NotApplicable:
        if case.classless:
            return self.not_here("the method does not look at the class")
        if not case.judged_blank:
            return self.not_here(f"the {SCORES[str(case.margin_query.score)].title}'s map is not blank")
        strong = case.rising & (case.strongest_weight >= STRONG * np.abs(case.weights).max())
        if not strong.any():
            return "no channel has a positive weight that counts"
        if not case.arithmetic.positive_silent:
            alive, some = int((strong & case.live).sum()), counted(int(strong.sum()), "channel")
            return f"{alive} of {some} with a positive weight {'is' if alive == 1 else 'are'} live"
        rising, live = np.flatnonzero(strong), np.flatnonzero(case.live)
        who = capital(channels(rising, case.live.size))
        others = "The one live channel" if live.size == 1 else f"The {live.size} live channels"
        down = self._down(case.weights[..., live], live)
        shown = f" {said.lifted(case)}" if case.says(self.code) else ""
        return Hit(
            f"{who} would speak for {case.class_name}, but {'is' if rising.size == 1 else 'are'} zero everywhere on this image. "
            f"{others} {down}.{shown}",
            {"positive_channels": int(rising.size), "live_channels": int(live.size)},
            "Choose another layer, or look at the table of channels: what should have been there, and is not?",
            try_layers(case, other_layers(case)),
            tuple(int(k) for k in rising),
        )

    @staticmethod
    def _down(weights: NDArray[np.floating], live: NDArray[np.intp]) -> str:
        """What the live channels do, as far as it holds of all of them."""
        if (weights < 0).all():
            return f"{verb(live, 'pull')} it down"
        return f"{verb(live, 'do')} not pull it up" if (weights <= 0).all() else f"hardly {verb(live, 'pull')} it up"
