"""Open a series of images faster: from the third of a size on, one compiled function computes all that is stored.

Run step by step a network of 30 layers takes several times as long, but nothing has to be compiled for it: that is right for
one image, and for two. Where all activations can be held, all are computed; where they cannot, those that were asked for on
the last two images, which in a series are the same again, and others on demand.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import tensorflow as tf

from segcam_widgets.keras_probe.engine.activations import Activations
from segcam_widgets.keras_probe.engine.engine import Engine
from segcam_widgets.keras_probe.record.plan import Plan, Step, ancestors, run
from segcam_widgets.keras_probe.record.subgraph import concrete

SERIES = 3
"""The image with which a series begins."""


@dataclass
class Series:
    """The images of one size that were opened on a model.

    Attributes
    ----------
    known : dict of int to TensorSpec
        What the layers' outputs look like: that of the first image, and so of all.
    asked : list of set of int
        The slots that were asked for on the last images, the newest last; a set grows as long as its image is in use.
    usual : frozenset of int or None
        What two images in a row were asked for; None as long as no two were asked for the same.
    """

    known: dict[int, tf.TensorSpec] = field(default_factory=dict)
    asked: list[set[int]] = field(default_factory=list)
    usual: frozenset[int] | None = None

    def begin(self, asked: set[int]) -> None:
        """Another image."""
        if len(self.asked) >= SERIES - 1:
            before, last = self.asked[1 - SERIES :]
            if before == last:
                self.usual = frozenset(last)
        self.asked = [*self.asked[1 - SERIES :], asked]

    def chosen(self, every: tuple[int, ...], end: int, tensors: Activations) -> tuple[int, ...] | None:
        """The slots to be computed in one go; None where the image is better run step by step."""
        if len(self.asked) < SERIES:
            return None
        if tensors.fit_whole:
            return every
        if self.usual is None:
            return None
        slots = tuple(slot for slot in every if slot == end or slot in self.usual)
        return slots if tensors.fits(slots) else (end,)


def forward(engine: Engine, tensors: Activations) -> None:
    """Compute and hold what leads to the logits, as far as it may be held."""
    plan, end = engine.plan, engine.logits.slot
    series: Series = engine.fact(("series", tensors.size), Series)
    series.begin(tensors.asked)
    tensors.expect(series.known)
    steps = ancestors(plan, [end])
    slots = series.chosen(tuple(slot for step in steps for slot in step.outputs), end, tensors)
    if slots is not None:
        x = tensors.x
        whole = engine.compiled(("forward", tensors.size, slots), lambda: _compiled(plan, steps, slots, x), deep=True)
        if whole is not None:
            tensors.take(dict(zip(slots, whole(x), strict=True)))
            return
    tensors.get([end])
    series.known = series.known or tensors.known()


def _compiled(plan: Plan, steps: tuple[Step, ...], slots: tuple[int, ...], x: tf.Tensor) -> Callable[..., Any]:
    def every(given: tf.Tensor) -> list[tf.Tensor]:
        env = run(steps, {plan.inputs[0]: given})
        return [env[slot] for slot in slots]

    compiled = concrete(every, x)
    compiled(x)  # TensorFlow optimises a graph when it first runs
    return compiled
