"""Lay the explorer's parts out on the page."""

from typing import TYPE_CHECKING, Any

import ipywidgets as W

from segcam_widgets.ui.controls.upload import UploadPanel
from segcam_widgets.ui.page import html as words

if TYPE_CHECKING:
    from segcam_widgets.ui.explorer import SegCamExplorer


def arranged(parts: "SegCamExplorer", upload: UploadPanel | None) -> list[Any]:
    """The explorer's children: what is said, then the picture to the left and all that asks about it to the right."""
    style = W.HTML(words.STYLE, layout=W.Layout(display="none"))
    look = W.Accordion([parts.display], titles=("Display",), selected_index=None)
    panels = [look, parts.channels, parts.evidence, parts.atlas]
    if upload is not None:
        panels.append(W.Accordion([upload], titles=("Your own picture",), selected_index=None))
    left = W.VBox(
        [parts.images, parts.canvas, parts.legend, parts.findings],  # last: nothing below it is moved by its length
        layout=W.Layout(flex="1 1 400px", min_width="280px", max_width="680px"),
    )
    right = W.VBox(
        [parts.region, parts.controls, parts.histogram, *panels, parts.copy],
        layout=W.Layout(flex="1 1 380px", min_width="280px", max_width="720px"),
    )
    body = W.HBox([left, right], layout=W.Layout(flex_flow="row wrap", grid_gap="8px 24px"))
    body.add_class("segcam-body")
    said = W.GridBox([parts.sentence, parts.error, parts.busy])  # in one place: nothing pushes the picture away
    said.add_class("segcam-said")
    return [style, said, body]
