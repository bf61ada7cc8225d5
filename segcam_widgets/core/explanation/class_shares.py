"""How much of the image each class has: what the legend says."""

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.core.probe import Probe


def class_shares(probe: Probe) -> NDArray[np.float64]:
    """Share of the pixels predicted as each class, (C,) float64 in [0, 1].

    They sum to 1, but for several sigmoids: there a pixel has every class above a probability of 0.5.

    Parameters
    ----------
    probe : Probe
        From :func:`segcam_widgets.open_probe`.
    """
    if probe.multilabel:
        return np.asarray((probe.probabilities > 0.5).mean((0, 1)))
    counts = np.bincount(probe.labels.ravel(), minlength=len(probe.class_names))
    return counts / probe.labels.size
