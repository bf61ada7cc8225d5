"""Render a comparison as Markdown and HTML tables."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from segcam_widgets.core.scores import SCORES
from segcam_widgets.core.text.numbers import number as in_words, percent
from segcam_widgets.evaluation.curves import channels
from segcam_widgets.evaluation.curves.curves import CHANNELS, MEASURES, TESTS, Curve
from segcam_widgets.evaluation.curves.references import REFERENCES
from segcam_widgets.evaluation.plot import curves_svg
from segcam_widgets.evaluation.wording import (
    JUDGED,
    SCOPE_WORDS,
    cascade_words,
    channel_words,
    class_words,
    curve_words,
)

if TYPE_CHECKING:
    from segcam_widgets.evaluation.result import Faithfulness


ARROWS = {"deletion": "↓", "insertion": "↑"}
LITTLE = 0.2
"""A score that changes by less than this share of itself, when all pixels are taken away, tells little of their order."""


@dataclass(frozen=True)
class Table:
    """One table: a title, what to know about it, a header, rows of texts; the best of a column is bold.

    Attributes
    ----------
    title, about : str
    header : sequence of str
    rows : sequence of sequence of str
    best : set of (row, column)
    scope : str or None
        Whose curves are drawn above it.
    """

    title: str
    about: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    best: frozenset[tuple[int, int]] = frozenset()
    scope: str | None = None


def number(value: float, spread: float = 0.0) -> str:
    """Three digits; an en dash where there is no number; with a standard deviation where there is one."""
    return f"{in_words(value)} ± {in_words(float(f'{spread:.1g}'))}" if spread else in_words(value)


def tables(found: "Faithfulness") -> Iterator[Table]:
    """Every table that there is something for."""
    yield from (_scope_table(found, scope) for scope in found.scopes)
    if found.channels is not None:
        yield _channel_table(found, found.channels)
    if found.classes:
        yield _class_table(found)
    if found.cascades:
        yield _cascade_table(found)
    if found.maps:
        yield _likeness_table(found)


def _scope_table(found: "Faithfulness", scope: str) -> Table:
    rows = [
        (
            contender.name,
            f"reference: {contender.title}"
            if contender.kind == "reference"
            else curve_words(found, contender.name, scope),
        )
        for contender in found.contenders
    ]
    ends = found.curve(found.maps[0], scope, "deletion").mean()
    little = abs(ends[-1] - ends[0]) < LITTLE * abs(ends[0])
    about = (
        f"S is {number(float(ends[0]))} for the image and {number(float(ends[-1]))} with all of these pixels taken away"
        f"{': too little for an order to matter much' if little else ''}. {AREAS}"
    )
    return _curve_table(found, scope, f"Deletion and insertion of {SCOPE_WORDS[scope]}", about, rows)


AREAS = "Area under the curve: deletion better low (↓), insertion better high (↑); the best of a column is bold."


def _channel_table(found: "Faithfulness", test: channels.ChannelTest) -> Table:
    rows = [(name, channel_words(test, name)) for name in test.maps]
    rows += [(name, f"reference: {title}") for name, title in channels.REFERENCES.items()]
    ends = test.curve(test.maps[0], "deletion")
    scores, kept = ends.mean()[[0, -1]], ends.mean("iou")[[0, -1]]
    count, random = len(test.orders[test.maps[0]][0]), len(test.orders[channels.RANDOM_ORDER])
    about = (
        f"{count} channels, deleted by setting them to {'zero' if test.to == 'zero' else 'their ' + test.to}, in the order of "
        f"their signed contribution inside the region, the most positive first. S is {number(float(scores[0]))} for the image "
        f"and {number(float(scores[1]))} with all of them deleted; IoU {number(float(kept[0]))} and {number(float(kept[1]))}. "
        f"{AREAS} The random order is {f'all {random} orders there are' if test.every else f'{random} draws'}."
    )
    if test.bypass:
        about += f" What goes round the layer ({', '.join(test.bypass)}) stays as it is."
    return _curve_table(found, CHANNELS, f"Deletion and insertion of the channels of {test.layer}", about, rows)


def _curve_table(found: "Faithfulness", scope: str, title: str, about: str, said: Sequence[tuple[str, str]]) -> Table:
    """Areas of score and IoU, one row per map with its words."""
    unit = SCORES[str(found.query.score)].unit
    names = {"score": "S" if unit == "1" else f"S, {unit}", "iou": "IoU"}
    columns = [(test, measure) for test in TESTS for measure in MEASURES]
    header = ["map", *(f"{test} {ARROWS[test]} {names[m]}" for test, m in columns), "in words"]
    curves = [[found.curve(name, scope, test) for test, _ in columns] for name, _ in said]
    rows = [
        [name, *(number(c.auc(m), c.spread(m)) for c, (_, m) in zip(row, columns, strict=True)), words]
        for (name, words), row in zip(said, curves, strict=True)
    ]
    return Table(title, about, header, rows, frozenset(_best(curves, columns)), scope)


def _best(curves: Sequence[Sequence[Curve]], columns: Sequence[tuple[str, str]]) -> Iterator[tuple[int, int]]:
    """Where the best of each column is, (row, column); where all are equal, or one is no number, none is."""
    for place, (test, measure) in enumerate(columns):
        values = [row[place].auc(measure) for row in curves]
        if any(map(math.isnan, values)) or len(set(values)) == 1:
            continue
        extreme = min(values) if test == "deletion" else max(values)
        yield from ((i, place + 1) for i, value in enumerate(values) if value == extreme)


def _class_table(found: "Faithfulness") -> Table:
    others = list(dict.fromkeys(name for test in found.classes for name in test.others))
    rows = []
    for test in found.classes:
        cells = [number(getattr(test.others[name], JUDGED)) if name in test.others else "–" for name in others]
        rows.append([test.map, *cells, number(test.mean(JUDGED)), number(test.mean()), class_words(found, test)])
    rows += [[name, *[""] * len(others), inside, whole, said] for name, inside, whole, _, said in _levels(found)]
    about = (
        "Rank correlation (Spearman, signed) with the same method's map for another class, inside the region; low is good. "
        "The last number is that of the whole image."
    )
    return Table("The random-class test", about, ["map", *others, "mean", "whole image", "in words"], rows)


def _levels(found: "Faithfulness") -> Iterator[list[str]]:
    """The references: two random maps, and maps that ask neither for the class nor for the weights.

    Name, rank correlation inside the region and in the whole image, SSIM, words.
    """
    for name in found.references:
        if not REFERENCES[name].drawn:
            yield [name, "1", "1", "1", "reference: the same by construction"]
        elif found.chance is not None:
            pairs = found.chance.pairs
            for chance, words in (
                (found.chance.typical, f"reference: a typical pair of random maps (median magnitude of {pairs} pairs)"),
                (found.chance.largest, f"reference: the largest of {pairs} pairs of random maps"),
            ):
                numbers = [number(getattr(chance, measure)) for measure in (JUDGED, "spearman", "ssim")]
                yield [name, *numbers, words]


def _cascade_table(found: "Faithfulness") -> Table:
    stages = found.cascades[0].stages
    shown = sorted({0, len(stages) // 2, len(stages) - 1})
    header = ["map", *(f"to {stages[i][-1]}" for i in shown), "whole image", "SSIM", "in words"]
    rows = []
    for cascade in found.cascades:
        kept = cascade.kept(JUDGED)
        ends = [number(cascade.kept(measure)[-1]) for measure in ("spearman", "ssim")]
        rows.append([cascade.map, *(number(kept[i]) for i in shown), *ends, cascade_words(found, cascade)])
    rows += [[name, *[inside] * len(shown), whole, ssim, said] for name, inside, whole, ssim, said in _levels(found)]
    about = (
        "Magnitude of the rank correlation (Spearman) with the map of the trained network, inside the region, weights re-drawn "
        "from the output to the layer named; low is good. The last two numbers are those of the whole image in the end."
    )
    return Table("Cascading parameter randomisation", about, header, rows)


def _likeness_table(found: "Faithfulness") -> Table:
    names = list(found.contenders[0].likeness)
    rows = [
        [c.name, *(number(c.likeness[n]) for n in names), percent(c.tied), number(c.leakage)] for c in found.contenders
    ]
    about = (
        "Rank correlation (Spearman, signed) with each; how many of the pixels share their value with another; and the leakage: "
        "the share of the map's positive mass that lies outside the region. An even map leaks as much as there is outside."
    )
    return Table("How alike the maps are to the references", about, ["map", *names, "ties", "leakage"], rows)


# ------------------------------------------------------------------ as text


def _cell(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")


def remarks(found: "Faithfulness") -> list[str]:
    """What stands below the tables."""
    refused = [f"No map from {name}: {why}" for name, why in found.refused.items()]
    one = "One image and one region: such scores vary from image to image (Tomsett et al. 2020)."
    return [*found.notes, *refused, *(f"{what}: {how}." for what, how in found.settings.items()), one]


def to_markdown(found: "Faithfulness") -> str:
    """See :meth:`Faithfulness.to_markdown`."""
    lines = [f"**Faithfulness: {_cell(found.subject)}**", "", _cell(found.summary()), ""]
    for table in tables(found):
        lines += [f"### {table.title}", "", table.about, ""]
        lines += ["| " + " | ".join(map(_cell, table.header)) + " |", "|" + " --- |" * len(table.header)]
        for i, row in enumerate(table.rows):
            cells = [f"**{_cell(t)}**" if (i, j) in table.best else _cell(t) for j, t in enumerate(row)]
            lines.append("| " + " | ".join(cells) + " |")
        lines.append("")
    return "\n".join([*lines, *(f"- {_cell(text)}" for text in remarks(found))]) + "\n"


def to_html(found: "Faithfulness") -> str:
    """Tables and curves; colours of text are inherited, so that it reads on light and on dark. No script, no network."""
    parts = [f"<p><strong>Faithfulness: {escape(found.subject)}</strong><br>{escape(found.summary())}</p>"]
    for table in tables(found):
        plot = "" if table.scope is None else curves_svg(found, table.scope)
        parts.append(f"<h4>{escape(table.title)}</h4>{plot}<p>{escape(table.about)}</p>{_table_html(table)}")
    items = "".join(f"<li>{escape(text)}</li>" for text in remarks(found))
    return (
        f'<div class="segcam-faithfulness" style="color:inherit;max-width:60em">{"".join(parts)}<ul>{items}</ul></div>'
    )


def _table_html(table: Table) -> str:
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in table.header)
    body = []
    for i, row in enumerate(table.rows):
        first, *cells = (
            f"<strong>{escape(text)}</strong>" if (i, j) in table.best else escape(text) for j, text in enumerate(row)
        )
        body.append(f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>')
    style = "color:inherit;background:transparent;text-align:left;border-spacing:0.8em 0.1em"
    return f'<table style="{style}"><thead><tr>{head}</tr></thead><tbody>{"".join(body)}</tbody></table>'
