"""A series of images: from the third of a size on, one compiled function computes what is held of an image.

Run step by step a network of 30 layers takes several times as long, but nothing has to be compiled for it: that is right for
one image, and for two.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from segcam_widgets.models.engine import Engine
from segcam_widgets.models.graph import Plan, Step, ancestors, run
from segcam_widgets.models.live import concrete
from segcam_widgets.models.tensors import Activations

SERIES = 3
"""The image with which a series begins."""


@dataclass
class Series:
    """The images of one size that were opened on a model.

    Attributes
    ----------
    opened : int
    bytes : int
        What all layers of one take.
    """

    opened: int = 0
    bytes: int = 0


def forward(engine: Engine, tensors: Activations) -> None:
    """Compute and hold what leads to the logits, as far as it may be held."""
    plan, end = engine.plan, engine.logits.slot
    series: Series = engine.fact(("series", tensors.size), Series)
    series.opened += 1
    if series.opened >= SERIES and series.bytes <= tensors.budget:
        steps = ancestors(plan, [end])
        slots = [slot for step in steps for slot in step.outputs]
        x = tensors.get(plan.inputs)[0]
        whole = engine.compiled(("forward", tensors.size), lambda: _compiled(plan, steps, slots, x), deep=True)
        if whole is not None:
            tensors.take(dict(zip(slots, whole(x), strict=True)))
            return
    tensors.get([end])
    series.bytes = tensors.all_bytes


def _compiled(plan: Plan, steps: tuple[Step, ...], slots: list[int], x: tf.Tensor) -> Callable[..., Any]:
    def every(given: tf.Tensor) -> list[tf.Tensor]:
        env = run(steps, {plan.inputs[0]: given})
        return [env[slot] for slot in slots]

    compiled = concrete(every, x)
    compiled(x)  # TensorFlow optimises a graph when it first runs
    return compiled
