"""What the mathematics asks of a model, as a protocol: everything in `core` is built on these answers alone."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]
Progress = Callable[[float, str], bool]
"""``progress(fraction in [0, 1], text) -> bool``; False cancels with :class:`~segcam_widgets.errors.Cancelled`."""


@dataclass(frozen=True, slots=True)
class LayerInfo:
    """One layer that can be explained.

    Attributes
    ----------
    name : str
        Path in the model, "backbone/conv4_block6_relu"; the second call of a shared layer is "feat#2".
    shape : tuple of int
        (h, w, K) of its output for the probe's image.
    kind : str
        Class of the layer, "Conv2D"; "InputLayer" for the input itself.
    activation : str or None
        Name of the activation that ends the layer, None where it has none.
    """

    name: str
    shape: tuple[int, int, int]
    kind: str
    activation: str | None = None


def input_layer(layers: Sequence[LayerInfo]) -> LayerInfo | None:
    """The model's input among a probe's layers; None where it takes no real numbers, and so is none of them."""
    return layers[0] if layers[0].kind == "InputLayer" else None


@dataclass(frozen=True, slots=True)
class Pullback:
    """The answer of :meth:`Probe.pullback`.

    Attributes
    ----------
    gradients : ndarray, (h, w, K) or (B, h, w, K), float32
        Gradient of sum(cotangent * logits) with respect to the layer's output.
    bypass : mapping of str to float (or ndarray (B,))
        For every tensor that goes round the layer, <gradient there, the tensor>: its share of the score to first order.
    current : bool
        True where the model's weights were seen to be those of the probe's activations and prediction while this was
        computed. False where nobody looked: :meth:`Probe.refresh` does.
    """

    gradients: Float = field(repr=False)
    bypass: Mapping[str, float | NDArray[np.float64]]
    current: bool = False


@dataclass(frozen=True, slots=True)
class Tail:
    """What follows a layer.

    Attributes
    ----------
    curved : mapping of str to str
        The steps that are not piecewise linear, and the operation that makes them so: {"attention": "Softmax"}.
    rectified : bool
        The logits leave a ReLU.
    half_precision : bool
        Some of the network computes in 16 bits.
    no_gradient : mapping of str to str
        The steps between the layer and the logits through which no gradient comes, whatever the image, and the operation
        that it ends at: {"gate": "Round"}. Empty where a probe does not look.
    zero_weights : sequence of str
        The steps that multiply what comes from the layer by a weight which is zero, where no path from the layer to the
        logits avoids them all: what the layer shows changes nothing, whatever the image. With the weights as they are.
    constants : mapping of str to str
        The steps that give what no weight carries, and what that is: "full units" (ReLU6, clip, minimum or maximum with a
        constant) or "constants" (an offset of the graph's own).
    """

    curved: Mapping[str, str]
    rectified: bool
    half_precision: bool
    no_gradient: Mapping[str, str] = field(default_factory=dict)
    zero_weights: Sequence[str] = ()
    constants: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LayerSweep:
    """One layer's part of :meth:`Probe.sweep`: pooled weights (K,) and the two maps (h, w) with baseline zero."""

    weights: Float = field(repr=False)
    grad_cam: Float = field(repr=False)
    hirescam: Float = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class Cotangent:
    """A field over the logits, kept in few numbers where it is made of few.

    Three forms: an outer product, ``field[row, col] == mask[row, col] * contrast``; the same against a rival at each pixel,
    ``mask[row, col] * (contrast - contrast.sum() * one_hot(rivals[row, col]))``, so that each pixel's pulls add up to zero;
    a dense field, stored whole. A live query with a linear score then moves H*W + C numbers into the graph, with rivals as
    many whole numbers besides, instead of H*W*C.

    Attributes
    ----------
    mask : ndarray, (H, W), float32
    contrast : ndarray, (C,), float32, or None
    dense : ndarray, (H, W, C), float32, or None
    rivals : ndarray, (H, W), whole numbers, or None
        Class indices, beside a `contrast` alone.
    """

    mask: Float
    contrast: Float | None = None
    dense: Float | None = None
    rivals: NDArray[np.integer] | None = None

    @property
    def is_outer(self) -> bool:
        """Whether all pixels pull in one direction over the classes: ``mask * contrast`` and nothing else."""
        return self.contrast is not None and self.rivals is None

    def divided(self, by: float) -> "Cotangent":
        """The field divided by a number; free where it is not dense."""
        factor = np.float32(1 / by)
        if self.contrast is not None:
            return replace(self, contrast=self.contrast * factor)
        assert self.dense is not None  # exactly one of the two is given
        return replace(self, dense=self.dense * factor)

    def to_array(self) -> Float:
        """The field as one array, (H, W, C) float32."""
        if self.dense is not None:
            return self.dense
        assert self.contrast is not None  # exactly one of the two is given
        field = self.mask[:, :, None] * self.contrast
        if self.rivals is not None:
            places = np.arange(self.mask.size), self.rivals.ravel()
            field.reshape(-1, self.contrast.size)[places] -= self.mask.ravel() * self.contrast.sum()
        return field


@runtime_checkable
class Preparing(Protocol):
    """A probe that can get ready for questions to come."""

    def prepare(
        self, layers: Sequence[str], cotangent: Cotangent | Float, wanted: Callable[[], bool] = lambda: True
    ) -> None:
        """In the background, as long as `wanted()`: to pull a field of this kind back to other layers."""
        ...


@runtime_checkable
class Probe(Protocol):
    """One model bound to one image (the public contract is DESIGN's section 2).

    (H, W) is the grid of the logits, C the number of classes as shown (a one-channel sigmoid shows two).
    """

    @property
    def layers(self) -> tuple[LayerInfo, ...]: ...
    @property
    def class_names(self) -> tuple[str, ...]: ...
    @property
    def logits(self) -> Float: ...
    @property
    def probabilities(self) -> Float: ...
    @property
    def labels(self) -> NDArray[np.int64]: ...
    @property
    def truth(self) -> NDArray[np.int64] | None: ...
    @property
    def image(self) -> NDArray[np.uint8]: ...
    @property
    def x(self) -> Float: ...
    @property
    def head(self) -> str:
        """What makes probabilities of the logits, "softmax" or "sigmoid". A softmax does not see a number added to all."""
        ...

    @property
    def multilabel(self) -> bool:
        """True where every class has its own sigmoid, so that classes do not compete."""
        ...

    @property
    def default_score(self) -> str: ...
    def layer(self, name: str) -> LayerInfo:
        """The layer of that name (or of that unique path ending). Raises UnknownLayerError, DisconnectedLayerError."""
        ...

    def refresh(self) -> bool:
        """Drop what was computed if the model's weights have changed since. True if anything was dropped."""
        ...

    def activations(self, layer: str) -> Float: ...
    def bypass(self, layer: str) -> Mapping[str, Float]:
        """The tensors that go round the layer: what the layers after it read besides, by the name of what makes them."""
        ...

    def tail(self, layer: str) -> Tail:
        """What kind of network follows the layer."""
        ...

    def units(self, layer: str) -> Float:
        """What full units and constants after the layer give to the logits, (H, W, C), to first order at the image."""
        ...

    def pullback(self, layer: str, cotangent: Cotangent | Float, at: Float | None = None) -> Pullback: ...
    def pullback_float32(self, layer: str, cotangent: Cotangent | Float) -> Pullback:
        """The same with everything after the layer in 32 bits. Raises UnsupportedModelError where that cannot be."""
        ...

    def pushforward(self, layer: str, tangent: Float, bypass: Mapping[str, Float] | None = None) -> Float: ...
    def replay(self, layer: str, activations: Float, bypass: Mapping[str, Float] | None = None) -> Float:
        """The logits for other activations of a layer, and for other tensors of `bypass`; those left out stay."""
        ...

    def sweep(self, cotangent: Cotangent | Float, layers: Sequence[str] | None = None) -> Mapping[str, LayerSweep]: ...
