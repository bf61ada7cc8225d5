"""The canvas: a picture, its overlays and the map on top, and a region drawn on it, all in the browser."""

from segcam_widgets.ui.canvas.widget import SegmentationCanvas

__all__ = ["SegmentationCanvas"]
