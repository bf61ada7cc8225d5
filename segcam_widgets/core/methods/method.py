"""What a method is: what it is given, what it answers, and what the registry says of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.core.answers import Cotangent, LayerInfo, Progress, input_layer
from segcam_widgets.core.baselines import BASELINES
from segcam_widgets.core.probe import Probe
from segcam_widgets.core.scores import SCORES, Score, ScoreInput
from segcam_widgets.core.support.checks import is_finite_number, is_whole
from segcam_widgets.core.support.progress import report
from segcam_widgets.core.support.registry import Registry
from segcam_widgets.errors import SegCamError, listing, must_be_one_of, shown

if TYPE_CHECKING:
    from segcam_widgets.core.query import CamQuery

Float = NDArray[np.float32]
Array64 = NDArray[np.float64]
STARTED = 0.1
"""Of an explanation's progress, what lies before the method's own work."""


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


@dataclass(frozen=True)
class MapInput:
    """What a method looks at. The quick ones read the first four; the rest costs nothing until it is asked.

    Attributes
    ----------
    activations, gradients : ndarray, (h, w, K) float32
        A and G = dS/dA.
    baseline : ndarray, (K,) float32
        B.
    options : mapping
        Checked and complete.
    probe : Probe
    query : CamQuery
        Resolved.
    scored : ScoreInput
        What the score looked at: the unmodified logits, and the region's mask, fixed on them.
    progress : callable, optional
        The caller's; :meth:`report` talks to it.
    """

    activations: Float
    gradients: Float
    baseline: Float
    options: Mapping[str, Any]
    probe: Probe = field(repr=False)
    query: "CamQuery" = field(repr=False)
    scored: ScoreInput = field(repr=False)
    progress: Progress | None = field(default=None, repr=False)

    @property
    def score(self) -> Score:
        """The score that is asked for."""
        return SCORES[str(self.query.score)]

    def scores(self, logits: Float) -> Array64:
        """S for other logits, over the same pixels: (...,) float64 from (..., H, W, C)."""
        flat = logits.reshape(-1, *logits.shape[-3:])
        values = [self.score.value(replace(self.scored, logits=one)) for one in flat]
        return np.array(values).reshape(logits.shape[:-3])

    def cotangent(self, logits: Float | None = None) -> Cotangent:
        """dS/dy, at other logits (H, W, C) where some are given."""
        given = self.scored if logits is None else replace(self.scored, logits=logits)
        return self.score.cotangent(given).divided(int(self.scored.mask.sum()))

    def report(self, fraction: float, text: str) -> None:
        """Tell the caller how much of the method's own work is done, from 0 to 1. Raises Cancelled."""
        title = METHODS[self.query.method].title
        report(self.progress, STARTED + (1 - STARTED) * fraction, f"{title} at {self.query.layer}, {text}")


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
    evidence : mapping of str to number
        What the method measured on the way, for a program to read.
    """

    weights: Float
    notes: tuple[str, ...] = ()
    cam: Float | None = None
    evidence: Mapping[str, float] = field(default_factory=dict)


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
    baselines : tuple of str, optional
        The baselines that mean something for it; None, as for most, is all that are registered.
    slow : bool
        It runs the network many times, tells its progress, and can be cancelled between two batches.
    least_channels : int
        The layer must have as many.
    masks_input : bool
        It runs the whole network on masked inputs, and so applies to the layers after the input.
    sees_class : bool
        The map depends on class, region and score.
    unit : {"score", "score x activation", "activation"}
        Of the map: what is ``"score"`` here is "logit" for a logit.
    """

    name: str
    title: str
    formula: str
    source: str
    cost: str
    compute: Callable[[MapInput], MapResult] = field(repr=False)
    options: Mapping[str, Option] = field(default_factory=lambda: MappingProxyType({}))
    baselines: tuple[str, ...] | None = None
    slow: bool = False
    least_channels: int = 1
    masks_input: bool = False
    sees_class: bool = True
    unit: Literal["score", "score x activation", "activation"] = "score"

    def check(self, options: Mapping[str, Any], baseline: str) -> dict[str, Any]:
        """Options with defaults filled in. Raises SegCamError for unknown options, bad values, a refused baseline."""
        for name in options:
            if name not in self.options:
                if not self.options:
                    given = shown(dict(options))
                    raise SegCamError(f"`options` must be empty: {self.name!r} has none. Received: {given}.")
                raise SegCamError(must_be_one_of("options", self.options, name))
        accepted = self.accepted_baselines
        if baseline not in accepted:
            allowed = f"one of {listing(accepted)}" if len(accepted) > 1 else repr(accepted[0])
            raise SegCamError(f"`baseline` must be {allowed} for method {self.name!r}. Received: {baseline!r}.")
        return {name: option.check(options.get(name, option.default)) for name, option in self.options.items()}

    @property
    def accepted_baselines(self) -> tuple[str, ...]:
        """The names of the baselines that it can be asked with, those registered later included."""
        return tuple(BASELINES) if self.baselines is None else self.baselines

    @property
    def reads_gradient(self) -> bool:
        """Whether the map is made of the gradient at the layer's own activations, and of nothing that is run again."""
        return self.sees_class and not self.slow

    @property
    def layers(self) -> str:
        """The layers it applies to, in words: "any", "after the input", "2 channels or more"."""
        found = ["after the input"] if self.masks_input else []
        found += [f"{self.least_channels} channels or more"] if self.least_channels > 1 else []
        return ", ".join(found) or "any"

    def refusal(self, layer: LayerInfo, layers: Sequence[LayerInfo]) -> str:
        """Why it does not apply to a layer of a probe, "" where it does."""
        if layer.shape[2] < self.least_channels:
            return f"needs a layer with {self.least_channels} channels or more. Received: {layer.name!r} with {layer.shape[2]}."
        if self.masks_input:
            image = input_layer(layers)
            if image is None:
                return f"masks the model's input, and this one's takes no real numbers. Received: layer {layer.name!r}."
            if image.name == layer.name:
                return f"masks the model's input, and so applies to the layers after it. Received: {layer.name!r}, the input."
        return ""

    def must_apply(self, layer: LayerInfo, layers: Sequence[LayerInfo]) -> None:
        """Raise SegCamError with the reason where it does not apply to a layer."""
        reason = self.refusal(layer, layers)
        if reason:
            raise SegCamError(f"`method` {self.name!r} {reason}")

    def map_unit(self, score_unit: str) -> str:
        """The unit of map and contributions for a score of some unit; "1" for none."""
        if self.unit == "score":
            return score_unit
        return "activation" if self.unit == "activation" or score_unit == "1" else f"{score_unit} x activation"


METHODS: Registry[Method] = Registry("method")


def pooled(values: Float) -> Array64:
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
