"""The ledger: what carries the score, in parts that add up to it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.core.answers import Float, LayerInfo, Tail
from segcam_widgets.core.classes import class_index as find_class
from segcam_widgets.core.ledger_steps import SHOWN, Step, ledger_steps
from segcam_widgets.core.methods import pooled
from segcam_widgets.core.probe import Probe
from segcam_widgets.core.query import STRONGEST, CamQuery
from segcam_widgets.core.resolve import must_be_probe, region_mask, resolve, score_input
from segcam_widgets.core.scores import SCORES
from segcam_widgets.core.support.checks import is_whole, must_be_finite, needed, whole_number
from segcam_widgets.core.text.numbers import number, signed
from segcam_widgets.core.text.one_line import one_line
from segcam_widgets.errors import SegCamError, UnsupportedModelError, listing, must_be_one_of, shown

if TYPE_CHECKING:
    import pandas as pd

NOISE = 1e-5
"""What is this small beside the sum of the ledger's absolute terms is rounding (float32: 1e-7 a term), and has no sign."""
PARTS = ("channels", "bypass", "units", "residual")


@dataclass(frozen=True, eq=False)
class LedgerParts:
    """A score and its parts: ``score == channels.sum() + sum(bypass.values()) + units + residual``.

    Attributes
    ----------
    score : float
    channels : ndarray, (K,) float64
    bypass : mapping of str to float
    units : float
    residual : float
        Inside and outside, what biases and offsets carry. Of a difference, though, what *switches*: a bias is the same
        number everywhere, and carries more in one place than in another through ReLUs that are open here and closed there
        (or a maximum that is another's). Where nothing switches, the difference is 0, but for two things: padding with
        zeros at the image's edge, and a margin whose strongest rival, with a bias of its own, is another class there.
    """

    score: float
    channels: NDArray[np.float64]
    bypass: Mapping[str, float]
    units: float
    residual: float

    def __post_init__(self) -> None:
        self.channels.flags.writeable = False
        object.__setattr__(self, "bypass", MappingProxyType(dict(self.bypass)))

    @property
    def magnitude(self) -> float:
        """Sum of the parts' absolute values: what rounding errors are measured against."""
        terms = (*self.channels, *self.bypass.values(), self.units, self.residual)
        return float(sum(abs(term) for term in terms))

    def __sub__(self, other: "LedgerParts") -> "LedgerParts":
        return LedgerParts(
            self.score - other.score,
            self.channels - other.channels,
            {name: value - other.bypass[name] for name, value in self.bypass.items()},
            self.units - other.units,
            self.residual - other.residual,
        )


@dataclass(frozen=True, eq=False)
class EvidenceLedger:
    """What :func:`segcam_widgets.ledger` answers.

    ``score == channels.sum() + sum(bypass.values()) + units + residual``.

    Attributes
    ----------
    query : CamQuery
        Resolved. Method and baseline are not read: a ledger compares with zero.
    inside : LedgerParts
        The score over the region, and its parts: what the ledger itself shows.
    gradient_sums : ndarray, (K,) float64
        Sum over the map of dS/dA_k: what raising the whole channel by one would do.
    layer : LayerInfo
    class_names : tuple of str
    tail : Tail
        What follows the layer.
    units_known : bool
        False where what full units and constants give could not be taken apart: then the residual holds it.
    """

    query: CamQuery
    inside: LedgerParts
    gradient_sums: NDArray[np.float64] = field(repr=False)
    layer: LayerInfo = field(repr=False)
    class_names: tuple[str, ...] = field(repr=False)
    tail: Tail = field(repr=False)
    units_known: bool = field(repr=False)
    _mask: NDArray[np.bool_] = field(repr=False)
    _probe: Probe = field(repr=False)

    @property
    def score(self) -> float:
        """S, the mean of the score over the region."""
        return self.inside.score

    @property
    def channels(self) -> NDArray[np.float64]:
        """(K,) <dS/dA_k, A_k>: what each channel of the layer carries, to first order."""
        return self.inside.channels

    @property
    def bypass(self) -> Mapping[str, float]:
        """The same for every tensor that bypasses the layer, by the name of the step that computes it."""
        return self.inside.bypass

    @property
    def units(self) -> float:
        """What full units and constants after the layer give: a ReLU6 at six, a clip at its bounds, `Rescaling`'s offset."""
        return self.inside.units

    @property
    def residual(self) -> float:
        """What is left. Where `exact`, this is what biases and batch normalisation's offsets after the layer carry."""
        return self.inside.residual

    @cached_property
    def outside(self) -> LedgerParts | None:
        """The same score asked of the pixels outside the region, and its parts; None where the region is everything.

        Takes one more pullback, the first time. The margin is that over the strongest rival at each pixel there.
        """
        if self._mask.all():
            return None
        return _parts(self._probe, self.query, ~self._mask, self.units_known)[0]

    @cached_property
    def difference(self) -> LedgerParts | None:
        """Inside minus outside, part by part: what makes the score *here* higher than elsewhere. None where all is inside.

        What a difference of the residual is: see :class:`LedgerParts`.
        """
        return None if self.outside is None else self.inside - self.outside

    @property
    def curved(self) -> Mapping[str, str]:
        """The steps after the layer that are not piecewise linear, and the operation that makes them so."""
        return self.tail.curved

    @property
    def exact(self) -> bool:
        """Whether the residual is what biases carry and nothing else: piecewise linear tail, score linear in the logits."""
        return self.units_known and not self.curved and SCORES[str(self.query.score)].linear

    @property
    def magnitude(self) -> float:
        """Sum of the parts' absolute values: what rounding errors are measured against."""
        return self.inside.magnitude

    @property
    def units_name(self) -> str:
        """What `units` are: "full units" where some unit after the layer can be full, else "constants"."""
        return "full units" if "full units" in self.tail.constants.values() else "constants"

    @property
    def residual_name(self) -> str:
        """What the residual is: "bias", "bias and curvature"."""
        held = ["bias"]
        if not self.units_known:
            held.append(self.units_name)
        if self.curved or not SCORES[str(self.query.score)].linear:
            held.append("curvature")
        return held[0] if len(held) == 1 else f"{', '.join(held[:-1])} and {held[-1]}"

    @property
    def remark(self) -> str:
        """What the residual holds, and what the units are, in words."""
        return " ".join(filter(None, [self._residual_remark(), self._units_remark()]))

    def _residual_remark(self) -> str:
        linear = SCORES[str(self.query.score)].linear
        if not self.curved and linear:
            return (
                f"Everything after {self.layer.name} is piecewise linear, and so is the score: the residual is what biases "
                "and offsets carry."
            )
        where = [f"{name} ({operation})" for name, operation in self.curved.items()]
        if not linear:
            where.append(f"the score itself ({SCORES[str(self.query.score)].formula})")
        return (
            f"Not everything after {self.layer.name} is piecewise linear: {listing(where, limit=6)}. "
            "Besides biases and offsets the residual holds that curvature."
        )

    def _units_remark(self) -> str:
        where = listing(self.tail.constants, limit=6)
        if not self.units_known:
            return f"What {where} give{'' if len(self.tail.constants) > 1 else 's'} without any weight is in it, too."
        if not self.units:
            return ""
        return f"{self.units_name.capitalize()} are a part of their own, which no weight carries: {where}."

    def field(self, part: str, class_index: int | str, *, name: str | int | None = None) -> Float:
        """A part of one class's logit at every output pixel; the four add up to ``logits[:, :, class_index]``.

        Parameters
        ----------
        part : {"channels", "bypass", "units", "residual"}
        class_index : int or str
        name : int or str, optional
            One channel's number, or one tensor of `bypass`; default all of them.

        Returns
        -------
        ndarray, (H, W) float32
            In logits.

        Raises
        ------
        SegCamError
            An unknown part, class or name.
        """
        if part not in PARTS:
            raise SegCamError(must_be_one_of("part", PARTS, part))
        index = find_class(class_index, self.class_names)
        if name is None:
            return self._fields[part][:, :, index]
        if part in ("units", "residual"):
            raise SegCamError(f"`name` must be left out if `part` is {part!r}. Received: {shown(name)}.")
        activations, around = self._tensors
        still = np.zeros(self.layer.shape, np.float32)
        if part == "bypass":
            if name not in around:
                raise SegCamError(must_be_one_of("name", around, name))
            return self._probe.pushforward(self.layer.name, still, {str(name): around[str(name)]})[:, :, index]
        if not is_whole(name) or not 0 <= int(name) < self.layer.shape[2]:
            raise SegCamError(
                f"`name` must be a channel, 0 to {self.layer.shape[2] - 1}, if `part` is 'channels'. "
                f"Received: {shown(name)}."
            )
        still[:, :, int(name)] = activations[:, :, int(name)]
        return self._probe.pushforward(self.layer.name, still)[:, :, index]

    @cached_property
    def _tensors(self) -> tuple[Float, Mapping[str, Float]]:
        return self._probe.activations(self.layer.name), self._probe.bypass(self.layer.name)

    @cached_property
    def _fields(self) -> dict[str, Float]:
        activations, around = self._tensors
        channels = self._probe.pushforward(self.layer.name, activations)
        bypass = np.zeros_like(channels)
        if around:
            bypass = self._probe.pushforward(self.layer.name, np.zeros_like(activations), around)
        units = self._probe.units(self.layer.name) if self.units_known else np.zeros_like(channels)
        rest = self._probe.logits - channels - bypass - units
        return {"channels": channels, "bypass": bypass, "units": units, "residual": rest}

    def to_frame(self) -> "pd.DataFrame":
        """One row per part (pandas): its kind, its name, what it carries."""
        pd = needed("pandas", "to_frame")
        rows = [("channels", str(k), float(v)) for k, v in enumerate(self.channels)]
        rows += [("bypass", name, value) for name, value in self.bypass.items()]
        rows.append(("units", self.units_name if self.tail.constants else "", self.units))
        rows.append(("residual", self.residual_name, self.residual))
        return pd.DataFrame(rows, columns=["part", "name", "value"])

    def steps(self, shown: int = SHOWN) -> tuple[Step, ...]:
        """The waterfall: steps from zero to the score.

        The channels that carry most, in their order; the others summed into one step; what goes round the layer; full units and
        constants; the residual.

        Parameters
        ----------
        shown : int
            Steps for channels, at most; default 8.
        """
        return ledger_steps(self, whole_number(shown, "shown", least=1))

    def __repr__(self) -> str:
        name = self.class_names[int(self.query.class_index)]
        return one_line("EvidenceLedger", f"{name} at {self.layer.name}. {self.summary()}")

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr><th scope="row" style="text-align:left;font-weight:normal">{escape(step.name)}</th>'
            f"<td>{signed(step.value)}</td></tr>"
            for step in self.steps()
        )
        total = (
            f'<tr><th scope="row" style="text-align:left">score</th><td><strong>{number(self.score)}</strong></td></tr>'
        )
        return (
            f'<div class="segcam-ledger" style="color:inherit;max-width:48em"><p><strong>{escape(self.summary())}</strong><br>'
            f'{escape(self.remark)}</p><table style="color:inherit;background:transparent">{rows}{total}</table></div>'
        )

    def summary(self) -> str:
        """The sum in words: "Score 2.09 = channels -0.05, bias +2.14."."""
        return f"Score {number(self.score)} = {self.sum_words()}."

    def sum_words(self) -> str:
        """The parts alone: "channels -0.05, bias +2.14"; what is rounding beside the others is 0."""
        noise = NOISE * self.magnitude
        return ", ".join(f"{name} {_number(value, noise)}" for name, value in self._named(self.inside))

    def contrast_words(self) -> str:
        """The parts inside the region and outside: "channels -0.04 inside, -6.92 outside; bias +2.19 in both"."""
        outside = self.outside
        if outside is None:
            return f"{self.sum_words()}; the region is everything, so that there is no outside to compare with"
        noise = NOISE * max(self.magnitude, outside.magnitude)
        told = []
        for (name, here), (_, there) in zip(
            self._named(self.inside, outside), self._named(outside, outside), strict=True
        ):
            first, second = _number(here, noise), _number(there, noise)
            same = first == second or abs(here - there) <= noise
            told.append(f"{name} {first} in both" if same else f"{name} {first} inside, {second} outside")
            if not same and name == "bias":
                told[-1] += f" ({self._switching})"
        return "; ".join(told)

    @property
    def _switching(self) -> str:
        """What makes a bias carry more in one place than in another."""
        rivals = self.query.score == "margin" and self.query.rival == STRONGEST and len(self.class_names) > 2
        return "units that switch, or another rival" if rivals else "units that switch, not another bias"

    def _named(self, parts: LedgerParts, outside: LedgerParts | None = None) -> list[tuple[str, float]]:
        """The parts in words; `units` only where there are any, inside or outside."""
        named = [("channels", float(parts.channels.sum())), *parts.bypass.items()]
        if self.units or (outside is not None and outside.units):
            named.append((self.units_name, parts.units))
        return [*named, (self.residual_name, parts.residual)]


def _number(value: float, noise: float) -> str:
    return signed(value) if abs(value) > noise else "0"


def ledger(probe: Probe, query: CamQuery) -> EvidenceLedger:
    """Split the score into the parts that the layer's channels, its bypass and the rest carry.

    S = sum_k <dS/dA_k, A_k> + sum_s <dS/dT_s, T_s> + units + residual, from one pullback, and what full units and constants
    after the layer give (:meth:`Probe.units`). It says what the score is made of; `outside` and `difference`, what makes it
    higher here than elsewhere.

    Parameters
    ----------
    probe : Probe
    query : CamQuery
        Layer, class, region and score are read; method and baseline are not.

    Returns
    -------
    EvidenceLedger

    Raises
    ------
    EmptyRegionError, UnknownLayerError, DisconnectedLayerError, NonFiniteError, SegCamError
        As :func:`segcam_widgets.explain`.

    References
    ----------
    Srinivas & Fleuret, "Full-gradient representation for neural network visualization", arXiv 1905.00780: for a network
    of ReLUs the residual is sum <dS/db, b> over its biases. So it is here also behind ReLU6, clips and constants of the
    graph, as `units` holds what these give.
    """
    must_be_probe(probe)
    probe.refresh()
    resolved = resolve(query, probe)
    mask = region_mask(probe, resolved)
    layer = probe.layer(resolved.layer)
    tail = probe.tail(layer.name)
    known = _units_known(probe, layer.name)
    inside, sums = _parts(probe, resolved, mask, known)
    return EvidenceLedger(
        query=resolved,
        inside=inside,
        gradient_sums=sums,
        layer=layer,
        class_names=probe.class_names,
        tail=tail,
        units_known=known,
        _mask=mask,
        _probe=probe,
    )


def _units_known(probe: Probe, layer: str) -> bool:
    try:
        probe.units(layer)
    except UnsupportedModelError:  # no change can be pushed through the tail
        return False
    return True


def _parts(
    probe: Probe, query: CamQuery, mask: NDArray[np.bool_], units_known: bool
) -> tuple[LedgerParts, NDArray[np.float64]]:
    """A resolved query's score over a mask in its parts, and the sum over the map of each channel's gradient."""
    given = score_input(probe, query, mask)
    score = SCORES[str(query.score)]
    cotangent = score.cotangent(given).divided(int(mask.sum()))
    activations = probe.activations(query.layer)
    pulled = probe.pullback(query.layer, cotangent)
    for what, values in (("logits", probe.logits), ("activations", activations), ("gradients", pulled.gradients)):
        must_be_finite(what, values, query.layer)
    channels = np.einsum("hwk,hwk->k", pulled.gradients, activations, dtype=np.float64)
    bypass = {name: float(share) for name, share in pulled.bypass.items()}
    units = probe.units(query.layer) if units_known else np.zeros((), np.float32)
    given_by_units = float(np.sum(cotangent.to_array() * units, dtype=np.float64)) if units.any() else 0.0
    value = score.value(given)
    rest = value - float(channels.sum()) - sum(bypass.values()) - given_by_units
    parts = LedgerParts(value, channels, bypass, given_by_units, rest)
    return parts, pooled(pulled.gradients) * activations[:, :, 0].size
