"""The same network with random weights in some layers; the user's variables are neither written nor copied.

Running a step is calling the user's own layer; here it is called in a scope in which some of its variables have other
values. So there is no second model to build, none that cannot be cloned, and nothing to put back after an error.
"""

import inspect
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from segcam_widgets.errors import SegCamError, must_be_one_of
from segcam_widgets.keras_probe.engine.engine import Engine
from segcam_widgets.keras_probe.record.plan import Step, ancestors


def weighted_layers(engine: Engine) -> dict[str, Any]:
    """The layers with weights that the logits depend on, from the output to the input, by path.

    A layer that is called several times stands once: where its last call is, under the name of its first. None at all where
    a step with weights is not a call of a layer (operations out of a traced graph have their variables in them): a cascade
    that leaves something out would say that a map does not depend on it.
    """
    steps = [step for step in ancestors(engine.plan, [engine.logits.slot]) if _variables(step.layer)]
    if not all(step.run is step.layer or inspect.isfunction(step.run) for step in steps):
        return {}
    names: dict[int, str] = {}
    for step in steps:
        names.setdefault(id(step.layer), step.path)
    layers = {id(step.layer): step.layer for step in reversed(steps)}
    return {names[key]: layer for key, layer in layers.items()}


def randomised(engine: Engine, layers: Collection[str], seed: int) -> Engine:
    """An engine of the same network in which the weights of some layers are re-drawn. It compiles nothing.

    A kernel (any weight of two axes or more) is drawn from a normal distribution with mean zero and the root mean square of
    its own values, so that activations keep their size. A vector (biases, a normalisation's factors and statistics) is
    shuffled, so that a variance stays above zero.

    Parameters
    ----------
    engine : Engine
    layers : collection of str
        Out of :func:`weighted_layers`.
    seed : int
        What is drawn for a layer depends on it and on the layer's place alone.

    Raises
    ------
    SegCamError
        A layer of another name.
    """
    known = weighted_layers(engine)
    for name in layers:
        if name not in known:
            raise SegCamError(must_be_one_of("layers", known, name))
    drawn: dict[int, list[tuple[Any, tf.Tensor]]] = {}
    done: set[int] = set()
    for place, (name, layer) in enumerate(known.items()):
        if name in layers:
            fresh = [v for v in _variables(layer) if id(v) not in done]  # tied weights are drawn once
            done.update(map(id, fresh))
            rng = np.random.default_rng([seed, place])
            drawn[id(layer)] = [(variable, _draw(variable, rng)) for variable in fresh]
    values = [pair for pairs in drawn.values() for pair in pairs]
    touched = {id(variable) for variable, _ in values}
    steps = tuple(
        replace(step, run=_with(step.run, values)) if any(id(v) in touched for v in _variables(step.layer)) else step
        for step in engine.plan.steps
    )
    return Rewired(engine, steps)


class Rewired(Engine):
    """An engine whose steps run otherwise, for a question or two: it compiles nothing, so that nothing has to be kept."""

    def __init__(self, engine: Engine, steps: tuple[Step, ...]) -> None:
        self.__dict__.update(vars(engine))  # a second recording would tell the same
        self.plan = replace(engine.plan, steps=steps)
        self.logits = replace(engine.logits, plan=self.plan)
        self._functions, self._pending, self._eager = OrderedDict(), {}, set()
        self._cuts, self._facts, self._lock = {}, {}, threading.RLock()

    def compiled(self, key: Hashable, build: Callable[[], Any], deep: bool) -> None:
        """Nothing: every answer is computed eagerly."""
        return


def _with(run: Callable[..., Any], values: list[tuple[Any, tf.Tensor]]) -> Callable[..., Any]:
    """A call in a scope in which variables have other values; what the layer would assign is dropped as well."""

    def call(*args: Any, **kwargs: Any) -> Any:
        with keras.StatelessScope(state_mapping=values, initialize_variables=False):
            return run(*args, **kwargs)

    return call


def _variables(layer: Any) -> list[Any]:
    """A layer's own weights of real numbers, those of the layers inside it too."""
    if not isinstance(layer, keras.Layer):
        return []
    return [v for v in layer.variables if "float" in str(v.dtype) and len(v.shape) > 0]


def _draw(variable: Any, rng: np.random.Generator) -> tf.Tensor:
    values = np.asarray(tf.cast(tf.convert_to_tensor(variable), tf.float32), np.float64)
    kernel = values.ndim > 1
    values = rng.normal(0, np.sqrt((values**2).mean()), values.shape) if kernel else rng.permutation(values)
    return tf.cast(tf.constant(values, tf.float32), variable.dtype)
