"""The protocol `Probe`: one model bound to one image, and the questions that everything else in the package asks of it."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.core.answers import Cotangent, Float, LayerInfo, LayerSweep, Pullback, Tail


@runtime_checkable
class Preparing(Protocol):
    """Optional: a probe that can compile ahead of the questions to come."""

    def prepare(
        self, layers: Sequence[str], cotangent: Cotangent | Float, wanted: Callable[[], bool] = lambda: True
    ) -> None:
        """Compile in the background what pulls a field of this kind back to other layers; returns at once.

        A newer call replaces an older one.

        Parameters
        ----------
        layers : sequence of str
            In the order of work: the likeliest next question first.
        cotangent : Cotangent or ndarray, (H, W, C)
            Only its form counts (outer product, with rivals, dense), not its values.
        wanted : callable
            Called before each layer; False ends the work.

        Raises
        ------
        UnknownLayerError, DisconnectedLayerError
        SegCamError
            A cotangent of another shape.
        """
        ...


@runtime_checkable
class Probe(Protocol):
    """One model bound to one image: the questions that methods, ledger, votes and rules ask, and nothing else.

    :func:`segcam_widgets.open_probe` makes one of a Keras model. For another framework, subclass `Probe` and answer every
    member; ``tests/core/probe_contract.py`` checks what is promised here.

    **Shapes.** (H, W) is the grid of the logits, C the number of classes as shown: a model with one sigmoid channel z shows
    two classes with logits (-z/2, z/2). A layer has activations (h, w, K), its own :attr:`LayerInfo.shape`. Rows come
    before columns, channels last, whatever the model's own layout.

    **Batch axis.** Where B stands in a shape, the axis is optional: with it, B >= 1 questions are answered at once, equal to
    B single answers up to rounding, and the answer has the axis too. If only some arguments have it, the others are the same
    for all; lengths other than B and 1 raise SegCamError.

    **Arrays.** Answers are numpy arrays, read-only, float32 unless another type is named, whatever precision the network
    computes in. Arguments may be of any real type; they are neither changed nor kept.

    **Units.** Logits are as the model computes them before its softmax or sigmoid, without any scaling. Activations are in
    the layer's own unit, gradients in logits per unit of activation.

    **Layers.** `layer` is a name as :meth:`layer` accepts it. Every method that takes one raises UnknownLayerError if no
    target layer has this name, and DisconnectedLayerError if the layer does not reach the logits.

    **Weights.** Prediction and activations may be stored, and belong to the weights of the last :meth:`refresh` (or of the
    opening). After a change of weights, answers fit together again once :meth:`refresh` was called.

    **Identities.** With a = activations(layer), t a tangent, u a cotangent, < , > the sum of products over all axes:

    - replay(layer, a, bypass(layer)) == replay(layer, a) == logits
    - <pushforward(layer, t), u> == <t, pullback(layer, u).gradients>; with a tangent of one bypass tensor b alone,
      <pushforward(layer, 0, {b: bypass(layer)[b]}), u> == pullback(layer, u).bypass[b]
    - pullback is linear in u, pushforward in its tangents together
    - <logits, u> == <gradients, a> + sum(pullback.bypass) + <units(layer), u> + r. For a piecewise linear tail
      (``not tail(layer).curved``), r is what its biases contribute: zero without biases
    - sweep(u)[layer] holds gradients.mean((0, 1)) and the two maps made of gradients and a
    """

    @property
    @abstractmethod
    def layers(self) -> tuple[LayerInfo, ...]:
        """Every layer that can be explained: an (h, w, K) output of real numbers that reaches the logits.

        In graph order: the model's input first (unless it is of whole numbers), the logits last. Names differ.
        """
        ...

    @property
    @abstractmethod
    def class_names(self) -> tuple[str, ...]:
        """C distinct names, in the order of the logits' last axis; of one sigmoid channel, the background first."""
        ...

    @property
    @abstractmethod
    def logits(self) -> Float:
        """(H, W, C) float32, read-only: before softmax or sigmoid, whatever the model ends with.

        Raises
        ------
        NonFiniteError
            The model answers NaN or infinity for this image. A probe may also hand these on.
        """
        ...

    @property
    @abstractmethod
    def probabilities(self) -> Float:
        """(H, W, C) float32 in [0, 1], read-only: the model's own output where it ends with probabilities.

        They sum to one at each pixel unless `multilabel`. Softmax or sigmoid of `logits`, unless the model changes its
        probabilities afterwards (resizes them, say).
        """
        ...

    @property
    @abstractmethod
    def labels(self) -> NDArray[np.int64]:
        """(H, W) integers, read-only: the predicted class of each pixel.

        The class with the largest probability; if `multilabel`, -1 where no probability is above 0.5.
        """
        ...

    @property
    @abstractmethod
    def truth(self) -> NDArray[np.int64] | None:
        """(H, W) integers, read-only: the true class of each pixel; None if it was not given.

        A value that is no class index (-1, 255) means that the pixel's class is unknown.
        """
        ...

    @property
    @abstractmethod
    def image(self) -> NDArray[np.uint8]:
        """(h', w', 3) uint8, read-only: the picture that is shown, red, green, blue, in a size of its own."""
        ...

    @property
    @abstractmethod
    def x(self) -> Float:
        """(1, h, w, channels) or (h, w, channels) floating point, read-only: the input, preprocessed as the model expects.

        Channels last, also for a model with channels first. Equals the activations of the input layer, if that is listed.
        """
        ...

    @property
    @abstractmethod
    def head(self) -> str:
        """What turns logits into probabilities, "softmax" or "sigmoid".

        Softmax ignores a constant added to every logit of a pixel; rules and scores rely on this.
        """
        ...

    @property
    @abstractmethod
    def multilabel(self) -> bool:
        """Whether every class has a sigmoid of its own, so that classes do not compete. Implies head "sigmoid"."""
        ...

    @property
    @abstractmethod
    def default_score(self) -> str:
        """Name of the score that a query without one gets: a key of `SCORES` that applies to this model.

        :func:`segcam_widgets.core.scores.default_score` decides it: "logit" if `multilabel`, else "margin".
        """
        ...

    @abstractmethod
    def layer(self, name: str) -> LayerInfo:
        """Look a layer up by its name, or by the end of its path if that is unique ("relu" for "backbone/relu").

        Parameters
        ----------
        name : str

        Returns
        -------
        LayerInfo
            One of `layers`.

        Raises
        ------
        UnknownLayerError
            No target layer has the name, or several paths end with it; the message suggests the nearest.
        DisconnectedLayerError
            The layer exists and does not reach the logits.
        """
        ...

    @abstractmethod
    def refresh(self) -> bool:
        """Compare the model's weights with those of the last call, and drop every stored answer if they have changed.

        Returns
        -------
        bool
            True if anything was dropped. A second call without a change in between returns False.
        """
        ...

    @abstractmethod
    def activations(self, layer: str) -> Float:
        """The layer's output for the image.

        Parameters
        ----------
        layer : str

        Returns
        -------
        ndarray, (h, w, K) float32, read-only
            Tokens are laid out on their grid.

        Raises
        ------
        UnknownLayerError, DisconnectedLayerError
        """
        ...

    @abstractmethod
    def bypass(self, layer: str) -> Mapping[str, Float]:
        """The tensors that bypass the layer: what later steps read besides it (skip connections), for the image.

        With the layer's activations they determine the logits.

        Parameters
        ----------
        layer : str

        Returns
        -------
        mapping of str to ndarray, float32, read-only
            By the name of the step that computes the tensor, each in its own shape, without a batch axis. Empty if
            everything goes through the layer.

        Raises
        ------
        UnknownLayerError, DisconnectedLayerError
        """
        ...

    @abstractmethod
    def tail(self, layer: str) -> Tail:
        """Describe the network between the layer and the logits: piecewise linear or not, rectified, half precision.

        Parameters
        ----------
        layer : str

        Returns
        -------
        Tail
            Its mappings may be computed when they are first read.

        Raises
        ------
        UnknownLayerError, DisconnectedLayerError
        """
        ...

    @abstractmethod
    def units(self, layer: str) -> Float:
        """What saturated units and constants after the layer contribute to the logits, to first order at the image.

        A ReLU6 that is full gives six whatever its bias, a clip its bounds, minimum and maximum with a constant that
        constant where it wins, `Rescaling` its offset: no weight carries these. ``<units, cotangent>`` is their part of a
        ledger, for any cotangent.

        Parameters
        ----------
        layer : str

        Returns
        -------
        ndarray, (H, W, C) float32, read-only
            In logits; zero if ``tail(layer).constants`` is empty.

        Raises
        ------
        UnknownLayerError, DisconnectedLayerError
        UnsupportedModelError
            An operation after the layer cannot be differentiated in forward mode.
        """
        ...

    @abstractmethod
    def pullback(self, layer: str, cotangent: Cotangent | Float, at: Float | None = None) -> Pullback:
        """The gradient of sum(cotangent * logits) with respect to the layer's output (vector-Jacobian product).

        Parameters
        ----------
        layer : str
        cotangent : ndarray (H, W, C) or (B, H, W, C), or Cotangent
            The field over the logits. A `Cotangent` gives the answer of its :meth:`Cotangent.to_array`.
        at : ndarray (h, w, K) or (B, h, w, K), optional
            Activations to linearise at; default the image's. Bypass tensors stay those of the image.

        Returns
        -------
        Pullback
            `gradients` (h, w, K), or (B, h, w, K) if an argument has a batch axis, zero where no gradient flows; `bypass`
            with exactly the names of :meth:`bypass`.

        Raises
        ------
        UnknownLayerError, DisconnectedLayerError
        SegCamError
            A wrong shape, or batches of different lengths.
        """
        ...

    @abstractmethod
    def pullback_float32(self, layer: str, cotangent: Cotangent | Float) -> Pullback:
        """The pullback of one field with everything after the layer computed in 32 bits; may be slow.

        Equal to :meth:`pullback` up to rounding for a network that computes in 32 bits or more.

        Parameters
        ----------
        layer : str
        cotangent : ndarray, (H, W, C), or Cotangent
            The field over the logits, without a batch axis.

        Returns
        -------
        Pullback
            `gradients` (h, w, K).

        Raises
        ------
        UnknownLayerError, DisconnectedLayerError
        UnsupportedModelError
            A step after the layer cannot be computed in 32 bits.
        SegCamError
            A wrong shape.
        """
        ...

    @abstractmethod
    def pushforward(self, layer: str, tangent: Float, bypass: Mapping[str, Float] | None = None) -> Float:
        """The first-order change of the logits for a change of the layer's output (Jacobian-vector product).

        The exact adjoint of :meth:`pullback`, through every operation: <pushforward(t), u> == <t, pullback(u).gradients>.

        Parameters
        ----------
        layer : str
        tangent : ndarray, (h, w, K) or (B, h, w, K)
            The change of the layer's output, at the image's activations.
        bypass : mapping of str to ndarray, optional
            Changes of tensors that bypass the layer, by their names in :meth:`bypass`, each in its shape there, optionally
            with a leading batch axis. Those left out do not change.

        Returns
        -------
        ndarray, (H, W, C) or (B, H, W, C) float32, read-only
            In logits.

        Raises
        ------
        UnknownLayerError, DisconnectedLayerError
        UnsupportedModelError
            An operation after the layer cannot be differentiated in forward mode.
        SegCamError
            A wrong shape, an unknown name in `bypass`, or batches of different lengths.
        """
        ...

    @abstractmethod
    def replay(self, layer: str, activations: Float, bypass: Mapping[str, Float] | None = None) -> Float:
        """The logits for other activations of a layer; at the input layer, this runs the whole model.

        Parameters
        ----------
        layer : str
        activations : ndarray, (h, w, K) or (B, h, w, K)
            In place of the layer's output.
        bypass : mapping of str to ndarray, optional
            In place of tensors that bypass the layer, by their names in :meth:`bypass`, each in its shape there, optionally
            with a leading batch axis. Those left out stay the image's.

        Returns
        -------
        ndarray, (H, W, C) or (B, H, W, C) float32, read-only

        Raises
        ------
        UnknownLayerError, DisconnectedLayerError
        SegCamError
            A wrong shape, an unknown name in `bypass`, or batches of different lengths.
        """
        ...

    @abstractmethod
    def sweep(self, cotangent: Cotangent | Float, layers: Sequence[str] | None = None) -> Mapping[str, LayerSweep]:
        """Pooled weights and maps of many layers at once: for a Keras model in a single backward pass.

        Parameters
        ----------
        cotangent : ndarray, (H, W, C), or Cotangent
            The field over the logits, without a batch axis. Its sum is pulled back: divide by the number of pixels for the
            weights of a mean.
        layers : sequence of str, optional
            Default all of `layers`.

        Returns
        -------
        mapping of str to LayerSweep
            By full name, in the order of `layers`.

        Raises
        ------
        UnknownLayerError, DisconnectedLayerError
        SegCamError
            A wrong shape.
        """
        ...
