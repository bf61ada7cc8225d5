"""Votes: how much each channel pulls on every class at every output pixel, so that a new region costs no backward pass.

The pooled weight of channel k is linear in the field that is pulled back, alpha_k = sum_p <V_k[p], field[p]>, where V_k is
what the logits do when channel k is raised by 1 / (h w) everywhere: one pushforward a channel, made once.
"""

from collections.abc import Sequence

import numpy as np

from segcam_widgets.core.answers import Float, LayerInfo, Progress
from segcam_widgets.core.probe import Probe
from segcam_widgets.core.query import CamQuery
from segcam_widgets.core.resolve import must_be_probe
from segcam_widgets.core.support.checks import is_finite_number, must_be_finite
from segcam_widgets.core.support.progress import report
from segcam_widgets.core.text.numbers import number
from segcam_widgets.core.votes.basis import Basis, ClassBasis, QuestionBasis, basis_for
from segcam_widgets.core.votes.field import VoteField as VoteField, same_weights
from segcam_widgets.errors import SegCamError, shown

BUDGET = 256 * 2**20
"""Bytes that a vote field may take."""
CHUNK = 8
"""Channels pushed at once: more were no quicker."""
SCRATCH = 64 * 2**20
"""Bytes of tangents and their answers at once; a chunk has fewer channels where these are large."""


def raised(layer: LayerInfo, channels: Sequence[int]) -> Float:
    """Tangents (B, h, w, K), each with one channel raised by one everywhere; in half precision 1 / (h w) could vanish."""
    tangents = np.zeros((len(channels), *layer.shape), np.float32)
    for row, channel in enumerate(channels):
        tangents[row, :, :, channel] = 1
    return tangents


class Collector:
    """Collects votes chunk by chunk: it can be left and taken up again.

    Parameters
    ----------
    probe : Probe
    layer : LayerInfo
    basis : ClassBasis or QuestionBasis
    chunk : int
        Channels pushed at once, at most.
    """

    def __init__(self, probe: Probe, layer: LayerInfo, basis: ClassBasis | QuestionBasis, chunk: int = CHUNK) -> None:
        self.layer, self.basis, self._probe = layer, basis, probe
        self._logits = probe.logits
        height, width, classes = self._logits.shape
        one = 4 * (int(np.prod(layer.shape)) + height * width * classes)
        self.chunk = max(1, min(chunk, layer.shape[2], SCRATCH // one))
        self._sums = np.empty((basis.count, height, width, layer.shape[2]), basis.dtype)
        self.done = 0

    @property
    def channels(self) -> int:
        """How many there are."""
        return self.layer.shape[2]

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to collect."""
        return self.done == self.channels

    @property
    def current(self) -> bool:
        """Whether the model's weights still are those of the first votes."""
        return same_weights(self._probe, self._logits)

    def step(self) -> None:
        """Collect the votes of the next few channels. Raises NonFiniteError where the logits' changes are not finite."""
        first, last = self.done, min(self.done + self.chunk, self.channels)
        # the last chunk is filled up: another length would be another compiled function
        asked = [min(k, self.channels - 1) for k in range(first, first + self.chunk)]
        pushed = self._probe.pushforward(self.layer.name, raised(self.layer, asked))[: last - first]
        must_be_finite("votes", pushed, self.layer.name)
        along = self.basis.project(pushed)
        cells = self.layer.shape[0] * self.layer.shape[1]
        self._sums[..., first:last] = np.moveaxis(along.cumsum(-1, dtype=np.float64) / cells, 1, -1)
        self.done = last

    def result(self) -> VoteField:
        """The votes of all channels."""
        assert self.finished
        self._sums.flags.writeable = False
        return VoteField(self.layer, self._probe.class_names, self.basis, self._sums, self._probe, self._logits)


def bytes_needed(probe: Probe, layer: LayerInfo, basis: Basis) -> int:
    """What a vote field takes."""
    height, width = probe.logits.shape[:2]
    return basis.count * height * width * layer.shape[2] * np.dtype(basis.dtype).itemsize


def votes(
    probe: Probe,
    layer: str,
    *,
    classes: Sequence[int | str] | None = None,
    queries: CamQuery | Sequence[CamQuery] | None = None,
    budget: int = BUDGET,
    progress: Progress | None = None,
) -> VoteField:
    """Collect how much each channel of a layer pulls on every class at every output pixel.

    One pushforward a channel, in chunks; after that the pooled weights of any region cost one contraction and no backward
    pass, and are those of the gradient: alpha is linear in what is pulled back.

    Parameters
    ----------
    probe : Probe
    layer : str
    classes : sequence of int or str, optional
        Hold the votes for these classes (and for the mean over all); default all classes, for every score.
    queries : CamQuery or sequence of CamQuery, optional
        Hold instead what these queries pull with: class, score and rival are read. One field a question: the least memory,
        and the curved scores as fast as the linear ones.
    budget : int
        Bytes that may be held, 4 H W K for each class or question, twice as many for questions with a curved score.
    progress : callable, optional
        ``progress(fraction, text) -> bool``; False cancels.

    Returns
    -------
    VoteField

    Raises
    ------
    SegCamError
        The votes do not fit; the message says what they need.
    UnknownLayerError, DisconnectedLayerError, UnsupportedModelError, NonFiniteError, Cancelled
    """
    must_be_probe(probe)
    probe.refresh()
    info = probe.layer(layer)
    basis = basis_for(probe, classes, queries)
    must_fit(probe, info, basis, budget)
    collector = Collector(probe, info, basis)
    while not collector.finished:
        done = f"{collector.done} of {collector.channels} channels"
        report(progress, collector.done / collector.channels, f"votes of {info.name}: {done}")
        collector.step()
    report(progress, 1.0, "done")
    return collector.result()


def must_fit(probe: Probe, layer: LayerInfo, basis: ClassBasis | QuestionBasis, budget: int) -> None:
    """Raise SegCamError that says what the votes would need, where they do not fit."""
    if not is_finite_number(budget) or budget < 0:
        raise SegCamError(f"`budget` must be a number of bytes. Received: {shown(budget)}.")
    needed = bytes_needed(probe, layer, basis)
    if needed <= budget:
        return
    one = needed / basis.count
    less = "Fewer `classes`, or one of `queries`" if isinstance(basis, ClassBasis) else "Fewer `queries`"
    height, width = probe.logits.shape[:2]
    raise SegCamError(
        f"`budget` must be {needed} bytes ({_mebibytes(needed)}) or more for the votes of layer {layer.name!r}: "
        f"{layer.shape[2]} channels on {height} x {width} pixels are {_mebibytes(one)} for each of {basis.count} fields "
        f"held. Received: {_mebibytes(budget)}. {less} take less; where one field does not fit, a gradient for each query is "
        "the right tool."
    )


def _mebibytes(count: float) -> str:
    return f"{number(count / 2**20)} MiB"
