"""How faithful the methods are on the shipped demo: ``python -m benchmarks.faithfulness [--images N] [--write]``.

Runs the code of the documentation's page on faithfulness, and then the same comparison over images and classes: in how many
of them each method beats each of the maps that know nothing of the network, how alike its maps are for other classes and
with random weights, and whether images agree on which method is better. `--write` puts the tables, which are markdown, into
that page.
"""

import argparse
import itertools
import os
import re
import sys
from collections import defaultdict
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import numpy as np

import segcam_widgets as sc
from segcam_widgets.evaluation.similarity import spearman

PAGE = Path(__file__).parent.parent / "docs" / "faithfulness.md"
LAYER = "tail_conv8"
METHODS = ("seg-grad-cam", "hirescam", "layercam", "xgrad-cam", "grad-cam++", "ablation-cam", "eigen-cam")
FILLS = ("blur", "mean")
SCOPES = {"region": "the region", "context": "its context", "everywhere": "everywhere"}


def markdown_table(header, rows):
    lines = [header, ["---"] * len(header), *rows]
    return "".join("| " + " | ".join(map(str, line)) + " |\n" for line in lines)


def example():
    """What the page's own code answers."""
    code = "\n".join(re.findall(r"```python\n(.+?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL))
    names = {}
    exec(compile(code, PAGE.name, "exec"), names)
    return names["found"]


def study(images, progress):
    """Fill -> class -> one comparison an image; the other tests run once, with the first fill."""
    demo = sc.load_demo()
    found = {fill: defaultdict(list) for fill in FILLS}
    for number, image in enumerate(demo.images[:images]):
        probe = sc.open_probe(demo.model, image, class_names=demo.class_names)
        for name, fill in itertools.product(demo.class_names, FILLS):
            checks = sc.evaluation.CHECKS if fill == FILLS[0] else ("curves",)
            query = sc.CamQuery(LAYER, name, score="centered_logit")
            one = sc.evaluation.faithfulness(
                probe, query, METHODS, fill=fill, checks=checks, steps=10, stages=5, redraws=1, seed=number
            )
            found[fill][name].append(one)
            progress(f"mosaic {number}, {name}, {fill}")
    return found


def every(found):
    """All comparisons of one fill."""
    return [one for some in found.values() for one in some]


def wins_table(found):
    """In how many comparisons a method beats each reference, by the score."""
    references = every(found)[0].references
    header = ["method", "test", *(f"{where}: {r}" for where in SCOPES.values() for r in references)]
    rows = []
    for method in METHODS:
        for test in ("deletion", "insertion"):
            row = [method, test]
            for scope, reference in itertools.product(SCOPES, references):
                some = [one for one in every(found) if method in one.maps]
                lost = sum(
                    any(
                        (x.scope, x.test, x.measure, x.reference) == (scope, test, "score", reference)
                        for x in one.losses(method)
                    )
                    for one in some
                )
                row.append(len(some) - lost)
            rows.append(row)
    return markdown_table(header, rows)


def other_tests(found):
    """Other classes and random weights, median and range over the comparisons: inside the region, and in the whole image."""
    inside, whole = "region_spearman", "spearman"
    rows = []
    for method in METHODS:
        some = [one for one in every(found) if method in one.maps]
        tests = [test for one in some for test in one.classes if test.map == method]
        cascades = [cascade for one in some for cascade in one.cascades if cascade.map == method]
        likeness = [one.contender(method).likeness for one in some]
        rows.append([
            method, spread([test.mean(inside) for test in tests]), spread([test.mean(whole) for test in tests]),
            spread([cascade.kept(inside)[-1] for cascade in cascades]), spread([cascade.kept(whole)[-1] for cascade in cascades]),
            spread([x["edge map"] for x in likeness]), spread([x["region mask"] for x in likeness]),
        ])  # fmt: skip
    chance = [spread([getattr(one.chance, measure) for one in every(found)]) for measure in (inside, whole)]
    rows.append(["two random maps", *chance, *chance, "", ""])
    header = [
        "method", "other classes, inside", "whole image", "random weights, inside", "whole image", "like the edge map",
        "like the region mask",
    ]  # fmt: skip
    return markdown_table(header, rows)


def spread(values):
    """Median, and the range that holds all: "0.12 (-0.3 to 0.4)"."""
    known = [value for value in values if not np.isnan(value)]
    if not known:
        return "–"
    return f"{np.median(known):.2f} ({min(known):.2f} to {max(known):.2f})"


def ends_table(found):
    """What taking all pixels of a scope away does to the score: where it does nothing, no order can be told from another."""
    rows = []
    for fill, classes in found.items():
        for name, some in classes.items():
            row = [name, fill]
            for scope in SCOPES:
                ends = np.array([one.curve("edge map", scope, "deletion").mean()[[0, -1]] for one in some])
                row.append(f"{np.median(ends[:, 0]):.2f} → {np.median(ends[:, 1]):.2f}")
            rows.append(row)
    return markdown_table(["class", "pixels replaced with", *SCOPES.values()], rows)


def agreement_table(found):
    """Whether images, and fills, agree on which method is better: mean rank correlation of the methods' areas."""

    def areas(one, scope, test):
        return np.array([one.curve(m, scope, test).auc() for m in METHODS if m in one.maps])

    rows = []
    for scope, test in itertools.product(SCOPES, ("deletion", "insertion")):
        images, fills = [], []
        for name, some in found[FILLS[0]].items():
            images += [
                spearman(areas(a, scope, test), areas(b, scope, test)) for a, b in itertools.combinations(some, 2)
            ]
            others = found[FILLS[1]][name]
            fills += [spearman(areas(a, scope, test), areas(b, scope, test)) for a, b in zip(some, others, strict=True)]
        rows.append([SCOPES[scope], test, mean(images), mean(fills)])
    return markdown_table(["scope", "test", "between two images", "between two fills"], rows)


def mean(values):
    """The mean of those that are numbers."""
    known = [value for value in values if not np.isnan(value)]
    return f"{np.mean(known):.2f}" if known else "–"


def put(text, name, content):
    """The page's text with what stands between two marks replaced."""
    begin, end = f"<!-- {name}: written by benchmarks/faithfulness.py -->", "<!-- until here -->"
    head, found, rest = text.partition(begin)
    if not found:
        sys.exit(f"{PAGE.name} has no place for {name!r}.")
    return f"{head}{begin}\n\n{content}\n{end}{rest.partition(end)[2]}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--images", type=int, default=3, help="of the demo's 8 mosaics (default 3; 0: the example alone)"
    )
    parser.add_argument("--write", action="store_true", help=f"also put the tables into {PAGE.name}")
    arguments = parser.parse_args()
    parts = {"example": re.sub(r"^### (.+)$", r"**\1**", example().to_markdown(), flags=re.MULTILINE)}
    if arguments.images:
        found = study(arguments.images, lambda text: print(text, file=sys.stderr, flush=True))
        parts["wins"] = wins_table(found[FILLS[0]])
        parts["other tests"] = other_tests(found[FILLS[0]])
        parts["ends"] = ends_table(found)
        parts["agreement"] = agreement_table(found)
    for name, text in parts.items():
        print(f"{name}\n\n{text}")
    if arguments.write:
        text = PAGE.read_text(encoding="utf-8")
        for name, content in parts.items():
            text = put(text, name, content)
        PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
