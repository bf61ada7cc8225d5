"""Regions that are drawn: frozen shapes in rows and columns, turned into pixels by `rasterize`."""

import base64
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike

from segcam_widgets.core.probe import Probe
from segcam_widgets.core.regions.base import BoolMask, Region, grid
from segcam_widgets.core.regions.raster import brush_mask, polygon_mask
from segcam_widgets.core.support.checks import FARTHEST, coordinate, whole_number
from segcam_widgets.errors import SegCamError, shown

Points = tuple[tuple[float, float], ...]


def _points(value: object, argument: str, least: int) -> Points:
    try:
        pairs = [(row, col) for row, col in value]  # type: ignore[attr-defined]
    except (TypeError, ValueError) as error:
        raise SegCamError(f"`{argument}` must be a sequence of (row, col) pairs. Received: {shown(value)}.") from error
    if len(pairs) < least:
        raise SegCamError(f"`{argument}` must have at least {least} (row, col) pairs. Received: {len(pairs)}.")
    return tuple((coordinate(row, argument), coordinate(col, argument)) for row, col in pairs)


@dataclass(frozen=True)
class Pixel(Region):
    """One pixel."""

    row: int
    col: int
    tag: ClassVar[str] = "pixel"

    def __post_init__(self) -> None:
        for f in fields(self):
            value = whole_number(getattr(self, f.name), f.name, "a whole number of pixels")
            object.__setattr__(self, f.name, value)

    def rasterize(self, probe: Probe) -> BoolMask:
        """(H, W) bool; a pixel outside the image is none. Negative numbers do not count from the end."""
        mask = np.zeros(grid(probe), bool)
        if 0 <= self.row < mask.shape[0] and 0 <= self.col < mask.shape[1]:
            mask[self.row, self.col] = True
        return mask

    def describe(self, class_names: tuple[str, ...] = ()) -> str:
        """Where it is."""
        return f"pixel ({self.row}, {self.col})"


@dataclass(frozen=True)
class Rectangle(Region):
    """Half-open box, like numpy slices: rows top to bottom - 1. With fractions a pixel is in if its centre is.

    What lies outside the image is cut off; negative numbers are outside, they do not count from the end.
    """

    top: float
    left: float
    bottom: float
    right: float
    tag: ClassVar[str] = "rectangle"

    def __post_init__(self) -> None:
        for f in fields(self):
            object.__setattr__(self, f.name, coordinate(getattr(self, f.name), f.name))
        for low, high in (("top", "bottom"), ("left", "right")):
            first, last = getattr(self, low), getattr(self, high)
            if first > last:
                raise SegCamError(f"`{high}` must not be below `{low}`. Received: {low}={first}, {high}={last}.")

    def rasterize(self, probe: Probe) -> BoolMask:
        """(H, W) bool."""
        height, width = grid(probe)
        rows, cols = np.arange(height) + 0.5, np.arange(width) + 0.5
        return ((rows >= self.top) & (rows < self.bottom))[:, None] & ((cols >= self.left) & (cols < self.right))

    def describe(self, class_names: tuple[str, ...] = ()) -> str:
        """Its rows and columns."""
        return f"rectangle of rows {self.top:g} to {self.bottom:g}, columns {self.left:g} to {self.right:g}"


@dataclass(frozen=True)
class Polygon(Region):
    """Closed polygon in pixel-corner coordinates; a pixel is in if its centre is, by the even-odd rule."""

    points: Points
    tag: ClassVar[str] = "polygon"

    def __post_init__(self) -> None:
        object.__setattr__(self, "points", _points(self.points, "points", 3))

    def rasterize(self, probe: Probe) -> BoolMask:
        """(H, W) bool."""
        return polygon_mask(np.asarray(self.points, float), grid(probe))

    def describe(self, class_names: tuple[str, ...] = ()) -> str:
        """Its number of corners."""
        return f"polygon of {len(self.points)} corners"


@dataclass(frozen=True)
class Brush(Region):
    """A stroke: pixels whose centre is within `radius` of the line through the points (pixel-corner coordinates)."""

    points: Points
    radius: float
    tag: ClassVar[str] = "brush"

    def __post_init__(self) -> None:
        object.__setattr__(self, "points", _points(self.points, "points", 1))
        object.__setattr__(self, "radius", coordinate(self.radius, "radius"))
        if self.radius <= 0:
            raise SegCamError(f"`radius` must be above zero. Received: {self.radius}.")

    def rasterize(self, probe: Probe) -> BoolMask:
        """(H, W) bool."""
        return brush_mask(np.asarray(self.points, float), self.radius, grid(probe))

    def describe(self, class_names: tuple[str, ...] = ()) -> str:
        """Its width."""
        return f"brush stroke of radius {self.radius:g}"


@dataclass(frozen=True, init=False, repr=False)
class Mask(Region):
    """Any set of pixels, from a bool array (H, W). The array is copied; regions stay immutable and hashable.

    Attributes
    ----------
    shape : tuple of int
        (H, W).
    bits : bytes
        Row by row, eight pixels a byte.
    """

    shape: tuple[int, int]
    bits: bytes
    tag: ClassVar[str] = "mask"

    def __init__(self, array: ArrayLike) -> None:
        try:
            values = np.asarray(array)
            fits = values.ndim == 2 and values.dtype.kind in "buif" and bool(np.isin(values, (0, 1)).all())
        except (TypeError, ValueError):  # a ragged list
            fits, values = False, np.zeros(0)
        if not fits:
            got = f"shape {values.shape}, dtype {values.dtype}" if values.size else shown(array)
            raise SegCamError(f"`array` must be a 2-D mask of booleans (or zeros and ones). Received: {got}.")
        object.__setattr__(self, "shape", (int(values.shape[0]), int(values.shape[1])))
        object.__setattr__(self, "bits", np.packbits(values.astype(bool)).tobytes())

    @property
    def array(self) -> BoolMask:
        """(H, W) bool, a fresh copy."""
        count = self.shape[0] * self.shape[1]
        return np.unpackbits(np.frombuffer(self.bits, np.uint8), count=count).astype(bool).reshape(self.shape)

    def rasterize(self, probe: Probe) -> BoolMask:
        """(H, W) bool. Raises SegCamError where the mask was made for a grid of another size."""
        if self.shape != grid(probe):
            raise SegCamError(
                f"`region` must be a mask of the logits' grid, shape {grid(probe)}. "
                f"Received: a mask of shape {self.shape}."
            )
        return self.array

    def to_dict(self) -> dict[str, Any]:
        """Shape and packed bits, compressed."""
        packed = base64.b64encode(zlib.compress(self.bits)).decode()
        return {"type": self.tag, "shape": list(self.shape), "bits": packed}

    @classmethod
    def from_fields(cls, given: Mapping[str, Any]) -> Self:
        """Read `to_dict`'s fields; more bits than the shape has pixels are refused before they are unpacked."""
        height, width = (whole_number(n, "shape", least=0) for n in given["shape"])
        if height * width > FARTHEST:
            raise ValueError("no mask is this large")
        size = (height * width + 7) // 8
        try:
            unpacker = zlib.decompressobj()
            bits = unpacker.decompress(base64.b64decode(given["bits"], validate=True), size + 1)
        except zlib.error as error:
            raise ValueError("bits are damaged") from error
        if len(bits) != size:
            raise ValueError("bits do not fit the shape")
        return cls(np.unpackbits(np.frombuffer(bits, np.uint8), count=height * width).reshape(height, width))

    def describe(self, class_names: tuple[str, ...] = ()) -> str:
        """Its size."""
        return f"mask of {int(self.array.sum())} px"

    def __repr__(self) -> str:
        return f"Mask({int(self.array.sum())} of {self.shape[0]} x {self.shape[1]} px)"


@dataclass(frozen=True)
class Everything(Region):
    """The whole image."""

    tag: ClassVar[str] = "everything"

    def rasterize(self, probe: Probe) -> BoolMask:
        """(H, W) bool."""
        return np.ones(grid(probe), bool)

    def describe(self, class_names: tuple[str, ...] = ()) -> str:
        """The whole image."""
        return "whole image"
