"""What a probe is asked with and what it answers: values, without a model behind them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

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
    """The first of a probe's layers where that is the model's input; None for a model whose input is of whole numbers."""
    return layers[0] if layers[0].kind == "InputLayer" else None


@dataclass(frozen=True, slots=True)
class Pullback:
    """The answer of :meth:`Probe.pullback`.

    Attributes
    ----------
    gradients : ndarray, (h, w, K) or (B, h, w, K), float32
        Gradient of sum(cotangent * logits) with respect to the layer's output.
    bypass : mapping of str to float, or to ndarray (B,) float64
        For each tensor of :meth:`Probe.bypass`, the inner product of its gradient and its value: its first-order share of
        sum(cotangent * logits). Arrays where `gradients` have a batch axis.
    current : bool
        True if the weights were compared during the computation and are those of the probe's activations and
        prediction. False if they were not compared; :meth:`Probe.refresh` compares them.
    """

    gradients: Float = field(repr=False)
    bypass: Mapping[str, float | NDArray[np.float64]]
    current: bool = False


@dataclass(frozen=True, slots=True)
class Tail:
    """What kind of network lies between a layer and the logits.

    Attributes
    ----------
    curved : mapping of str to str
        Steps that are not piecewise linear, each with the operation responsible: {"attention": "Softmax"}.
    rectified : bool
        The logits are the output of a ReLU.
    half_precision : bool
        Some of the network computes in 16 bits.
    no_gradient : mapping of str to str
        Steps that pass no gradient on for any image, each with the operation that stops it: {"gate": "Round"}. Empty if a
        probe does not look for them.
    zero_weights : sequence of str
        Steps that multiply the layer's contribution by a weight of zero, if no path from the layer to the logits avoids
        them all: the layer then has no effect for any image, with the weights as they are. Else empty.
    constants : mapping of str to str
        Steps whose output contains a part that no weight carries, each with its kind: "full units" (ReLU6, clip, minimum
        or maximum with a constant) or "constants" (an offset in the graph itself).
    """

    curved: Mapping[str, str]
    rectified: bool
    half_precision: bool
    no_gradient: Mapping[str, str] = field(default_factory=dict)
    zero_weights: Sequence[str] = ()
    constants: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LayerSweep:
    """One layer's part of :meth:`Probe.sweep`, with A the layer's activations and G the field's gradients there.

    Attributes
    ----------
    weights : ndarray, (K,) float32
        The mean of G over the layer's cells.
    grad_cam : ndarray, (h, w) float32
        sum_k weights_k A_k, signed, for baseline zero.
    hirescam : ndarray, (h, w) float32
        sum_k G_k A_k, signed, for baseline zero.
    """

    weights: Float = field(repr=False)
    grad_cam: Float = field(repr=False)
    hirescam: Float = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class Cotangent:
    """A field (H, W, C) over the logits, stored in factors where it has any.

    Three forms: an outer product, ``field[row, col] == mask[row, col] * contrast``; the same against a rival at each pixel,
    ``mask[row, col] * (contrast - contrast.sum() * one_hot(rivals[row, col]))``, so that the values at each pixel sum to
    zero; a dense field, stored whole. A live query with a linear score then moves H*W + C numbers into the graph (rivals add
    H*W integers) instead of H*W*C.

    Attributes
    ----------
    mask : ndarray, (H, W), float32
    contrast : ndarray, (C,), float32, or None
    dense : ndarray, (H, W, C), float32, or None
    rivals : ndarray, (H, W), whole numbers, or None
        Class indices; only together with `contrast`.
    """

    mask: Float
    contrast: Float | None = None
    dense: Float | None = None
    rivals: NDArray[np.integer] | None = None

    @property
    def is_outer(self) -> bool:
        """Whether the field is ``mask * contrast`` and nothing else: all pixels weigh the classes alike."""
        return self.contrast is not None and self.rivals is None

    def divided(self, by: float) -> "Cotangent":
        """The field divided by a number, in the same form."""
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
