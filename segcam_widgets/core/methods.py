"""The maps. To add one: a function here, registered in METHODS; dropdowns, docs and contract tests read the registry.

A method overrides only its weights: ``cam == (weights * (A - B)).sum(-1)`` for every method that has weights, with A
the activations and B the baseline. Maps are signed and never normalised; ReLU is a display choice.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.core.checks import is_finite_number, is_whole
from segcam_widgets.core.registry import Registry
from segcam_widgets.errors import SegCamError, listing, must_be_one_of, shown

Float = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a method: its default, its bounds or its choices, and a line of help."""

    name: str
    default: Any
    help: str
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()

    def check(self, value: Any) -> Any:
        """The value, or SegCamError that names the option and what would do."""
        if self.choices:
            if not isinstance(value, str) or value not in self.choices:
                raise SegCamError(must_be_one_of(f"options['{self.name}']", self.choices, value))
            return value
        whole = is_whole(self.default)
        low = -np.inf if self.minimum is None else self.minimum
        high = np.inf if self.maximum is None else self.maximum
        if not (is_whole(value) if whole else is_finite_number(value)) or not low <= value <= high:
            bounds = [f"at least {self.minimum}"] if self.minimum is not None else []
            bounds += [f"at most {self.maximum}"] if self.maximum is not None else []
            kind = " ".join(["a whole number" if whole else "a number", " and ".join(bounds)]).strip()
            raise SegCamError(f"`options['{self.name}']` must be {kind}. Received: {shown(value)}.")
        return int(value) if whole else float(value)


@dataclass(frozen=True, slots=True)
class MapInput:
    """What a method looks at.

    Attributes
    ----------
    activations, gradients : ndarray, (h, w, K) float32
        A and G = dS/dA.
    baseline : ndarray, (K,) float32
        B.
    options : mapping
        Checked and complete.
    """

    activations: Float
    gradients: Float
    baseline: Float
    options: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class MapResult:
    """What a method answers.

    Attributes
    ----------
    weights : ndarray, float32
        (K,) pooled or (h, w, K) per pixel; (0,) where the method has none.
    notes : tuple of str
        Remarks that a reader of the map should know.
    cam : ndarray, (h, w) float32, optional
        The map itself, only where the method has no weights.
    """

    weights: Float
    notes: tuple[str, ...] = ()
    cam: Float | None = None


@dataclass(frozen=True, slots=True)
class Method:
    """One way to a map.

    Attributes
    ----------
    name, title : str
    formula : str
        The weights, in the symbols of the docs.
    source : str
        Paper.
    cost : str
        In words: "one pullback".
    compute : callable
        MapInput -> MapResult.
    options : mapping of str to Option
    baselines : tuple of str
        The baselines that mean something for it.
    """

    name: str
    title: str
    formula: str
    source: str
    cost: str
    compute: Callable[[MapInput], MapResult] = field(repr=False)
    options: Mapping[str, Option] = field(default_factory=lambda: MappingProxyType({}))
    baselines: tuple[str, ...] = ("zero", "mean", "midpoint")

    def check(self, options: Mapping[str, Any], baseline: str) -> dict[str, Any]:
        """Options with defaults filled in. Raises SegCamError for unknown options, bad values, a refused baseline."""
        for name in options:
            if name not in self.options:
                if not self.options:
                    given = shown(dict(options))
                    raise SegCamError(f"`options` must be empty: {self.name!r} has none. Received: {given}.")
                raise SegCamError(must_be_one_of("options", self.options, name))
        if baseline not in self.baselines:
            raise SegCamError(
                f"`baseline` must be one of {listing(self.baselines)} for method {self.name!r}. Received: {baseline!r}."
            )
        return {name: option.check(options.get(name, option.default)) for name, option in self.options.items()}


METHODS: Registry[Method] = Registry("method")


def pooled(values: Float) -> NDArray[np.float64]:
    """Mean over the map, (K,) from (h, w, K): rows in float32, which is quick, the rest in float64.

    Adding whole rows first is 15 times faster than numpy's own mean over two axes, and nearly as exact: 1e-8 of the
    mean magnitude.
    """
    height, width, channels = values.shape
    rows = np.ascontiguousarray(values).reshape(height, width * channels).sum(0)
    return rows.reshape(width, channels).sum(0, dtype=np.float64) / (height * width)


def weighted_map(weights: Float, activations: Float, baseline: Float) -> Float:
    """(weights * (A - B)).sum(-1), (h, w) float32, without a copy of A: A.w - B.w."""
    if weights.ndim == 1:
        return activations @ weights - np.float32(baseline.astype(np.float64) @ weights)
    cam = np.einsum("hwk,hwk->hw", weights, activations)
    return cam - weights @ baseline if baseline.any() else cam


def seg_grad_cam(given: MapInput) -> MapResult:
    """Seg-Grad-CAM (Vinogradova et al., arXiv 2002.11434, equation 2): each channel weighs its gradient's mean.

    alpha_k = mean_uv dS/dA_k. The paper's ReLU is left to the display, its sum over the region is a mean here.
    """
    return MapResult(pooled(given.gradients).astype(np.float32))


def hirescam(given: MapInput) -> MapResult:
    """HiResCAM (Draelos & Carin, arXiv 2011.08891; for segmentation arXiv 2409.20287): the gradient itself."""
    return MapResult(given.gradients)


def layercam(given: MapInput) -> MapResult:
    """LayerCAM (Jiang et al., IEEE TIP 2021, equation 4): the positive part of the gradient, per pixel."""
    return MapResult(np.maximum(given.gradients, 0))


METHODS.add(
    Method(
        "seg-grad-cam",
        "Seg-Grad-CAM",
        "mean_uv G_k",
        "Vinogradova et al. 2020, arXiv 2002.11434",
        "one pullback",
        seg_grad_cam,
    )
)
METHODS.add(Method("hirescam", "HiResCAM", "G_k", "Draelos & Carin 2020, arXiv 2011.08891", "one pullback", hirescam))
METHODS.add(Method("layercam", "LayerCAM", "max(G_k, 0)", "Jiang et al., IEEE TIP 2021", "one pullback", layercam))
