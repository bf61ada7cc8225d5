"""The method that uses second derivatives: `shapley-cam`."""

import numpy as np

from segcam_widgets.core.methods.method import MapInput, MapResult, Method, pooled


def shapley_cam(given: MapInput) -> MapResult:
    """ShapleyCAM (Cai, arXiv 2501.06261, equation 11): the gradient less half of what the curvature takes from it.

    alpha_k = mean_uv (G - 1/2 H (A - B))_k, H the second derivative of the score: the expansion of a channel's Shapley
    value to second order. H (A - B) is pullback(s''(y) pushforward(A - B)), the curvature of the *score*; that of the
    network after the layer is left out. Where that is piecewise linear (ReLU, max pooling, resizing) there is none. For
    a score that is linear in the logits the weights are those of Seg-Grad-CAM, and cost no more. The paper has no
    baseline; with zero this is its formula.
    """
    gradients = given.gradients
    if given.score.linear:
        return MapResult(pooled(gradients).astype(np.float32), ("The score has no curvature: this is Seg-Grad-CAM.",))
    layer, probe = given.query.layer, given.probe
    pushed = probe.pushforward(layer, given.activations - given.baseline)
    change = given.score.bend(given.scored, pushed).divided(int(given.scored.mask.sum()))
    bent = probe.pullback(layer, change).gradients
    return MapResult((pooled(gradients) - 0.5 * pooled(bent)).astype(np.float32))


ENTRIES = (
    Method("shapley-cam", "ShapleyCAM", "mean_uv (G - 1/2 H (A - B))_k, H of the score alone", "Cai 2025, arXiv 2501.06261",
           "one pullback; for probabilities two and a pushforward", shapley_cam),
)  # fmt: skip
