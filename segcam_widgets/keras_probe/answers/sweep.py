"""Every layer in one backward pass, reduced inside the graph: the layer slider and the atlas cost one run per class.

The gradients themselves stay in the graph: 147 of them handed to numpy cost 4 GB at 512 px.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from segcam_widgets.core.answers import LayerSweep
from segcam_widgets.core.support.arrays import frozen
from segcam_widgets.keras_probe.answers.pullback import scales
from segcam_widgets.keras_probe.cut.backward import Live, halves
from segcam_widgets.keras_probe.cut.gradient import Head, copied, wide
from segcam_widgets.keras_probe.engine.activations import Activations
from segcam_widgets.keras_probe.engine.engine import DEEP, Engine
from segcam_widgets.keras_probe.record.plan import Env, Plan, Step, ancestors, run
from segcam_widgets.keras_probe.record.targets import Target

Reduced = list[tuple[tf.Tensor, tf.Tensor, tf.Tensor]]


def sweep(
    plan: Plan, end: int, head: Head, targets: Sequence[Target], between: Callable[[Env], None] = lambda env: None
) -> Callable[..., Reduced]:
    """A function (x (1, ...), [], field (1, H, W, C)) -> for every target what :func:`reduced` makes of it, in float32.

    A are the target's activations, G the gradient of <field, logits> there. `between` is called after the forward half.
    """
    steps = ancestors(plan, [end])
    slots = [target.slot for target in targets]
    entry, wanted = plan.inputs[0], set(slots)

    def function(x: tf.Tensor, _: Sequence[tf.Tensor], field: tf.Tensor) -> Reduced:  # nothing bypasses the input
        env = {entry: x}
        with tf.GradientTape(watch_accessed_variables=False) as tape:

            def watch(step: Step) -> None:  # each layer itself, not only the input: that may be of whole numbers
                tape.watch([env[slot] for slot in step.outputs if slot in wanted])

            tape.watch([x] if entry in wanted else [])
            logits = head(wide(run(steps, env, watch)[end]))
        between(env)
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
    scale, found = np.float32(1), []
    for scale in scales(field, tensors.full_precision):
        tensor = tf.constant(field[None] * scale)
        found = [np.asarray(values) for values in _run(engine, head, tensors, targets, tensor)]
        if all(np.isfinite(values).all() for values in found):
            break
    grouped = zip(*[iter(found if scale == 1 else [values / scale for values in found])] * 3, strict=True)
    return {target.name: LayerSweep(*map(frozen, values)) for target, values in zip(targets, grouped, strict=True)}


def _run(
    engine: Engine, head: Head, tensors: Activations, targets: Sequence[Target], field: tf.Tensor
) -> Sequence[tf.Tensor]:
    """Weights and maps, three for each target: the backward half alone, where the activations are held."""
    entry = engine.plan.inputs[0]
    x = tensors.get([entry])[0]
    make = partial(sweep, engine.plan, engine.logits.slot, head, targets)
    key = ("sweep", tuple(tensors.shapes[entry]))
    deep = len(engine.plan.steps) > DEEP and tensors.fit_whole  # eagerly it would hold every tensor at once
    built: Live | None = engine.compiled(key, lambda: halves(make, [x, [], field]), deep)
    if built is None:
        return keras.tree.flatten(make()(x, [], field))
    if built.backward is None or not tensors.fits(built.slots, built.rest_bytes):
        return keras.tree.flatten(built.whole(x, [], field))
    saved, rest = tensors.get(built.slots), built.rest
    if rest is not None:
        saved += tensors.computed(("rest of the sweep", entry), lambda: rest(x, []))
    return built.backward(saved, x, [], field)
