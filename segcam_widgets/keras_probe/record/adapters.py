"""Record a Keras model of any kind as a plan: from its graph, or by tracing a subclassed model's `call`."""

import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from segcam_widgets.errors import UnsupportedModelError, first_line
from segcam_widgets.keras_probe.record.channels_first import laid_out, refusal, says_first
from segcam_widgets.keras_probe.record.functional import inlinable, record
from segcam_widgets.keras_probe.record.plan import Plan, channels_first
from segcam_widgets.keras_probe.record.traced import trace

Shape = tuple[int | None, ...]
ANY: Shape = (None, None, None, None)
_FIRST: "weakref.WeakKeyDictionary[Any, bool]" = weakref.WeakKeyDictionary()


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
    """The shape (N, H, W, C) of a model's input; None where any size will do, or where nothing is known before.

    Channels come last here, also where the model itself has them first.

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
            f"`model` must have one input, the image. Received: {len(model.inputs)} inputs ({names}). Derive the "
            "others from the image, for example other = 0 * image[..., :1]: keras.Model(image, model([image, other]))."
        )
    shape = tuple(model.inputs[0].shape)
    if len(shape) != 4:
        raise UnsupportedModelError(
            f"`model` must take an image, (H, W, channels). Received: a model whose input has shape {shape[1:]}."
        )
    return (shape[0], shape[2], shape[3], shape[1]) if enters_first(model) else shape


def enters_first(model: Any) -> bool:
    """Whether a model takes its image channels first.

    Raises
    ------
    UnsupportedModelError
        The layout of its tensors cannot be told.
    """
    if not has_graph(model) or not says_first(model):
        return False
    if model not in _FIRST:
        plan = laid_out(record(model))
        _FIRST[model] = plan.inputs[0] in plan.first
    return _FIRST[model]


def called(model: Any, x: Any) -> Any:
    """What the model itself answers for `x` (1, H, W, C).

    A model with channels first is given them so; one that was built on a list or a dictionary of one input is given such.
    """
    x = channels_first(x) if enters_first(model) else x
    if isinstance(model, keras.Function) and has_graph(model):
        x = keras.tree.pack_sequence_as(model.input, [x])
    return model(x, training=False)


def record_model(model: Any, size: Sequence[int]) -> Recorded:
    """A model's plan; `size` (1, H, W, C) is that of the image, which a traced plan is made for."""
    shape = input_shape(model)
    if has_graph(model):
        plan = record(model)
        plan = laid_out(plan) if says_first(model) else plan
        return Recorded(plan, _variables(model, plan), shape, str(model.inputs[0].dtype))
    _build(model, size)
    plan, read = trace(model, size)
    for step in plan.steps:
        if getattr(step.layer, "data_format", None) == "channels_first":
            raise refusal(step.path)  # the code between the layers may count axes as it likes
    known = _variables(model, plan)
    seen = {id(variable) for variable in known}
    return Recorded(plan, known + [v for v in read if id(v) not in seen], (None, *size[1:]), "float32", True)


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


def _variables(model: Any, plan: Plan) -> list[tf.Variable]:
    """The model's weights, and variables of TensorFlow's own kind in a user's layers, which Keras does not count."""
    held = [variable.value for variable in model.weights if variable.dtype != "string"]
    for step in plan.steps:
        held += [value for value in getattr(step.layer, "__dict__", {}).values() if isinstance(value, tf.Variable)]
    return held
