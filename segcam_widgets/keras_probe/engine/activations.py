"""Activations of one image, cached within a budget of bytes and recomputed if dropped."""

import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

import tensorflow as tf

from segcam_widgets.keras_probe.record.plan import Env, Plan, Step, ancestors, run, size_of


class Held:
    """Tensors by key within a number of bytes: least recently used out first."""

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.bytes = 0
        self._entries: OrderedDict[Hashable, tuple[tf.Tensor, ...]] = OrderedDict()

    def __contains__(self, key: Hashable) -> bool:
        return key in self._entries

    def items(self) -> list[tuple[Hashable, tuple[tf.Tensor, ...]]]:
        """Everything held; counts as no use."""
        return list(self._entries.items())

    def get(self, key: Hashable) -> tuple[tf.Tensor, ...] | None:
        """The tensors of a key, which is now the most recently used; None where they had to go."""
        if key not in self._entries:
            return None
        self._entries.move_to_end(key)
        return self._entries[key]

    def put(self, key: Hashable, tensors: Sequence[tf.Tensor]) -> None:
        """Hold tensors, unless they alone exceed the budget."""
        size = sum(map(size_of, tensors))
        if size > self.budget or key in self._entries:
            return
        self._entries[key] = tuple(tensors)
        self.bytes += size
        while self.bytes > self.budget:
            _, old = self._entries.popitem(last=False)
            self.bytes -= sum(map(size_of, old))

    def clear(self) -> None:
        """Let go of everything."""
        self._entries.clear()
        self.bytes = 0


class Activations:
    """The tensors of one image by slot. The input is always held; the rest within a budget.

    Parameters
    ----------
    plan : Plan
    x : tensor, (1, ...)
    budget : int
        Bytes.

    Attributes
    ----------
    shapes : dict of int to tuple
        Of every slot seen, kept when the tensor is not.
    dtypes : dict of int to DType
        Likewise.
    floating : set of int
        Slots of real numbers.
    full_precision : bool
        Whether no tensor of the image is of half precision.
    size : tuple of int
        Of the input, (1, h, w, C).
    asked : set of int
        Slots that were asked for so far, without the input.
    passes : int
        How many times steps had to be run (1 for a model that fits).
    """

    def __init__(self, plan: Plan, x: tf.Tensor, budget: int) -> None:
        self._plan, self._x = plan, x
        self.size: tuple[int, ...] = tuple(x.shape)
        self._held = Held(budget)
        self._lock = threading.RLock()
        self._bytes: dict[int, int] = {}
        self.shapes: dict[int, tuple[int, ...]] = {plan.inputs[0]: tuple(x.shape)}
        self.dtypes: dict[int, tf.DType] = {plan.inputs[0]: x.dtype}
        self.floating: set[int] = {plan.inputs[0]} if x.dtype.is_floating else set()
        self.full_precision = True
        self.asked: set[int] = set()
        self.passes = 0

    @property
    def x(self) -> tf.Tensor:
        """The input."""
        return self._x

    @property
    def held_bytes(self) -> int:
        """What is held now, the input aside."""
        return self._held.bytes

    @property
    def budget(self) -> int:
        """Bytes that may be held."""
        return self._held.budget

    @property
    def all_bytes(self) -> int:
        """What all tensors seen so far take together."""
        return sum(self._bytes.values())

    @property
    def fit_whole(self) -> bool:
        """Whether all of them can be held together."""
        return self.all_bytes <= self._held.budget

    def fits(self, slots: Iterable[int], extra: int = 0) -> bool:
        """Whether these slots and some bytes more can be held together."""
        return sum(self._bytes.get(slot, 0) for slot in set(slots)) + extra <= self._held.budget

    def specs(self, slots: Iterable[int]) -> list[tf.TensorSpec]:
        """What the tensors at slots look like, without computing any."""
        return [tf.TensorSpec(self.shapes[slot], self.dtypes[slot]) for slot in slots]

    def known(self) -> dict[int, tf.TensorSpec]:
        """What every tensor seen so far looks like."""
        return dict(zip(self.shapes, self.specs(self.shapes), strict=True))

    def expect(self, specs: Mapping[int, tf.TensorSpec]) -> None:
        """Learn what tensors look like that were not computed: those of another image of this size."""
        for slot, spec in specs.items():
            if slot not in self.shapes:
                self._see(slot, spec)

    def get(self, slots: Iterable[int]) -> list[tf.Tensor]:
        """The tensors at slots, running only the steps that lead to those which are not held."""
        slots = list(slots)
        with self._lock:
            self.asked.update(slot for slot in slots if slot != self._plan.inputs[0])
            env: Env = {self._plan.inputs[0]: self._x}
            for slot in slots:
                found = self._held.get(slot)
                if found is not None:
                    env[slot] = found[0]
            if any(slot not in env for slot in slots):
                env = {key: tensors[0] for key, tensors in self._held.items() if isinstance(key, int)} | env
                self._run(ancestors(self._plan, slots, env), env, set(slots))
            return [env[slot] for slot in slots]

    def take(self, tensors: Mapping[int, tf.Tensor]) -> None:
        """Hold what was computed elsewhere, in one go, for this image."""
        with self._lock:
            self.passes += 1
            for slot, tensor in tensors.items():
                self._see(slot, tensor)
                self._held.put(slot, [tensor])

    def computed(self, key: Hashable, compute: Callable[[], Sequence[tf.Tensor]]) -> tuple[tf.Tensor, ...]:
        """Tensors of this image that are no layer's output, held within the same budget."""
        with self._lock:
            found = self._held.get(key)
            if found is None:
                found = tuple(compute())
                self._held.put(key, found)
            return found

    def _run(self, steps: tuple[Step, ...], env: Env, wanted: set[int]) -> None:
        first = self.passes == 0
        self.passes += 1
        readers = Counter(slot for step in steps for slot in step.inputs)
        # where the whole does not fit, what was not asked for would push out what was; at first nothing was
        choosy = not first and not self.fit_whole

        def after(step: Step) -> None:
            for slot in step.outputs:
                tensor = env[slot]
                self._see(slot, tensor)
                if slot in wanted or not choosy:
                    self._held.put(slot, [tensor])
            readers.subtract(step.inputs)
            for slot in (
                *step.inputs,
                *step.outputs,
            ):  # free what no later step reads, so that the peak stays near the budget
                if readers[slot] <= 0 and slot not in wanted and slot not in self._held:
                    env.pop(slot, None)

        run(steps, env, after)

    def _see(self, slot: int, tensor: tf.Tensor | tf.TensorSpec) -> None:
        self.shapes[slot], self.dtypes[slot] = tuple(tensor.shape), tensor.dtype
        self._bytes[slot] = size_of(tensor)
        if tensor.dtype.is_floating:
            self.floating.add(slot)
            self.full_precision &= tensor.dtype.size >= 4

    def clear(self) -> None:
        """Let go of everything but the input and the shapes."""
        with self._lock:
            self._held.clear()
