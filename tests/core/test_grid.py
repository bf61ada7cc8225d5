"""From one grid to another: upsampling against other libraries, coverage against counting."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from scipy import ndimage

from segcam_widgets.core.grid import coverage, resize_bilinear
from tests.core.strategies import PROPERTY, arrays

sizes = st.tuples(st.integers(1, 9), st.integers(1, 9))
maps = sizes.flatmap(arrays)


@PROPERTY
@given(maps, sizes)
def test_bilinear_is_interpolation_at_half_pixel_centres(values, size):
    centres = [(np.arange(n) + 0.5) * old / n - 0.5 for n, old in zip(size, values.shape, strict=True)]
    places = np.meshgrid(*centres, indexing="ij")
    expected = ndimage.map_coordinates(values, places, order=1, mode="nearest")
    np.testing.assert_allclose(resize_bilinear(values, size), expected, atol=4e-6)


@PROPERTY
@given(maps, st.integers(1, 4), st.integers(1, 4))
def test_bilinear_enlarges_as_pillow_does(values, down, across):
    size = (values.shape[0] * down + 1, values.shape[1] * across + 2)
    picture = Image.fromarray(values.astype(np.float32)).resize(size[::-1], Image.Resampling.BILINEAR)
    np.testing.assert_allclose(resize_bilinear(values, size), np.asarray(picture), atol=4e-6)


@pytest.mark.keras
@pytest.mark.parametrize("size", [(24, 40), (13, 7), (3, 4), (5, 8)])
def test_bilinear_is_tensorflows(size):
    import tensorflow as tf

    values = np.random.default_rng(0).normal(size=(5, 8)).astype(np.float32)
    theirs = tf.image.resize(values[:, :, None], size, "bilinear").numpy()[:, :, 0]
    np.testing.assert_allclose(resize_bilinear(values, size), theirs, atol=1e-6)


def test_bilinear_by_hand():
    np.testing.assert_allclose(resize_bilinear(np.array([[0, 4.0]]), (1, 4)), [[0, 1, 3, 4]])
    np.testing.assert_allclose(
        resize_bilinear(np.array([[0], [-4.0]]), (4, 2)), [[0] * 2, [-1] * 2, [-3] * 2, [-4] * 2]
    )


@PROPERTY
@given(sizes.flatmap(lambda s: arrays((*s, 3))), sizes)
def test_channels_are_resized_one_by_one(values, size):
    together = resize_bilinear(values, size)
    for k in range(3):
        np.testing.assert_allclose(together[:, :, k], resize_bilinear(values[:, :, k], size), atol=1e-5)


def test_the_same_size_is_a_copy():
    values = np.ones((3, 4), np.float32)
    same = resize_bilinear(values, (3, 4))
    same[:] = 0
    assert values.all()


masks = sizes.flatmap(lambda s: hnp.arrays(bool, s))


@PROPERTY
@given(masks, sizes)
def test_coverage_keeps_the_regions_area(mask, size):
    share = coverage(mask, size)
    assert share.shape == size
    assert share.min() >= 0
    assert share.max() <= 1 + 1e-12
    assert share.mean() == pytest.approx(mask.mean(), abs=1e-12)
    np.testing.assert_allclose(share + coverage(~mask, size), 1)


@PROPERTY
@given(masks, st.integers(1, 3), st.integers(1, 3))
def test_coverage_of_whole_blocks_is_their_mean(mask, down, across):
    fine = mask.repeat(down, 0).repeat(across, 1)
    np.testing.assert_allclose(coverage(fine, mask.shape), mask, atol=1e-12)
    # and a layer finer than the logits repeats them
    np.testing.assert_allclose(coverage(mask, fine.shape), fine, atol=1e-12)


def test_coverage_of_a_grid_that_does_not_divide():
    # five pixels over two cells: the third is shared
    np.testing.assert_allclose(coverage(np.array([[0, 0, 1, 1, 0]], bool), (1, 2)), [[0.2, 0.6]])
