"""Activations of one image, kept within a number of bytes and recomputed where they had to go."""

import threading
from collections import Counter, OrderedDict
from collections.abc import Iterable

import tensorflow as tf

from segcam_widgets.models.graph import Env, Plan, Step, ancestors, run


def size_of(tensor: tf.Tensor) -> int:
    return int(tensor.shape.num_elements() or 0) * int(tensor.dtype.size)


class Activations:
    """The tensors of one image by slot: least recently used out first, the input always held.

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
    passes : int
        How many times steps had to be run (1 for a model that fits).
    """

    def __init__(self, plan: Plan, x: tf.Tensor, budget: int) -> None:
        self._plan, self._x, self._budget = plan, x, budget
        self._held: OrderedDict[int, tf.Tensor] = OrderedDict()
        self._bytes = 0
        self._lock = threading.RLock()
        self.shapes: dict[int, tuple[int, ...]] = {plan.inputs[0]: tuple(x.shape)}
        self.floating: set[int] = {plan.inputs[0]} if x.dtype.is_floating else set()
        self.passes = 0
        self._half = False

    @property
    def full_precision(self) -> bool:
        """Whether no tensor of the image is of half precision."""
        return not self._half

    @property
    def held_bytes(self) -> int:
        return self._bytes

    def get(self, slots: Iterable[int]) -> list[tf.Tensor]:
        """The tensors at slots, running only the steps that lead to those which are not held."""
        slots = list(slots)
        with self._lock:
            known = {self._plan.inputs[0]: self._x, **self._held}
            if any(slot not in known for slot in slots):
                self._run(ancestors(self._plan, slots, known), known, set(slots))
            for slot in slots:
                if slot in self._held:
                    self._held.move_to_end(slot)
            return [known[slot] for slot in slots]

    def _run(self, steps: tuple[Step, ...], env: Env, wanted: set[int]) -> None:
        self.passes += 1
        readers = Counter(slot for step in steps for slot in step.inputs)

        def after(step: Step) -> None:
            for slot in step.outputs:
                tensor = env[slot]
                self.shapes[slot] = tuple(tensor.shape)
                if tensor.dtype.is_floating:
                    self.floating.add(slot)
                    self._half |= tensor.dtype.size < 4
                self._hold(slot, tensor)
            for slot in step.inputs:  # free what nobody reads any more, so that the peak stays near the budget
                readers[slot] -= 1
                if readers[slot] == 0 and slot not in wanted and slot not in self._held and slot in env:
                    del env[slot]

        run(steps, env, after)

    def _hold(self, slot: int, tensor: tf.Tensor) -> None:
        size = size_of(tensor)
        if size > self._budget:
            return
        self._held[slot] = tensor
        self._bytes += size
        while self._bytes > self._budget:
            _, old = self._held.popitem(last=False)
            self._bytes -= size_of(old)

    def clear(self) -> None:
        with self._lock:
            self._held.clear()
            self._bytes = 0
