"""One model taken apart, and its compiled tails: shared by every image that is opened on the model.

Compiled functions are kept here, a few dozen at most, not on the probe: a second image costs no tracing. Weights are the
user's own variables, held by reference.
"""

import itertools
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from segcam_widgets.errors import UnsupportedModelError
from segcam_widgets.models.cut import Cut, cut, reaching
from segcam_widgets.models.graph import Plan, inlinable, record
from segcam_widgets.models.logits import Logits, choose_output, find_logits

DEEP = 20
"""Tails with more steps than this answer eagerly at first and are compiled behind the answer (graph notes: 30-200 ms below)."""
KEPT = 48
"""Compiled functions kept a model; each holds 5-9 MB."""

_ENGINES: "weakref.WeakKeyDictionary[Any, dict[str | int | None, Engine]]" = weakref.WeakKeyDictionary()
_LOCK = threading.Lock()
_COMPILER = ThreadPoolExecutor(1, thread_name_prefix="segcam-compile")


@dataclass(frozen=True, slots=True)
class Target:
    """A slot that can be explained."""

    name: str
    slot: int
    kind: str
    activation: str | None


class Engine:
    """A recorded model and the functions compiled from it.

    Attributes
    ----------
    plan : Plan
        Without the squashing function.
    logits : Logits
    traces : int
        How many functions were compiled so far (tests count them).
    """

    def __init__(self, model: Any, output: str | int | None = None) -> None:
        if not inlinable(model):
            raise UnsupportedModelError(
                f"`model` must be a Functional or Sequential Keras model with a graph. Received: {type(model).__name__}, whose "
                "call() is its own code. Build it with keras.Model(inputs, outputs), for example "
                "keras.Model(x := keras.Input(shape), your_model.call(x))."
            )
        if len(model.inputs) != 1:
            names = ", ".join(str(t.name) for t in model.inputs)
            raise UnsupportedModelError(
                f"`model` must have one input, the image. Received: {len(model.inputs)} inputs ({names})."
            )
        self.logits: Logits = find_logits(record(model), output)
        self.plan: Plan = self.logits.plan
        for step in self.plan.steps:
            if getattr(step.layer, "data_format", None) == "channels_first":
                raise UnsupportedModelError(
                    f"`model` must have its channels last. Received: layer {step.path!r} with data_format='channels_first'."
                )
        self.input_shape: tuple[int | None, ...] = tuple(model.inputs[0].shape)
        self.input_dtype: str = str(model.inputs[0].dtype)
        self.variables: list[tf.Variable] = [v.value for v in model.variables if v.dtype not in ("string",)]
        self.verified = False
        self._output_index = list(self.plan.outputs.values()).index(choose_output(self.plan, output))
        self.traces = 0
        self._functions: OrderedDict[Hashable, Callable[..., Any]] = OrderedDict()
        self._pending: dict[Hashable, Future[None]] = {}
        self._cuts: dict[int, Cut] = {}
        self._lock = threading.RLock()
        self._stamp: Callable[[], tf.Tensor] | None = None

    @cached_property
    def reaching(self) -> frozenset[int]:
        return reaching(self.plan, self.logits.slot)

    def targets(self, shapes: dict[int, tuple[int, ...]], floating: set[int]) -> tuple[Target, ...]:
        """Slots with a (1, h, w, K) output of real numbers, the input first, in graph order."""
        names = itertools.chain(
            (
                (slot, name, "InputLayer", None)
                for slot, name in zip(self.plan.inputs, self.plan.input_names, strict=True)
            ),
            (
                (step.outputs[0], step.path, type(step.layer).__name__, activation_name(step.layer))
                for step in self.plan.steps
                if len(step.outputs) == 1 and step.layer is not None
            ),
        )
        return tuple(
            Target(name, slot, kind, activation)
            for slot, name, kind, activation in names
            if len(shapes.get(slot, ())) == 4 and slot in floating
        )

    def cut(self, slot: int, name: str) -> Cut:
        with self._lock:
            if slot not in self._cuts:
                self._cuts[slot] = cut(self.plan, slot, self.logits.slot, name)
            return self._cuts[slot]

    def call(self, key: Hashable, function: Callable[..., Any], arguments: Sequence[Any], deep: bool) -> Any:
        """Run a function on tensors: compiled where it is, or soon will be.

        A concrete function is traced once for each key. A deep one answers eagerly while it is compiled in the background.
        """
        with self._lock:
            compiled = self._functions.get(key)
            if compiled is not None:
                self._functions.move_to_end(key)
            elif deep and key not in self._pending:
                spec = signature(arguments)
                self._pending[key] = _COMPILER.submit(self._compile, key, function, spec)
            elif not deep:
                compiled = self._compile(key, function, signature(arguments))
        if compiled is None:
            return function(*arguments)
        return compiled(*arguments)

    def _compile(self, key: Hashable, function: Callable[..., Any], spec: Any) -> Callable[..., Any]:
        # a concrete function never retraces, and does not count towards TensorFlow's retracing warning
        concrete = tf.function(function, autograph=False).get_concrete_function(*spec)
        with self._lock:
            self.traces += 1
            self._functions[key] = concrete
            self._pending.pop(key, None)
            while len(self._functions) > KEPT:
                self._functions.popitem(last=False)
        return concrete

    def own_output(self, outputs: Any) -> Any:
        """Out of what the model itself returns, the output that was chosen at opening."""
        return keras.tree.flatten(outputs)[self._output_index]

    def settle(self, timeout: float | None = None) -> None:
        """Wait for what is being compiled in the background."""
        with self._lock:
            pending = list(self._pending.values())
        for future in pending:
            future.result(timeout)

    def weights_stamp(self) -> bytes:
        """A checksum of every weight: whether the model changed since. One pass over the weights, inside the graph.

        Two sums a variable, plain and against a fixed ramp, so that swapping or negating values shows as well.
        """
        if self._stamp is None:
            variables = self.variables

            def stamp() -> tf.Tensor:
                sums = []
                for variable in variables:
                    values = tf.cast(tf.reshape(variable, [-1]), tf.float32)
                    sums += [
                        tf.reduce_sum(values),
                        tf.tensordot(values, tf.cos(tf.range(tf.size(values), dtype=tf.float32)), 1),
                    ]
                return tf.stack(sums) if sums else tf.zeros([0])

            self._stamp = tf.function(stamp, autograph=False).get_concrete_function()
        return np.asarray(self._stamp()).tobytes()


def signature(arguments: Sequence[Any]) -> Any:
    """TensorSpecs like the arguments."""
    return keras.tree.map_structure(lambda t: tf.TensorSpec(t.shape, t.dtype), list(arguments))


def activation_name(layer: Any) -> str | None:
    """Name of the activation a layer ends with; None for a linear one or where it cannot be known."""
    if isinstance(layer, keras.layers.ReLU):
        return "relu"
    name = getattr(getattr(layer, "activation", None), "__name__", None)
    if name is None and isinstance(layer, keras.Operation) and not isinstance(layer, keras.Layer):
        return type(layer).__name__.lower() if type(layer).__name__ in ("Relu", "Gelu", "Silu", "Relu6") else None
    return None if name == "linear" else name


def engine_for(model: Any, output: str | int | None = None) -> Engine:
    """The model's engine, made at the first call; forgotten with the model."""
    with _LOCK:
        engines = _ENGINES.setdefault(model, {})
        if output not in engines:
            engines[output] = Engine(model, output)
        return engines[output]
