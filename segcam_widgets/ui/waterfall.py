"""The ledger as a waterfall: what carries the score, from zero to S."""

from typing import Any

import bqplot as bq
import ipywidgets as W
import numpy as np

from segcam_widgets.ui.histogram import DOWN, UP

SHOWN = 8
"""Parts drawn one by one; the rest is summed into one step."""


class Waterfall(W.VBox):
    """Steps for the channels that push most, the tensors that go round, the residual, and the score they add up to."""

    def __init__(self) -> None:
        self.words = W.HTML()
        self._x = bq.OrdinalScale()
        self._y = bq.LinearScale()
        scales = {"x": self._x, "y": self._y}
        # two stacked rows: an invisible one that lifts each step, and the step itself
        self.steps = bq.Bars(x=["-"], y=np.zeros((2, 1)), scales=scales, type="stacked", padding=0.2)
        axis = bq.Axis(
            scale=self._x, tick_rotate=-28, tick_style={"text-anchor": "end", "font-size": 11}, grid_lines="none"
        )
        side = bq.Axis(
            scale=self._y, side="left", tick_format=".2f", label="score", label_offset="46px"
        )
        self.figure = bq.Figure(
            marks=[self.steps], axes=[axis, side], animation_duration=0,
            fig_margin={"top": 8, "bottom": 74, "left": 62, "right": 12},
            layout=W.Layout(width="100%", min_width="280px", height="240px"),
        )  # fmt: skip
        self.figure.add_class("segcam-waterfall")
        super().__init__([self.words, self.figure])

    def show(self, ledger: Any) -> None:
        """Draw an EvidenceLedger."""
        names, values = parts(ledger)
        names, values = [*names, "score"], [*values, float(ledger.score)]
        ends = np.cumsum(values[:-1])
        starts = np.concatenate([[0.0], ends[:-1], [0.0]])
        stops = np.concatenate([ends, [float(ledger.score)]])
        # a bar between start and stop is a difference of two bars from zero: drawn as base and height where both have
        # one sign, and through zero as two pieces
        low, high = np.minimum(starts, stops), np.maximum(starts, stops)
        lift = np.where((low >= 0), low, np.where(high <= 0, high, 0.0))
        above = np.where(low >= 0, high - low, np.maximum(high, 0.0))
        below = np.where(high <= 0, low - high, np.minimum(low, 0.0))
        y = np.stack([lift, above, below])
        colours = [UP if v >= 0 else DOWN for v in values[:-1]] + ["#6b6b6b"]
        air = 0.05 * (max(high.max(), 0) - min(low.min(), 0)) or 1.0
        with self._y.hold_sync():
            self._y.min, self._y.max = float(min(low.min(), 0) - air), float(max(high.max(), 0) + air)
        with self.steps.hold_sync():
            self.steps.x, self.steps.y = names, y
            self.steps.color_mode = "element"
            count = len(names)
            self.steps.colors = ["#ffffff"] * count + colours + colours
            self.steps.opacities = [0.0] * count + [1.0] * (2 * count)
        self.words.value = f'<span class="segcam-note">{sentence(ledger)}</span>'


def parts(ledger: Any) -> tuple[list[str], list[float]]:
    """The steps of a waterfall: largest channels, the rest of them, what goes round, the residual."""
    channels = np.asarray(ledger.channels, float)
    order = np.argsort(-np.abs(channels), kind="stable")
    first = sorted(int(k) for k in order[: SHOWN if len(order) <= SHOWN + 1 else SHOWN - 1])
    names = [f"channel {k}" for k in first]
    values = [float(channels[k]) for k in first]
    left = [int(k) for k in order if int(k) not in first]
    if left:
        names.append(f"{len(left)} more channels")
        values.append(float(channels[left].sum()))
    for name, value in dict(ledger.bypass).items():
        names.append(f"round: {name}")
        values.append(float(value))
    return [*names, "bias, rest"], [*values, float(ledger.residual)]


def sentence(ledger: Any) -> str:
    """The sum in words."""
    around = sum(float(v) for v in dict(ledger.bypass).values())
    skips = f", what goes round the layer {around:+.3g}" if dict(ledger.bypass) else ""
    return (
        f"Score {float(ledger.score):.3g} = channels {float(np.sum(ledger.channels)):+.3g}{skips}, "
        f"biases and the rest {float(ledger.residual):+.3g}."
    )
