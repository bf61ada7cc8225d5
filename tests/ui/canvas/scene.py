"""Canvases to draw on, and what they should look like."""

from types import SimpleNamespace

import numpy as np

from segcam_widgets.core.picture.colours import diverging_lut
from segcam_widgets.ui.canvas import SegmentationCanvas

LUT = diverging_lut()


def picture(height, width):
    rows, cols = np.mgrid[0:height, 0:width]
    return np.stack([rows * 255 // height, cols * 255 // width, np.full((height, width), 90)], -1).astype(np.uint8)


def halves(height, width):
    """Class 0 on the left, 1 on the right, 2 in a square in the middle."""
    labels = np.zeros((height, width), int)
    labels[:, width // 2 :] = 1
    labels[height // 3 : height // 2, width // 3 : width // 2] = 2
    return labels


def make(size=(128, 128), grid=None, **traits):
    canvas = SegmentationCanvas(picture(*size), **traits)
    canvas.set_labels(halves(*(grid or size)), names=["sky", "sea", "land"])
    return canvas


def mask_of(canvas, **options):
    grid = tuple(canvas.grid_shape)
    return canvas.region(**options).rasterize(SimpleNamespace(labels=halves(*grid)))


def colours_of(values, limit):
    index = np.floor((values + limit) / (2 * limit) * 255 + 0.5)
    return LUT[np.clip(index, 0, 255).astype(int)].astype(int)


def circle(centre, radius, count=60):
    angle = np.linspace(0, 2 * np.pi, count)
    return [(centre[0] + radius * np.cos(a), centre[1] + radius * np.sin(a)) for a in angle]
