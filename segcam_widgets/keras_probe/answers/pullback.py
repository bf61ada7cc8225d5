"""Answer a pullback: choose the compiled function, and the scale of the field in half precision."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from segcam_widgets.keras_probe.cut import gradient as differentiate
from segcam_widgets.keras_probe.cut.backward import Live, live
from segcam_widgets.keras_probe.cut.cut import Cut
from segcam_widgets.keras_probe.cut.gradient import Head
from segcam_widgets.keras_probe.engine.activations import Activations
from segcam_widgets.keras_probe.engine.engine import DEEP, Engine
from segcam_widgets.keras_probe.record.targets import Target

Float = NDArray[np.float32]
Pulled = tuple[Float, NDArray[np.float64], int | None]
HALF_PRECISION_TRIES = (0, 6, 12)
"""Powers of two by which the loudest value of a field is below 1, tried in turn until nothing overflows."""

EAGER_FIRST = 8
"""Tails with more steps than this are first run as they are, and compiled behind that answer: compiling takes several runs."""


def scales(field: Float, full_precision: bool) -> Iterator[np.float32]:
    """The factors to pull a field back with, to be tried in turn until nothing overflows: one for full precision."""
    loudest = float(np.abs(field).max())
    if full_precision or not 0 < loudest < np.inf:
        yield np.float32(1)
        return
    for less in HALF_PRECISION_TRIES:
        yield np.float32(2.0 ** -(np.ceil(np.log2(loudest)) + less))


class Puller:
    """Pulls fields over the logits back to layers of one image.

    Parameters
    ----------
    engine : Engine
    head : Head
    tensors : Activations
        Of the image.
    """

    def __init__(self, engine: Engine, head: Head, tensors: Activations) -> None:
        self._engine, self._head, self._tensors = engine, head, tensors

    def __call__(self, target: Target, factors: list[Float], source: tf.Tensor | None) -> Pulled:
        """Gradients and shares. In a network of half precision the field is scaled by a power of two on the way.

        The mean over a region has fields of 1/|M|, whose gradients vanish in float16 a few layers deep; at a largest value
        of 1 they do not. Should they overflow instead, less will do.

        Parameters
        ----------
        target : Target
        factors : list of ndarray
            [mask (B, H, W), contrast (B, C)], [mask, rivals (B, H, W), contrast], or [field (B, H, W, C)].
        source : tensor, (B, h, w, K), or None
            Activations to linearise at, None for the image's.

        Returns
        -------
        gradients : ndarray, (B, h, w, K) float32
        shares : ndarray, (bypass, B) float64
        seen : int or None
            The version of the weights during the computation; None if they were not checked.
        """
        scale, pulled = np.float32(1), None
        for scale in scales(factors[-1], self._tensors.full_precision):
            pulled = self._pull(target, factors if scale == 1 else [*factors[:-1], factors[-1] * scale], source)
            if self._tensors.full_precision or all(np.isfinite(values).all() for values in pulled[:2]):
                break
        assert pulled is not None  # there is a first try
        return pulled if scale == 1 else (pulled[0] / scale, pulled[1] / scale, pulled[2])

    def _pull(self, target: Target, factors: list[Float], source: tf.Tensor | None) -> Pulled:
        cut = self._engine.cut(target.slot, target.name)
        batch = max(int(factors[0].shape[0]), 1 if source is None else int(source.shape[0]))
        tensors = [tf.constant(np.broadcast_to(f, (batch, *f.shape[1:])) if len(f) == 1 else f) for f in factors]
        if source is None and batch == 1:
            gradients, shares, *values = self._live(cut, tensors)
        else:
            own, *bypass = self._tensors.get([cut.target, *cut.bypass])
            source = own if source is None else tf.cast(source, own.dtype)
            key = ("pullback", cut.target, self._tensors.size, batch, int(source.shape[0]), len(factors))
            function = differentiate.pullback(cut, self._head, batch)
            arguments = [source, bypass, *tensors]
            gradients, shares, *values = self._engine.call(key, function, arguments, len(cut.tail) > DEEP)
        seen = self._engine.weights.version(values) if values else None
        return np.asarray(gradients), np.asarray(shares, np.float64), seen

    def _live(self, cut: Cut, factors: list[tf.Tensor]) -> Any:
        """One field, at the image's own activations: the backward half alone, where what it needs can be held."""
        # an eager run under a tape holds every tensor of the tail at once (DeepLabV3+ at 512 px: 0.6 GB more)
        deep = len(cut.tail) > EAGER_FIRST and self._tensors.fit_whole
        build = partial(self._built, cut, factors, run=deep)
        built = self._engine.compiled(self._key(cut, len(factors)), build, deep)
        if built is None:
            own, *bypass = self._tensors.get([cut.target, *cut.bypass])
            return differentiate.pullback(cut, self._head, 1)(own, bypass, *factors)
        slots = [cut.target, *cut.bypass]
        if built.backward is None or not self._tensors.fits([*slots, *built.slots], built.rest_bytes):
            own, *bypass = self._tensors.get(slots)
            return built.whole(own, bypass, *factors)
        own, *others = self._tensors.get([*slots, *built.slots])
        bypass, saved = others[: len(cut.bypass)], others[len(cut.bypass) :]
        if built.rest is not None:
            rest = built.rest
            saved += self._tensors.computed(("rest", cut.target), lambda: rest(own, bypass))
        return built.backward(saved, own, bypass, *factors)

    def _key(self, cut: Cut, factors: int) -> tuple[Any, ...]:
        return ("live", cut.target, self._tensors.size, factors)

    def _built(self, cut: Cut, factors: list[tf.Tensor], *, run: bool) -> Live:
        """Compile what a live query at a layer runs.

        TensorFlow optimises a graph when it first runs, which takes as long again as tracing it; with `run` that is done
        here, on zeros: what is held of the image stays as it is.
        """
        slots = [cut.target, *cut.bypass]
        entries = self._tensors.specs(slots)
        built = live(cut, self._head, [entries[0], entries[1:], *factors], self._engine.weights.read)
        if run:
            zeros = [tf.zeros(spec.shape, spec.dtype) for spec in entries]
            if built.backward is None or not self._tensors.fits([*slots, *built.slots], built.rest_bytes):
                built.whole(zeros[0], zeros[1:], *factors)
            else:
                saved = [tf.zeros(spec.shape, spec.dtype) for spec in self._tensors.specs(built.slots)]
                saved += built.rest(zeros[0], zeros[1:]) if built.rest is not None else []
                built.backward(saved, zeros[0], zeros[1:], *factors)
        return built

    def prepare(self, target: Target, factors: list[Float]) -> None:
        """Compile, where that is not done yet, what fields of this kind will be pulled back to a layer with."""
        cut = self._engine.cut(target.slot, target.name)
        tensors = [tf.constant(factor) for factor in factors]
        self._engine.prepare(self._key(cut, len(factors)), partial(self._built, cut, tensors, run=True))
