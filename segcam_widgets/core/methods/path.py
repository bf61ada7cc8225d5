"""The method that integrates along a path from the baseline to the activations: `integrated-gradients`."""

import numpy as np

from segcam_widgets.core.answers import Cotangent
from segcam_widgets.core.methods.batches import in_batches
from segcam_widgets.core.methods.method import Float, MapInput, MapResult, Method, Option
from segcam_widgets.core.text.numbers import number, percent

COMPLETE = 0.05
"""More than this share of the score's difference missing, and more steps are advised."""


def integrated_gradients(given: MapInput) -> MapResult:
    """Integrated gradients (Sundararajan, Taly & Yan, arXiv 1703.01365, equation 1): the gradient's mean along a path.

    Weights are the mean of G at B + t (A - B) for t in [0, 1], by the midpoint rule. At the input this is the paper's method,
    with the baseline for its baseline; at another layer the path is one of activations, and what goes round the layer
    stays as it is. Completeness: the map sums to S(A) - S(B) but for the integral's error, which is reported.
    """
    activations, baseline, layer = given.activations, given.baseline, given.query.layer
    steps = given.options["steps"]
    step = activations - baseline
    total = np.zeros(activations.shape)
    fixed = given.cotangent()
    for indices in in_batches(given, layer, steps, "step", backward=True):
        at = baseline + ((indices + 0.5) / steps).astype(np.float32)[:, None, None, None] * step
        field = fixed if fixed.contrast is not None else _fields(given, at)
        real = 1 + int(indices[-1] - indices[0])  # the last batch may be filled up
        total += given.probe.pullback(layer, field, at).gradients[:real].sum(0, dtype=np.float64)
    weights = (total / steps).astype(np.float32)
    return MapResult(weights, *_completeness(given, weights, step))


def _fields(given: MapInput, at: Float) -> Float:
    """dS/dy at each point of the path, (B, H, W, C): of a score that bends."""
    logits = given.probe.replay(given.query.layer, at)
    cotangents: list[Cotangent] = [given.cotangent(one) for one in logits]
    return np.stack([cotangent.to_array() for cotangent in cotangents])


def _completeness(given: MapInput, weights: Float, step: Float) -> tuple[tuple[str, ...], None, dict[str, float]]:
    """Notes and evidence on what the map sums to and what it should."""
    ends = given.activations, np.broadcast_to(given.baseline, step.shape)
    here, there = (float(given.scores(given.probe.replay(given.query.layer, end))) for end in ends)
    difference = here - there
    found = float(np.einsum("hwk,hwk->", weights, step, dtype=np.float64))
    error = abs(found - difference)
    share = error / abs(difference) if difference else float(error > 0)
    note = (
        f"The map sums to {number(found)}; from the baseline to here the score changes by {number(difference)} "
        f"(completeness error {percent(share)} with {given.options['steps']} steps)."
    )
    notes = (note, "More steps would bring them closer.") if share > COMPLETE else (note,)
    return notes, None, {"sum": found, "difference": difference, "completeness_error": error}


ENTRIES = (
    Method("integrated-gradients", "Integrated gradients", "mean over t in [0, 1] of G at B + t (A - B)",
           "Sundararajan et al. 2017, arXiv 1703.01365", "slow: a pullback for each step", integrated_gradients,
           {"steps": Option("steps", 32, "points of the path at which the gradient is taken", minimum=1, maximum=1024)},
           slow=True),
)  # fmt: skip
