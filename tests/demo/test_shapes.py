import numpy as np
import pytest
from scipy import ndimage

from segcam_widgets.demo import shapes
from segcam_widgets.demo.mosaics import to_bytes, to_unit
from segcam_widgets.errors import SegCamError


def test_the_same_seed_draws_the_same_pictures_and_another_seed_others():
    images, truth = shapes.make_shapes(2, 64, seed=7)
    again, truth_again = shapes.make_shapes(2, 64, seed=7)
    other, _ = shapes.make_shapes(2, 64, seed=8)
    np.testing.assert_array_equal(images, again)
    np.testing.assert_array_equal(truth, truth_again)
    assert (images != other).mean() > 0.9


def test_a_generator_is_advanced():
    rng = np.random.default_rng(7)
    first, _ = shapes.make_shapes(1, 64, seed=rng)
    second, _ = shapes.make_shapes(1, 64, seed=rng)
    assert (first != second).any()


def test_shapes_types_range_and_eight_bits():
    images, truth = shapes.make_shapes(3, (80, 64), seed=0)
    assert images.shape == (3, 80, 64, 1)
    assert images.dtype == np.float32
    assert truth.shape == (3, 80, 64)
    assert truth.dtype == np.uint8
    assert images.min() >= 0
    assert images.max() <= 1
    np.testing.assert_array_equal(to_unit(to_bytes(images)), images)


@pytest.mark.parametrize("size", [64, 128])
def test_what_is_labelled_are_discs_of_the_stated_size(size):
    """Each connected piece of the truth fills its bounding square as a disc does: pi / 4 of it."""
    _, truth = shapes.make_shapes(12, size, seed=3)
    assert set(np.unique(truth)) == {0, 1}
    for one in truth:
        labels, count = ndimage.label(one)
        assert count >= 1
        for index, (rows, cols) in enumerate(ndimage.find_objects(labels), start=1):
            height, width = rows.stop - rows.start, cols.stop - cols.start
            assert abs(height - width) <= 1
            assert 2 * shapes.RADII[0] - 2 <= height <= 2 * shapes.RADII[1] + 1
            area = (labels == index).sum()
            assert area == pytest.approx(np.pi / 4 * height * width, rel=0.1)  # a square: 1, a triangle: about a half
            assert (rows.start, cols.start) >= (2, 2)
            assert max(rows.stop, cols.stop) <= size - 2


@pytest.mark.parametrize("sides", [0, *shapes.SIDES])
def test_all_kinds_have_the_same_area_and_reach(sides):
    shape = shapes._Shape(row=32.3, col=31.6, radius=12.0, sides=sides, turn=0.4)
    inside = shapes._inside(shape, 64, 64)
    assert (inside > 0).sum() == pytest.approx(np.pi * 12**2, rel=0.02)
    rows, cols = np.nonzero(inside > 0)
    furthest = np.hypot(rows + 0.5 - 32.3, cols + 0.5 - 31.6).max()
    assert shape.reach - 1.5 <= furthest <= shape.reach


def test_there_is_always_a_shape_that_is_no_circle():
    rng = np.random.default_rng(0)
    for _ in range(50):
        drawn = shapes._shapes(rng, 64, 64)
        assert {0} < {shape.sides for shape in drawn}
        for index, one in enumerate(drawn):
            for other in drawn[index + 1 :]:
                apart = np.hypot(one.row - other.row, one.col - other.col)
                assert apart >= one.reach + other.reach + shapes.GAP


@pytest.mark.parametrize(("count", "size"), [(-1, 64), (1, 63), (1, (64, 20)), (1, 0)])
def test_arguments_out_of_range(count, size):
    with pytest.raises(SegCamError, match=r"each side of `size` must be at least 64\. Received: "):
        shapes.make_shapes(count, size, seed=0)
