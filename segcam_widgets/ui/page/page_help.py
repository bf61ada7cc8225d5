"""What the explorer adds to the page besides widgets: styles, names for screen readers, keys, reserved space."""

from pathlib import Path

import anywidget
import traitlets

_STATIC = Path(__file__).parent / "static"


class PageHelp(anywidget.AnyWidget):
    """Unseen; put it anywhere inside an explorer and it looks after the whole of it.

    It names sliders and fields that ipywidgets leaves nameless and says what a slider's position stands for, makes the
    headers of accordions buttons that the Tab key reaches, speaks the sentence once it stays as it is, and keeps the
    space that a line in words has once taken, so that nothing below it jumps.

    Attributes
    ----------
    slider_texts : dict
        A slider's label -> what stands at each of its positions.
    leaving : list of str
        Models that are about to be closed: the page is to keep nothing of them.
    """

    # text, not paths: for a file anywidget keeps every widget that was ever made from it
    _esm = (_STATIC / "page.js").read_text(encoding="utf-8")
    _css = (_STATIC / "page.css").read_text(encoding="utf-8")
    leaving = traitlets.List(traitlets.Unicode()).tag(sync=True)
    slider_texts = traitlets.Dict(value_trait=traitlets.List(traitlets.Unicode())).tag(sync=True)

    def __init__(self) -> None:
        super().__init__()
        self.layout.margin = "0"
        self.layout.height = "0"
