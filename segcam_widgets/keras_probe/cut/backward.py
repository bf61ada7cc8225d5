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

import tensorflow as tf

from segcam_widgets.keras_probe.cut.cut import Cut
from segcam_widgets.keras_probe.cut.gradient import Head, pullback
from segcam_widgets.keras_probe.record.plan import Env, size_of
from segcam_widgets.keras_probe.record.subgraph import Transplant, _shape, concrete, frontier


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
