"""Regions: which pixels are asked about. Frozen, hashable, compared by value."""

from segcam_widgets.core.regions.base import Region
from segcam_widgets.core.regions.drawn import Brush, Everything, Mask, Pixel, Polygon, Rectangle
from segcam_widgets.core.regions.labelled import (
    Border,
    Component,
    Errors,
    PredictedClass,
    TruthClass,
)

__all__ = [
    "Border",
    "Brush",
    "Component",
    "Errors",
    "Everything",
    "Mask",
    "Pixel",
    "Polygon",
    "PredictedClass",
    "Rectangle",
    "Region",
    "TruthClass",
]
