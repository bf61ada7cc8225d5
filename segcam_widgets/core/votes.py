"""Votes: how much each channel pulls on every class at every output pixel, so that a new region costs no backward pass.

The pooled weight of channel k is linear in the field that is pulled back, alpha_k = sum_p <V_k[p], field[p]>, where V_k is
what the logits do when channel k is raised by 1 / (h w) everywhere: one pushforward a channel, made once. Held are prefix
sums along the rows of the image, so that a region costs two additions for each run of its pixels, not one for each pixel.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.core.checks import is_finite_number, is_whole
from segcam_widgets.core.explain import must_be_finite, must_be_probe, region_mask, report, score_input
from segcam_widgets.core.probe import Cotangent, Float, LayerInfo, Probe, Progress
from segcam_widgets.core.query import CamQuery, resolve
from segcam_widgets.core.scores import SCORES
from segcam_widgets.core.vote_basis import Basis, ClassBasis, Parts, Question, QuestionBasis, basis_for
from segcam_widgets.errors import SegCamError, shown

BUDGET = 256 * 2**20
"""Bytes that a vote field may take."""
CHUNK = 8
"""Channels pushed at once: more were no quicker."""
SCRATCH = 64 * 2**20
"""Bytes of tangents and their answers at once; a chunk has fewer channels where these are large."""


@dataclass(frozen=True, eq=False)
class VoteField:
    """What :func:`segcam_widgets.votes` answers.

    Attributes
    ----------
    layer : LayerInfo
    class_names : tuple of str
    basis : ClassBasis or QuestionBasis
        What the votes were collected for.
    sums : ndarray, (R, H, W, K) float32, for curved scores float64
        For each of the R directions of the basis the votes, summed up along each row of the image; read-only.
    """

    layer: LayerInfo
    class_names: tuple[str, ...]
    basis: ClassBasis | QuestionBasis = field(repr=False)
    sums: NDArray[np.floating] = field(repr=False)
    _probe: Probe = field(repr=False)
    _logits: Float = field(repr=False)

    @property
    def holds(self) -> tuple[str, ...]:
        """What the votes were collected for, in words: "logit of sky", "centered logit of sea"."""
        return self.basis.names

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return int(self.sums.nbytes)

    @property
    def current(self) -> bool:
        """Whether the model's weights still are those that the votes were collected with."""
        return same_weights(self._probe, self._logits)

    def weights(self, cotangent: Cotangent | Float) -> Float:
        """The pooled gradient of a field over the logits, by one contraction.

        Parameters
        ----------
        cotangent : Cotangent or ndarray, (H, W, C)
            What :meth:`Probe.pullback` takes. Divided by the region's pixels it gives the weights of Seg-Grad-CAM.

        Returns
        -------
        ndarray, (K,) float32

        Raises
        ------
        SegCamError
            A wrong shape, or a contrast that the votes were not collected for.
        """
        return self._contract(self.basis.split(self._as_cotangent(cotangent)))

    def weights_for(self, query: CamQuery) -> Float:
        """The weights of Seg-Grad-CAM for a query at this layer: any region, and any score that is held.

        Method and baseline are not read.

        Raises
        ------
        SegCamError
            Another layer, a class or score that is not held, or votes of weights that the model has no more.
        EmptyRegionError
            The region has no pixel.
        """
        return self._contract(self._parts_of(query))

    def map(self, query: CamQuery, channel: int) -> Float:
        """Which output pixels give a channel its weight, (H, W) float32; it sums to ``weights_for(query)[channel]``.

        Raises
        ------
        SegCamError
            As :meth:`weights_for`, or a channel that the layer does not have.
        """
        number = channel_of(channel, self.layer)
        total = np.zeros(self.sums.shape[1:3], np.float32)
        for factors, values in self._parts_of(query):
            for direction, factor in factors.items():
                own = np.diff(self.sums[direction, :, :, number], axis=1, prepend=np.float32(0))
                total += np.float32(factor) * values * own
        return total

    def _parts_of(self, query: CamQuery) -> Parts:
        if not self.current:
            raise SegCamError(
                f"The votes of layer {self.layer.name!r} were collected with other weights than the model has now: "
                "collect them again."
            )
        resolved = resolve(query, self._probe)
        if resolved.layer != self.layer.name:
            raise SegCamError(f"`query` must ask about layer {self.layer.name!r}. Received: layer {resolved.layer!r}.")
        mask = region_mask(self._probe, resolved)
        question = Question.of(resolved)
        if isinstance(self.basis, QuestionBasis) and question in self.basis.questions:
            return [({self.basis.questions.index(question): 1 / int(mask.sum())}, mask.astype(np.float32))]
        cotangent = SCORES[question.score].cotangent(score_input(self._probe, resolved, mask))
        return self.basis.split(cotangent.divided(int(mask.sum())))

    def _as_cotangent(self, given: Cotangent | Float) -> Cotangent:
        shape = (*self.sums.shape[1:3], len(self.class_names))
        if isinstance(given, Cotangent):
            array = given.mask[:, :, None] if given.dense is None else given.dense
            classes = shape[2] if given.contrast is None else len(given.contrast)
            if (*array.shape[:2], classes) != shape:
                raise SegCamError(f"`cotangent` must have shape {shape}. Received: {(*array.shape[:2], classes)}.")
            return given
        dense = np.asarray(given, np.float32)
        if dense.shape != shape:
            raise SegCamError(f"`cotangent` must have shape {shape}. Received: {dense.shape}.")
        return Cotangent(np.ones(shape[:2], np.float32), dense=dense)

    def _contract(self, parts: Parts) -> Float:
        """Sum by parts: where the factor stays the same from one pixel to the next, nothing is read."""
        total = np.zeros(self.layer.shape[2], np.float64)
        for factors, values in parts:
            steps = np.array(values, np.float32)
            steps[:, :-1] -= values[:, 1:]
            places = np.flatnonzero(steps != 0)  # of bytes that is several times quicker than of numbers
            heights = steps.reshape(-1)[places]
            for direction, factor in factors.items():
                total += factor * _gathered(self._rows[direction], places, heights)
        return total.astype(np.float32)

    @cached_property
    def _rows(self) -> NDArray[np.floating]:
        """(R, H * W, K)."""
        return self.sums.reshape(len(self.sums), -1, self.sums.shape[-1])


def _gathered(
    rows: NDArray[np.floating], places: NDArray[np.intp], factors: Float, most: int = 8192
) -> NDArray[np.float64]:
    """factors @ rows[places], (K,), without a copy larger than `most` rows."""
    total = np.zeros(rows.shape[1], np.float64)
    for start in range(0, len(places), most):
        some = slice(start, start + most)
        total += factors[some] @ rows.take(places[some], 0)
    return total


def same_weights(probe: Probe, logits: Float) -> bool:
    """Whether a probe still answers with the weights that gave these logits."""
    probe.refresh()
    now = probe.logits  # the very same array where nothing was dropped
    return now is logits or np.array_equal(now, logits)


def channel_of(value: object, layer: LayerInfo) -> int:
    """A channel's number. Raises SegCamError where the layer does not have it."""
    if not is_whole(value) or not 0 <= int(value) < layer.shape[2]:  # type: ignore[call-overload]
        raise SegCamError(f"`channel` must be a channel, 0 to {layer.shape[2] - 1}. Received: {shown(value)}.")
    return int(value)  # type: ignore[call-overload]


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
    return f"{count / 2**20:.3g} MiB"
