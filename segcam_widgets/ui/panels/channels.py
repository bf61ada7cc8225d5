"""The channel panel: one channel's activation, gradient and votes; and a table of all channels."""

import time
from collections.abc import Callable
from html import escape
from typing import Any

import ipywidgets as W
import numpy as np
from numpy.typing import NDArray

from segcam_widgets.core.explanation.explanation import Explanation
from segcam_widgets.core.picture.colours import diverging_lut
from segcam_widgets.core.picture.html import figure
from segcam_widgets.core.picture.render import overlay, render, resize_nearest
from segcam_widgets.core.probe import Probe
from segcam_widgets.core.text.numbers import number, signed
from segcam_widgets.core.votes.channel import ChannelVotes, channel_votes
from segcam_widgets.errors import Cancelled
from segcam_widgets.session.worker import NewestWins
from segcam_widgets.ui.page import html as words

Asked = tuple[Probe, Explanation, int]
FULL = 90
"""Per cent of the voting pixels that are paler than full colour."""
PAUSE = 0.2
"""Seconds without another question before votes are asked for: a hand that draws does not wait for them."""


class ChannelView(W.Accordion):
    """Drawn only while open, so that a drag does not pay for what is hidden. Votes follow when the user pauses."""

    def __init__(self) -> None:
        self.worker: NewestWins[Asked, ChannelVotes] = NewestWins(
            self._work, self._answered, self._failed, name="segcam-channel"
        )
        self._probe: Probe | None = None
        self._explanation: Explanation | None = None
        self._channel = 0
        self.maps = W.HTML()
        self.votes = W.HTML()
        self.table = W.HTML()
        super().__init__(
            [W.VBox([self.maps, self.votes]), self.table],
            titles=("Channel maps", "Channels as a table"),
            selected_index=None,
        )
        self.observe(lambda _: self._redraw(), "selected_index")

    def show(self, probe: Probe, explanation: Explanation, channel: int) -> None:
        """Show a channel of an explanation."""
        self._probe, self._explanation, self._channel = probe, explanation, channel
        self._redraw()

    def choose(self, channel: int) -> None:
        """Show another channel, and open the maps."""
        self._channel = channel
        if self.selected_index != 0:
            self.selected_index = 0
        else:
            self._redraw()

    def _redraw(self) -> None:
        if self._explanation is None or self._probe is None:
            return
        if self.selected_index == 0:
            channel = min(self._channel, self._explanation.layer.shape[2] - 1)
            self.maps.value = self._maps_html(self._explanation, channel)
            if not self.votes.value:
                self.votes.value = WAITING
            self.worker.submit((self._probe, self._explanation, channel))
        elif self.selected_index == 1:
            self.table.value = self._table_html(self._explanation)

    # -------------------------------------------------------------- on the worker's thread

    @staticmethod
    def _work(asked: Asked, wanted: Callable[[], bool]) -> ChannelVotes:
        until = time.monotonic() + PAUSE
        while time.monotonic() < until:
            if not wanted():
                raise Cancelled("A newer question came.")
            time.sleep(0.01)
        probe, explanation, channel = asked
        return channel_votes(probe, explanation.query, channel)

    def _answered(self, asked: Asked, found: ChannelVotes) -> None:
        self.votes.value = votes_html(asked[0], asked[1], found)

    def _failed(self, asked: Asked, error: Exception) -> None:
        self.votes.value = words.error(f"No votes for channel {asked[2]}: {words.in_words(error)}")

    def close(self) -> None:
        """End the worker with the widget."""
        self.worker.close()
        super().close()

    # -------------------------------------------------------------- as HTML

    @staticmethod
    def _maps_html(explanation: Explanation, channel: int) -> str:
        activation = explanation.activations[:, :, channel]
        gradient = explanation.gradients[:, :, channel]
        figures = (
            _figure(
                activation,
                f"activation of channel {channel}",
                f"{number(activation.min())} to {number(activation.max())}",
            ),
            _figure(gradient, f"gradient at channel {channel}", f"mean {signed(gradient.mean(dtype=np.float64))}"),
            _figure(
                activation * gradient,
                "activation times gradient",
                f"sum {signed(float((activation * gradient).sum()))}",
            ),
        )
        return f'<div class="segcam-maps">{"".join(figures)}</div>'

    @staticmethod
    def _table_html(explanation: Explanation) -> str:
        activation = explanation.activations
        contributions = explanation.region_contributions
        if not contributions.size:
            contributions = np.zeros(activation.shape[-1])
        rows: list[Any] = list(
            zip(
                range(activation.shape[-1]),
                explanation.pooled_gradients,
                contributions,
                activation.mean((0, 1)),
                activation.max((0, 1)),
                strict=True,
            )
        )
        return words.channel_table(rows)


def _figure(values: NDArray[np.float32], title: str, detail: str) -> str:
    limit = float(np.abs(values).max())
    return figure(render(values, limit or 1.0), title, f"{detail}, scale ±{number(limit)}")


WAITING = '<div class="segcam-waiting">Which pixels give it its weight: working …</div>'


def votes_html(probe: Probe, explanation: Explanation, found: ChannelVotes) -> str:
    """Which output pixels pull a channel's weight up and which down: the picture, what its colours mean, and words."""
    voting = np.abs(found.values[found.values != 0])
    # a few pixels at edges outvote the rest by far: against these nothing else could be seen
    limit = float(np.percentile(voting, FULL)) if voting.size else 1.0
    pixels = overlay(_lit(probe.image, found.mask), cam=found.values, limit=limit, cam_opacity=1.0)
    picture = figure(
        pixels, f"votes on channel {found.channel}", f"one per pixel, full colour from ±{number(limit)} on"
    )
    legend = (
        f'<span class="segcam-scale" aria-hidden="true">{SCALE}</span> blue pixels pull the channel\'s weight for '
        f"<i>{escape(explanation.class_name)}</i> down, red ones up; outside of the region it is dark."
    )
    return (
        f'<div class="segcam-votes">{picture}<div><p>{escape(found.summary())}</p>'
        f'<p class="segcam-note">{legend}</p></div></div>'
    )


def _lit(image: NDArray[np.uint8], mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The picture in greys, light inside the region and dark outside.

    No colours that could be taken for votes, and no outline: votes are often cast by a region's last pixels, under it.
    """
    grey = image.mean(-1)
    inside = resize_nearest(mask, (image.shape[0], image.shape[1]))
    shaded = np.where(inside, grey * 0.35 + 255 * 0.65, grey * 0.4)
    return np.repeat(np.round(shaded).astype(np.uint8)[:, :, None], 3, -1)


def _scale() -> str:
    """The diverging scale as a strip."""
    stops = ",".join("rgb({},{},{})".format(*diverging_lut()[i, :3]) for i in (0, 64, 127, 191, 255))
    return f'<b style="background:linear-gradient(90deg,{stops})"></b>'


SCALE = _scale()
