"""A model as a flat list of steps, and how it is run."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import keras
import tensorflow as tf

Env = dict[int, tf.Tensor]


@dataclass(frozen=True, slots=True)
class Ref:
    """A slot of the flat graph, standing in a call's arguments where a tensor goes."""

    slot: int


def channels_first(tensor: Any) -> Any:
    """(N, h, w, K) as (N, K, h, w)."""
    return tf.transpose(tensor, (0, 3, 1, 2))


def channels_last(tensor: Any) -> Any:
    """(N, K, h, w) as (N, h, w, K)."""
    return tf.transpose(tensor, (0, 2, 3, 1))


@dataclass(frozen=True)
class Step:
    """One call of one layer.

    Attributes
    ----------
    path : str
        "backbone/block1_conv"; "#2" is appended for the second call of a shared layer.
    run : callable
        The user's layer, or a stand-in that computes with the layer's own variables.
    args, kwargs
        Of the call, with `Ref` for tensors.
    outputs : tuple of int
        The slots it fills.
    layer
        The user's layer or operation, for its type and settings.
    reads_first : frozenset of int
        Slots that the layer reads channels first. A slot itself holds its channels last (`models.layout`).
    gives_first : frozenset of int
        Which of its outputs, counted from 0, the layer gives channels first.
    """

    path: str
    run: Callable[..., Any] = field(repr=False)
    args: tuple[Any, ...] = field(repr=False)
    kwargs: dict[str, Any] = field(repr=False)
    outputs: tuple[int, ...]
    layer: Any = field(repr=False, default=None)
    reads_first: frozenset[int] = field(repr=False, default=frozenset())
    gives_first: frozenset[int] = field(repr=False, default=frozenset())

    @property
    def inputs(self) -> tuple[int, ...]:
        """The slots it reads, each once."""
        leaves = keras.tree.flatten((self.args, self.kwargs))
        return tuple(dict.fromkeys(leaf.slot for leaf in leaves if isinstance(leaf, Ref)))

    def __call__(self, env: Env) -> None:
        def given(leaf: Any) -> Any:
            if not isinstance(leaf, Ref):
                return leaf
            tensor = env[leaf.slot]
            return channels_first(tensor) if leaf.slot in self.reads_first else tensor

        args, kwargs = keras.tree.map_structure(given, (self.args, self.kwargs))
        for number, tensor in enumerate(found := keras.tree.flatten(self.run(*args, **kwargs))):
            if number in self.gives_first:
                found[number] = channels_last(tensor)
        env.update(zip(self.outputs, found, strict=True))

    def rewired(self, old: int, new: int) -> "Step":
        """The same call reading slot `new` where it read `old`."""
        args, kwargs = keras.tree.map_structure(
            lambda leaf: Ref(new) if isinstance(leaf, Ref) and leaf.slot == old else leaf, (self.args, self.kwargs)
        )
        reads = frozenset(new if slot == old else slot for slot in self.reads_first)
        return replace(self, args=args, kwargs=kwargs, reads_first=reads)


@dataclass(frozen=True)
class Plan:
    """A model as steps in the order of execution.

    `ranks` tells how many axes the tensor of a slot has; `first` are the slots of maps that the model itself has channels
    first.
    """

    steps: tuple[Step, ...]
    inputs: tuple[int, ...]
    input_names: tuple[str, ...]
    outputs: dict[str, int]
    ranks: dict[int, int] = field(repr=False, default_factory=dict)
    first: frozenset[int] = field(repr=False, default=frozenset())

    def producer(self) -> dict[int, Step]:
        """Which step fills a slot."""
        return {slot: step for step in self.steps for slot in step.outputs}


class _Inference(keras.Layer):
    """Holds `training=False` in Keras's call context around a block.

    `Resizing` declares `call(..., training=True)`; inside a layer that has no `training` argument of its own that default
    leaks to the batch norms called after it, unless an outer call said False.
    """

    def __init__(self) -> None:
        super().__init__(autocast=False, dtype="float32", name="inference")

    def call(self, anchor: tf.Tensor, body: Callable[[], None], training: bool | None = None) -> tf.Tensor:
        body()
        return anchor


def run(steps: Iterable[Step], env: Env, after: Callable[[Step], None] | None = None) -> Env:
    """Execute steps in inference mode, filling `env`; `after` is called behind each (to free what is done with)."""

    def body() -> None:
        for step in steps:
            step(env)
            if after is not None:
                after(step)

    anchor = next(iter(env.values()))
    _Inference()(anchor, body=body, training=False)
    return env


def ancestors(plan: Plan, wanted: Iterable[int], have: Iterable[int] = ()) -> tuple[Step, ...]:
    """The steps that lead to slots, in order, given what is known already."""
    made, known = plan.producer(), set(have)
    needed: set[str] = set()
    stack = list(wanted)
    while stack:
        slot = stack.pop()
        step = made.get(slot)
        if slot in known or step is None or step.path in needed:
            continue
        needed.add(step.path)
        stack.extend(step.inputs)
    return tuple(step for step in plan.steps if step.path in needed)


def size_of(tensor: tf.Tensor | tf.TensorSpec) -> int:
    """Bytes."""
    return int(tensor.shape.num_elements() or 0) * int(tensor.dtype.size)
