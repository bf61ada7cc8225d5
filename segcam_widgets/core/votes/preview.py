"""A map from votes, for the eye while a region is dragged: exact, but without gradients, so it is no explanation."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.core.answers import Float
from segcam_widgets.core.baselines import BASELINES
from segcam_widgets.core.explanation.blank import is_empty, is_faint, positive_share
from segcam_widgets.core.grid import coverage
from segcam_widgets.core.methods import weighted_map
from segcam_widgets.core.probe import Probe
from segcam_widgets.core.query import CamQuery
from segcam_widgets.core.resolve import region_mask, resolve
from segcam_widgets.core.votes.field import VoteField

METHOD = "seg-grad-cam"
"""The method whose weights votes are; others look at the gradients themselves."""


@dataclass(frozen=True, eq=False)
class Preview:
    """What :func:`preview` answers.

    Attributes
    ----------
    query : CamQuery
        Resolved.
    mask : ndarray of bool, (H, W)
        The region's pixels.
    weights : ndarray, (K,) float32
    cam : ndarray, (h, w) float32
        Signed, un-normalised: the map that the explanation of the query has, but for rounding.
    """

    query: CamQuery
    mask: NDArray[np.bool_] = field(repr=False)
    weights: Float = field(repr=False)
    cam: Float = field(repr=False)
    class_name: str

    @cached_property
    def positive_share(self) -> float:
        """As of an explanation."""
        return positive_share(self.cam)

    @property
    def is_map(self) -> bool:
        """As of an explanation."""
        return self.cam.size > 1

    @cached_property
    def is_empty(self) -> bool:
        """As of an explanation."""
        return is_empty(self.cam)

    @cached_property
    def is_faint(self) -> bool:
        """As of an explanation."""
        return is_faint(self.cam, self.query, pooled_weights=True)


def preview(probe: Probe, field_: VoteField, query: CamQuery) -> Preview:
    """The map of a query from votes.

    Raises
    ------
    SegCamError
        As :meth:`VoteField.weights_for`.
    """
    resolved = resolve(query, probe)
    weights = field_.weights_for(resolved)
    mask = region_mask(probe, resolved)
    activations = probe.activations(resolved.layer)
    size = (activations.shape[0], activations.shape[1])
    baseline = BASELINES[resolved.baseline].compute(activations, coverage(mask, size))
    cam = weighted_map(weights, activations, baseline)
    assert isinstance(resolved.class_index, int)
    return Preview(resolved, mask, weights, cam, probe.class_names[resolved.class_index])
