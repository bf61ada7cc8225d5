"""`explain`: answer one query about one probe."""

import numpy as np

from segcam_widgets.core.answers import Progress
from segcam_widgets.core.baselines import BASELINES
from segcam_widgets.core.explanation.explanation import Explanation
from segcam_widgets.core.grid import coverage
from segcam_widgets.core.methods import METHODS, MapInput, weighted_map
from segcam_widgets.core.probe import Probe
from segcam_widgets.core.query import CamQuery
from segcam_widgets.core.resolve import must_be_probe, region_mask, resolve, score_input
from segcam_widgets.core.rounding import cancelled
from segcam_widgets.core.scores import SCORES
from segcam_widgets.core.support.checks import must_be_finite
from segcam_widgets.core.support.progress import report as report
from segcam_widgets.errors import Cancelled, SegCamError


def explain(probe: Probe, query: CamQuery, progress: Progress | None = None) -> Explanation:
    """Answer a query.

    Parameters
    ----------
    probe : Probe
        From :func:`segcam_widgets.open_probe`.
    query : CamQuery
    progress : callable, optional
        ``progress(fraction, text) -> bool``; False cancels.

    Returns
    -------
    Explanation
        With a signed map at the layer's resolution. Where the gradients of the compared classes cancel to rounding, gradients,
        weights and map are exactly zero, and a note says so.

    Raises
    ------
    EmptyRegionError
        The region has no pixel here.
    UnknownLayerError, DisconnectedLayerError
        The layer.
    NonFiniteError
        NaN or infinity in logits, activations or gradients.
    Cancelled
        `progress` answered False.
    SegCamError
        Anything else wrong with the query.

    References
    ----------
    Vinogradova, Dibrov & Myers, "Towards Interpretable Semantic Segmentation via Gradient-weighted Class Activation
    Mapping", arXiv 2002.11434.
    """
    must_be_probe(probe)
    for _ in range(2):
        try:
            answer, current = _answer(probe, query, progress)
        except Cancelled:
            raise
        except SegCamError:
            if not probe.refresh():
                raise
            continue  # with other weights it may be no mistake
        # weights are checked while the tail runs; check again only if that was impossible. Checking first would be slower
        if current or not probe.refresh():
            return answer
    return _answer(probe, query, progress)[0]  # the weights keep changing: the model is being trained


def _answer(probe: Probe, query: CamQuery, progress: Progress | None) -> tuple[Explanation, bool]:
    """An answer from what the probe has computed, and whether the weights are known to be those it was computed with."""
    resolved = resolve(query, probe)
    must_be_finite("logits", probe.logits, resolved.layer)  # before the region, which NaN may have made empty
    mask = region_mask(probe, resolved)
    score, method = SCORES[str(resolved.score)], METHODS[resolved.method]
    given = score_input(probe, resolved, mask)
    activations = probe.activations(resolved.layer)
    report(progress, 0.1, f"{resolved.method} at {resolved.layer}")
    cotangent = score.cotangent(given).divided(int(mask.sum()))
    pulled = probe.pullback(resolved.layer, cotangent)
    gradients = pulled.gradients
    must_be_finite("activations", activations, resolved.layer)
    must_be_finite("gradients", gradients, resolved.layer)
    size = (activations.shape[0], activations.shape[1])
    baseline = BASELINES[resolved.baseline].compute(activations, coverage(mask, size))
    with np.errstate(over="ignore", invalid="ignore"):  # said in words below
        about = MapInput(activations, gradients, baseline, resolved.options, probe, resolved, given, progress)
        result = method.compute(about)
        cam = weighted_map(result.weights, activations, baseline) if result.cam is None else result.cam
    must_be_finite("map's values", cam, resolved.layer)
    weights, notes = result.weights, result.notes
    if method.reads_gradient and (found := cancelled(probe, resolved, cotangent, (gradients, cam))):
        gradients, weights, cam = (np.zeros_like(values) for values in (gradients, weights, cam))
        notes = (*notes, found.note)
    report(progress, 1.0, "done")
    answer = Explanation(
        query=resolved,
        score=score.value(given),
        mask=mask,
        activations=activations,
        gradients=gradients,
        weights=weights,
        baseline=baseline,
        cam=cam,
        class_names=probe.class_names,
        layer=probe.layer(resolved.layer),
        notes=notes,
        evidence=result.evidence,
    )
    return answer, pulled.current and not method.slow  # a slow method ran on after the weights were checked
