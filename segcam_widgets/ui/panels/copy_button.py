"""A button that copies a text."""

from pathlib import Path

import anywidget
import traitlets

_CSS = """
.segcam-copy textarea { display: block; width: 100%; box-sizing: border-box; margin-top: 4px; font-family: monospace;
  font-size: 12px; color: var(--jp-ui-font-color1, #212121); background: var(--jp-layout-color2, #f5f5f5);
  border: 1px solid var(--jp-border-color1, #bbb); }
.segcam-copy textarea[hidden] { display: none; }
.segcam-copy-button { padding: 0 12px; line-height: 28px; border: 1px solid var(--jp-border-color1, #bbb); cursor: pointer;
  color: var(--jp-ui-font-color1, #212121); background: var(--jp-layout-color2, #eee); }
"""


class CopyButton(anywidget.AnyWidget):
    """Puts `text` on the clipboard, and shows it below.

    Attributes
    ----------
    title : str
        On the button.
    text : str
        What is copied.
    """

    # text, not a path: for a file anywidget keeps every widget that was ever made from it
    _esm = (Path(__file__).parent / "static" / "copy.js").read_text(encoding="utf-8")
    _css = _CSS
    title = traitlets.Unicode("Copy code").tag(sync=True)
    text = traitlets.Unicode("").tag(sync=True)
