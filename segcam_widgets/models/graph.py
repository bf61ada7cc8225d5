"""Record a Keras model once as a flat tuple of steps. Nested models are spliced in; nothing is added to the user's model.

The recording clones `keras.Model(model.inputs, model.outputs)` with a call function that puts a stand-in operation where the
user's layer would be called, so that the graph's nodes belong to the stand-ins. No second model is built on the user's
layers, no weight is copied; running a step is calling the user's own layer.
"""

import functools
import inspect
import itertools
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import keras
import tensorflow as tf

Env = dict[int, tf.Tensor]
_AUTOMATIC = re.compile(r"^(functional|sequential|model)(_\d+)?$")


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


class _Stand(keras.Operation):
    """Stands for one call in the recorded graph and owns its node, so that the user's layer gets none."""

    def __init__(self, spec: Any) -> None:
        super().__init__()
        self._spec = spec

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        return self._spec


@dataclass(frozen=True)
class _Call:
    layer: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    outputs: list[Any]


@functools.cache  # a model of Keras's takes milliseconds to build
def _functional_call() -> Any:
    entry = keras.Input((1,))
    return type(keras.Model(entry, keras.layers.Identity()(entry))).call


def inlinable(layer: Any) -> bool:
    """A Functional or Sequential whose `call` is the graph's own; a subclass that overrides it stays one opaque step."""
    if isinstance(layer, keras.Sequential):  # not a keras.Function, but has inputs and outputs once built
        return bool(layer.built) and type(layer).call is keras.Sequential.call
    return isinstance(layer, keras.Function) and type(layer).call in (keras.Function.call, _functional_call())


def _calls(model: Any) -> tuple[list[Any], list[Any], list[_Call]]:
    """Every call in a functional model, in topological order, with symbolic arguments."""
    calls: list[_Call] = []

    def record(layer: Any, *args: Any, **kwargs: Any) -> Any:
        outputs = _Stand(layer.compute_output_spec(*args, **kwargs))(*args, **kwargs)
        calls.append(_Call(layer, args, kwargs, keras.tree.flatten(outputs)))
        return outputs

    # of the model's own ends: clone_model would otherwise clone compile() too, and trip over a custom loss
    bare = keras.Model(model.inputs, model.outputs)
    twin = keras.models.clone_model(bare, clone_function=lambda layer: layer, call_function=record)
    return list(twin.inputs), list(twin.outputs), calls


class _Recorder:
    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.ranks: dict[int, int] = {}
        self._slots: dict[int, int] = {}
        self._alive: list[Any] = []  # symbolic tensors stay alive while their id() is a key
        self._count = itertools.count()
        self._paths: dict[str, int] = {}
        self._containers: dict[str, int] = {}

    def new(self) -> int:
        return next(self._count)

    def bind(self, tensor: Any, slot: int) -> None:
        self._alive.append(tensor)
        self._slots[id(tensor)] = slot
        self.ranks[slot] = len(tensor.shape)

    def unique(self, path: str) -> str:
        self._paths[path] = number = self._paths.get(path, 0) + 1
        return path if number == 1 else f"{path}#{number}"

    def container(self, name: str) -> str:
        """Automatic names of containers count models in the process: number them per model instead."""
        match = _AUTOMATIC.match(name)
        if match is None:
            return name
        kind = match.group(1)
        self._containers[kind] = number = self._containers.get(kind, 0) + 1
        return f"{kind}_{number}"

    def splice(self, model: Any, sources: Sequence[tuple[int, str]], prefix: str) -> list[int]:
        """Append a model's calls; `sources` are (slot, dtype) of its inputs. Returns the slots of its outputs."""
        inputs, outputs, calls = _calls(model)
        self._alive.append((inputs, outputs, calls))
        for tensor, (slot, dtype) in zip(inputs, sources, strict=True):
            # a nested model converts to its Input's dtype (mixed precision)
            self.bind(tensor, slot if dtype == tensor.dtype else self.cast(slot, tensor.dtype, prefix))
        for call in calls:
            self.call(call, prefix)
        return [self._slots[id(tensor)] for tensor in outputs]

    def cast(self, slot: int, dtype: str, prefix: str) -> int:
        new = self.new()
        self.steps.append(Step(self.unique(prefix + "cast"), lambda x: tf.cast(x, dtype), (Ref(slot),), {}, (new,)))
        return new

    def call(self, call: _Call, prefix: str) -> None:
        layer = call.layer
        if inlinable(layer):
            given = [x for x in keras.tree.flatten((call.args, call.kwargs)) if isinstance(x, keras.KerasTensor)]
            path = self.unique(prefix + self.container(layer.name))
            ends = self.splice(layer, [(self._slots[id(x)], x.dtype) for x in given], path + "/")
            for tensor, slot in zip(call.outputs, ends, strict=True):
                self.bind(tensor, slot)
            return
        args, kwargs = keras.tree.map_structure(
            lambda x: Ref(self._slots[id(x)]) if isinstance(x, keras.KerasTensor) else x, (call.args, call.kwargs)
        )
        if isinstance(layer, keras.Layer) and "training" in inspect.signature(layer.call).parameters:
            kwargs = {**kwargs, "training": False}
        for tensor in call.outputs:
            self.bind(tensor, self.new())
        slots = tuple(self._slots[id(tensor)] for tensor in call.outputs)
        self.steps.append(Step(self.unique(prefix + layer.name), layer, tuple(args), dict(kwargs), slots, layer))


def record(model: Any) -> Plan:
    """A Functional or Sequential model as a plan. 10-80 ms for 30-270 layers."""
    recorder = _Recorder()
    inputs = tuple(recorder.new() for _ in model.inputs)
    ends = recorder.splice(model, [(slot, t.dtype) for slot, t in zip(inputs, model.inputs, strict=True)], "")
    names = _output_names(model)
    outputs = {}
    for index, (name, end) in enumerate(zip(names, ends, strict=True)):
        outputs[name if name not in outputs else f"{name}#{index + 1}"] = end
    input_names = tuple(str(t.name).split(":")[0] for t in model.inputs)
    return Plan(tuple(recorder.steps), inputs, input_names, outputs, recorder.ranks)


def _output_names(model: Any) -> list[str]:
    # Sequential.output raises until the model was called; Sequential.outputs does not
    structure = model.output if isinstance(model, keras.Function) else None
    keys = {id(t): str(key) for key, t in structure.items()} if isinstance(structure, dict) else {}
    default = list(getattr(model, "output_names", None) or []) or [f"output_{i}" for i, _ in enumerate(model.outputs)]
    return [keys.get(id(t), name) for t, name in zip(model.outputs, default, strict=True)]


# ------------------------------------------------------------------ running


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
