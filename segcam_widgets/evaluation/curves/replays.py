"""Replay many changed versions of one layer's output in batches, and read a number off each."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.core.answers import Progress
from segcam_widgets.core.probe import Probe
from segcam_widgets.core.support.checks import must_be_finite
from segcam_widgets.core.support.progress import report

Float = NDArray[np.float32]
Reading = tuple[float, float]
"""S and IoU."""
BATCH = 32
"""Images replayed together at most: more are hardly quicker each."""


def batch_size(probe: Probe, budget: int) -> int:
    """How many images can be replayed together, at 4 bytes for every number of every layer."""
    one = 4 * sum(int(np.prod(info.shape)) for info in probe.layers)
    return int(np.clip(budget // max(1, one), 1, BATCH))


def readings(
    probe: Probe,
    layer: str,
    versions: Iterator[tuple[Float, str]],
    total: int,
    meter: Callable[[Float], Reading],
    *,
    what: str,
    budget: int,
    progress: Progress | None = None,
) -> list[Reading]:
    """Replay every version, and read its logits.

    Parameters
    ----------
    probe : Probe
    layer : str
    versions : iterator of (ndarray, str)
        Each a (h, w, K) output of the layer, and what it is, in words.
    total : int
        How many there are.
    meter : callable
        (H, W, C) logits -> (S, IoU).
    what : str
        For the error: "a perturbed image".
    budget : int
        Bytes that the replayed versions may take together.
    progress : callable, optional

    Returns
    -------
    list of (S, IoU)
        In the order of the versions.

    Raises
    ------
    NonFiniteError
        The network answers NaN or infinity.
    Cancelled
    """
    # all batches have one size, the last filled up with what is there: one function is compiled, not two
    batch = np.empty((min(batch_size(probe, budget), total), *probe.layer(layer).shape), np.float32)
    found: list[Reading] = []
    filled = 0
    for version, text in versions:
        batch[filled] = version
        filled += 1
        if filled == len(batch) or len(found) + filled == total:
            report(progress, len(found) / total, text)
            logits = probe.replay(layer, batch)
            must_be_finite(f"logits of {what}", logits[:filled], layer)
            found += [meter(logits[i]) for i in range(filled)]
            filled = 0
    return found
