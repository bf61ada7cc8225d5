"""`Engine`: one recorded model and its compiled tails, shared by all images that are opened with the model.

Compiled functions are kept here, a few dozen at most, not on the probe: a second image costs no tracing. Weights are the
user's own variables, held by reference.
"""

import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import cached_property
from typing import Any, TypeVar

import keras

from segcam_widgets.keras_probe.cut.cut import Cut, cut, reaching
from segcam_widgets.keras_probe.engine.ahead import Ahead
from segcam_widgets.keras_probe.engine.weight_watch import WeightWatch
from segcam_widgets.keras_probe.record.adapters import has_graph, record_model
from segcam_widgets.keras_probe.record.logits import Logits, choose_output, find_logits, log_probabilities
from segcam_widgets.keras_probe.record.plan import Plan, channels_last
from segcam_widgets.keras_probe.record.subgraph import concrete
from segcam_widgets.keras_probe.tensorflow_bugs import _breaks_eagerly

Built = TypeVar("Built")
DEEP = 20
"""Tails with more steps run eagerly first and are compiled in the background; shorter ones compile at once (30-200 ms)."""
KEPT = 48
"""Compiled functions kept per model; each takes 3 to 15 MB."""
SIZES = 4
"""Engines kept of a model without a graph."""

_ENGINES: "weakref.WeakKeyDictionary[Any, dict[tuple[Hashable, ...], Engine]]" = weakref.WeakKeyDictionary()
_LOCK = threading.Lock()
_COMPILER = ThreadPoolExecutor(1, thread_name_prefix="segcam-compile")
AHEAD = Ahead(_COMPILER)
"""Work compiled ahead of need, one list for all models: a person looks at one view at a time."""


class Engine:
    """A recorded model and the functions compiled from it.

    Attributes
    ----------
    plan : Plan
        Without the squashing function.
    logits : Logits
    weights : WeightWatch
        Tells whether they changed.
    traces : int
        How many functions were compiled so far (tests count them).
    """

    def __init__(
        self, model: Any, size: Sequence[int], output: str | int | None = None, *, of_probabilities: bool = False
    ) -> None:
        found = record_model(model, size)
        end = choose_output(found.plan, output)
        self.logits: Logits = (
            log_probabilities(found.plan, end, "softmax") if of_probabilities else find_logits(found.plan, end)
        )
        self.plan: Plan = self.logits.plan
        self._output_index = list(found.plan.outputs.values()).index(end)
        self._ends_first = end in found.plan.first
        # a trace bakes these in: where one is exchanged afterwards, the engine is out of date
        steps = found.plan.steps
        self._activations = [(s.layer, s.layer.activation) for s in steps if hasattr(s.layer, "activation")]
        self.input_shape = found.shape
        self.input_dtype = found.dtype
        self._traced = found.traced
        self._fragile = any(_breaks_eagerly(step.layer) for step in steps)
        self.verified = False
        self.traces = 0
        self._functions: OrderedDict[Hashable, Any] = OrderedDict()
        self._pending: dict[Hashable, Future[Any]] = {}
        self._eager: set[Hashable] = set()
        self._cuts: dict[int, Cut] = {}
        self._facts: dict[Hashable, Any] = {}
        self._lock = threading.RLock()
        self.weights = WeightWatch(found.variables)

    @property
    def current(self) -> bool:
        """Whether the model's layers still have the activations they were recorded with."""
        return all(layer.activation is activation for layer, activation in self._activations)

    @cached_property
    def reaching(self) -> frozenset[int]:
        return reaching(self.plan, self.logits.slot)

    def cut(self, slot: int, name: str) -> Cut:
        with self._lock:
            if slot not in self._cuts:
                self._cuts[slot] = cut(self.plan, slot, self.logits.slot, name)
            return self._cuts[slot]

    def call(self, key: Hashable, function: Callable[..., Any], arguments: Sequence[Any], deep: bool) -> Any:
        """Run a function on tensors: compiled where it is, or soon will be.

        A concrete function is traced once for each key. A deep one answers eagerly while it is compiled in the background.
        """
        compiled = self.compiled(key, lambda: concrete(function, *arguments), deep)
        return (compiled or function)(*arguments)

    def compiled(self, key: Hashable, build: Callable[[], Built], deep: bool) -> Built | None:
        """What was built under a key, once for all images of a size; None while a deep one is built in the background.

        None for good where it cannot be built: some layers run eagerly alone (a Python `if` on values, say).
        """
        with self._lock:
            if key in self._functions:
                self._functions.move_to_end(key)
                return self._functions[key]
            if key in self._pending or key in self._eager:
                return None
            # steps out of a traced graph take longer eagerly than all of them at once
            if deep and not self._traced and not self._fragile:
                self._pending[key] = _COMPILER.submit(self._try, key, build)
                return None
            return self._try(key, build)

    def prepare(self, key: Hashable, build: Callable[[], object]) -> None:
        """Build here and now what is not built yet, while other questions go on: they answer eagerly until it is there."""
        if self._fragile:
            return
        done: Future[None] = Future()
        with self._lock:
            if key in self._functions or key in self._pending or key in self._eager:
                return
            self._pending[key] = done
        try:
            self._try(key, build)
        finally:
            done.set_result(None)

    def _try(self, key: Hashable, build: Callable[[], Built]) -> Built | None:
        try:
            return self._build(key, build)
        except Exception:  # whatever stops a trace, the eager run tells it better, or does not mind
            with self._lock:
                self._pending.pop(key, None)
                self._eager.add(key)
            return None

    def in_graph(self, key: Hashable, function: Callable[..., Any], arguments: Sequence[Any]) -> Any:
        """The compiled function of a key, for what cannot run eagerly; traced here, while other questions go on."""
        with self._lock:
            compiled = self._functions.get(key)
            if compiled is not None:
                self._functions.move_to_end(key)
        return compiled or self._build(key, lambda: concrete(function, *arguments))

    def _build(self, key: Hashable, build: Callable[[], Built]) -> Built:
        built = build()
        with self._lock:
            self.traces += 1
            self._functions[key] = built
            self._pending.pop(key, None)
            while len(self._functions) > KEPT:
                self._functions.popitem(last=False)
        return built

    def fact(self, key: Hashable, find: Callable[[], Built]) -> Built:
        """What is found out about the model once, and kept."""
        if key not in self._facts:
            self._facts[key] = find()
        return self._facts[key]

    def latest(self, key: Hashable, version: int, find: Callable[[], Built]) -> Built:
        """What is found out about the model with the weights of one version, and kept until they change."""
        kept = self._facts.get(key)
        if kept is None or kept[0] != version:
            kept = self._facts[key] = (version, find())
        return kept[1]

    def own_output(self, outputs: Any) -> Any:
        """Out of what the model itself returns, the output that was chosen at opening; a map with its channels last."""
        own = keras.tree.flatten(outputs)[self._output_index]
        return channels_last(own) if self._ends_first else own

    def settle(self, timeout: float | None = None) -> None:
        """Wait for what is being compiled in the background."""
        with self._lock:
            pending = list(self._pending.values())
        wait(pending, timeout)


def engine_for(
    model: Any, size: Sequence[int], output: str | int | None = None, *, of_probabilities: bool = False
) -> Engine:
    """The model's engine, made at the first call; forgotten with the model.

    One does for images of every size (1, H, W, C), but where a model has no graph: then each size has its own, and the
    last few are kept.
    """
    kind = (repr(output), of_probabilities)
    key = kind if has_graph(model) else (*kind, *size)
    with _LOCK:
        engines = _ENGINES.setdefault(model, {})
        if key not in engines or not engines[key].current:
            engines[key] = Engine(model, size, output, of_probabilities=of_probabilities)
        while len(engines) > SIZES and key != kind:
            engines.pop(next(iter(engines)))
        return engines[key]
