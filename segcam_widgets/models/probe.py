"""One model bound to one image: what the mathematics asks, answered by a graph cut at the layer."""

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property, partial
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from segcam_widgets.core.one_line import cut
from segcam_widgets.core.placement import Placement
from segcam_widgets.core.probe import Cotangent, LayerInfo, LayerSweep, Pullback, Tail
from segcam_widgets.core.scores import default_score
from segcam_widgets.core.standing import index_type
from segcam_widgets.errors import SegCamError, listing
from segcam_widgets.models import differentiate
from segcam_widgets.models.arguments import choose_head, name_classes, read_truth
from segcam_widgets.models.differentiate import Head
from segcam_widgets.models.engine import AHEAD, DEEP, Engine, Target
from segcam_widgets.models.given import Batched, around, common_batch
from segcam_widgets.models.grids import head_size
from segcam_widgets.models.precise import in_float32
from segcam_widgets.models.prediction import Prediction, frozen
from segcam_widgets.models.pull import Puller
from segcam_widgets.models.pushforward import in_graph, push, shapes_around
from segcam_widgets.models.randomise import randomised, weighted_layers
from segcam_widgets.models.series import forward
from segcam_widgets.models.sweep import sweep_layers
from segcam_widgets.models.tail import Found, FoundNames, Traced, is_rectified, trace_tail
from segcam_widgets.models.targets import Targets
from segcam_widgets.models.tensors import Activations
from segcam_widgets.models.units import units
from segcam_widgets.models.widen import widened

Float = NDArray[np.float32]
BUDGET = 256 * 2**20
"""Bytes of activations held an image. A U-Net at 256 px needs 61 MB, DeepLabV3+ 211 MB."""


class KerasProbe:
    """Answers of one Keras model about one image. Made by :func:`segcam_widgets.open_probe`.

    Attributes
    ----------
    layers : tuple of LayerInfo
        Every valid target layer, the input first, the logits last, in graph order.
    class_names : tuple of str
    truth : ndarray, (H, W) int, or None
    x : ndarray, (1, h, w, C) float32
        What the model eats.
    head : {"softmax", "sigmoid"}
    multilabel : bool
        Several sigmoid channels: classes do not compete.
    placement : Placement
        Where the image, as it was given, lies in `x`.
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
        self.x: Float = frozen(np.array(x))  # copies: what the user does to theirs later is no part of this
        self._image = image if callable(image) else frozen(np.array(image))
        self._tensors = Activations(engine.plan, tf.constant(x.astype(engine.input_dtype)), budget)
        self._version = engine.weights.version()
        forward(engine, self._tensors)
        raw = self._tensors.get([engine.logits.slot])[0]
        size = head_size(engine.plan, engine.logits.slot, tuple(raw.shape), self._tensors.shapes)
        self.head = choose_head(engine.logits.squash, head, int(raw.shape[-1]))
        self._head = Head(size, binary=self.head == "sigmoid" and raw.shape[-1] == 1)
        self.multilabel = self.head == "sigmoid" and not self._head.binary
        self.class_names = name_classes(class_names, 2 if self._head.binary else int(raw.shape[-1]))
        self.truth = read_truth(truth, size)
        self.placement = Placement.whole((x.shape[1], x.shape[2]), (x.shape[1], x.shape[2]))
        self._lock = threading.Lock()
        self._remarks: tuple[str, ...] = ()
        self._prediction = self._predict()
        tensors = self._tensors  # what they look like is the same for every image of a size
        self._targets: Targets = engine.fact(
            ("targets", tensors.size), lambda: Targets(engine, tensors.shapes, tensors.floating)
        )
        self._pull = Puller(engine, self._head, self._tensors)

    @cached_property
    def image(self) -> NDArray[np.uint8]:
        """(h', w', 3) uint8: what a person sees."""
        return frozen(self._image(self.x[0])) if callable(self._image) else self._image

    def _predict(self) -> Prediction:
        return Prediction(self._engine.logits, self._tensors, self._head, self.multilabel)

    # -------------------------------------------------------------- the prediction

    @property
    def default_score(self) -> str:
        return default_score(len(self.class_names), self.multilabel)

    @property
    def prediction(self) -> Prediction:
        """The prediction with the weights as they were at the last :meth:`refresh`."""
        return self._prediction

    @property
    def logits(self) -> Float:
        """(H, W, C) float32, before softmax or sigmoid, whatever the model ends with."""
        return self._prediction.logits

    @property
    def probabilities(self) -> Float:
        """(H, W, C) float32 in [0, 1]: the model's own output where it ends with probabilities."""
        return self._prediction.probabilities

    @property
    def labels(self) -> NDArray[np.int64]:
        """(H, W) predicted class; several sigmoids: -1 where no probability is above 0.5."""
        return self._prediction.labels

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the probabilities should know."""
        return (*self._remarks, *self._prediction.notes)

    def remark(self, text: str) -> None:
        """Add to `notes` what was done to the image before it came here."""
        self._remarks = (*self._remarks, text)

    # -------------------------------------------------------------- layers

    @property
    def layers(self) -> tuple[LayerInfo, ...]:
        """Every layer with an (h, w, K) output that reaches the logits."""
        return self._targets.layers

    def layer(self, name: str) -> LayerInfo:
        """The layer of that name, or whose path ends with it and no other's does.

        Raises
        ------
        UnknownLayerError
            No target layer has the name; the nearest are suggested.
        DisconnectedLayerError
            The layer exists and does not reach the logits.
        """
        return self._targets.info(self._targets.find(name))

    # -------------------------------------------------------------- what the mathematics asks

    def refresh(self) -> bool:
        """Drop activations and prediction if the model's weights have changed since they were computed."""
        version = self._engine.weights.version()
        with self._lock:
            if version == self._version:
                return False
            self._version = version
            self._tensors.clear()
            self._prediction = self._predict()
            return True

    def activations(self, layer: str) -> Float:
        """What is there: the layer's output for the image, (h, w, K) float32, read-only."""
        target = self._targets.find(layer)
        tensor = self._tensors.get([target.slot])[0]
        return frozen(np.asarray(differentiate.wide(tensor)).reshape(self._shape(target)))

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
        target = self._targets.find(layer)
        factors, batched = self._factors(cotangent)
        source = None
        if at is not None:
            points, batched_at = self._as_activations(target, at, "at")
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
        """Get ready in the background to pull a field like this back to other layers; returns at once.

        Parameters
        ----------
        layers : sequence of str
            The nearest to what may be asked first.
        cotangent : Cotangent or ndarray (H, W, C)
            Its kind is read, a product of mask and contrast or a field; not its values.
        wanted : callable
            Asked before each layer: whether anybody still needs it. A newer call takes the place of an older one.

        Raises
        ------
        UnknownLayerError, DisconnectedLayerError
        SegCamError
            A wrong shape.
        """
        factors, _ = self._factors(cotangent)
        targets = [self._targets.find(name) for name in layers]
        AHEAD.replace([partial(self._pull.prepare, target, factors) for target in targets], wanted)

    def pullback_float32(self, layer: str, cotangent: Cotangent | Float) -> Pullback:
        """The pullback of one field with everything after the layer in 32 bits; run once, not compiled.

        Raises
        ------
        UnknownLayerError, DisconnectedLayerError
        UnsupportedModelError
            A layer after it cannot be rebuilt in float32.
        SegCamError
            A wrong shape.
        """
        target = self._targets.find(layer)
        cut = self._engine.cut(target.slot, target.name)
        factors, _ = self._factors(cotangent)
        own, *bypass = [widened(tensor) for tensor in self._tensors.get([target.slot, *cut.bypass])]
        pulled = differentiate.pullback(in_float32(cut), self._head, len(factors[0]))
        gradients, shares = pulled(own, bypass, *(tf.constant(factor) for factor in factors))
        named = zip(cut.bypass_names, np.asarray(shares), strict=True)
        gradients = np.asarray(gradients).reshape(self._shape(target))
        return Pullback(frozen(gradients), {name: float(share[0]) for name, share in named})

    def replay(self, layer: str, activations: Float, bypass: Mapping[str, Float] | None = None) -> Float:
        """What if it were this: the logits (H, W, C) for other activations of a layer; at the input, the whole model.

        Parameters
        ----------
        layer : str
        activations : ndarray, (h, w, K) or (B, h, w, K)
        bypass : mapping of str to ndarray, optional
            What takes the place of tensors that go round the layer, by the names that :meth:`bypass` gives them, each in
            its shape there or with a leading batch axis; those left out stay the image's. Where only some have the batch
            axis, the others are the same for all of it.

        Returns
        -------
        ndarray, (H, W, C) or (B, H, W, C) float32

        Raises
        ------
        UnknownLayerError, DisconnectedLayerError
        SegCamError
            A wrong shape, a name that is not one of the bypass, or batches of different lengths.
        """
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
        """What goes round it: the tensors that the layers after it read besides, by the name of what makes them."""
        target = self._targets.find(layer)
        cut = self._engine.cut(target.slot, target.name)
        tensors = self._tensors.get(cut.bypass)
        return {n: frozen(np.asarray(differentiate.wide(t))[0]) for n, t in zip(cut.bypass_names, tensors, strict=True)}

    def tail(self, layer: str) -> Tail:
        """What kind of network follows the layer: whether it is piecewise linear, rectified, of half precision."""
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
        """What full units and constants after the layer give to the logits, to first order at the image.

        A ReLU6 that is full gives six whatever its bias, a clip its bounds, minimum and maximum with a constant that
        constant where it wins, `Rescaling` its offset: no weight carries these.

        Parameters
        ----------
        layer : str

        Returns
        -------
        ndarray, (H, W, C) float32
            ``<cotangent, units>`` is their part of a ledger, for any cotangent.

        Raises
        ------
        UnknownLayerError, DisconnectedLayerError
        UnsupportedModelError
            The tail holds an op that TensorFlow cannot differentiate twice.
        """
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
        """What does it push: the change of the logits, to first order, for a change of the layer's output.

        Exact also through resizing (`models.pushforward` says how): <pushforward(t), u> == <t, pullback(u)>.

        Parameters
        ----------
        layer : str
        tangent : ndarray, (h, w, K) or (B, h, w, K)
            The change of the layer's output.
        bypass : mapping of str to ndarray, optional
            Changes of the tensors that go round the layer, by the names that :meth:`bypass` gives them; others stay.

        Returns
        -------
        ndarray, (H, W, C) or (B, H, W, C) float32

        Raises
        ------
        UnknownLayerError, DisconnectedLayerError
        UnsupportedModelError
            The tail holds an op that TensorFlow cannot differentiate twice.
        SegCamError
            A wrong shape, or a name that is not one of the bypass.
        """
        target = self._targets.find(layer)
        return frozen(push(self._engine, self._head, self._tensors, target, tangent=tangent, bypass=bypass or {}))

    def sweep(self, cotangent: Cotangent | Float, layers: Sequence[str] | None = None) -> dict[str, LayerSweep]:
        """Many layers in one backward pass, reduced inside the graph.

        Parameters
        ----------
        cotangent : ndarray (H, W, C), or Cotangent
            The field over the logits. Its sum is pulled back: divide by |M| for the weights of a mean.
        layers : sequence of str, optional
            Default all.

        Returns
        -------
        dict of str to LayerSweep
            In the order asked, or in graph order.

        Raises
        ------
        UnknownLayerError, DisconnectedLayerError
        SegCamError
            A wrong shape.
        """
        asked = (
            [info.name for info in self.layers]
            if layers is None
            else [self._targets.find(name).name for name in layers]
        )
        field = cotangent.to_array() if isinstance(cotangent, Cotangent) else cotangent
        (field,), batched = self._factors(field)
        if batched:
            raise SegCamError(
                f"`cotangent` must have shape {field.shape[1:]}, without a batch axis. Received: {field.shape}."
            )
        found = sweep_layers(self._engine, self._head, self._tensors, self._targets.all(), field[0])
        return {name: found[name] for name in asked}

    @property
    def weighted_layers(self) -> tuple[str, ...]:
        """Names of the layers whose weights can be drawn at random, from the output to the input."""
        return tuple(weighted_layers(self._engine))

    def randomised(self, layers: Collection[str], seed: int = 0) -> "KerasProbe":
        """The same image in the same network with other weights in some layers; the user's model is left alone.

        Parameters
        ----------
        layers : collection of str
            Out of `weighted_layers`.
        seed : int
            A layer's new weights depend on it and on the layer alone.

        Returns
        -------
        KerasProbe
            Its answers are not compiled.

        Raises
        ------
        SegCamError
            A layer of another name.
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
        if field.shape[-3:] != shape or field.ndim not in (3, 4):
            raise SegCamError(
                f"`cotangent` must have shape {shape}, or that with a leading batch axis. Received: {field.shape}."
            )
        return [field if field.ndim == 4 else field[None]], field.ndim == 4

    def _as_activations(self, target: Target, values: Any, argument: str = "activations") -> Batched:
        array = np.asarray(values, np.float32)
        shape = self._shape(target)
        if array.shape[-3:] != shape or array.ndim not in (3, 4):
            raise SegCamError(
                f"`{argument}` of layer {target.name!r} must have shape {shape}, or that with a leading batch axis. "
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
