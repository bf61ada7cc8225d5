"""Images of any size and kind: fitted by a choice that is made in words, prepared by name, shown by chosen bands."""

import keras
import numpy as np
import pytest

import segcam_widgets as sc
from segcam_widgets.images.arrays import display_of
from segcam_widgets.images.fitting import placements
from segcam_widgets.keras_probe.preprocess import families
from tests.models.networks import SIZE, Seeds, dynamic, image, small

pytestmark = pytest.mark.keras


def picture(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


def banded(channels):
    seeds = Seeds(4100)
    inputs = keras.Input((SIZE, SIZE, channels), name="image")
    x = seeds.conv(4, name="conv")(inputs)
    return keras.Model(inputs, seeds.conv(2, 1, activation="softmax", name="logits")(x))


# ------------------------------------------------------------------ fitting


def test_another_size_is_refused_unless_it_is_said_how():
    with pytest.raises(sc.SegCamError) as caught:
        sc.open_probe(small(), image=picture(32, 48), preprocess="0-1")
    assert str(caught.value) == (
        "`image` must be 16 x 16 px for this model. Received: 32 x 48. Choose how to fit it: 'resize', 'pad' or 'tile'."
    )
    with pytest.raises(sc.SegCamError, match=r"`fit` must be one of exact, resize, pad, tile. Received: 'crop'."):
        sc.open_probe(small(), image=picture(32, 48), preprocess="0-1", fit="crop")
    with pytest.raises(sc.SegCamError, match=r"`fit` fits `x` or `image`, whichever is given\. Received: both"):
        sc.open_probe(small(), image(), image=picture(32, 48), fit="pad")


def test_resized_the_picture_keeps_its_aspect_and_the_map_comes_back():
    seen = picture(32, 48)
    probe = sc.open_probe(small(), image=seen, preprocess="0-1", fit="resize")
    np.testing.assert_array_equal(probe.image, seen)
    assert probe.notes == ("The picture: resized, 32 x 48 to 16 x 16, values 0 to 1.",)
    assert 0 <= probe.x.min() < probe.x.max() <= 1
    explanation = sc.explain(probe, sc.CamQuery("dec", 0, sc.Everything()))
    back = probe.placement.to_picture(explanation.upsampled())
    assert back.shape == (32, 48)
    assert np.sign(back[1, 1]) == np.sign(explanation.upsampled()[0, 0])
    large = sc.open_probe(small(), image=picture(1100, 2200), preprocess="0-1", fit="resize")
    assert large.image.shape == (512, 1024, 3)
    assert large.placement.picture == (1100, 2200)


def test_padded_the_shown_picture_has_the_padding_and_the_map_comes_back_without():
    seen = picture(32, 64)
    probe = sc.open_probe(small(), image=seen, preprocess="0-255", fit="pad")
    assert probe.image.shape == (SIZE, SIZE, 3)
    assert (probe.image[8:] == 127).all()
    np.testing.assert_array_equal(probe.x[0], probe.image)
    assert probe.placement.box == (0, 0, 8, 16)
    assert probe.placement.to_picture(np.ones((SIZE, SIZE))).shape == (32, 64)
    assert probe.notes == ("The picture: shrunk and padded, 32 x 64 to 16 x 16, values 0 to 255.",)


def test_tiles_cover_the_picture_and_overlap_at_its_end():
    places = placements((40, 50), (16, 24), "tile")
    assert [place.window for place in places] == [
        (0, 0, 16, 24), (0, 24, 16, 48), (0, 26, 16, 50),
        (16, 0, 32, 24), (16, 24, 32, 48), (16, 26, 32, 50),
        (24, 0, 40, 24), (24, 24, 40, 48), (24, 26, 40, 50),
    ]  # fmt: skip
    seen = np.zeros((40, 50), int)
    for place in places:
        assert place.box == (0, 0, 16, 24)
        top, left, bottom, right = place.window
        seen[top:bottom, left:right] += 1
    assert seen.min() == 1
    (one,) = placements((10, 20), (16, 24), "tile")
    assert (one.window, one.box, one.input) == ((0, 0, 10, 20), (0, 0, 10, 20), (16, 24))


def test_a_tile_is_the_model_on_that_part_alone():
    model, seen = small(), picture(40, 40)
    probe = sc.open_probe(model, image=seen, preprocess="0-1", fit="tile", tile=5)
    np.testing.assert_array_equal(probe.image, seen[16:32, 24:40])
    np.testing.assert_allclose(probe.probabilities, model(seen[None, 16:32, 24:40] / 255).numpy()[0], atol=1e-5)
    assert probe.notes == (
        "The picture: tile 6 of 9, rows 16 to 32 and columns 24 to 40 of 40 x 40; the model sees each tile by itself, values "
        "0 to 1.",
    )
    for wrong in (9, -1, 0.5, True):
        with pytest.raises(sc.SegCamError, match=r"`tile` must be the number of a tile, 0 to 8\. Received"):
            sc.open_probe(model, image=seen, preprocess="0-1", fit="tile", tile=wrong)
    with pytest.raises(sc.SegCamError, match="`tile` must be 0 without fit='tile'"):
        sc.open_probe(model, image=picture(16, 16), preprocess="0-1", tile=1)


def test_a_model_of_any_size_gets_one_that_halves_evenly():
    for fit, size in (("resize", (64, 96)), ("pad", (64, 96)), ("tile", (64, 96))):
        probe = sc.open_probe(dynamic(), image=picture(50, 90), preprocess="0-1", fit=fit)
        assert probe.logits.shape[:2] == size
    assert len(placements((1000, 513), (None, None), "tile")) == 4
    assert placements((1000, 513), (None, None), "tile")[0].input == (512, 512)


@pytest.mark.parametrize("fit", ["resize", "pad", "tile"])
def test_arrays_of_any_size_too(fit):
    x = np.random.default_rng(0).normal(size=(20, 40, 5)).astype(np.float32)
    probe = sc.open_probe(banded(5), x, fit=fit)
    assert probe.x.shape == (1, SIZE, SIZE, 5)
    assert probe.placement.picture == (20, 40)
    assert probe.notes[0].startswith("The input: ")
    if fit == "tile":
        np.testing.assert_array_equal(probe.x[0], x[:16, :16])
    if fit == "pad":
        assert (probe.x[0, 8:] == 0).all()


def test_a_function_of_ones_own_is_given_the_fitted_picture():
    given = []

    def prepare(pixels):
        given.append(pixels.shape)
        return pixels / 127.5 - 1

    sc.open_probe(small(), image=picture(40, 40), preprocess=prepare, fit="resize")
    assert given == [(SIZE, SIZE, 3)]


def test_the_explorer_shows_every_tile():
    explorer = sc.explore(small(), image=picture(20, 40), preprocess="0-1", fit="tile")
    try:
        assert len(explorer._sources) == 6
        assert "tile 6 of 6" in explorer._sources.opened(5).notes[0]
    finally:
        explorer.close()


# ------------------------------------------------------------------ by name


def test_names_of_keras_applications_prepare_as_they_do():
    pixels = picture(SIZE, SIZE)
    for name, function in (
        ("resnet50", keras.applications.resnet50.preprocess_input),
        ("MobileNetV2", keras.applications.mobilenet_v2.preprocess_input),
        ("mobilenet_v2", keras.applications.mobilenet_v2.preprocess_input),
        ("EfficientNetV2B0", keras.applications.efficientnet_v2.preprocess_input),
        ("densenet121", keras.applications.densenet.preprocess_input),
    ):
        before = pixels.copy()
        probe = sc.open_probe(small(), image=pixels, preprocess=name)
        np.testing.assert_allclose(probe.x[0], function(pixels.astype(np.float32)), atol=1e-5)
        np.testing.assert_array_equal(pixels, before)
        assert probe.notes == (f"The picture: as it is, values as keras.applications prepares them for {name}.",)


def test_every_model_of_keras_applications_has_its_family():
    built = {
        name.lower()
        for name, thing in vars(keras.applications).items()
        if name[0].isupper() and callable(thing)
    }  # fmt: skip
    assert len(built) > 30
    assert built <= set(families())


def test_a_name_that_is_none():
    with pytest.raises(sc.SegCamError) as caught:
        sc.open_probe(small(), image=picture(SIZE, SIZE), preprocess="resnet51")
    assert str(caught.value).startswith("`preprocess` must be one of 0-1, 0-255, -1-1, convnext, ")
    assert "Did you mean 'resnet50'" in str(caught.value)
    with pytest.raises(sc.SegCamError, match="for a model of grey images"):
        sc.open_probe(banded(1), image=picture(SIZE, SIZE), preprocess="resnet50")
    with pytest.raises(sc.SegCamError, match=r"must be an array file \(.npy\) for a model with 5 channels"):
        sc.open_probe(banded(5), image=picture(SIZE, SIZE), preprocess="0-1")


def test_grey_models_see_luma():
    probe = sc.open_probe(banded(1), image=picture(SIZE, SIZE), preprocess="-1-1")
    luma = picture(SIZE, SIZE) @ [0.299, 0.587, 0.114]
    np.testing.assert_allclose(probe.x[0, :, :, 0], luma / 127.5 - 1, atol=1 / 127)


# ------------------------------------------------------------------ many bands


@pytest.mark.parametrize("channels", [4, 5, 8, 12])
def test_many_bands_are_shown_by_choice_each_stretched(channels):
    rng = np.random.default_rng(0)
    x = (rng.random((SIZE, SIZE, channels)) * 10.0 ** np.arange(channels)).astype(np.float32)
    probe = sc.open_probe(banded(channels), x, bands=(3, 2, 0))
    for shown, band in enumerate((3, 2, 0)):
        low, high = np.percentile(x[:, :, band], (2, 98))
        expected = np.round(np.clip((x[:, :, band] - low) / (high - low), 0, 1) * 255)
        np.testing.assert_allclose(probe.image[:, :, shown], expected, atol=1)
    assert probe.notes == (
        f"Shown of {channels} channels: channels 3, 2, 0, stretched between the 2nd and 98th percentile.",
    )
    grey = sc.open_probe(banded(channels), x, bands=[1]).image
    assert (grey[:, :, 0] == grey[:, :, 1]).all()
    default = sc.open_probe(banded(channels), x)
    np.testing.assert_array_equal(default.image, display_of(x, (0, 1, 2)))
    assert len(sc.explain(default, sc.CamQuery("conv", 0, sc.Everything())).weights) == 4


def test_a_flat_band_is_black():
    assert display_of(np.full((4, 4, 6), 7.0, np.float32)).max() == 0


@pytest.mark.parametrize("bands", [(0, 1), (0, 1, 9), "012", 3, (0, 1, True), (0.0, 1, 2), []])
def test_bands_that_are_none(bands):
    with pytest.raises(
        sc.SegCamError, match="`bands` must be one channel, or three for red, green and blue, each from 0 to 5"
    ):
        sc.open_probe(banded(6), image(channels=6), bands=bands)


def test_bands_are_no_choice_beside_a_picture():
    with pytest.raises(sc.SegCamError, match="`bands` chooses the channels of `x` to show"):
        sc.open_probe(small(), image(), image=picture(SIZE, SIZE), bands=(0, 1, 2))
