"""A part of a traced graph as a callable."""

import contextlib
import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from segcam_widgets.keras_probe.record.float32_graph import graph_in_float32, is_half, widened


def concrete(function: Callable[..., Any], *like: Any) -> Any:
    """Trace for tensors (or specs) shaped like these. A concrete function never retraces, nor warns about retracing."""
    spec = keras.tree.map_structure(lambda t: tf.TensorSpec(t.shape, t.dtype), list(like))
    return tf.function(function, autograph=False).get_concrete_function(*spec)


def frontier(
    ends: Iterable[Any], stop: Callable[[Any], bool], *, shapes_are_known: bool = True
) -> tuple[list[Any], list[Any], set[str]]:
    """Walk back from tensors: those where `stop` says so, the shapes that are met, the names of the operations between.

    A gradient asks many tensors for their shape and nothing else; where the shapes are known, these need not be kept.
    """
    stopped: dict[str, Any] = {}
    shapes: dict[str, Any] = {}
    passed: set[str] = set()
    stack = [tensor.op for tensor in ends]
    while stack:
        op = stack.pop()
        if op.name in passed:
            continue
        passed.add(op.name)
        stack.extend(op.control_inputs)
        for tensor in op.inputs:
            if shapes_are_known and tensor.op.type in ("Shape", "ShapeN") and _shape(tensor) is not None:
                shapes[tensor.name] = tensor
            elif stop(tensor):
                stopped[tensor.name] = tensor
            else:
                stack.append(tensor.op)
    return list(stopped.values()), list(shapes.values()), passed


def _shape(tensor: Any) -> list[int] | None:
    """What an output of Shape or ShapeN is, known while tracing; None where it is not."""
    measured = tensor.op.inputs[tensor.value_index].shape
    return measured.as_list() if measured.is_fully_defined() else None


class Transplant:
    """Copies a part of a traced graph into the graph that is being traced now."""

    def __init__(self, source: Any, entries: Sequence[str]) -> None:
        self._graph = source.graph.as_graph_def()
        self._entries = entries
        self._captures = dict(zip((t.name for t in source.inputs[len(entries) :]), source.captured_inputs, strict=True))

    def __call__(
        self, ends: Sequence[Any], nodes: set[str], given: Sequence[Any], replaced: dict[str, tf.Tensor]
    ) -> list[tf.Tensor]:
        part = tf.compat.v1.GraphDef(versions=self._graph.versions, library=self._graph.library)
        part.node.extend(node for node in self._graph.node if node.name in nodes and node.op != "Placeholder")
        read = {full_name(name) for node in part.node for name in node.input}
        capture = tf.compat.v1.get_default_graph().capture  # variables by reference, as the source has them
        mapping = dict(zip(self._entries, keras.tree.flatten(list(given)), strict=False)) | replaced
        mapping |= {name: capture(tensor) for name, tensor in self._captures.items() if name in read}
        mapping = {name: tensor for name, tensor in mapping.items() if name in read}
        return tf.graph_util.import_graph_def(part, mapping, [tensor.name for tensor in ends], name="")


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
