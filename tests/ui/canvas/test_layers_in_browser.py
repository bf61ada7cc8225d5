"""The map, its scale and the other layers, pixel by pixel as Chromium paints them."""

import numpy as np
import pytest

from segcam_widgets.core.grid import resize_bilinear
from tests.ui.canvas.scene import LUT, colours_of, halves, make, picture

pytestmark = pytest.mark.browser


# ------------------------------------------------------------------ the map


def test_smooth_interpolates_values_and_then_colours(harness):
    heat = np.random.default_rng(0).normal(size=(9, 7)).astype(np.float32)
    canvas = make((90, 70), heat_opacity=1.0, region_visible=False)
    canvas.set_heat(heat, vmax=2)
    view = harness.show(canvas)
    shown = view.pixels("heat").astype(int)
    expected = colours_of(resize_bilinear(heat, shown.shape[:2]).astype(float), 2)
    # float32 here, float64 there: a value on the edge between two colours may fall to either side
    assert np.abs(shown - expected).max() <= 3
    assert (shown != expected).any(-1).mean() < 0.01

    canvas.labels_visible = False
    harness.settle()
    seen = view.picture().astype(int)
    for row, col in [(0.21, 0.37), (0.5, 0.5), (0.83, 0.74), (0.02, 0.98)]:
        place = int(row * seen.shape[0]), int(col * seen.shape[1])
        assert np.abs(seen[place] - expected[place][:3]).max() <= 3

    # colours interpolated instead of values would look different: this test can tell
    coloured = np.stack([resize_bilinear(colours_of(heat, 2)[..., c], shown.shape[:2]) for c in range(3)], -1)
    assert np.abs(coloured - expected[..., :3]).max() > 20


def test_pixelated_shows_the_cells(harness):
    heat = np.random.default_rng(1).normal(size=(9, 7)).astype(np.float32)
    canvas = make((90, 70), heat_opacity=1.0, smooth=False)
    canvas.set_heat(heat, vmax=2)
    view = harness.show(canvas)
    shown = view.pixels("heat").astype(int)
    rows = (np.arange(shown.shape[0]) + 0.5) * 9 // shown.shape[0]
    cols = (np.arange(shown.shape[1]) + 0.5) * 7 // shown.shape[1]
    np.testing.assert_array_equal(shown, colours_of(heat.astype(float), 2)[rows.astype(int)][:, cols.astype(int)])


def test_range_relu_fade_and_opacity_need_no_kernel(harness):
    heat = np.linspace(-1, 1, 64, dtype=np.float32).reshape(8, 8)
    heat[0, 0] = np.nan
    canvas = make((64, 64), smooth=False)
    canvas.set_heat(heat, vmax=1)
    view = harness.show(canvas)
    sent = len(harness.sent(canvas))

    def cells(**traits):
        for name, value in traits.items():
            # as ipywidgets' jslink does: the browser's model alone
            harness.evaluate(canvas, f"model.change({{ {name}: {str(value).lower()} }})")
        harness.settle()
        shown = view.pixels("heat").astype(int)
        step = shown.shape[0] // 8
        return shown[step // 2 :: step, step // 2 :: step]

    expected = colours_of(np.nan_to_num(heat).astype(float), 1)
    expected[0, 0] = 0
    np.testing.assert_array_equal(cells(), expected)
    narrow = cells(vmax=0.25)
    np.testing.assert_array_equal(narrow[1:], colours_of(heat[1:].astype(float), 0.25))
    rectified = cells(vmax=1, relu=True)
    assert (rectified[heat < 0] == 0).all()
    np.testing.assert_array_equal(rectified[heat >= 0], expected[heat >= 0])
    faded = cells(relu=False, fade=True)[..., 3] / 255
    np.testing.assert_allclose(faded.ravel()[1:], np.abs(heat.ravel()[1:]), atol=0.01)
    cells(heat_opacity=0.25)
    assert view.root.locator(".sc-heat").evaluate("c => c.style.opacity") == "0.25"
    cells(heat_visible=False)
    assert not view.root.locator(".sc-heat").is_visible()
    assert len(harness.sent(canvas)) == sent


def test_a_large_map_of_small_values_arrives_as_halves(harness):
    heat = np.random.default_rng(2).normal(size=(600, 520)) * 1e-9
    canvas = make((600, 520))
    canvas.set_heat(heat, vmax=3e-9)
    view = harness.show(canvas)
    shown = view.pixels("heat").astype(int)
    assert shown.shape[:2] == (600, 520)
    assert np.abs(shown - colours_of(heat, 3e-9)).max() <= 3


def test_the_range_is_printed_and_not_changed_by_the_map(harness):
    canvas = make()
    canvas.heat_label = "Seg-Grad-CAM of sea"
    canvas.set_heat(np.array([[-0.5, 2.0]]), vmax=1.25)
    view = harness.show(canvas)
    scale = view.root.locator(".sc-scale")
    assert scale.locator(".sc-ends span").all_inner_texts() == ["-1.25", "0", "≥ +1.25"]
    assert scale.locator(".sc-scale-head span").all_inner_texts() == [
        "Seg-Grad-CAM of sea",
        "map -0.5 to +2, beyond the range",
    ]
    assert "from -1.25 over 0" in scale.locator("[role=img]").get_attribute("aria-label")
    canvas.set_heat(np.array([[-100.0, 2.0]]))
    harness.settle()
    assert scale.locator(".sc-ends span").all_inner_texts() == ["≤ -1.25", "0", "≥ +1.25"]
    canvas.set_heat(np.zeros((3, 3)), vmax=0)
    harness.settle()
    assert scale.locator(".sc-ends span").all_inner_texts() == ["0", "0", "0"]
    assert "zero everywhere" in scale.inner_text()
    shown = view.pixels("heat")
    assert (shown == LUT[127]).all()
    canvas.set_heat(np.full((3, 3), np.nan))
    harness.settle()
    assert "no finite value" in scale.inner_text()
    canvas.set_heat(None)
    harness.settle()
    assert "no map" in scale.inner_text()
    assert not view.pixels("heat").any()


def test_the_bar_has_the_colours_of_the_map(harness):
    canvas = make()
    canvas.set_heat(np.array([[-1.0, 1.0]]), vmax=1)
    view = harness.show(canvas)
    bar = view.root.locator(".sc-bar canvas").evaluate(
        "c => Array.from(c.getContext('2d').getImageData(0, 0, c.width, 1).data)"
    )
    bar = np.reshape(bar, (-1, 4))
    np.testing.assert_array_equal(bar, colours_of(((np.arange(255) + 0.5) / 255 * 2 - 1), 1))


def test_the_map_on_the_screen_is_named(harness):
    canvas = make()
    canvas.set_heat(np.zeros((4, 4)), seq=41)
    view = harness.show(canvas)
    assert view.stage.get_attribute("data-heat-seq") == "41"
    canvas.set_heat(np.zeros((4, 4)))
    harness.settle()
    assert view.stage.get_attribute("data-heat-seq") == "42"


# ------------------------------------------------------------------ the other layers


def rgb(name):
    return [int(name[i : i + 2], 16) for i in (1, 3, 5)]


def test_the_prediction_is_flat_colour_and_nothing_where_there_is_no_class(harness):
    canvas = make((60, 60))
    labels = halves(30, 30)
    labels[:3] = -1
    canvas.set_labels(labels)
    view = harness.show(canvas)
    shown = view.pixels("labels")
    step = shown.shape[0] // 30
    cells = shown[step // 2 :: step, step // 2 :: step]
    assert (cells[:3] == 0).all()
    colours = np.array([rgb(c) for c in canvas.palette])
    np.testing.assert_array_equal(cells[3:, :, :3], colours[labels[3:]])
    assert (cells[3:, :, 3] == 255).all()


def test_the_truth_is_line_art_in_the_same_colours(harness):
    canvas = make((60, 60), truth_visible=True)
    truth = halves(60, 60)
    truth[:6] = 255
    canvas.set_truth(truth)
    view = harness.show(canvas)
    shown = view.pixels("truth")
    step = shown.shape[0] // 60
    assert not shown[: 6 * step].any(), "void"
    inside = shown[40 * step : 50 * step, 10 * step : 20 * step]
    painted = inside[inside[..., 3] == 255]
    assert 0.05 < len(painted) / inside[..., 0].size < 0.3, "hatched, not filled"
    assert (painted[:, :3] == rgb(canvas.palette[0])).all()
    border = shown[30 * step + step // 2, 30 * step - 6 : 30 * step + 6]
    assert (border[..., 3] == 255).sum() >= 6, "an outline runs along the border"


def test_the_region_is_outlined_as_python_rasterised_it_and_the_rest_dimmed(harness):
    canvas = make((64, 64))
    mask = np.zeros((32, 32), bool)
    mask[8:20, 10:30] = True
    canvas.set_region_mask(mask)
    view = harness.show(canvas)
    shown = view.pixels("region").astype(int)
    step = shown.shape[0] // 32
    light = (shown == 255).all(-1)
    dark = (shown[..., :3] == 0).all(-1) & (shown[..., 3] == 255)
    rows, cols = np.nonzero(light)
    assert (rows.min(), rows.max(), cols.min(), cols.max()) == (8 * step, 20 * step - 1, 10 * step, 30 * step - 1)
    rows, cols = np.nonzero(dark)
    assert rows.min() < 8 * step
    assert rows.max() >= 20 * step
    assert not shown[14 * step, 20 * step].any(), "the inside is left alone"
    canvas.dim_outside = 0.4
    canvas.region_visible = False
    harness.settle()
    shown = view.pixels("region")
    assert shown[2, 2].tolist() == [0, 0, 0, 102]
    assert not shown[14 * step, 20 * step].any()
    canvas.set_region_mask(None)
    harness.settle()
    assert not view.pixels("region").any()


def test_a_ragged_region_is_outlined_too(harness):
    canvas = make((512, 512))
    canvas.set_region_mask(np.random.default_rng(0).random((512, 512)) > 0.5)
    view = harness.show(canvas)
    assert (view.pixels("region")[..., 3] == 255).mean() > 0.9


def test_picture_and_overlays_change_together(harness):
    canvas = make((64, 64))
    view = harness.show(canvas)
    with canvas.hold_sync():
        canvas.set_image(picture(32, 64))
        canvas.set_labels(halves(32, 64))
        canvas.set_heat(np.ones((4, 8)), vmax=1)
    harness.settle()
    image = view.pixels("image")
    assert image.shape[0] * 2 == image.shape[1]
    step = image.shape[1] // 64
    np.testing.assert_array_equal(image[step // 2 :: step, step // 2 :: step][:, :, :3], picture(32, 64))


def test_finished_shapes_do_not_tint_the_map(harness):
    canvas = make((64, 64))
    view = harness.show(canvas)
    before = view.pixels("draw")
    canvas.shapes = [{"kind": "rectangle", "points": [[10, 10], [50, 50]]}]
    harness.settle()
    after = view.pixels("draw")
    assert (after != before).any()
    size = after.shape[0]
    assert not after[size // 2, size // 2].any()
