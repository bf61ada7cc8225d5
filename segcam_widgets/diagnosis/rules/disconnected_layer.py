"""SC102: nothing that the layer does reaches the region."""

from segcam_widgets.diagnosis.case import Case
from segcam_widgets.diagnosis.remedies import other_layers, try_layers
from segcam_widgets.diagnosis.rule import Hit, Rule


class DisconnectedLayer(Rule):
    """No path at all, or a path through which no class's logits in the region depend on the layer."""

    code, name, title = "SC102", "disconnected-layer", "Nothing the layer does reaches the region"
    holds = "no gradient path leads from the layer to the logits, or the gradient is exactly zero for every class"

    def look(self, case: Case) -> Hit | str:
        if case.unreachable:
            return Hit(
                case.unreachable,
                {"path": False},
                "Choose a layer that leads to the output.",
                try_layers(case, other_layers(case)),
            )
        missing = case.lacks("gradients")
        if missing:
            return f"a path leads from the layer to the logits; more cannot be said, for {missing}"
        if not case.ignores_region:
            return "the layer's gradient reaches the region"
        assert case.gradients is not None
        small = ", or its numbers are too small for 16 bits" if case.tail.half_precision else ""
        return Hit(
            f"A path leads from {case.query.layer} to the logits, but at this image the gradient of every class in the region "
            f"is exactly zero: units between are closed, or the region lies outside what the layer sees{small}.",
            {"path": True, "largest_gradient": 0.0, "cells": int(case.gradients[:, :, 0].size)},
            "Choose a layer nearer to the output, or another region.",
            try_layers(case, other_layers(case, after=True)),
        )
