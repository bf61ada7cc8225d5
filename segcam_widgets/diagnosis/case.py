"""One question looked at from all sides: each measurement is made once, and only if a rule asks for it."""

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import cast

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.core.explain import explain, score_input
from segcam_widgets.core.explanation import Explanation
from segcam_widgets.core.ledger import EvidenceLedger, ledger
from segcam_widgets.core.methods import METHODS, pooled
from segcam_widgets.core.probe import Cotangent, Float, Probe, Progress, Tail
from segcam_widgets.core.query import CamQuery, resolve
from segcam_widgets.core.region import BoolMask
from segcam_widgets.core.scores import SCORES, ScoreInput
from segcam_widgets.core.wording import FAINT
from segcam_widgets.diagnosis.remember import Remembering
from segcam_widgets.errors import DisconnectedLayerError, NonFiniteError

LIVE = 1e-6
"""A channel is dead whose largest magnitude is this small beside the layer's: float32 noise is 1e-7."""
POSITIVE = 1e-6
"""A weight is positive above this share of the largest magnitude; below it, it is a sum that cancelled to rounding."""
QUERIES = 4
"""Live queries at the asked layer that a diagnosis may cost, unless it is asked to be thorough."""
SLOW_QUERIES = 2
"""Of these, queries to a slow method: the asked map where it is not at hand, and the margin's or one remedy's."""


def is_blank(explanation: Explanation) -> bool:
    """Whether a person would see nothing: nowhere positive, or (with baseline zero) less than a hundredth of it.

    A map with pooled weights and another baseline holds both signs by construction, so that its share says nothing.
    """
    faint = explanation.query.baseline == "zero" and explanation.positive_share < FAINT
    return explanation.is_empty or faint


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
        channel that is not dead), "puzzle" (a blank map that no shift common to all classes explains).
        """
        check: dict[str, Callable[[], str]] = {
            "layer": lambda: "no path leads from the layer to the logits" if self.unreachable else "",
            "logits": lambda: "the logits are not finite" if self.logits is None else "",
            "region": self._lacks_region,
            "activations": lambda: self.lacks("layer") or self._not_finite("activations"),
            "gradients": lambda: self.lacks("layer") or self.lacks("region") or self._not_finite("gradients"),
            "map": self._lacks_map,
            "live": lambda: self.lacks("activations") or ("" if self.live.any() else "every channel is zero here"),
            "puzzle": self._lacks_puzzle,
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

    def _lacks_puzzle(self) -> str:
        if not self.blank:
            return "the map is not blank"
        if self.classless:
            return f"{METHODS[self.query.method].title} does not look at the class"
        return "the margin's map is not blank" if self.raw_logit and not is_blank(self.judged) else ""

    # -------------------------------------------------------------- the map, and the weights it is judged by

    @property
    def asked(self) -> Explanation:
        """The map that was asked for. Needs "map"."""
        if self._asked is None:
            self._asked = self.explain(self.query)
        return self._asked

    @cached_property
    def blank(self) -> bool:
        """Whether a person would see nothing, also because there is no map."""
        return bool(self.lacks("map")) or is_blank(self.asked)

    @property
    def classless(self) -> bool:
        """Whether the map shows something, and something that does not depend on the class. Needs "map"."""
        return not METHODS[self.query.method].sees_class and bool(self.asked.cam.any())

    @cached_property
    def raw_logit(self) -> bool:
        """Whether the score is the raw logit of a softmax, whose gradient may hold a part common to all classes."""
        return self.query.score == "logit" and self.probe.head == "softmax" and len(self.probe.class_names) > 1

    @cached_property
    def judged(self) -> Explanation:
        """The map whose weights are judged: the asked one, for a raw logit of a softmax the margin's. Needs "map"."""
        if not self.raw_logit:
            return self.asked
        try:
            return self.explain(replace(self.query, score="margin"))
        except NonFiniteError:  # of the rivals alone
            return self.asked

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
        """The ledger of the judged score. Needs "map"."""
        return ledger(self.probe, self.judged.query)

    @cached_property
    def carrier(self) -> str:
        """The largest of the ledger's parts: "channels", "bypass" or "residual". Needs "map".

        Channels that carry nothing or less are no carrier, nor is what goes round where nothing does.
        """
        channels, residual = float(self.book.channels.sum()), self.book.residual
        bypass = sum(self.book.bypass.values()) if self.book.bypass else -np.inf
        if channels > 0 and channels >= max(bypass, residual):
            return "channels"
        return "bypass" if bypass > residual else "residual"

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

    @property
    def predicted(self) -> bool:
        """Whether the class wins in the region, on average; a single one has nothing to win against. Needs "region"."""
        alone = len(self.probe.class_names) < 2 and not self.probe.multilabel
        return alone or self.mean_margin > 0

    @cached_property
    def ignores_region(self) -> bool:
        """Whether no class's logits in the region depend on the layer: the gradient of a random contrast is zero, too.

        A contrast of all classes with random coefficients has a zero gradient only where all of them have one. Needs
        "gradients".
        """
        if self.gradients is None or self.gradients.any() or (self.raw_logit and self.judged.gradients.any()):
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
