"""Votes that were collected: the weights of any region by one contraction.

Held are prefix sums along the rows of the image, so that a region costs two additions for each run of its pixels, not one
for each pixel.
"""

from dataclasses import dataclass, field
from functools import cached_property
from html import escape

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.core.answers import Cotangent, Float, LayerInfo
from segcam_widgets.core.probe import Probe
from segcam_widgets.core.query import CamQuery
from segcam_widgets.core.resolve import region_mask, resolve, score_input
from segcam_widgets.core.scores import SCORES
from segcam_widgets.core.support.checks import is_whole
from segcam_widgets.core.text.numbers import SHOWN, counted, number
from segcam_widgets.core.text.one_line import one_line
from segcam_widgets.core.votes.basis import ClassBasis, Parts, Question, QuestionBasis
from segcam_widgets.errors import EmptyRegionError, SegCamError, shown


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

    Notes
    -----
    The weights are the gradient's but for rounding: for each channel a few of float32's last digits, 1.2e-7, of the sum of
    the magnitudes that are added up.

    A field may be as small as float32 can hold. Where it, or its product with a vote, is below the smallest normal number,
    1.2e-38, few digits are left or none, here as in any gradient in 32 bits: each term is then right to 1.4e-45, or to
    1.2e-38 under a library that takes such numbers for zero, as TensorFlow does. Such a field is answered, not refused: its
    weights are nothing beside those of any field that matters, and zero is their right value to that error.
    """

    layer: LayerInfo
    class_names: tuple[str, ...]
    basis: ClassBasis | QuestionBasis = field(repr=False)
    sums: NDArray[np.floating] = field(repr=False)
    _probe: Probe = field(repr=False)
    _logits: Float = field(repr=False)

    @property
    def holds(self) -> tuple[str, ...]:
        """What the votes were collected for, in words: "logit of sky", "margin of sea"."""
        return self.basis.names

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return int(self.sums.nbytes)

    def summary(self) -> str:
        """One line: "Votes at tail_conv2 for logit of sky, logit of brick: 8 channels, 96 x 96 px, 9 MiB"."""
        height, width = self.sums.shape[1:3]
        held = ", ".join(self.holds[:SHOWN]) + (
            f" and {len(self.holds) - SHOWN} more" if len(self.holds) > SHOWN else ""
        )
        return (
            f"Votes at {self.layer.name} for {held}: {counted(self.layer.shape[2], 'channel')}, {height} x {width} px, "
            f"{number(self.nbytes / 2**20)} MiB"
        )

    def __repr__(self) -> str:
        return one_line("VoteField", self.summary())

    def _repr_html_(self) -> str:
        return f"<p>{escape(self.summary())}</p>"

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

    def weights_in(self, mask: NDArray[np.bool_], question: int = 0) -> Float:
        """The weights of Seg-Grad-CAM for a question that is held, over the pixels of a mask: nothing else is looked at.

        Parameters
        ----------
        mask : ndarray of bool, (H, W)
        question : int
            Its number in `holds`.

        Returns
        -------
        ndarray, (K,) float32

        Raises
        ------
        SegCamError
            Votes of classes, which do not say what is asked; no such question; a wrong shape.
        EmptyRegionError
            The mask has no pixel.
        """
        if isinstance(self.basis, ClassBasis):
            raise SegCamError(
                "`weights_in` needs the votes of a question: sc.votes(..., queries=...). Received: classes."
            )
        if not is_whole(question) or not 0 <= question < self.basis.count:
            raise SegCamError(f"`question` must be 0 to {self.basis.count - 1}. Received: {shown(question)}.")
        given = np.asarray(mask)
        if given.dtype != bool or given.shape != self.sums.shape[1:3]:
            raise SegCamError(
                f"`mask` must be bool and of shape {self.sums.shape[1:3]}. Received: {given.dtype}, {given.shape}."
            )
        pixels = np.count_nonzero(given)
        if not pixels:
            raise EmptyRegionError("`mask` must hold at least one pixel. Received: a mask that is False everywhere.")
        return self._contract([({int(question): 1 / pixels}, given.astype(np.float32))])

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
