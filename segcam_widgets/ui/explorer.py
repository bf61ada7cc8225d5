"""The explorer: draw a region, slide through layers and classes, see the map, the channels and a line in words."""

import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import ipywidgets as W
import numpy as np
import traitlets

from segcam_widgets.core.explanation.explanation import Explanation
from segcam_widgets.core.picture.colours import class_colours
from segcam_widgets.core.probe import Probe
from segcam_widgets.core.query import CamQuery, from_before_margin
from segcam_widgets.core.resolve import resolve
from segcam_widgets.core.votes.preview import Preview
from segcam_widgets.diagnosis import Diagnosis
from segcam_widgets.errors import EmptyRegionError, NonFiniteError, SegCamError, shown
from segcam_widgets.session.explainer import explainer, is_slow
from segcam_widgets.session.previews import Previews
from segcam_widgets.ui.canvas import SegmentationCanvas
from segcam_widgets.ui.controls.defaults import carried, differs_beside_layer, first_query, value_range
from segcam_widgets.ui.controls.display import DisplayControls
from segcam_widgets.ui.controls.images import ImageChooser
from segcam_widgets.ui.controls.probes import ProbeSource, Sources
from segcam_widgets.ui.controls.query import QueryControls
from segcam_widgets.ui.controls.region import RegionChoice
from segcam_widgets.ui.controls.upload import Opener, UploadPanel
from segcam_widgets.ui.layout import arranged
from segcam_widgets.ui.page import html as words, lifetime, snapshot
from segcam_widgets.ui.page.busy import Waiting
from segcam_widgets.ui.panels import code
from segcam_widgets.ui.panels.atlas import AtlasPanel
from segcam_widgets.ui.panels.channels import ChannelView
from segcam_widgets.ui.panels.copy_button import CopyButton
from segcam_widgets.ui.panels.findings import FindingsPanel
from segcam_widgets.ui.panels.histogram import ChannelHistogram
from segcam_widgets.ui.panels.ledger import EvidencePanel

STATE_SCHEMA = 2
"""1: written while the default score was the centered logit. It matters where a state by hand names no score."""


class SegCamExplorer(W.VBox):
    """One view on one or several images.

    Parameters
    ----------
    probe : Probe, or sequence of probes or of functions that open one
        From :func:`segcam_widgets.open_probe`. Several: previous and next appear; each is opened when it is shown.
    opener : callable, optional
        ``opener(file, fit, value_range)`` -> a probe, or several or functions that open one (a tile each): enables the
        upload of one's own picture.

    Attributes
    ----------
    query : CamQuery
        What is asked; settable, and resolved on the way in. A region that can be drawn is drawn.
    explanation : Explanation or None
        Read-only; the answer to the newest query that could be answered.
    diagnosis : Diagnosis or None
        Read-only; made while idle, after the explanation.
    state : dict
        The view as JSON-able values (query, image, display); settable: opens the same view again.
    probe : Probe
        The image on view.
    """

    query = traitlets.Instance(CamQuery, allow_none=True)
    explanation = traitlets.Instance(Explanation, allow_none=True, read_only=True)
    diagnosis = traitlets.Instance(Diagnosis, allow_none=True, read_only=True)
    state = traitlets.Dict()

    def __init__(
        self, probe: ProbeSource | Sequence[ProbeSource], *, opener: Opener | None = None, **kwargs: Any
    ) -> None:
        self._sources = Sources(probe)
        self._probe: Probe | None = None
        self._answered: Probe | None = None  # whom the explanation on view is about
        self._concluded: Explanation | None = None  # whose diagnosis was asked for
        self._lock = threading.RLock()  # Jupyter calls handlers on two threads
        self._showing = False
        self._restoring = False
        self._opener = opener
        self._sources.opened(0)  # what cannot be opened is said before there is anything to clean up
        self.busy = Waiting(self._stop)
        self.previews = Previews()
        self._session = explainer(self._show, self._fail, self.busy.show, self.busy.tell, self._explained)
        self._build()
        super().__init__(arranged(self, self._upload()), **kwargs)
        self.add_class("segcam-explorer")
        self.open_image(0)
        lifetime.register(self)

    # -------------------------------------------------------------- building

    def _build(self) -> None:
        self.canvas = SegmentationCanvas()
        self.controls = QueryControls(self._ask, self._say_error)
        self.region = RegionChoice(self.canvas, self._ask)
        self.display = DisplayControls(self.canvas)
        self.histogram = ChannelHistogram(self._choose_channel)
        self.channels = ChannelView()
        self.evidence = EvidencePanel(lambda: self.histogram.chosen)
        self.findings = FindingsPanel(self._follow, self._diagnosed)
        self.atlas = AtlasPanel(self._follow)
        self.images = ImageChooser(len(self._sources), self._choose_image)
        self.legend = W.HTML()
        self.sentence = W.HTML(words.NO_SENTENCE)
        self.error = W.HTML()
        self.copy = CopyButton()
        self.canvas.observe(self._hovered, "hover")
        for widget in self.display.saved.values():
            widget.observe(self._note_state, "value")

    def _upload(self) -> UploadPanel | None:
        """The way in for one's own picture, where there is one."""
        if self._opener is None:
            return None
        return UploadPanel(self._opener, value_range(self._sources.opened(0).x), self._add_images, self._say_error)

    # -------------------------------------------------------------- images

    def _add_images(self, images: Sources, name: str) -> None:
        with self._lock:
            first = len(self._sources)
            self._sources.extend(images)
            self.images.count = len(self._sources)
            self.open_image(first)

    @property
    def probe(self) -> Probe:
        assert self._probe is not None  # opened in the constructor
        return self._probe

    def open_image(self, index: int) -> None:
        """Show another of the images, with the same layer and class where it has them.

        Raises
        ------
        SegCamError
            No such image, or it cannot be opened.
        """
        probe = self._sources.opened(index)
        with self._lock:
            previous = self.query
            self._probe = probe
            self._draw_image(probe)
            self.controls.offer(probe)
            self.region.offer(probe)
            self.images.index = index
            query = first_query(probe) if previous is None else carried(previous, probe)
            if query == previous:  # to traitlets no change, yet it is asked about another image
                self._ask_for(query)
            else:
                self.query = query

    def _draw_image(self, probe: Probe) -> None:
        palette = class_colours(len(probe.class_names))
        with self.canvas.hold_sync():
            self.canvas.shapes = []
            self.canvas.draft = None
            self.canvas.set_image(probe.image)
            self.canvas.set_labels(probe.labels, palette, probe.class_names)
            self.canvas.set_truth(probe.truth)
            self.canvas.set_heat(None)
            self.canvas.set_region_mask(None)

    def _choose_image(self, index: int) -> None:
        try:
            self.open_image(index)
        except Exception as error:  # an exception in a handler would not be visible
            self._say_error(words.in_words(error))

    # -------------------------------------------------------------- asking

    @traitlets.validate("query")
    def _resolve(self, proposal: Any) -> CamQuery:
        return resolve(proposal["value"], self.probe)

    @traitlets.observe("query")
    def _query_changed(self, change: Any) -> None:
        if change["new"] is None:  # which traitlets lets pass unseen by validators
            self._trait_values["query"] = change["old"]
            raise SegCamError("`query` must be a CamQuery. Received: None.")
        with self._lock:
            self._forget(change["old"], change["new"])
            self._ask_for(change["new"])

    def _ask_for(self, query: CamQuery) -> None:
        self._showing = True
        try:
            self.controls.show(query)
            self.region.show(query)
        finally:
            self._showing = False
        self.previews.interrupt()
        self._session.submit((self.probe, query))
        self._note_state()

    def _forget(self, old: CamQuery | None, new: CamQuery) -> None:
        """What was known about layers being blank holds for one class, score, region and method."""
        if old is not None and differs_beside_layer(old, new):
            self.controls.forget_blank()

    def _ask(self) -> None:
        """The user changed something: ask again. Runs on whichever thread Jupyter likes, and returns at once."""
        with self._lock:
            if self._showing or self._probe is None:
                return
            live = self.canvas.draft is not None
            try:
                query = self.controls.query(self.region.region(self.controls.class_slider.value, live))
                if not (live and is_slow(query)):  # too slow to follow a drag: it runs when the pointer is released
                    self.query = query
                if not live:
                    self._let_go()
            except Exception as error:  # an exception in a handler would not be visible
                self._say_error(words.in_words(error))

    def _let_go(self) -> None:
        """A hand that rested before it let go asks nothing new: its last question was answered while it drew."""
        explanation = self.explanation
        if explanation is None or explanation is self._concluded or self._answered is not self._probe:
            return
        if explanation.query == self.query:
            self._conclude(self.probe, explanation)

    # -------------------------------------------------------------- answering, on the session's thread

    def _explained(self, request: tuple[Probe, CamQuery], wanted: Callable[[], bool]) -> Explanation:
        """While a region is dragged, a preview first where that is quicker."""
        probe, query = request
        drawing = self.canvas.draft is not None
        return self.previews.explained(probe, query, wanted, partial(self._show_preview, probe) if drawing else None)

    def _show_preview(self, probe: Probe, seen: Preview) -> None:
        """Show a map without gradients; `explanation`, and everything drawn from it, follows when the user pauses."""
        with self._lock:
            if probe is not self._probe:
                return
            with self.canvas.hold_sync():
                self.canvas.heat_label = f"{seen.class_name} at {seen.query.layer}, preview"
                self.canvas.set_heat(seen.cam, vmax=self.display.limit_for(float(np.abs(seen.cam).max())))
                self.canvas.set_region_mask(seen.mask)
            self.sentence.value = words.preview_sentence(seen)

    def _show(self, request: tuple[Probe, CamQuery], explanation: Explanation) -> None:
        with self._lock:
            if request[0] is not self._probe:  # another image was opened meanwhile
                return
            self._answered = request[0]
            self.set_trait("explanation", explanation)
            limit = self.display.limit_for(float(np.abs(explanation.cam).max()))
            with self.canvas.hold_sync():
                self.canvas.heat_label = f"{explanation.class_name} at {explanation.query.layer}"
                self.canvas.set_heat(explanation.cam, vmax=limit)
                self.canvas.set_region_mask(explanation.mask)
                self.canvas.label = f"Picture with map, drawing area. {explanation.summary()}"
            self.histogram.show(explanation)
            self.channels.show(request[0], explanation, self.histogram.channel.value)
            self.evidence.show(request[0], explanation)
            self.atlas.show(request[0], explanation)
            self.sentence.value = words.sentence(explanation)
            self.copy.text = code.cell(explanation.query, explanation.class_names, code.place_of(request[0], self))
            if self.canvas.draft is None:  # while one draws, the next question is on its way
                self._conclude(request[0], explanation)
            self._say_error("")
            self.controls.mark_blank(explanation.query.layer, explanation.is_map and explanation.is_empty)
            self._draw_legend(request[0], explanation.query)

    def _conclude(self, probe: Probe, explanation: Explanation) -> None:
        """Start what waits for the pointer to be released: the diagnosis."""
        self._concluded = explanation
        self.findings.ask(probe, explanation.query, explanation)

    def _draw_legend(self, probe: Probe, query: CamQuery) -> None:
        palette = class_colours(len(probe.class_names))
        assert isinstance(query.class_index, int)  # resolved
        self.legend.value = words.legend(probe, palette, query.class_index)

    def _diagnosed(self, diagnosis: Diagnosis | None) -> None:
        self.set_trait("diagnosis", diagnosis)
        channels = () if diagnosis is None or diagnosis.headline is None else diagnosis.headline.channels
        self.histogram.mark(channels)

    def _follow(self, query: CamQuery) -> None:
        """A remedy, the way back from it, or a cell of the atlas."""
        try:
            self.query = query
        except Exception as error:  # an exception in a handler would not be visible
            self._say_error(words.in_words(error))

    def _fail(self, request: tuple[Probe, CamQuery], error: Exception) -> None:
        """The reason in words; the last good picture stays."""
        if request[0] is not self._probe:
            return
        message = words.in_words(error)
        with self._lock:
            kept = self.explanation is not None and self._answered is self._probe
            self._say_error(f"{message} The picture still shows the last answer." if kept else message)
            if not kept:  # what stands there is about another image, or nothing
                self.set_trait("explanation", None)
                self.sentence.value = words.NO_SENTENCE
                self.histogram.clear()
                self._draw_legend(*request)
        if isinstance(error, EmptyRegionError | NonFiniteError):  # there is a rule for these, and perhaps a remedy
            self.findings.ask(*request)

    def _stop(self) -> None:
        """The user wants no more of what runs."""
        if self._session.cancel() and self.query is not None:
            kept = self.explanation is not None and self._answered is self._probe
            self._say_error(words.stopped(self.query, kept))

    def _say_error(self, message: str) -> None:
        self.error.value = words.error(message)

    # -------------------------------------------------------------- looking

    def _choose_channel(self, channel: int) -> None:
        if self.explanation is not None:
            self.channels.choose(channel)

    def _hovered(self, change: Any) -> None:
        place, probe = change["new"], self.probe
        # the last message about a larger image may arrive after the next one was opened
        known = place and len(place) == 2 and all(0 <= p < n for p, n in zip(place, probe.labels.shape, strict=True))
        self.canvas.hover_text = words.hover(probe, *place) if known else ""

    # -------------------------------------------------------------- saving a view

    def _note_state(self, _: Any = None) -> None:
        with self._lock:
            if self._restoring or self.query is None:
                return
            self._restoring = True
            try:
                self.state = {
                    "schema": STATE_SCHEMA,
                    "image": self.images.index,
                    "query": self.query.to_dict(),
                    "display": {name: widget.value for name, widget in self.display.saved.items()},
                }
            finally:
                self._restoring = False

    @traitlets.validate("state")
    def _check_state(self, proposal: Any) -> dict[str, Any]:
        """Refuse as a whole what could not be shown as a whole: the view stays as it is."""
        state = proposal["value"]
        if self._restoring:  # its own
            return state
        schema = state.get("schema")
        if isinstance(schema, bool) or schema not in range(1, STATE_SCHEMA + 1) or "query" not in state:
            raise SegCamError(
                f"`state` must be what `explorer.state` gave (schema {STATE_SCHEMA} or older). Received: {shown(state)}."
            )
        probe = self._sources.opened(state.get("image", 0), "state")
        resolve(_stored_query(state, probe), probe)
        self.display.check(state.get("display", {}))
        return dict(state)

    @traitlets.observe("state")
    def _state_set(self, change: Any) -> None:
        with self._lock:
            if self._restoring:
                return
            state = change["new"]
            self._restoring = True
            try:
                self.display.restore(state.get("display", {}))
                if state.get("image", 0) != self.images.index:
                    self.open_image(state["image"])
                self.query = _stored_query(state, self.probe)
            finally:
                self._restoring = False
            self._note_state()

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """The widget, and for viewers that cannot run it a picture and a sentence."""
        self._session.flush(timeout=20)
        bundle = super()._repr_mimebundle_(**kwargs)
        return snapshot.beside(bundle, self.probe, self.explanation)

    def flush(self, timeout: float = 30.0) -> bool:
        """Wait until the newest query is answered and diagnosed (for scripts and tests). False after `timeout` seconds."""
        return self._session.flush(timeout) and self.findings.worker.flush(timeout)

    def close(self) -> None:
        """End the worker and free the widgets."""
        if getattr(self, "comm", None) is None:  # closed already, or never built
            return
        self._session.close()
        self.previews.close()
        widgets = [*lifetime.family(self), *self.display.links]
        self.controls.page.leaving = [widget.model_id for widget in widgets]
        for widget in widgets:
            if widget is not self:
                widget.close()
        super().close()


def _stored_query(state: Mapping[str, Any], probe: Probe) -> CamQuery:
    """The question of a state, of whichever schema."""
    query = CamQuery.from_dict(state["query"])
    return from_before_margin(query, probe.class_names, probe.multilabel) if state["schema"] < 2 else query
