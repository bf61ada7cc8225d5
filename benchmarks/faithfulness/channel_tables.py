"""The page's tables on channels, and on which method is the best of all, from the numbers of results.json alone."""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.stats import rankdata

from benchmarks.faithfulness import luck
from benchmarks.faithfulness.study import CHANNEL_LAYERS, FILLS, METHODS, ORDERS, TO
from benchmarks.faithfulness.tables import CLEAR, SCOPES, TESTS, Results, markdown_table, records, several

GROUPS = (CLEAR, ("brick",))


def channel_ends(results: Results) -> str:
    """What all channels together do to the score and to the region, set to zero and to their mean."""
    rows = []
    for layer, name in itertools.product(CHANNEL_LAYERS, ("brick", *CLEAR)):
        row = [layer, records(results, "channels", name=name, layer=layer)[0]["channels"], name]
        for to in TO:
            some = records(results, "channels", name=name, layer=layer, to=to)
            start, stop = np.median([one["ends"] for one in some], 0)
            kept = [one["kept"][1] for one in some]
            row.append(f"{start:.2f} → {stop:.2f}; {np.median(kept):.0%} ({min(kept):.0%} to {max(kept):.0%})")
        rows.append(row)
    return markdown_table(["layer", "channels", "class", *(f"all set to {_set_to(to)}" for to in TO)], rows)


def _set_to(to: str) -> str:
    return "zero" if to == "zero" else f"their {to}"


def channel_wins(results: Results) -> str:
    """In how many comparisons a method's order of channels is better than every random one."""
    chance, columns = 1 / (ORDERS + 1), list(itertools.product(CHANNEL_LAYERS[1:], TO, TESTS))
    parts = []
    for classes in GROUPS:
        rows = [
            [method, *(_wins(results, classes, method, column, chance) for column in columns)] for method in METHODS
        ]
        header = [several(classes), *(f"{layer}, {_set_to(to)}: {test}" for layer, to, test in columns)]
        parts.append(markdown_table(header, rows))
    least = luck.enough(16, chance)
    words = (
        f"By luck, an order is better than each of {ORDERS} random ones 1 time in {ORDERS + 1}: {16 * chance:.1f} of 16 "
        f"({least} or more: {luck.at_least(least, 16, chance):.1%}); of *brick's* 8 comparisons in {8 * chance:.1f} "
        f"({luck.enough(8, chance)} or more: {luck.at_least(luck.enough(8, chance), 8, chance):.1%})."
    )
    return f"{words}\n\n" + "\n".join(parts)


def _wins(results: Results, classes: tuple[str, ...], method: str, column: tuple[str, str, str], chance: float) -> str:
    """Comparisons in which the method's order is as lucky as `chance` or less; `column` is (layer, to, test)."""
    layer, to, test = column
    found = [one["luck"][test][method] for one in records(results, "channels", name=classes, layer=layer, to=to)]
    return luck.cell(sum(value <= chance + 1e-9 for value in found), len(found), chance)


def two_channels(results: Results) -> str:
    """tail_conv2, where there are two orders: how often the method's is the better one. Deletion and insertion agree there."""
    layer, columns = CHANNEL_LAYERS[0], list(itertools.product(GROUPS, TO))
    rows = [
        [method, *(_wins(results, classes, method, (layer, to, "deletion"), 0.5) for classes, to in columns)]
        for method in METHODS
    ]
    counts = [len(records(results, "channels", name=classes, layer=layer, to=to)) for classes, to in columns]
    header = [
        layer,
        *(f"{several(c)}, {_set_to(to)} (of {n})" for (c, to), n in zip(columns, counts, strict=True)),
    ]
    return markdown_table(header, rows)


def places_table(results: Results) -> str:
    """Each method's mean place among the methods, 1 the best; grass and gravel."""
    columns = dict(_places(results))
    rows = [
        [method, *(f"{places[:, i].mean():.1f}" for places in columns.values())] for i, method in enumerate(METHODS)
    ]
    count, methods = len(next(iter(columns.values()))), len(METHODS)
    wide = 2 * np.sqrt((methods**2 - 1) / 12 / count)
    middle = (methods + 1) / 2
    words = (
        f"Mean place among the {methods} methods, 1 the best, over {count} comparisons of {several(CLEAR)}. Where none is better "
        f"than another, about 95 % of these means lie between {middle - wide:.1f} and {middle + wide:.1f}."
    )
    return f"{words}\n\n{markdown_table(['method', *columns], rows)}"


def _places(results: Results) -> Iterator[tuple[str, Any]]:
    """A column's title, and the places, (comparisons, methods)."""
    pixels = records(results, "pixels", name=CLEAR, fill=FILLS[0])
    sources = [
        (f"{SCOPES[scope]}: {test}", [one["areas"][scope][test] for one in pixels], test)
        for scope, test in itertools.product(("region", "everywhere"), TESTS)
    ]
    for layer, test in itertools.product(CHANNEL_LAYERS[1:], TESTS):
        some = records(results, "channels", name=CLEAR, layer=layer, to="zero")
        sources.append((f"channels of {layer}: {test}", [one["areas"][test] for one in some], test))
    for title, areas, test in sources:
        sign = 1 if test == "deletion" else -1
        yield title, np.array([rankdata([sign * area[method][0] for method in METHODS]) for area in areas])
