"""Every layer in one backward pass, reduced inside the graph: the layer slider and the atlas cost one run a class.

The gradients themselves stay in the graph: 147 of them handed to numpy cost 4 GB at 512 px.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from segcam_widgets.core.probe import LayerSweep
from segcam_widgets.models.differentiate import Head, copied, wide
from segcam_widgets.models.engine import DEEP, Engine, Target
from segcam_widgets.models.graph import Plan, Step, ancestors, run
from segcam_widgets.models.prediction import frozen
from segcam_widgets.models.pull import scales
from segcam_widgets.models.tensors import Activations

Reduced = list[tuple[tf.Tensor, tf.Tensor, tf.Tensor]]


def sweep(plan: Plan, end: int, head: Head, targets: Sequence[Target]) -> Callable[..., Reduced]:
    """A function (x (1, ...), field (1, H, W, C)) -> for every target what :func:`reduced` makes of it, in float32.

    A are the target's activations, G the gradient of <field, logits> there.
    """
    steps = ancestors(plan, [end])
    slots = [target.slot for target in targets]
    entry, wanted = plan.inputs[0], set(slots)

    def function(x: tf.Tensor, field: tf.Tensor) -> Reduced:
        env = {entry: x}
        with tf.GradientTape(watch_accessed_variables=False) as tape:

            def watch(step: Step) -> None:  # each layer itself, not only the input: that may be of whole numbers
                tape.watch([env[slot] for slot in step.outputs if slot in wanted])

            tape.watch([x] if entry in wanted else [])
            logits = head(wide(run(steps, env, watch)[end]))
        layers = [env[slot] for slot in slots]
        zero = tf.UnconnectedGradients.ZERO
        upstream = tf.cast(field, logits.dtype)
        if copied(steps):
            gradients = tf.gradients(logits, layers, upstream, unconnected_gradients=zero)
        else:
            gradients = tape.gradient(logits, layers, upstream, unconnected_gradients=zero)
        return [
            reduced(*(tf.reshape(t, (*target.grid, t.shape[-1])) for t in (a, g)))  # tokens lie in a row
            for target, a, g in zip(targets, layers, gradients, strict=True)
        ]

    return function


def reduced(activations: tf.Tensor, gradients: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Pooled weights mean_uv G (K,), the pooled map A . weights (h, w) and the pixelwise map sum_k G_k A_k (h, w)."""
    activations, gradients = tf.cast(activations, tf.float32), tf.cast(gradients, tf.float32)
    weights = tf.reduce_mean(gradients, (0, 1))
    return weights, tf.linalg.matvec(activations, weights), tf.reduce_sum(activations * gradients, -1)


def sweep_layers(
    engine: Engine, head: Head, tensors: Activations, targets: Sequence[Target], field: Any
) -> dict[str, LayerSweep]:
    """Run the model's one sweep, over all its layers, for a field (H, W, C). {layer: LayerSweep} in graph order."""
    function = sweep(engine.plan, engine.logits.slot, head, targets)
    key = ("sweep", tuple(tensors.shapes[engine.plan.inputs[0]]))
    x = tensors.get(engine.plan.inputs)[0]
    scale, found = np.float32(1), []
    for scale in scales(field, tensors.full_precision):
        arguments = [x, tf.constant(field[None] * scale)]
        called = engine.call(key, function, arguments, deep=len(engine.plan.steps) > DEEP)
        found = [[np.asarray(tensor) for tensor in reduced] for reduced in called]
        if all(np.isfinite(values).all() for reduced in found for values in reduced):
            break
    return {
        target.name: LayerSweep(*(frozen(values / scale if scale != 1 else values) for values in reduced))
        for target, reduced in zip(targets, found, strict=True)
    }
