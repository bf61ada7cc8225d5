"""Find constants that piecewise linear operations contribute: a full ReLU6, a clip's bounds, offsets.

At an image, such an operation is linear in what it reads, plus a constant: six where a ReLU6 is full, a bound where a clip
ends, an offset that is added.
"""

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from segcam_widgets.keras_probe.answers.linearity import CONSTANT, STEPWISE, Levels, values_of

FULL = 6.0
"""Where TensorFlow's ReLU6 is full."""


def gives(op: Any, found: Levels) -> bool:
    """Whether an operation gives a constant; one that is known to be zero while tracing is none."""
    if op.name not in found.constant:
        return False
    return op.type == "Relu6" or any(part is not None for part in _constants(op, found.of))


def constant_part(op: Any, levels: Mapping[str, int]) -> tf.Tensor:
    """What an operation gives beside what is linear in its inputs, in the shape of its output.

    Which side of a kink a value on it belongs to is TensorFlow's own choice in its gradients.
    """
    like = op.outputs[0]
    if op.type == "Relu6":
        return tf.where(op.inputs[0] >= FULL, tf.constant(FULL, like.dtype), tf.zeros([], like.dtype))
    full = [
        tf.zeros([], like.dtype) if part is None and op.type in _SCALAR else tf.zeros_like(t) if part is None else part
        for part, t in zip(_constants(op, levels), values_of(op.type, list(op.inputs)), strict=True)
    ]
    return tf.broadcast_to(_COMBINED[op.type](op, *full), tf.shape(like))


def _constants(op: Any, levels: Mapping[str, int]) -> list[tf.Tensor | None]:
    """The inputs that an operation takes values from, None for those that are linear, made of weights, or zero."""
    return [
        tensor if levels[tensor.op.name] in (CONSTANT, STEPWISE) and not _known_to_be_zero(tensor) else None
        for tensor in values_of(op.type, list(op.inputs))
    ]


def _known_to_be_zero(tensor: tf.Tensor) -> bool:
    value = tf.get_static_value(tensor)
    return value is not None and not value.any()


def _minimum(op: Any, first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    return tf.where(op.inputs[0] <= op.inputs[1], first, second)


def _maximum(op: Any, first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    return tf.where(op.inputs[0] >= op.inputs[1], first, second)


def _clipped(op: Any, inside: tf.Tensor, low: tf.Tensor, high: tf.Tensor) -> tf.Tensor:
    x, lowest, highest = op.inputs
    return tf.where(x < lowest, low, tf.where(x > highest, high, inside))


def _bias_added(op: Any, value: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
    layout = op.get_attr("data_format").decode() if op.type == "BiasAdd" else "NHWC"
    return tf.raw_ops.BiasAdd(value=value, bias=bias, data_format=layout)


def _selected(op: Any, first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    if op.type == "Select":  # its condition may be one for each entry of the batch
        return tf.raw_ops.Select(condition=op.inputs[0], x=first, y=second)
    return tf.where(op.inputs[0], first, second)


_SCALAR = frozenset({"Minimum", "Maximum", "ClipByValue", "Add", "AddV2", "Sub", "SelectV2"})
"""Operations that broadcast, so that one zero does for an input."""
_COMBINED: dict[str, Callable[..., tf.Tensor]] = {
    "Minimum": _minimum,
    "Maximum": _maximum,
    "ClipByValue": _clipped,
    "Add": lambda op, a, b: a + b,
    "AddV2": lambda op, a, b: a + b,
    "Sub": lambda op, a, b: a - b,
    "AddN": lambda op, *parts: tf.add_n(parts),
    "BiasAdd": _bias_added,
    "BiasAddV1": _bias_added,
    "Concat": lambda op, *parts: tf.concat(parts, op.inputs[0]),
    "ConcatV2": lambda op, *parts: tf.concat(parts, op.inputs[-1]),
    "Pack": lambda op, *parts: tf.stack(parts, op.get_attr("axis")),
    "PadV2": lambda op, x, value: tf.raw_ops.PadV2(input=x, paddings=op.inputs[1], constant_values=value),
    "Select": _selected,
    "SelectV2": _selected,
}
"""By the type of an operation: what becomes of the constants among its inputs, the others being zero."""
