"""Find the steps of a tail that pass no gradient on, by asking TensorFlow in the traced graph."""

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from segcam_widgets.keras_probe.answers.linearity import KEEPS, PRODUCTS, QUOTIENTS, SHAPES
from segcam_widgets.keras_probe.cut.cut import Cut
from segcam_widgets.keras_probe.record.plan import Env

OPEN = (KEEPS - {"ResizeArea", "Cast"}) | PRODUCTS | QUOTIENTS | SHAPES | {
    "Const", "Placeholder", "ReadVariableOp", "Fill", "Range", "NoOp", "Prod", "Sigmoid", "Tanh", "Exp", "Log", "Log1p",
    "Softmax", "LogSoftmax", "Sqrt", "Rsqrt", "Square", "SquaredDifference", "Erf", "Erfc", "Softplus", "Softsign",
    "Elu", "Selu", "Pow", "Reciprocal", "FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3",
}  # fmt: skip
"""Steps made of these alone are not looked at any closer: each has a gradient."""
ZERO = frozenset({"Sign"})
"""What TensorFlow gives a gradient of zeros, rather than none."""


def lost_steps(cut: Cut, env: Env, made: Mapping[str, Sequence[Any]]) -> dict[str, str]:
    """The steps that read what depends on the layer, and through which no gradient comes: {path: operation}.

    A normalisation that stops a gradient inside, and passes it on another way, is none of them.

    Parameters
    ----------
    cut : Cut
    env : dict of int to tensor
        Every tensor of the tail in the graph that is being traced.
    made : mapping of str to list of operations
        What each step put into the graph.
    """
    below, wanted = {cut.target}, {cut.end, *(slot for step in cut.tail for slot in step.inputs)}
    lost = {}
    for step in cut.tail:
        sources = [env[slot] for slot in step.inputs if slot in below and env[slot].dtype.is_floating]
        ends = [env[slot] for slot in step.outputs if slot in wanted]
        below.update(step.outputs)
        if (
            sources
            and not all(op.type in OPEN for op in made[step.path])
            and not passes(ends, sources, made[step.path])
        ):
            lost[step.path] = _blocker(made[step.path], sources)
    return lost


def passes(ends: Sequence[Any], sources: Sequence[Any], between: Sequence[Any] = ()) -> bool:
    """Whether any gradient comes from some tensors to others, `between` being the operations on the way.

    Where TensorFlow knows no gradient for an operation, none does.
    """
    ends = [tensor for tensor in ends if tensor.dtype.is_floating]
    zero = [tensor for op in between if op.type in ZERO for tensor in op.outputs]
    if not ends:
        return False
    try:
        return any(gradient is not None for gradient in tf.gradients(ends, list(sources), stop_gradients=zero))
    except LookupError:  # "gradient registry has no entry for: ..."
        return False


def _blocker(operations: Sequence[Any], sources: Sequence[Any]) -> str:
    """The last operation that a way from the sources ends at."""
    reached, last = {tensor.name for tensor in sources}, "no gradient"
    for op in operations:  # in the order of creation
        given = [tensor for tensor in op.inputs if tensor.name in reached]
        if not given or op.type in SHAPES:
            continue
        if op.type not in ZERO and passes(op.outputs, given):
            reached.update(tensor.name for tensor in op.outputs)
        else:
            last = op.type
    return last
