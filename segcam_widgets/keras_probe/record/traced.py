"""Record a model without a graph by running its `call` once on symbols.

TensorFlow traces the call into a graph of operations; while it does, every call of a Keras layer in that thread is noted
with the tensors that go in and come out. These tensors are the slots of a plan, and the operations between them its steps,
copied out of the graph: from there on, the model is cut like any other. The steps read the user's own variables. Nothing is
hung on the user's objects; `keras.Layer.__call__` is wrapped while a trace runs, and lets other threads through.
"""

import contextlib
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from segcam_widgets.errors import UnsupportedModelError
from segcam_widgets.keras_probe.record.custom_gradients import plain_swish
from segcam_widgets.keras_probe.record.plan import Plan, Ref, Step
from segcam_widgets.keras_probe.record.subgraph import Part, Source, frontier

_LOCK = threading.Lock()
_PASSING = ("Identity", "IdentityN")


class Operations:
    """The kind of a step that is no layer: what a `call` computes between its layers."""


class Output:
    """The kind of the step that makes what a model returns."""


class Softmax:
    """The kind of a softmax found in the graph; so named, it is known for one."""

    weights = ()


class Sigmoid(Softmax):
    """Likewise."""


SQUASHES = {"Softmax": Softmax, "Sigmoid": Sigmoid}


@dataclass(frozen=True)
class _Call:
    """One call of a layer: where in the model, and the names of the tensors around it."""

    path: str
    layer: Any
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


class _Notes:
    """Notes the calls of layers in one thread. Inside layers of Keras's own nothing is noted: they are one step each."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any, list[Any], list[Any]]] = []
        self._thread = threading.get_ident()
        self._stack: list[tuple[str, Any]] = []
        self._closed = 0

    def around(self, original: Callable[..., Any], layer: Any, args: Any, kwargs: Any) -> Any:
        if threading.get_ident() != self._thread or self._closed:
            return original(layer, *args, **kwargs)
        path = self._path(layer)
        closed = _is_kerass(layer)
        self._stack.append((path, layer))
        self._closed += closed
        try:
            outputs = original(layer, *args, **kwargs)
        finally:
            self._stack.pop()
            self._closed -= closed
        if self._stack:  # the model itself is no layer of its own
            self.calls.append((path, layer, _tensors((args, kwargs)), _tensors(outputs)))
        return outputs

    def _path(self, layer: Any) -> str:
        if not self._stack:
            return ""
        above, parent = self._stack[-1]
        return f"{above}/{called(layer, parent)}".removeprefix("/")


def _is_kerass(layer: Any) -> bool:
    return type(layer).__module__.split(".")[0] == "keras" and not isinstance(layer, keras.Model)


def _tensors(structure: Any) -> list[Any]:
    return [leaf for leaf in keras.tree.flatten(structure) if isinstance(leaf, tf.Tensor)]


def called(layer: Any, parent: Any) -> str:
    """The name of a layer inside another: its own, or where Keras numbered it, that of the attribute which holds it."""
    plain = re.sub(r"([a-z])([A-Z])", r"\1_\2", re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", type(layer).__name__)).lower()
    if re.fullmatch(rf"{plain}(_\d+)?", layer.name) is None:
        return str(layer.name)
    for attribute, value in vars(parent).items():
        if attribute.startswith("_"):  # Keras's own lists
            continue
        if value is layer:
            return attribute
        items = (
            value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list | tuple) else ()
        )
        key = next((key for key, item in items if item is layer), None)
        if key is not None:
            return f"{attribute}_{key}"
    inside = list(parent.layers) if isinstance(parent, keras.Model) else []
    return f"{plain}_{inside.index(layer)}" if layer in inside else plain


@contextlib.contextmanager
def _noting() -> Iterator[_Notes]:
    original, notes = keras.Layer.__call__, _Notes()

    def noted(layer: Any, *args: Any, **kwargs: Any) -> Any:
        return notes.around(original, layer, args, kwargs)

    keras.Layer.__call__ = noted
    try:
        yield notes
    finally:
        keras.Layer.__call__ = original


@contextlib.contextmanager
def _as_it_was(model: Any) -> Iterator[None]:
    """Attributes in which a `call` keeps tensors of its own get back what they held before: symbols are of no use there."""
    before = [(layer, dict(vars(layer))) for layer in model._flatten_layers()]
    try:
        yield
    finally:
        for layer, attributes in before:
            now = vars(layer)
            for name, value in list(now.items()):
                if value is attributes.get(name) or not any(map(tf.is_symbolic_tensor, _tensors(value))):
                    continue
                if name in attributes:
                    now[name] = attributes[name]
                else:
                    del now[name]


# ------------------------------------------------------------------ recording


def trace(model: Any, shape: Sequence[int | None], dtype: str = "float32") -> tuple[Plan, list[tf.Variable]]:
    """A model of any kind as a plan, for images of one size.

    Parameters
    ----------
    model : keras.Model
        Built: its weights are there.
    shape : sequence of int
        Of its input, (1, H, W, C).
    dtype : str

    Returns
    -------
    plan : Plan
    variables : list of tf.Variable
        Those that the graph reads.

    Raises
    ------
    UnsupportedModelError
        The `call` cannot be traced: it decides by the values of tensors in Python, or leaves TensorFlow (numpy).
    """
    spec = tf.TensorSpec((None, *shape[1:]), dtype)
    with _LOCK, _as_it_was(model), _noting() as notes:
        function = tf.function(lambda image: model(image, training=False), autograph=False)
        try:
            traced = function.get_concrete_function(spec)
        except Exception as error:  # anything can happen in code of the user's own
            raise UnsupportedModelError(_untraceable(model, error)) from error
    graph = traced.graph
    here = [
        _Call(path, layer, _names(graph, inputs), _names(graph, outputs))
        for path, layer, inputs, outputs in notes.calls
    ]
    return _Recorder(traced, here).plan(), list(graph.variables)


def _names(graph: Any, tensors: Iterable[Any]) -> tuple[str, ...]:
    """Of those in this graph; not of eager ones, nor of those inside a loop or a branch."""
    return tuple(tensor.name for tensor in tensors if getattr(tensor, "graph", None) is graph)


def _untraceable(model: Any, error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (
        f"`model` must be a network whose call() TensorFlow can trace. Received: {type(model).__name__}, whose call() cannot "
        "be: it probably decides by the values of tensors in Python, or leaves TensorFlow. Write it with keras.ops, or build "
        f"the part that matters with keras.Model(inputs, outputs). TensorFlow says: {type(error).__name__}: "
        f"{(lines or [''])[0][:200]}"
    )


class _Recorder:
    """From a traced graph and the calls in it to a plan."""

    def __init__(self, traced: Any, calls: Sequence[_Call]) -> None:
        free = len(traced.inputs) - len(traced.captured_inputs)
        self._input = traced.inputs[0]
        captured = dict(zip((t.name for t in traced.inputs[free:]), traced.captured_inputs, strict=True))
        definition = plain_swish(traced.graph.as_graph_def())
        self._source = Source(definition, captured, traced if definition.library.function else None)
        self._graph = traced.graph
        self._outputs = traced.structured_outputs
        self._calls = calls
        self._paths: dict[str, int] = {}
        self._kinds: dict[str, tuple[str, Any, bool]] = {}  # tensor -> path, layer, whole

    def plan(self) -> Plan:
        """The plan: one step per layer, and one for what is computed between."""
        for call in self._calls:
            for number, name in enumerate(call.outputs):
                if name != self._input.name and self._kinds.get(name, ("",))[0] == "":
                    path = self._unique(call.path if number == 0 else f"{call.path}:{number}")
                    self._kinds[name] = (path, call.layer, True)
            for name in call.inputs:
                self._kinds.setdefault(name, ("", Operations(), False))
        self._kinds.pop(self._input.name, None)
        ends = self._ends()
        order = {op.name: number for number, op in enumerate(self._graph.get_operations())}
        names = sorted(self._kinds, key=lambda name: order[name.split(":")[0]])
        slots = {self._input.name: 0} | {name: number for number, name in enumerate(names, start=1)}
        steps = tuple(self._step(name, slots) for name in names)
        outputs = {key: slots[name] for key, name in ends.items()}
        return Plan(steps, (0,), (str(self._input.name).split(":")[0],), outputs)

    def _unique(self, path: str) -> str:
        self._paths[path] = number = self._paths.get(path, 0) + 1
        return path if number == 1 else f"{path}#{number}"

    def _ends(self) -> dict[str, str]:
        """The tensors that the model returns, by name; their squashing functions become steps of their own."""
        structure = self._outputs
        keys = sorted(structure) if isinstance(structure, dict) else None
        found = {}
        for number, tensor in enumerate(keras.tree.flatten(structure)):
            end = self._graph.get_tensor_by_name(tensor.name)
            while end.op.type in _PASSING and end.name not in self._kinds:
                end = end.op.inputs[0] if end.op.type == "Identity" else end.op.inputs[end.value_index]
            if end.op.type in SQUASHES:
                source = end.op.inputs[0]
                path, layer, _ = self._kinds.get(end.name, ("", None, False))
                if path and not isinstance(layer, keras.layers.Softmax | keras.layers.Activation):
                    self._kinds[source.name] = (path, layer, False)  # the layer that has it inside, without it
                elif self._kinds.get(source.name, ("",))[0] == "":
                    self._kinds[source.name] = (self._unique("logits"), Output(), False)
                self._kinds[end.name] = (self._unique(end.op.type.lower()), SQUASHES[end.op.type](), True)
            elif self._kinds.get(end.name, ("",))[0] == "":
                self._kinds[end.name] = (self._unique("output"), Output(), False)
            found[str(keys[number]) if keys else f"output_{number}"] = end.name
        return found

    def _step(self, name: str, slots: Mapping[str, int]) -> Step:
        path, layer, whole = self._kinds[name]
        end = self._graph.get_tensor_by_name(name)
        entries, _, nodes = frontier([end], lambda t: t.name in slots, shapes_are_known=False)
        part = Part(self._source, [end], entries, nodes, whole=whole)
        refs = tuple(Ref(slots[tensor.name]) for tensor in entries)
        return Step(path or self._unique(f"before {name}"), part, refs, {}, (slots[name],), layer)
