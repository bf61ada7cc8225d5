"""What the network predicts for one image: logits, probabilities, labels."""

from functools import cached_property
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from segcam_widgets.core.scores import log_softmax
from segcam_widgets.core.support.arrays import frozen
from segcam_widgets.core.text.numbers import number
from segcam_widgets.errors import NonFiniteError, UnsupportedModelError
from segcam_widgets.keras_probe.cut.gradient import Head
from segcam_widgets.keras_probe.engine.activations import Activations
from segcam_widgets.keras_probe.record.logits import OWN, Logits, wide
from segcam_widgets.keras_probe.record.plan import run

Float = NDArray[np.float32]
AGREEMENT = 1e-3
"""Largest difference between the graph's output and the model's own: float32 gives 1e-6, half precision 2e-4."""


class Prediction:
    """Computed when first asked for, and then as it was: a probe takes a new one where weights have changed."""

    def __init__(self, where: Logits, tensors: Activations, head: Head, multilabel: bool) -> None:
        self._where, self._tensors, self._head, self._multilabel = where, tensors, head, multilabel

    @cached_property
    def logits(self) -> Float:
        """(H, W, C) float32, before softmax or sigmoid, whatever the model ends with."""
        values = np.asarray(tf.cast(self._head(wide(self._tensors.get([self._where.slot])[0])), tf.float32))[0]
        if not np.isfinite(values).all():
            raise NonFiniteError(
                f"The logits hold {int((~np.isfinite(values)).sum())} NaN or infinite values for this input: "
                "check its range, and the model's weights."
            )
        return frozen(values)

    @cached_property
    def probabilities(self) -> Float:
        """(H, W, C) float32 in [0, 1]: what the model itself gives, also where it resizes its probabilities."""
        if self._where.mixed_after:
            source = self._tensors.get([self._where.source])[0]
            own = self._field(run(self._where.squashing, {self._where.source: source})[OWN])
            return frozen(np.concatenate([1 - own, own], -1) if self._head.binary else own)
        return frozen(self._squashed)

    @cached_property
    def _squashed(self) -> Float:
        """Softmax or sigmoid of the logits."""
        logits = self.logits.astype(np.float64)
        return (np.exp(-np.logaddexp(0, -logits)) if self._multilabel else np.exp(log_softmax(logits))).astype(
            np.float32
        )

    @cached_property
    def labels(self) -> NDArray[np.int64]:
        """(H, W) predicted class; several sigmoids: -1 where no probability is above 0.5."""
        # the largest logit is the largest probability, and is there already
        best = (self.probabilities if self._where.mixed_after else self.logits).argmax(-1).astype(np.int64)
        if self._multilabel:
            best[self.probabilities.max(-1) <= 0.5] = -1
        return frozen(best)

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the probabilities should know."""
        where = self._where
        if where.where == "inside":
            return (
                f"The model's {where.squash} is inside a layer and cannot be taken out: `logits` are the logarithms of its "
                "probabilities, which for a softmax are its logits but for a number added to all classes of a pixel.",
            )
        if where.mixed_after:
            gap = float(np.abs(self.probabilities - self._squashed).max())
            return (
                f"The model changes its probabilities ({', '.join(where.mixed_after)}) behind the {where.squash}: "
                f"`probabilities` are the model's own; {where.squash} of `logits`, which are taken through the same steps, "
                f"differs by up to {number(gap)}.",
            )
        return ()

    def looks_like_probabilities(self) -> bool:
        """Whether what was taken for logits is a softmax's output: no negative value, and ones as sums."""
        y = self.logits
        return y.shape[-1] > 1 and float(y.min()) >= 0 and bool(np.abs(y.sum(-1) - 1).max() < AGREEMENT)

    def must_agree(self, own: Any) -> None:
        """Check the recorded graph against the model's own output.

        It catches a model whose call() does something else than its graph.

        Raises
        ------
        UnsupportedModelError
        """
        gap = self._gap(own)
        if not gap <= (AGREEMENT if self._tensors.full_precision else 20 * AGREEMENT):
            raise UnsupportedModelError(
                f"`model` must compute what its graph says. Received: a model whose own output differs by {number(gap)} from its "
                "layers run in order: its call() probably does something else. Build it with keras.Model(inputs, outputs)."
            )

    def _gap(self, own: Any) -> float:
        try:
            y = self._field(own)
        except (TypeError, ValueError):
            return float("inf")
        scale = 1.0
        if self._where.squash == "none":  # the raw logits leave the model: one binary channel z is shown as (-z/2, z/2)
            mine = self.logits[:, :, 1:] - self.logits[:, :, :1] if self._head.binary else self.logits
            scale = max(1.0, float(np.abs(y).max()))
        else:
            mine = self.probabilities[:, :, 1:] if self._head.binary else self.probabilities
        return float(np.abs(mine - y).max()) / scale if mine.shape == y.shape else float("inf")

    def _field(self, y: Any) -> Float:
        values = np.asarray(tf.cast(y, tf.float32))
        return values.reshape(*self._head.size, values.shape[-1])
