"""The evidence panel: the ledger as a waterfall, and channels switched off for real beside the forecast."""

from collections.abc import Callable
from html import escape

import ipywidgets as W
import numpy as np
from numpy.typing import NDArray

from segcam_widgets.core.ablation import Ablation, ablate
from segcam_widgets.core.baselines import BASELINES
from segcam_widgets.core.explanation.explanation import Explanation
from segcam_widgets.core.ledger import EvidenceLedger, ledger
from segcam_widgets.core.picture.html import figure
from segcam_widgets.core.picture.render import overlay
from segcam_widgets.core.probe import Probe
from segcam_widgets.core.text.numbers import number
from segcam_widgets.session.worker import NewestWins
from segcam_widgets.ui.page import html as words
from segcam_widgets.ui.panels.waterfall import Waterfall

Asked = tuple[Probe, Explanation, tuple[int, ...], str]
Answer = tuple[EvidenceLedger, Ablation | None]


class EvidencePanel(W.Accordion):
    """Works only while it is open.

    Parameters
    ----------
    chosen : callable
        ``chosen()``: the channels that are chosen in the histogram.
    """

    def __init__(self, chosen: Callable[[], tuple[int, ...]]) -> None:
        self.worker: NewestWins[Asked, Answer] = NewestWins(
            self._work, self._answered, self._failed, name="segcam-evidence"
        )
        self._chosen = chosen
        self._shown: tuple[Probe, Explanation] | None = None
        self._off: tuple[int, ...] = ()
        self.waterfall = Waterfall()
        self.off_chosen = W.Button(
            description="Switch off the chosen", tooltip="Switch off the channels chosen in the histogram"
        )
        self.off_negative = W.Button(
            description="All negative", tooltip="Switch off every channel with a negative pooled gradient"
        )
        self.on_all = W.Button(description="All on", tooltip="Switch every channel on again")
        for button in (self.off_chosen, self.off_negative, self.on_all):
            button.layout.width = "auto"
        self.to = W.Dropdown(
            options=[(b.title, b.name) for b in BASELINES.values()], description="Set to",
            tooltip="The value that switched-off channels are set to",
            style={"description_width": "initial"}, layout=W.Layout(width="auto"),
        )  # fmt: skip
        self.result = W.HTML()
        row = W.HBox([self.off_chosen, self.off_negative, self.on_all, self.to], layout=W.Layout(flex_flow="row wrap"))
        super().__init__(
            [self.waterfall, W.VBox([row, self.result])],
            titles=("What carries the score", "Switch channels off"),
            selected_index=None,
        )
        self.off_chosen.on_click(lambda _: self.switch_off(self._chosen()))
        self.off_negative.on_click(lambda _: self.switch_off(self._negative()))
        self.on_all.on_click(lambda _: self.switch_off(()))
        self.to.observe(lambda _: self._ask(), "value")
        self.observe(lambda _: self._ask(), "selected_index")

    @property
    def off(self) -> tuple[int, ...]:
        """The channels that are switched off."""
        return self._off

    def show(self, probe: Probe, explanation: Explanation) -> None:
        """Another map is on view. Channels of another layer are all on."""
        if self._shown is None or self._shown[1].query.layer != explanation.query.layer:
            self._off = ()
        self._shown = (probe, explanation)
        self._ask()

    def switch_off(self, channels: tuple[int, ...]) -> None:
        """Switch channels off, and every other one on."""
        self._off = channels
        if self.selected_index != 1:
            self.selected_index = 1  # asks
        else:
            self._ask()

    def _negative(self) -> tuple[int, ...]:
        if self._shown is None:
            return ()
        return tuple(int(k) for k in np.flatnonzero(self._shown[1].pooled_gradients < 0))

    def _ask(self) -> None:
        if self._shown is not None and self.selected_index is not None:
            off = self._off if self.selected_index == 1 else ()
            self.worker.submit((*self._shown, off, self.to.value))

    # -------------------------------------------------------------- on the worker's thread

    @staticmethod
    def _work(asked: Asked, wanted: Callable[[], bool]) -> Answer:
        probe, explanation, off, to = asked
        if off:
            done = ablate(probe, explanation.query, off, to)
            return done.ledger, done
        return ledger(probe, explanation.query), None

    def _answered(self, asked: Asked, answer: Answer) -> None:
        book, done = answer
        self.waterfall.show(book)
        self.result.value = _off_html(asked[0], done)

    def _failed(self, asked: Asked, error: Exception) -> None:
        self.result.value = words.error(f"{error}")

    def close(self) -> None:
        """End the worker with the widget."""
        self.worker.close()
        super().close()


def _off_html(probe: Probe, done: Ablation | None) -> str:
    if done is None:
        return (
            '<p class="segcam-note">Every channel is on. Choose channels in the histogram (Ctrl or Shift and click for '
            "several), then switch them off: the network runs on from there.</p>"
        )
    before = figure(_segmentation(probe, done.labels_before), "segmentation as it is", f"score {number(done.score)}")
    how = "with them switched off" if done.to == "zero" else f"with them at the {done.to}"
    after = figure(_segmentation(probe, done.labels), how, f"score {number(done.ablated_score)}")
    marked = ' class="segcam-blank"' if done.contradicts else ""
    return f'<p{marked}>{escape(done.summary())}</p><div class="segcam-maps">{before}{after}</div>'


def _segmentation(probe: Probe, labels: NDArray[np.int64]) -> NDArray[np.uint8]:
    return overlay(probe.image, labels=labels, label_opacity=0.6)
