"""Draw the curves of one scope as a small SVG in the text's own colour, without any library."""

from html import escape
from typing import TYPE_CHECKING

import numpy as np

from segcam_widgets.core.scores import SCORES
from segcam_widgets.core.text.numbers import number
from segcam_widgets.evaluation.curves import channels
from segcam_widgets.evaluation.curves.curves import CHANNELS, TESTS

if TYPE_CHECKING:
    from segcam_widgets.evaluation.result import Faithfulness

COLOURS = ("#d1495b", "#4b7bb5", "#5a8f5a", "#b5762a", "#8a5fb0", "#2a9d9d")
"""Of the maps under test, in turn; each has a contrast of 3 or more against white and against near-black."""
DASHES = ("1 3", "5 3", "9 3 2 3")
"""Of the references, which have the text's colour."""
TITLES = {
    "deletion": "deletion: {} taken away",
    "insertion": "insertion: {} given back",
}
WIDTH, HEIGHT, LEFT, TOP, GAP = 250, 150, 52, 22, 70


def curves_svg(found: "Faithfulness", scope: str) -> str:
    """Deletion and insertion side by side, the score over the share of pixels taken away or given back."""
    styles = _styles(found, scope)
    means = [found.curve(name, scope, test).mean() for name in styles for test in TESTS]
    low, high = float(np.min(means)), float(np.max(means))
    panels = "".join(
        _panel(found, scope, test, place=i, limits=(low, high), styles=styles) for i, test in enumerate(TESTS)
    )
    legend = "".join(_legend(name, style, i) for i, (name, style) in enumerate(styles.items()))
    width = LEFT + 2 * WIDTH + GAP
    height = TOP + HEIGHT + 36 + 16 * ((len(styles) + 2) // 3)
    words = f"Deletion and insertion curves of {', '.join(styles)} ({scope})"
    return (
        f'<svg role="img" aria-label="{escape(words)}" viewBox="0 0 {width} {height}" style="max-width:{width}px;width:100%;'
        f'color:inherit" font-size="11" fill="currentColor">{panels}{legend}</svg>'
    )


def _styles(found: "Faithfulness", scope: str) -> dict[str, str]:
    under_test, references = found.maps, found.references
    if scope == CHANNELS and found.channels is not None:
        under_test, references = found.channels.maps, tuple(channels.REFERENCES)
    maps = {
        name: f'stroke="{COLOURS[i % len(COLOURS)]}" stroke-width="2"'
        for i, name in enumerate(found.maps)
        if name in under_test  # a map has one colour everywhere
    }
    dashed = {
        name: f'stroke="currentColor" stroke-dasharray="{DASHES[i % len(DASHES)]}"' for i, name in enumerate(references)
    }
    return dashed | maps  # the maps are drawn last, on top


def _panel(
    found: "Faithfulness", scope: str, test: str, *, place: int, limits: tuple[float, float], styles: dict[str, str]
) -> str:
    left, (low, high) = LEFT + place * (WIDTH + GAP), limits
    span = high - low or 1.0
    title = TITLES[test].format("channels" if scope == CHANNELS else "pixels")
    unit = SCORES[str(found.query.score)].unit
    parts = [
        f'<text x="{left}" y="12">{title}</text>'
        f'<rect x="{left}" y="{TOP}" width="{WIDTH}" height="{HEIGHT}" fill="none" stroke="currentColor" opacity="0.4"/>',
        *(
            f'<text x="{left - 4}" y="{y:.0f}" text-anchor="end">{number(value)}</text>'
            for y, value in ((TOP + 9, high), (TOP + HEIGHT, low))
        ),
        f'<text x="{left}" y="{TOP + HEIGHT + 14}">0 %</text>'
        f'<text x="{left + WIDTH}" y="{TOP + HEIGHT + 14}" text-anchor="end">100 %</text>'
        f'<text x="{left - 4}" y="{TOP + HEIGHT / 2:.0f}" text-anchor="end">S{"" if unit == "1" else ", " + unit}</text>',
    ]
    for name, style in styles.items():
        curve = found.curve(name, scope, test)
        xs, ys = left + WIDTH * curve.fractions, TOP + HEIGHT * (high - curve.mean()) / span
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(xs, ys, strict=True))
        parts.append(f'<polyline points="{points}" fill="none" {style}><title>{escape(name)}</title></polyline>')
    return "".join(parts)


def _legend(name: str, style: str, place: int) -> str:
    row, column = divmod(place, 3)
    x, y = LEFT + column * (2 * WIDTH + GAP) // 3, TOP + HEIGHT + 34 + 16 * row
    return f'<path d="M{x} {y - 4}h24" fill="none" {style}/><text x="{x + 30}" y="{y}">{escape(name)}</text>'
