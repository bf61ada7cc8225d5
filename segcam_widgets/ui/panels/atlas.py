"""The atlas in the explorer: all layers and classes at a glance, computed on demand; a cell leads to its map."""

import threading
from collections.abc import Callable
from dataclasses import replace
from html import escape
from typing import Any

import ipywidgets as W

from segcam_widgets.core.explanation.explanation import Explanation
from segcam_widgets.core.probe import Probe
from segcam_widgets.core.query import CamQuery
from segcam_widgets.core.regions.base import Region
from segcam_widgets.core.scores import SCORES
from segcam_widgets.diagnosis.atlas.atlas import METHOD, Atlas, atlas
from segcam_widgets.diagnosis.atlas.report import summary
from segcam_widgets.session.worker import NewestWins
from segcam_widgets.ui.page import html as words
from segcam_widgets.ui.panels.heat_table import HeatTable

Asked = tuple[Probe, str, Region | None, Atlas | None]
"""(probe, score, region, an atlas whose blank maps are to be explained)."""
OWN, SAME = "own", "same"
REGIONS = [("the pixels predicted as it", OWN), ("the region on view", SAME)]


class AtlasPanel(W.Accordion):
    """Asks nothing until it is told to.

    Parameters
    ----------
    on_query : callable
        ``on_query(query)``: a cell was chosen.
    """

    def __init__(self, on_query: Callable[[CamQuery], None]) -> None:
        self.worker: NewestWins[Asked, Atlas] = NewestWins(
            self._work, self._answered, self._failed, self._busy, name="segcam-atlas"
        )
        self._on_query = on_query
        self._stop = threading.Event()
        self._seen: tuple[Probe, Explanation] | None = None
        self._atlas: Atlas | None = None
        self._about: Probe | None = None
        self.where = W.Dropdown(
            options=REGIONS, description="Pixels", tooltip="The pixels over which each class is explained",
            style={"description_width": "initial"}, layout=W.Layout(width="auto"),
        )  # fmt: skip
        self.compute = _button("Compute", "One backward pass per class", "primary")
        self.reasons = _button("Why blank?", "Diagnose every blank map; this takes longer")
        self.cancel = _button("Cancel", "Stop computing")
        self.bar = W.FloatProgress(min=0, max=1, layout=W.Layout(width="120px"))
        self.note = W.HTML()
        self.table = HeatTable(self._chosen)
        row = W.HBox(
            [self.where, self.compute, self.reasons, self.cancel, self.bar],
            layout=W.Layout(flex_flow="row wrap", align_items="center"),
        )
        super().__init__(
            [W.VBox([row, self.note, self.table])], titles=("All layers and classes",), selected_index=None
        )
        self.compute.on_click(lambda _: self.ask())
        self.reasons.on_click(lambda _: self.ask(self._atlas))
        self.cancel.on_click(lambda _: self.stop())
        self._working(False)

    # -------------------------------------------------------------- what is on view

    @property
    def atlas(self) -> Atlas | None:
        """The atlas that is shown."""
        return self._atlas

    def show(self, probe: Probe, explanation: Explanation) -> None:
        """Another map is on view."""
        self._seen = (probe, explanation)
        if self._about is not probe:  # of another image
            if self._atlas is not None:
                self.stop()
            self._take(None, probe)
        self._mark()

    def _take(self, found: Atlas | None, probe: Probe) -> None:
        self._atlas, self._about = found, probe
        self.table.show(found)
        self._mark()

    def _mark(self) -> None:
        """Outline the cell on view, and say what the atlas is about."""
        probe, query = (self._seen[0], self._seen[1].query) if self._seen else (None, None)
        found, place = self._atlas, [-1, -1]
        if query is not None and found is not None and self._about is probe:
            names = [info.name for info in found.layers]
            if query.layer in names and query.class_index in found.classes:
                place = [names.index(query.layer), found.classes.index(int(query.class_index))]
        self.table.current = place
        nothing = found is None or not bool(found.is_blank.any()) or bool(found.headlines)
        self.reasons.disabled = nothing or self.compute.disabled
        if not self.compute.disabled:  # else it says how far one is
            self.note.value = self._note_html(probe, query)

    def _note_html(self, probe: Probe | None, query: CamQuery | None) -> str:
        if self._atlas is None:
            size = f"{len(probe.layers)} layers, {len(probe.class_names)} classes: " if probe is not None else ""
            text = f"{size}where maps are blank, by one backward pass per class. Press Compute."
            return f'<p class="segcam-note">{escape(text)}</p>'
        legend = (
            "Per cent of the map that is positive: blue 0, white 50, red 100. ∅ blank: nothing is left after a ReLU. "
            "# one cell: a number, no map. "
            "– predicted nowhere. Click a cell, or press Enter on it, to see its map."
        )
        stale = ""
        if query is not None and query.score != self._atlas.score:
            stale = f" The view now asks for the {SCORES[str(query.score)].title}: compute again to see its atlas."
        head = f"{summary(self._atlas)}.{stale}"
        return f'<p>{escape(head)}</p><p class="segcam-note">{escape(legend)}</p>'

    # -------------------------------------------------------------- asking

    def ask(self, known: Atlas | None = None) -> None:
        """Compute the atlas of the image and the score on view; of a known one, the reasons of its blank maps."""
        if self._seen is None:
            return
        probe, explanation = self._seen
        region = explanation.query.region if self.where.value == SAME else None
        self._stop.clear()
        self._working(True)
        self.worker.submit((probe, str(explanation.query.score), region, known))

    def stop(self) -> None:
        """Cancel."""
        self._stop.set()

    def _chosen(self, row: int, column: int) -> None:
        if self._atlas is not None:
            query = self._atlas.query(self._atlas.layers[row].name, self._atlas.classes[column])
            self._on_query(replace(query, method=METHOD))

    def _working(self, on: bool) -> None:
        self.compute.disabled = on
        for widget in (self.cancel, self.bar):
            widget.layout.display = "" if on else "none"
        if on:
            self.bar.value = 0.0
            self.reasons.disabled = True
        else:
            self._mark()

    # -------------------------------------------------------------- on the worker's thread

    def _work(self, asked: Asked, wanted: Callable[[], bool]) -> Atlas:
        probe, score, region, known = asked

        def progress(fraction: float, text: str) -> bool:
            self.bar.value = fraction
            self.note.value = f'<p class="segcam-note" role="status">{escape(text)} …</p>'
            return wanted() and not self._stop.is_set()

        if known is not None:
            return known.with_headlines(probe, progress)
        return atlas(probe, score=score, region=region, progress=progress)

    def _answered(self, asked: Asked, found: Atlas) -> None:
        if self._seen is not None and self._seen[0] is asked[0]:
            self._take(found, asked[0])

    def _failed(self, asked: Asked, error: Exception) -> None:
        self._working(False)
        self.note.value = words.error(f"No atlas: {words.in_words(error)}")

    def _busy(self, on: bool) -> None:
        if not on and self.cancel.layout.display == "":
            self._working(False)

    def close(self) -> None:
        """End the worker with the widget."""
        self._stop.set()
        self.worker.close()
        super().close()


def _button(text: str, tooltip: str, style: str = "") -> Any:
    return W.Button(description=text, tooltip=tooltip, button_style=style, layout=W.Layout(width="auto"))
