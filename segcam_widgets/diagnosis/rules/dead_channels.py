"""SC104: the layer is silent."""

from segcam_widgets.core.text.numbers import counted
from segcam_widgets.diagnosis.case import Case
from segcam_widgets.diagnosis.remedies import other_layers, try_layers
from segcam_widgets.diagnosis.rule import Hit, Rule
from segcam_widgets.diagnosis.wording import capital, channels


class DeadChannels(Rule):
    """A map is a sum of activations: where all are zero it is zero, whatever the gradients say."""

    code, name, title = "SC104", "dead-channels", "{layer} is zero everywhere on this image"
    holds = "no channel k has max|A_k| > 1e-6 max|A|: the activations are all zero"
    needs = ("activations",)

    def look(self, case: Case) -> Hit | str:
        count = case.live.size
        alive = int(case.live.sum())
        if alive:
            return f"{alive} of {counted(count, 'channel')} {'is' if alive == 1 else 'are'} live"
        who = capital(channels(range(count), count))
        return Hit(
            f"{who} of {case.query.layer} {'is' if count == 1 else 'are'} zero everywhere on this image, so every map at this "
            "layer is zero.",
            {"channels": count, "live_channels": 0},
            "Choose another layer. If it is silent on every image, its units died in training: a smaller learning rate or a "
            "leaky activation keeps them alive.",
            try_layers(case, other_layers(case)),
            tuple(range(count)),
        )
