"""Which steps after a layer are not piecewise linear, read off the operations that they are made of.

Where all are (convolution, ReLU, max pooling, batch normalisation at inference, resizing), gradient times input accounts
for the whole score but for what biases and offsets carry. Elsewhere the rest also holds the curvature.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import tensorflow as tf

from segcam_widgets.models.cut import Cut
from segcam_widgets.models.engine import activation_name
from segcam_widgets.models.graph import Plan, Step, run
from segcam_widgets.models.live import concrete
from segcam_widgets.models.logits import moves_only

CONSTANT, STEPWISE, LINEAR = range(3)
"""How a tensor depends on the activations: not at all, piecewise constantly (a comparison), piecewise linearly."""

# an operation that is in none of these sets is taken for curved as soon as it reads activations
_KEEPS = frozenset({
    "Identity", "IdentityN", "Snapshot", "EnsureShape", "Neg", "Add", "AddV2", "AddN", "Sub", "BiasAdd",
    "BiasAddV1", "Sum", "Mean", "Cast", "Reshape", "Squeeze", "ExpandDims", "Transpose", "ConcatV2", "Concat",
    "Pack", "Unpack", "Split", "SplitV", "Slice", "StridedSlice", "Pad", "PadV2", "MirrorPad", "Tile",
    "BroadcastTo", "GatherV2", "Gather", "GatherNd", "ReverseV2", "Roll", "Cumsum", "SpaceToBatchND",
    "BatchToSpaceND", "SpaceToDepth", "DepthToSpace", "ResizeNearestNeighbor", "ResizeBilinear", "ResizeBicubic",
    "ResizeArea", "ScaleAndTranslate", "AvgPool", "Relu", "Relu6", "LeakyRelu", "Abs", "Maximum", "Minimum",
    "ClipByValue", "Max", "Min", "MaxPool", "MaxPoolV2", "Select", "SelectV2",
})  # fmt: skip
_PRODUCTS = frozenset({
    "Mul", "MulNoNan", "MatMul", "BatchMatMul", "BatchMatMulV2", "BatchMatMulV3", "Einsum", "Conv2D",
    "DepthwiseConv2dNative", "Conv2DBackpropInput", "DepthwiseConv2dNativeBackpropInput",
})  # fmt: skip
_QUOTIENTS = frozenset({"RealDiv", "Div", "DivNoNan"})
_STEPS = frozenset({
    "Greater", "GreaterEqual", "Less", "LessEqual", "Equal", "NotEqual", "Sign", "Floor", "Ceil", "Round", "Rint",
    "ArgMax", "ArgMin", "LogicalAnd", "LogicalOr", "LogicalNot", "IsNan", "IsInf", "IsFinite",
})  # fmt: skip
_SHAPES = frozenset({"Shape", "ShapeN", "Size", "Rank", "ZerosLike", "OnesLike"})
_CALLS = frozenset({"PartitionedCall", "StatefulPartitionedCall"})


class Curved(Mapping[str, str]):
    """What :func:`curved_steps` finds, looked for when somebody asks: it takes a trace of the tail."""

    def __init__(self, find: Callable[[], Mapping[str, str]]) -> None:
        self._find = find

    def __getitem__(self, path: str) -> str:
        return self._find()[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._find())

    def __len__(self) -> int:
        return len(self._find())

    def __repr__(self) -> str:
        return repr(dict(self))


def curved_steps(cut: Cut, activations: tf.Tensor, bypass: Iterable[tf.Tensor]) -> dict[str, str]:
    """The steps of a tail that are not piecewise linear in what they read: {path: operation}, in order.

    Tensors that go round the layer count as variable too: the ledger is linear in them as well.
    """
    bounds: list[tuple[str, int]] = []

    def function(activations: tf.Tensor, bypass: Iterable[tf.Tensor]) -> tf.Tensor:
        graph = tf.compat.v1.get_default_graph()

        def bound(step: Step) -> None:
            bounds.append((step.path, len(graph.get_operations())))

        env = {cut.target: activations, **dict(zip(cut.bypass, bypass, strict=True))}
        return run(cut.tail, env, bound)[cut.end]

    if not cut.tail:
        return {}
    try:
        traced = concrete(function, activations, list(bypass))
    except Exception:  # code of the user's own that runs eagerly alone
        return {f"{cut.tail[0].path} to {cut.tail[-1].path}": "cannot be traced"}
    entries = traced.inputs[: len(traced.inputs) - len(traced.captured_inputs)]
    known = {t.op.name: LINEAR if t.dtype.is_floating else STEPWISE for t in entries}
    definition = traced.graph.as_graph_def()
    curved = _levels(definition.node, known, {f.signature.name: f for f in definition.library.function})
    operations = [op.name for op in traced.graph.get_operations()]
    found: dict[str, str] = {}
    start = 0
    for path, end in bounds:
        kinds = [curved[name] for name in operations[start:end] if name in curved]
        if kinds:  # a normalisation stops a gradient first and divides then: the second says more
            found[path] = next((kind for kind in kinds if kind != "StopGradient"), kinds[0])
        start = end
    return found


def _levels(nodes: Iterable[Any], known: dict[str, int], library: Mapping[str, Any]) -> dict[str, str]:
    """Fill `known` (operation -> level) for NodeDefs in any order. Returns the curved ones: {operation: its type}.

    Behind a curved operation the count begins anew, so that each is named for itself.
    """
    curved: dict[str, str] = {}
    waiting = [node for node in nodes if node.name not in known]
    while waiting:
        later = []
        for node in waiting:
            sources = [name.split(":")[0] for name in node.input if not name.startswith("^")]
            if any(source not in known for source in sources):
                later.append(node)
                continue
            level = _level(node, [known[source] for source in sources], library)
            known[node.name] = LINEAR if level is None else level
            if level is None:
                curved[node.name] = node.op
        if len(later) == len(waiting):  # a loop: control flow of TensorFlow 1
            return curved | {node.name: node.op for node in later}
        waiting = later
    return curved


def _level(node: Any, given: list[int], library: Mapping[str, Any]) -> int | None:
    """What comes out of an operation; None where that is curved."""
    highest = max(given, default=CONSTANT)
    stepwise = node.op in _STEPS or (node.op == "Cast" and not tf.as_dtype(node.attr["DstT"].type).is_floating)
    if node.op in _SHAPES:
        highest = CONSTANT
    elif stepwise:
        highest = min(highest, STEPWISE)
    if highest < LINEAR or node.op in _KEEPS:  # any function of a piecewise constant is piecewise constant
        return highest
    if node.op in _CALLS:
        return _called(library[node.attr["f"].func.name], given, library)
    linear = (
        (node.op in _PRODUCTS and given.count(LINEAR) == 1)
        or (node.op in _QUOTIENTS and given[1] < LINEAR)
        or (node.op.startswith("FusedBatchNorm") and not node.attr["is_training"].b and max(given[1:]) < LINEAR)
    )
    return LINEAR if linear else None


def _called(function: Any, given: list[int], library: Mapping[str, Any]) -> int | None:
    """The same for a function with a graph of its own: Keras compiles grouped convolutions so."""
    known = {argument.name: level for argument, level in zip(function.signature.input_arg, given, strict=True)}
    if _levels(function.node_def, known, library):
        return None
    return max((known[name.split(":")[0]] for name in function.ret.values()), default=CONSTANT)


def is_rectified(plan: Plan, end: int) -> bool:
    """Whether a slot is filled by a ReLU, perhaps with its pixels moved afterwards."""
    made = plan.producer()
    while end in made:
        step = made[end]
        if activation_name(step) in ("relu", "relu6"):
            return True
        if len(step.inputs) != 1 or len(step.outputs) != 1 or not moves_only(step):
            return False
        end = step.inputs[0]
    return False
