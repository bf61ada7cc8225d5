"""Change a class's activations inside its region, run what follows, and see whether the class is lost.

Written out on its own, in plain numpy, so that it stands beside the package's diagnosis as a second opinion. It is made
for the tail of the demos: a class's own predicted pixels are the region, and nothing goes round the layer.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.demo.scores import CamStack

Replay = Callable[[NDArray[np.float32]], NDArray[np.float32]]

TURNS, LEANS = 0.5, 0.25
"""An experiment turns the class where it loses at least so much of its pixels; it leans where its margin falls by so much."""

KEEPS, STANDS = 0.1, 0.5
"""Switching the layer off leaves the class where it loses at most so many pixels, and its margin falls by less than so much."""

LEVEL, SHARE = 0.1, 0.05
"""The least contrast of a layer that can be judged; the least share of positive products that the others can outweigh."""

ABSENCE, OUTWEIGHED, POOLED_AWAY = "coded by absence", "outweighed", "pooled away"
EXPERIMENTS = ("lift", "sink", "zero")

LEANING, FLAT, ELSEWHERE, UNDECIDED = "leans on absence", "no contrast", "not decided here", "undecided"


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What N images' regions do in one experiment.

    Attributes
    ----------
    lost : ndarray, (N,)
        Share of the region's pixels that lose the class.
    fall : ndarray, (N,)
        By what share of itself the mean margin falls; above 1 the class loses on average.
    """

    lost: NDArray[np.float64]
    fall: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Experiments:
    """The outcomes of all experiments on N images.

    Attributes
    ----------
    level : ndarray, (N,)
        How far the channel means inside and outside the region differ, the largest over the channels, as a share of the
        channel's mean magnitude.
    lift, sink, zero : Outcome
        Activations inside the region raised to the channel's mean outside, lowered to it, set to zero.
    """

    level: NDArray[np.float64]
    lift: Outcome
    sink: Outcome
    zero: Outcome


def run_experiments(stack: CamStack, replay: Replay, logits: NDArray[np.float32], class_index: int) -> Experiments:
    """Change a layer inside the region, and see what becomes of the class there.

    Parameters
    ----------
    stack : CamStack
        The layer's activations, (N, H, W, K), and the regions: where the class is predicted.
    replay : callable
        (N, H, W, K) other activations -> (N, H, W, C) the logits that they give.
    logits : ndarray, (N, H, W, C)
    class_index : int

    Returns
    -------
    Experiments
    """
    activations, masks = stack.activations, stack.masks
    inside = masks[..., None]
    mean_inside, mean_outside = _mean(activations, inside), _mean(activations, ~inside)
    magnitude = np.abs(activations).mean(axis=(1, 2), dtype=np.float64)
    apart = np.abs(mean_inside - mean_outside)
    level = np.divide(apart, magnitude, out=np.zeros_like(apart), where=magnitude > 0).max(axis=1)
    before = _region_margin(logits, masks, class_index)
    reference = mean_outside[:, None, None, :].astype(np.float32)

    def outcome(changed: NDArray[np.float32]) -> Outcome:
        after = replay(np.where(inside, changed, activations))
        kept = ((after.argmax(axis=-1) == class_index) & masks).sum(axis=(1, 2))
        fall = (before - _region_margin(after, masks, class_index)) / np.abs(before)
        return Outcome(1 - kept / masks.sum(axis=(1, 2)), fall)

    return Experiments(
        level,
        lift=outcome(np.maximum(activations, reference)),
        sink=outcome(np.minimum(activations, reference)),
        zero=outcome(np.zeros_like(activations)),
    )


def _mean(activations: NDArray[np.float32], where: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(N, K) mean of each channel over some pixels of each image."""
    return (activations * where).sum(axis=(1, 2), dtype=np.float64) / where.sum(axis=(1, 2))


def _region_margin(logits: NDArray[np.float32], masks: NDArray[np.bool_], class_index: int) -> NDArray[np.float64]:
    """(N,) mean over the region of the logit's lead over the strongest other one."""
    others = np.delete(logits, class_index, axis=-1).max(axis=-1)
    lead = (logits[..., class_index] - others).astype(np.float64)
    return (lead * masks).sum(axis=(1, 2)) / masks.sum(axis=(1, 2))


def causes(found: Experiments, stack: CamStack) -> list[str]:
    """Name for each image why a blank map is blank.

    Parameters
    ----------
    found : Experiments
    stack : CamStack
        Of the margin; its maps are blank.

    Returns
    -------
    list of str
        "coded by absence": lifted to what they are elsewhere, the channels take the class away, switched off they do
        not. "leans on absence": the same of the margin, and no pixel changes. "pooled away" and "outweighed": the class
        needs what is there, and the pooled weights or the other channels hide it. "no contrast": the layer is the same
        inside and outside. "not decided here": nothing that is done to the layer changes the class. Else "undecided".
    """
    products = stack.weights * stack.activations.sum(axis=(1, 2))
    positive = np.maximum(products, 0).sum(axis=1) / np.abs(products).sum(axis=1)
    pointwise = (stack.gradients * stack.activations).sum(axis=-1).max(axis=(1, 2)) > 0
    needed = np.where((stack.channels > 0) & pointwise | (positive < SHARE), POOLED_AWAY, OUTWEIGHED)
    return [_cause(found, index, str(name)) for index, name in enumerate(needed)]


def _cause(found: Experiments, index: int, needed: str) -> str:
    """One image's cause; `needed` is said where the class needs what is there."""
    lost = {name: float(getattr(found, name).lost[index]) for name in EXPERIMENTS}
    fall = {name: float(getattr(found, name).fall[index]) for name in EXPERIMENTS}
    level = found.level[index] >= LEVEL
    candidates = []
    if level and lost["zero"] <= KEEPS:
        if lost["lift"] >= TURNS and fall["zero"] < STANDS:
            candidates.append((True, fall["lift"], ABSENCE))
        elif lost["lift"] < TURNS and fall["lift"] >= LEANS and fall["zero"] < KEEPS:
            candidates.append((False, fall["lift"], LEANING))
    if level and (lost["sink"] >= TURNS or fall["sink"] >= LEANS):
        candidates.append((lost["sink"] >= TURNS, fall["sink"], needed))
    if not level:
        return FLAT
    if candidates:
        return max(candidates)[2]
    calm = max(lost.values()) < TURNS and max(fall.values()) < LEANS
    return ELSEWHERE if calm else UNDECIDED
