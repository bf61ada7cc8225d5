"""One channel looked at closely: its activation and its gradient beside each other, and all channels as a table."""

from typing import Any

import ipywidgets as W
import numpy as np
from numpy.typing import NDArray

from segcam_widgets.core.explanation import Explanation
from segcam_widgets.core.render import render
from segcam_widgets.ui import words
from segcam_widgets.ui.pictures import figure


class ChannelView(W.Accordion):
    """Drawn only while it is open: a drag does not pay for what nobody sees."""

    def __init__(self) -> None:
        self._explanation: Explanation | None = None
        self._channel = 0
        self.maps = W.HTML()
        self.table = W.HTML()
        super().__init__([self.maps, self.table], titles=("Channel maps", "Channels as a table"), selected_index=None)
        self.observe(lambda _: self._redraw(), "selected_index")

    def show(self, explanation: Explanation, channel: int) -> None:
        """Show a channel of an explanation."""
        self._explanation, self._channel = explanation, channel
        self._redraw()

    def choose(self, channel: int) -> None:
        """Show another channel, and open the maps."""
        self._channel = channel
        if self.selected_index != 0:
            self.selected_index = 0
        else:
            self._redraw()

    def _redraw(self) -> None:
        if self._explanation is None:
            return
        if self.selected_index == 0:
            self.maps.value = self._maps_html(
                self._explanation, min(self._channel, self._explanation.layer.shape[2] - 1)
            )
        elif self.selected_index == 1:
            self.table.value = self._table_html(self._explanation)

    @staticmethod
    def _maps_html(explanation: Explanation, channel: int) -> str:
        activation = explanation.activations[:, :, channel]
        gradient = explanation.gradients[:, :, channel]
        figures = (
            _figure(
                activation, f"activation of channel {channel}", f"{activation.min():.3g} to {activation.max():.3g}"
            ),
            _figure(gradient, f"gradient at channel {channel}", f"mean {gradient.mean(dtype=np.float64):+.3g}"),
            _figure(
                activation * gradient, "activation times gradient", f"sum {float((activation * gradient).sum()):+.3g}"
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
    return figure(render(values, limit or 1.0), title, f"{detail}, scale ±{limit:.3g}")
