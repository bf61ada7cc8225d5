"""Pixels: the two colour tables as all kinds of eyes see them, signed maps, overlays, the figure."""

import io

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from scipy.spatial.distance import pdist

import segcam_widgets as sc
from segcam_widgets.core.explanation.figure import figure
from segcam_widgets.core.picture.colours import DEFICIENCIES, oklab
from segcam_widgets.core.picture.render import (
    class_colours,
    diverging_lut,
    draw_outline,
    encode_png,
    outline,
    overlay,
    render,
    resize_nearest,
    symmetric_limit,
)
from tests.core.fake_probe import random_network
from tests.core.strategies import PROPERTY, arrays

VIEWS = (None, *DEFICIENCIES)
ZERO = diverging_lut()[128]


# ------------------------------------------------------------------ the scale of signed maps


def test_the_scale_is_blue_then_white_then_red():
    table = diverging_lut()
    assert table.shape == (256, 4)
    assert table.dtype == np.uint8
    assert (table[:, 3] == 255).all()
    red, _, blue = table[:, :3].astype(int).T
    assert (blue[:120] > red[:120]).all()
    assert (red[136:] > blue[136:]).all()
    np.testing.assert_array_equal(table[127], table[128])
    assert table[128, :3].min() > 235
    assert np.ptp(table[128, :3]) <= 3  # no hue


def test_both_signs_are_equally_strong():
    lightness = oklab(diverging_lut()[:, :3])[:, 0]
    np.testing.assert_allclose(lightness[:128][::-1], lightness[128:], atol=0.01)
    assert (np.diff(lightness[128:]) < 0.002).all()  # ever darker away from zero
    assert lightness[128] - lightness[255] > 0.5


@pytest.mark.parametrize("view", VIEWS)
def test_the_signs_can_be_told_apart_by_everybody(view):
    colours = oklab(diverging_lut()[:, :3], view)
    apart = np.linalg.norm(colours[:128][::-1] - colours[128:], axis=1)
    assert (apart[13:] > 0.045).all()  # a tenth of the way out already; 0.02 is just noticeable
    assert apart[64] > 0.2
    steps = np.linalg.norm(np.diff(colours, axis=0), axis=1)
    assert steps.max() < 0.012  # no edge that is not in the map


def test_the_scale_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        diverging_lut()[0] = 0


# ------------------------------------------------------------------ the colours of labels


@pytest.mark.parametrize("view", [None, "protanopia", "deuteranopia"])
@pytest.mark.parametrize(("count", "apart"), [(2, 0.2), (7, 0.07), (21, 0.07), (64, 0.035), (256, 0.015)])
def test_classes_can_be_told_apart(view, count, apart):
    assert pdist(oklab(class_colours(count), view)).min() > apart


def test_a_class_keeps_its_colour():
    many = class_colours(256)
    assert many.dtype == np.uint8
    for count in (1, 2, 21, 150):
        np.testing.assert_array_equal(class_colours(count), many[:count])
    assert len(np.unique(many, axis=0)) == 256
    np.testing.assert_array_equal(class_colours(300)[256:], many[:44])
    # pinned: pictures of one week can be laid beside those of the next
    assert [f"{r:02x}{g:02x}{b:02x}" for r, g, b in many[[0, 1, 6, 7, 8, 20]]] == [
        "56b4e9", "e69f00", "cc79a7", "542110", "101087", "dccb65",
    ]  # fmt: skip


def test_a_palette_in_hand_can_be_changed_without_harm():
    class_colours(3)[:] = 0
    assert class_colours(3).any()


# ------------------------------------------------------------------ maps


def test_render_by_hand():
    pixels = render(np.array([[-2, 0, 2], [1, np.nan, -1]]))
    table = diverging_lut()
    np.testing.assert_array_equal(pixels[0], table[[0, 128, 255]])
    np.testing.assert_array_equal(pixels[1, 1], [0, 0, 0, 0])
    np.testing.assert_array_equal(pixels[1, [0, 2]], table[[191, 64]])


def test_render_to_a_given_limit():
    np.testing.assert_array_equal(render(np.array([[1, 4, -9]]), 2), diverging_lut()[[[191, 255, 0]]])
    np.testing.assert_array_equal(render(np.array([[np.inf, -np.inf, 0]]), 2), diverging_lut()[[[255, 0, 128]]])


def test_relu_is_a_choice_of_the_picture():
    alpha = render(np.array([[-1, 0, 1]]), relu=True)[0, :, 3]
    assert alpha.tolist() == [0, 255, 255]


def test_fade():
    assert render(np.array([[-2, -1, 0, 0.5, 2]]), fade=True)[0, :, 3].tolist() == [255, 128, 0, 64, 255]
    assert render(np.array([[4, -4, 0]]), 2, fade=True)[0, :, 3].tolist() == [255, 255, 0]


@pytest.mark.parametrize("fade", [True, False])
def test_a_map_of_zeros_has_zeros_colour(fade):
    pixels = render(np.zeros((2, 3)), fade=fade)
    assert (pixels[:, :, :3] == ZERO[:3]).all()
    assert (pixels[:, :, 3] == (0 if fade else 255)).all()


@PROPERTY
@given(hnp.array_shapes(min_dims=2, max_dims=2).flatmap(arrays))
def test_the_opposite_map_has_the_opposite_colours(cam):
    table = diverging_lut()
    places = {tuple(colour): i for i, colour in enumerate(table.tolist())}
    plus, minus = (
        np.array([[places[tuple(p)] for p in row] for row in render(m).tolist()]).ravel() for m in (cam, -cam)
    )
    # near-white neighbours share a colour, and a value half-way between two entries goes up in both maps
    assert (np.abs(plus + minus - 255) <= 2).all()


@pytest.mark.parametrize("scale", [1e-44, 1e-30, 1.0, 1e30, 1e38])
def test_the_unit_does_not_matter(scale):
    cam = np.array([[-1.0, 0, 0.5, 1]])
    pixels, expected = render(cam * scale), render(cam)
    np.testing.assert_array_equal(pixels[0, [0, 1, 3]], expected[0, [0, 1, 3]])


def test_symmetric_limit():
    assert symmetric_limit([[1, -3], [2, 0]]) == 3
    assert symmetric_limit([[np.nan, -2], [np.inf, 0]]) == 2
    assert symmetric_limit(np.zeros((2, 2))) == 0
    assert symmetric_limit([[np.nan]]) == 0


# ------------------------------------------------------------------ overlays


@PROPERTY
@given(st.integers(1, 6), st.integers(1, 6), st.integers(1, 4))
def test_nearest_repeats_whole_pixels(height, width, factor):
    labels = np.arange(height * width).reshape(height, width)
    large = resize_nearest(labels, (height * factor, width * factor))
    np.testing.assert_array_equal(large, labels.repeat(factor, 0).repeat(factor, 1))
    np.testing.assert_array_equal(resize_nearest(large, (height, width)), labels)


GREY = np.full((4, 6, 3), 100, np.uint8)


def test_an_overlay_of_nothing_is_the_image():
    np.testing.assert_array_equal(overlay(GREY), GREY)
    np.testing.assert_array_equal(overlay(GREY / 255), GREY)
    np.testing.assert_array_equal(overlay(GREY[:, :, 0]), GREY)


def test_labels_are_mixed_in_and_no_class_is_left_clear():
    labels = np.array([[0, 1, -1]])
    mixed = overlay(GREY, labels=labels, label_opacity=0.5)
    colours = class_colours(2).astype(float)
    np.testing.assert_array_equal(mixed[0, 0], np.round(50 + colours[0] / 2))
    np.testing.assert_array_equal(mixed[3, 3], np.round(50 + colours[1] / 2))
    np.testing.assert_array_equal(mixed[:, 4:], GREY[:, 4:])


def test_a_map_is_strongest_at_its_limit_and_clear_at_zero():
    mixed = overlay(GREY, cam=np.array([[-1, 0, 0, 0, 0, 1.0]]), cam_opacity=1)
    np.testing.assert_array_equal(mixed[:, 0], np.broadcast_to(diverging_lut()[0, :3], (4, 3)))
    np.testing.assert_array_equal(mixed[:, 5], np.broadcast_to(diverging_lut()[255, :3], (4, 3)))
    np.testing.assert_array_equal(mixed[:, 1:5], GREY[:, 1:5])
    np.testing.assert_array_equal(overlay(GREY, cam=np.zeros((2, 2))), GREY)
    only = overlay(GREY, cam=np.array([[-1, 0, 0, 0, 0, 1.0]]), relu=True)
    np.testing.assert_array_equal(only[:, 0], GREY[:, 0])


def test_the_outline_is_dark_inside_and_light_outside():
    mask = np.zeros((9, 9), bool)
    mask[2:7, 2:7] = True
    edge = overlay(np.full((9, 9, 3), 100, np.uint8), mask=mask)
    assert (edge[2, 2:7] == 0).all()
    assert (edge[1, 1:8] == 255).all()
    assert (edge[3:6, 3:6] == 100).all()
    assert (edge[0] == 100).all()


def test_the_images_edge_closes_an_outline():
    whole = outline(np.ones((3, 3), bool))
    np.testing.assert_array_equal(whole, [[True] * 3, [True, False, True], [True] * 3])


def test_an_outline_covers_clear_pixels_too():
    pixels = np.zeros((3, 3, 4), np.uint8)
    draw_outline(pixels, np.ones((3, 3), bool))
    assert pixels[0, 0].tolist() == [0, 0, 0, 255]
    assert pixels[1, 1].tolist() == [0, 0, 0, 0]


def test_every_part_may_have_a_grid_of_its_own():
    pixels = overlay(GREY, labels=np.zeros((8, 8), int), cam=np.ones((2, 3)), mask=np.ones((5, 5), bool), size=(20, 31))
    assert pixels.shape == (20, 31, 3)
    assert pixels.dtype == np.uint8


def test_png_and_back():
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 4)).astype(np.uint8)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(encode_png(pixels)))), pixels)


# ------------------------------------------------------------------ the figure


@pytest.fixture
def probe():
    return random_network(class_names=("sky", "tree", "road"))


def opened(png):
    return np.asarray(Image.open(io.BytesIO(png)))


def test_a_figure_has_a_panel_for_each_thing_to_see(probe):
    ex = sc.explain(probe, sc.CamQuery("relu", "tree"))
    alone, three = opened(figure(ex, side=200)), opened(figure(ex, probe.image, probe.labels, side=200))
    assert three.shape[1] == 3 * 200 + 4 * 16
    assert alone.shape[1] == 200 + 2 * 16
    assert (three[:16] == 255).all()  # the margin
    assert (alone[16:40] < 128).any()  # the sentence


def test_a_figure_uses_one_scale_for_all_it_is_given(probe):
    ex = sc.explain(probe, sc.CamQuery("image", "tree", sc.Everything()))  # no outline but the image's edge
    own, wide = opened(figure(ex)), opened(figure(ex, limit=1000 * symmetric_limit(ex.cam)))
    rows = slice(120, 300)
    assert np.ptp(own[rows].astype(int), axis=(0, 1)).max() > 100
    pale = wide[150:160, 150:160, :3]
    assert np.abs(pale.astype(int) - ZERO[:3]).max() <= 2


def test_a_relu_figure_has_no_blue(probe):
    ex = sc.explain(probe, sc.CamQuery("image", "tree"))
    assert ex.cam.min() < 0 < ex.cam.max()
    for relu in (False, True):
        red, _, blue = opened(figure(ex, relu=relu)).astype(int).transpose(2, 0, 1)
        assert (blue - red > 30).any() != relu


def test_a_figure_of_a_map_of_zeros(probe):
    ex = sc.explain(probe, sc.CamQuery("logits", "tree", score="centered_logit", method="layercam", baseline="zero"))
    blank = sc.explain(probe, sc.CamQuery("relu", "tree", sc.Pixel(0, 0), method="layercam"))
    for one in (ex, blank):
        assert opened(figure(one, probe.image)).ndim == 3
