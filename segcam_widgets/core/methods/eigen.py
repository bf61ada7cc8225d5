"""Methods that look for the direction in which the channels vary together: a singular vector."""

import numpy as np

from segcam_widgets.core.methods.method import Array64, MapInput, MapResult, Method

AMBIGUOUS = 0.99
"""Of two singular values this close the vectors may turn into each other at the least change of the image."""


def eigen_cam(given: MapInput) -> MapResult:
    """Eigen-CAM (Muhammad & Yeasin, arXiv 2008.00299): the activations along their first right singular vector.

    v is the first right singular vector of A - B, cells by channels, and the map (A - B) v. Class, region and score play
    no part. The sign of a singular vector is arbitrary: here the map goes along with the channels' sum,
    sum_uv map * sum_k A >= 0. Not centred, as in the paper: pytorch-grad-cam subtracts each channel's mean first, which
    here is ``baseline="mean"``.
    """
    values = (given.activations - given.baseline).astype(np.float64)
    vector, evidence, notes = first_direction(values)
    along = float(((values @ vector) * given.activations.sum(-1, dtype=np.float64)).sum())
    weights = vector * _sign(along, vector)
    notes = ("It shows where the layer is active in its main direction: class, region and score play no part.", *notes)
    return MapResult(weights.astype(np.float32), notes, evidence=evidence)


def eigen_grad_cam(given: MapInput) -> MapResult:
    """Eigen-Grad-CAM (Gildenblat, pytorch-grad-cam): the same of activation times gradient, so that the class counts.

    v is the first right singular vector of (A - B) * G, and the weights are v_k G_k at each cell. The sign is chosen so that
    the map goes along with HiResCAM's, sum_uv map * sum_k (A - B) G >= 0.
    """
    products = (given.activations - given.baseline).astype(np.float64) * given.gradients
    vector, evidence, notes = first_direction(products)
    along = float(((products @ vector) * products.sum(-1)).sum())
    weights = given.gradients * (vector * _sign(along, vector))
    return MapResult(weights.astype(np.float32), notes, evidence=evidence)


def first_direction(values: Array64) -> tuple[Array64, dict[str, float], tuple[str, ...]]:
    """The first right singular vector of (h, w, K) values as a matrix of cells by channels.

    From the smaller of the two products of the matrix with itself: with thousands of channels the number of cells is small.

    Returns
    -------
    vector : ndarray, (K,)
        Of length one; a matrix of zeros has none, and gives zeros.
    evidence : dict
        "explained_share": share of the sum of squares that lies along it.
    notes : tuple of str
        Where the second direction is as good.
    """
    matrix = values.reshape(-1, values.shape[-1])
    size = float(np.abs(matrix).max(initial=0))
    if size == 0:
        return np.zeros(matrix.shape[1]), {"explained_share": 0.0}, ()
    matrix = matrix / size  # squares of float32's largest would be infinite
    cells, channels = matrix.shape
    squares, vectors = np.linalg.eigh(matrix.T @ matrix if channels <= cells else matrix @ matrix.T)
    squares = np.maximum(squares, 0)
    vector = vectors[:, -1] if channels <= cells else matrix.T @ vectors[:, -1]
    second = squares[-2] if squares.size > 1 else 0.0
    close = bool(second > AMBIGUOUS**2 * squares[-1])
    notes = ("The second direction is as strong as the first: which of them is shown is a matter of rounding.",)
    share = float(squares[-1] / squares.sum())
    return vector / np.linalg.norm(vector), {"explained_share": share}, notes if close else ()


def _sign(along: float, vector: Array64) -> float:
    """The sign of what the map is to go along with; where that is zero, the largest weight becomes positive."""
    decides = along if along else float(vector[np.abs(vector).argmax()])
    return -1.0 if decides < 0 else 1.0


ENTRIES = (
    Method("eigen-cam", "Eigen-CAM", "v_k, first right singular vector of A - B", "Muhammad & Yeasin 2020, arXiv 2008.00299",
           "one pullback, which the map does not need, and a singular vector", eigen_cam, least_channels=2,
           sees_class=False, unit="activation"),
    Method("eigen-grad-cam", "Eigen-Grad-CAM", "v_k G_k, v the first right singular vector of (A - B) G",
           "Gildenblat 2021, pytorch-grad-cam; after arXiv 2008.00299", "one pullback and a singular vector", eigen_grad_cam,
           least_channels=2),
)  # fmt: skip
