"""One question looked at from all sides: each measurement is made once, and only if a rule asks for it."""

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import cast

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.core.explain import explain, score_input
from segcam_widgets.core.explanation import Explanation, is_empty
from segcam_widgets.core.ledger import EvidenceLedger, ledger
from segcam_widgets.core.methods import METHODS, pooled
from segcam_widgets.core.probe import Cotangent, Float, Probe, Progress, Tail
from segcam_widgets.core.query import CamQuery, resolve
from segcam_widgets.core.region import BoolMask
from segcam_widgets.core.scores import SCORES, ScoreInput
from segcam_widgets.diagnosis.decide import Arithmetic, Decision, decide
from segcam_widgets.diagnosis.experiments import Experiments
from segcam_widgets.diagnosis.remember import InFloat32, Remembering
from segcam_widgets.errors import Cancelled, DisconnectedLayerError, NonFiniteError, SegCamError

LIVE = 1e-6
"""A channel is dead whose largest magnitude is this small beside the layer's: float32 noise is 1e-7."""
POSITIVE = 1e-6
"""A weight is positive above this share of the largest magnitude; below it, it is a sum that cancelled to rounding."""
STRONG = 0.1
"""A positive weight that is no smaller than this share of the largest magnitude would show if its channel were live."""
CLIPPED = 0.99
"""Share of the region's logits that must be clipped: a few pixels that are not cannot carry a map of the whole region."""
QUERIES = 4
"""Live queries at the asked layer that a diagnosis may cost, unless it is asked to be thorough."""
WEIGHED = ("8", "9", "10", "11")
"""The lines of the decision table that look at experiments."""
HEALTHY_GAIN = 0.3
"""A map that is not blank shows the region from here on."""
SLOW_QUERIES = 2
"""Of these, queries to a slow method: the asked map where it is not at hand, and the margin's or one remedy's."""


class Case:
    """A query, a probe, and what can be measured of them.

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
        channel that is not dead), "blank" (a map that is), "weighed" (a blank map whose cause the experiments were asked for).
        """
        check: dict[str, Callable[[], str]] = {
            "layer": lambda: "no path leads from the layer to the logits" if self.unreachable else "",
            "logits": lambda: "the logits are not finite" if self.logits is None else "",
            "region": self._lacks_region,
            "activations": lambda: self.lacks("layer") or self._not_finite("activations"),
            "gradients": lambda: self.lacks("layer") or self.lacks("region") or self._not_finite("gradients"),
            "map": self._lacks_map,
            "live": lambda: self.lacks("activations") or ("" if self.live.any() else "every channel is zero here"),
            "blank": lambda: "" if self.blank else "the map is not blank",
            "weighed": self._lacks_weighing,
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

    def _lacks_weighing(self) -> str:
        if not self.blank:
            return "the map is not blank"
        return "" if self.decision.line in WEIGHED else "no experiment was needed: what comes before in the table holds"

    # -------------------------------------------------------------- the map, and the weights it is judged by

    @property
    def asked(self) -> Explanation:
        """The map that was asked for. Needs "map"."""
        if self._asked is None:
            self._asked = self.explain(self.query)
        return self._asked

    @property
    def is_number(self) -> bool:
        """Whether the layer has one cell: what comes of it is a number and no map, neither blank nor faint. Needs "map"."""
        return not self.asked.is_map

    @cached_property
    def blank(self) -> bool:
        """Whether nothing is left after a ReLU, also because there is no map."""
        if self.lacks("map"):
            return True
        return self.asked.is_empty and not self.is_number

    @property
    def faint(self) -> bool:
        """Whether less than a hundredth of the map is positive, and something is. Needs "map"."""
        return self.asked.is_faint

    @property
    def healthy(self) -> bool:
        """Whether the map shows the region, and the class is predicted there. Needs "map"."""
        return not self.blank and self.asked.gain >= HEALTHY_GAIN and not self.loses

    @property
    def classless(self) -> bool:
        """Whether the map shows something, and something that does not depend on the class. Needs "map"."""
        return not METHODS[self.query.method].sees_class and bool(self.asked.cam.any())

    @cached_property
    def raw_logit(self) -> bool:
        """Whether the score is the raw logit of a softmax, whose gradient may hold a part common to all classes."""
        softmax = self.probe.head == "softmax" and len(self.probe.class_names) > 1
        return self.query.score == "logit" and softmax

    @property
    def margin_query(self) -> CamQuery:
        """The same question about the margin to the strongest rival; where there is none, about the logit."""
        alone = self.probe.multilabel or len(self.probe.class_names) < 2
        return replace(self.query, score="logit" if alone else "margin", rival="strongest")

    @cached_property
    def judged(self) -> Explanation:
        """The map whose weights are judged: the margin's, whatever score was asked for. Needs "map"."""
        if self.query.score in ("margin", self.margin_query.score):  # against a rival of the user's choice, too
            return self.asked
        try:
            return self.explain(self.margin_query)
        except NonFiniteError:  # of the rivals alone
            return self.asked

    @cached_property
    def wide(self) -> Explanation | None:
        """The judged map with everything after the layer in 32 bits; None where the network needs none, or it cannot be made."""
        if self.lacks("map") or not self.tail.half_precision or METHODS[self.query.method].slow:
            return None
        try:
            return explain(cast("Probe", InFloat32(self.memory)), self.margin_query)
        except Cancelled:
            raise
        except SegCamError:
            return None

    @cached_property
    def weights(self) -> NDArray[np.float32]:
        """(K,), or (h, w, K) for pixelwise methods; pooled gradients where it has none that tell of the class. Needs "map"."""
        judged = self.judged
        own = judged.weights.size and METHODS[self.query.method].sees_class
        return judged.weights if own else judged.pooled_gradients.astype(np.float32)

    @cached_property
    def rising(self) -> NDArray[np.bool_]:
        """(K,): the channels with a positive weight, somewhere for pixelwise methods. Needs "map"."""
        above = self.weights > POSITIVE * np.abs(self.weights).max()
        return above if above.ndim == 1 else above.any((0, 1))

    @cached_property
    def live(self) -> NDArray[np.bool_]:
        """(K,): the channels that are not dead here. Needs "activations"."""
        assert self.activations is not None
        loudest = np.abs(self.activations).max((0, 1))
        return loudest > LIVE * loudest.max()

    @cached_property
    def book(self) -> EvidenceLedger:
        """The ledger of the margin. Needs "map"."""
        return ledger(self.probe, self.margin_query)

    # -------------------------------------------------------------- what is concluded

    @cached_property
    def experiments(self) -> Experiments:
        """Replays of the layer. Needs "region" and "activations"."""
        assert self.mask is not None
        return Experiments(self.probe, self.query.layer, self.index, self.mask, self.live)

    @cached_property
    def arithmetic(self) -> Arithmetic:
        """What weights and activations say without a replay. Needs "map"."""
        activations, gradients, weights = self.judged.activations, self.judged.gradients, self.weights
        products = weights * activations
        magnitude = float(np.abs(products).sum(dtype=np.float64))
        positive = float(np.maximum(products, 0).sum(dtype=np.float64))
        pixelwise = np.einsum("hwk,hwk->hw", gradients, activations)
        strong = self.strongest_weight >= STRONG * np.abs(weights).max()
        strong &= self.rising
        return Arithmetic(
            channels_carry=float(pixelwise.sum(dtype=np.float64)) > 0 and not is_empty(pixelwise),
            signs_undo=self.undone or bool((self.rising & self.live & (activations.mean((0, 1)) < 0)).any()),
            positive_effect=positive / magnitude if magnitude > 0 else 0.0,
            positive_silent=bool(strong.any() and not (strong & self.live).any()),
        )

    @property
    def strongest_weight(self) -> NDArray[np.float32]:
        """(K,): each channel's weight, its largest for pixelwise methods. Needs "map"."""
        return self.weights if self.weights.ndim == 1 else self.weights.max((0, 1))

    @cached_property
    def undone(self) -> bool:
        """Whether negative activations make blank what max(A, 0) would not: sum_k w_k max(A_k, 0). Needs "map"."""
        activations = self.judged.activations
        if not (activations < 0).any():
            return False
        return not is_empty((self.weights * np.maximum(activations, 0)).sum(-1))

    @cached_property
    def decision(self) -> Decision:
        """The line of the table that holds. Needs "blank"."""
        return decide(self)

    def says(self, code: str) -> bool:
        """Whether the table names a rule for this map, as its headline or besides."""
        return self.blank and code in self.decision.codes

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

    @cached_property
    def ignores_region(self) -> bool:
        """Whether no class's logits in the region depend on the layer: the gradient of a random contrast is zero, too.

        A contrast of all classes with random coefficients has a zero gradient only where all of them have one. Needs
        "gradients".
        """
        if self.gradients is None or self.gradients.any() or self.judged.gradients.any():
            return False
        assert self.mask is not None
        contrast = np.random.default_rng(0).normal(size=len(self.probe.class_names)).astype(np.float32)
        field = Cotangent(self.mask.astype(np.float32), contrast=contrast)
        return not self.probe.pullback(self.query.layer, field.divided(int(self.mask.sum()))).gradients.any()

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

    def pooled_gradients(self) -> NDArray[np.float64]:
        """(K,) of the judged score. Needs "map"."""
        return pooled(self.judged.gradients)
