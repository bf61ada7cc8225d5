"""Run the network many times, in batches that fit into memory, reporting progress between them."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.core.methods.method import Array64, Float, MapInput
from segcam_widgets.core.probe import Probe

Indices = NDArray[np.intp]
BUDGET = 128 * 2**20
"""Bytes that the tensors of one batch may take, by the estimate of :func:`batch_size`."""
LARGEST = 16
"""More at once is no quicker on a processor, and progress would come too seldom."""
HELD = 4
"""How many of the largest tensors a forward pass holds at a time; a backward one holds them all."""
ATTENDS = frozenset({"BatchMatMul", "BatchMatMulV2", "BatchMatMulV3", "Einsum", "MatMul", "Softmax"})
"""Operations of attention, whose tensors grow with the square of the map and are no layer's output."""


def batch_size(probe: Probe, layer: str, count: int, *, backward: bool = False) -> int:
    """How many replays (or pullbacks) to run at once: a power of two, so that few sizes are ever compiled."""
    if ATTENDS & set(probe.tail(layer).curved.values()):
        return 1
    sizes = [4 * int(np.prod(info.shape)) for info in probe.layers]
    item = 2 * sum(sizes) if backward else HELD * max(sizes)
    fits = max(1, min(BUDGET // item, LARGEST))
    return min(1 << (fits.bit_length() - 1), 1 << (count - 1).bit_length())


def in_batches(given: MapInput, layer: str, count: int, what: str, *, backward: bool = False) -> Iterator[Indices]:
    """Indices from 0 to `count` in batches of one size: the last is filled up by repeating its last index.

    Tells the progress before each ("channel 16 of 64"), which raises Cancelled if the caller cancels.
    """
    size = batch_size(given.probe, layer, count, backward=backward)
    for start in range(0, count, size):
        given.report(start / count, f"{what} {start} of {count}")
        yield np.minimum(np.arange(start, start + size), count - 1)


def replayed_scores(given: MapInput, layer: str, count: int, make: Callable[[Indices], Float], what: str) -> Array64:
    """S of `count` replays of a layer, (count,) float64.

    Parameters
    ----------
    given : MapInput
    layer : str
        Where the network is run on from.
    count : int
    make : callable
        ``make(indices) -> (b, h, w, K)``: the activations of some of them.
    what : str
        What they are, for the progress: "channel".
    """
    scores = np.empty(count)
    for indices in in_batches(given, layer, count, what):
        scores[indices] = given.scores(given.probe.replay(layer, make(indices)))
    return scores
