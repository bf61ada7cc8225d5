"""Describe the network that follows a layer, from the operations of one trace."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import tensorflow as tf

from segcam_widgets.keras_probe.answers.constants import gives
from segcam_widgets.keras_probe.answers.linearity import (
    LINEAR,
    OFFSET,
    PLATEAU,
    PRODUCTS,
    SHAPES,
    STEPWISE,
    WEIGHT,
    Levels,
    levels,
)
from segcam_widgets.keras_probe.answers.lost import lost_steps
from segcam_widgets.keras_probe.cut.cut import Cut
from segcam_widgets.keras_probe.record.logits import moves_only
from segcam_widgets.keras_probe.record.plan import Env, Plan, Step, run
from segcam_widgets.keras_probe.record.subgraph import Transplant, concrete, frontier
from segcam_widgets.keras_probe.record.targets import activation_name

Operations = dict[str, list[Any]]
"""The operations that a step put into a graph, by the step's path, in order."""


class Found(Mapping[str, str]):
    """A mapping that is computed when first read, because it needs a trace of the tail."""

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


class FoundNames(Sequence[str]):
    """A tuple of names, looked for likewise."""

    def __init__(self, find: Callable[[], tuple[str, ...]]) -> None:
        self._find = find

    def __getitem__(self, index: Any) -> Any:
        return self._find()[index]

    def __len__(self) -> int:
        return len(self._find())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and self._find() == tuple(other)

    def __hash__(self) -> int:
        return hash(self._find())

    def __repr__(self) -> str:
        return repr(self._find())


@dataclass(frozen=True)
class Traced:
    """What a trace of a tail tells.

    Attributes
    ----------
    curved : dict of str to str
        The steps that are not piecewise linear in what they read, and the operation that makes them so, in order.
        Bypass tensors count as variable too: the ledger is linear in them as well.
    constant : dict of str to str
        The steps that give a constant besides, which no weight makes, and how: "full units" or "constants".
    no_gradient : dict of str to str
        The steps that let no gradient through, and the operation.
    factors : callable
        The values, now, of what `products` multiply by.
    products : tuple of (str, str)
        Operations on what depends on the layer with a factor made of weights: their names, and their steps.
    readers : dict of str to list of str
        Which operations read an operation's output, where that depends on the layer.
    entry, end : str
        The operations that give the activations and the logits.
    """

    curved: dict[str, str]
    constant: dict[str, str] = field(default_factory=dict)
    no_gradient: dict[str, str] = field(default_factory=dict)
    factors: Callable[[], Iterable[Any]] = tuple
    products: tuple[tuple[str, str], ...] = ()
    readers: dict[str, list[str]] = field(default_factory=dict)
    entry: str = ""
    end: str = ""

    def zero_steps(self) -> tuple[str, ...]:
        """The steps that multiply by a factor which is zero now, where no path from layer to logits avoids them all."""
        zero = {
            name: path
            for (name, path), values in zip(self.products, self.factors(), strict=True)
            if _is_zero(np.asarray(values))
        }
        if not zero:
            return ()
        seen, met = {self.entry}, set()
        waiting = [self.entry]
        while waiting:
            for name in self.readers.get(waiting.pop(), ()):
                if name in zero:
                    met.add(name)
                elif name not in seen:
                    seen.add(name)
                    waiting.append(name)
        if self.end in seen:
            return ()
        return tuple(dict.fromkeys(path for name, path in zero.items() if name in met))


def _is_zero(values: Any) -> bool:
    return not values.flat[:64].any() and not values.any()  # a kernel's first numbers say it nearly always


def trace_tail(cut: Cut, activations: tf.Tensor, bypass: Iterable[tf.Tensor]) -> Traced:
    """Trace a tail once for tensors like these, and read what it is made of."""
    found: list[Traced] = []
    ends: list[tf.Tensor] = []

    def function(activations: tf.Tensor, bypass: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        env = {cut.target: activations, **dict(zip(cut.bypass, bypass, strict=True))}
        made = run_noting(cut, env)
        traced, factors = _read(cut, env, made, [activations, *bypass])
        found.append(traced)
        ends.extend(tf.identity(factor) for factor in factors)  # one that is captured as it is has no operation
        return ends

    if not cut.tail:
        return Traced({})
    try:
        whole = concrete(function, activations, list(bypass))
    except Exception:  # code of the user's own that runs eagerly alone
        return Traced({f"{cut.tail[0].path} to {cut.tail[-1].path}": "cannot be traced"})
    (traced,) = found
    return replace(traced, factors=_weights_alone(whole, ends)) if traced.products else traced


def _weights_alone(whole: Any, ends: Sequence[tf.Tensor]) -> Callable[[], Any]:
    """Tensors of a traced function that depend on weights alone, without the rest of its graph, which is large.

    A function's outputs wait for all that has a side effect; the tensors they are made of do not.
    """
    free = len(whole.inputs) - len(whole.captured_inputs)
    transplant = Transplant(whole, [tensor.name for tensor in whole.inputs[:free]])
    nodes = frontier(ends, lambda _: False, shapes_are_known=False)[2]
    return concrete(lambda: transplant(ends, nodes, [], {}))


def run_noting(cut: Cut, env: Env) -> Operations:
    """Run a tail in the graph that is being traced, filling `env`; the operations that each step made."""
    graph, made, start = tf.compat.v1.get_default_graph(), Operations(), 0
    start = len(graph.get_operations())

    def note(step: Step) -> None:
        nonlocal start
        made[step.path] = graph.get_operations()[start:]
        start += len(made[step.path])

    run(cut.tail, env, note)
    return made


def levels_of(entries: Iterable[tf.Tensor]) -> Levels:
    """The levels in the graph that is being traced; `entries` are the activations and the bypass tensors."""
    definition = tf.compat.v1.get_default_graph().as_graph_def()
    known = {t.op.name: LINEAR if t.dtype.is_floating or t.dtype.is_complex else STEPWISE for t in entries}
    return levels(definition.node, known, {f.signature.name: f for f in definition.library.function})


def _read(cut: Cut, env: Env, made: Operations, entries: list[tf.Tensor]) -> tuple[Traced, list[tf.Tensor]]:
    found = levels_of(entries)
    curved = {}
    for path, operations in made.items():
        kinds = [found.curved[op.name] for op in operations if op.name in found.curved]
        if kinds:  # a normalisation stops a gradient first and divides then: the second says more
            curved[path] = next((kind for kind in kinds if kind != "StopGradient"), kinds[0])
    readers = _readers(entries[0].op, made)
    below = {entries[0].op.name, *(name for names in readers.values() for name in names)}
    products, factors = [], []
    for path, operations in made.items():
        for op in operations:
            factor = _factor(op, found, below)
            if factor is not None:
                products.append((op.name, path))
                factors.append(factor)
    constant = {}
    for path, operations in made.items():
        ways = {found.constant[op.name] for op in operations if gives(op, found)}
        if ways:
            constant[path] = PLATEAU if PLATEAU in ways else OFFSET
    if found.of[env[cut.end].op.name] < LINEAR:  # steps alone lead to the logits
        constant.setdefault(cut.tail[-1].path, OFFSET)
    traced = Traced(
        curved=curved,
        constant=constant,
        no_gradient=lost_steps(cut, env, made),
        products=tuple(products),
        readers=readers,
        entry=entries[0].op.name,
        end=env[cut.end].op.name,
    )
    return traced, factors


def _readers(entry: Any, made: Operations) -> dict[str, list[str]]:
    """Who reads whose output, from the layer on; a tensor's shape says nothing of its values."""
    readers: dict[str, list[str]] = {entry.name: []}
    for op in (op for operations in made.values() for op in operations):  # in the order of creation
        sources = dict.fromkeys(t.op.name for t in op.inputs if t.op.name in readers)
        if sources and op.type not in SHAPES:
            readers[op.name] = []
            for name in sources:
                readers[name].append(op.name)
    return readers


def _factor(op: Any, found: Levels, below: set[str]) -> tf.Tensor | None:
    """What a product of something that depends on the layer multiplies by, if that is made of weights and constants."""
    if op.type not in PRODUCTS and not op.type.startswith("FusedBatchNorm"):
        return None
    operands = list(op.inputs)[:2] if op.type.startswith("FusedBatchNorm") else list(op.inputs)
    others = [t for t in operands if found.of.get(t.op.name, LINEAR) <= WEIGHT and t.dtype.is_floating]
    return others[0] if len(others) == 1 and any(t.op.name in below for t in operands) else None


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
