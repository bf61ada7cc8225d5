"""How the gradient is spread within one channel: many small pulls one way, or a few large ones."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.core.support.checks import is_whole, needed, whole_number
from segcam_widgets.core.text.numbers import percent, signed
from segcam_widgets.core.text.one_line import one_line
from segcam_widgets.errors import SegCamError, shown

if TYPE_CHECKING:
    from segcam_widgets.core.explanation.explanation import Explanation

BINS = 41
"""An odd number: zero is the middle of a bin."""


@dataclass(frozen=True, eq=False)
class ChannelHistogram:
    """What :meth:`Explanation.channel_histogram` answers: the gradient dS/dA_k of one channel over the map. Read-only.

    Attributes
    ----------
    channel : int
    counts : ndarray of int, (bins,)
        Cells of the map with a gradient between two edges; they sum to the cells of the map.
    edges : ndarray, (bins + 1,) float64
        From minus the largest magnitude to plus the largest magnitude (1 where the gradient is zero everywhere).
    negative_share : float
        Share of the cells whose gradient is below zero, in [0, 1].
    mean : float
        The channel's pooled gradient.
    """

    channel: int
    counts: NDArray[np.int64] = field(repr=False)
    edges: NDArray[np.float64] = field(repr=False)
    negative_share: float
    mean: float

    def __post_init__(self) -> None:
        self.counts.flags.writeable = self.edges.flags.writeable = False

    @property
    def centres(self) -> NDArray[np.float64]:
        """(bins,) the middle of each bin."""
        return (self.edges[:-1] + self.edges[1:]) / 2

    def summary(self) -> str:
        """One sentence: "Channel 3: 62 % of its 1024 gradients are negative, mean -0.0012."."""
        return (
            f"Channel {self.channel}: {percent(self.negative_share)} of its {int(self.counts.sum())} gradients are negative, "
            f"mean {signed(self.mean)}."
        )

    def __repr__(self) -> str:
        return one_line("ChannelHistogram", self.summary())

    def plot(self, ax: Any = None) -> Any:
        """Draw it with matplotlib: positive bins red, negative ones blue.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Default: those of a new figure.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        SegCamError
            Where matplotlib is not installed.
        """
        if ax is None:
            ax = needed("matplotlib.pyplot", "plot", "matplotlib").subplots()[1]
        colours = ["#cc3340" if centre >= 0 else "#2f78bf" for centre in self.centres]
        ax.bar(self.centres, self.counts, width=np.diff(self.edges), color=colours)
        ax.set_xlabel(f"gradient in channel {self.channel}")
        ax.set_ylabel("cells")
        return ax


def channel_histogram(explanation: "Explanation", channel: int, bins: int = BINS) -> ChannelHistogram:
    """See :meth:`Explanation.channel_histogram`."""
    last = explanation.gradients.shape[2] - 1
    if not is_whole(channel) or not 0 <= channel <= last:
        raise SegCamError(f"`channel` must be one of the layer's channels, 0 to {last}. Received: {shown(channel)}.")
    bins = whole_number(bins, "bins", least=1)
    gradient = explanation.gradients[:, :, channel].ravel().astype(np.float64)
    largest = float(np.abs(gradient).max()) or 1.0
    counts, edges = np.histogram(gradient, bins, range=(-largest, largest))
    return ChannelHistogram(
        int(channel), counts.astype(np.int64), edges, float((gradient < 0).mean()), float(gradient.mean())
    )
