"""The verdict as markdown, for the page on the rules."""

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from statistics import median

from .net import FAMILIES
from .run import Answer
from .targets import both_named, judged, planted

RESULTS = Path(__file__).parent / "results.json"
PAGE = Path(__file__).parent.parent.parent / "docs" / "rules.md"
BEGIN, END = "<!-- written by benchmarks/planted -->", "<!-- until here -->"


def table(header, rows):
    lines = [header, ["---"] * len(header), *rows]
    return "".join("| " + " | ".join(map(str, line)) + " |\n" for line in lines)


def told(answer):
    """What the matrix counts: the headline, or the code of a planted tip where it is named."""
    return answer.expected[0] if answer.kind == "named" and answer.right else answer.headline


def confusion(answers):
    """Planted cause by headline."""
    rows = []
    for family in FAMILIES:
        of = [a for a in answers if a.family == family]
        if of:
            counts = Counter(map(told, of)).most_common()
            rows.append([family, ", ".join(f"{code} {n}" for code, n in counts), f"{sum(a.right for a in of)} of {len(of)}"])
    rows.append(["**all**", "", f"**{sum(a.right for a in answers)} of {len(answers)}**"])
    return table(["planted", "headline", "right"], rows)


def targets(answers):
    rows = [[t.name, t.found, t.wanted, "met" if t.met else "**MISSED**"] for t in judged(answers)]
    return table(["target", "found", "wanted", ""], rows)


def misses(answers):
    """Every miss by name."""
    lines = [f"- {target.name}: {miss}\n" for target in judged(answers) if not target.name.endswith(" all") for miss in target.misses]
    return "".join(lines) or "None.\n"


def others(answers):
    """Two causes, traps and look-alikes: what was said of each."""
    rows = []
    for kind in ("two", "trap", "look-alike"):
        for a in answers:
            if a.kind == kind:
                good = both_named(a) if kind == "two" else not a.says_absence if kind == "trap" else not a.issues
                rows.append([a.name, ", ".join(a.named) or "nothing", "" if good else "**miss**"])
    return table(["network", "said", ""], rows)


def number(values):
    values = [v for v in values if v is not None]
    return f"{median(values):.2f}" if values else "-"


def remedies(answers):
    """By code and kind of remedy: the median gain, and what random weights of the same signs reach."""
    groups = {}
    for answer in answers:
        for remedy in answer.remedies:
            what = remedy["method"] + ("" if remedy["baseline"] == "zero" else f", {remedy['baseline']}")
            groups.setdefault((remedy["code"], what), []).append(remedy)
    if not groups:
        return "No remedy was offered.\n"
    rows = [
        [code, what, len(of), number(r["own_gain"] for r in of), number(r["footprint"] for r in of), number(r["own_chance"] for r in of),
         number(r["own_reach"] for r in of)]
        for (code, what), of in sorted(groups.items())
    ]  # fmt: skip
    header = ["finding", "remedy", "offered", "gain", "of which footprint", "gain of random weights", "their share at 0.5"]
    return table(header, rows)


def text_of(answers):
    """The whole block."""
    ones = planted(answers)
    used, unused = ([a for a in ones if a.used is flag] for flag in (True, False))
    asked = [a for a in answers if a.absence]
    true = sum(a.absence["true"] for a in asked)
    return (
        f"{len(answers)} networks, {sum(not a.used for a in answers)} of them trained and not used to choose any threshold; "
        f"{sum(a.claims for a in answers)} claims about them, all of which hold.\n\n{targets(answers)}\n"
        f"Hand-set networks:\n\n{confusion(used)}\nTrained networks:\n\n{confusion(unused)}\n"
        f"Of {len(asked)} blank maps of a class that is predicted, {true} are of a class coded by absence by the unused intervention "
        f"(the region raised to random cells of the rest loses half of it or more, faded activations a tenth or less).\n\n"
        f"Remedies beside chance (medians; 32 draws of random weights with the same signs):\n\n{remedies(answers)}\n"
        f"What misses:\n\n{misses(answers)}"
    )


def read(path=RESULTS):
    return [Answer(**row) for row in json.loads(path.read_text(encoding="utf-8"))]


def store(answers, path=RESULTS):
    """As JSON, without what differs from run to run."""
    rows = [{k: v for k, v in asdict(a).items() if k != "seconds"} for a in answers]
    rounded = json.loads(json.dumps(rows), parse_float=lambda text: round(float(text), 4))
    Path(path).write_text(json.dumps(rounded, indent=1) + "\n", encoding="utf-8")


def write(answers):
    """Put the block into the page."""
    head, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    PAGE.write_text(f"{head}{BEGIN}\n\n{text_of(answers)}\n{END}{rest.partition(END)[2]}", encoding="utf-8")
