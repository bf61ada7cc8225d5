"""Find the logits of a segmentation network, whatever it ends with."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import keras
import tensorflow as tf

from segcam_widgets.errors import SegCamError, UnsupportedModelError, must_be_one_of
from segcam_widgets.models.graph import Plan, Step

Squash = Literal["softmax", "sigmoid", "none"]
_MOVERS = (
    keras.layers.Reshape, keras.layers.Permute, keras.layers.UpSampling2D, keras.layers.Resizing,
    keras.layers.Cropping2D, keras.layers.ZeroPadding2D, keras.layers.Identity, keras.layers.Dropout,
)  # fmt: skip
# raw keras.ops are recognised by the name of their class: the classes themselves are not public
_MOVER_OPS = ("Reshape", "Resize", "Transpose", "Cast", "Identity", "Squeeze")


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
    where : {"layer", "fused", "absent"}
        A step of its own, part of the last layer with weights, or not there.
    moved_after : tuple of str
        Steps between the squash and the output that move or mix pixels; softmax and resizing do not commute.
    """

    plan: Plan
    slot: int
    squash: Squash
    where: Literal["layer", "fused", "absent"]
    moved_after: tuple[str, ...]


def squash_of(layer: Any) -> Squash | None:
    """ "softmax" or "sigmoid" if the layer ends with that, "none" if with a linear map, None if with something else."""
    kind = type(layer).__name__
    if isinstance(layer, keras.layers.Softmax) or kind == "Softmax":
        axis = getattr(layer, "axis", -1)
        return "softmax" if axis in (-1, 3) else None
    if kind == "Sigmoid":
        return "sigmoid"
    activation = getattr(layer, "activation", None)
    if isinstance(activation, keras.layers.Layer):
        return squash_of(activation)
    name = getattr(activation, "__name__", "")
    if activation is keras.activations.softmax or name == "softmax":
        return "softmax"
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


def find_logits(plan: Plan, output: str | int | None = None) -> Logits:
    """Walk back from the output, through steps that only move pixels, to the squashing function, and take it out."""
    end = choose_output(plan, output)
    made = plan.producer()
    moved: list[str] = []
    at = end
    while at in made:
        step = made[at]
        if len(step.inputs) != 1 or len(step.outputs) != 1:
            break
        squash = squash_of(step.layer)
        if squash in ("softmax", "sigmoid"):
            after = tuple(reversed(moved))
            if getattr(step.layer, "weights", ()):
                twin = replace(step, run=linear_twin(step.layer))
                steps = tuple(twin if s is step else s for s in plan.steps)
                return Logits(replace(plan, steps=steps), end, squash, "fused", after)
            source = step.inputs[0]
            steps = tuple(s.rewired(step.outputs[0], source) for s in plan.steps if s is not step)
            return Logits(replace(plan, steps=steps), source if end == step.outputs[0] else end, squash, "layer", after)
        if not _moves_only(step):
            break
        if _mixes(step):
            moved.append(step.path)
        at = step.inputs[0]
    return Logits(plan, end, "none", "absent", ())


def _moves_only(step: Step) -> bool:
    if step.layer is None:  # the recorder's own cast
        return True
    if isinstance(step.layer, keras.layers.Activation):
        return squash_of(step.layer) == "none"
    return isinstance(step.layer, _MOVERS) or type(step.layer).__name__ in _MOVER_OPS


def _mixes(step: Step) -> bool:
    """Whether a step can make new values out of several pixels, so that it does not commute with a softmax."""
    return (
        isinstance(step.layer, keras.layers.UpSampling2D | keras.layers.Resizing)
        or type(step.layer).__name__ == "Resize"
    )


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
        return twin.stateless_call(layer.trainable_variables, layer.non_trainable_variables, *args, **kwargs)[0]

    return call


def wide(y: tf.Tensor) -> tf.Tensor:
    """Half precision to float32; everything else as it is."""
    return tf.cast(y, tf.float32) if y.dtype.size < 4 else y
