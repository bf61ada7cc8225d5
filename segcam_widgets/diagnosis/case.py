"""`Case`: one question with its maps and experiments, each computed only once a rule asks for it."""

from dataclasses import replace
from functools import cached_property
from typing import cast

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.core.answers import Cotangent
from segcam_widgets.core.explanation.blank import is_empty
from segcam_widgets.core.explanation.explain import explain
from segcam_widgets.core.explanation.explanation import Explanation
from segcam_widgets.core.ledger import EvidenceLedger, ledger
from segcam_widgets.core.methods import METHODS, pooled
from segcam_widgets.core.probe import Probe
from segcam_widgets.core.query import CamQuery
from segcam_widgets.diagnosis.caching_probe import InFloat32
from segcam_widgets.diagnosis.decide import Arithmetic, Decision, decide
from segcam_widgets.diagnosis.experiments import Experiments
from segcam_widgets.diagnosis.question import Question
from segcam_widgets.errors import Cancelled, NonFiniteError, SegCamError

POSITIVE = 1e-6
"""A weight is positive above this share of the largest magnitude; below it, it is a sum that cancelled to rounding."""
STRONG = 0.1
"""A positive weight that is no smaller than this share of the largest magnitude would show if its channel were live."""
HEALTHY_GAIN = 0.3
"""A map that is not blank shows the region from here on."""


class Case(Question):
    """A question, its maps, the experiments, and what they say together.

    Attributes
    ----------
    no_wide : str
        Why there is no map in 32 bits, where one was tried.
    """

    no_wide = ""

    def lacks(self, need: str) -> str:
        """As :meth:`Question.lacks`; and "blank" (a map that is)."""
        if need == "blank":
            return "" if self.blank else "the map is not blank"
        return super().lacks(need)

    # -------------------------------------------------------------- the map, and the weights it is judged by

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
    def judged_blank(self) -> bool:
        """Whether the map whose weights are judged is blank as the asked one is: only then do they explain it. Needs "map"."""
        return self.blank and self.judged.is_empty

    @property
    def faint(self) -> bool:
        """Whether less than a hundredth of the map is positive, and something is. Needs "map"."""
        return self.asked.is_faint

    @property
    def healthy(self) -> bool:
        """Whether the map shows the region, and the class is predicted there. Needs "map"."""
        return not self.blank and self.asked.gain >= HEALTHY_GAIN and not self.loses

    @property
    def made_of_gradient(self) -> bool:
        """Whether the method multiplies the gradient: a layer that is switched off or occluded is judged without one."""
        return METHODS[self.query.method].reads_gradient

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
        """The asked map with everything after the layer in 32 bits; None where the network needs none, or it cannot be made."""
        if self.lacks("map") or not self.tail.half_precision or METHODS[self.query.method].slow:
            return None
        try:
            return explain(cast("Probe", InFloat32(self.memory)), self.query)
        except Cancelled:
            raise
        except SegCamError as error:
            self.no_wide = str(error)
            return None

    @property
    def lost_in_16_bits(self) -> bool:
        """Whether the gradient of every class is zero in 16 bits, and that of the score is not in 32. Needs "gradients"."""
        return self.ignores_region and self.wide is not None and bool(self.wide.gradients.any())

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

    @property
    def rising_are_positive(self) -> bool:
        """Whether some channel has a positive weight, and no such channel is negative anywhere. Needs "live"."""
        some = self.rising & self.live
        return bool(some.any() and (self.judged.activations[:, :, some] >= 0).all())

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
        products = self.products
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

    @cached_property
    def products(self) -> NDArray[np.float32]:
        """(h, w, K): weight times activation less its baseline, whose sum over the channels is the judged map. Needs "map"."""
        return np.asarray(self.weights * (self.judged.activations - self.judged.baseline), np.float32)

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

    @cached_property
    def ignores_region(self) -> bool:
        """Whether no class's logits in the region depend on the layer: the gradient of a random contrast is zero, too.

        A contrast of all classes with random coefficients has a zero gradient only where all of them have one. Needs
        "gradients".
        """
        if self.gradients is None or self.gradients.any():
            return False
        assert self.mask is not None
        margin = self.probe.pullback(
            self.query.layer, self.cotangent(self.margin_query)
        )  # no map: that may not be finite
        if margin.gradients.any():
            return False
        contrast = np.random.default_rng(0).normal(size=len(self.probe.class_names)).astype(np.float32)
        field = Cotangent(self.mask.astype(np.float32), contrast=contrast)
        return not self.probe.pullback(self.query.layer, field.divided(int(self.mask.sum()))).gradients.any()

    def pooled_gradients(self) -> NDArray[np.float64]:
        """(K,) of the judged score. Needs "map"."""
        return pooled(self.judged.gradients)
