"""Render a diagnosis without widgets: as a table, Markdown or HTML."""

import math
import re
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from segcam_widgets.core.baselines import BASELINES
from segcam_widgets.core.methods import METHODS
from segcam_widgets.core.query import CamQuery
from segcam_widgets.core.scores import SCORES
from segcam_widgets.core.support.checks import needed
from segcam_widgets.core.text.numbers import counted, measured, number, percent
from segcam_widgets.diagnosis.wording import lower

if TYPE_CHECKING:
    import pandas as pd

    from segcam_widgets.diagnosis.findings import Diagnosis, Finding, RemedyResult


def remedy_words(remedy: CamQuery, asked: CamQuery, class_names: Sequence[str] = ()) -> str:
    """What a remedy changes: "baseline: mean over the image"; a class by its name where names are given."""
    changes = []
    if remedy.layer != asked.layer:
        changes.append(f"layer: {remedy.layer}")
    if remedy.class_index != asked.class_index:
        index = remedy.class_index
        changes.append(f"class: {class_names[index] if isinstance(index, int) and class_names else index}")
    if remedy.region != asked.region and remedy.region is not None:
        changes.append(f"region: {remedy.region.describe(tuple(class_names))}")
    if remedy.score != asked.score:
        changes.append(f"score: {SCORES[str(remedy.score)].title}")
    if remedy.method != asked.method:
        changes.append(f"method: {METHODS[remedy.method].title}")
    if remedy.baseline != asked.baseline:
        changes.append(f"baseline: {BASELINES[remedy.baseline].title}")
    return ", ".join(changes)


def tried_words(finding: "Finding", asked: CamQuery, class_names: Sequence[str] = ()) -> str:
    """The remedy and what came of it, one sentence; "" where there is none."""
    if finding.remedy is None or finding.remedy_result is None:
        return ""
    result = finding.remedy_result
    tried = f"Tried: {remedy_words(finding.remedy, asked, class_names)}. Its map is {percent(result.positive_share)} positive."
    return f"{tried} {control_words(finding.remedy, result)}"


def control_words(remedy: CamQuery, result: "RemedyResult") -> str:
    """What a remedy's gain is worth: "Gain 0.48, of which the gradient's footprint alone gives 0.46."."""
    if math.isnan(result.gain):
        return "The region is the whole image, so there is nothing to compare the map with."
    gain = f"Gain {number(result.gain)}"
    if not math.isnan(result.footprint):
        return f"{gain}, of which the gradient's footprint alone gives {number(result.footprint)}."
    if math.isnan(result.chance):
        return f"{gain}; there are not two channels to weigh, so there is nothing to compare it with."
    if remedy.baseline == "zero":
        return f"{gain}; of 64 random weightings with the same signs {percent(result.chance)} reach 0.5."
    as_well = f"{gain}; of 64 random weightings with the same signs {percent(result.chance)} reach 0.5 as well"
    return f"{as_well}, so the gain shows where activations are low, and the experiment why that matters."


def verdict(diagnosis: "Diagnosis") -> str:
    """One line for the whole: is the map blank, and why."""
    if diagnosis.issues:
        title = diagnosis.issues[0].title
        named = title.startswith(diagnosis.query.layer)  # a layer's name stays as it is written
        return f"{'Blank map' if diagnosis.blank else 'Issue'}: {title if named else lower(title)}"
    if diagnosis.is_number:
        kind = "One cell is a number and no map"
    else:
        kind = "The map is faint" if diagnosis.faint else "The map is not blank"
    return f"{kind}; worth knowing:" if diagnosis.findings else f"{kind}, and nothing is to report"


def rest(diagnosis: "Diagnosis") -> str:
    """How many rules looked and found nothing, and how many could not look."""
    count = len(diagnosis.not_applicable)
    return f"{counted(len(diagnosis.passed), 'rule')} passed, {count} {'does' if count == 1 else 'do'} not apply here."


def to_frame(diagnosis: "Diagnosis") -> "pd.DataFrame":
    """See :meth:`Diagnosis.to_frame`."""
    pd = needed("pandas", "to_frame")
    rows: dict[str, dict[str, object]] = {}
    for found in diagnosis.findings:
        rows[found.code] = {
            "name": found.name, "outcome": found.severity, "title": found.title, "message": found.message,
            "remedy": tried_words(found, diagnosis.query, diagnosis.class_names),
        }  # fmt: skip
    for outcome, others in (("passed", diagnosis.passed), ("not applicable", diagnosis.not_applicable)):
        for other in others:
            rows[other.code] = {
                "name": other.name,
                "outcome": outcome,
                "title": "",
                "message": other.reason,
                "remedy": "",
            }
    ordered = {code: rows[code] for code in diagnosis.order if code in rows}
    frame = pd.DataFrame.from_dict(ordered, orient="index")
    return frame.rename_axis("code")


_MARKUP = re.compile(r"[\\`*<]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")


def _text(words: str) -> str:
    """Words that stay themselves in markdown, names of classes like "<none>" and "__ignore__" too."""
    return _MARKUP.sub(r"\\\g<0>", words)


def _cell(words: str) -> str:
    return _text(words).replace("|", "\\|").replace("\n", " ")


def to_markdown(diagnosis: "Diagnosis") -> str:
    """See :meth:`Diagnosis.to_markdown`."""
    lines = [f"**{_text(verdict(diagnosis))}**", "", _text(diagnosis.subject), ""]
    for found in diagnosis.findings:
        lines += [f"### {_text(found.title)} ({found.code}, {found.severity})", "", _text(found.message), ""]
        lines += [
            _text(text) + "\n"
            for text in (found.advice, tried_words(found, diagnosis.query, diagnosis.class_names))
            if text
        ]
        lines += ["| measured | |", "|---|---|"]
        lines += [f"| {_cell(name.replace('_', ' '))} | {measured(value)} |" for name, value in found.evidence.items()]
        lines.append("")
    return "\n".join([*lines, rest(diagnosis)]) + "\n"


_STYLE = (
    ".segcam-diagnosis{color:inherit;max-width:48em}"
    ".segcam-diagnosis .segcam-finding{border-left:4px solid #5a8f5a;padding:0.2em 0.8em;margin:0.4em 0}"
    ".segcam-diagnosis .segcam-finding.segcam-issue{border-left-color:#d1495b}"
    ".segcam-diagnosis .segcam-finding.segcam-tip{border-left-color:#4b7bb5}"
    ".segcam-diagnosis table{color:inherit;background:transparent;text-align:left}"
    ".segcam-diagnosis th{text-align:left;font-weight:normal}"
)


def to_html(diagnosis: "Diagnosis") -> str:
    """Findings as HTML: text colours are inherited, so that it reads on light and on dark pages. No script, no network."""
    parts = [f"<p><strong>{escape(verdict(diagnosis))}</strong><br>{escape(diagnosis.subject)}</p>"]
    parts += [finding_html(found, diagnosis) for found in diagnosis.findings]
    others = [
        f"<tr><td>{escape(other.code)}</td><td>{escape(other.name)}</td><td>{outcome}: {escape(other.reason)}</td></tr>"
        for outcome, some in (("passed", diagnosis.passed), ("not applicable", diagnosis.not_applicable))
        for other in some
    ]
    parts.append(
        f'<details class="segcam-finding"><summary>{escape(rest(diagnosis))}</summary><table>{"".join(others)}</table></details>'
    )
    return f'<style>{_STYLE}</style><div class="segcam-diagnosis">{"".join(parts)}</div>'


def finding_html(found: "Finding", diagnosis: "Diagnosis", *, folded: bool = False) -> str:
    """One finding, for every page: what was measured, and folded away what to do and the numbers. Every text is escaped.

    The page gives the style, by the classes ``segcam-finding`` and ``segcam-issue`` or ``segcam-tip``.

    Parameters
    ----------
    folded : bool
        Whether only the title shows until it is opened.
    """
    rows = "".join(
        f'<tr><th scope="row">{escape(name.replace("_", " "))}</th><td>{escape(measured(value))}</td></tr>'
        for name, value in found.evidence.items()
    )
    tried = tried_words(found, diagnosis.query, diagnosis.class_names)
    said = "".join(f"<p>{escape(text)}</p>" for text in (found.message, tried) if text)
    advice = f"<p>{escape(found.advice)}</p>" if found.advice else ""
    body = (
        f"{said}<details><summary>what to do, and the numbers ({escape(found.code)})</summary>{advice}"
        f"<table>{rows}</table></details>"
    )
    kind, title = f"segcam-finding segcam-{found.severity}", f"<b>{escape(found.title)}</b>"
    if folded:
        return f'<details class="{kind}"><summary>{title}</summary>{body}</details>'
    return f'<div class="{kind}">{title}{body}</div>'
