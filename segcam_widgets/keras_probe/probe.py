"""`KerasProbe`: answers the questions of the protocol `Probe` by cutting a Keras model's graph at the layer."""

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property, partial
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from segcam_widgets.core.answers import Cotangent, LayerInfo, LayerSweep, Pullback, Tail
from segcam_widgets.core.placement import Placement
from segcam_widgets.core.probe import Preparing, Probe
from segcam_widgets.core.scores import default_score
from segcam_widgets.core.standing import index_type
from segcam_widgets.core.support.arrays import frozen
from segcam_widgets.core.text.one_line import cut
from segcam_widgets.errors import SegCamError, listing
from segcam_widgets.keras_probe.answers.given import Batched, around, common_batch
from segcam_widgets.keras_probe.answers.prediction import Prediction
from segcam_widgets.keras_probe.answers.pullback import Puller
from segcam_widgets.keras_probe.answers.pushforward import in_graph, push, shapes_around
from segcam_widgets.keras_probe.answers.randomise import randomised, weighted_layers
from segcam_widgets.keras_probe.answers.sweep import sweep_layers
from segcam_widgets.keras_probe.answers.tail import Found, FoundNames, Traced, is_rectified, trace_tail
from segcam_widgets.keras_probe.answers.units import units
from segcam_widgets.keras_probe.arguments import choose_head, name_classes, read_truth
from segcam_widgets.keras_probe.cut import gradient as differentiate
from segcam_widgets.keras_probe.cut.float32 import in_float32
from segcam_widgets.keras_probe.cut.gradient import Head
from segcam_widgets.keras_probe.engine.activations import Activations
from segcam_widgets.keras_probe.engine.engine import AHEAD, DEEP, Engine
from segcam_widgets.keras_probe.engine.series import forward
from segcam_widgets.keras_probe.record.float32_graph import widened
from segcam_widgets.keras_probe.record.grids import head_size
from segcam_widgets.keras_probe.record.targets import Target, Targets

Float = NDArray[np.float32]
BUDGET = 256 * 2**20
"""Bytes of activations stored per image. A U-Net at 256 px needs 61 MB, DeepLabV3+ 211 MB."""


class KerasProbe(Probe, Preparing):
    """One Keras model bound to one image. Made by :func:`segcam_widgets.open_probe`.

    (H, W) is the grid of the logits, C the number of classes, (h, w, K) a layer's shape; :class:`Probe` says what holds for
    every member.

    Attributes
    ----------
    placement : Placement
        Where the picture that was given lies in `x`.
    """

    def __init__(
        self,
        engine: Engine,
        x: Float,
        *,
        image: NDArray[np.uint8] | Callable[[Float], NDArray[np.uint8]],
        class_names: Sequence[str] | None = None,
        truth: Any = None,
        head: str | None = None,
        budget: int = BUDGET,
    ) -> None:
        self._engine = engine
        self._x: Float = frozen(np.array(x))  # copies: what the user does to theirs later is no part of this
        self._image = image if callable(image) else frozen(np.array(image))
        self._tensors = Activations(engine.plan, tf.constant(x.astype(engine.input_dtype)), budget)
        self._version = engine.weights.version()
        forward(engine, self._tensors)
        raw = self._tensors.get([engine.logits.slot])[0]
        size = head_size(engine.plan, engine.logits.slot, tuple(raw.shape), self._tensors.shapes)
        self._squash = choose_head(engine.logits.squash, head, int(raw.shape[-1]))
        self._head = Head(size, binary=self.head == "sigmoid" and raw.shape[-1] == 1)
        self._class_names = name_classes(class_names, 2 if self._head.binary else int(raw.shape[-1]))
        self._truth = read_truth(truth, size)
        self.placement = Placement.whole((x.shape[1], x.shape[2]), (x.shape[1], x.shape[2]))
        self._lock = threading.Lock()
        self._remarks: tuple[str, ...] = ()
        self._prediction = self._predict()
        tensors = self._tensors  # what they look like is the same for every image of a size
        self._targets: Targets = engine.fact(
            ("targets", tensors.size), lambda: Targets(engine.plan, engine.reaching, tensors.shapes, tensors.floating)
        )
        self._pull = Puller(engine, self._head, self._tensors)

    # -------------------------------------------------------------- what was opened

    @cached_property
    def image(self) -> NDArray[np.uint8]:
        return frozen(self._image(self.x[0])) if callable(self._image) else self._image

    @property
    def x(self) -> Float:
        return self._x

    @property
    def class_names(self) -> tuple[str, ...]:
        return self._class_names

    @property
    def truth(self) -> NDArray[np.int64] | None:
        return self._truth

    @property
    def head(self) -> str:
        return self._squash

    @property
    def multilabel(self) -> bool:
        return self.head == "sigmoid" and not self._head.binary

    def _predict(self) -> Prediction:
        return Prediction(self._engine.logits, self._tensors, self._head, self.multilabel)

    # -------------------------------------------------------------- the prediction

    @property
    def default_score(self) -> str:
        return default_score(len(self.class_names), self.multilabel)

    @property
    def prediction(self) -> Prediction:
        """Logits, probabilities and labels, with the weights of the last :meth:`refresh`."""
        return self._prediction

    @property
    def logits(self) -> Float:
        return self._prediction.logits

    @property
    def probabilities(self) -> Float:
        return self._prediction.probabilities

    @property
    def labels(self) -> NDArray[np.int64]:
        return self._prediction.labels

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences that a reader of `probabilities` and `image` should know, such as how the image was resized."""
        return (*self._remarks, *self._prediction.notes)

    def remark(self, text: str) -> None:
        """Add a sentence to `notes`."""
        self._remarks = (*self._remarks, text)

    # -------------------------------------------------------------- layers

    @property
    def layers(self) -> tuple[LayerInfo, ...]:
        return self._targets.layers

    def layer(self, name: str) -> LayerInfo:
        return self._targets.info(self._targets.find(name))

    # -------------------------------------------------------------- what the mathematics asks

    def refresh(self) -> bool:
        version = self._engine.weights.version()
        with self._lock:
            if version == self._version:
                return False
            self._version = version
            self._tensors.clear()
            self._prediction = self._predict()
            return True

    def activations(self, layer: str) -> Float:
        target = self._targets.find(layer)
        tensor = self._tensors.get([target.slot])[0]
        return frozen(np.asarray(differentiate.wide(tensor), np.float32).reshape(self._shape(target)))

    def pullback(self, layer: str, cotangent: Cotangent | Float, at: Float | None = None) -> Pullback:
        target = self._targets.find(layer)
        factors, batched = self._factors(cotangent)
        source = None
        if at is not None:
            points, batched_at = self._as_activations(target, at, "at")
            common_batch("`cotangent` and `at`", [(factors[0], batched), (points, batched_at)])
            source = tf.constant(points)
            batched = batched or batched_at
        gradients, shares, seen = self._pull(target, factors, source)
        gradients = gradients.reshape(-1, *self._shape(target))
        names = self._engine.cut(target.slot, target.name).bypass_names
        current = seen == self._version
        if batched:
            return Pullback(frozen(gradients), dict(zip(names, shares, strict=True)), current)
        return Pullback(frozen(gradients[0]), {n: float(s[0]) for n, s in zip(names, shares, strict=True)}, current)

    def prepare(
        self, layers: Sequence[str], cotangent: Cotangent | Float, wanted: Callable[[], bool] = lambda: True
    ) -> None:
        factors, _ = self._factors(cotangent)
        targets = [self._targets.find(name) for name in layers]
        AHEAD.replace([partial(self._pull.prepare, target, factors) for target in targets], wanted)

    def pullback_float32(self, layer: str, cotangent: Cotangent | Float) -> Pullback:
        target = self._targets.find(layer)
        cut = self._engine.cut(target.slot, target.name)
        factors = self._one_field(cotangent)
        own, *bypass = [widened(tensor) for tensor in self._tensors.get([target.slot, *cut.bypass])]
        pulled = differentiate.pullback(in_float32(cut), self._head, len(factors[0]))
        gradients, shares = pulled(own, bypass, *(tf.constant(factor) for factor in factors))
        named = zip(cut.bypass_names, np.asarray(shares), strict=True)
        gradients = np.asarray(gradients).reshape(self._shape(target))
        return Pullback(frozen(gradients), {name: float(share[0]) for name, share in named})

    def replay(self, layer: str, activations: Float, bypass: Mapping[str, Float] | None = None) -> Float:
        target = self._targets.find(layer)
        cut = self._engine.cut(target.slot, target.name)
        own, *held = self._tensors.get([target.slot, *cut.bypass])
        named = around(bypass, shapes_around(cut, self._tensors))
        given = self._as_activations(target, activations)
        (source, *others), batched = common_batch("`activations` and `bypass`", [given, *named.values()])
        for name, values in zip(named, others, strict=True):
            place = cut.bypass_names.index(name)
            held[place] = tf.cast(tf.constant(values), held[place].dtype)
        batch = len(source)
        key = ("replay", target.slot, tuple(self.x.shape), batch, *(sorted(named) if batch > 1 else ()))
        function = differentiate.replay(cut, self._head, batch)
        arguments = [tf.cast(tf.constant(source), own.dtype), held]
        logits = np.asarray(self._engine.call(key, function, arguments, deep=len(cut.tail) > DEEP))
        return frozen(logits if batched else logits[0])

    def bypass(self, layer: str) -> dict[str, Float]:
        target = self._targets.find(layer)
        cut = self._engine.cut(target.slot, target.name)
        tensors = self._tensors.get(cut.bypass)
        arrays = [np.asarray(differentiate.wide(tensor), np.float32)[0] for tensor in tensors]
        return dict(zip(cut.bypass_names, map(frozen, arrays), strict=True))

    def tail(self, layer: str) -> Tail:
        target = self._targets.find(layer)
        traced, engine = partial(self._traced, target), self._engine

        def zero() -> tuple[str, ...]:
            version = engine.weights.version()
            return engine.latest(("zero", target.slot, tuple(self.x.shape)), version, lambda: traced().zero_steps())

        return Tail(
            Found(lambda: traced().curved),
            engine.fact("rectified", lambda: is_rectified(engine.plan, engine.logits.slot)),
            not self._tensors.full_precision,
            Found(lambda: traced().no_gradient),
            FoundNames(zero),
            Found(lambda: traced().constant),
        )

    def _traced(self, target: Target) -> Traced:
        cut = self._engine.cut(target.slot, target.name)

        def trace() -> Traced:
            activations, *bypass = self._tensors.get([target.slot, *cut.bypass])
            return trace_tail(cut, activations, bypass)

        return self._engine.fact(("tail", target.slot, tuple(self.x.shape)), trace)

    def units(self, layer: str) -> Float:
        target = self._targets.find(layer)
        if not self._traced(target).constant:
            return frozen(np.zeros(self.logits.shape, np.float32))
        cut = self._engine.cut(target.slot, target.name)
        own, *bypass = self._tensors.get([target.slot, *cut.bypass])
        key = ("units", target.slot, tuple(self.x.shape))
        function = in_graph(self._engine, key, units(cut, self._head), [own, bypass], target.name)
        (given,) = self._tensors.computed(key[:2], lambda: [function(own, bypass)])
        return frozen(np.asarray(given)[0])

    def pushforward(self, layer: str, tangent: Float, bypass: Mapping[str, Float] | None = None) -> Float:
        target = self._targets.find(layer)
        return frozen(push(self._engine, self._head, self._tensors, target, tangent=tangent, bypass=bypass or {}))

    def sweep(self, cotangent: Cotangent | Float, layers: Sequence[str] | None = None) -> dict[str, LayerSweep]:
        asked = (
            [info.name for info in self.layers]
            if layers is None
            else [self._targets.find(name).name for name in layers]
        )
        field = cotangent.to_array() if isinstance(cotangent, Cotangent) else cotangent
        (field,) = self._one_field(field)
        found = sweep_layers(self._engine, self._head, self._tensors, self._targets.all(), field[0])
        return {name: found[name] for name in asked}

    @property
    def weighted_layers(self) -> tuple[str, ...]:
        """Names of the layers whose weights `randomised` can redraw, from the output to the input."""
        return tuple(weighted_layers(self._engine))

    def randomised(self, layers: Collection[str], seed: int = 0) -> "KerasProbe":
        """A probe of the same image and network with random weights in some layers; the user's model is not modified.

        Parameters
        ----------
        layers : collection of str
            Names from `weighted_layers`.
        seed : int
            A layer's new weights depend on the seed and the layer only.

        Returns
        -------
        KerasProbe
            It runs eagerly: nothing is compiled for it.

        Raises
        ------
        SegCamError
            A name that is not in `weighted_layers`.
        """
        engine = randomised(self._engine, layers, seed)
        return KerasProbe(engine, self.x, image=self._image, class_names=self.class_names, head=self.head)

    def _factors(self, cotangent: Cotangent | Float) -> tuple[list[Float], bool]:
        if isinstance(cotangent, Cotangent):
            if cotangent.contrast is not None:
                return _compact(cotangent, cotangent.contrast), False
            cotangent = cotangent.to_array()
        field = np.asarray(cotangent, np.float32)
        shape = (*self._head.size, len(self.class_names))
        if field.shape[-3:] != shape or field.ndim not in (3, 4) or not field.size:
            raise SegCamError(
                f"`cotangent` must have shape {shape}, optionally with a leading batch axis. Received: {field.shape}."
            )
        return [field if field.ndim == 4 else field[None]], field.ndim == 4

    def _one_field(self, cotangent: Cotangent | Float) -> list[Float]:
        """As `_factors`, where a batch axis is refused."""
        factors, batched = self._factors(cotangent)
        if batched:
            raise SegCamError(
                f"`cotangent` must have shape {factors[0].shape[1:]}, without a batch axis. "
                f"Received: {factors[0].shape}."
            )
        return factors

    def _as_activations(self, target: Target, values: Any, argument: str = "activations") -> Batched:
        array = np.asarray(values, np.float32)
        shape = self._shape(target)
        if array.shape[-3:] != shape or array.ndim not in (3, 4) or not array.size:
            raise SegCamError(
                f"`{argument}` of layer {target.name!r} must have shape {shape}, optionally with a leading batch axis. "
                f"Received: {array.shape}."
            )
        own = self._tensors.shapes[target.slot][1:]  # tokens lie in a row
        return array.reshape(-1, *own), array.ndim == 4

    def _shape(self, target: Target) -> tuple[int, int, int]:
        return (*target.grid, self._tensors.shapes[target.slot][-1])

    def __repr__(self) -> str:
        height, width = self._head.size
        names = cut(listing(self.class_names, limit=4), 100)
        return (
            f"<KerasProbe: {len(self.class_names)} classes ({names}) on {height} x {width} px, {len(self.layers)} layers, "
            f"{self.head}>"
        )


def _compact(cotangent: Cotangent, contrast: Float) -> list[NDArray[Any]]:
    """What the compiled functions take of a field that is not dense, each with a batch axis; the contrast comes last."""
    factors: list[NDArray[Any]] = [cotangent.mask[None], contrast[None].astype(np.float32)]
    if cotangent.rivals is not None:
        factors.insert(1, cotangent.rivals[None].astype(index_type(contrast.size), copy=False))
    return factors
