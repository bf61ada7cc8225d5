"""Where a picture lies in a model's input: there and back."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from segcam_widgets.core.grid import resize_bilinear
from segcam_widgets.core.placement import Placement


def test_a_resized_map_comes_back_as_resizing_does():
    place = Placement.whole((30, 50), (16, 24))
    field = np.random.default_rng(0).normal(size=(16, 24)).astype(np.float32)
    np.testing.assert_allclose(place.to_picture(field), resize_bilinear(field, (30, 50)), atol=1e-5)
    coarse = field[::4, ::4]  # the logits' grid may be coarser than the input
    np.testing.assert_allclose(place.to_picture(coarse), resize_bilinear(coarse, (30, 50)), atol=1e-5)


def test_padding_is_left_behind():
    """20 x 40 shrunk to 8 x 16 at the top of 16 x 16: rows 8 to 15 are no part of the picture."""
    place = Placement((20, 40), (0, 0, 20, 40), (16, 16), (0, 0, 8, 16))
    field = np.zeros((16, 16), np.float32)
    field[8:] = 100
    back = place.to_picture(field)
    assert back.shape == (20, 40)
    assert back[:18].max() == 0
    assert place.to_grid(10, 20, (16, 16)) == (4, 8)
    assert place.to_grid(10, 20, (4, 4)) == (1, 2)
    mask = np.ones((20, 40), bool)
    seen = place.mask_to_grid(mask, (16, 16))
    assert seen[:8].all()
    assert not seen[8:].any()


def test_a_tile_knows_its_own_part_only():
    place = Placement((20, 40), (4, 24, 20, 40), (16, 16), (0, 0, 16, 16))
    field = np.random.default_rng(0).normal(size=(16, 16)).astype(np.float32)
    back = place.to_picture(field)
    np.testing.assert_array_equal(back[4:20, 24:40], field)
    assert np.isnan(back).sum() == 20 * 40 - 16 * 16
    assert place.to_grid(4, 24, (16, 16)) == (0, 0)
    mask = np.zeros((20, 40), bool)
    mask[5:7, 20:30] = True
    expected = np.zeros((16, 16), bool)
    expected[1:3, :6] = True
    np.testing.assert_array_equal(place.mask_to_grid(mask, (16, 16)), expected)
    assert not place.is_identity
    assert Placement.whole((8, 9), (8, 9)).is_identity


@given(
    picture=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    grid=st.tuples(st.integers(1, 40), st.integers(1, 40)),
)
def test_a_constant_map_stays_constant_and_a_whole_mask_whole(picture, size, grid):
    place = Placement.whole(picture, size)
    np.testing.assert_allclose(place.to_picture(np.full(grid, -2.5)), np.full(picture, -2.5), rtol=1e-5)
    assert place.mask_to_grid(np.ones(picture, bool), grid).all()
    assert place.to_grid(0, 0, grid) == (0, 0)
    assert place.to_grid(*picture, grid) == pytest.approx(grid)


@pytest.mark.parametrize("axis", [0, 1])
def test_a_mask_goes_where_its_corners_go(axis):
    """Half of the picture is half of the grid, whatever the two sizes."""
    place = Placement.whole((32, 48), (64, 64))
    mask = np.zeros((32, 48), bool)
    mask[(slice(0, 16), slice(None)) if axis == 0 else (slice(None), slice(0, 24))] = True
    seen = place.mask_to_grid(mask, (8, 8))
    assert seen.mean() == 0.5
    assert seen[:4].all() if axis == 0 else seen[:, :4].all()
