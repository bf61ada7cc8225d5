"""SC206: what goes round the layer carries the score."""

from segcam_widgets.diagnosis.case import Case
from segcam_widgets.diagnosis.remedies import other_layers, try_layers
from segcam_widgets.diagnosis.rule import Hit
from segcam_widgets.diagnosis.rules.carried import Carried, nothing, parts_of, pulls, score_words, sums
from segcam_widgets.diagnosis.words import lower


class CarriedByBypass(Carried):
    """A skip connection brings evidence past the layer: the layer's own map cannot show it."""

    code, name, title = "SC206", "carried-by-bypass", "What goes round the layer carries the score"
    holds = "no live channel has w_k > 0, and of the ledger's parts the skip connections are the largest"
    carrier = "bypass"

    def hit(self, case: Case) -> Hit:
        book = case.book
        if sum(book.bypass.values()) <= 0:
            return nothing(case)
        largest = max(book.bypass, key=lambda name: book.bypass[name])
        carried = (
            f"{score_words(case)} is carried past the layer, by {largest}"
            if case.predicted
            else f"What speaks for it in {lower(score_words(case))} goes past the layer, by {largest}"
        )
        return Hit(
            f"{pulls(case)} {carried}: {sums(case)}.",
            {**parts_of(case), **{f"round: {name}": value for name, value in book.bypass.items()}},
            f"Choose a layer after the one that joins {largest} in, or {largest} itself.",
            try_layers(case, other_layers(case, after=True)),
        )
