"""Remedies are run before they are offered, and offered only if they help."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from segcam_widgets.core.baselines import BASELINES
from segcam_widgets.core.explanation import BLANK_TOLERANCE, Explanation
from segcam_widgets.core.methods import METHODS
from segcam_widgets.core.probe import Float
from segcam_widgets.core.query import CamQuery
from segcam_widgets.core.wording import FAINT
from segcam_widgets.diagnosis.case import Case, is_blank
from segcam_widgets.diagnosis.findings import RemedyResult
from segcam_widgets.errors import Cancelled, SegCamError

ENOUGH_GAIN = 0.5
"""What a map with another baseline must reach: it is never blank by construction, so that alone says nothing."""
LAYERS_TRIED = 3
"""Other layers that are asked in earnest, of those whose map in the sweep is not blank."""
HEALTHY_GAIN = 0.3
"""Of other layers' maps that are not blank, one that shows the region is preferred to one that is nearer."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """A query that helps, and what came of asking it."""

    query: CamQuery
    result: RemedyResult


def helps(explanation: Explanation, case: Case) -> bool:
    """Whether a map is worth offering: not blank, and with a new baseline in the right place as well."""
    if is_blank(explanation):
        return False
    new_baseline = explanation.query.baseline not in ("zero", case.query.baseline)
    return not new_baseline or explanation.gain >= ENOUGH_GAIN


def try_queries(case: Case, queries: Iterable[CamQuery]) -> Remedy | None:
    """The first of some queries that helps, each asked in turn while the diagnosis can afford it."""
    return next(_helpful(case, queries), None)


def try_layers(case: Case, queries: Iterable[CamQuery]) -> Remedy | None:
    """The first of some layers whose map shows the region, else the first whose map is not blank. Thorough only."""
    found = list(_helpful(case, queries)) if case.thorough else []
    return next((remedy for remedy in found if remedy.result.gain >= HEALTHY_GAIN), found[0] if found else None)


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
        if helps(explanation, case):
            yield Remedy(explanation.query, RemedyResult.of(explanation))


def other_method(case: Case, method: str) -> Iterable[CamQuery]:
    """The same question to another method, which needs no further pullback."""
    if case.query.method != method:
        yield replace(case.query, method=method, options={})


def other_scores(case: Case, *scores: str) -> Iterable[CamQuery]:
    """The same question about other scores."""
    yield from (replace(case.query, score=score) for score in scores if score != case.query.score)


def other_baselines(case: Case) -> Iterable[CamQuery]:
    """The same question against the channels' means, then against the midpoint; no further pullback."""
    allowed = METHODS[case.query.method].baselines
    yield from (
        replace(case.query, baseline=name)
        for name in ("mean", "midpoint")
        if name in BASELINES and name in allowed and name != case.query.baseline
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
    seen = [name for name in near if not blank_values(swept[name].grad_cam)]
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


def blank_values(cam: Float) -> bool:
    """Whether a signed map with baseline zero is blank; :func:`~segcam_widgets.diagnosis.case.is_blank` of an array."""
    positive, magnitude = float(np.maximum(cam, 0).sum(dtype=np.float64)), float(np.abs(cam).sum(dtype=np.float64))
    return bool(cam.max() <= BLANK_TOLERANCE * np.abs(cam).max()) or positive < FAINT * magnitude
