"""SC102: nothing that the layer does reaches the region."""

from segcam_widgets.diagnosis import sentences as said
from segcam_widgets.diagnosis.case import Case
from segcam_widgets.diagnosis.decide import STIRS
from segcam_widgets.diagnosis.remedies import other_layers, try_layers
from segcam_widgets.diagnosis.rule import Hit, Rule
from segcam_widgets.diagnosis.wording import listed


class DisconnectedLayer(Rule):
    """No path at all, or a path through which no class's logits in the region depend on the layer."""

    code, name, title = "SC102", "disconnected-layer", "Nothing that {layer} does reaches the region"
    holds = (
        "no path leads from the layer to the logits, or the gradient is exactly zero for every class and no step without a "
        "gradient explains it"
    )

    def look(self, case: Case) -> Hit | str:
        if case.unreachable:
            return Hit(
                case.unreachable,
                {"path": False},
                "Choose a layer that leads to the output.",
                try_layers(case, other_layers(case)),
            )
        other = self._other(case)
        if other:
            return other
        change = case.experiments.largest_change
        assert case.gradients is not None
        evidence = {
            "path": True,
            "largest_gradient": 0.0,
            "largest_change": change,
            "cells": case.gradients[:, :, 0].size,
        }
        path = f"A path leads from {case.query.layer} to the logits"
        zero = f"{path}, and the gradient of every class in the region is exactly zero"
        return Hit(
            f"{zero}: {self._reason(case, change)}",
            evidence,
            "Choose a layer nearer to the output, or another region.",
            try_layers(case, other_layers(case, after=True)),
            title="" if change < STIRS else "At {layer}, no gradient comes back to the region",
        )

    @staticmethod
    def _other(case: Case) -> str:
        """What is to say of a layer that a path leads from, unless no gradient comes back and nothing explains it: then ""."""
        missing = case.lacks("gradients") or case.lacks("activations")
        if missing:
            return f"a path leads from the layer to the logits; more cannot be said, for {missing}"
        if not case.ignores_region:
            return "the layer's gradient reaches the region"
        if case.lost_in_16_bits:
            return "in 32 bits a gradient comes back (SC209)"
        if case.silent_layer:
            return "every channel is zero here, so that replays cannot tell"
        steps = case.tail.no_gradient and case.experiments.largest_change >= STIRS
        return "a step without a gradient lies between (SC107)" if steps else ""

    @staticmethod
    def _reason(case: Case, change: float) -> str:
        """What the replays tell of it."""
        if change >= STIRS:
            return (
                "units between are closed or full at this image. Changed enough, the layer does count: it "
                f"{said.moves_margin(case)}."
            )
        if case.tail.zero_weights:
            steps = case.tail.zero_weights
            whose = "its weight is" if len(steps) == 1 else "their weights are"
            return f"what it does goes through {listed(steps)}, and {whose} zero, for every image."
        small = " Or its numbers are too small for 16 bits." if case.tail.half_precision and case.wide is None else ""
        return (
            "lifted, lowered or switched off, the layer changes nothing there. The region lies outside what the layer reaches, "
            f"or units between stay closed.{small}"
        )
