"""The layers of a model that can be explained, and the lookup of layer names."""

import difflib
import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from types import NoneType

import keras

from segcam_widgets.core.answers import LayerInfo
from segcam_widgets.errors import DisconnectedLayerError, UnknownLayerError, must_be_one_of
from segcam_widgets.keras_probe.record.grids import Grids
from segcam_widgets.keras_probe.record.plan import Plan, Step
from segcam_widgets.keras_probe.record.traced import Operations


@dataclass(frozen=True, slots=True)
class Target:
    """A slot that can be explained: a map (1, h, w, K), or tokens (1, h * w, K) whose grid is known."""

    name: str
    slot: int
    kind: str
    activation: str | None
    grid: tuple[int, int]


def activation_name(step: Step) -> str | None:
    """Name of the activation a step ends with; None for a linear one or where it cannot be known."""
    layer = step.layer
    if step.run is not layer and not getattr(step.run, "whole", False):  # its softmax was taken out
        return None
    if isinstance(layer, keras.layers.ReLU):
        return "relu"
    name = getattr(getattr(layer, "activation", None), "__name__", None)
    if name is None and isinstance(layer, keras.Operation) and not isinstance(layer, keras.Layer):
        return type(layer).__name__.lower() if type(layer).__name__ in ("Relu", "Gelu", "Silu", "Relu6") else None
    return None if name == "linear" else name


class Targets:
    """Every slot with an (h, w, K) output, or one that can be laid out so, by name.

    Parameters
    ----------
    plan : Plan
    reaching : frozenset of int
        The slots that the logits depend on.
    shapes : dict of int to tuple
        Of every slot, for images of one size.
    floating : set of int
        Slots of real numbers.

    Attributes
    ----------
    layers : tuple of LayerInfo
        Those that reach the logits, the input first, the logits last, in graph order.
    """

    def __init__(
        self, plan: Plan, reaching: frozenset[int], shapes: dict[int, tuple[int, ...]], floating: set[int]
    ) -> None:
        self._shapes = shapes
        self._grids = Grids(plan, shapes)
        self._reaching = reaching
        self._slots = {step.path: step.outputs[0] for step in plan.steps}
        self._by_name = {target.name: target for target in listed_targets(plan, shapes, floating)}
        self.layers = tuple(self.info(target) for target in self._by_name.values() if target.slot in self._reaching)

    def info(self, target: Target) -> LayerInfo:
        """What is told of a target."""
        return LayerInfo(target.name, (*target.grid, self._shapes[target.slot][-1]), target.kind, target.activation)

    def all(self) -> list[Target]:
        """The targets of `layers`."""
        return [self._by_name[info.name] for info in self.layers]

    def find(self, name: str) -> Target:
        """The target of that name, or whose path ends with it and no other's does.

        Raises
        ------
        UnknownLayerError
            No target layer has the name; the nearest are suggested.
        DisconnectedLayerError
            The layer exists and does not reach the logits.
        """
        target = self._by_name.get(name) if isinstance(name, str) else None
        if target is None:
            target = self._by_ending(name)
        if target.slot not in self._reaching:
            raise DisconnectedLayerError(_disconnected(target.name))
        return target

    def _by_ending(self, name: object) -> Target:
        names = [info.name for info in self.layers]
        if not isinstance(name, str):
            raise UnknownLayerError(must_be_one_of("layer", names, name))
        endings = [path for path in self._by_name if path.endswith("/" + name)]
        if len(endings) == 1:
            return self._by_name[endings[0]]
        if endings:
            raise UnknownLayerError(
                f"`layer` {name!r} is the end of several paths: {', '.join(endings)}. Give the whole path."
            )
        slot = self._slots.get(name)
        if slot is None:
            raise UnknownLayerError(must_be_one_of("layer", names, name))
        if slot not in self._reaching:
            raise DisconnectedLayerError(_disconnected(name))
        raise UnknownLayerError(
            f"`layer` must have an output of shape (h, w, channels). Received: {name!r}, whose output has shape "
            f"{self._shapes[slot][1:]}{self._why(slot)}.{_suggestion(name, names)}"
        )

    def _why(self, slot: int) -> str:
        """What the shape of tokens without a grid may mean."""
        if len(self._shapes[slot]) != 3:
            return ""
        grid = self._grids.missing_one(slot)
        if grid is not None:
            more = f"one token more than the grid {grid[0]} x {grid[1]}, probably a class token"
            return f": {more}. Choose a layer after its removal"
        return ": tokens, and no map before or after the layer tells their rows and columns"


def _disconnected(name: str) -> str:
    return f"`layer` {name!r} does not reach the logits: nothing it does can change them."


def _suggestion(name: str, names: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, names, 3, 0.3)
    return f" Did you mean {' or '.join(map(repr, close))}?" if close else ""


def listed_targets(plan: Plan, shapes: dict[int, tuple[int, ...]], floating: set[int]) -> tuple[Target, ...]:
    """Slots of real numbers with rows and columns, the input first, in graph order."""
    grids = Grids(plan, shapes)
    names = itertools.chain(
        ((slot, name, "InputLayer", None) for slot, name in zip(plan.inputs, plan.input_names, strict=True)),
        (
            (step.outputs[0], step.path, type(step.layer).__name__, activation_name(step))
            for step in plan.steps
            if len(step.outputs) == 1 and not isinstance(step.layer, NoneType | Operations)
        ),
    )
    return tuple(
        Target(name, slot, kind, activation, grid)
        for slot, name, kind, activation in names
        if slot in floating and (grid := grids.of(slot)) is not None
    )
