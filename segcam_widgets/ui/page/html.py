"""Small pieces of HTML, in which every name from a model or a file is escaped.

The style of panels stands in `STYLE`, that of the whole in ``static/page.css``.
"""

from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.core.explanation.class_shares import class_shares
from segcam_widgets.core.explanation.explanation import Explanation
from segcam_widgets.core.explanation.wording import channel_words, map_words, sentence_parts
from segcam_widgets.core.methods import METHODS
from segcam_widgets.core.probe import Probe
from segcam_widgets.core.query import CamQuery
from segcam_widgets.core.text.numbers import number, percent, signed
from segcam_widgets.core.votes.preview import Preview
from segcam_widgets.errors import SegCamError

STYLE = """<style>
.segcam-explorer .segcam-finding { border-left: 4px solid var(--jp-border-color1, #999); padding: 4px 10px; margin: 4px 0;
  background: var(--jp-layout-color2, #f5f5f5); }
.segcam-finding p { margin: 4px 0; line-height: 1.4; }
.segcam-finding.segcam-issue { border-left-color: var(--jp-error-color1, #b71c1c); }
.segcam-finding.segcam-tip { border-left-color: var(--jp-brand-color1, #1976d2); }
.segcam-finding.segcam-healthy { border-left-color: var(--jp-success-color1, #2e7d32); }
.segcam-finding summary { cursor: pointer; }
.segcam-finding table { border-collapse: collapse; margin: 4px 0; font-variant-numeric: tabular-nums; }
.segcam-finding th { text-align: left; font-weight: normal; padding: 1px 14px 1px 0; }
.segcam-finding td { text-align: right; padding: 1px 0; }
.segcam-waterfall { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
.segcam-waterfall caption { text-align: left; }
.segcam-waterfall th { text-align: left; font-weight: normal; padding: 2px 10px 2px 0; min-width: 5.5em; max-width: 14em; }
.segcam-waterfall td { text-align: right; padding: 2px 0 2px 8px; white-space: nowrap; }
.segcam-waterfall .segcam-track { position: relative; width: 60%; padding: 0; }
.segcam-narrow .segcam-waterfall .segcam-track { width: 45%; }
.segcam-track b { position: absolute; top: calc(50% - 8px); height: 16px; }
.segcam-track i.segcam-zero { position: absolute; top: 0; bottom: 0; width: 1px; background: var(--jp-border-color1, #999); }
.segcam-waterfall tr:last-child :is(th, td) { border-top: 1px solid var(--jp-border-color1, #999); }
.segcam-waiting { color: var(--jp-ui-font-color2, #595959); }
.segcam-channels { max-height: 240px; overflow: auto; overflow-wrap: normal; }
.segcam-channels table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
.segcam-channels th, .segcam-channels td { text-align: right; padding: 1px 10px;
  border-bottom: 1px solid var(--jp-border-color2, #ddd); }
.segcam-narrow .segcam-channels :is(th, td) { padding: 1px 5px; }
.segcam-channels th { position: sticky; top: 0; background: var(--jp-layout-color1, #fff); }
.segcam-maps { display: flex; flex-wrap: wrap; gap: 12px; min-height: 190px; }
.segcam-maps figure { margin: 0; width: 150px; }
.segcam-votes { display: flex; flex-wrap: wrap; gap: 4px 12px; min-height: 190px; margin-top: 8px; }
.segcam-votes figure { margin: 0; width: 240px; } .segcam-votes > div { flex: 1 1 180px; max-width: 34em; }
.segcam-votes img { width: 100%; box-sizing: border-box; height: auto; border: 1px solid var(--jp-border-color2, #ccc); }
.segcam-votes p { margin: 0 0 6px; line-height: 1.4; }
.segcam-scale b { display: inline-block; width: 60px; height: 10px; border: 1px solid var(--jp-border-color1, #999); }
.segcam-maps img { width: 100%; box-sizing: border-box; height: auto; image-rendering: pixelated;
  border: 1px solid var(--jp-border-color2, #ccc); }
</style>"""

NO_SENTENCE = '<div class="segcam-sentence"></div>'


def sentence(explanation: Explanation) -> str:
    """The line in words, with the class set off and a blank map marked."""
    blank = explanation.is_map and explanation.is_empty
    tags = {
        "class": "<i>{}</i>",
        "layer": "<b>{}</b>",
        "map": '<span class="segcam-blank">{}</span>' if blank else "<b>{}</b>",
    }
    said = "".join(tags.get(role, "{}").format(escape(text)) for role, text in sentence_parts(explanation, score=True))
    notes = "".join(f'<div class="segcam-note">{escape(note)}</div>' for note in explanation.notes)
    return f'<div class="segcam-sentence">{said}.{notes}</div>'


def stopped(query: CamQuery, kept: bool) -> str:
    """The sentence shown after the user cancelled an answer."""
    said = f"Cancelled: {METHODS[query.method].title} at {query.layer}."
    return f"{said} The picture still shows the last answer." if kept else said


def preview_sentence(seen: Preview) -> str:
    """The sentence above the picture while a region is dragged."""
    return (
        f'<div class="segcam-sentence">Preview of <i>{escape(seen.class_name)}</i> at <b>{escape(seen.query.layer)}</b>, '
        f"{int(seen.mask.sum())} px: <b>{escape(map_words(seen))}</b>, {escape(channel_words(seen.weights))}. "
        "Exact gradients follow when you pause.</div>"
    )


def error(message: str) -> str:
    """An error message as HTML, announced by screen readers."""
    return f'<div class="segcam-error" role="alert">{escape(message)}</div>' if message else ""


def legend(probe: Probe, palette: NDArray[np.uint8], chosen: int) -> str:
    """Classes that occur (and the chosen one), with colour and share, the largest first."""
    part = class_shares(probe)
    order = [int(c) for c in np.argsort(-part, kind="stable") if part[c] > 0 or c == chosen]
    entries = "".join(
        f'<span class="segcam-entry{" segcam-chosen" if c == chosen else ""}"><i style="background:{_css(palette[c])}"></i>'
        f"{escape(probe.class_names[c])} <small>{percent(part[c])}</small></span>"
        for c in order
    )
    absent = len(part) - len(order)
    rest = f'<span class="segcam-entry"><small>{absent} more predicted nowhere</small></span>' if absent else ""
    named = 'role="group" aria-label="Predicted classes and their shares"'
    notes = "".join(f'<div class="segcam-note">{escape(note)}</div>' for note in getattr(probe, "notes", ()))
    return f'<div class="segcam-legend" {named}>{entries}{rest}</div>{notes}'


def hover(probe: Probe, row: int, col: int, most: int = 4) -> str:
    """The likeliest classes at a pixel, as plain text."""
    values = probe.probabilities[row, col]
    best = np.argsort(-values, kind="stable")[:most]
    return ", ".join(f"{probe.class_names[c]} {percent(values[c])}" for c in best)


def channel_table(rows: Sequence[tuple[int, float, float, float, float]]) -> str:
    """Channels as a table: channel, pooled gradient, contribution in the region, mean and largest activation."""
    body = "".join(
        f"<tr><td>{k}</td><td>{signed(g)}</td><td>{signed(c)}</td><td>{number(mean)}</td><td>{number(top)}</td></tr>"
        for k, g, c, mean, top in rows
    )
    head = "".join(
        f'<th scope="col">{title}</th>'
        for title in ("channel", "pooled gradient", "region contribution", "mean activation", "largest")
    )
    # the box scrolls, so it must be reachable by keyboard
    return (
        '<div class="segcam-channels" tabindex="0" role="region" aria-label="Channels">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _css(colour: NDArray[np.uint8]) -> str:
    return f"rgb({int(colour[0])},{int(colour[1])},{int(colour[2])})"


def in_words(error: Exception) -> str:
    """What a person reads: a mistake's own sentence; of anything else also what it is."""
    return str(error) if isinstance(error, SegCamError) else f"{type(error).__name__}: {error}"
