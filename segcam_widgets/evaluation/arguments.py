"""Check the arguments of `faithfulness`: methods, other classes, maps of the caller's own."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.core.baselines import BASELINES
from segcam_widgets.core.classes import class_index
from segcam_widgets.core.explanation.explanation import Explanation
from segcam_widgets.core.methods import METHODS
from segcam_widgets.core.probe import Probe
from segcam_widgets.core.query import CamQuery
from segcam_widgets.core.support.checks import whole_number
from segcam_widgets.errors import SegCamError, must_be_one_of, shown
from segcam_widgets.evaluation.curves.references import REFERENCES

MOST_CLASSES = 8
"""The random-class test compares with so many other classes at most, drawn with the seed, where none are named."""


@dataclass(frozen=True, eq=False)
class TestMap:
    """A signed map under test, on whatever grid it was made."""

    name: str
    title: str
    values: NDArray[np.floating] = field(repr=False)
    explanation: Explanation | None = field(default=None, repr=False)


def chosen(argument: str, given: Any, allowed: tuple[str, ...]) -> tuple[str, ...]:
    """The given names, each once, in the order of `allowed`."""
    names = [given] if isinstance(given, str) else given
    if not isinstance(names, Iterable) or not (names := list(names)):
        raise SegCamError(f"`{argument}` must be one or more of {', '.join(allowed)}. Received: {shown(given)}.")
    for name in names:
        if name not in allowed:
            raise SegCamError(must_be_one_of(argument, allowed, name))
    return tuple(name for name in allowed if name in names)


def must_be_numbers(*, optional: bool = False, **given: tuple[Any, int]) -> None:
    """Raise SegCamError where an argument is no whole number of its least value or more; `optional` ones may be None."""
    for argument, (value, least) in given.items():
        if not (optional and value is None):
            what = "None or a whole number" if optional else "a whole number"
            whole_number(value, argument, f"{what} of pixels" if argument == "cell" else what, least=least)


def must_be_set_to(to: Any, baseline: str) -> str:
    """What channels are set to, as the name of a baseline; "baseline" is the query's."""
    if not isinstance(to, str) or (to != "baseline" and to not in BASELINES):
        raise SegCamError(must_be_one_of("to", [*BASELINES, "baseline"], to))
    return baseline if to == "baseline" else to


def questions(methods: Any, asked: CamQuery, probe: Probe) -> dict[str, CamQuery]:
    """What to explain, by the name it has in the tables."""
    given = [asked.method] if methods is None else [methods] if isinstance(methods, str | CamQuery) else methods
    if not isinstance(given, Iterable):
        raise SegCamError(f"`methods` must be names of methods, or queries. Received: {shown(methods)}.")
    found: dict[str, CamQuery] = {}
    for item in given:
        if isinstance(item, CamQuery):
            question = replace(item, layer=probe.layer(item.layer).name)
            found[_label(question, asked, probe)] = question
        elif isinstance(item, str) and item in METHODS:
            found[item] = asked if item == asked.method else replace(asked, method=item, options={})
        else:
            raise SegCamError(must_be_one_of("methods", METHODS, item))
    return found


def _label(question: CamQuery, asked: CamQuery, probe: Probe) -> str:
    """A question's name: its method, and in what it differs from the one that was asked."""
    parts = [str(question.method)]
    if question.layer != asked.layer:
        parts.append(f"at {question.layer}")
    if question.baseline != asked.baseline:
        parts.append(f"baseline {question.baseline}")
    if class_index(question.class_index, probe.class_names) != asked.class_index:
        parts.append(f"of {probe.class_names[class_index(question.class_index, probe.class_names)]}")
    if question.score is not None and question.score != asked.score:
        parts.append(str(question.score))
    if question.region is not None and question.region != asked.region:
        parts.append(question.region.describe(probe.class_names))
    options = asked.options if question.method == asked.method else {}
    parts += [f"{key} {value}" for key, value in question.options.items() if options.get(key) != value]
    return ", ".join(parts)


def other_classes(classes: Any, asked: CamQuery, probe: Probe, seed: int) -> list[int]:
    """The indices of the other classes."""
    if classes is None:
        every = [i for i in range(len(probe.class_names)) if i != asked.class_index]
        if len(every) <= MOST_CLASSES:
            return every
        return sorted(np.random.default_rng(seed).choice(every, MOST_CLASSES, replace=False).tolist())
    if isinstance(classes, str | int) or not isinstance(classes, Iterable):
        raise SegCamError(f"`classes` must be a sequence of classes. Received: {shown(classes)}.")
    chosen = [class_index(item, probe.class_names, "classes") for item in classes]
    if asked.class_index in chosen:
        name = probe.class_names[int(asked.class_index)]
        raise SegCamError(
            f"`classes` must be other classes than the query's. Received: {name!r}, which is the query's."
        )
    return list(dict.fromkeys(chosen))


def own_maps(maps: Any, taken: list[str]) -> list[TestMap]:
    """The user's own maps, checked."""
    if maps is None:
        return []
    if not isinstance(maps, Mapping) or not all(isinstance(name, str) for name in maps):
        raise SegCamError(f"`maps` must be a mapping of names to maps, (h, w) each. Received: {shown(maps)}.")
    found = []
    for name, given in maps.items():
        if name in taken or name in REFERENCES:
            raise SegCamError(f"`maps` must have names of their own. Received: {name!r}, which another map here has.")
        try:
            values = np.asarray(given, np.float64)
        except (TypeError, ValueError):
            values = np.zeros(0)
        if values.ndim != 2 or not values.size or not np.isfinite(values).all():
            got = f"shape {values.shape}" if values.size else shown(given)
            problem = f"{got}, with NaN or infinity" if values.ndim == 2 and values.size else got
            raise SegCamError(f"`maps[{name!r}]` must be a 2-D array of finite numbers. Received: {problem}.")
        found.append(TestMap(name, "a map of one's own", values))
    return found
