"""`Question`: a query's prediction, region, activations and gradients, computed once. Nothing is concluded here."""

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import cast

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.core.answers import Cotangent, Float, Progress, Tail
from segcam_widgets.core.explanation.explain import explain
from segcam_widgets.core.explanation.explanation import Explanation
from segcam_widgets.core.methods import METHODS
from segcam_widgets.core.probe import Probe
from segcam_widgets.core.query import CamQuery
from segcam_widgets.core.regions.base import BoolMask
from segcam_widgets.core.resolve import resolve, score_input
from segcam_widgets.core.scores import SCORES, ScoreInput
from segcam_widgets.diagnosis.caching_probe import Remembering
from segcam_widgets.errors import DisconnectedLayerError, NonFiniteError

LIVE = 1e-6
"""A channel is dead whose largest magnitude is this small beside the layer's: float32 noise is 1e-7."""
CLIPPED = 0.99
"""Share of the region's logits that must be clipped: a few pixels that are not cannot carry a map of the whole region."""
QUERIES = 4
"""Pullbacks at the asked layer after which no remedy is tried any more, unless a diagnosis is asked to be thorough."""
SLOW_QUERIES = 2
"""Of these, queries to a slow method: the asked map where it is not at hand, and the margin's or one remedy's."""


class Question:
    """A query, a probe, and what is there to look at.

    Parameters
    ----------
    probe : Probe
    query : CamQuery
    thorough : bool
        Whether remedies at other layers and ablation may be run.
    answer : Explanation, optional
        To this very query, where it is at hand: the map of a slow method is not made again.
    progress : callable, optional
        ``progress(fraction, text) -> bool``, while the map of a slow method is made.

    Attributes
    ----------
    probe : Probe
        It remembers its pullbacks.
    query : CamQuery
        Resolved, but for the layer where that is out of reach.
    unreachable : str or None
        Why no path leads from the layer to the logits.
    """

    def __init__(
        self,
        probe: Probe,
        query: CamQuery,
        *,
        thorough: bool = False,
        answer: Explanation | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.memory = Remembering(probe)
        self.probe = cast("Probe", self.memory)
        self.thorough = thorough
        self._progress = progress
        self._slow_queries = 0
        self._asked: Explanation | None = None
        self.unreachable: str | None = None
        try:
            self.query = resolve(query, probe)
        except DisconnectedLayerError as error:
            self.unreachable = str(error)
            anywhere = resolve(replace(query, layer=probe.layers[-1].name), probe)
            self.query = replace(anywhere, layer=query.layer)
        if answer is not None and answer.query == self.query and METHODS[self.query.method].slow:
            self._asked = answer

    # -------------------------------------------------------------- the question in words

    @property
    def index(self) -> int:
        """The asked class."""
        assert isinstance(self.query.class_index, int)
        return self.query.class_index

    @property
    def class_name(self) -> str:
        """Of the asked class."""
        return self.probe.class_names[self.index]

    @property
    def region_words(self) -> str:
        """The region, described."""
        assert self.query.region is not None
        return self.query.region.describe(self.probe.class_names)

    @property
    def subject(self) -> str:
        """What was asked: "Seg-Grad-CAM of brick at tail_conv2 (centered logit, predicted brick)"."""
        title, score = METHODS[self.query.method].title, SCORES[str(self.query.score)].title
        return f"{title} of {self.class_name} at {self.query.layer} ({score}, {self.region_words})"

    # -------------------------------------------------------------- what is there, and what is not

    @cached_property
    def logits(self) -> Float | None:
        """(H, W, C), None where they are not finite."""
        try:
            logits = self.probe.logits
        except NonFiniteError:
            return None
        return logits if np.isfinite(logits).all() else None

    @cached_property
    def mask(self) -> BoolMask | None:
        """The region's pixels, (H, W); None where the prediction is not finite and so cannot tell."""
        assert self.query.region is not None
        return None if self.logits is None else self.query.region.rasterize(self.probe)

    @cached_property
    def activations(self) -> Float | None:
        """(h, w, K); None where the layer is out of reach."""
        return None if self.unreachable else self.probe.activations(self.query.layer)

    @cached_property
    def gradients(self) -> Float | None:
        """dS/dA, (h, w, K); None where it cannot be asked for."""
        if self.unreachable or self.lacks("region"):
            return None
        return self.probe.pullback(self.query.layer, self.cotangent(self.query)).gradients

    @cached_property
    def nonfinite(self) -> dict[str, int]:
        """How many values are NaN or infinite, of logits, activations, gradients and the map; empty where none are."""
        found = {} if self.logits is not None else {"logits": self._broken_logits()}
        for what, values in (("activations", self.activations), ("gradients", self.gradients)):
            if values is not None and not np.isfinite(values).all():
                found[what] = int((~np.isfinite(values)).sum())
        if not found and not self.unreachable and not self.lacks("region") and self._asked is None:
            try:
                self._asked = self.explain(self.query)
            except NonFiniteError:  # activations and gradients are finite: their product is not
                found["map"] = 1
        return found

    def _broken_logits(self) -> int:
        try:
            return int((~np.isfinite(self.probe.logits)).sum())
        except NonFiniteError:  # the probe itself refuses to show them
            return 1

    def lacks(self, need: str) -> str:
        """Why something is not there that a rule needs; "" where it is.

        "layer" (in reach), "logits" (finite), "region" (not empty), "activations", "gradients" (finite), "map", "live" (a
        channel that is not dead).
        """
        check: dict[str, Callable[[], str]] = {
            "layer": lambda: "no path leads from the layer to the logits" if self.unreachable else "",
            "logits": lambda: "the logits are not finite" if self.logits is None else "",
            "region": self._lacks_region,
            "activations": lambda: self.lacks("layer") or self._not_finite("activations"),
            "gradients": lambda: self.lacks("layer") or self.lacks("region") or self._not_finite("gradients"),
            "map": self._lacks_map,
            "live": lambda: self.lacks("activations") or ("" if self.live.any() else "every channel is zero here"),
        }
        return check[need]()

    def _lacks_region(self) -> str:
        if self.mask is None:
            return "the logits are not finite"
        return "" if self.mask.any() else "the region has no pixel"

    def _not_finite(self, what: str) -> str:
        return f"the {what} are not finite" if what in self.nonfinite else ""

    def _lacks_map(self) -> str:
        missing = self.lacks("layer") or self.lacks("region")
        return missing or (f"the {next(iter(self.nonfinite))} are not finite" if self.nonfinite else "")

    @cached_property
    def live(self) -> NDArray[np.bool_]:
        """(K,): the channels that are not dead here. Needs "activations"."""
        assert self.activations is not None
        loudest = np.abs(self.activations).max((0, 1))
        return loudest > LIVE * loudest.max()

    @property
    def asked(self) -> Explanation:
        """The map that was asked for. Needs "map"."""
        if self._asked is None:
            self._asked = self.explain(self.query)
        return self._asked

    # -------------------------------------------------------------- more to ask

    @cached_property
    def tail(self) -> Tail:
        """What follows the layer. Needs "layer"."""
        return self.probe.tail(self.query.layer)

    @cached_property
    def mean_margin(self) -> float:
        """Mean over the region of the class's logit over its strongest rival's. Needs "region".

        Where each class has a sigmoid of its own, the logit itself: above zero, the class is predicted.
        """
        score = "logit" if self.probe.multilabel else "margin"
        return SCORES[score].value(self.score_input(replace(self.query, score=score, rival="strongest")))

    @cached_property
    def predicted_share(self) -> float:
        """Share of the region's pixels that carry the class. Needs "region"; a single class has all of them."""
        assert self.mask is not None
        assert self.logits is not None
        if self.probe.multilabel:
            return float((self.logits[self.mask][:, self.index] > 0).mean())
        return float((self.probe.labels[self.mask] == self.index).mean())

    @property
    def loses(self) -> bool:
        """Whether the class is not predicted here, by share and by margin; a single one has nothing to lose against.

        Needs "region".
        """
        alone = len(self.probe.class_names) < 2 and not self.probe.multilabel
        return not alone and self.predicted_share < 0.5 and self.mean_margin <= 0

    @property
    def silent_layer(self) -> bool:
        """Whether every channel is zero on this image. Needs "activations"."""
        return not self.live.any()

    @cached_property
    def clipped_shares(self) -> tuple[float, float]:
        """Of the region's logits that leave a ReLU as zero: the share of those the score reads, and of the class's own.

        0, 0 where no ReLU stands on the logits. Needs "layer" and "region".
        """
        if not self.tail.rectified:
            return 0.0, 0.0
        assert self.mask is not None
        assert self.logits is not None
        clipped = self.logits[self.mask] == 0
        read = self.cotangent(self.query).to_array()[self.mask] != 0
        return float(clipped[read].mean()) if read.any() else 0.0, float(clipped[:, self.index].mean())

    @property
    def clipped(self) -> bool:
        """Whether a ReLU on the head clips the logits. Needs "layer" and "region"."""
        return min(self.clipped_shares) >= CLIPPED

    def score_input(self, query: CamQuery) -> ScoreInput:
        """What the score of a resolved query looks at. Needs "logits"."""
        assert query.region is not None
        return score_input(self.probe, query, query.region.rasterize(self.probe))

    def cotangent(self, query: CamQuery) -> Cotangent:
        """The field that a resolved query pulls back; as :func:`segcam_widgets.explain` makes it. Needs "region"."""
        given = self.score_input(query)
        return SCORES[str(query.score)].cotangent(given).divided(int(given.mask.sum()))

    def explain(self, query: CamQuery) -> Explanation:
        """Ask the probe; what a slow method is asked is counted."""
        if not METHODS[query.method].slow:
            return explain(self.probe, query)
        self._slow_queries += 1
        return explain(self.probe, query, self._progress)

    def can_afford(self, query: CamQuery) -> bool:
        """Whether one more live query at the asked layer is within the cost of a diagnosis."""
        if self.thorough:
            return True
        slow = METHODS[query.method].slow and self._slow_queries >= SLOW_QUERIES
        return not slow and self.memory.asked.get(self.query.layer, 0) < QUERIES
