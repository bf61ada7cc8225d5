"""The causal check: what the score and the segmentation really do when channels are switched off."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from html import escape
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.core.answers import Float, Progress
from segcam_widgets.core.baselines import BASELINES
from segcam_widgets.core.explanation.explain import report
from segcam_widgets.core.grid import coverage
from segcam_widgets.core.ledger import NOISE, EvidenceLedger, ledger
from segcam_widgets.core.probe import Probe
from segcam_widgets.core.query import CamQuery
from segcam_widgets.core.resolve import score_input
from segcam_widgets.core.scores import SCORES
from segcam_widgets.core.support.checks import is_whole, must_be_finite, needed
from segcam_widgets.core.text.numbers import number, percent, signed
from segcam_widgets.core.text.one_line import one_line
from segcam_widgets.errors import SegCamError, must_be_one_of, shown

if TYPE_CHECKING:
    import pandas as pd

Channels = int | Sequence[int] | NDArray[np.integer] | NDArray[np.bool_] | None


@dataclass(frozen=True, eq=False)
class Ablation:
    """What :func:`segcam_widgets.ablate` answers.

    Attributes
    ----------
    query : CamQuery
        Resolved.
    channels : tuple of int
        Those that were switched off, together.
    to : str
        What they were set to, one of ``sc.BASELINES``.
    score, ablated_score : float
        S before and after.
    forecast : float
        The change of S that the gradient forecasts: minus the ledger's terms of these channels, where `to` is zero.
    logits : ndarray, (H, W, C) float32
        Replayed.
    labels : ndarray of int, (H, W)
        The segmentation that these logits predict; several sigmoids: -1 where none is above 0.5.
    labels_before : ndarray of int, (H, W)
        The same of the logits before.
    mask : ndarray of bool, (H, W)
        The region, fixed on the unmodified prediction.
    ledger : EvidenceLedger
    """

    query: CamQuery
    channels: tuple[int, ...]
    to: str
    score: float
    ablated_score: float
    forecast: float
    logits: Float = field(repr=False)
    labels: NDArray[np.int64] = field(repr=False)
    labels_before: NDArray[np.int64] = field(repr=False)
    mask: NDArray[np.bool_] = field(repr=False)
    ledger: EvidenceLedger = field(repr=False)

    @property
    def change(self) -> float:
        """The true change of S."""
        return self.ablated_score - self.score

    @property
    def contradicts(self) -> bool:
        """Whether truth and forecast have different signs, both above rounding."""
        noise = NOISE * self.ledger.magnitude
        return min(abs(self.change), abs(self.forecast)) > noise and self.change * self.forecast < 0

    @property
    def moved(self) -> NDArray[np.bool_]:
        """(H, W): the pixels whose predicted class changed."""
        return self.labels != self.labels_before

    @property
    def kept_share(self) -> float:
        """Share of the region's pixels that keep their predicted class, in [0, 1]."""
        return float(1 - self.moved[self.mask].mean())

    def summary(self) -> str:
        """One line: "Without channels 0, 1 the score goes from 2.09 to 1.85 (-0.24; the gradient forecast -0.2)."."""
        count = len(self.channels)
        names = ", ".join(map(str, self.channels[:8])) + (f" and {count - 8} more" if count > 8 else "")
        which = f"channel{'s' if count != 1 else ''} {names}"
        what = f"Without {which}" if self.to == "zero" else f"With {which} at the {self.to}"
        said = (
            f"{what} the score goes from {number(self.score)} to {number(self.ablated_score)} "
            f"({signed(self.change)}; the gradient forecast {signed(self.forecast)}). "
            f"{percent(self.kept_share)} of the region keeps its class."
        )
        return said + (" Truth and forecast disagree in sign." if self.contradicts else "")

    def to_frame(self) -> "pd.DataFrame":
        """What became of the region, one row a class that is predicted there before or after, in pixels (pandas).

        Columns: class_index (-1: none), class_name, before, after.

        Raises
        ------
        SegCamError
            Where pandas is not installed.
        """
        pd = needed("pandas", "to_frame")
        return pd.DataFrame(self._moves(), columns=["class_index", "class_name", "before", "after"])

    def _moves(self) -> list[tuple[int, str, int, int]]:
        """Pixels of the region per predicted class, before and after."""
        before, after = self.labels_before[self.mask], self.labels[self.mask]
        names = self.ledger.class_names
        return [
            (int(c), names[c] if c >= 0 else "none", int((before == c).sum()), int((after == c).sum()))
            for c in np.union1d(before, after)
        ]

    def __repr__(self) -> str:
        return one_line("Ablation", self.summary())

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr><th scope="row" style="text-align:left;font-weight:normal">{escape(name)}</th>'
            f"<td>{before}</td><td>{after}</td></tr>"
            for _, name, before, after in self._moves()
        )
        head = "".join(f'<th scope="col">{text}</th>' for text in ("region's pixels predicted as", "before", "after"))
        return (
            f'<div class="segcam-ablation" style="color:inherit;max-width:48em"><p><strong>{escape(self.summary())}</strong></p>'
            f'<table style="color:inherit;background:transparent"><thead><tr>{head}</tr></thead>'
            f"<tbody>{rows}</tbody></table></div>"
        )


def ablate(
    probe: Probe, query: CamQuery, channels: Channels = None, to: str = "zero", progress: Progress | None = None
) -> Ablation:
    """Switch channels of the layer off, and run the network on from there.

    Parameters
    ----------
    probe : Probe
    query : CamQuery
        Layer, class, region, score and (for ``to="baseline"``) baseline are read.
    channels : int, sequence of int, or bool (K,), optional
        Switched off together; default all.
    to : str
        What they are set to: one of ``sc.BASELINES``, or "baseline" for the query's.
    progress : callable, optional
        ``progress(fraction, text) -> bool``; False cancels.

    Returns
    -------
    Ablation
        The true change of the score and of the segmentation, beside the ledger's forecast.

    Raises
    ------
    EmptyRegionError, UnknownLayerError, DisconnectedLayerError, NonFiniteError, Cancelled, SegCamError
        As :func:`segcam_widgets.explain`; `channels` or `to` that mean nothing.
    """
    book = ledger(probe, query)
    resolved = book.query
    report(progress, 0.5, f"switching channels off at {resolved.layer}")
    chosen = _channels(channels, book.layer.shape[2])
    if not isinstance(to, str) or (to != "baseline" and to not in BASELINES):
        raise SegCamError(must_be_one_of("to", [*BASELINES, "baseline"], to))
    name = resolved.baseline if to == "baseline" else to
    assert resolved.region is not None
    mask = resolved.region.rasterize(probe)
    activations = probe.activations(resolved.layer)
    size = (activations.shape[0], activations.shape[1])
    reference = BASELINES[name].compute(activations, coverage(mask, size))
    off = np.array(activations)
    off[:, :, list(chosen)] = reference[list(chosen)]
    logits = probe.replay(resolved.layer, off)
    must_be_finite("replayed logits", logits, resolved.layer)
    after = replace(score_input(probe, resolved, mask), logits=logits)
    report(progress, 1.0, "done")
    return Ablation(
        query=resolved,
        channels=chosen,
        to=name,
        score=book.score,
        ablated_score=SCORES[str(resolved.score)].value(after),
        forecast=float((reference * book.gradient_sums - book.channels)[list(chosen)].sum()),
        logits=logits,
        labels=labels_of(logits, probe.multilabel),
        labels_before=labels_of(probe.logits, probe.multilabel),
        mask=mask,
        ledger=book,
    )


def labels_of(logits: Float, multilabel: bool) -> NDArray[np.int64]:
    """(H, W) predicted class of (H, W, C) logits; several sigmoids: -1 where no logit is above zero."""
    best = logits.argmax(-1).astype(np.int64)
    if multilabel:
        best[logits.max(-1) <= 0] = -1
    return best


def _channels(given: Channels, count: int) -> tuple[int, ...]:
    if given is None:
        return tuple(range(count))
    array = np.atleast_1d(np.asarray(given))
    if array.dtype == bool and array.shape == (count,):
        array = np.flatnonzero(array)
    if array.ndim != 1 or not array.size or not all(is_whole(k) and 0 <= k < count for k in array):
        raise SegCamError(
            f"`channels` must be one or more of the layer's channels, 0 to {count - 1}, or None for all. "
            f"Received: {shown(given)}."
        )
    return tuple(sorted({int(k) for k in array}))
