"""The panel for a picture of one's own, with a visible choice of how it is fitted to the model."""

import io
from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets as W

from segcam_widgets.ui.controls.probes import ProbeSource, Sources
from segcam_widgets.ui.page import html as words

Opener = Callable[[Any, str, str], ProbeSource | Sequence[ProbeSource]]
"""``opener(file, fit, value_range)`` -> a probe, or several or functions that open one: one per tile, say."""

FITS = [("as it is", "exact"), ("resize", "resize"), ("shrink and pad", "pad"), ("cut into tiles", "tile")]


class UploadPanel(W.VBox):
    """A file button with the two choices that turn a picture into the model's input.

    Parameters
    ----------
    opener : callable
        ``opener(file, fit, value_range)`` -> a probe, or several or functions that open one.
    value_range : str
        What is chosen at first.
    on_open : callable
        ``on_open(images, name)``, the first of them opened.
    on_error : callable
        ``on_error(message)``.
    """

    def __init__(
        self,
        opener: Opener,
        value_range: str,
        on_open: Callable[[Sources, str], None],
        on_error: Callable[[str], None],
    ) -> None:
        self._opener, self._on_open, self._on_error = opener, on_open, on_error
        style = {"description_width": "initial"}
        self.fit = W.Dropdown(
            options=FITS, value="resize", description="Other sizes", tooltip="How a picture of another size is fitted",
            style=style, layout=W.Layout(width="auto"),
        )  # fmt: skip
        self.value_range = W.Dropdown(
            options=["0-1", "0-255", "-1-1"], value=value_range, description="Input values",
            tooltip="The range of values the model was trained on", style=style, layout=W.Layout(width="auto"),
        )  # fmt: skip
        self.file = W.FileUpload(
            accept="image/*",
            description="Choose a picture",
            tooltip="PNG, JPEG or TIFF",
            layout=W.Layout(width="180px"),
        )
        row = W.HBox([self.file, self.fit, self.value_range], layout=W.Layout(flex_flow="row wrap"))
        super().__init__([row])
        self.file.observe(self._uploaded, "value")

    def _uploaded(self, change: Any) -> None:
        if not change["new"]:
            return
        given = change["new"][0]
        try:
            images = Sources(self._opener(io.BytesIO(bytes(given["content"])), self.fit.value, self.value_range.value))
            images.opened(0)
        except Exception as error:  # an exception in a handler would not be visible
            self._on_error(words.in_words(error))
            return
        finally:
            self.file.value = ()  # the same file can be chosen again
        self._on_open(images, str(given["name"]))
