"""SC206: the class hangs on what goes round the layer."""

from segcam_widgets.diagnosis import sentences as said
from segcam_widgets.diagnosis.case import Case
from segcam_widgets.diagnosis.findings import NotApplicable
from segcam_widgets.diagnosis.remedies import other_layers, try_layers
from segcam_widgets.diagnosis.rule import Hit, Rule
from segcam_widgets.diagnosis.rules.weighed import because
from segcam_widgets.diagnosis.wording import listed


class CarriedByBypass(Rule):
    """A skip connection brings evidence past the layer: the layer's own map cannot show it."""

    code, name, title = "SC206", "carried-by-bypass", "At {layer}, {class_name} hangs on what goes round the layer"
    holds = (
        "setting the tensors that go round the layer to their mean over the rest takes half of the class away, or a quarter of "
        "its margin"
    )
    needs = ("activations", "region", "logits")

    def look(self, case: Case) -> Hit | str | NotApplicable:
        if not case.blank:
            return self.not_here("the map is not blank")
        if not case.says(self.code):
            return self._because(case)
        skip, names = case.experiments.skip, case.experiments.bypass_names
        assert skip is not None
        sentences = [said.gone_round(case)] + ([] if case.lacks("map") or case.silent_layer else [said.parts(case)])
        shares = {} if case.lacks("map") else {f"round: {name}": value for name, value in case.book.bypass.items()}
        return Hit(
            " ".join(sentences),
            {"skip_lost": skip.lost, "skip_fall": skip.fall, **shares},
            f"Choose a layer after the one that joins {listed(names)} in, or {names[0]} itself.",
            try_layers(case, other_layers(case, after=True)),
            title="" if skip.turns else "At {layer}, part of what speaks for {class_name} goes round the layer",
        )

    def _because(self, case: Case) -> str | NotApplicable:
        if not case.probe.bypass(case.query.layer):
            return self.not_here("nothing goes round the layer")
        return because(case)
