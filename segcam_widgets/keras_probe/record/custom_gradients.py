"""Swish (SiLU) in a traced graph, differentiated as any other operations are.

TensorFlow gives it a gradient of its own, to save memory, which computes with tensors of the graph that it was traced in: in
a copy of that graph it cannot be used. Its forward operations, x * sigmoid(beta * x), have the same gradient by themselves.
"""

from collections.abc import Mapping
from typing import Any

_OWN = "_gradient_op_type"


def plain_swish(graph: Any) -> Any:
    """A GraphDef, changed in place: its swishes, and those of the functions that it calls, have no gradient of their own."""
    for body in (graph.node, *(function.node_def for function in graph.library.function)):
        nodes = {node.name: node for node in body}
        for node in body:
            if _OWN in node.attr and _is_swish(node, nodes):
                del node.attr[_OWN]
    return graph


def _is_swish(node: Any, nodes: Mapping[str, Any]) -> bool:
    """Whether a node passes on (x * sigmoid(beta * x), x, beta), as `tf.custom_gradient` writes the function of the two."""
    given = _given(node)
    if node.op != "IdentityN" or len(given) != 3:
        return False
    result, x, beta = given
    product = _made(result, "Mul", nodes)
    gate = _made(product[1], "Sigmoid", nodes) if len(product) == 2 and product[0] == x else []
    return bool(gate) and _made(gate[0], "Mul", nodes) == [beta, x]


def _made(name: str, kind: str, nodes: Mapping[str, Any]) -> list[str]:
    """What goes into the operation that makes a tensor, if it is of that kind; else nothing."""
    node = nodes.get(name.partition(":")[0])
    return _given(node) if node is not None and node.op == kind else []


def _given(node: Any) -> list[str]:
    return [name for name in node.input if not name.startswith("^")]
