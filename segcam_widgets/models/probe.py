"""One model bound to one image: what the mathematics asks, answered by a graph cut at the layer."""

import difflib
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from segcam_widgets.core.probe import Cotangent, LayerInfo, LayerSweep, Pullback
from segcam_widgets.core.scores import log_softmax
from segcam_widgets.errors import (
    DisconnectedLayerError,
    NonFiniteError,
    SegCamError,
    UnknownLayerError,
    UnsupportedModelError,
    must_be_one_of,
)
from segcam_widgets.models import differentiate
from segcam_widgets.models.differentiate import Head
from segcam_widgets.models.engine import DEEP, Engine, Target
from segcam_widgets.models.grids import head_size
from segcam_widgets.models.tensors import Activations

Float = NDArray[np.float32]
BUDGET = 256 * 2**20
"""Bytes of activations held an image. A U-Net at 256 px needs 61 MB, DeepLabV3+ 211 MB."""
AGREEMENT = 1e-3
"""Largest difference between softmax(logits) and the model's own output: float32 gives 1e-6, half precision 2e-4."""


class KerasProbe:
    """Answers of one Keras model about one image. Made by :func:`segcam_widgets.open_probe`.

    Attributes
    ----------
    layers : tuple of LayerInfo
        Every valid target layer, the input first, the logits last, in graph order.
    class_names : tuple of str
    image : ndarray, (h', w', 3) uint8
        What a person sees.
    truth : ndarray, (H, W) int, or None
    x : ndarray, (1, h, w, C) float32
        What the model eats.
    head : {"softmax", "sigmoid"}
    multilabel : bool
        Several sigmoid channels: classes do not compete.
    notes : tuple of str
        What a reader of the probabilities should know.
    """

    def __init__(
        self,
        engine: Engine,
        x: Float,
        *,
        image: NDArray[np.uint8],
        class_names: Sequence[str] | None = None,
        truth: Any = None,
        head: str | None = None,
        budget: int = BUDGET,
    ) -> None:
        self._engine = engine
        self.x = x
        self.image = image
        self._tensors = Activations(engine.plan, tf.constant(x.astype(engine.input_dtype)), budget)
        self._stamp = engine.weights_stamp()
        raw = self._tensors.get([engine.logits.slot])[0]
        self.head = _choose_head(engine, head, int(raw.shape[-1]) if len(raw.shape) else 0)
        size = head_size(engine.plan, engine.logits.slot, tuple(raw.shape), self._tensors.shapes)
        self._head = Head(size, binary=self.head == "sigmoid" and raw.shape[-1] == 1)
        self.multilabel = self.head == "sigmoid" and not self._head.binary
        self.class_names = _names(class_names, 2 if self._head.binary else int(raw.shape[-1]))
        self.notes: tuple[str, ...] = ()
        self._own: Float | None = None
        self.truth = _truth(truth, size)

    # -------------------------------------------------------------- the prediction

    @property
    def default_score(self) -> str:
        return "logit" if self.head == "sigmoid" else "centered_logit"

    @cached_property
    def logits(self) -> Float:
        """(H, W, C) float32, before softmax or sigmoid, whatever the model ends with."""
        y = self._tensors.get([self._engine.logits.slot])[0]
        values = np.asarray(tf.cast(self._head(differentiate.wide(y)), tf.float32))[0]
        if not np.isfinite(values).all():
            raise NonFiniteError(
                f"The logits hold {int((~np.isfinite(values)).sum())} NaN or infinite values for this input: "
                "check its range, and the model's weights."
            )
        return _frozen(values)

    @cached_property
    def probabilities(self) -> Float:
        """(H, W, C) float32 in [0, 1]: the model's own output where it ends with probabilities."""
        if self._own is not None:
            return self._own
        wide = self.logits.astype(np.float64)
        values = np.exp(-np.logaddexp(0, -wide)) if self.multilabel else np.exp(log_softmax(wide))
        return _frozen(values.astype(np.float32))

    @cached_property
    def labels(self) -> NDArray[np.int64]:
        """(H, W) predicted class; several sigmoids: -1 where no probability is above 0.5."""
        best = self.probabilities.argmax(-1).astype(np.int64)
        if self.multilabel:
            best[self.probabilities.max(-1) <= 0.5] = -1
        best.flags.writeable = False
        return best

    def compare(self, own: Any) -> None:
        """Check the recorded graph against the model's own output, once at opening.

        It catches a model whose call() does something else than its graph. A softmax that is resized afterwards differs by
        right: then the model's own output is kept as the probabilities, and a note says so.
        """
        own = np.asarray(tf.cast(own, tf.float32))
        y = own.reshape(*self._head.size, own.shape[-1])
        if self._engine.logits.squash == "none":
            # the raw logits leave the model: one binary channel z is shown as (-z/2, z/2)
            shown = self.logits[:, :, 1:] - self.logits[:, :, :1] if self._head.binary else self.logits
            scale = max(1.0, float(np.abs(y).max()))
        else:
            shown = self.probabilities[:, :, 1:] if self._head.binary else self.probabilities
            scale = 1.0
        gap = float(np.abs(shown - y).max()) / scale
        if gap <= (AGREEMENT if self._tensors.full_precision else 20 * AGREEMENT):
            return
        after = self._engine.logits.moved_after
        if not after:
            raise UnsupportedModelError(
                f"`model` must compute what its graph says. Received: a model whose own output differs by {gap:.3g} from its "
                "layers run in order: its call() probably does something else. Build it with keras.Model(inputs, outputs)."
            )
        own = np.concatenate([1 - y, y], -1) if self._head.binary else y
        self._own = _frozen(own)
        self.__dict__.pop("probabilities", None)
        self.__dict__.pop("labels", None)
        self.notes += (
            f"The model resizes its probabilities ({', '.join(after)}): `probabilities` are the model's own; softmax of `logits`, "
            f"resized before the softmax, differs by up to {gap:.3f}.",
        )

    # -------------------------------------------------------------- layers

    @cached_property
    def _targets(self) -> dict[str, Target]:
        found = self._engine.targets(self._tensors.shapes, self._tensors.floating)
        return {target.name: target for target in found}

    @cached_property
    def layers(self) -> tuple[LayerInfo, ...]:
        """Every layer with an (h, w, K) output that reaches the logits."""
        reach = self._engine.reaching
        return tuple(self._info(target) for target in self._targets.values() if target.slot in reach)

    def _info(self, target: Target) -> LayerInfo:
        _, height, width, channels = self._tensors.shapes[target.slot]
        return LayerInfo(target.name, (height, width, channels), target.kind, target.activation)

    def layer(self, name: str) -> LayerInfo:
        """The layer of that name, or whose path ends with it and no other's does.

        Raises
        ------
        UnknownLayerError
            No target layer has the name; the nearest are suggested.
        DisconnectedLayerError
            The layer exists and does not reach the logits.
        """
        return self._info(self._target(name))

    def _target(self, name: str) -> Target:
        target = self._targets.get(name) if isinstance(name, str) else None
        if target is None:
            endings = [t for path, t in self._targets.items() if isinstance(name, str) and path.endswith("/" + name)]
            if len(endings) != 1:
                raise UnknownLayerError(self._unknown(name, [t.name for t in endings]))
            target = endings[0]
        if target.slot not in self._engine.reaching:
            raise DisconnectedLayerError(
                f"`layer` {target.name!r} does not reach the logits: nothing it does can change them."
            )
        return target

    def _unknown(self, name: object, endings: list[str]) -> str:
        if endings:
            return f"`layer` {name!r} is the end of several paths: {', '.join(endings)}. Give the whole path."
        steps = {step.path: step for step in self._engine.plan.steps}
        if isinstance(name, str) and name in steps:
            shape = self._tensors.shapes.get(steps[name].outputs[0], "unknown")
            return (
                f"`layer` must have an output of shape (h, w, channels). Received: {name!r}, whose output has shape {shape}. "
                f"Did you mean {' or '.join(map(repr, difflib.get_close_matches(name, self._targets, 3, 0.3))) or 'another layer'}?"
            )
        return must_be_one_of("layer", [info.name for info in self.layers], name)

    # -------------------------------------------------------------- what the mathematics asks

    def refresh(self) -> bool:
        """Drop activations and prediction if the model's weights have changed since they were computed."""
        stamp = self._engine.weights_stamp()
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        self._tensors.clear()
        self._own = None
        for name in ("logits", "probabilities", "labels"):
            self.__dict__.pop(name, None)
        return True

    def activations(self, layer: str) -> Float:
        """What is there: the layer's output for the image, (h, w, K) float32, read-only."""
        tensor = self._tensors.get([self._target(layer).slot])[0]
        return _frozen(np.asarray(differentiate.wide(tensor))[0])

    def pullback(self, layer: str, cotangent: Cotangent | Float, at: Float | None = None) -> Pullback:
        """What pulls on it: the gradient of sum(cotangent * logits) with respect to the layer's output.

        Parameters
        ----------
        layer : str
        cotangent : ndarray (H, W, C) or (B, H, W, C), or Cotangent
            The field over the logits.
        at : ndarray (h, w, K) or (B, h, w, K), optional
            Activations to linearise at; default the image's.

        Returns
        -------
        Pullback
            gradients (h, w, K), or (B, h, w, K) with a batch axis; bypass: <gradient, tensor> for every tensor that goes
            round the layer, by the name of the layer that makes it.

        Raises
        ------
        UnknownLayerError, DisconnectedLayerError
        SegCamError
            A wrong shape.
        """
        target = self._target(layer)
        cut = self._engine.cut(target.slot, target.name)
        factors, batched = self._factors(cotangent)
        source, *bypass = self._tensors.get([target.slot, *cut.bypass])
        if at is not None:
            source, batched_at = self._as_activations(target, at, source.dtype)
            batched = batched or batched_at
        batch = max(int(factors[0].shape[0]), int(source.shape[0]))
        factors = [np.broadcast_to(f, (batch, *f.shape[1:])) if len(f) == 1 else f for f in factors]
        arguments = [source, bypass, *(tf.constant(f) for f in factors)]
        key = ("pullback", target.slot, tuple(self.x.shape), batch, int(source.shape[0]), len(factors))
        function = differentiate.pullback(cut, self._head, batch)
        gradients, shares = self._engine.call(key, function, arguments, deep=len(cut.tail) > DEEP)
        gradients, shares = np.asarray(gradients), np.asarray(shares, np.float64)
        if batched:
            return Pullback(_frozen(gradients), dict(zip(cut.bypass_names, shares, strict=True)))
        return Pullback(_frozen(gradients[0]), {n: float(s[0]) for n, s in zip(cut.bypass_names, shares, strict=True)})

    def replay(self, layer: str, activations: Float) -> Float:
        """What if it were this: the logits (H, W, C) for other activations of a layer; at the input, the whole model.

        Parameters
        ----------
        layer : str
        activations : ndarray, (h, w, K) or (B, h, w, K)

        Returns
        -------
        ndarray, (H, W, C) or (B, H, W, C) float32
        """
        target = self._target(layer)
        cut = self._engine.cut(target.slot, target.name)
        own, *bypass = self._tensors.get([target.slot, *cut.bypass])
        source, batched = self._as_activations(target, activations, own.dtype)
        batch = int(source.shape[0])
        key = ("replay", target.slot, tuple(self.x.shape), batch)
        function = differentiate.replay(cut, self._head, batch)
        logits = np.asarray(self._engine.call(key, function, [source, bypass], deep=len(cut.tail) > DEEP))
        return _frozen(logits if batched else logits[0])

    def pushforward(self, layer: str, tangent: Float, bypass: Mapping[str, Float] | None = None) -> Float:
        raise NotImplementedError

    def sweep(self, cotangent: Cotangent | Float, layers: Sequence[str] | None = None) -> Mapping[str, LayerSweep]:
        raise NotImplementedError

    def _factors(self, cotangent: Cotangent | Float) -> tuple[list[Float], bool]:
        if isinstance(cotangent, Cotangent):
            if cotangent.contrast is not None:
                return [cotangent.mask[None], cotangent.contrast[None].astype(np.float32)], False
            cotangent = cotangent.to_array()
        field = np.asarray(cotangent, np.float32)
        shape = (*self._head.size, len(self.class_names))
        if field.shape[-3:] != shape or field.ndim not in (3, 4):
            raise SegCamError(
                f"`cotangent` must have shape {shape}, or that with a leading batch axis. Received: {field.shape}."
            )
        return [field if field.ndim == 4 else field[None]], field.ndim == 4

    def _as_activations(self, target: Target, values: Any, dtype: tf.DType) -> tuple[tf.Tensor, bool]:
        array = np.asarray(values, np.float32)
        shape = self._tensors.shapes[target.slot][1:]
        if array.shape[-3:] != shape or array.ndim not in (3, 4):
            raise SegCamError(
                f"`activations` of layer {target.name!r} must have shape {shape}, or that with a leading batch axis. "
                f"Received: {array.shape}."
            )
        return tf.cast(tf.constant(array if array.ndim == 4 else array[None]), dtype), array.ndim == 4

    def __repr__(self) -> str:
        height, width = self._head.size
        return f"<probe: {len(self.class_names)} classes on {height} x {width}, {len(self.layers)} layers, {self.head}>"


def _frozen(array: Any) -> Any:
    view = array.view()
    view.flags.writeable = False
    return view


def _choose_head(engine: Engine, asked: str | None, channels: int) -> str:
    found = engine.logits.squash
    if asked not in (None, "softmax", "sigmoid"):
        raise SegCamError(must_be_one_of("head", ("softmax", "sigmoid"), asked))
    if found == "none":
        if asked == "softmax" and channels == 1:
            raise SegCamError("`head` must be 'sigmoid' for a model with one output channel. Received: 'softmax'.")
        return asked or ("sigmoid" if channels == 1 else "softmax")
    if asked is not None and asked != found:
        raise SegCamError(f"`head` must be {found!r}: the model itself ends with a {found}. Received: {asked!r}.")
    return found


def _names(given: Sequence[str] | None, count: int) -> tuple[str, ...]:
    if given is None:
        return tuple(f"class {i}" for i in range(count))
    if isinstance(given, str):
        raise SegCamError(f"`class_names` must be a sequence of names. Received: the single string {given!r}.")
    names = tuple(str(name) for name in given)
    if len(names) != count:
        hint = (
            " (one sigmoid channel shows two classes: the background first)" if count == 2 and len(names) == 1 else ""
        )
        raise SegCamError(f"`class_names` must hold {count} names, one a class{hint}. Received: {len(names)}.")
    if len(set(names)) != count:
        twice = sorted({name for name in names if names.count(name) > 1})
        raise SegCamError(
            f"`class_names` must differ from one another. Received: {', '.join(map(repr, twice))} more than once."
        )
    return names


def _truth(truth: Any, size: tuple[int, int]) -> NDArray[np.int64] | None:
    if truth is None:
        return None
    labels = np.asarray(truth)
    if labels.ndim == 3 and labels.shape[-1] == 1:
        labels = labels[:, :, 0]
    if labels.shape != size:
        raise SegCamError(f"`truth` must have shape {size}, the grid of the logits. Received: shape {np.shape(truth)}.")
    if not np.issubdtype(labels.dtype, np.integer) and not (
        np.isfinite(labels).all() and (labels == np.round(labels)).all()
    ):
        raise SegCamError(f"`truth` must hold whole numbers, one class index a pixel. Received: dtype {labels.dtype}.")
    return _frozen(labels.astype(np.int64))
