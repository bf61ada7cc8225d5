from dataclasses import fields
from types import SimpleNamespace

import numpy as np
import pytest

import segcam_widgets as sc
from segcam_widgets.core.regions.base import Region
from segcam_widgets.ui.canvas.tools import (
    REGION_TOOLS,
    GridMapping,
    checked_shape,
    region_to_shapes,
    shapes_to_region,
)

SAME = GridMapping(display=(40, 60), grid=(40, 60))
HALF = GridMapping(display=(40, 60), grid=(20, 30))
STRETCHED = GridMapping(display=(100, 60), grid=(25, 30))

ISLANDS = np.zeros((40, 60), int)
ISLANDS[5:10, 5:15] = ISLANDS[20:30, 30:50] = 1
PROBE = SimpleNamespace(labels=ISLANDS)


def pixels(region):
    return region.rasterize(PROBE)


def rectangle(x0, y0, x1, y1, op="add"):
    return {"kind": "rectangle", "points": [[x0, y0], [x1, y1]], "op": op}


def test_rows_come_from_y_and_columns_from_x():
    assert STRETCHED.to_grid((6, 40)) == (10, 3)
    assert STRETCHED.to_display(10, 3) == [6, 40]
    assert STRETCHED.cell((0, 0)) == (0, 0)
    assert STRETCHED.cell((60, 100)) == (24, 29), "the far edges belong to the last pixel"
    assert STRETCHED.cell((7.99, 39.99)) == (9, 3)


def test_a_mapping_without_pixels_is_refused():
    with pytest.raises(sc.SegCamError, match="`grid`"):
        GridMapping(display=(4, 4), grid=(0, 4))


def test_a_rectangle_covers_what_was_dragged_in_any_direction():
    region = shapes_to_region([rectangle(30, 20, 10, 4)], HALF)
    assert region == sc.Rectangle(2, 5, 10, 15)


def test_polygon_and_freehand_are_the_same_region():
    points = [[0, 0], [20, 0], [20, 10]]
    by_hand = [shapes_to_region([{"kind": kind, "points": points}], HALF) for kind in ("polygon", "freehand")]
    assert by_hand == [sc.Polygon(((0, 0), (0, 10), (5, 10)))] * 2


def test_the_brush_keeps_its_area_on_a_stretched_grid():
    stroke = {"kind": "brush", "points": [[30, 50]], "radius": 20.0}
    brush = shapes_to_region([stroke], STRETCHED)
    # a disc of 1257 display pixels; the grid has a quarter of the rows and half of the columns
    assert np.pi * brush.radius**2 == pytest.approx(np.pi * 400 / 8)


def test_clicks_name_the_pixel_under_them():
    assert shapes_to_region([{"kind": "segment", "points": [[35.9, 24.1]]}], SAME) == sc.Component(24, 35)
    assert shapes_to_region([{"kind": "pixel", "points": [[60, 40]]}], SAME) == sc.Pixel(39, 59)


def test_shapes_combine_from_the_first_to_the_last():
    shapes = [rectangle(0, 0, 10, 10), rectangle(4, 4, 6, 6, "subtract"), rectangle(0, 0, 10, 5, "intersect")]
    region = shapes_to_region(shapes, SAME)
    assert isinstance(region, Region)
    expected = np.zeros((40, 60), bool)
    expected[:5, :10] = True
    expected[4, 4:6] = False
    np.testing.assert_array_equal(pixels(region), expected)
    assert (pixels(shapes_to_region([*shapes[:2], rectangle(4, 4, 6, 6)], SAME))[4:6, 4:6]).all(), "order counts"


def test_without_shapes_there_is_no_region():
    assert shapes_to_region([], SAME) is None


def test_a_first_shape_that_takes_away_takes_from_the_base():
    hole = [rectangle(0, 0, 10, 10, "subtract")]
    assert shapes_to_region(hole, SAME) == sc.Everything() - sc.Rectangle(0, 0, 10, 10)
    base = sc.PredictedClass(1)
    assert shapes_to_region(hole, SAME, base) == base - sc.Rectangle(0, 0, 10, 10)
    kept = [rectangle(0, 0, 10, 10, "intersect")]
    assert shapes_to_region(kept, SAME) == sc.Rectangle(0, 0, 10, 10)
    assert shapes_to_region(kept, SAME, base) == base & sc.Rectangle(0, 0, 10, 10)


RECTANGLE, TRIANGLE = sc.Rectangle(2.5, 3, 11, 20), sc.Polygon(((1, 1), (30, 8.25), (12, 40)))
BRUSH, PIXEL, SEGMENT = sc.Brush(((5, 5), (20, 30)), 3), sc.Pixel(7, 9), sc.Component(15, 25)


@pytest.mark.parametrize("mapping", [SAME, HALF, STRETCHED], ids=["same", "half", "stretched"])
@pytest.mark.parametrize("region", [RECTANGLE, TRIANGLE, BRUSH, PIXEL, SEGMENT], ids=lambda r: type(r).__name__)
def test_a_region_is_drawn_and_read_back(region, mapping):
    (shape,) = region_to_shapes(region, mapping)
    assert checked_shape(shape) == shape
    again = shapes_to_region([shape], mapping)
    assert type(again) is type(region)
    for field in fields(region):
        np.testing.assert_allclose(getattr(again, field.name), getattr(region, field.name), atol=1e-9)


@pytest.mark.parametrize(
    "region",
    [
        RECTANGLE | TRIANGLE,
        (RECTANGLE | TRIANGLE) - BRUSH,
        ((SEGMENT - RECTANGLE) & TRIANGLE) | PIXEL,
        RECTANGLE | (TRIANGLE | BRUSH),
        RECTANGLE - (TRIANGLE | BRUSH),
        RECTANGLE & (TRIANGLE & BRUSH),
        RECTANGLE | (TRIANGLE - BRUSH),  # a union's order does not matter
        ~RECTANGLE,
        ~(RECTANGLE | BRUSH),
        sc.Everything() - TRIANGLE,
        sc.Everything() & RECTANGLE & TRIANGLE,
    ],
    ids=lambda r: r.describe(),
)
def test_chains_of_shapes_cover_the_same_pixels(region):
    shapes = region_to_shapes(region, SAME)
    assert shapes is not None
    again = shapes_to_region(shapes, SAME)
    assert pixels(region).any()
    np.testing.assert_array_equal(pixels(again), pixels(region))


@pytest.mark.parametrize(
    "region",
    [
        sc.Mask(ISLANDS == 1),
        sc.Everything(),
        sc.PredictedClass(1),
        RECTANGLE | sc.PredictedClass(1),
        (RECTANGLE | BRUSH) & (TRIANGLE | PIXEL),
        RECTANGLE - (TRIANGLE & BRUSH),
        sc.Everything() | RECTANGLE,
        sc.Pixel(40, 0),
        sc.Component(0, -1),
    ],
    ids=lambda r: r.describe(),
)
def test_what_shapes_cannot_say_is_not_drawn(region):
    assert region_to_shapes(region, SAME) is None


def test_the_base_is_understood_in_both_directions():
    base = sc.PredictedClass(1)
    region = (base - RECTANGLE) | BRUSH
    shapes = region_to_shapes(region, SAME, base)
    assert [shape["op"] for shape in shapes] == ["subtract", "add"]
    assert shapes_to_region(shapes, SAME, base) == region
    assert region_to_shapes(base, SAME, base) is None
    assert region_to_shapes(base | BRUSH, SAME, base) is None, "shapes that begin with add forget the base"
    assert region_to_shapes(~RECTANGLE, SAME, base) is None


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ("square", "dicts"),
        ({"kind": "lasso", "points": [[0, 0]]}, "freehand, polygon, rectangle"),
        ({"kind": "rectangel", "points": [[0, 0]]}, "Did you mean 'rectangle'"),
        ({"kind": "pixel", "points": [[0, 0]], "op": "plus"}, "add, subtract, intersect"),
        ({"kind": "pixel", "points": []}, "pairs of finite numbers"),
        ({"kind": "pixel", "points": [[0, float("nan")]]}, "pairs of finite numbers"),
        ({"kind": "pixel", "points": [[0, 1, 2]]}, "pairs of finite numbers"),
        ({"kind": "pixel"}, "pairs of finite numbers"),
        ({"kind": "polygon", "points": [[0, 0], [1, 1]]}, "at least 3"),
        ({"kind": "rectangle", "points": [[0, 0]]}, "at least 2"),
        ({"kind": "brush", "points": [[0, 0]]}, "`radius`"),
        ({"kind": "brush", "points": [[0, 0]], "radius": 0}, "`radius`"),
    ],
)
def test_a_wrong_shape_is_refused_in_words(shape, words):
    with pytest.raises(sc.SegCamError, match=words):
        shapes_to_region([shape], SAME)


def test_every_tool_says_what_the_toolbar_needs():
    assert list(REGION_TOOLS) == ["freehand", "polygon", "rectangle", "brush", "segment", "pixel"]
    for kind, tool in REGION_TOOLS.items():
        assert tool.kind == kind
        assert tool.tooltip.startswith(tool.label + ":")
        assert tool.gesture in {"freehand", "polygon", "rectangle", "brush", "point"}
        assert issubclass(tool.region_type, Region)
    assert len({tool.shortcut for tool in REGION_TOOLS.values()} | {"m", "i"}) == len(REGION_TOOLS) + 2
