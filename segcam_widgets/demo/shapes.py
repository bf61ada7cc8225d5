"""Pictures of shapes: what the question's network segments. Circles among squares and triangles, drawn from a seed."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from segcam_widgets.demo.mosaics import to_bytes, to_unit
from segcam_widgets.errors import SegCamError

CLASS_NAMES: tuple[str, ...] = ("background", "circle")
"""The two classes that are trained. Squares, triangles and the ground between all shapes are background."""

RADII = (8.0, 14.0)
"""Pixels, smallest and largest radius of a circle; squares and triangles have the area of such a circle."""

GAP = 3.0
"""Pixels that at least lie between two shapes, and between a shape and the edge of the picture."""

ROOM = 350
"""Pixels of the picture for each try to place one more shape."""

CIRCLES = 0.4
"""How often a further shape is tried as a circle: more of them find a place than of those with corners."""

SIDES = (3, 4)
"""Of the shapes that are no circle."""


@dataclass(frozen=True, slots=True)
class _Shape:
    """A circle (0 sides) or a regular polygon with a circle's area; rows, columns and radius in pixels."""

    row: float
    col: float
    radius: float
    sides: int
    turn: float

    @property
    def reach(self) -> float:
        """How far the outline lies from the centre at most."""
        return self.radius * _corner(self.sides)


def make_shapes(
    count: int, size: int | tuple[int, int], *, seed: int | np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Draw seeded pictures, each with at least one circle and one other shape.

    Shapes are lighter or darker than the uneven ground, of any orientation, and do not overlap. Grey, contrast and size
    are drawn alike for all of them, so that only the outline tells a circle from the others.

    Parameters
    ----------
    count : int
        How many.
    size : int or (H, W)
        Pixels, each side at least 64.
    seed : int or numpy Generator
        The same seed draws the same pictures; a Generator is advanced.

    Returns
    -------
    images : ndarray, (count, H, W, 1) float32
        In [0, 1], in steps of 1/255, as the network expects them.
    truth : ndarray, (count, H, W) uint8
        Index into `CLASS_NAMES`.

    Raises
    ------
    SegCamError
        An argument out of its range.
    """
    height, width = (size, size) if isinstance(size, int) else size
    if count < 0 or min(height, width) < 64:
        raise SegCamError(
            f"`count` must not be negative and each side of `size` must be at least 64. Received: {count!r} and {size!r}."
        )
    rng = np.random.default_rng(seed)
    images = np.empty((count, height, width, 1), np.float32)
    truth = np.empty((count, height, width), np.uint8)
    for index in range(count):
        picture, truth[index] = _picture(rng, height, width)
        images[index, ..., 0] = to_unit(to_bytes(picture))
    return images, truth


def _picture(rng: np.random.Generator, height: int, width: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Draw one picture and say where its circles are."""
    ground = ndimage.gaussian_filter(rng.normal(size=(height, width)), 16)
    picture = 0.5 + 0.1 * (ground - ground.mean()) / ground.std()
    circles = np.zeros((height, width), bool)
    for shape in _shapes(rng, height, width):
        inside = _inside(shape, height, width)
        contrast = rng.uniform(0.18, 0.35) * rng.choice((-1, 1))
        picture += contrast * np.clip(inside + 0.5, 0, 1)  # half a pixel on either side: a soft edge
        if not shape.sides:
            circles |= inside > 0
    return picture + rng.normal(0, 0.03, picture.shape), circles


def _shapes(rng: np.random.Generator, height: int, width: int) -> list[_Shape]:
    """Find places for shapes that do not touch: first a circle, then another shape, then as chance will have it."""
    shapes: list[_Shape] = []
    tries = 0
    while tries < height * width // ROOM or len(shapes) < 2:
        tries += 1
        circle = not shapes if len(shapes) < 2 else rng.random() < CIRCLES
        sides = 0 if circle else int(rng.choice(SIDES))
        radius = rng.uniform(*RADII)
        margin = radius * _corner(sides) + GAP
        row, col = rng.uniform(margin, height - margin), rng.uniform(margin, width - margin)
        shape = _Shape(row, col, radius, sides, rng.uniform(0, 2 * np.pi))
        if all(np.hypot(row - other.row, col - other.col) > margin + other.reach for other in shapes):
            shapes.append(shape)
        elif len(shapes) < 2 and tries % 50 == 0:
            shapes.clear()  # the first lies where no second has room
    return shapes


def _corner(sides: int) -> float:
    """How far the corners of a regular polygon lie from its centre, where its area is that of the unit circle."""
    return float(np.sqrt(2 * np.pi / (sides * np.sin(2 * np.pi / sides)))) if sides else 1.0


def _inside(shape: _Shape, height: int, width: int) -> NDArray[np.float64]:
    """(H, W) distance of pixel centres to the outline in pixels, positive inside."""
    rows = np.arange(height)[:, None] + 0.5 - shape.row
    cols = np.arange(width)[None, :] + 0.5 - shape.col
    if not shape.sides:
        return shape.radius - np.hypot(rows, cols)
    apothem = shape.reach * np.cos(np.pi / shape.sides)
    angles = shape.turn + 2 * np.pi * np.arange(shape.sides) / shape.sides
    return apothem - np.max([rows * np.sin(a) + cols * np.cos(a) for a in angles], axis=0)
