"""The function of a live query: a tail's gradient without its forward pass.

Of a tail's forward pass its gradient needs a few tensors only: what the ReLUs let through, what max pooling chose. They
stay what they are while region, class and score change, and most of them are outputs of layers, which the probe holds
anyway. So the tail is traced once, forwards and backwards, and the backward half is taken out of that graph with those
tensors as arguments. Measured on a U-Net: half the time of a query that runs the tail forwards again, one level below the
output and deeper.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from segcam_widgets.models.cut import Cut
from segcam_widgets.models.differentiate import Head, pullback
from segcam_widgets.models.graph import Env
from segcam_widgets.models.part import full_name
from segcam_widgets.models.tensors import size_of


@dataclass(frozen=True)
class Live:
    """What is compiled for one layer.

    Attributes
    ----------
    whole : callable
        (activations, bypass, *factors) -> (gradients, shares), forwards and backwards.
    backward : callable or None
        (saved, activations, bypass, *factors) -> the same, backwards alone, and the values of the watched variables
        behind. None where the graph cannot be split.
    slots : tuple of int
        The first of `saved`: outputs of layers of the tail.
    rest : callable or None
        (activations, bypass) -> the others of `saved`, which are inside of layers. None where there are none.
    rest_bytes : int
        What the others take.
    """

    whole: Callable[..., Any]
    backward: Callable[..., Any] | None = None
    slots: tuple[int, ...] = ()
    rest: Callable[..., Any] | None = None
    rest_bytes: int = 0


def concrete(function: Callable[..., Any], *like: Any) -> Any:
    """Trace for tensors (or specs) shaped like these. A concrete function never retraces, nor warns about retracing."""
    spec = keras.tree.map_structure(lambda t: tf.TensorSpec(t.shape, t.dtype), list(like))
    return tf.function(function, autograph=False).get_concrete_function(*spec)


def live(cut: Cut, head: Head, arguments: Sequence[Any], watch: Callable[[], Sequence[tf.Tensor]]) -> Live:
    """Compile a pullback for arguments like these: (activations, bypass, *factors), each of batch 1.

    `watch` reads variables: a look at the weights that costs no call of its own.
    """
    return halves(lambda between: pullback(cut, head, 1, between), arguments, watch)


def halves(
    make: Callable[[Callable[[Env], None]], Callable[..., Any]],
    arguments: Sequence[Any],
    watch: Callable[[], Sequence[tf.Tensor]] = tuple,
) -> Live:
    """Compile a function of (activations, bypass, *factors) that runs forwards and then backwards, and split it there.

    ``make(between)`` gives the function, which calls ``between(env)`` behind its forward half.
    """
    forward: dict[str, int | None] = {}

    def note(env: Env) -> None:
        """Between the two halves of the trace: which tensors there are, and which of them are outputs of layers."""
        slots = {tensor.name: slot for slot, tensor in reversed(env.items())}  # dropout passes on what it was given
        operations = tf.compat.v1.get_default_graph().get_operations()
        forward.update((tensor.name, slots.get(tensor.name)) for op in operations for tensor in op.outputs)

    whole = concrete(make(note), *arguments)
    try:
        return _split(whole, forward, arguments, watch)
    except Exception:  # splitting saves time and nothing else: a graph that does not allow it runs whole
        return Live(whole)


def _split(
    whole: Any, forward: dict[str, int | None], arguments: Sequence[Any], watch: Callable[[], Sequence[tf.Tensor]]
) -> Live:
    activations, bypass, *_ = arguments
    free = len(whole.inputs) - len(whole.captured_inputs)
    entries = [tensor.name for tensor in whole.inputs[:free]]
    varies = _dependents(whole.graph, entries[: 1 + len(bypass)], forward)
    saved, shapes, nodes = frontier(whole.outputs, lambda t: t.name in varies and t.op.type != "Placeholder")
    if any(tensor.dtype in (tf.variant, tf.resource, tf.string) for tensor in saved):
        return Live(whole)
    saved.sort(key=lambda t: forward[t.name] is None)  # outputs of layers first
    inner = [tensor for tensor in saved if forward[tensor.name] is None]
    transplant = Transplant(whole, entries)

    def backward(kept: Sequence[tf.Tensor], *given: Any) -> Any:
        replaced = dict(zip((t.name for t in saved), kept, strict=True))
        replaced |= {tensor.name: tf.constant(_shape(tensor), tensor.dtype) for tensor in shapes}
        return (*transplant(whole.outputs, nodes, given, replaced), *watch())

    def rest(*given: Any) -> Any:
        return transplant(inner, frontier(inner, lambda _: False)[2], given, {})

    return Live(
        whole,
        concrete(backward, list(saved), *arguments),
        tuple(slot for t in saved if (slot := forward[t.name]) is not None),
        concrete(rest, activations, bypass) if inner else None,
        sum(size_of(tensor) for tensor in inner),
    )


def _dependents(graph: Any, names: Iterable[str], forward: Iterable[str]) -> set[str]:
    """The tensors of the forward half that depend on the named ones; the others are made of weights and constants."""
    found, within = set(names), set(forward)
    for op in graph.get_operations():  # in the order of creation: inputs first
        if any(tensor.name in found for tensor in op.inputs):
            found.update(tensor.name for tensor in op.outputs if tensor.name in within)
    return found


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
