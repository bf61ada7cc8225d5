"""The one canvas: a picture, its overlays and the map over it, and a region drawn on it, all by the browser."""

from segcam_widgets.ui.canvas.widget import SegmentationCanvas

__all__ = ["SegmentationCanvas"]
