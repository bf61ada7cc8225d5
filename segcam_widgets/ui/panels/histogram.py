"""The channel histogram: which channels pull which way, in bqplot."""

from collections.abc import Callable, Sequence
from typing import Any

import bqplot as bq
import ipywidgets as W
import numpy as np
from numpy.typing import NDArray

from segcam_widgets.core.explanation.explanation import Explanation
from segcam_widgets.core.explanation.wording import channel_words
from segcam_widgets.ui.controls.quiet import Quiet

UP, DOWN = "#cc3340", "#2f78bf"
"""Positive and negative, the hues of the map's own scale: solid, since a scale with a white middle hides small bars, and of
a lightness that stands out from a white page and from a dark one."""
QUANTITIES = {
    "pooled gradient": "gradient",
    "region contribution": "contribution",
    "gradient within the channel": "distribution",
}
CHOSEN, SPOKEN = "#c56f0a", "#7a7a7a"
FRAMED = 48
"""Up to this many bars a frame leaves room for the colour."""


class ChannelHistogram(W.VBox):
    """Bars, one per channel: sign in colour and in position, clickable with 2 and with 512 channels.

    Parameters
    ----------
    on_choose : callable
        ``on_choose(channel)`` when a bar is clicked or a channel number typed.
    """

    def __init__(self, on_choose: Callable[[int], None] = lambda _: None) -> None:
        self._on_choose = on_choose
        self._order: NDArray[np.intp] = np.zeros(0, int)
        self._explanation: Explanation | None = None
        self._several: tuple[int, ...] = ()
        self._marked: tuple[int, ...] = ()
        self._quiet = Quiet()
        self.quantity = W.Dropdown(options=list(QUANTITIES), description="Bars show", tooltip="What the bars show")
        self.sort = W.Checkbox(
            value=False, description="sorted", indent=False, tooltip="Largest first, or in channel order"
        )
        self.channel = W.BoundedIntText(value=0, min=0, max=0, description="Channel", tooltip="The channel to show")
        self.words = W.HTML()
        self.words.add_class("segcam-bars-say")
        self.figure = self._figure()
        controls = W.HBox([self.quantity, self.sort, self.channel], layout=W.Layout(flex_flow="row wrap"))
        for control in (self.quantity, self.channel):
            control.layout.width = "auto"
            control.style.description_width = "initial"
        self.sort.layout.width, self.sort.layout.margin = "auto", "2px 14px"
        super().__init__([controls, self.words, self.figure])
        self.quantity.observe(self._redraw, "value")
        self.sort.observe(self._redraw, "value")
        self.channel.observe(self._typed, "value")
        self._hits.on_element_click(self._clicked)

    def _figure(self) -> Any:
        # An OrdinalScale ignores tick_values: 512 labels would overlap. Padding would be that of the number of bars there
        # were when the figure was last laid out, and leave half of it empty.
        self._x = bq.LinearScale(min=-0.7, max=0.7, allow_padding=False)
        self._y = bq.LinearScale()
        scales = {"x": self._x, "y": self._y}
        empty = np.zeros(1)
        self.bars = bq.Bars(x=empty, y=empty, scales=scales, colors=[UP], padding=0.15)
        # the chosen channel is framed, and marked below: a frame hides a narrow bar's colour, and a bar of no height
        self._mark = bq.Scatter(x=empty, y=empty, scales=scales, marker="triangle-up", colors=[CHOSEN], default_size=70)
        # what a finding speaks of is marked above
        self._spoken = bq.Scatter(
            x=empty[:0], y=empty[:0], scales=scales, marker="triangle-down", colors=[SPOKEN], default_size=50
        )
        # bars of no height cannot be hit: an invisible one of full height lies over each
        self._hits = bq.Bars(x=empty, y=empty, scales=scales, opacities=[0.0], colors=["#888888"], padding=0.0)
        # bqplot's own: Ctrl and click adds a bar to the choice, Shift and click a range
        self._hits.interactions = {"click": "select"}
        self._hits.selected_style, self._hits.unselected_style = {}, {}
        self._hits.observe(self._selected, "selected")
        self._x_axis = bq.Axis(scale=self._x, label="channel", label_offset="32px", grid_lines="none")
        self._y_axis = bq.Axis(
            scale=self._y, side="left", tick_format=".2~e", label="pooled gradient", label_offset="52px"
        )
        figure = bq.Figure(
            marks=[self.bars, self._mark, self._spoken, self._hits],
            axes=[self._x_axis, self._y_axis],
            fig_margin={"top": 10, "bottom": 46, "left": 66, "right": 12},
            padding_x=0,
            animation_duration=0,
            display_toolbar=False,  # it would lie over the bars, and its icons are not there without the internet
            layout=W.Layout(width="100%", min_width="280px", height="230px", margin="2px 0"),
        )
        figure.add_class("segcam-histogram")
        return figure

    def show(self, explanation: Explanation) -> None:
        """Draw an explanation's channels."""
        self._explanation = explanation
        count = explanation.activations.shape[-1]
        if self.channel.max != count - 1:
            self._several = ()
            with self._quiet, self.channel.hold_sync():
                self.channel.value = min(self.channel.value, count - 1)
                self.channel.max = count - 1
        self._redraw()

    def mark(self, channels: Sequence[int]) -> None:
        """Mark the channels that a finding speaks of."""
        self._marked = tuple(channels)
        self._redraw()

    @property
    def chosen(self) -> tuple[int, ...]:
        """The chosen channels: several after Ctrl or Shift and click, else the one that is looked at."""
        return self._several or (int(self.channel.value),)

    def _selected(self, change: Any) -> None:
        indices = [] if change["new"] is None else [int(i) for i in np.atleast_1d(change["new"])]
        known = [i for i in indices if 0 <= i < len(self._order)]
        self._several = tuple(sorted({int(self._order[i]) for i in known})) if len(known) > 1 else ()
        self._redraw()

    def clear(self) -> None:
        """Nothing to show."""
        self._explanation = None
        self._order = np.zeros(0, int)
        self.words.value = ""
        self._draw(np.zeros(1), np.zeros(1), [UP], (-1.0, 1.0))

    def values(self, explanation: Explanation) -> NDArray[np.float64]:
        """(K,) what the bars show, in channel order."""
        if QUANTITIES[self.quantity.value] == "contribution" and explanation.weights.size:
            return explanation.region_contributions
        return explanation.pooled_gradients

    def _redraw(self, _: Any = None) -> None:
        if self._explanation is None:
            return
        if QUANTITIES[self.quantity.value] == "distribution":
            self._draw_distribution(self._explanation)
        else:
            self._draw_channels(self._explanation)

    def _draw_channels(self, explanation: Explanation) -> None:
        values = self.values(explanation)
        count = len(values)
        self._order = np.argsort(-values, kind="stable") if self.sort.value else np.arange(count)
        shown = np.asarray(values[self._order], np.float64)
        marked = np.flatnonzero(np.isin(self._order, self._marked))
        legend = " ▾ marks the channels that the diagnosis speaks of." if marked.size else ""
        self.words.value = f'<span class="segcam-note">{channel_words(values)}.{legend}</span>'
        chosen = [int(i) for i in np.flatnonzero(np.isin(self._order, self.chosen))] if count > 1 else []
        self._draw(
            np.arange(count, dtype=float), shown, [UP if v >= 0 else DOWN for v in shown], _limits(shown), chosen
        )
        with self._spoken.hold_sync():
            self._spoken.x, self._spoken.y = marked.astype(float), np.full(len(marked), _limits(shown)[1])
        ticks = _ticks(count)
        with self._x_axis.hold_sync():
            self._x_axis.label = "channel, sorted" if self.sort.value else "channel"
            self._x_axis.tick_values = ticks
            self._x_axis.tick_format = "d"
        self._y_axis.label = self.quantity.value if explanation.weights.size else "pooled gradient"

    def _draw_distribution(self, explanation: Explanation) -> None:
        channel = min(self.channel.value, explanation.gradients.shape[-1] - 1)
        spread = explanation.channel_histogram(channel)
        counts, centres, largest = spread.counts, spread.centres, float(spread.edges[-1])
        self._order = np.full(len(counts), channel)
        self.words.value = f'<span class="segcam-note">{spread.summary()}</span>'
        self._draw(
            centres, counts.astype(float), [UP if c >= 0 else DOWN for c in centres], (0.0, float(counts.max()) * 1.05)
        )
        self._spoken.x = self._spoken.y = np.zeros(0)
        with self._x_axis.hold_sync():
            self._x_axis.label = f"gradient in channel {channel}"
            self._x_axis.tick_values = np.array([-largest, 0.0, largest])
            self._x_axis.tick_format = ".2~e"
        self._y_axis.label = "cells"

    def _draw(
        self,
        x: NDArray[np.float64],
        y: NDArray[np.float64],
        colours: list[str],
        limits: tuple[float, float],
        chosen: Sequence[int] = (),
    ) -> None:
        low, high = limits
        half = (x[1] - x[0]) * 0.7 if len(x) > 1 else 0.7
        with self._x.hold_sync():
            self._x.min, self._x.max = float(x[0] - half), float(x[-1] + half)
        with self._y.hold_sync():
            self._y.min, self._y.max = low, high
        self._y_axis.tick_values = _round_ticks(low, high)
        with self.bars.hold_sync():
            self.bars.x, self.bars.y, self.bars.colors = x, y, colours
            self.bars.selected_style = {"stroke": CHOSEN, "stroke-width": "2"} if len(x) <= FRAMED else {}
            self.bars.selected = np.asarray(chosen, int) if chosen else None
        with self._mark.hold_sync():
            self._mark.x, self._mark.y = x[list(chosen)], np.full(len(chosen), low)
        # a linear scale gives a single bar no width
        (self.figure.add_class if len(x) == 1 else self.figure.remove_class)("segcam-single")
        with self._hits.hold_sync():
            self._hits.x, self._hits.y, self._hits.base = x, np.full(len(x), high), low

    def _clicked(self, _: Any, event: dict[str, Any]) -> None:
        index = int(event.get("data", {}).get("index", -1))
        if 0 <= index < len(self._order):
            self.channel.value = int(self._order[index])
            self._on_choose(self.channel.value)

    def _typed(self, change: Any) -> None:
        if not self._quiet:
            self._redraw()
            self._on_choose(int(change["new"]))


def _limits(values: NDArray[np.float64]) -> tuple[float, float]:
    """The y range: zero always in it, a little air, and never empty."""
    low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
    if low == high:
        return -1.0, 1.0
    air = 0.06 * (high - low)
    return (low - air if low < 0 else 0.0), (high + air if high > 0 else 0.0)


def _round_ticks(low: float, high: float, most: int = 6) -> NDArray[np.float64]:
    """At most `most` round numbers in a range, zero among them; bqplot's own are too many for a low figure."""
    least = (high - low) / most
    power = 10.0 ** np.floor(np.log10(least))
    step = next(s * power for s in (1, 2, 2.5, 5, 10) if s * power >= least)
    return np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step


def _ticks(count: int) -> NDArray[np.int64]:
    """At most nine channel numbers, evenly spaced, at round steps."""
    step = next(s for s in (1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000, 10**9) if count / s <= 9)
    return np.arange(0, count, step)
