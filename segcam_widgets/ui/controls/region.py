"""The Region menu: predicted, ground truth, errors, drawn, or set from Python."""

from collections.abc import Callable
from typing import Any

import ipywidgets as W

from segcam_widgets.core.probe import Probe
from segcam_widgets.core.query import CamQuery
from segcam_widgets.core.regions.base import Region
from segcam_widgets.core.regions.drawn import Everything
from segcam_widgets.core.regions.labelled import Errors, PredictedClass, TruthClass
from segcam_widgets.ui.canvas import SegmentationCanvas
from segcam_widgets.ui.controls.quiet import Quiet

OF_CLASS: dict[str, Callable[[int], Region]] = {
    "predicted": PredictedClass,
    "true": TruthClass,
    "false positives": lambda c: Errors(c, "false_positive"),
    "false negatives": lambda c: Errors(c, "false_negative"),
    "everything": lambda _: Everything(),
}
NEED_TRUTH = ("true", "false positives", "false negatives")
TITLES = {
    "predicted": "predicted as the class", "true": "truly the class", "false positives": "false positives of the class",
    "false negatives": "false negatives of the class", "everything": "the whole image", "drawn": "drawn",
    "python": "set from Python",
}  # fmt: skip


class RegionChoice(W.Dropdown):
    """The menu; drawing on the canvas chooses "drawn" by itself, and erasing everything goes back to the prediction."""

    def __init__(self, canvas: SegmentationCanvas, on_change: Callable[[], None]) -> None:
        self._canvas, self._on_change = canvas, on_change
        self._quiet = Quiet()
        self._given: Region | None = None
        self._before_draft: str | None = None
        super().__init__(description="Region", tooltip="The pixels to explain", style={"description_width": "72px"},
                         layout=W.Layout(width="auto"))  # fmt: skip
        self.observe(self._chosen, "value")
        canvas.observe(self._drawn, ["shapes", "draft"])

    def offer(self, probe: Probe) -> None:
        """Offer what a probe has: regions of the truth need one."""
        self._set("predicted", has_truth=probe.truth is not None)

    def _set(self, kind: str, has_truth: bool | None = None) -> None:
        with self._quiet:
            known = any(value == "true" for _, value in self.options) if has_truth is None else has_truth
            kinds = [k for k in OF_CLASS if known or k not in NEED_TRUTH]
            # the two that are not to be picked from the menu stand there only while they hold
            kinds += [kind] if kind in ("drawn", "python") else ["drawn"] if self._canvas.shapes else []
            options = [(TITLES[k], k) for k in kinds]
            if tuple(options) != tuple(self.options):
                self.options = options
            self.value = kind

    def region(self, class_index: int, live: bool = False) -> Region | None:
        """The region that the menu and the canvas say; None is the query's own default."""
        if self.value == "drawn":
            return self._canvas.region(PredictedClass(class_index), live=live)
        if self.value == "python":
            return self._given
        return OF_CLASS[self.value](class_index)

    def show(self, query: CamQuery) -> None:
        """Set menu and canvas to a resolved query's region."""
        assert query.region is not None  # resolved
        assert isinstance(query.class_index, int)
        with self._quiet:
            kind = next((k for k, make in OF_CLASS.items() if make(query.class_index) == query.region), None)
            if kind is None and query.region != self._canvas_region(query.class_index):
                kind = (
                    "drawn" if self._canvas.draw_region(query.region, PredictedClass(query.class_index)) else "python"
                )
            if kind == "python":
                self._given = query.region
            self._set(kind or "drawn")

    def _canvas_region(self, class_index: int) -> Region | None:
        """The region on the canvas, drawn or being drawn: a query with the same region must not redraw it under the pointer."""
        return self._canvas.region(PredictedClass(class_index), live=True)

    def _chosen(self, _: Any) -> None:
        if not self._quiet:
            self._before_draft = None
            self._on_change()

    def _drawn(self, change: Any) -> None:
        if self._quiet:
            return
        if change["name"] == "shapes":
            self._before_draft = None
            if not self._canvas.shapes and self.value != "drawn":
                return
            self._set("drawn" if self._canvas.shapes else "predicted")
        elif change["new"] is not None:
            if self.value != "drawn":
                self._before_draft = self.value
            self._set("drawn")
        elif self.value == "drawn":  # finished, which `shapes` has said itself, or given up: back to what was there
            self._set(self._before_draft or ("drawn" if self._canvas.shapes else "predicted"))
            self._before_draft = None
        else:
            return
        self._on_change()
