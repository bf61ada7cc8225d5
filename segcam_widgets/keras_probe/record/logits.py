"""Find the logits of a segmentation network, whatever it ends with."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import keras
import tensorflow as tf

from segcam_widgets.errors import SegCamError, UnsupportedModelError, must_be_one_of
from segcam_widgets.keras_probe.record.plan import Plan, Ref, Step

Squash = Literal["softmax", "sigmoid", "none"]
_MOVERS = (
    keras.layers.Reshape, keras.layers.Permute, keras.layers.UpSampling2D, keras.layers.Resizing,
    keras.layers.Cropping2D, keras.layers.ZeroPadding2D, keras.layers.Identity, keras.layers.Dropout,
)  # fmt: skip
# raw keras.ops are recognised by the name of their class: the classes themselves are not public
_MOVER_OPS = ("Reshape", "Resize", "Transpose", "Cast", "Identity", "Pad")
_SOFTMAX = ("softmax", "softmax_v2")  # the second is what tf.nn.softmax calls itself
TINY = 1e-30
"""Probabilities below this count as this where their logarithm is taken; the smallest float32 is 1e-38."""


@dataclass(frozen=True)
class Logits:
    """Where the logits are.

    Attributes
    ----------
    plan : Plan
        With the squashing function taken out.
    slot : int
        The logits' slot, (1, H, W, C) or (1, H*W, C).
    squash : {"softmax", "sigmoid", "none"}
        What the model ends with.
    where : {"layer", "fused", "absent", "inside"}
        A step of its own; part of the last layer with weights; not there; or somewhere inside, so that the logits are the
        logarithms of the model's probabilities (exact but for a constant per pixel, which softmax ignores).
    mixed_after : tuple of str
        Steps between the squash and the output that mix pixels: softmax and resizing do not commute.
    source : int
        The slot of what is squashed.
    squashing : tuple of Step
        From there to the model's own output, which fills the slot `OWN`.
    """

    plan: Plan
    slot: int
    squash: Squash
    where: Literal["layer", "fused", "absent", "inside"]
    mixed_after: tuple[str, ...] = ()
    source: int = 0
    squashing: tuple[Step, ...] = ()


def squash_of(layer: Any, classes: tuple[int, ...] = (-1, 3)) -> Squash | None:
    """Whether a layer ends with softmax or sigmoid; "none" if with a linear map, None if with something else.

    `classes` are the numbers of the axis that a softmax must run along.
    """
    kind = type(layer).__name__
    if isinstance(layer, keras.layers.Softmax) or kind == "Softmax":
        axis = getattr(layer, "axis", -1)
        return "softmax" if axis in classes else None
    if kind == "Sigmoid":
        return "sigmoid"
    activation = getattr(layer, "activation", None)
    if isinstance(activation, keras.layers.Layer):
        return squash_of(activation, classes)
    name = getattr(activation, "__name__", "")
    if activation is keras.activations.softmax or name in _SOFTMAX:
        return "softmax" if -1 in classes else None  # a function knows the last axis alone
    if activation is keras.activations.sigmoid or name == "sigmoid":
        return "sigmoid"
    return "none" if activation is None or name == "linear" else None


def choose_output(plan: Plan, output: str | int | None) -> int:
    """The slot of the asked output. Raises SegCamError that lists the outputs."""
    names = list(plan.outputs)
    if output is None:
        return plan.outputs[names[0]]
    if isinstance(output, str):
        if output not in plan.outputs:
            raise SegCamError(must_be_one_of("output", names, output))
        return plan.outputs[output]
    if isinstance(output, bool) or not isinstance(output, int) or not 0 <= output < len(names):
        raise SegCamError(
            f"`output` must be a name or an index below {len(names)}; the outputs are {', '.join(names)}. Received: {output!r}."
        )
    return plan.outputs[names[output]]


def find_logits(plan: Plan, end: int) -> Logits:
    """Walk back from an output's slot, through steps that only move pixels, to the squashing function, and take it out."""
    made = plan.producer()
    moved: list[Step] = []
    at = end
    while at in made:
        step = made[at]
        if len(step.inputs) != 1 or len(step.outputs) != 1:
            break
        squash = squash_of(step.layer, (1, -3)) if step.gives_first else squash_of(step.layer)
        if squash is None and squash_of(step.layer) == "softmax":
            raise UnsupportedModelError(
                f"`model` must have its softmax along its classes. Received: {step.path!r}, whose channels come first and "
                "whose softmax runs along the columns. Use keras.layers.Softmax(axis=1)."
            )
        if squash in ("softmax", "sigmoid"):
            return _without(plan, step, squash, moved[::-1], end)
        if not moves_only(step):
            break
        moved.append(step)
        at = step.inputs[0]
    return Logits(plan, end, "none", "absent")


def _without(plan: Plan, step: Step, squash: Squash, moved: list[Step], end: int) -> Logits:
    channels_move = [s.path for s in moved if _moves_channels(s)]
    if channels_move:
        raise UnsupportedModelError(
            f"`model` must end with its classes on the last axis. Received: a model whose {squash} is followed by "
            f"{channels_move[0]!r}, which moves them elsewhere."
        )
    mixed = tuple(s.path for s in moved if _mixes(s))
    output = step.outputs[0]
    if not getattr(step.layer, "weights", ()):
        source = step.inputs[0]
        steps = tuple(s.rewired(output, source) for s in plan.steps if s is not step)
        slot = source if end == output else end
        return Logits(replace(plan, steps=steps), slot, squash, "layer", mixed, source, _chain(step, source, moved))
    try:
        twin = replace(step, run=linear_twin(step.layer))
    except UnsupportedModelError:
        return log_probabilities(plan, end, squash)
    steps = tuple(twin if s is step else s for s in plan.steps)
    activation = Step(step.path, step.layer.activation, (Ref(output),), {}, (output,), None)
    return Logits(replace(plan, steps=steps), end, squash, "fused", mixed, output, _chain(activation, output, moved))


OWN = -1
"""The slot that :attr:`Logits.squashing` fills in the end."""


def _chain(first: Step, source: int, moved: list[Step]) -> tuple[Step, ...]:
    """The steps from `source` to the model's own output, on slots of their own."""
    chain, slot = [], source
    for number, step in enumerate([first, *moved], start=1):
        new = OWN if number == len(moved) + 1 else OWN - number
        chain.append(replace(step.rewired(step.inputs[0], slot), outputs=(new,)))
        slot = new
    return tuple(chain)


def log_probabilities(plan: Plan, end: int, squash: Squash) -> Logits:
    """For a model whose squashing function cannot be taken out: the logits are made from its probabilities.

    log p is the softmax's logits but for a constant per pixel, which changes neither the prediction nor a centered logit or a
    margin; log p - log(1 - p) is the sigmoid's logit exactly.
    """
    slot = 1 + max(slot for step in plan.steps for slot in (*step.inputs, *step.outputs))

    def logarithm(p: tf.Tensor) -> tf.Tensor:
        p = wide(p)
        above = tf.math.log(tf.maximum(p, TINY))
        return above if squash == "softmax" else above - tf.math.log(tf.maximum(1 - p, TINY))

    step = Step("log_probabilities", logarithm, (Ref(end),), {}, (slot,), LogProbabilities())
    return Logits(replace(plan, steps=(*plan.steps, step)), slot, squash, "inside")


class LogProbabilities:
    """The kind of that step in the list of layers."""


def moves_only(step: Step) -> bool:
    """Whether a step takes values elsewhere, or mixes pixels, without looking across classes."""
    if step.layer is None:  # the recorder's own cast
        return True
    if isinstance(step.layer, keras.layers.Activation):
        return squash_of(step.layer) == "none"
    if type(step.layer).__name__ == "GetItem":
        return _crops(step.args[1:], 1 if step.reads_first else 3)
    return isinstance(step.layer, _MOVERS) or type(step.layer).__name__ in _MOVER_OPS


def _crops(key: Any, classes: int) -> bool:
    """Whether an indexing takes slices of rows and columns, and all of the axis `classes`."""
    while isinstance(key, tuple | list) and len(key) == 1:
        key = key[0]
    parts = list(key) if isinstance(key, tuple | list) else [key]
    return all(isinstance(part, slice) for part in parts) and (len(parts) <= classes or parts[classes] == slice(None))


def _mixes(step: Step) -> bool:
    """Whether a step makes new values, so that it does not commute with a softmax."""
    kind = type(step.layer).__name__
    if isinstance(step.layer, keras.layers.UpSampling2D | keras.layers.Resizing) or kind == "Resize":
        return getattr(step.layer, "interpolation", None) != "nearest"
    return isinstance(step.layer, keras.layers.ZeroPadding2D) or kind == "Pad"


def _moves_channels(step: Step) -> bool:
    axes: Sequence[int] | None = None
    if isinstance(step.layer, keras.layers.Permute):
        axes = (0, *step.layer.dims)
    elif type(step.layer).__name__ == "Transpose":
        axes = step.layer.axes
    if axes is None:
        return False
    before, behind = (1 if first else len(axes) - 1 for first in (step.reads_first, step.gives_first))
    return bool(axes[behind] % len(axes) != before)


def linear_twin(layer: Any) -> Callable[..., Any]:
    """The same layer without its activation, computing with the user's own variables. The user's layer is left alone."""
    try:
        config = {**layer.get_config(), "activation": "linear"}
        twin = type(layer).from_config(config)
        twin.build(layer.get_build_config()["input_shape"])
    except Exception as error:
        raise UnsupportedModelError(
            f"The last layer {layer.name!r} has its softmax or sigmoid inside, and cannot be rebuilt without it "
            f"({type(error).__name__}: {error}). Give the layer activation=None and add the activation as a layer of its own."
        ) from error
    twin.trainable = layer.trainable

    def call(*args: Any, **kwargs: Any) -> Any:
        # not stateless_call: that skips what __call__ does for half precision
        values = [tf.convert_to_tensor(variable) for variable in layer.variables]
        with keras.StatelessScope(state_mapping=list(zip(twin.variables, values, strict=True))):
            return twin(*args, **kwargs)

    return call


def wide(y: tf.Tensor) -> tf.Tensor:
    """Half precision to float32; everything else as it is."""
    return tf.cast(y, tf.float32) if y.dtype.size < 4 else y
