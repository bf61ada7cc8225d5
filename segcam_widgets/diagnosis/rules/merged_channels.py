"""SC210: the channels say the same."""

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.core.text.numbers import number
from segcam_widgets.diagnosis.case import Case
from segcam_widgets.diagnosis.findings import NotApplicable
from segcam_widgets.diagnosis.rule import Hit, Rule
from segcam_widgets.diagnosis.wording import capital, channels

ONE = 1.2
"""Effective rank below which the channels are one: the second holds less than a twentieth of the singular values' sum."""

CONSTANT = 1e-5
"""Variation this small beside the activations is rounding."""


class MergedChannels(Rule):
    """With channels that vary as one, the maps of all classes vary as one."""

    code, name, title = "SC210", "merged-channels", "At {layer}, the channels say one thing"
    holds = "K >= 2, and the effective rank of the live activations, each channel less its mean, is below 1.2"
    needs = ("live",)
    in_list = False

    def look(self, case: Case) -> Hit | str | NotApplicable:
        activations = case.activations
        assert activations is not None
        count = activations.shape[2]
        if count < 2:
            return self.not_here("the layer has one channel")
        if activations[:, :, 0].size == 1:
            return self.not_here("the layer has a single cell")
        live = activations[:, :, case.live]
        varying = live - live.mean((0, 1), dtype=np.float64).astype(np.float32)
        if np.abs(varying).max() <= CONSTANT * np.abs(live).max():
            return self.not_here("no live channel varies over the image")
        rank = effective_rank(varying.reshape(-1, live.shape[2]), ONE)
        if rank >= ONE:
            return f"the effective rank of what varies in the live activations is {number(rank)} or more"
        alive = np.flatnonzero(case.live)
        evidence = {"effective_rank": rank, "live_channels": int(alive.size), "channels": count}
        same = "so the maps of all classes here differ in sign, size and level alone."
        if alive.size == 1:
            return Hit(
                f"Of the {count} channels of {case.query.layer} only channel {int(alive[0])} is not zero on this image, {same}",
                evidence,
                "Choose another layer. If the others are zero on every image, they died in training.",
                title="At {layer}, only one channel is live",
            )
        return Hit(
            f"{capital(channels(alive, count))} of {case.query.layer} say one thing (effective rank {number(rank)}), {same}",
            evidence,
            "Choose a layer whose channels differ. A layer trained into copies had redundant units, or inputs without contrast.",
        )


def effective_rank(matrix: NDArray[np.floating], enough: float = np.inf) -> float:
    """exp of the entropy of the singular values' shares (Roy & Vetterli, EUSIPCO 2007): 1 for copies, n for n equal ones.

    Parameters
    ----------
    matrix : ndarray, (n, k)
    enough : float
        Where a lower bound that needs no decomposition reaches this, the bound is the answer.

    Returns
    -------
    float
        1 or more; 0 for a zero matrix.
    """
    peak = float(np.abs(matrix).max(initial=0))
    if peak == 0:
        return 0.0
    scaled = matrix / np.asarray(peak, matrix.dtype)
    # shares of the squares are more uneven than those of the values, so their participation ratio is a lower bound
    gram = _gram(scaled).astype(np.float64)
    bound = float(np.trace(gram) ** 2 / (gram**2).sum())
    if bound >= enough * (1 + 1e-3):  # the margin is for products in float32
        return bound
    exact = _gram(scaled.astype(np.float64))
    values = np.sqrt(np.maximum(np.linalg.eigvalsh(exact), 0))
    shares = values[values > 0] / values.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))


def _gram(matrix: NDArray[np.floating]) -> NDArray[np.floating]:
    return matrix.T @ matrix if matrix.shape[0] >= matrix.shape[1] else matrix @ matrix.T
