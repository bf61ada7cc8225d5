"""The findings panel: what the diagnosis says, its numbers, and a remedy at the press of a button."""

import math
from collections.abc import Callable
from html import escape
from typing import Any

import ipywidgets as W

from segcam_widgets.core.explanation.explanation import Explanation
from segcam_widgets.core.probe import Probe
from segcam_widgets.core.query import CamQuery
from segcam_widgets.core.text.numbers import number
from segcam_widgets.diagnosis import Diagnosis, Finding, diagnose
from segcam_widgets.diagnosis.report import finding_html, remedy_words, rest
from segcam_widgets.session.worker import NewestWins
from segcam_widgets.ui.page import html as words

Asked = tuple[Probe, CamQuery, Explanation | None, bool]
"""Whom and what; the answer to it where it is at hand; whether to be thorough."""


class FindingsPanel(W.VBox):
    """Headline first; numbers and reasons open on demand. It fills when its answer is there: the map never waits for it.

    Parameters
    ----------
    on_query : callable
        ``on_query(query)``: a remedy was pressed, or "go back".
    on_diagnosis : callable
        ``on_diagnosis(diagnosis or None)``, on the worker's thread.
    """

    def __init__(self, on_query: Callable[[CamQuery], None], on_diagnosis: Callable[[Diagnosis | None], None]) -> None:
        self.worker: NewestWins[Asked, Diagnosis] = NewestWins(
            self._work, self._answered, self._failed, name="segcam-diagnosis"
        )
        self._on_query, self._on_diagnosis = on_query, on_diagnosis
        self._asked: CamQuery | None = None
        self._names: tuple[str, ...] = ()  # of its classes
        self._before: CamQuery | None = None
        self._finding: Finding | None = None
        self._quick: Asked | None = None  # what the diagnosis on view answers, if one can look further
        self.text = W.HTML()
        self.apply = W.Button(
            tooltip="Run the query that the finding proposes", button_style="primary", layout=W.Layout(width="auto")
        )
        self.back = W.Button(
            description="Go back", tooltip="Run the query from before the remedy", layout=W.Layout(width="auto")
        )
        self.further = W.Button(
            tooltip="Also try remedies at other layers, and switch channels off one by one; this takes longer",
            layout=W.Layout(width="auto"),
        )
        buttons = W.HBox([self.apply, self.back, self.further], layout=W.Layout(flex_flow="row wrap"))
        super().__init__([self.text, buttons])
        self.add_class("segcam-findings")
        self.apply.on_click(self._applied)
        self.back.on_click(self._went_back)
        self.further.on_click(self._look_further)
        self._offer(None)
        self._offer_further(None)

    def ask(self, probe: Probe, query: CamQuery, explanation: Explanation | None = None) -> None:
        """Another map is on view: diagnose its query."""
        self._names = probe.class_names
        if query != self._asked:
            self.text.value = '<div class="segcam-finding segcam-waiting">Diagnosis: working …</div>'
            if self._before is not None and query not in (self._before, self._remedy):
                self._before = None  # the user went elsewhere: there is nothing to go back to
            self._asked = query
            self._offer(None)
        self._offer_further(None)
        self.worker.submit((probe, query, explanation, False))

    # -------------------------------------------------------------- on the worker's thread

    @staticmethod
    def _work(asked: Asked, wanted: Callable[[], bool]) -> Diagnosis:
        probe, query, explanation, thorough = asked

        def told(fraction: float, text: str) -> bool:
            return wanted()

        return diagnose(probe, query, progress=told, explanation=explanation, thorough=thorough)

    def _answered(self, asked: Asked, diagnosis: Diagnosis) -> None:
        if asked[1] != self._asked:
            return
        self.text.value = panel_html(diagnosis)
        self._offer(next((finding for finding in diagnosis.findings if finding.remedy is not None), None))
        self._offer_further(None if asked[3] else asked)
        self._on_diagnosis(diagnosis)

    def _failed(self, asked: Asked, error: Exception) -> None:
        self._offer_further(None)
        self.text.value = words.error(f"No diagnosis: {error}")
        self._offer(None)
        self._on_diagnosis(None)

    # -------------------------------------------------------------- what takes longer, when it is asked for

    def _offer_further(self, asked: Asked | None) -> None:
        self._quick = asked
        self.further.description, self.further.disabled = "Look further", False
        self.further.layout.display = "none" if asked is None else ""

    def _look_further(self, _: Any) -> None:
        if self._quick is not None:
            self.further.description, self.further.disabled = "Looking further …", True
            self.worker.submit((*self._quick[:3], True))

    # -------------------------------------------------------------- remedies

    @property
    def _remedy(self) -> CamQuery | None:
        return None if self._finding is None else self._finding.remedy

    def _offer(self, finding: Finding | None) -> None:
        if finding is not None or self._before is None:
            self._finding = finding
        self.apply.layout.display = "none" if finding is None else ""
        self.back.layout.display = "none" if self._before is None else ""
        if finding is not None and finding.remedy is not None and self._asked is not None:
            gain = getattr(finding.remedy_result, "gain", None)
            tried = "" if gain is None or math.isnan(gain) else f" (tried: gain {number(gain)})"
            self.apply.description = f"Apply {remedy_words(finding.remedy, self._asked, self._names)}{tried}"

    def _applied(self, _: Any) -> None:
        remedy = self._remedy
        if remedy is not None:
            self._before = self._asked
            self._on_query(remedy)

    def _went_back(self, _: Any) -> None:
        before, self._before = self._before, None
        if before is not None:
            self._on_query(before)

    def close(self) -> None:
        """End the worker with the widget."""
        self.worker.close()
        super().close()


def panel_html(diagnosis: Diagnosis) -> str:
    """A diagnosis as HTML, the headline open; every text is escaped."""
    if not diagnosis.findings:
        what = "One cell is a number and no map. " if diagnosis.is_number else ""
        return f'<div class="segcam-finding segcam-healthy"><b>{what}Nothing to report.</b> {escape(rest(diagnosis))}</div>'
    return "".join(
        finding_html(finding, diagnosis, folded=finding is not diagnosis.headline) for finding in diagnosis.findings
    )
