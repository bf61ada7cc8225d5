"""Try remedies out before they are offered; offer only those that help, beside what chance would reach."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from segcam_widgets.core.explanation.blank import is_empty
from segcam_widgets.core.explanation.explanation import Explanation
from segcam_widgets.core.methods import METHODS
from segcam_widgets.core.query import CamQuery
from segcam_widgets.diagnosis.case import Case
from segcam_widgets.diagnosis.chance import footprint, share_by_chance
from segcam_widgets.diagnosis.findings import RemedyResult
from segcam_widgets.errors import Cancelled, SegCamError

FLOOR = 0.5
"""Gain that a pooled map must reach; of a pixelwise one, of what is left of it beyond the gradient's footprint."""
ALL_FOOTPRINT = 0.95
"""Footprints of this gain leave nothing for a pixelwise map to show."""
LAYERS_TRIED = 3
"""Other layers that are asked in earnest, of those whose map in the sweep is not blank."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """A query that helps, and what came of asking it."""

    query: CamQuery
    result: RemedyResult


def measured(explanation: Explanation) -> RemedyResult:
    """What came of a remedy, beside its control: the footprint of pixelwise weights, chance for pooled ones."""
    if explanation.weights.ndim == 3:
        base = footprint(explanation)
        excess = (explanation.gain - base) / (1 - base) if base < 1 else float("nan")
        return RemedyResult.of(explanation, footprint=base, excess=excess)
    return RemedyResult.of(explanation, chance=share_by_chance(explanation, FLOOR))


def helps(explanation: Explanation, result: RemedyResult, asked: CamQuery) -> bool:
    """Whether a map is worth offering: not blank, and above the floor.

    Where the region is everything there is no gain to judge by. Then only a change of the question itself is offered (another
    score, region, class or layer): what a baseline or a method draws into such a map shows nothing.
    """
    if explanation.is_empty or explanation.cam.size == 1:
        return False
    query = explanation.query
    if np.isnan(result.gain):
        return query.method == asked.method and query.baseline == asked.baseline
    if explanation.weights.ndim == 3:
        return result.footprint < ALL_FOOTPRINT and result.excess >= FLOOR
    return result.gain >= FLOOR


def try_queries(case: Case, queries: Iterable[CamQuery]) -> Remedy | None:
    """The first of some queries that helps, each asked in turn while the diagnosis can afford it."""
    return next(_helpful(case, queries), None)


def try_layers(case: Case, queries: Iterable[CamQuery]) -> Remedy | None:
    """The first of some layers whose map shows the region. Thorough only."""
    return try_queries(case, queries) if case.thorough else None


def _helpful(case: Case, queries: Iterable[CamQuery]) -> Iterator[Remedy]:
    for query in queries:
        if not case.can_afford(query):
            return
        try:
            explanation = case.explain(query)
        except Cancelled:
            raise
        except SegCamError:  # an option that the other method does not have, a score that the head refuses
            continue
        result = measured(explanation)
        if helps(explanation, result, case.query):
            yield Remedy(explanation.query, result)


def _base(case: Case) -> CamQuery:
    """The question that a remedy starts from: as it was asked, unless its score was raw or curved; then about the margin."""
    compares = case.query.score in ("centered_logit", "log_odds", "margin")
    return case.query if compares else case.margin_query


def other_method(case: Case, method: str) -> Iterable[CamQuery]:
    """The same question to another method, which needs no further pullback."""
    if case.query.method != method:
        yield replace(_base(case), method=method, options={})


def margin(case: Case) -> Iterable[CamQuery]:
    """The same question about the margin (several sigmoids: the logit)."""
    if case.margin_query.score != case.query.score:
        yield case.margin_query


def other_baselines(case: Case) -> Iterable[CamQuery]:
    """The same map against every other reference than zero, in the order of the registry; no further pullback."""
    yield from (
        replace(_base(case), baseline=name)
        for name in METHODS[case.query.method].accepted_baselines
        if name not in ("zero", case.query.baseline)
    )


def other_layers(case: Case, *, after: bool = False) -> Iterable[CamQuery]:
    """The same question at the layers nearest to the asked one, at later ones alone where `after`; from one sweep."""
    if not case.thorough or case.lacks("region"):
        return
    names = [info.name for info in case.probe.layers]
    at = names.index(case.query.layer) if case.query.layer in names else len(names) - 1
    near = sorted((name for name in names if name != case.query.layer), key=lambda n: abs(names.index(n) - at))
    if after:
        near = [name for name in near if names.index(name) > at]
    swept = case.probe.sweep(case.cotangent(case.query), near)
    seen = [name for name in near if swept[name].grad_cam.size > 1 and not is_empty(swept[name].grad_cam)]
    yield from (replace(case.query, layer=name, baseline="zero") for name in seen[:LAYERS_TRIED])


def rectified_layer(case: Case) -> Iterable[CamQuery]:
    """The same question at the ReLU that follows the layer, where one of the same shape does. Thorough only."""
    layers = case.probe.layers
    names = [info.name for info in layers]
    if not case.thorough or case.query.layer not in names[:-1]:
        return
    own, following = (layers[names.index(case.query.layer) + step] for step in (0, 1))
    if following.shape == own.shape and following.activation in ("relu", "relu6"):
        yield replace(case.query, layer=following.name)
