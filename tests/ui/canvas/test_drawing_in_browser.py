"""Drawing with a real mouse in a real Chromium, and the messages that tell of it."""

import numpy as np
import pytest

import segcam_widgets as sc
from tests.ui.canvas.scene import circle, halves, make, mask_of, picture

pytestmark = pytest.mark.browser


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


def test_the_place_under_the_pointer_is_told_again_when_the_shape_is_drawn(harness):
    """While one drags, the shape's own messages would wait for those of the pointer."""
    canvas = make()
    canvas.hover_text = "sea 0.75"
    view = harness.show(canvas)
    harness.page.mouse.move(*view.at((0.2, 0.2)))
    harness.settle()
    already = len(harness.sent(canvas))
    assert canvas.hover is not None
    assert "sea 0.75" in view.root.locator(".sc-readout").inner_text()
    points = [view.at(f) for f in ((0.2, 0.2), (0.8, 0.2), (0.8, 0.8))]
    harness.page.mouse.down()
    for point in points[1:]:
        harness.page.mouse.move(*point, steps=5)
    harness.settle()
    told = harness.sent(canvas)[already:]
    assert told
    assert all(set(message) == {"draft"} for message in told), told
    assert "sea 0.75" not in view.root.locator(".sc-readout").inner_text(), "said of another place"
    harness.page.mouse.up()
    harness.settle()
    rows, cols = canvas.grid_shape or canvas.image["shape"]
    assert canvas.hover == [int(0.8 * rows), int(0.8 * cols)]
    assert "sea 0.75" in view.root.locator(".sc-readout").inner_text()
