import sys

import numpy as np
import pytest

from segcam_widgets.demo import mosaics
from segcam_widgets.errors import SegCamError

pytest.importorskip("skimage", reason="new mosaics are cut from scikit-image's photos")


def test_the_same_seed_makes_the_same_mosaics_and_another_seed_others():
    images, truth = mosaics.make_mosaics(2, 32, split="train", seed=7)
    again, truth_again = mosaics.make_mosaics(2, 32, split="train", seed=7)
    other, _ = mosaics.make_mosaics(2, 32, split="train", seed=8)
    np.testing.assert_array_equal(images, again)
    np.testing.assert_array_equal(truth, truth_again)
    assert (images != other).mean() > 0.9


def test_a_generator_is_advanced():
    rng = np.random.default_rng(7)
    first, _ = mosaics.make_mosaics(1, 32, split="train", seed=rng)
    second, _ = mosaics.make_mosaics(1, 32, split="train", seed=rng)
    assert (first != second).any()


def test_shapes_types_and_range():
    images, truth = mosaics.make_mosaics(3, (40, 24), split="test", seed=0, grain=5)
    assert images.shape == (3, 40, 24, 1)
    assert images.dtype == np.float32
    assert truth.shape == (3, 40, 24)
    assert truth.dtype == np.uint8
    assert 0 <= images.min() < 0.2
    assert 0.8 < images.max() <= 1


def test_eight_bits_hold_a_mosaic_exactly():
    images, _ = mosaics.make_mosaics(1, 32, split="test", seed=0)
    np.testing.assert_array_equal(mosaics.to_unit(mosaics.to_bytes(images)), images)


@pytest.mark.parametrize("size", [64, 160])
def test_every_class_has_its_share(size):
    _, truth = mosaics.make_mosaics(8, size, split="test", seed=3, grain=size / 8, min_share=0.2)
    shares = np.stack([(truth == index).mean(axis=(1, 2)) for index in range(len(mosaics.CLASS_NAMES))])
    assert shares.min() >= 0.2


def test_train_and_test_pieces_share_no_column(monkeypatch):
    """With photos whose value is their column number, a strip says where it was cut."""
    ruler = np.tile(np.arange(200, dtype=np.float32), (50, 1))

    class Rulers:
        brick = grass = gravel = staticmethod(lambda: ruler)

    monkeypatch.setitem(sys.modules, "skimage.data", Rulers)
    mosaics.photo_strips.cache_clear()
    try:
        train, test = (mosaics.photo_strips(split)[0] for split in ("train", "test"))
    finally:
        mosaics.photo_strips.cache_clear()
    assert train.shape[1] == 0.60 * 200
    assert test.shape[1] == 0.35 * 200
    # standardising keeps the order, so the gap is seen in the values
    step = train[0, 1] - train[0, 0]
    assert test.min() - train.max() == pytest.approx(11 * step, rel=1e-3)


def test_equal_brightness_over_the_training_columns():
    for strip in mosaics.photo_strips("train"):
        assert strip.mean() == pytest.approx(0.5, abs=1e-4)
        assert strip.std() == pytest.approx(0.2, abs=1e-4)


def test_a_mosaic_wider_than_a_strip_goes_on_by_reflection():
    images, truth = mosaics.make_mosaics(1, (520, 400), split="test", seed=0, grain=40)
    assert images.shape == (1, 520, 400, 1)
    assert truth.shape == (1, 520, 400)
    # texture everywhere: no constant stretch where the strip ended
    assert images[0, :, -40:, 0].std() > 0.1
    assert images[0, -8:, :, 0].std() > 0.1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"split": "tets"}, "`split` must be one of train, test. Received: 'tets'. Did you mean 'test'?"),
        ({"size": 0}, "`size` must be positive"),
        ({"count": -1}, "`count` must not be negative"),
        ({"min_share": 0.34}, r"`min_share` must lie in [0, 0.3)"),
    ],
)
def test_arguments_out_of_range(options, words):
    arguments = {"count": 1, "size": 16, "split": "test", "seed": 0} | options
    with pytest.raises(SegCamError) as caught:
        mosaics.make_mosaics(**arguments)
    assert words in str(caught.value)


def test_without_scikit_image_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "skimage.data", None)
    mosaics.photo_strips.cache_clear()
    with pytest.raises(SegCamError, match="pip install scikit-image"):
        mosaics.photo_strips("test")
