"""Drawing and seeing on the canvas, with real mouse, keys and fingers in a real Chromium."""

from types import SimpleNamespace

import numpy as np
import pytest

import segcam_widgets as sc
from segcam_widgets.core.colours import diverging_lut
from segcam_widgets.core.grid import resize_bilinear
from segcam_widgets.ui.canvas import SegmentationCanvas

pytestmark = pytest.mark.browser
LUT = diverging_lut()


def picture(height, width):
    rows, cols = np.mgrid[0:height, 0:width]
    return np.stack([rows * 255 // height, cols * 255 // width, np.full((height, width), 90)], -1).astype(np.uint8)


def halves(height, width):
    """Class 0 on the left, 1 on the right, 2 in a square in the middle."""
    labels = np.zeros((height, width), int)
    labels[:, width // 2 :] = 1
    labels[height // 3 : height // 2, width // 3 : width // 2] = 2
    return labels


def make(size=(128, 128), grid=None, **traits):
    canvas = SegmentationCanvas(picture(*size), **traits)
    canvas.set_labels(halves(*(grid or size)), names=["sky", "sea", "land"])
    return canvas


def mask_of(canvas, **options):
    grid = tuple(canvas.grid_shape)
    return canvas.region(**options).rasterize(SimpleNamespace(labels=halves(*grid)))


def colours_of(values, limit):
    index = np.floor((values + limit) / (2 * limit) * 255 + 0.5)
    return LUT[np.clip(index, 0, 255).astype(int)].astype(int)


def circle(centre, radius, count=60):
    angle = np.linspace(0, 2 * np.pi, count)
    return [(centre[0] + radius * np.cos(a), centre[1] + radius * np.sin(a)) for a in angle]


# ------------------------------------------------------------------ drawing with the mouse


@pytest.mark.parametrize("size", [(64, 64), (128, 128), (300, 400), (1024, 1024)])
def test_the_lasso_covers_the_true_area(harness, size):
    canvas = make(size)
    view = harness.show(canvas)
    view.drag(circle((0.5, 0.45), 0.3), steps=4)
    harness.settle()
    (shape,) = canvas.shapes
    assert shape["kind"] == "freehand"
    true = np.pi * 0.3 * size[0] * 0.3 * size[1]
    assert mask_of(canvas).sum() == pytest.approx(true, rel=0.02)
    assert len(shape["points"]) < 80, "the line of 240 points is simplified"


def test_a_coarse_grid_gets_the_same_region(harness):
    canvas = make((120, 160), grid=(30, 40))
    view = harness.show(canvas)
    view.button("rectangle").click()
    view.drag([(0.25, 0.2), (0.75, 0.6)])
    harness.settle()
    assert mask_of(canvas).sum() == pytest.approx(0.5 * 0.4 * 30 * 40, rel=0.02)


@pytest.mark.parametrize("way", ["first corner", "double-click", "Enter"])
def test_a_polygon_is_clicked_corner_by_corner(harness, way):
    canvas = make()
    view = harness.show(canvas)
    view.button("polygon").click()
    corners = [(0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75)]
    for corner in corners:
        view.click(corner)
    assert canvas.shapes == []
    if way == "first corner":
        view.click(corners[0])
    elif way == "double-click":
        view.click(corners[-1])
    else:
        view.keys("Enter")
    harness.settle()
    (shape,) = canvas.shapes
    np.testing.assert_allclose(shape["points"], np.array(corners) * 128, atol=0.2)
    assert mask_of(canvas).sum() == pytest.approx(64 * 64, rel=0.02)


def test_the_brush_covers_its_band_and_a_click_a_disc(harness):
    canvas = make(brush_radius=10)
    canvas.brush_radius = 8
    view = harness.show(canvas)
    view.button("brush").click()
    view.drag([(0.3, 0.5), (0.7, 0.5)])
    harness.settle()
    assert mask_of(canvas).sum() == pytest.approx(0.4 * 128 * 16 + np.pi * 64, rel=0.02)
    canvas.shapes = []
    view.click((0.5, 0.5))
    harness.settle()
    assert mask_of(canvas).sum() == pytest.approx(np.pi * 64, rel=0.05)


def test_clicks_take_the_segment_and_the_pixel_under_them(harness):
    canvas = make((128, 128), grid=(32, 32))
    view = harness.show(canvas)
    view.button("segment").click()
    view.click((0.9, 0.1))
    harness.settle()
    assert canvas.region() == sc.Component(3, 28)
    np.testing.assert_array_equal(mask_of(canvas), halves(32, 32) == 1)
    view.button("clear").click()
    view.button("pixel").click()
    view.click((0.5, 0.25))
    harness.settle()
    assert canvas.region() == sc.Pixel(8, 16)


def test_what_is_too_small_to_be_meant_is_not_drawn(harness):
    canvas = make()
    view = harness.show(canvas)
    for tool in ("freehand", "rectangle"):
        view.button(tool).click()
        view.click((0.5, 0.5))
    harness.settle()
    assert canvas.shapes == []
    assert canvas.draft is None


def test_operations_by_button_and_by_held_key(harness):
    canvas = make()
    view = harness.show(canvas)
    view.button("rectangle").click()
    view.drag([(0, 0), (0.5, 0.5)])
    harness.page.keyboard.down("Alt")
    view.drag([(0, 0), (0.25, 0.25)])
    harness.page.keyboard.up("Alt")
    harness.page.keyboard.down("Shift")
    view.drag([(0, 0), (1, 0.375)])
    harness.page.keyboard.up("Shift")
    view.drag([(0.75, 0.75), (1, 1)])
    harness.settle()
    assert [shape["op"] for shape in canvas.shapes] == ["add", "subtract", "intersect", "add"]
    assert canvas.op == "add", "a held key chooses for one shape only"
    expected = np.zeros((128, 128), bool)
    expected[:48, :64] = True
    expected[:32, :32] = False
    expected[96:, 96:] = True
    assert (mask_of(canvas) != expected).mean() < 0.01
    view.button("subtract").click()
    view.drag([(0.75, 0.75), (1, 1)])
    harness.settle()
    assert canvas.op == "subtract"
    assert not mask_of(canvas)[100:, 100:].any()


def test_undo_redo_and_clear(harness):
    canvas = make()
    view = harness.show(canvas)
    view.button("rectangle").click()
    for x in (0.1, 0.4, 0.7):
        view.drag([(x, 0.2), (x + 0.2, 0.5)])
    harness.settle()
    three = list(canvas.shapes)
    assert len(three) == 3
    assert view.button("redo").get_attribute("aria-disabled") == "true"

    def after(action):
        action()
        harness.settle()
        return canvas.shapes

    assert after(view.button("undo").click) == three[:2]
    view.draw.focus()
    assert after(lambda: view.keys("Control+z")) == three[:1]
    assert after(lambda: view.keys("Control+y")) == three[:2]
    assert after(lambda: view.keys("Control+Shift+Z")) == three
    assert after(view.button("clear").click) == []
    assert after(view.button("undo").click) == three
    view.draw.focus()
    assert after(lambda: view.keys("Delete")) == []
    assert after(lambda: view.keys("Control+z")) == three
    view.drag([(0.1, 0.6), (0.3, 0.8)])
    harness.settle()
    four = list(canvas.shapes)
    assert len(four) == 4
    assert after(lambda: view.button("redo").click(force=True)) == four, "a new shape ends what could be redone"


def test_shapes_from_python_are_a_step_and_a_new_picture_a_new_history(harness):
    canvas = make()
    view = harness.show(canvas)
    view.button("rectangle").click()
    view.drag([(0.1, 0.2), (0.3, 0.5)])
    harness.settle()
    drawn = list(canvas.shapes)
    canvas.draw_region(sc.Polygon(((10, 10), (90, 10), (50, 90))))
    harness.settle()
    view.button("undo").click()
    harness.settle()
    assert canvas.shapes == drawn
    with canvas.hold_sync():
        canvas.set_image(picture(64, 64))
        canvas.shapes = []
    harness.settle()
    assert view.button("undo").get_attribute("aria-disabled") == "true"
    view.draw.focus()
    view.keys("Control+z")
    harness.settle()
    assert canvas.shapes == []


def test_shapes_are_moved_bent_and_deleted(harness):
    canvas = make()
    canvas.shapes = [
        {"kind": "rectangle", "points": [[10, 10], [40, 40]]},
        {"kind": "polygon", "points": [[60, 60], [100, 60], [100, 100], [60, 100]]},
    ]
    view = harness.show(canvas)
    view.button("move").click()
    view.drag([(25 / 128, 25 / 128), (45 / 128, 35 / 128)])
    harness.settle()
    np.testing.assert_allclose(canvas.shapes[0]["points"], [[30, 20], [60, 50]], atol=0.3)
    view.drag([(100 / 128, 100 / 128), (120 / 128, 110 / 128)])  # a corner of the polygon
    harness.settle()
    np.testing.assert_allclose(canvas.shapes[1]["points"][2], [120, 110], atol=0.3)
    np.testing.assert_allclose(canvas.shapes[1]["points"][0], [60, 60])
    view.drag([(30 / 128, 20 / 128), (0.001, 0.001)])  # a corner of the rectangle: the opposite one stays
    harness.settle()
    np.testing.assert_allclose(np.sort(canvas.shapes[0]["points"], axis=0), [[0, 0], [60, 50]], atol=0.3)
    view.keys("Delete")
    harness.settle()
    assert [shape["kind"] for shape in canvas.shapes] == ["polygon"]
    view.drag([(0.02, 0.9), (0.2, 0.9)])  # nothing is there
    harness.settle()
    assert len(canvas.shapes) == 1


def test_escape_cancels(harness):
    canvas = make()
    view = harness.show(canvas)
    harness.page.mouse.move(*view.at((0.2, 0.2)))
    harness.page.mouse.down()
    harness.page.mouse.move(*view.at((0.8, 0.2)), steps=4)
    harness.page.mouse.move(*view.at((0.8, 0.8)), steps=4)
    harness.settle()
    assert canvas.draft["kind"] == "freehand"
    view.keys("Escape")
    harness.settle()
    assert canvas.draft is None
    harness.page.mouse.up()
    harness.settle()
    assert canvas.shapes == []


def test_the_tool_may_change_while_a_polygon_is_open(harness):
    canvas = make()
    view = harness.show(canvas)
    view.button("polygon").click()
    for corner in [(0.2, 0.2), (0.8, 0.2), (0.8, 0.8)]:
        view.click(corner)
    view.button("brush").click()
    harness.settle()
    assert [shape["kind"] for shape in canvas.shapes] == ["polygon"]
    view.button("polygon").click()
    view.click((0.2, 0.2))
    canvas.tool = "rectangle"
    harness.settle()
    assert len(canvas.shapes) == 1
    assert view.button("rectangle").get_attribute("aria-pressed") == "true"


# ------------------------------------------------------------------ drafts and messages


def test_the_outline_travels_while_one_draws_and_moves(harness):
    canvas = make()
    drafts = []
    canvas.observe(lambda change: drafts.append(change["new"]), "draft")
    view = harness.show(canvas)
    view.drag(circle((0.5, 0.5), 0.3, 30), steps=2)
    harness.settle()
    assert len(drafts) > 5
    assert drafts[-1] is None
    sizes = [len(draft["points"]) for draft in drafts if draft]
    assert sizes[0] < sizes[-1] < 60
    drafts.clear()
    view.button("move").click()
    view.drag([(0.5, 0.5), (0.6, 0.5)])
    harness.settle()
    assert {draft["index"] for draft in drafts if draft} == {0}
    assert drafts[-1] is None


def test_a_busy_kernel_gets_one_message_at_a_time_and_holds_up_nothing(harness):
    canvas = make()
    view = harness.show(canvas)
    harness.evaluate(canvas, "model.delay = 400")
    already = len(harness.sent(canvas))
    view.drag(circle((0.5, 0.5), 0.3, 30), steps=2)
    # the shape is there for the eye although the kernel knows nothing of it
    assert canvas.shapes == []
    frames = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
    harness.page.evaluate(f"() => {frames}")
    drawn = view.pixels("draw")
    assert (drawn[..., 3] > 0).sum() > 1000
    assert view.button("undo").get_attribute("aria-disabled") == "false"
    view.drag([(0.1, 0.1), (0.2, 0.1), (0.2, 0.2)])
    harness.settle()
    assert len(canvas.shapes) == 2
    moves = 60 + 16
    assert len(harness.sent(canvas)) - already < moves / 5
    assert harness.sent(canvas)[-1].get("draft", None) is None


def test_a_drawn_shape_is_one_message(harness):
    canvas = make()
    view = harness.show(canvas)
    view.drag([(0.2, 0.2), (0.8, 0.2), (0.8, 0.8)])
    harness.settle()
    last = [message for message in harness.sent(canvas) if "shapes" in message]
    assert len(last) == 1
    assert last[0]["draft"] is None


# ------------------------------------------------------------------ keyboard


def test_a_rectangle_by_keyboard_alone(harness):
    canvas = make()
    view = harness.show(canvas)
    for _ in range(20):
        harness.page.keyboard.press("Tab")
        if view.draw.evaluate("e => e === document.activeElement"):
            break
    view.keys("r")
    view.keys(*["Shift+ArrowLeft"] * 3, *["Shift+ArrowUp"] * 2)
    view.keys("Space", *["Shift+ArrowRight"] * 5, *["Shift+ArrowDown"] * 4, "Space")
    harness.settle()
    assert canvas.tool == "rectangle"
    assert canvas.region() == sc.Rectangle(44, 34, 84, 84)
    assert mask_of(canvas).sum() == 2000


def test_every_tool_by_keyboard_alone(harness):
    canvas = make()
    view = harness.show(canvas)
    view.draw.focus()
    right, down, left = ["Shift+ArrowRight"] * 2, ["Shift+ArrowDown"] * 2, ["Shift+ArrowLeft"] * 2
    view.keys("p", "Space", *right, "Space", *down, "Space", "Enter")  # (64, 64), (84, 64), (84, 84)
    view.keys("f", "Space", *right, *down, *left, "Enter")
    view.keys("b", "]", "Space", *right, "Space")
    view.keys("-", "s", "Space", "i", "x", "Space")
    harness.settle()
    kinds = [shape["kind"] for shape in canvas.shapes]
    assert kinds == ["polygon", "freehand", "brush", "segment", "pixel"]
    assert [shape["op"] for shape in canvas.shapes] == ["add", "add", "add", "subtract", "intersect"]
    assert canvas.shapes[0]["points"] == [[64, 64], [84, 64], [84, 84]]
    # the freehand line began where the polygon ended
    assert canvas.shapes[1]["points"] == [[84, 84], [104, 84], [104, 104], [84, 104]]
    assert canvas.brush_radius == 7
    assert canvas.shapes[2]["points"] == [[84, 104], [104, 104]]


def test_a_shape_is_moved_by_keyboard_alone(harness):
    canvas = make()
    canvas.shapes = [
        {"kind": "rectangle", "points": [[4, 4], [24, 24]]},
        {"kind": "freehand", "points": [[90, 90], [120, 90], [120, 120]]},
    ]
    view = harness.show(canvas)
    view.draw.focus()
    # nothing lies under the crosshair: space goes to the next shape, space again picks it up
    view.keys("m", "Space", "Space", *["ArrowRight"] * 3, "Shift+ArrowDown", "Space")
    harness.settle()
    assert canvas.shapes[0]["points"] == [[7, 14], [27, 34]]
    view.keys("Space", "ArrowRight", "Escape", "Delete")
    harness.settle()
    assert [shape["kind"] for shape in canvas.shapes] == ["freehand"]


def test_backspace_takes_back_a_corner(harness):
    canvas = make()
    view = harness.show(canvas)
    view.draw.focus()
    view.keys("p", "Space", "Shift+ArrowRight", "Space", "Shift+ArrowDown", "Space", "Shift+ArrowLeft", "Space")
    view.keys("Backspace", "Control+z", "Shift+ArrowDown", "Space", "Enter")
    harness.settle()
    assert canvas.shapes[0]["points"] == [[64, 64], [74, 64], [64, 84]]


def test_keys_do_not_reach_the_page_around(harness):
    canvas = make()
    view = harness.show(canvas)
    harness.page.evaluate("""() => {
        window.leaked = [];
        document.addEventListener('keydown', (event) => {
            window.leaked.push(event.key);
            if (event.ctrlKey) event.preventDefault();  // the browser's own dialogs would block the test
        });
    }""")
    view.draw.focus()
    view.keys("d", "d", "a", "b", "Enter", "Escape", "Space", "Escape", "ArrowDown", "Shift+Enter", "Control+Enter")
    view.keys("Control+z", "Delete", "1", "m", "Control+s", "F1")
    view.button("brush").focus()
    view.keys("d", "Enter", "ArrowRight", "Space", "Home")
    assert harness.page.evaluate("leaked") == ["Control", "s", "F1"] or set(harness.page.evaluate("leaked")) <= {
        "s",
        "F1",
        "Control",
        "Shift",
    }


def test_the_toolbar_is_one_tab_stop_with_arrow_keys(harness):
    canvas = make()
    view = harness.show(canvas)
    view.button("freehand").focus()
    view.keys("ArrowRight", "ArrowRight", "Enter")
    harness.settle()
    assert canvas.tool == "rectangle"
    view.keys("End")
    assert view.button("clear").evaluate("e => e === document.activeElement")
    view.keys("ArrowRight")
    assert view.button("freehand").evaluate("e => e === document.activeElement")
    assert view.root.locator(".sc-hint").inner_text().startswith("Freehand:")
    assert view.root.locator(".sc-toolbar button[tabindex='0']").count() == 1
    pressed = view.root.locator(".sc-toolbar button[aria-pressed='true']")
    assert [b.get_attribute("aria-label") for b in pressed.all()] == ["Rectangle", "Add"]


def test_what_happens_is_said(harness):
    canvas = make()
    canvas.set_heat(np.full((4, 4), 0.5), vmax=1)
    view = harness.show(canvas)
    live = view.root.locator("[aria-live]")
    view.draw.focus()
    view.keys("ArrowRight")
    harness.page.wait_for_function("() => document.querySelector('[aria-live]').textContent.includes('column 65')")
    assert live.text_content() == "row 64, column 65, map +0.500, sea"
    view.keys("r", "Space", "Shift+ArrowRight", "Shift+ArrowDown", "Space")
    assert live.text_content() == "rectangle: add; 1 drawn"
    assert view.draw.get_attribute("role") == "application"
    assert view.draw.get_attribute("aria-label") == canvas.label
    described = view.draw.get_attribute("aria-describedby")
    assert "Arrow keys" in harness.page.locator(f"#{described}").text_content()


# ------------------------------------------------------------------ fingers


@pytest.mark.parametrize("page_options", [{"has_touch": True, "device_scale_factor": 2}], indirect=True)
def test_a_finger_draws_and_a_second_one_does_not(harness):
    canvas = make()
    view = harness.show(canvas, style="width: 340px")
    client = harness.page.context.new_cdp_session(harness.page)

    def touch(kind, *fractions):
        points = [dict(zip(("x", "y"), view.at(f), strict=True), id=i) for i, f in enumerate(fractions)]
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", (0.2, 0.2))
    for point in circle((0.5, 0.5), 0.35, 40):
        touch("touchMove", point)
    touch("touchEnd")
    harness.settle()
    (shape,) = canvas.shapes
    assert shape["kind"] == "freehand"
    # from (0.2, 0.2) to the circle, round it, and back
    assert mask_of(canvas).sum() == pytest.approx(np.pi * (0.35 * 128) ** 2, rel=0.12)
    assert harness.page.evaluate("scrollY") == 0

    view.button("polygon").tap()
    for corner in [(0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.22, 0.21)]:  # the last lies a finger's width from the first
        touch("touchStart", corner)
        touch("touchEnd")
    harness.settle()
    assert len(canvas.shapes[1]["points"]) == 3

    view.button("freehand").tap()
    touch("touchStart", (0.2, 0.2))
    touch("touchMove", (0.8, 0.2))
    touch("touchStart", (0.8, 0.2), (0.1, 0.9))  # the ball of the thumb
    touch("touchMove", (0.8, 0.8), (0.2, 0.9))
    touch("touchEnd")
    harness.settle()
    np.testing.assert_allclose(
        canvas.shapes[2]["points"], np.array([[0.2, 0.2], [0.8, 0.2], [0.8, 0.8]]) * 128, atol=0.5
    )

    touch("touchStart", (0.2, 0.2))
    touch("touchMove", (0.8, 0.2))
    touch("touchMove", (0.8, 0.8))
    harness.settle()
    assert canvas.draft is not None
    touch("touchCancel")  # the browser took the finger, for a pinch for example
    harness.settle()
    assert canvas.draft is None
    assert len(canvas.shapes) == 3


@pytest.fixture
def page_options(request):
    return getattr(request, "param", {})


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
    assert scale.locator(".sc-ends span").all_inner_texts() == ["−1.25", "0", "≥ +1.25"]
    assert scale.locator(".sc-scale-head span").all_inner_texts() == [
        "Seg-Grad-CAM of sea",
        "map −0.500 to +2.00, beyond the range",
    ]
    assert "from −1.25 over 0" in scale.locator("[role=img]").get_attribute("aria-label")
    canvas.set_heat(np.array([[-100.0, 2.0]]))
    harness.settle()
    assert scale.locator(".sc-ends span").all_inner_texts() == ["≤ −1.25", "0", "≥ +1.25"]
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


# ------------------------------------------------------------------ values under the pointer


def test_values_under_the_pointer(harness):
    canvas = make((60, 80), grid=(30, 40))
    heat = np.arange(12, dtype=np.float32).reshape(3, 4) - 4
    canvas.set_heat(heat, vmax=8)
    canvas.set_truth(np.zeros((30, 40), int))
    canvas.smooth = False

    def answer(change):
        cell = change["new"]
        canvas.hover_text = "" if cell is None else f"sea at {cell[0]}, {cell[1]}: 0.75"

    canvas.observe(answer, "hover")
    view = harness.show(canvas)
    harness.page.mouse.move(*view.at((0.9, 0.5)))
    harness.settle()
    assert canvas.hover == [15, 36]
    text = view.root.locator(".sc-readout").inner_text()
    for part in ("row 15, column 36", "map +3.00", "predicted sea", "true sky", "sea at 15, 36: 0.75"):
        assert part in text, text
    canvas.smooth = True
    harness.settle()
    value = resize_bilinear(heat, (30, 40))[15, 36]
    shown = float(view.root.locator(".sc-here b").first.inner_text())
    assert shown == pytest.approx(value, abs=0.4), "interpolated at the pointer itself"
    harness.page.mouse.move(2, 2)
    harness.settle()
    assert canvas.hover is None
    assert "Point at the picture" in view.root.locator(".sc-readout").inner_text()


def test_moving_within_a_pixel_sends_nothing(harness):
    canvas = make((64, 64))
    view = harness.show(canvas)
    harness.page.mouse.move(*view.at((0.501, 0.501)))
    harness.settle()
    sent = len(harness.sent(canvas))
    harness.page.mouse.move(*view.at((0.505, 0.505)), steps=3)
    harness.settle()
    assert len(harness.sent(canvas)) == sent


def test_names_are_text_whatever_they_contain(harness):
    evil = "<img src=x onerror='window.pwned = 1'><script>window.pwned = 2</script><b>bold</b>"
    canvas = make((64, 64), heat_label=evil, hover_text=evil, label=evil)
    canvas.set_labels(halves(64, 64), names=[evil, evil, evil])
    canvas.set_truth(halves(64, 64))
    canvas.set_heat(np.ones((2, 2)), vmax=1)
    view = harness.show(canvas)
    harness.page.mouse.move(*view.at((0.25, 0.75)))
    harness.settle()
    assert view.root.locator(".sc-readout").inner_text().count("<script>") == 3
    assert view.root.locator("img, script").count() == 0
    assert harness.page.evaluate("window.pwned") is None


# ------------------------------------------------------------------ place on the page


@pytest.mark.parametrize(
    ("size", "container", "width"),
    [
        ((64, 64), 340, 320),
        ((64, 64), 900, 640),
        ((1024, 1024), 340, 334),
        ((1024, 1024), 900, 640),
        ((40, 20), 340, 320),
    ],
)
def test_the_picture_fits_its_container(harness, size, container, width):
    canvas = make(size)
    view = harness.show(canvas, style=f"width: {container}px")
    box = view.box()
    assert box["width"] == pytest.approx(width if size[0] == size[1] else 320, abs=1)
    assert box["width"] * size[0] == pytest.approx(box["height"] * size[1], rel=0.01)
    right = "e => e.getBoundingClientRect().right"
    children = view.root.evaluate(f"e => Math.max(...[...e.querySelectorAll('*')].map({right}))")
    assert children <= view.root.evaluate(right) + 1, "nothing sticks out"


def test_text_is_never_cut(harness):
    canvas = make((64, 64), heat_label="Seg-Grad-CAM of a_class_with_a_very_long_name at backbone/conv4_block6_relu")
    canvas.set_labels(halves(64, 64), names=["an_exceedingly_long_class_name_without_any_space_in_it"] * 3)
    canvas.set_heat(np.array([[-1.234e-5, 1.234e-5]]), vmax=1.234e-6)
    canvas.hover_text = "an_exceedingly_long_class_name_without_any_space_in_it 0.998, another_one 0.001"
    view = harness.show(canvas, style="width: 340px")
    harness.page.mouse.move(*view.at((0.4, 0.4)))
    harness.settle()
    cut = view.root.evaluate("""root => {
        const texts = root.querySelectorAll('.sc-scale *, .sc-readout *, .sc-hint, .sc-brush span');
        const overflows = (e) => e.scrollWidth > e.clientWidth + 1 || e.scrollHeight > e.clientHeight + 1;
        return [...texts].filter(e => e.textContent && e.clientWidth && overflows(e)).map(e => e.className);
    }""")
    assert cut == []


@pytest.mark.parametrize("width", [340, 700])
def test_nothing_jumps_while_one_points_and_draws(harness, width):
    canvas = make((64, 64))
    canvas.observe(lambda change: canvas.set_trait("hover_text", "sky 0.5, sea 0.3" if change["new"] else ""), "hover")
    view = harness.show(canvas, style=f"width: {width}px")

    def places():
        parts = "[...root.querySelectorAll('.sc-canvas > :not(.sc-hidden)')]"
        return view.root.evaluate(f"root => {parts}.map(e => e.offsetTop)")

    before = places()
    for tool in canvas.tools:
        view.button(tool["kind"]).click()
        harness.settle()
        assert places() == before, tool["kind"]
    view.button("freehand").click()
    view.drag([(0.2, 0.2), (0.8, 0.2), (0.8, 0.8)])
    canvas.set_heat(np.ones((2, 2)), vmax=3)
    harness.settle()
    assert places() == before


def test_the_picture_follows_its_container(harness):
    canvas = make((64, 64))
    canvas.shapes = [{"kind": "rectangle", "points": [[10, 10], [50, 50]]}]
    view = harness.show(canvas, style="width: 900px")
    assert view.box()["width"] == 640
    view.root.evaluate("e => e.style.width = '340px'")
    harness.settle()
    assert view.box()["width"] == 320
    assert view.pixels("image").shape[:2] == (320, 320)
    view.button("rectangle").click()
    view.drag([(0.25, 0.25), (0.5, 0.5)])
    harness.settle()
    np.testing.assert_allclose(canvas.shapes[1]["points"], [[16, 16], [32, 32]], atol=0.2)
    view.root.evaluate("e => e.style.display = 'none'")
    harness.settle()
    view.root.evaluate("e => e.style.display = ''")
    harness.settle()
    assert view.box()["width"] == 320


@pytest.mark.parametrize("page_options", [{"device_scale_factor": 2}], indirect=True)
def test_fine_screens_get_fine_pixels(harness):
    canvas = make((64, 64))
    canvas.set_heat(np.random.default_rng(0).normal(size=(4, 4)), vmax=2)
    view = harness.show(canvas, style="width: 340px")
    for layer, shown in view.pixels("image", "heat", "draw").items():
        assert shown.shape[:2] == (640, 640), layer


# ------------------------------------------------------------------ several at once


def test_two_canvases_do_not_disturb_each_other(harness):
    first, second = make((64, 64)), make((100, 80))
    views = harness.show(first, "first", "width: 340px"), harness.show(second, "second", "width: 340px")
    views[0].button("rectangle").click()
    views[0].drag([(0.25, 0.25), (0.5, 0.5)])
    views[1].button("polygon").click()
    for corner in [(0.1, 0.1), (0.9, 0.1), (0.9, 0.9)]:
        views[1].click(corner)
    views[0].drag([(0.5, 0.5), (0.75, 0.75)])
    views[1].click((0.1, 0.1))
    harness.settle()
    assert [shape["kind"] for shape in first.shapes] == ["rectangle", "rectangle"]
    assert [shape["kind"] for shape in second.shapes] == ["polygon"]
    views[1].button("undo").click()
    harness.settle()
    assert second.shapes == []
    assert len(first.shapes) == 2
    assert (first.tool, second.tool) == ("rectangle", "polygon")
    ids = harness.page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))


def test_two_views_of_one_canvas_show_the_same(harness):
    canvas = make((64, 64))
    left, right = harness.show(canvas, "left", "width: 340px"), harness.show(canvas, "right", "width: 340px")
    left.drag([(0.2, 0.2), (0.8, 0.2), (0.8, 0.8)])
    harness.page.mouse.move(2, 2)
    harness.settle()
    assert (right.pixels("draw")[..., 3] > 0).sum() > 500
    right.button("undo").click()
    harness.settle()
    assert canvas.shapes == []
    assert not left.pixels("draw").any()


def test_a_removed_view_leaves_nothing_behind(harness):
    canvas = make((64, 64))
    kept = harness.show(canvas, "kept", "width: 340px")
    listening = harness.evaluate(canvas, "model.listening()")
    for i in range(5):
        harness.show(canvas, f"gone{i}", "width: 340px")
        harness.page.evaluate("name => harness.remove(name)", f"gone{i}")
    assert harness.evaluate(canvas, "model.listening()") == listening
    kept.drag([(0.2, 0.2), (0.8, 0.2), (0.8, 0.8)])
    canvas.set_heat(np.ones((2, 2)), vmax=1)
    harness.settle()
    assert len(canvas.shapes) == 1
