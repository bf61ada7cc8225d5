"""What the model card states, measured: segmentation scores, and what Seg-Grad-CAM shows at a layer. Plain numpy.

Written out on its own and in few lines, so that it stands beside the package's core as a second opinion.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

LogitScore = Literal["logit", "centered_logit", "margin"]
LOGIT_SCORES: tuple[LogitScore, ...] = ("logit", "centered_logit", "margin")


def intersection_over_union(
    truth: NDArray[np.integer], predicted: NDArray[np.integer], classes: int
) -> NDArray[np.float64]:
    """IoU of each class over all pixels of all images together.

    Parameters
    ----------
    truth, predicted : ndarray of int, any equal shape
    classes : int
        C.

    Returns
    -------
    ndarray, (C,) float64
        In [0, 1]; nan for a class in neither.
    """
    pairs = truth.astype(np.int64).ravel() * classes + predicted.astype(np.int64).ravel()
    confusion = np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)
    hit = np.diag(confusion).astype(np.float64)
    union = confusion.sum(axis=0) + confusion.sum(axis=1) - hit
    return np.divide(hit, union, out=np.full(classes, np.nan), where=union > 0)


def cotangent(
    logits: NDArray[np.float32], masks: NDArray[np.bool_], class_index: int, score: LogitScore
) -> NDArray[np.float32]:
    """Gradient of the score, averaged over the region of each image, with respect to the logits.

    Parameters
    ----------
    logits : ndarray, (N, H, W, C)
    masks : ndarray, (N, H, W) bool
        One region per image; none is empty.
    class_index : int
    score : {"logit", "centered_logit", "margin"}
        y_c, y_c - mean_j y_j, or y_c - max_{j != c} y_j at each pixel.

    Returns
    -------
    ndarray, (N, H, W, C) float32
        All three scores are linear where the strongest rival stays the same, so the score itself is the sum of
        ``cotangent * logits``.
    """
    field = np.zeros_like(logits)
    if score == "centered_logit":
        field -= 1 / logits.shape[-1]
    elif score == "margin":
        others = logits.copy()
        others[..., class_index] = -np.inf
        np.put_along_axis(field, others.argmax(axis=-1)[..., None], -1.0, axis=-1)
    field[..., class_index] += 1
    pixels = masks.sum(axis=(1, 2))
    return (field * masks[..., None] / pixels[:, None, None, None]).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class CamStack:
    """Seg-Grad-CAM (arXiv 2002.11434) of one class at one layer of the logits' own size, for N images at once.

    Attributes
    ----------
    activations, gradients : ndarray, (N, H, W, K)
        A, and G = dS/dA.
    masks : ndarray, (N, H, W) bool
        The region of each image; none is empty, none is everything.
    scores : ndarray, (N,)
        S.
    """

    activations: NDArray[np.float32]
    gradients: NDArray[np.float32]
    masks: NDArray[np.bool_]
    scores: NDArray[np.float64]

    @property
    def weights(self) -> NDArray[np.float32]:
        """(N, K) pooled gradients, alpha_k = mean over the map of G_k."""
        return self.gradients.mean(axis=(1, 2))

    @property
    def region_activations(self) -> NDArray[np.float32]:
        """(N, K) mean activation of each channel inside the region."""
        inside = self.masks[..., None].astype(np.float32)
        return (self.activations * inside).sum(axis=(1, 2)) / inside.sum(axis=(1, 2))

    @property
    def channels(self) -> NDArray[np.float64]:
        """(N,) what the channels bring to the score, <G, A>; the biases after the layer carry the remainder of S."""
        return (self.gradients * self.activations).sum(axis=(1, 2, 3), dtype=np.float64)

    def cam(self, baseline: Literal["zero", "mean", "midpoint"] = "zero") -> NDArray[np.float32]:
        """(N, H, W) signed maps: sum_k alpha_k (A_k - B_k), with no ReLU and no normalisation."""
        reference = np.zeros_like(self.weights)
        if baseline == "mean":
            reference = self.activations.mean(axis=(1, 2))
        elif baseline == "midpoint":
            outside = 1 - self.masks[..., None].astype(np.float32)
            mean_outside = (self.activations * outside).sum(axis=(1, 2)) / outside.sum(axis=(1, 2))
            reference = (self.region_activations + mean_outside) / 2
        return np.einsum("nk,nhwk->nhw", self.weights, self.activations - reference[:, None, None, :])

    def blank(self) -> NDArray[np.bool_]:
        """(N,) whether the raw map is nowhere positive but for rounding, so that Grad-CAM's ReLU leaves nothing of it."""
        cam = self.cam()
        return cam.max(axis=(1, 2)) <= 1e-6 * np.abs(cam).max(axis=(1, 2))

    def positive_share(self) -> NDArray[np.float64]:
        """(N,) positive part of the map's magnitude; 0 where it has none."""
        cam = self.cam().astype(np.float64)
        magnitude = np.abs(cam).sum(axis=(1, 2))
        positive = np.maximum(cam, 0).sum(axis=(1, 2))
        return np.divide(positive, magnitude, out=np.zeros_like(magnitude), where=magnitude > 0)

    def focus(self, baseline: Literal["zero", "mean", "midpoint"] = "zero") -> NDArray[np.float64]:
        """(N,) share of the map's positive mass that lies inside the region; 0 where it has none."""
        positive = np.maximum(self.cam(baseline), 0).astype(np.float64)
        total = positive.sum(axis=(1, 2))
        inside = (positive * self.masks).sum(axis=(1, 2))
        return np.divide(inside, total, out=np.zeros_like(total), where=total > 0)

    def gain(self, baseline: Literal["zero", "mean", "midpoint"] = "zero") -> NDArray[np.float64]:
        """(N,) focus beyond what an even map would have: (focus - share) / (1 - share), share = |M| / (H W)."""
        share = self.masks.mean(axis=(1, 2), dtype=np.float64)
        return (self.focus(baseline) - share) / (1 - share)
