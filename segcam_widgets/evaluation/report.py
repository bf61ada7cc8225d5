"""A comparison for reading: tables as frame, markdown and HTML."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from html import escape
from typing import TYPE_CHECKING, Any

from segcam_widgets.core.scores import SCORES
from segcam_widgets.errors import SegCamError, must_be_one_of
from segcam_widgets.evaluation.curves import MEASURES, TESTS
from segcam_widgets.evaluation.plot import curves_svg
from segcam_widgets.evaluation.references import REFERENCES
from segcam_widgets.evaluation.result import Faithfulness
from segcam_widgets.evaluation.similarity import Similarity
from segcam_widgets.evaluation.words import JUDGED, SCOPE_WORDS, cascade_words, class_words, curve_words

if TYPE_CHECKING:
    import pandas as pd

FRAMES = ("curves", "classes", "cascades")
LITTLE = 0.2
"""A score that changes by less than this share of itself, when all pixels are taken away, tells little of their order."""
MEASURED = tuple(f.name for f in fields(Similarity))


@dataclass(frozen=True)
class Table:
    """One table: a title, what to know about it, a header, rows of texts; the best of a column is bold.

    Attributes
    ----------
    title, about : str
    header : sequence of str
    rows : sequence of sequence of str
    best : set of (row, column)
    """

    title: str
    about: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    best: frozenset[tuple[int, int]] = frozenset()


def number(value: float, spread: float = 0.0) -> str:
    """Three digits; an en dash where there is no number; with a standard deviation where there is one."""
    if math.isnan(value):
        return "–"
    return f"{value:.3g} ± {spread:.1g}" if spread else f"{value:.3g}"


def tables(found: Faithfulness) -> Iterator[Table]:
    """Every table that there is something for."""
    yield from (_scope_table(found, scope) for scope in found.scopes)
    if found.classes:
        yield _class_table(found)
    if found.cascades:
        yield _cascade_table(found)
    if found.maps:
        yield _likeness_table(found)


def _scope_table(found: Faithfulness, scope: str) -> Table:
    unit = SCORES[str(found.query.score)].unit
    arrows = {"deletion": "↓", "insertion": "↑"}
    names = {"score": "S" if unit == "1" else f"S, {unit}", "iou": "IoU"}
    header = ["map", *(f"{test} {arrows[test]} {names[m]}" for test in TESTS for m in MEASURES), "in words"]
    rows: list[list[str]] = []
    areas: list[list[float]] = []
    for contender in found.contenders:
        curves = [(found.curve(contender.name, scope, test), m) for test in TESTS for m in MEASURES]
        areas.append([curve.auc(m) for curve, m in curves])
        said = (
            f"reference: {contender.title}"
            if contender.kind == "reference"
            else curve_words(found, contender.name, scope)
        )
        rows.append([contender.name, *(number(curve.auc(m), curve.spread(m)) for curve, m in curves), said])
    best = set()
    for column, (test, _) in enumerate((test, m) for test in TESTS for m in MEASURES):
        values = [row[column] for row in areas]
        if not any(map(math.isnan, values)) and len(set(values)) > 1:
            extreme = min(values) if test == "deletion" else max(values)
            best |= {(i, column + 1) for i, value in enumerate(values) if value == extreme}
    ends = found.curve(found.maps[0], scope, "deletion").mean()
    little = abs(ends[-1] - ends[0]) < LITTLE * abs(ends[0])
    about = (
        f"S is {number(float(ends[0]))} for the image and {number(float(ends[-1]))} with all of these pixels taken away"
        f"{': too little for an order to matter much' if little else ''}. Area under the curve: deletion better low (↓), "
        "insertion better high (↑); the best of a column is bold."
    )
    return Table(f"Deletion and insertion of {SCOPE_WORDS[scope]}", about, header, rows, frozenset(best))


def _class_table(found: Faithfulness) -> Table:
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


def _levels(found: Faithfulness) -> Iterator[list[str]]:
    """The references: two random maps, and maps that ask neither for the class nor for the weights.

    Name, rank correlation inside the region and in the whole image, SSIM, words.
    """
    for name in found.references:
        if not REFERENCES[name].drawn:
            yield [name, "1", "1", "1", "reference: the same by construction"]
        elif found.chance is not None:
            numbers = [number(getattr(found.chance, measure)) for measure in (JUDGED, "spearman", "ssim")]
            yield [name, *numbers, "reference: two random maps, the largest magnitude"]


def _cascade_table(found: Faithfulness) -> Table:
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


def _likeness_table(found: Faithfulness) -> Table:
    chosen = [c for c in found.contenders if c.kind != "reference"]
    names = list(chosen[0].likeness)
    rows = [[c.name, *(number(c.likeness[n]) for n in names), f"{c.tied:.0%}"] for c in chosen]
    about = "Rank correlation (Spearman, signed) with each; and how many of the pixels share their value with another."
    return Table("How alike the maps are to the references", about, ["map", *names, "ties"], rows)


# ------------------------------------------------------------------ as a frame


def to_frame(found: Faithfulness, test: str) -> "pd.DataFrame":
    """See :meth:`Faithfulness.to_frame`."""
    if test not in FRAMES:
        raise SegCamError(must_be_one_of("test", FRAMES, test))
    try:
        import pandas as pd
    except ImportError as error:
        raise SegCamError(
            "`to_frame` needs pandas, which is not installed: pip install 'segcam-widgets[data]'."
        ) from error
    index, rows = {"curves": _curve_rows, "classes": _class_rows, "cascades": _cascade_rows}[test](found)
    return pd.DataFrame(rows).set_index(index) if rows else pd.DataFrame()


Rows = tuple[list[str], list[dict[str, Any]]]


def _curve_rows(found: Faithfulness) -> Rows:
    kinds = {contender.name: contender.kind for contender in found.contenders}
    rows = []
    for curve in found.curves:
        lost = [
            x for x in found.losses(curve.map) if (x.scope, x.test, x.measure) == (curve.scope, curve.test, "score")
        ]
        rows.append({
            "scope": curve.scope, "test": curve.test, "map": curve.map, "kind": kinds[curve.map],
            "score_auc": curve.auc(), "score_spread": curve.spread(), "iou_auc": curve.auc("iou"),
            "iou_spread": curve.spread("iou"), "lost_to": ", ".join(x.reference for x in lost),
        })  # fmt: skip
    return ["scope", "test", "map"], rows


def _class_rows(found: Faithfulness) -> Rows:
    rows = [
        {"map": test.map, "other": other, **dict(zip(MEASURED, astuple(similarity), strict=True))}
        for test in found.classes
        for other, similarity in test.others.items()
    ]
    return ["map", "other"], rows


def _cascade_rows(found: Faithfulness) -> Rows:
    rows = [
        {
            "map": cascade.map, "draw": draw, "stage": stage + 1, "randomised_to": names[-1],
            **dict(zip(MEASURED, astuple(similarity), strict=True)),
        }
        for cascade in found.cascades
        for draw, similarities in enumerate(cascade.draws)
        for stage, (names, similarity) in enumerate(zip(cascade.stages, similarities, strict=True))
    ]  # fmt: skip
    return ["map", "draw", "stage"], rows


# ------------------------------------------------------------------ as text


def _cell(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")


def remarks(found: Faithfulness) -> list[str]:
    """What stands below the tables."""
    refused = [f"No map from {name}: {why}" for name, why in found.refused.items()]
    one = "One image and one region: such scores vary from image to image (Tomsett et al. 2020)."
    return [*found.notes, *refused, *(f"{what}: {how}." for what, how in found.settings.items()), one]


def to_markdown(found: Faithfulness) -> str:
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


def to_html(found: Faithfulness) -> str:
    """Tables and curves; colours of text are inherited, so that it reads on light and on dark. No script, no network."""
    parts = [f"<p><strong>Faithfulness: {escape(found.subject)}</strong><br>{escape(found.summary())}</p>"]
    for number_of, table in enumerate(tables(found)):
        plot = curves_svg(found, found.scopes[number_of]) if number_of < len(found.scopes) else ""
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
