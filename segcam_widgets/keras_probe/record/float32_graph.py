"""Rewrite a traced graph that computes in 16 bits to compute in 32.

Types are written into the operations, and into the functions that loops and branches call; so are constants. Variables stay
as they are: what is read of one that is kept in 16 bits is converted behind the reading.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

HALF = ("float16", "bfloat16")
_HALF = frozenset(tf.as_dtype(name).as_datatype_enum for name in HALF)
_FLOAT = tf.float32.as_datatype_enum
_SUFFIX = "_in_float32"
_READING = ("ReadVariableOp", "ResourceGather", "ResourceGatherNd")


def widened(tensor: tf.Tensor) -> tf.Tensor:
    """Half precision in 32 bits; anything else as it is."""
    return tf.cast(tensor, tf.float32) if tensor.dtype.name in HALF else tensor


def is_half(graph: Any) -> bool:
    """Whether a graph (a GraphDef), or a function that it calls, computes in 16 bits."""
    bodies = [list(graph.node), *(list(function.node_def) for function in _called(graph))]
    return any(_node_is_half(node) for body in bodies for node in body)


def graph_in_float32(graph: Any) -> Any:
    """The same GraphDef, in 32 bits where it computes in 16; its names stay, but for those of functions.

    Raises
    ------
    ValueError
        It does what is not the same in 32 bits. The message is the rest of a sentence: "it ...".
    """
    wide = tf.compat.v1.GraphDef(versions=graph.versions)
    wide.library.function.extend(_called(graph))
    for function in wide.library.function:
        if any(_reads_half(node) for node in function.node_def):
            raise ValueError("it reads variables of 16 bits in a loop or a branch")
        function.signature.name += _SUFFIX
        for argument in (*function.signature.input_arg, *function.signature.output_arg):
            argument.type = _wide_type(argument.type)
        for node in function.node_def:
            _widen(node)
    for node in graph.node:
        wide.node.add().CopyFrom(node)
        if not _reads_half(node):
            _widen(wide.node[-1])
            continue
        kept = wide.node[-1]
        kept.name += "/kept"
        cast = wide.node.add(name=node.name, op="Cast", input=[kept.name])
        cast.attr["SrcT"].type, cast.attr["DstT"].type = kept.attr["dtype"].type, _FLOAT
    return wide


def _called(graph: Any) -> list[Any]:
    """The functions that a graph calls, also by way of others, each once."""
    library = {function.signature.name: function for function in graph.library.function}
    found: dict[str, Any] = {}
    stack = [name for node in graph.node for name in _callees(node)]
    while stack:
        name = stack.pop()
        if name in library and name not in found:
            found[name] = library[name]
            stack += [callee for node in library[name].node_def for callee in _callees(node)]
    return list(found.values())


def _callees(node: Any) -> Iterator[str]:
    for attribute in node.attr.values():
        kind = attribute.WhichOneof("value")
        if kind == "func":
            yield attribute.func.name
        elif kind == "list":
            yield from (function.name for function in attribute.list.func)


def _node_is_half(node: Any) -> bool:
    def types() -> Iterator[int]:
        for attribute in node.attr.values():
            kind = attribute.WhichOneof("value")
            if kind == "type":
                yield attribute.type
            elif kind == "tensor":
                yield attribute.tensor.dtype
            elif kind == "list":
                yield from attribute.list.type

    return any(kind in _HALF for kind in types())


def _reads_half(node: Any) -> bool:
    return node.op in _READING and node.attr["dtype"].type in _HALF


def _wide_type(kind: int) -> int:
    return _FLOAT if kind in _HALF else kind


def _must_be_the_same(node: Any) -> None:
    """Raise ValueError for an operation on 16 bits that does something else on 32."""
    if node.op == "Bitcast":
        raise ValueError("it takes numbers of 16 bits apart, bit by bit")
    if "Variable" in node.op or node.op.startswith("Resource"):
        raise ValueError("it writes to variables of 16 bits")
    if "_gradient_op_type" in node.attr:
        raise ValueError("it has a gradient of its own (tf.custom_gradient), which is made for 16 bits")


def _widen(node: Any) -> None:
    if _node_is_half(node):
        _must_be_the_same(node)
    node.ClearField("experimental_type")
    for attribute in node.attr.values():
        kind = attribute.WhichOneof("value")
        if kind == "type":
            attribute.type = _wide_type(attribute.type)
        elif kind == "tensor" and attribute.tensor.dtype in _HALF:
            values = np.asarray(tf.make_ndarray(attribute.tensor), np.float32)
            attribute.tensor.CopyFrom(tf.make_tensor_proto(values))
        elif kind == "func":
            attribute.func.name += _SUFFIX
        elif kind == "list":
            attribute.list.type[:] = [_wide_type(each) for each in attribute.list.type]
            for function in attribute.list.func:
                function.name += _SUFFIX
