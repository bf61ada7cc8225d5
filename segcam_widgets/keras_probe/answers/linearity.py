"""Find the operations of a traced tail that are not piecewise linear, and those that add a constant, by their types.

Where all are piecewise linear (convolution, ReLU, max pooling, batch normalisation at inference, resizing), gradient
times input accounts for the whole score but for what biases, offsets and constants give. Elsewhere the rest also holds
the curvature.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import tensorflow as tf

CONSTANT, WEIGHT, STEPWISE, LINEAR = range(4)
"""How a tensor depends on the activations: not at all, nor on any weight; not at all, but on weights; piecewise
constantly (a comparison); piecewise linearly."""

# an operation that is in none of these sets is taken for curved as soon as it reads activations
KEEPS = frozenset({
    "Identity", "IdentityN", "Snapshot", "EnsureShape", "Neg", "Add", "AddV2", "AddN", "Sub", "BiasAdd",
    "BiasAddV1", "Sum", "Mean", "Cast", "Reshape", "Squeeze", "ExpandDims", "Transpose", "ConcatV2", "Concat",
    "Pack", "Unpack", "Split", "SplitV", "Slice", "StridedSlice", "Pad", "PadV2", "MirrorPad", "Tile",
    "BroadcastTo", "GatherV2", "Gather", "GatherNd", "ReverseV2", "Roll", "Cumsum", "SpaceToBatchND",
    "BatchToSpaceND", "SpaceToDepth", "DepthToSpace", "ResizeNearestNeighbor", "ResizeBilinear", "ResizeBicubic",
    "ResizeArea", "ScaleAndTranslate", "AvgPool", "Relu", "Relu6", "LeakyRelu", "Abs", "Maximum", "Minimum",
    "ClipByValue", "Max", "Min", "MaxPool", "MaxPoolV2", "Select", "SelectV2",
})  # fmt: skip
PRODUCTS = frozenset({
    "Mul", "MulNoNan", "MatMul", "BatchMatMul", "BatchMatMulV2", "BatchMatMulV3", "Einsum", "Conv2D",
    "DepthwiseConv2dNative", "Conv2DBackpropInput", "DepthwiseConv2dNativeBackpropInput",
})  # fmt: skip
QUOTIENTS = frozenset({"RealDiv", "Div", "DivNoNan"})
_STEPS = frozenset({
    "Greater", "GreaterEqual", "Less", "LessEqual", "Equal", "NotEqual", "Sign", "Floor", "Ceil", "Round", "Rint",
    "ArgMax", "ArgMin", "LogicalAnd", "LogicalOr", "LogicalNot", "IsNan", "IsInf", "IsFinite",
})  # fmt: skip
SHAPES = frozenset({"Shape", "ShapeN", "Size", "Rank", "ZerosLike", "OnesLike"})
_CALLS = frozenset({"PartitionedCall", "StatefulPartitionedCall"})
_PLATEAUS = frozenset({"Relu6", "Minimum", "Maximum", "ClipByValue"})
_SUMS = frozenset({
    "Add", "AddV2", "AddN", "Sub", "BiasAdd", "BiasAddV1", "ConcatV2", "Concat", "Pack", "PadV2", "Select", "SelectV2",
})  # fmt: skip
PLATEAU, OFFSET = "full units", "constants"
"""The two ways in which an operation gives a constant of its own."""


@dataclass(frozen=True)
class Levels:
    """What is found out about the operations of a graph, by their names.

    Attributes
    ----------
    of : dict of str to int
        How the output depends on the activations.
    curved : dict of str to str
        The operations that are not piecewise linear, and their types. Behind one the count begins anew, so that each is
        named for itself.
    constant : dict of str to str
        The operations that read what is piecewise linear and give a constant besides: PLATEAU or OFFSET.
    """

    of: dict[str, int]
    curved: dict[str, str] = field(default_factory=dict)
    constant: dict[str, str] = field(default_factory=dict)


def levels(nodes: Iterable[Any], known: Mapping[str, int], library: Mapping[str, Any]) -> Levels:
    """Follow NodeDefs, in any order, from those whose level is `known`."""
    found = Levels(dict(known))
    waiting = [node for node in nodes if node.name not in known]
    while waiting:
        later = []
        for node in waiting:
            sources = [name.split(":")[0] for name in node.input if not name.startswith("^")]
            if any(source not in found.of for source in sources):
                later.append(node)
                continue
            _note(node, [found.of[source] for source in sources], library, found)
        if len(later) == len(waiting):  # a loop: control flow of TensorFlow 1
            found.curved.update((node.name, node.op) for node in later)
            return found
        waiting = later
    return found


def _note(node: Any, given: list[int], library: Mapping[str, Any], found: Levels) -> None:
    level = _level(node, given, library)
    found.of[node.name] = LINEAR if level is None else level
    if level is None:
        found.curved[node.name] = node.op
    elif level == LINEAR and (kind := _constant(node, given)) is not None:
        found.constant[node.name] = kind


def values_of(op: str, given: list[Any]) -> list[Any]:
    """Out of what belongs to each input of an operation, that of the inputs which its output may take values from."""
    if op in ("Select", "SelectV2"):
        return given[1:]
    if op == "ConcatV2":
        return given[:-1]
    if op in ("Concat", "PadV2"):
        return given[1:] if op == "Concat" else [given[0], given[2]]
    return given


def _constant(node: Any, given: list[int]) -> str | None:
    """Whether an operation on what is linear gives a constant of its own, that no weight makes."""
    others = {level for level in values_of(node.op, given) if level in (CONSTANT, STEPWISE)}
    if node.op == "Relu6" or (node.op in _PLATEAUS and others):
        return PLATEAU
    return OFFSET if node.op in _SUMS and others else None


def _level(node: Any, given: list[int], library: Mapping[str, Any]) -> int | None:
    """What comes out of an operation; None where that is curved."""
    highest = max(given, default=WEIGHT if _reads_a_variable(node) else CONSTANT)
    stepwise = node.op in _STEPS or (node.op == "Cast" and not _is_real(node.attr["DstT"].type))
    if node.op in SHAPES:
        highest = CONSTANT
    elif stepwise:
        highest = min(highest, STEPWISE)
    if highest < LINEAR:  # any function of a piecewise constant is piecewise constant
        return highest
    if node.op in _CALLS:
        return _called(library[node.attr["f"].func.name], given, library)
    linear = (
        node.op in KEEPS
        or (node.op in PRODUCTS and given.count(LINEAR) == 1)
        or (node.op in QUOTIENTS and given[1] < LINEAR)
        or (node.op.startswith("FusedBatchNorm") and not node.attr["is_training"].b and max(given[1:]) < LINEAR)
    )
    return LINEAR if linear and not _has_a_gradient_of_its_own(node) else None


def _reads_a_variable(node: Any) -> bool:
    return node.op == "VarHandleOp" or (node.op == "Placeholder" and node.attr["dtype"].type == tf.resource)


def _is_real(kind: Any) -> bool:
    kind = tf.as_dtype(kind)
    return bool(kind.is_floating or kind.is_complex)


def _has_a_gradient_of_its_own(node: Any) -> bool:
    """Whether its author gave it a gradient (`tf.custom_gradient`), which need not be that of what it computes."""
    own = "_gradient_op_type"
    return own in node.attr and not node.attr[own].s.startswith(b"Segcam")


def _called(function: Any, given: list[int], library: Mapping[str, Any]) -> int | None:
    """The same for a function with a graph of its own: Keras compiles grouped convolutions so."""
    known = {argument.name: level for argument, level in zip(function.signature.input_arg, given, strict=True)}
    found = levels(function.node_def, known, library)
    if found.curved or found.constant:  # a constant inside cannot be told from outside
        return None
    return max((found.of[name.split(":")[0]] for name in function.ret.values()), default=CONSTANT)
