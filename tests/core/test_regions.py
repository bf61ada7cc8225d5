"""Regions: which pixels are in, their algebra, their values as keys, their form in JSON."""

import json

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage
from skimage.measure import grid_points_in_poly

import segcam_widgets as sc
from segcam_widgets.core.regions.base import TAGS, region_from_dict
from tests.core.fake_probe import NumpyProbe, Upsample, linear_head
from tests.core.strategies import PROPERTY, places, rectangles, regions, simple_regions

NAMES = ("sky", "tree", "road")
LABELS = np.array(
    [
        [0, 0, 0, 1, 1, 1, 1, 2, 2],
        [0, 0, 1, 1, 1, 1, 2, 2, 2],
        [0, 1, 1, 0, 0, 1, 2, 2, 2],
        [0, 1, 0, 0, 0, 1, 1, 2, 2],
        [1, 1, 0, 0, 1, 1, 1, 2, 0],
        [1, 1, 1, 1, 1, 1, 2, 0, 0],
        [2, 2, 1, 1, 1, 2, 2, 0, 0],
        [2, 2, 2, 1, 2, 2, 0, 0, 0],
    ]
)
TRUTH = np.roll(LABELS, 1, axis=1)
TRUTH[0, :4] = 255  # void: not a class


def scene(labels=LABELS, truth=TRUTH, **more):
    """A probe that predicts these labels."""
    return linear_head(np.eye(3)[labels] * 4, np.eye(3), class_names=NAMES, truth=truth, **more)


PROBE = scene()
SIZE = LABELS.shape


def drawn(*rows):
    """A mask from rows of dots and crosses."""
    return np.array([[c == "x" for c in row] for row in rows])


def on_grid(region, height, width):
    return region.rasterize(scene(np.zeros((height, width), int), None))


# ------------------------------------------------------------------ shapes


def test_the_scene_predicts_its_labels():
    np.testing.assert_array_equal(PROBE.labels, LABELS)


@pytest.mark.parametrize(
    ("region", "rows"),
    [
        (sc.Pixel(1, 2), ("....", "..x.", "....")),
        (sc.Pixel(-1, 2), ("....", "....", "....")),  # outside: rows do not count from the end
        (sc.Pixel(1, 4), ("....", "....", "....")),
        (sc.Rectangle(0, 1, 2, 3), (".xx.", ".xx.", "....")),
        (sc.Rectangle(-5, 2, 1, 99), ("..xx", "....", "....")),
        (sc.Rectangle(1, 1, 1, 3), ("....", "....", "....")),
        (sc.Rectangle(0.5, 0.5, 1.5, 2.5), ("xx..", "....", "....")),  # centres .5 and 1.5, not 2.5
        (sc.Rectangle(0.51, 0, 3, 4), ("....", "xxxx", "xxxx")),
        (sc.Polygon(((0, 0), (0, 2), (2, 2), (2, 0))), ("xx..", "xx..", "....")),
        (sc.Polygon(((0, 0), (3, 0), (3, 4))), ("x...", "xx..", "xxx.")),
        (sc.Polygon(((0, 0), (3, 0), (3, 3))), ("....", "x...", "xx..")),  # centres on the right edge are not in,
        (sc.Polygon(((0, 0), (0, 3), (3, 3))), ("xxx.", ".xx.", "..x.")),  # they are those of the neighbour
        (sc.Brush(((1.5, 1.5),), 1), (".x..", "xxx.", ".x..")),
        (sc.Brush(((0.5, 0.5), (0.5, 3.5)), 0.5), ("xxxx", "....", "....")),
        (sc.Brush(((1, 1),), 0.7), ("....", "....", "....")),  # the corner of four pixels, none of their centres
        (sc.Brush(((1, 1),), 0.8), ("xx..", "xx..", "....")),
        (sc.Everything(), ("xxxx", "xxxx", "xxxx")),
        (~sc.Rectangle(0, 0, 2, 4), ("....", "....", "xxxx")),
    ],
)
def test_pixels_of_a_shape(region, rows):
    np.testing.assert_array_equal(on_grid(region, 3, 4), drawn(*rows))


def test_even_odd():
    star = sc.Polygon(((0, 0), (0, 5), (5, 5), (5, 0), (0, 0), (1, 1), (1, 4), (4, 4), (4, 1), (1, 1)))
    np.testing.assert_array_equal(on_grid(star, 5, 5), drawn("xxxxx", "x...x", "x...x", "x...x", "xxxxx"))


@PROPERTY
@given(rectangles())
def test_a_rectangle_is_the_polygon_of_its_corners(box):
    corners = ((box.top, box.left), (box.top, box.right), (box.bottom, box.right), (box.bottom, box.left))
    for turn in (corners, corners[::-1], corners[2:] + corners[:2]):
        np.testing.assert_array_equal(sc.Polygon(turn).rasterize(PROBE), box.rasterize(PROBE))


@PROPERTY
@given(st.lists(st.tuples(st.floats(-2, 14), st.floats(-2, 14)), min_size=3, max_size=8))
def test_a_polygon_as_scikit_image_fills_it(points):
    # both are even-odd; they may differ where a centre lies on an edge or within rounding of one
    ours = on_grid(sc.Polygon(points), 12, 12)
    theirs = grid_points_in_poly((12, 12), np.array(points) - 0.5)
    ends = np.roll(points, -1, axis=0)
    centres = np.stack(np.indices((12, 12)) + 0.5, -1)
    for row, col in np.argwhere(ours != theirs):
        distances = [segment_distance(centres[row, col], np.array(a), b) for a, b in zip(points, ends, strict=True)]
        assert min(distances) < 1e-6


def segment_distance(point, start, end):
    along = end - start
    length2 = along @ along
    t = np.clip((point - start) @ along / length2, 0, 1) if length2 > 0 else 0
    return np.linalg.norm(point - start - t * along)


@PROPERTY
@given(st.lists(st.tuples(st.floats(2, 28), st.floats(2, 28)), min_size=3, max_size=6, unique=True))
def test_the_pixels_of_a_polygon_are_its_area_on_average(points):
    """Shifted by every eighth of a pixel along both axes, the mean count is the area, but for the edge's lattice."""
    centre = np.mean(points, axis=0)
    star = sorted(points, key=lambda p: np.arctan2(*(np.array(p) - centre)))  # by angle: no edge crosses another
    rows, cols = np.array(star).T
    area = abs(rows @ np.roll(cols, 1) - cols @ np.roll(rows, 1)) / 2
    shifts = np.arange(8) / 8
    counts = [on_grid(sc.Polygon(np.add(star, (dr, dc))), 32, 32).sum() for dr in shifts for dc in shifts]
    edge = np.linalg.norm(np.array(star) - np.roll(star, -1, axis=0), axis=1).sum()
    assert np.mean(counts) == pytest.approx(area, abs=(edge + 2 * len(star)) / 8)


def test_a_circle_of_many_corners_has_the_area_of_a_circle():
    angles = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    circle = sc.Polygon(np.stack([60.3 + 50 * np.sin(angles), 59.8 + 50 * np.cos(angles)], -1))
    assert on_grid(circle, 120, 120).sum() == pytest.approx(np.pi * 50**2, rel=2e-3)


@PROPERTY
@given(st.lists(st.tuples(places, places), min_size=0, max_size=5))
def test_two_polygons_that_share_a_ragged_edge_neither_overlap_nor_leave_a_gap(edge):
    # the edge runs from the top left to the bottom right of a box that holds everything
    path = ((-4, -4), *edge, (13, 13))
    lower = sc.Polygon((*path, (13, -4))).rasterize(PROBE)
    upper = sc.Polygon((*path, (-4, 13))).rasterize(PROBE)
    np.testing.assert_array_equal(lower, ~upper)


@PROPERTY
@given(st.lists(st.tuples(places, places), min_size=1, max_size=4), st.floats(0.125, 5, width=32))
def test_a_brush_is_what_lies_within_its_radius(points, radius):
    mask = sc.Brush(points, radius).rasterize(PROBE)
    ends = points[1:] or points
    for row, col in np.ndindex(SIZE):
        centre = np.array([row + 0.5, col + 0.5])
        distance = min(segment_distance(centre, np.array(a), np.array(b)) for a, b in zip(points, ends, strict=False))
        assert mask[row, col] == (distance <= radius) or distance == pytest.approx(radius, rel=1e-6)


# ------------------------------------------------------------------ from prediction and truth


@pytest.mark.parametrize(("index", "name"), tuple(enumerate(NAMES)))
def test_predicted_and_true_class_by_index_and_by_name(index, name):
    for given_ in (index, name, np.int64(index), np.str_(name)):
        np.testing.assert_array_equal(sc.PredictedClass(given_).rasterize(PROBE), index == LABELS)
        np.testing.assert_array_equal(sc.TruthClass(given_).rasterize(PROBE), index == TRUTH)


def test_several_sigmoids_have_a_mask_each():
    logits = np.array([[[3.0, 2.0, -1.0], [-1.0, -2.0, -3.0]]])
    probe = linear_head(logits, np.eye(3), class_names=NAMES, multilabel=True)
    masks = [sc.PredictedClass(name).rasterize(probe).tolist() for name in NAMES]
    assert masks == [[[True, False]], [[True, False]], [[False, False]]]  # the first pixel is both, the second neither
    assert probe.labels.tolist() == [[0, -1]]


@PROPERTY
@given(hnp.arrays(np.int64, (6, 6), elements=st.integers(0, 2)), st.integers(0, 5), st.integers(0, 5))
def test_a_component_is_what_a_walk_reaches(labels, row, col):
    reached, waiting = set(), [(row, col)]
    while waiting:
        place = waiting.pop()
        if place in reached or labels[place] != labels[row, col]:
            continue
        reached.add(place)
        r, c = place
        waiting += [p for p in ((r + 1, c), (r - 1, c), (r, c + 1), (r, c - 1)) if 0 <= p[0] < 6 and 0 <= p[1] < 6]
    mask = sc.Component(row, col).rasterize(scene(labels, None))
    assert {tuple(place) for place in np.argwhere(mask).tolist()} == reached


@pytest.mark.parametrize("place", [(-1, 0), (0, -1), (8, 0), (0, 9)])
def test_a_component_outside_the_image_is_empty(place):
    assert not sc.Component(*place).rasterize(PROBE).any()


def test_errors_leave_void_out():
    wrong = sc.Errors("sky", "false_positive").rasterize(PROBE)
    missed = sc.Errors("sky", "false_negative").rasterize(PROBE)
    known = TRUTH != 255
    np.testing.assert_array_equal(wrong, known & (LABELS == 0) & (TRUTH != 0))
    np.testing.assert_array_equal(missed, known & (LABELS != 0) & (TRUTH == 0))
    assert wrong.any()
    assert missed.any()
    assert (LABELS[0, :4] == 0).any()  # void pixels predicted as sky there are


@PROPERTY
@given(hnp.arrays(bool, (7, 9)), st.integers(1, 10))
def test_a_border_is_within_the_chessboard_distance_of_a_pixel_outside(mask, width):
    border = sc.Border(sc.Mask(mask), width).rasterize(scene(np.zeros((7, 9), int), None))
    near = ndimage.binary_dilation(~mask, np.ones((2 * width + 1, 2 * width + 1)))
    np.testing.assert_array_equal(border, mask & near)


def test_the_images_edge_makes_no_border():
    np.testing.assert_array_equal(
        on_grid(sc.Border(sc.Rectangle(0, 0, 3, 4), 1), 5, 5), drawn("...x.", "...x.", "xxxx.", ".....", ".....")
    )
    assert not on_grid(sc.Border(sc.Everything(), 99), 5, 5).any()


def test_regions_live_on_the_grid_of_the_logits_not_of_the_input():
    probe = NumpyProbe(np.ones((3, 4, 2)), [("up", Upsample(5), "image")])
    assert sc.Everything().rasterize(probe).shape == (15, 20)


# ------------------------------------------------------------------ algebra and values


@PROPERTY
@given(regions(), regions())
def test_set_algebra(a, b):
    x, y = a.rasterize(PROBE), b.rasterize(PROBE)
    assert x.shape == SIZE
    assert x.dtype == bool
    np.testing.assert_array_equal((a | b).rasterize(PROBE), x | y)
    np.testing.assert_array_equal((a & b).rasterize(PROBE), x & y)
    np.testing.assert_array_equal((a - b).rasterize(PROBE), x & ~y)
    np.testing.assert_array_equal((~a).rasterize(PROBE), ~x)
    np.testing.assert_array_equal((~(a | b)).rasterize(PROBE), (~a & ~b).rasterize(PROBE))


@PROPERTY
@given(regions())
def test_json_and_back(region):
    again = region_from_dict(json.loads(json.dumps(region.to_dict())))
    assert again == region
    assert hash(again) == hash(region)
    np.testing.assert_array_equal(again.rasterize(PROBE), region.rasterize(PROBE))


def test_every_kind_of_region_is_drawn_by_these_tests():
    assert set(simple_regions()) | {"border", "union", "intersection", "difference", "complement"} == set(TAGS)


@pytest.mark.parametrize(
    ("one", "same"),
    [
        (sc.Rectangle(0, 0, 2, 2), sc.Rectangle(0.0, np.float32(0), np.int64(2), 2.0)),
        (sc.Polygon([[0, 0], [0, 2], [2, 2]]), sc.Polygon(np.array([[0, 0], [0, 2], [2, 2.0]]))),
        (sc.Pixel(1, 2), sc.Pixel(np.uint8(1), np.int32(2))),
        (sc.Brush(((1, 1),), 2), sc.Brush([np.array([1.0, 1.0])], 2.0)),
        (sc.Mask([[0, 1]]), sc.Mask(np.array([[False, True]]))),
        (sc.PredictedClass(1), sc.PredictedClass(np.int16(1))),
        (sc.Pixel(0, 0) | sc.Pixel(1, 1), sc.Pixel(0, 0) | sc.Pixel(1, 1)),
    ],
)
def test_equal_values_are_equal_keys(one, same):
    assert one == same
    assert {one: "found"}[same] == "found"
    assert repr(one) == repr(same)


def test_kinds_are_not_mixed_up():
    assert sc.PredictedClass(1) != sc.TruthClass(1)
    assert sc.Pixel(1, 2) != sc.Component(1, 2)
    assert sc.Mask([[0, 1, 0, 1]]) != sc.Mask([[0, 1], [0, 1]])  # the same bits in another shape


def test_a_mask_is_a_copy():
    array = np.zeros((2, 3), bool)
    region = sc.Mask(array)
    before = hash(region)
    array[:] = True
    region.array[:] = True
    assert not region.array.any()
    assert hash(region) == before


@pytest.mark.parametrize("region", [sc.Pixel(1, 2), sc.Rectangle(0, 0, 1, 1), sc.Mask([[1]]), ~sc.Everything()])
def test_regions_cannot_be_changed(region):
    with pytest.raises(AttributeError):
        region.row = 3


@pytest.mark.parametrize(
    ("region", "words"),
    [
        (sc.Pixel(1, 2), "pixel (1, 2)"),
        (sc.Rectangle(0, 1, 2.5, 3), "rectangle of rows 0 to 2.5, columns 1 to 3"),
        (sc.Polygon(((0, 0), (0, 2), (2, 2))), "polygon of 3 corners"),
        (sc.Brush(((0, 0),), 2), "brush stroke of radius 2"),
        (sc.Mask([[1, 0], [1, 1]]), "mask of 3 px"),
        (sc.Everything(), "whole image"),
        (sc.PredictedClass(1), "predicted tree"),
        (sc.PredictedClass(7), "predicted class 7"),
        (sc.TruthClass("road"), "true road"),
        (sc.Component(3, 4), "segment at (3, 4)"),
        (sc.Errors(0), "false positives of sky"),
        (sc.Border(sc.PredictedClass(0), 2), "border of predicted sky, 2 px"),
        (sc.PredictedClass(0) | sc.Pixel(1, 2), "predicted sky or pixel (1, 2)"),
        (sc.Everything() - (sc.Pixel(0, 0) & sc.Pixel(1, 1)), "whole image without (pixel (0, 0) and pixel (1, 1))"),
        (~sc.PredictedClass(0), "all but predicted sky"),
    ],
)
def test_words(region, words):
    assert region.describe(NAMES) == words
