"""A query met by a probe: checked, and with its defaults filled in."""

from dataclasses import replace

from segcam_widgets.core.baselines import BASELINES
from segcam_widgets.core.classes import class_index
from segcam_widgets.core.methods import METHODS
from segcam_widgets.core.probe import Probe
from segcam_widgets.core.query import STRONGEST, CamQuery
from segcam_widgets.core.regions.base import BoolMask, must_be_region
from segcam_widgets.core.regions.labelled import PredictedClass
from segcam_widgets.core.scores import SCORES, ScoreInput
from segcam_widgets.core.support.progress import report as report
from segcam_widgets.errors import EmptyRegionError, SegCamError, shown


def must_be_probe(value: object) -> None:
    """Raise SegCamError where the value is no probe: a model, an image, a path."""
    if not all(callable(getattr(type(value), name, None)) for name in ("activations", "pullback", "replay")):
        raise SegCamError(f"`probe` must be what sc.open_probe(model, x) returns. Received: {shown(value)}.")


def score_input(probe: Probe, query: CamQuery, mask: BoolMask) -> ScoreInput:
    """What the score of a resolved query looks at."""
    rival = None if query.rival == STRONGEST else query.rival
    assert isinstance(query.class_index, int)  # resolved
    assert not isinstance(rival, str)
    return ScoreInput(probe.logits, mask, query.class_index, rival, probe.multilabel)


def region_mask(probe: Probe, query: CamQuery) -> BoolMask:
    """The pixels of a resolved query's region, (H, W) bool. Raises EmptyRegionError where there is none."""
    assert query.region is not None
    mask = query.region.rasterize(probe)
    if not mask.any():
        height, width = mask.shape
        raise EmptyRegionError(
            f"`region` must cover at least one pixel of the {height} x {width} output. "
            f"Received: {query.region.describe(probe.class_names)}, which covers none."
        )
    return mask


def resolve(query: CamQuery, probe: Probe) -> CamQuery:
    """Check a query against a probe and fill in its defaults.

    Returns
    -------
    CamQuery
        No None left; class as index, layer under its full name, options complete.

    Raises
    ------
    UnknownLayerError, DisconnectedLayerError
        The layer.
    SegCamError
        Class, score, method (also where it does not apply to the layer), baseline, rival, option or region.
    """
    if not isinstance(query, CamQuery):
        raise SegCamError(f"`query` must be a CamQuery. Received: {shown(query)}.")
    names = probe.class_names
    index = class_index(query.class_index, names)
    score = SCORES.find(probe.default_score if query.score is None else query.score)
    score.check(len(names), probe.multilabel)
    method = METHODS.find(query.method)
    baseline = BASELINES.find(query.baseline)
    options = method.check(query.options, baseline.name)
    layer = probe.layer(query.layer)
    method.must_apply(layer, probe.layers)
    if query.region is not None:
        must_be_region(query.region)
    return replace(
        query,
        layer=layer.name,
        class_index=index,
        region=PredictedClass(index) if query.region is None else query.region,
        score=score.name,
        rival=_resolve_rival(query, score.name, index, names),
        options=options,
    )


def _resolve_rival(query: CamQuery, score: str, index: int, names: tuple[str, ...]) -> int | str:
    if query.rival is None or (isinstance(query.rival, str) and query.rival == STRONGEST):
        return STRONGEST
    if score != "margin":
        raise SegCamError(
            f"`rival` is used by the score 'margin' only. Received: rival={shown(query.rival)} with score {score!r}."
        )
    rival = class_index(query.rival, names, "rival")
    if rival == index:
        raise SegCamError(f"`rival` must be another class than `class_index`. Received: {names[index]!r} for both.")
    return rival
