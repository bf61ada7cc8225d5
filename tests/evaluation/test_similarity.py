"""How alike two maps are: known answers, and another implementation's."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import stats
from skimage.metrics import structural_similarity

from segcam_widgets.evaluation.similarity import compare, is_flat, pearson, spearman, ssim
from tests.core.strategies import PROPERTY

EVERYTHING = np.ones((20, 20), bool)


def test_known_answers():
    a, b = np.array([1.0, 2, 3, 4]), np.array([1.0, 4, 9, 16])
    assert spearman(a, b) == pytest.approx(1)
    assert spearman(a, -b) == pytest.approx(-1)
    assert pearson(a, b) == pytest.approx(0.9843740386976972)
    assert spearman(np.array([1.0, 2, 2, 3]), a) == pytest.approx(3 / np.sqrt(10))  # ranks 1, 2.5, 2.5, 4


@given(st.integers(0, 2**32))
@PROPERTY
def test_scipy_says_the_same(seed):
    rng = np.random.default_rng(seed)
    a, b = rng.integers(-3, 4, (2, 30)).astype(np.float32)
    assert spearman(a, b) == pytest.approx(stats.spearmanr(a, b).statistic, abs=1e-12)
    assert pearson(a, b) == pytest.approx(stats.pearsonr(a, b).statistic, abs=1e-6)


@given(st.integers(0, 2**32))
@PROPERTY
def test_neither_scale_nor_size_nor_order_of_the_two_matters(seed):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, 20, 20))
    first, scaled, swapped = compare(a, b, EVERYTHING), compare(3 * a, 1e-9 * b, EVERYTHING), compare(b, a, EVERYTHING)
    for name in ("spearman", "pearson", "ssim", "region_spearman"):
        assert getattr(first, name) == pytest.approx(getattr(scaled, name), abs=1e-9)
        assert getattr(first, name) == pytest.approx(getattr(swapped, name), abs=1e-9)
    assert first.spearman == pytest.approx(first.region_spearman)


@given(st.integers(0, 2**32))
@PROPERTY
def test_structural_similarity_is_that_of_scikit_image(seed):
    rng = np.random.default_rng(seed)
    a, b = (values / np.abs(values).max() for values in rng.normal(size=(2, 24, 20)))
    theirs = structural_similarity(
        1 + a, 1 + b, data_range=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    assert ssim(7 * a, b) == pytest.approx(theirs, abs=1e-9)


def test_a_map_its_negative_and_a_small_one():
    a = np.random.default_rng(0).normal(size=(20, 20))
    assert ssim(a, a) == pytest.approx(1)
    assert ssim(a, -a) < 0  # minus times minus is not plus
    assert -1 <= ssim(a[:3, :3], a[3:6, :3]) <= 1  # smaller than its window
    assert ssim(np.zeros((20, 20)), np.zeros((20, 20))) == pytest.approx(1)


@pytest.mark.parametrize(
    "flat", [np.zeros((20, 20)), np.full((20, 20), 1e9), 1 + 1e-9 * np.arange(400.0).reshape(20, 20)]
)
def test_a_constant_map_has_no_order(flat):
    other = np.arange(400.0).reshape(20, 20)
    assert is_flat(flat)
    assert not is_flat(other)
    found = compare(flat, other, EVERYTHING)
    assert np.isnan([found.spearman, found.pearson, found.region_spearman]).all()


def test_inside_the_region_only_its_own_pixels_count():
    a = np.arange(400.0).reshape(20, 20)
    b = a.copy()
    b[:10] *= -1
    mask = np.zeros((20, 20), bool)
    mask[:10] = True
    assert compare(a, b, mask).region_spearman == pytest.approx(-1)
    assert compare(a, b, ~mask).region_spearman == pytest.approx(1)
    assert compare(a, b, mask).spearman == pytest.approx(spearman(a, b))
