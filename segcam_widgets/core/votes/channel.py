"""Where a channel's weight comes from: which output pixels pull it up and which pull it down."""

from dataclasses import dataclass, field
from functools import cached_property
from html import escape

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.core.answers import Float
from segcam_widgets.core.probe import Probe
from segcam_widgets.core.query import CamQuery
from segcam_widgets.core.resolve import must_be_probe, region_mask, resolve, score_input
from segcam_widgets.core.scores import SCORES
from segcam_widgets.core.support.checks import must_be_finite
from segcam_widgets.core.text.numbers import percent, signed
from segcam_widgets.core.text.one_line import one_line
from segcam_widgets.core.votes.collect import raised
from segcam_widgets.core.votes.field import channel_of


@dataclass(frozen=True, eq=False)
class ChannelVotes:
    """What :func:`channel_votes` answers.

    Attributes
    ----------
    query : CamQuery
        Resolved.
    channel : int
    values : ndarray, (H, W) float32
        What each output pixel adds to the channel's pooled gradient; zero outside of the region. Read-only.
    mask : ndarray of bool, (H, W)
        The region.
    """

    query: CamQuery
    channel: int
    values: Float = field(repr=False)
    mask: NDArray[np.bool_] = field(repr=False)

    @cached_property
    def up(self) -> float:
        """Sum of the votes above zero."""
        return float(np.maximum(self.values, 0).sum(dtype=np.float64))

    @cached_property
    def down(self) -> float:
        """Sum of the votes below zero, 0 or negative."""
        return float(np.minimum(self.values, 0).sum(dtype=np.float64))

    @property
    def weight(self) -> float:
        """The channel's pooled gradient: the sum of all votes."""
        return self.up + self.down

    def __repr__(self) -> str:
        return one_line("ChannelVotes", self.summary())

    def _repr_html_(self) -> str:
        return f"<p>{escape(self.summary())}</p>"

    def summary(self) -> str:
        """One sentence: "Channel 3 has pooled gradient -0.18: 60 % of the region's pixels pull it up (+0.12 in all), ..."."""
        inside = self.values[self.mask]
        if not inside.any():
            return f"No pixel of the region pulls on channel {self.channel}."
        up, down = float((inside > 0).mean()), float((inside < 0).mean())
        rest = "" if up + down > 0.995 else f", {percent(1 - up - down)} do neither"
        return (
            f"Channel {self.channel} has pooled gradient {signed(self.weight)}: {percent(up)} of the region's pixels pull it up "
            f"({signed(self.up)} in all), {percent(down)} pull it down ({signed(self.down)} in all){rest}."
        )


def channel_votes(probe: Probe, query: CamQuery, channel: int) -> ChannelVotes:
    """Ask which output pixels give a channel its weight: one pushforward, and no vote field.

    Parameters
    ----------
    probe : Probe
    query : CamQuery
        Layer, class, region and score are read.
    channel : int

    Returns
    -------
    ChannelVotes

    Raises
    ------
    EmptyRegionError, UnknownLayerError, DisconnectedLayerError, UnsupportedModelError, NonFiniteError, SegCamError
    """
    must_be_probe(probe)
    probe.refresh()
    resolved = resolve(query, probe)
    layer = probe.layer(resolved.layer)
    number = channel_of(channel, layer)
    mask = region_mask(probe, resolved)
    field_ = SCORES[str(resolved.score)].cotangent(score_input(probe, resolved, mask)).divided(int(mask.sum()))
    pushed = probe.pushforward(layer.name, raised(layer, [number])[0])
    must_be_finite("votes", pushed, layer.name)
    values = np.einsum("hwc,hwc->hw", pushed, field_.to_array()) / np.float32(layer.shape[0] * layer.shape[1])
    values.flags.writeable = False
    return ChannelVotes(resolved, number, values, mask)
