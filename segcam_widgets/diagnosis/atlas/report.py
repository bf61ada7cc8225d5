"""Render an atlas without widgets: as a table, Markdown or HTML."""

from dataclasses import asdict
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from segcam_widgets.core.picture.colours import diverging_lut, linear_rgb
from segcam_widgets.core.scores import SCORES
from segcam_widgets.core.support.checks import needed

if TYPE_CHECKING:
    import pandas as pd

    from segcam_widgets.diagnosis.atlas.atlas import Atlas, AtlasCell

LEVELS = 21
"""Colours of the heat table: one for each twentieth of positive share."""


def summary(atlas: "Atlas") -> str:
    """See :meth:`Atlas.summary`."""
    layers, classes = atlas.shape
    absent = int((atlas.pixels == 0).sum())
    maps_of = int(atlas.is_map.sum())
    blank, maps = int(atlas.is_blank.sum()), maps_of * (classes - absent)
    numbers = "" if maps_of == layers else f"; {layers - maps_of} of the layers have one cell, a number and no map"
    nowhere = "" if not absent else f" ({absent} of them predicted nowhere)"
    return (
        f"{layers} layer{'s' * (layers != 1)}, {classes} class{'es' * (classes != 1)}{nowhere}, "
        f"{SCORES[atlas.score].title}: {blank} of {maps} maps {'is' if blank == 1 else 'are'} blank{numbers}"
    )


def about(atlas: "Atlas") -> str:
    """What the numbers are, in a sentence."""
    where = "the pixels predicted as it" if atlas.region is None else atlas.region.describe(atlas.class_names)
    return (
        f"Seg-Grad-CAM, {SCORES[atlas.score].title}, of each class over {where}: how much of the signed map is positive. "
        "Blank: nowhere. Faint: somewhere, and less than 1 % of it."
    )


def short(cell: "AtlasCell") -> str:
    """A cell's text in a table: "73", "blank", "blank SC205", "faint", "one" (cell), "–" without pixels, "nan"."""
    if not cell.pixels:
        return "–"
    if np.isnan(cell.positive_share):
        return "nan"
    if not cell.is_map:
        return "one"
    if cell.is_blank:
        return f"blank {cell.headline}".strip()
    if cell.is_faint:
        return "faint"
    return f"{100 * cell.positive_share:.0f}"


def heat_colour(share: float) -> tuple[str, str]:
    """CSS colours (background, text) of a positive share: blue at 0, white at one half, red at 1."""
    red, green, blue = (int(v) for v in diverging_lut()[round(255 * min(max(share, 0.0), 1.0)), :3])
    light = float(linear_rgb(np.array([red, green, blue], np.uint8)) @ [0.2126, 0.7152, 0.0722])
    # the higher contrast of the two, by WCAG's formula
    ink = "#000" if (light + 0.05) / 0.05 >= 1.05 / (light + 0.05) else "#fff"
    return f"#{red:02x}{green:02x}{blue:02x}", ink


def to_frame(atlas: "Atlas") -> "pd.DataFrame":
    """See :meth:`Atlas.to_frame`."""
    pd = needed("pandas", "to_frame")
    return pd.DataFrame([asdict(cell) for cell in atlas.cells()])


def _markdown(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")


def to_markdown(atlas: "Atlas") -> str:
    """See :meth:`Atlas.to_markdown`."""
    lines = [f"**{summary(atlas)}**", "", f"{about(atlas)} In per cent.", ""]
    lines.append(f"| layer | {' | '.join(map(_markdown, atlas.class_names))} |")
    lines.append(f"| --- |{' ---: |' * len(atlas.classes)}")
    lines += [
        f"| {_markdown(layer.name)} | {' | '.join(short(cell) for cell in row)} |"
        for layer, row in zip(atlas.layers, rows_of(atlas), strict=True)
    ]
    absent = [n for n, pixels in zip(atlas.class_names, atlas.pixels, strict=True) if not pixels]
    if absent:
        lines += ["", f"– predicted nowhere: {', '.join(absent)}."]
    return "\n".join(lines) + "\n"


def rows_of(atlas: "Atlas") -> list[list["AtlasCell"]]:
    """The cells, one list per layer."""
    cells, width = atlas.cells(), atlas.shape[1]
    return [cells[start : start + width] for start in range(0, len(cells), width)]


def to_html(atlas: "Atlas") -> str:
    """A heat table. Cells have colours of their own, the rest takes the page's: it reads on light and on dark pages.

    A number stands in each cell, so that the table says the same where a viewer drops its style.
    """
    style = "".join(
        f".segcam-heat td.h{level}{{background:{back};color:{ink}}}"
        for level, (back, ink) in enumerate(heat_colour(level / (LEVELS - 1)) for level in range(LEVELS))
    )
    head = "".join(f'<th scope="col"><span>{escape(name)}</span></th>' for name in atlas.class_names)
    body = "".join(
        f'<tr><th scope="row">{escape(layer.name)}</th>{"".join(map(_cell, row))}</tr>'
        for layer, row in zip(atlas.layers, rows_of(atlas), strict=True)
    )
    named = 'role="region" tabindex="0" aria-label="Atlas"'  # it scrolls, so it must be reachable by keyboard
    return (
        f"<style>{_STYLE}{style}</style><div class='segcam-heat'><p><strong>{escape(summary(atlas))}</strong><br>"
        f"{escape(about(atlas))} In per cent; – predicted nowhere.</p><div class='segcam-heat-box' {named}>"
        f'<table><thead><tr><th scope="col">layer</th>{head}</tr></thead><tbody>{body}</tbody></table></div></div>'
    )


def _cell(cell: "AtlasCell") -> str:
    if np.isnan(cell.positive_share):
        return f"<td>{short(cell)}</td>"
    level = round((LEVELS - 1) * cell.positive_share)
    return f'<td class="h{level}{" b" * cell.is_blank}">{short(cell)}</td>'


_STYLE = (
    ".segcam-heat{color:inherit}.segcam-heat-box{overflow:auto;max-height:480px}"
    ".segcam-heat table{border-collapse:separate;border-spacing:1px;color:inherit;background:transparent;"
    "font-variant-numeric:tabular-nums;font-size:12px}"
    ".segcam-heat th{text-align:left;font-weight:normal;padding:1px 6px;background:transparent}"
    ".segcam-heat thead th{vertical-align:bottom}"
    ".segcam-heat thead span{writing-mode:vertical-rl;transform:rotate(180deg);max-height:12em;overflow-wrap:anywhere}"
    ".segcam-heat td{text-align:center;padding:1px 4px;min-width:1.8em}"
    ".segcam-heat td.b{font-weight:bold}"
)
