"""The canvas: a picture, its overlays and the map on top, and a region drawn on it, all in the browser."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from segcam_widgets.ui.canvas.widget import SegmentationCanvas

__all__ = ["SegmentationCanvas"]


def __getattr__(name: str) -> Any:
    """Load the widget when somebody asks for it: the drawing tools beside it need no browser library."""
    if name != "SegmentationCanvas":
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    return importlib.import_module(f"{__name__}.widget").SegmentationCanvas
