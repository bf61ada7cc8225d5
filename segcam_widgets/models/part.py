"""A part of a traced graph as a callable."""

import contextlib
import copy
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from segcam_widgets.models.widen import graph_in_float32, is_half, widened

OVERRIDES: ContextVar[Mapping[str, str] | None] = ContextVar("OVERRIDES", default=None)
"""Names of gradients, by the type of operation, that copied operations get instead of their own."""


@contextlib.contextmanager
def overridden(names: Mapping[str, str]) -> Iterator[None]:
    """Inside, operations are copied with other gradients: a `gradient_override_map` sees only those that are made."""
    token = OVERRIDES.set(names)
    try:
        yield
    finally:
        OVERRIDES.reset(token)


class Part:
    """Some operations of a traced graph, to be called with tensors; eagerly, or copied into a graph that is being traced.

    Attributes
    ----------
    whole : bool
        It computes all that a layer gives, its activation included.
    """

    def __init__(
        self, source: "Source", ends: Sequence[Any], entries: Sequence[Any], nodes: set[str], *, whole: bool
    ) -> None:
        self.whole = whole
        self._alive = source.alive
        self._ends = [tensor.name for tensor in ends]
        self._entries = [tensor.name for tensor in entries]
        self._graph = tf.compat.v1.GraphDef(versions=source.graph.versions, library=source.graph.library)
        self._graph.node.extend(node for node in source.graph.node if node.name in nodes and node.op != "Placeholder")
        read = {full_name(name) for node in self._graph.node for name in node.input} | set(self._ends)
        self._captured = {name: tensor for name, tensor in source.captured.items() if name in read}
        self._read = read
        self._traced: dict[Any, Any] = {}
        self._widens = False

    def in_float32(self) -> "Part":
        """What computes the same in 32 bits, with the same variables; itself where it does already.

        Raises
        ------
        ValueError
            It does what is not the same in 32 bits. The message is the rest of a sentence: "it ...".
        """
        if not is_half(self._graph):
            return self
        twin = copy.copy(self)
        twin._graph, twin._traced, twin._widens = graph_in_float32(self._graph), {}, True
        return twin

    def __call__(self, *given: tf.Tensor) -> Any:
        if not tf.executing_eagerly():
            return self._copied(*given)
        key = tuple((tuple(tensor.shape), tensor.dtype) for tensor in given)
        if key not in self._traced:
            self._traced[key] = tf.function(self._copied, autograph=False).get_concrete_function(
                *(tf.TensorSpec(*spec) for spec in key)
            )
        return self._traced[key](*given)

    def _copied(self, *given: tf.Tensor) -> Any:
        mapping = dict(zip(self._entries, given, strict=True))
        capture = tf.compat.v1.get_default_graph().capture  # variables by reference
        mapping |= {name: capture(tensor) for name, tensor in self._captured.items()}
        mapping = {name: tensor for name, tensor in mapping.items() if name in self._read}
        if self._widens:
            mapping = {name: widened(tensor) for name, tensor in mapping.items()}
        graph = self._graph
        overrides = OVERRIDES.get()
        if overrides is not None and any(node.op in overrides for node in graph.node):
            graph = tf.compat.v1.GraphDef()
            graph.CopyFrom(self._graph)
            for node in graph.node:
                if node.op in overrides:
                    node.attr["_gradient_op_type"].s = overrides[node.op].encode()
        ends = tf.graph_util.import_graph_def(graph, mapping, self._ends, name="")
        return ends[0] if len(ends) == 1 else ends


@dataclass(frozen=True)
class Source:
    """A traced graph: its operations as text, and the values (variables) that it reads from outside.

    `alive` is the traced function where its graph calls others (loops, branches): these last as long as it does.
    """

    graph: Any
    captured: dict[str, tf.Tensor]
    alive: Any = None


def full_name(text: str) -> str:
    """The full name of an operation's input: the first output's ":0" may be left out."""
    return text if ":" in text else f"{text}:0"
