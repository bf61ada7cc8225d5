"""The ledger: what carries the score, in parts that add up to it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.core.checks import is_whole
from segcam_widgets.core.explain import must_be_finite, must_be_probe, region_mask, score_input
from segcam_widgets.core.methods import pooled
from segcam_widgets.core.probe import Float, LayerInfo, Probe, Tail
from segcam_widgets.core.query import CamQuery, resolve
from segcam_widgets.core.regions import class_index as find_class
from segcam_widgets.core.scores import SCORES
from segcam_widgets.errors import SegCamError, listing, must_be_one_of, shown

if TYPE_CHECKING:
    import pandas as pd

NOISE = 1e-5
"""What is this small beside the sum of the ledger's absolute terms is rounding (float32: 1e-7 a term), and has no sign."""
PARTS = ("channels", "bypass", "residual")


@dataclass(frozen=True, eq=False)
class EvidenceLedger:
    """What :func:`segcam_widgets.ledger` answers: ``score == channels.sum() + sum(bypass.values()) + residual``.

    Attributes
    ----------
    query : CamQuery
        Resolved. Method and baseline are not read: a ledger compares with zero.
    score : float
        S, the mean of the score over the region.
    channels : ndarray, (K,) float64
        <dS/dA_k, A_k>: what each channel of the layer carries, to first order.
    bypass : mapping of str to float
        The same for every tensor that goes round the layer, by the name of what makes it.
    residual : float
        What is left. Where `exact`, this is what biases and batch normalisation's offsets after the layer carry.
    gradient_sums : ndarray, (K,) float64
        Sum over the map of dS/dA_k: what raising the whole channel by one would do.
    layer : LayerInfo
    class_names : tuple of str
    tail : Tail
        What follows the layer.
    """

    query: CamQuery
    score: float
    channels: NDArray[np.float64]
    bypass: Mapping[str, float]
    residual: float
    gradient_sums: NDArray[np.float64] = field(repr=False)
    layer: LayerInfo = field(repr=False)
    class_names: tuple[str, ...] = field(repr=False)
    tail: Tail = field(repr=False)
    _probe: Probe = field(repr=False)

    @property
    def curved(self) -> Mapping[str, str]:
        """The steps after the layer that are not piecewise linear, and the operation that makes them so."""
        return self.tail.curved

    @property
    def exact(self) -> bool:
        """Whether the residual is what biases carry and nothing else: piecewise linear tail, score linear in the logits."""
        return not self.curved and SCORES[str(self.query.score)].linear

    @property
    def magnitude(self) -> float:
        """Sum of the parts' absolute values: what rounding errors are measured against."""
        return float(np.abs(self.channels).sum() + sum(map(abs, self.bypass.values())) + abs(self.residual))

    @property
    def remark(self) -> str:
        """What the residual holds, in words."""
        if self.exact:
            return (
                f"Everything after {self.layer.name} is piecewise linear, and so is the score: the residual is what biases "
                "and offsets carry."
            )
        where = [f"{name} ({operation})" for name, operation in self.curved.items()]
        if not SCORES[str(self.query.score)].linear:
            where.append(f"the score itself ({SCORES[str(self.query.score)].formula})")
        return (
            f"Not everything after {self.layer.name} is piecewise linear: {listing(where, limit=6)}. "
            "Besides biases and offsets the residual holds that curvature."
        )

    def field(self, part: str, class_index: int | str, *, name: str | int | None = None) -> Float:
        """A part of one class's logit at every output pixel; the three parts add up to ``logits[:, :, class_index]``.

        Parameters
        ----------
        part : {"channels", "bypass", "residual"}
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
        if part == "residual":
            raise SegCamError(f"`name` must be left out where `part` is 'residual'. Received: {shown(name)}.")
        activations, around = self._tensors
        still = np.zeros(self.layer.shape, np.float32)
        if part == "bypass":
            if name not in around:
                raise SegCamError(must_be_one_of("name", around, name))
            return self._probe.pushforward(self.layer.name, still, {str(name): around[str(name)]})[:, :, index]
        if not is_whole(name) or not 0 <= int(name) < self.layer.shape[2]:
            raise SegCamError(
                f"`name` must be a channel, 0 to {self.layer.shape[2] - 1}, where `part` is 'channels'. "
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
        return {"channels": channels, "bypass": bypass, "residual": self._probe.logits - channels - bypass}

    def to_frame(self) -> "pd.DataFrame":
        """One row a part (pandas): its kind, its name, what it carries."""
        try:
            import pandas as pd
        except ImportError as error:
            raise SegCamError(
                "`to_frame` needs pandas, which is not installed: pip install 'segcam-widgets[data]'."
            ) from error
        rows = [("channels", str(k), float(v)) for k, v in enumerate(self.channels)]
        rows += [("bypass", name, value) for name, value in self.bypass.items()]
        rows.append(("residual", "", self.residual))
        return pd.DataFrame(rows, columns=["part", "name", "value"])

    def summary(self) -> str:
        """The sum in words: "Score 2.09 = channels -0.05, bias +2.14."."""
        return f"Score {self.score:.3g} = {self.sum_words()}."

    def sum_words(self) -> str:
        """The parts alone: "channels -0.05, bias +2.14"; what is rounding beside the others is 0."""
        rest = "bias" if self.exact else "bias and curvature"
        parts = [("channels", float(self.channels.sum())), *self.bypass.items(), (rest, self.residual)]
        noise = NOISE * self.magnitude
        return ", ".join(f"{name} {value:+.3g}" if abs(value) > noise else f"{name} 0" for name, value in parts)


def ledger(probe: Probe, query: CamQuery) -> EvidenceLedger:
    """Split the score into what the layer's channels carry, what goes round the layer, and the rest.

    S = sum_k <dS/dA_k, A_k> + sum_s <dS/dT_s, T_s> + residual, all from one pullback. It answers why a class is predicted
    though every channel pulls it down: because a bias, or a skip connection, carries it.

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
    of ReLUs the residual is sum <dS/db, b> over its biases.
    """
    must_be_probe(probe)
    probe.refresh()
    resolved = resolve(query, probe)
    mask = region_mask(probe, resolved)
    given = score_input(probe, resolved, mask)
    score = SCORES[str(resolved.score)]
    activations = probe.activations(resolved.layer)
    pulled = probe.pullback(resolved.layer, score.cotangent(given).divided(int(mask.sum())))
    for what, values in (("logits", probe.logits), ("activations", activations), ("gradients", pulled.gradients)):
        must_be_finite(what, values, resolved.layer)
    channels = np.einsum("hwk,hwk->k", pulled.gradients, activations, dtype=np.float64)
    channels.flags.writeable = False
    bypass = {name: float(value) for name, value in pulled.bypass.items()}
    value = score.value(given)
    return EvidenceLedger(
        query=resolved,
        score=value,
        channels=channels,
        bypass=MappingProxyType(bypass),
        residual=value - float(channels.sum()) - sum(bypass.values()),
        gradient_sums=pooled(pulled.gradients) * activations[:, :, 0].size,
        layer=probe.layer(resolved.layer),
        class_names=probe.class_names,
        tail=probe.tail(resolved.layer),
        _probe=probe,
    )
