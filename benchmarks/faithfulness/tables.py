"""The page's tables, from the numbers of results.json alone."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.faithfulness import luck
from benchmarks.faithfulness.study import CONTEXT_LAYERS, CONTEXT_METHODS, CONTEXT_STEPS, DRAWS, FILLS, METHODS, Record
from segcam_widgets.evaluation.similarity import spearman

SCOPES = {"region": "the region", "context": "its context", "everywhere": "everywhere"}
TESTS = ("deletion", "insertion")
REFERENCES = {"random map": 1 / (DRAWS + 1), "edge map": 0.5, "region mask": 0.5}
"""And the chance of a map that knows nothing to be better."""
CLEAR = ("grass", "gravel")
"""Classes that fall when their pixels are taken away; brick does not, and is counted apart."""
Results = dict[str, dict[str, Record]]


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "".join("| " + " | ".join(map(str, line)) + " |\n" for line in lines)


def records(results: Results, part: str, **wanted: Any) -> list[Record]:
    """The records of a part whose key has these fields, in order: mosaic/class/fill, mosaic/class/layer/to, way/seed."""
    fields = {
        "pixels": ("mosaic", "name", "fill"),
        "others": ("mosaic", "name"),
        "channels": ("mosaic", "name", "layer", "to"),
        "context": ("way", "seed"),
    }[part]
    found = []
    for key, record in sorted(results[part].items()):
        named = dict(zip(fields, key.split("/"), strict=True))
        if all(named[field] in ((value,) if isinstance(value, str) else value) for field, value in wanted.items()):
            found.append(record)
    return found


def spread(values: Sequence[float | None]) -> str:
    """Median, and the range that holds all: "0.12 (-0.30 to 0.40)"."""
    known = [value for value in values if value is not None]
    return f"{np.median(known):.2f} ({min(known):.2f} to {max(known):.2f})" if known else "–"


def several(counts: Sequence[str]) -> str:
    return ", ".join(counts[:-1]) + f" and {counts[-1]}" if len(counts) > 1 else counts[0]


# ------------------------------------------------------------------ pixels


def wins_table(results: Results, classes: Sequence[str]) -> str:
    """In how many comparisons a method beats each reference, by the score; beside luck."""
    some = records(results, "pixels", name=classes, fill=FILLS[0])
    rows = []
    for method, test in itertools.product(METHODS, TESTS):
        row = [method, test]
        for scope, (reference, chance) in itertools.product(SCOPES, REFERENCES.items()):
            areas = [one["areas"][scope][test] for one in some]
            won = luck.wins([area[method][0] for area in areas], [area[reference] for area in areas], test)
            row.append(luck.cell(won, len(some), chance))
        rows.append(row)
    header = ["method", "test", *(f"{where}: {r}" for where in SCOPES.values() for r in REFERENCES)]
    return f"{_luck_words(len(some), several(classes))}\n\n{markdown_table(header, rows)}"


def _luck_words(count: int, classes: str) -> str:
    chance = REFERENCES["random map"]
    random, coin = (luck.enough(count, p) for p in (chance, 0.5))
    far = f"{coin} or more: {luck.at_least(coin, count, 0.5):.1%}" if coin <= count else "no count is beyond luck"
    return (
        f"*{classes[0].upper()}{classes[1:]}*, {count} comparisons. By luck, a map that knows nothing is better than each of "
        f"{DRAWS} random maps 1 time in {DRAWS + 1}: {count * chance:.1f} of {count} ({random} or more: "
        f"{luck.at_least(random, count, chance):.1%}), and better than another map that knows nothing in {count / 2:g} ({far})."
    )


def ends_table(results: Results) -> str:
    """What taking all pixels of a scope away does to the score: where it does nothing, no order can be told from another."""
    rows = []
    for fill, name in itertools.product(FILLS, ("brick", *CLEAR)):
        ends = [one["ends"] for one in records(results, "pixels", name=name, fill=fill)]
        medians = [np.median([end[scope] for end in ends], 0) for scope in SCOPES]
        rows.append([name, fill, *(f"{start:.2f} → {stop:.2f}" for start, stop in medians)])
    return markdown_table(["class", "pixels replaced with", *SCOPES.values()], rows)


def agreement_table(results: Results) -> str:
    """Whether images, and fills, agree on which method is better: mean rank correlation of the methods' areas."""

    def areas(one: Record, scope: str, test: str) -> Any:
        return np.array([one["areas"][scope][test][method][0] for method in METHODS])

    rows = []
    for scope, test in itertools.product(SCOPES, TESTS):
        images, fills = [], []
        for name in CLEAR:
            first, second = (
                [areas(x, scope, test) for x in records(results, "pixels", name=name, fill=f)] for f in FILLS
            )
            images += [spearman(a, b) for a, b in itertools.combinations(first, 2)]
            fills += [spearman(a, b) for a, b in zip(first, second, strict=True)]
        rows.append([SCOPES[scope], test, f"{np.nanmean(images):.2f}", f"{np.nanmean(fills):.2f}"])
    return markdown_table(["scope", "test", "between two images", "between two fills"], rows)


def leakage_table(results: Results) -> str:
    """The share of each map's positive mass outside the region."""
    some = records(results, "pixels", fill=FILLS[0])
    names = [*METHODS, "random map", "edge map"]
    rows = [[name, spread([one["leakage"][name] for one in some])] for name in names]
    rows.append(["an even map", spread([1 - one["region share"] for one in some])])
    blank = {name: sum(one["leakage"][name] is None for one in some) for name in names}
    for row in rows:
        row.append(blank.get(row[0]) or "")
    return markdown_table(["map", "leakage", "maps without positive mass"], rows)


# ------------------------------------------------------------------ other classes, random weights


def other_tests(results: Results) -> str:
    """Other classes and random weights, median and range over the comparisons: inside the region, and in the whole image."""
    some, pixels = records(results, "others"), records(results, "pixels", fill=FILLS[0])
    rows = []
    for method in METHODS:
        tests = [
            [one[test].get(method, [None, None])[i] for one in some] for test in ("classes", "weights") for i in (0, 1)
        ]
        likeness = [[one["likeness"].get(method, [None, None])[i] for one in pixels] for i in (0, 1)]
        rows.append([method, *map(spread, tests), *map(spread, likeness)])
    pairs = some[0]["pairs"]
    for kind, words in (
        ("typical", "two random maps, the typical pair"),
        ("largest", f"two random maps, largest of {pairs} pairs"),
    ):
        level = [spread([one["chance"][kind][i] for one in some]) for i in (0, 1)]
        rows.append([words, *level, *level, "", ""])
    header = [
        "method", "other classes, inside", "whole image", "random weights, inside", "whole image", "like the edge map",
        "like the region mask",
    ]  # fmt: skip
    return markdown_table(header, rows)


# ------------------------------------------------------------------ a cause outside the region


def context_table(results: Results) -> str:
    """Where the cause is by experiment, and how much of each map lies in it; mean and range over the networks."""
    parts = []
    for way in ("pooling", "dilation"):
        some = [one for one in records(results, "context", way=way) if one["learned"]]
        rows = []
        for layer in CONTEXT_LAYERS:
            moved = [[one["moved"][layer][where] for one in some] for where in ("key", "square")]
            shares = [[one["shares"][layer][method] for one in some] for method in CONTEXT_METHODS]
            rows.append([layer, *(_range(x, "%") for x in moved), *(_range(x) for x in shares)])
        header = [
            f"by {way}",
            "class changes: key's cells",
            "square's cells",
            *(f"map in the key: {m}" for m in CONTEXT_METHODS),
        ]
        beside = [
            f"the {name} {_range([one['references'][name] for one in some])}"
            for name in ("random map", "edge map", "region mask")
        ]
        occluded = _range([one["references"]["occlusion"] for one in some])
        parts.append(
            f"{markdown_table(header, rows)}\nThe key is {1 / 16:.2f} of the image. Of their positive mass in it have "
            f"{several(beside)}; the fall of S when squares of the image are made ground, one after the other, has {occluded}.\n"
        )
    failed = [key for key, one in sorted(results["context"].items()) if not one["learned"]]
    if failed:
        parts.append(f"Left out, because they did not learn the rule in {CONTEXT_STEPS} steps: {', '.join(failed)}.\n")
    return "\n".join(parts)


def _range(values: Sequence[float], unit: str = "") -> str:
    shown = (lambda v: f"{100 * v:.0f}") if unit else (lambda v: f"{v:.2f}")
    low, high = shown(min(values)), shown(max(values))
    text = f"{shown(float(np.mean(values)))} ({low} to {high})" if low != high else low
    return f"{text} {unit}".rstrip()
