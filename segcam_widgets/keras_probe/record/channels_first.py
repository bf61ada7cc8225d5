"""Find the channel axis of every tensor, in models whose layers have `data_format="channels_first"`.

The probe speaks (h, w, K). So every map in such a model's plan is held with its channels last: a step turns what its layer
reads channels first, and turns back what the layer gives. Cuts, gradients and compiled functions know nothing of it, and
the network computes what it always did, whatever is found out here: two turns cancel.

What a layer reads and gives is told by its own `data_format`, else by its neighbours. Where two layers tell different
things of one tensor, or none tells anything, rows, columns and channels have no meaning, and the model is refused.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import keras

from segcam_widgets.errors import UnsupportedModelError
from segcam_widgets.keras_probe.record.plan import Plan, Step

FIRST, LAST = 1, 3
"""The axis that channels are on, in a map with a batch axis."""
REBUILD = (
    "Build it with data_format='channels_last' and call set_weights(old.get_weights()): kernels are laid out alike."
)
_AXES = {"channels_first": FIRST, "channels_last": LAST}
# these change nothing at inference, or give no map: what they say of the layout is often a default left as it was
_SAY_NOTHING = (keras.layers.SpatialDropout2D, keras.layers.Flatten)
_ALONG_CHANNELS = ("BatchNormalization", "GroupNormalization", "LayerNormalization", "Softmax", "Concatenate")
# of Keras's own; whatever else it has gives maps whose axes are those of the maps that go in
_REORDERS = frozenset({
    "Lambda", "Reshape", "Moveaxis", "Swapaxes", "Einsum", "EinsumDense", "Matmul", "Dot", "Tensordot", "Stack",
    "ExpandDims", "Squeeze", "Rot90", "TimeDistributed", "TFSMLayer",
})  # fmt: skip


def says_first(model: Any) -> bool:
    """Whether any layer of a model has its channels first."""
    return any(getattr(layer, "data_format", None) == "channels_first" for layer in model._flatten_layers())


def refusal(path: str) -> UnsupportedModelError:
    """For a layer with its channels first that cannot be mapped."""
    return UnsupportedModelError(
        f"`model` must have its channels last. Received: layer {path!r} with data_format='channels_first'. {REBUILD}"
    )


def laid_out(plan: Plan) -> Plan:
    """The plan with every map held (h, w, K), and `first` filled.

    Raises
    ------
    UnsupportedModelError
        A layer has its channels first in what is no map; two layers tell different layouts of one tensor; or no layer
        tells any.
    """
    found = _Layouts(plan)
    for step in plan.steps:
        axis = _told(step.layer)
        if axis is None:
            continue
        if axis == FIRST and not found.maps(step):
            raise refusal(step.path)
        for slot in found.maps(step):
            found.tell(slot, axis, step.path)
    found.spread()
    for hint in (_inside, _along):
        found.guess(hint)
    found.must_be_complete()
    first = frozenset(slot for slot, (axis, _) in found.known.items() if axis == FIRST)
    steps = tuple(
        replace(
            step,
            reads_first=first & frozenset(step.inputs),
            gives_first=frozenset(number for number, slot in enumerate(step.outputs) if slot in first),
        )
        for step in plan.steps
    )
    return replace(plan, steps=steps, first=first)


def _told(layer: Any) -> int | None:
    """The axis by a layer's own word."""
    return None if isinstance(layer, _SAY_NOTHING) else _AXES.get(getattr(layer, "data_format", None) or "")


def _inside(layer: Any) -> int | None:
    """The axis by the layers inside a layer of the user's own, if they agree."""
    inner = layer._flatten_layers(include_self=False) if isinstance(layer, keras.Layer) else ()
    axes = {_told(each) for each in inner} - {None}
    return axes.pop() if len(axes) == 1 else None


def _along(layer: Any) -> int | None:
    """The axis that a layer works along, where that is usually the channels'."""
    if isinstance(layer, keras.layers.Dense):
        return LAST
    axis = getattr(layer, "axis", None) if type(layer).__name__ in _ALONG_CHANNELS else None
    if isinstance(axis, list | tuple) and len(axis) == 1:
        axis = axis[0]
    return axis % 4 if isinstance(axis, int) and axis % 4 in (FIRST, LAST) else None


def _order(step: Step) -> tuple[int, ...] | None:
    """Which axis of the map that goes in becomes each axis of the map that comes out; None where that is not known."""
    layer, kind = step.layer, type(step.layer).__name__
    same = (0, 1, 2, 3)
    if layer is None:  # the recorder's own cast
        return same
    if isinstance(layer, keras.layers.Permute):
        return (0, *layer.dims)
    if type(layer).__module__.split(".")[0] != "keras" or kind in _REORDERS:
        return None
    if kind == "Transpose":
        return tuple(axis % 4 for axis in layer.axes) if layer.axes is not None else same[::-1]
    if kind == "GetItem":
        keys = keras.tree.flatten(step.args[1:])
        return same if all(isinstance(key, slice) or key is ... for key in keys) else None
    return same


class _Layouts:
    """What is known of each map.

    Attributes
    ----------
    known : dict
        Slot -> the channels' axis, and the path of the step that told it.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.known: dict[int, tuple[int, str]] = {}

    def maps(self, step: Step) -> list[int]:
        """The slots of a step that have rows, columns and channels."""
        return [slot for slot in (*step.inputs, *step.outputs) if self._plan.ranks[slot] == 4]

    def tell(self, slot: int, axis: int, path: str) -> bool:
        """Note an axis. Returns whether that is news; raises UnsupportedModelError where it contradicts what is known."""
        if slot not in self.known:
            self.known[slot] = axis, path
            return True
        other, teller = self.known[slot]
        if other != axis:
            named = {axis: path, other: teller}
            raise UnsupportedModelError(
                f"`model` must have one layout per tensor. Received: layer {named[FIRST]!r} is channels_first and layer "
                f"{named[LAST]!r} is channels_last, but nothing converts between them. Put a keras.layers.Permute there, "
                "or give both the same data_format."
            )
        return False

    def spread(self) -> None:
        """Let neighbours tell what they know, until nothing is new."""
        news = True
        while news:
            news = False
            for step in self._plan.steps:
                for told in self._by_neighbours(step):
                    news |= self.tell(*told)

    def _by_neighbours(self, step: Step) -> Iterator[tuple[int, int, str]]:
        order = _order(step)
        if order is None:
            return
        maps = set(self.maps(step))
        for start in maps.intersection(step.inputs):
            for end in maps.intersection(step.outputs):
                yield from self._across(start, end, order.index)
                yield from self._across(end, start, order.__getitem__)

    def _across(self, known: int, other: int, becomes: Callable[[int], int]) -> Iterator[tuple[int, int, str]]:
        if known in self.known:
            axis, path = self.known[known]
            if becomes(axis) in (FIRST, LAST):
                yield other, becomes(axis), path

    def guess(self, hint: Callable[[Any], int | None]) -> None:
        """Use a hint where the layout is unknown; spread each before the next one is asked for."""
        for step in self._plan.steps:
            for slot in self.maps(step):
                axis = None if slot in self.known else hint(step.layer)
                if axis is not None:
                    self.tell(slot, axis, step.path)
                    self.spread()

    def must_be_complete(self) -> None:
        """Raise UnsupportedModelError for a tensor whose layout is unknown."""
        for step in self._plan.steps:
            if any(slot not in self.known for slot in self.maps(step)):
                raise UnsupportedModelError(
                    f"`model` must have a known layout for each tensor. Received: layer {step.path!r} in a model with "
                    "channels first, whose layout neither the layer nor its neighbours state. Set its attribute data_format "
                    "to 'channels_first' or 'channels_last'."
                )
