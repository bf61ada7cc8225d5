"""Cut a recorded model at a layer: the steps before it, the steps after it, and the tensors that bypass it."""

from collections.abc import Sequence
from dataclasses import dataclass

import tensorflow as tf

from segcam_widgets.errors import DisconnectedLayerError
from segcam_widgets.keras_probe.record.logits import wide
from segcam_widgets.keras_probe.record.plan import Env, Plan, Step, ancestors, run


@dataclass(frozen=True)
class Cut:
    """A model in two parts, at one slot.

    Attributes
    ----------
    target : int
        The slot of the layer's output.
    bypass : tuple of int
        Other slots that the tail reads: tensors that bypass the layer (skip connections).
    bypass_names : tuple of str
        The layers that make them; ":1" is appended for the second output of a layer.
    tail : tuple of Step
        From the target and the bypass to the end.
    end : int
        The logits' slot.
    """

    target: int
    bypass: tuple[int, ...]
    bypass_names: tuple[str, ...]
    tail: tuple[Step, ...]
    end: int

    def run(self, activations: tf.Tensor, bypass: Sequence[tf.Tensor]) -> Env:
        """Every tensor of the tail by slot. Differentiable."""
        env = {self.target: activations, **dict(zip(self.bypass, bypass, strict=True))}
        return run(self.tail, env) if self.tail else env  # no tail: the logits themselves are the target

    def forward(self, activations: tf.Tensor, bypass: Sequence[tf.Tensor]) -> tf.Tensor:
        """The tail's end, as it comes out of the network (half precision widened). Differentiable."""
        return wide(self.run(activations, bypass)[self.end])


def cut(plan: Plan, target: int, end: int, name: str) -> Cut:
    """Split by reachability. Raises DisconnectedLayerError where the end does not depend on the target."""
    relevant = ancestors(plan, [end])
    below, tail, read = {target}, [], {}
    for step in relevant:
        if target not in step.outputs and any(slot in below for slot in step.inputs):
            tail.append(step)
            read.update(dict.fromkeys(step.inputs))
            below.update(step.outputs)
    if end not in below:
        raise DisconnectedLayerError(f"`layer` {name!r} does not reach the logits: nothing it does can change them.")
    bypass = tuple(slot for slot in read if slot not in below)
    made = plan.producer()
    names: list[str] = []
    for slot in bypass:
        own = made[slot].path if slot in made else plan.input_names[plan.inputs.index(slot)]
        # a layer with several outputs would give its name to all of them
        names.append(own if own not in names else f"{own}:{made[slot].outputs.index(slot)}")
    return Cut(target, bypass, tuple(names), tuple(tail), end)


def reaching(plan: Plan, end: int) -> frozenset[int]:
    """The slots the end depends on, itself included."""
    return frozenset({end, *(slot for step in ancestors(plan, [end]) for slot in (*step.inputs, *step.outputs))})
