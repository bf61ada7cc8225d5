"""Run a half-precision network in 32 bits from a layer on, to see what 16 bits lose of its gradient."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import keras
import tensorflow as tf

from segcam_widgets.errors import UnsupportedModelError
from segcam_widgets.keras_probe.cut.cut import Cut
from segcam_widgets.keras_probe.record.float32_graph import HALF
from segcam_widgets.keras_probe.record.plan import Step
from segcam_widgets.keras_probe.record.subgraph import Part


def in_float32(cut: Cut) -> Cut:
    """The same cut with a tail that computes in 32 bits, with the user's own variables.

    Raises
    ------
    UnsupportedModelError
        A layer of the tail cannot be rebuilt from its configuration; or a step of a model without a graph cannot be
        computed in 32 bits.
    """
    return replace(cut, tail=tuple(_widened(step) for step in cut.tail))


def _widened(step: Step) -> Step:
    layer = step.layer
    if isinstance(step.run, Part):
        try:
            return replace(step, run=step.run.in_float32())
        except ValueError as error:
            raise UnsupportedModelError(
                f"`layer` is followed by {step.path!r}, which cannot be computed in float32: {error}."
            ) from error
    if layer is None or type(layer).__name__ == "Cast":  # conversions between precisions
        return replace(step, run=lambda x, *_, **__: tf.cast(x, tf.float32))
    if not isinstance(layer, keras.Layer) or layer.compute_dtype not in HALF:
        return step
    return replace(step, run=_twin(layer, linear=step.run is not layer))


def _twin(layer: Any, linear: bool) -> Callable[..., Any]:
    """A layer like this one under the policy float32; `linear`: without the softmax or sigmoid that it ends with."""
    try:
        config = {**layer.get_config(), "dtype": "float32", **({"activation": "linear"} if linear else {})}
        twin = type(layer).from_config(config)
        twin.build_from_config(layer.get_build_config())  # None of layers without weights
        variables = list(zip(twin.variables, layer.variables, strict=True))
    except Exception as error:  # whatever a layer's own code may raise
        raise UnsupportedModelError(
            f"`layer` {layer.name!r} cannot be rebuilt in float32 ({type(error).__name__}: {error})."
        ) from error

    def call(*args: Any, **kwargs: Any) -> Any:
        values = [(own, tf.cast(tf.convert_to_tensor(theirs), own.dtype)) for own, theirs in variables]
        with keras.StatelessScope(state_mapping=values):
            return twin(*args, **kwargs)

    return call
