"""SC216: what is taken for logits are probabilities: a softmax stands before the last one."""

import numpy as np

from segcam_widgets.core.text.numbers import number
from segcam_widgets.diagnosis.case import Case
from segcam_widgets.diagnosis.findings import NotApplicable
from segcam_widgets.diagnosis.rule import Hit, Rule

SUM = 1e-4
"""How far from one the sum of a pixel's probabilities may be: float32, and float16 widened."""


class TwoSoftmaxes(Rule):
    """Logits that are never below zero and add up to one at every pixel came out of a softmax."""

    code, name, title = "SC216", "two-softmaxes", "The network applies softmax twice"
    holds = (
        "a softmax head, two classes or more, and logits that are never negative, sum to one at every pixel, and differ from "
        "pixel to pixel or come out of a softmax after the layer"
    )
    needs = ("logits",)
    in_list = False

    def look(self, case: Case) -> Hit | str | NotApplicable:
        logits = case.logits
        assert logits is not None
        if case.probe.head != "softmax" or logits.shape[-1] < 2:
            return self.not_here("the head is no softmax over two classes or more")
        away = float(np.abs(logits.sum(-1, dtype=np.float64) - 1).max())
        varies = float(np.ptp(logits, (0, 1)).max())
        if logits.min() < 0 or away > SUM:
            return "the logits are no probabilities"
        if varies <= SUM and not self._before(case):  # biases alone may add up to one, the same everywhere
            return "the logits are the same everywhere, and nothing says that a softmax made them"
        return Hit(
            "What enters the last softmax is a probability already: never below zero, and one in sum at every pixel. The "
            f"predicted probabilities therefore lie between {number(float(case.probe.probabilities.min()))} and "
            f"{number(float(case.probe.probabilities.max()))}. Where the first softmax is sure, its gradient vanishes, and with "
            "it every map.",
            {"largest_distance_of_sum_from_one": away, "largest_logit": float(logits.max())},
            "Take one of the two away and train again. To look at this network as it is, build a model that ends before its "
            "first softmax.",
        )

    @staticmethod
    def _before(case: Case) -> bool:
        """Whether a softmax stands between the layer and the logits: sure everywhere, it gives the same everywhere."""
        return not case.lacks("layer") and "Softmax" in case.tail.curved.values()
