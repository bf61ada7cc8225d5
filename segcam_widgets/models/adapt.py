"""From a Keras model of any kind to a plan: one adapter reads a graph, the other traces a `call` of the author's own."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from segcam_widgets.errors import UnsupportedModelError, first_line
from segcam_widgets.models.graph import Plan, inlinable, record
from segcam_widgets.models.traced import trace

Shape = tuple[int | None, ...]
ANY: Shape = (None, None, None, None)


@dataclass(frozen=True)
class Recorded:
    """A model taken down as steps.

    Attributes
    ----------
    plan : Plan
    variables : list of tf.Variable
        What the steps read.
    shape, dtype
        Of the input, with the batch axis.
    traced : bool
        The steps are copied out of a traced graph: each is compiled by itself where it runs eagerly.
    """

    plan: Plan
    variables: list[tf.Variable]
    shape: Shape
    dtype: str
    traced: bool = False


def has_graph(model: Any) -> bool:
    """Whether a model's graph says what it computes; if not, its `call` is its author's own code."""
    return inlinable(model)


def input_shape(model: Any) -> Shape:
    """The shape of a model's input with the batch axis; None where any size will do, or where nothing is known before.

    Raises
    ------
    UnsupportedModelError
        Several inputs, one that is no image, or a Sequential that does not know its input.
    """
    if isinstance(model, keras.Sequential) and not model.built:
        raise UnsupportedModelError(
            f"`model` must be built. Received: a {type(model).__name__} that does not know its input yet. "
            "Begin it with keras.Input(shape)."
        )
    if not has_graph(model):
        return ANY
    if len(model.inputs) != 1:
        names = ", ".join(str(t.name) for t in model.inputs)
        raise UnsupportedModelError(
            f"`model` must have one input, the image. Received: {len(model.inputs)} inputs ({names}). Make the others "
            "of the image, other = 0 * image[..., :1] say: keras.Model(image, model([image, other]))."
        )
    shape = tuple(model.inputs[0].shape)
    if len(shape) != 4:
        raise UnsupportedModelError(
            f"`model` must take an image, (H, W, channels). Received: a model whose input has shape {shape[1:]}."
        )
    return shape


def called(model: Any, x: Any) -> Any:
    """What the model itself answers; one that was built on a list or a dictionary of one input is given such."""
    if isinstance(model, keras.Function) and has_graph(model):
        x = keras.tree.pack_sequence_as(model.input, [x])
    return model(x, training=False)


def record_model(model: Any, size: Sequence[int]) -> Recorded:
    """A model's plan; `size` (1, H, W, C) is that of the image, which a traced plan is made for."""
    shape = input_shape(model)
    if has_graph(model):
        plan = record(model)
        return _checked(Recorded(plan, _variables(model, plan), shape, str(model.inputs[0].dtype)))
    _build(model, size)
    plan, read = trace(model, size)
    known = _variables(model, plan)
    seen = {id(variable) for variable in known}
    return _checked(Recorded(plan, known + [v for v in read if id(v) not in seen], (None, *size[1:]), "float32", True))


def _build(model: Any, size: Sequence[int]) -> None:
    """Let a model make its weights, if it has not yet: as a first call by the user would."""
    if all(layer.built for layer in model._flatten_layers()):
        return
    try:
        model(tf.zeros(size), training=False)
    except Exception as error:  # code of the user's own
        raise UnsupportedModelError(
            f"`x` of shape {tuple(size[1:])} does not go through the model. TensorFlow says: {first_line(error)}."
        ) from error


def _checked(found: Recorded) -> Recorded:
    for step in found.plan.steps:
        if getattr(step.layer, "data_format", None) == "channels_first":
            raise UnsupportedModelError(
                f"`model` must have its channels last. Received: layer {step.path!r} with data_format='channels_first'. "
                "Build it with data_format='channels_last' and call set_weights(old.get_weights()): kernels are laid out alike."
            )
    return found


def _variables(model: Any, plan: Plan) -> list[tf.Variable]:
    """The model's weights, and variables of TensorFlow's own kind in a user's layers, which Keras does not count."""
    held = [variable.value for variable in model.weights if variable.dtype != "string"]
    for step in plan.steps:
        held += [value for value in getattr(step.layer, "__dict__", {}).values() if isinstance(value, tf.Variable)]
    return held
