"""What saturated units and constants after a layer contribute to the logits: the part of the ledger no weight carries.

The constant of each operation (`models.constants`) is pushed forward to the logits from where it arises
(`models.pushforward`). What the ledger then leaves over is what biases and batch normalisation's offsets carry.
"""

from collections.abc import Callable, Sequence

import tensorflow as tf

from segcam_widgets.keras_probe.answers.constants import constant_part, gives
from segcam_widgets.keras_probe.answers.linearity import LINEAR
from segcam_widgets.keras_probe.answers.pushforward import OVERRIDES, check_complete, pushed
from segcam_widgets.keras_probe.answers.tail import levels_of, run_noting
from segcam_widgets.keras_probe.cut.cut import Cut
from segcam_widgets.keras_probe.cut.gradient import Head
from segcam_widgets.keras_probe.record.logits import wide
from segcam_widgets.keras_probe.record.subgraph import overridden


def units(cut: Cut, head: Head) -> Callable[..., tf.Tensor]:
    """A function (activations (1, h, w, K), bypass) -> (1, H, W, C) float32. To be compiled, as a pushforward is."""

    def function(activations: tf.Tensor, bypass: Sequence[tf.Tensor]) -> tf.Tensor:
        graph = tf.compat.v1.get_default_graph()
        with graph.gradient_override_map(OVERRIDES), overridden(OVERRIDES):
            env = {cut.target: activations, **dict(zip(cut.bypass, bypass, strict=True))}
            made = run_noting(cut, env)
            logits = head(wide(env[cut.end]))
            found = levels_of([activations, *bypass])
            if found.of[env[cut.end].op.name] < LINEAR:  # steps alone lead to the logits: all of it is what they give
                return tf.cast(logits, tf.float32)
            given = [op for operations in made.values() for op in operations if gives(op, found)]
            parts = [constant_part(op, found.of) for op in given]
            through = pushed(logits, [op.outputs[0] for op in given], parts)
        check_complete(graph.as_graph_def())
        return through

    return function
