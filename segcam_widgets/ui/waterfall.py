"""The ledger as a waterfall: what carries the score, from zero to S.

Rows of plain HTML rather than a chart: names of layers are long and lie flat here, it follows the theme, it needs no
script, and a screen reader reads it as the table that it is.
"""

from html import escape

import ipywidgets as W
import numpy as np

from segcam_widgets.core.ledger import EvidenceLedger
from segcam_widgets.core.numbers_in_words import signed
from segcam_widgets.ui.histogram import DOWN, UP

SHOWN = 8
"""Channels shown one by one; the rest is summed into one step."""
TOTAL = "#7a7a7a"


class Waterfall(W.HTML):
    """Steps for the channels that push most, the tensors that go round, the residual, and the score they add up to."""

    def show(self, ledger: EvidenceLedger) -> None:
        """Draw a ledger."""
        self.value = waterfall_html(ledger)


def parts(ledger: EvidenceLedger) -> list[tuple[str, float]]:
    """The steps: the largest channels in their order, the rest of them, what goes round, full units, the residual."""
    channels = np.asarray(ledger.channels, float)
    order = np.argsort(-np.abs(channels), kind="stable")
    first = sorted(int(k) for k in order[: SHOWN if len(order) <= SHOWN else SHOWN - 1])
    steps = [(f"channel {k}", float(channels[k])) for k in first]
    left = np.setdiff1d(np.arange(len(channels)), first)
    if left.size:
        steps.append((f"{left.size} more channels", float(channels[left].sum())))
    steps += [(f"round the layer: {name}", float(value)) for name, value in ledger.bypass.items()]
    if ledger.units:
        steps.append((ledger.units_name, ledger.units))
    return [*steps, ("biases and offsets" if ledger.exact else "biases, offsets, curvature", ledger.residual)]


def waterfall_html(ledger: EvidenceLedger) -> str:
    """The whole table, every name escaped."""
    steps = parts(ledger)
    ends = np.cumsum([value for _, value in steps])
    starts = np.concatenate([[0.0], ends[:-1]])
    low, high = min(0.0, float(ends.min())), max(0.0, float(ends.max()))
    span = (high - low) or 1.0

    def row(name: str, start: float, stop: float, value: float, colour: str) -> str:
        left, width = (min(start, stop) - low) / span * 100, abs(stop - start) / span * 100
        bar = (
            f'<i class="segcam-zero" style="left:{-low / span * 100:.2f}%"></i>'
            f'<b style="left:{left:.2f}%;width:max(2px,{width:.2f}%);background:{colour}"></b>'
        )
        return (
            f'<tr><th scope="row">{escape(name)}</th><td class="segcam-track">{bar}</td><td>{signed(value)}</td></tr>'
        )

    rows = [
        row(name, start, start + value, value, UP if value >= 0 else DOWN)
        for (name, value), start in zip(steps, starts, strict=True)
    ]
    rows.append(row("score", 0.0, ledger.score, ledger.score, TOTAL))
    return (
        f'<p class="segcam-note">{escape(ledger.summary())} {escape(ledger.remark)}</p>'
        f'<table class="segcam-waterfall"><caption class="segcam-note">From zero to the score, part by part</caption>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )
