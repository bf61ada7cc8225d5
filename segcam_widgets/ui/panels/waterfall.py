"""Draw the ledger as a waterfall: what carries the score, from zero to S.

Rows of plain HTML rather than a chart: names of layers are long and lie flat here, it follows the theme, it needs no
script, and a screen reader reads it as the table that it is.
"""

from html import escape

import ipywidgets as W

from segcam_widgets.core.ledger import EvidenceLedger
from segcam_widgets.core.text.numbers import signed
from segcam_widgets.ui.panels.histogram import DOWN, UP

TOTAL = "#7a7a7a"


class Waterfall(W.HTML):
    """Steps for the channels that push most, the bypass tensors, the residual, and the score they add up to."""

    def show(self, ledger: EvidenceLedger) -> None:
        """Draw a ledger."""
        self.value = waterfall_html(ledger)


def waterfall_html(ledger: EvidenceLedger) -> str:
    """The whole table, every name escaped."""
    steps = ledger.steps()
    ends = [step.stop for step in steps]
    low, high = min(0.0, *ends), max(0.0, *ends)
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

    rows = [row(step.name, step.start, step.stop, step.value, UP if step.value >= 0 else DOWN) for step in steps]
    rows.append(row("score", 0.0, ledger.score, ledger.score, TOTAL))
    return (
        f'<p class="segcam-note">{escape(ledger.summary())} {escape(ledger.remark)}</p>'
        f'<table class="segcam-waterfall"><caption class="segcam-note">From zero to the score, part by part</caption>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )
