"""Drawing tools: one class each, which turns the canvas's shape into a region and back.

A *shape* is a JSON-able dict in the pixels of the displayed image, x to the right and y down, whole numbers at pixel
corners: ``{"kind": "polygon", "points": [[x, y], ...], "op": "add"}``, a brush also has ``"radius"``. A *region* is in
rows and columns of the logits' grid. This module is the only place where the two meet.

To add a tool, write a class with the attributes of :class:`RegionTool` and register it; the canvas's toolbar reads the
registry.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Literal

from segcam_widgets.core.regions.base import Complement, Difference, Intersection, Region, Union
from segcam_widgets.core.regions.drawn import Brush, Everything, Pixel, Polygon, Rectangle
from segcam_widgets.core.regions.labelled import Component
from segcam_widgets.core.support.registry import Registry
from segcam_widgets.errors import SegCamError, must_be_one_of
from segcam_widgets.ui.canvas.mapping import GridMapping as GridMapping

Shape = dict[str, Any]
Gesture = Literal["freehand", "polygon", "rectangle", "brush", "point"]
OPS = ("add", "subtract", "intersect")


class RegionTool(ABC):
    """One way of drawing.

    Attributes
    ----------
    kind : str
        Name of the tool and of the shapes that it draws.
    label, tooltip : str
        The button's name, and a sentence on how to use it.
    icon : str
        Path data of an SVG line drawing, 24 x 24.
    gesture : {"freehand", "polygon", "rectangle", "brush", "point"}
        How the browser draws it.
    shortcut : str
        The letter that chooses it while the canvas has the focus.
    region_type : type
        Region that it makes.
    """

    kind: ClassVar[str]
    label: ClassVar[str]
    tooltip: ClassVar[str]
    icon: ClassVar[str]
    gesture: ClassVar[Gesture]
    shortcut: ClassVar[str]
    region_type: ClassVar[type[Region]]
    least_points: ClassVar[int] = 1

    @property
    def name(self) -> str:
        """The registry's key: the kind."""
        return self.kind

    @abstractmethod
    def to_region(self, shape: Mapping[str, Any], mapping: GridMapping) -> Region:
        """The region of a drawn shape, its operation aside."""

    @abstractmethod
    def from_region(self, region: Any, mapping: GridMapping) -> Shape:
        """The shape (without "op") that draws a region of this tool's type."""


class FreehandTool(RegionTool):
    """A line drawn around the region and closed by itself."""

    kind = "freehand"
    label = "Freehand"
    tooltip = "Freehand: press and draw around the region; it closes when you let go."
    icon = "M6 15c-3-4 0-10 6-10s9 4 7 8s-7 5-10 4s-2-4 0-4s3 3 1 7"
    gesture: ClassVar[Gesture] = "freehand"
    shortcut = "f"
    region_type = Polygon
    least_points = 3

    def to_region(self, shape: Mapping[str, Any], mapping: GridMapping) -> Region:
        """Polygon through the drawn points."""
        return Polygon(tuple(mapping.to_grid(point) for point in shape["points"]))

    def from_region(self, region: Polygon, mapping: GridMapping) -> Shape:
        """The same points; a region does not tell how its polygon was drawn."""
        return {"kind": self.kind, "points": [mapping.to_display(row, col) for row, col in region.points]}


class PolygonTool(FreehandTool):
    """Corners clicked one after the other."""

    kind = "polygon"
    label = "Polygon"
    tooltip = "Polygon: click corner after corner; click the first one, double-click or press Enter to close."
    icon = "M5 9l8-5l7 7l-4 9H7z"
    gesture: ClassVar[Gesture] = "polygon"
    shortcut = "p"


class RectangleTool(RegionTool):
    """Two opposite corners."""

    kind = "rectangle"
    label = "Rectangle"
    tooltip = "Rectangle: press at one corner and drag to the opposite one."
    icon = "M4 6h16v12H4z"
    gesture: ClassVar[Gesture] = "rectangle"
    shortcut = "r"
    region_type = Rectangle
    least_points = 2

    def to_region(self, shape: Mapping[str, Any], mapping: GridMapping) -> Region:
        """Rectangle between the two corners, in whichever order they came."""
        (row0, col0), (row1, col1) = (mapping.to_grid(point) for point in shape["points"][:2])
        return Rectangle(min(row0, row1), min(col0, col1), max(row0, row1), max(col0, col1))

    def from_region(self, region: Rectangle, mapping: GridMapping) -> Shape:
        """Top left and bottom right corner."""
        points = [mapping.to_display(region.top, region.left), mapping.to_display(region.bottom, region.right)]
        return {"kind": self.kind, "points": points}


class BrushTool(RegionTool):
    """A stroke of a round brush."""

    kind = "brush"
    label = "Brush"
    tooltip = "Brush: paint over the region; the keys [ and ] change the radius."
    icon = "M14 4l6 6l-8 7l-5-5zM7 12c-3 1-2 5-5 7c4 2 9 1 10-2"
    gesture: ClassVar[Gesture] = "brush"
    shortcut = "b"
    region_type = Brush

    def to_region(self, shape: Mapping[str, Any], mapping: GridMapping) -> Region:
        """Stroke through the points; the radius scales by the geometric mean of both axes."""
        points = tuple(mapping.to_grid(point) for point in shape["points"])
        return Brush(points, shape["radius"] * mapping.radius_scale)

    def from_region(self, region: Brush, mapping: GridMapping) -> Shape:
        """The same stroke."""
        points = [mapping.to_display(row, col) for row, col in region.points]
        return {"kind": self.kind, "points": points, "radius": region.radius / mapping.radius_scale}


class SegmentTool(RegionTool):
    """The connected segment of the prediction under a click."""

    kind = "segment"
    label = "Segment"
    tooltip = "Segment: click into the prediction to take the connected segment under the pointer."
    icon = "M4 5l7-1l3 5l-4 6l-6-2zM15 10l5-2l1 9l-7 3l-3-4zM7 9h.01"
    gesture: ClassVar[Gesture] = "point"
    shortcut = "s"
    region_type = Component

    def to_region(self, shape: Mapping[str, Any], mapping: GridMapping) -> Region:
        """Component at the pixel under the point."""
        return Component(*mapping.cell(shape["points"][0]))

    def from_region(self, region: Component, mapping: GridMapping) -> Shape:
        """The centre of the pixel."""
        return {"kind": self.kind, "points": [mapping.to_display(region.row + 0.5, region.col + 0.5)]}


class PixelTool(RegionTool):
    """One pixel of the logits' grid."""

    kind = "pixel"
    label = "Pixel"
    tooltip = "Pixel: click to take a single pixel of the output."
    icon = "M9 9h6v6H9zM12 2v4M12 18v4M2 12h4M18 12h4"
    gesture: ClassVar[Gesture] = "point"
    shortcut = "x"
    region_type = Pixel

    def to_region(self, shape: Mapping[str, Any], mapping: GridMapping) -> Region:
        """The pixel under the point."""
        return Pixel(*mapping.cell(shape["points"][0]))

    def from_region(self, region: Pixel, mapping: GridMapping) -> Shape:
        """The centre of the pixel."""
        return {"kind": self.kind, "points": [mapping.to_display(region.row + 0.5, region.col + 0.5)]}


REGION_TOOLS: Registry[RegionTool] = Registry("kind")
for _tool in (FreehandTool(), PolygonTool(), RectangleTool(), BrushTool(), SegmentTool(), PixelTool()):
    REGION_TOOLS.add(_tool)


def _is_pair(point: Any) -> bool:
    try:
        x, y = point
        return math.isfinite(x) and math.isfinite(y)
    except (TypeError, ValueError):
        return False


def checked_shape(shape: Any) -> Shape:
    """A shape in its plain form: known kind and operation, finite points, a radius where the tool is a brush.

    Raises
    ------
    SegCamError
        Naming what is wrong with it.
    """
    if not isinstance(shape, Mapping):
        raise SegCamError(f"`shapes` must hold dicts with kind, points and op. Received: {shape!r}.")
    tool = REGION_TOOLS.find(shape.get("kind"))
    op = shape.get("op", "add")
    if op not in OPS:
        raise SegCamError(must_be_one_of("op", OPS, op))
    points = shape.get("points")
    if not isinstance(points, Iterable) or not (points := list(points)) or not all(map(_is_pair, points)):
        raise SegCamError(f"`points` of a {tool.kind} must be pairs of finite numbers (x, y). Received: {points!r}.")
    if len(points) < tool.least_points:
        raise SegCamError(f"`points` of a {tool.kind} must be at least {tool.least_points}. Received: {len(points)}.")
    plain: Shape = {"kind": tool.kind, "points": [[_plain(x), _plain(y)] for x, y in points], "op": op}
    if tool.gesture == "brush":
        radius = shape.get("radius")
        if isinstance(radius, bool) or not isinstance(radius, int | float) or not 0 < radius < math.inf:
            raise SegCamError(f"`radius` of a {tool.kind} must be a number above zero. Received: {radius!r}.")
        plain["radius"] = _plain(radius)
    return plain


def _plain(number: Any) -> int | float:
    """A JSON number; whole ones as int, which is what the browser sends."""
    return int(number) if float(number).is_integer() else float(number)


def shapes_to_region(
    shapes: Iterable[Mapping[str, Any]], mapping: GridMapping, base: Region | None = None
) -> Region | None:
    """Combine shapes from the first to the last: add is a union, subtract a difference, intersect an intersection.

    Parameters
    ----------
    shapes : iterable of dict
        As the canvas's trait `shapes` holds them.
    mapping : GridMapping
    base : Region, optional
        What the first shape is subtracted from or intersected with, if it is not added; default the whole image.

    Returns
    -------
    Region or None
        None where nothing is drawn.
    """
    region: Region | None = None
    for given in shapes:
        shape = checked_shape(given)
        part = REGION_TOOLS[shape["kind"]].to_region(shape, mapping)
        if shape["op"] == "add":
            region = part if region is None else region | part
        elif shape["op"] == "subtract":
            region = (region or base or Everything()) - part
        elif region is None and base is None:
            region = part
        else:
            region = (region or base or Everything()) & part
    return region


def region_to_shapes(region: Region, mapping: GridMapping, base: Region | None = None) -> list[Shape] | None:
    """The shapes that draw a region, such that :func:`shapes_to_region` makes the same pixels of them.

    Returns
    -------
    list of dict, or None
        None where shapes cannot say it: a mask, a class's pixels, errors, the whole image, and combinations that are
        not a chain of drawn shapes.
    """
    shapes = _chain(region, mapping, base or Everything())
    return shapes or None  # an empty chain is the base itself: nothing to draw


def _chain(region: Region, mapping: GridMapping, base: Region) -> list[Shape] | None:
    if region == base:
        return []
    if isinstance(region, Complement):  # what is left of the whole image
        return _joined([], "subtract", region.region, mapping) if base == Everything() else None
    if isinstance(region, Union | Intersection | Difference):
        op = {Union: "add", Intersection: "intersect", Difference: "subtract"}[type(region)]
        sides = [(region.left, region.right)]
        if op != "subtract":
            sides.append((region.right, region.left))  # the order does not matter to these two
        for first, second in sides:
            before = _chain(first, mapping, base)
            # "base | part" would be read as the part alone: a chain that begins with add forgets the base
            if before is not None and (before or op != "add"):
                joined = _joined(before, op, second, mapping)
                if joined is not None:
                    return joined
        return None
    shape = _leaf(region, mapping, "add")
    return None if shape is None else [shape]


def _joined(before: list[Shape], op: str, region: Region, mapping: GridMapping) -> list[Shape] | None:
    """`before` followed by `region` under `op`: one shape, or several where the set algebra allows to unfold it.

    A | (B | C) == A | B | C;  A - (B | C) == A - B - C;  A & (B & C) == A & B & C.
    """
    unfolds = Intersection if op == "intersect" else Union
    if isinstance(region, unfolds):
        left = _joined(before, op, region.left, mapping)
        return None if left is None else _joined(left, op, region.right, mapping)
    shape = _leaf(region, mapping, op)
    return None if shape is None else [*before, shape]


def _leaf(region: Region, mapping: GridMapping, op: str) -> Shape | None:
    """One region as one shape; a polygon is drawn as one, with handles, however it came about."""
    tools = (REGION_TOOLS[kind] for kind in REGION_TOOLS if kind != FreehandTool.kind)
    tool = next((tool for tool in tools if type(region) is tool.region_type), None)
    if tool is None:
        return None
    shape = checked_shape(tool.from_region(region, mapping) | {"op": op})
    # a pixel that is not on the grid has no place in the picture; to click at the edge would mean another one
    if tool.gesture == "point" and tool.to_region(shape, mapping) != region:
        return None
    return shape
