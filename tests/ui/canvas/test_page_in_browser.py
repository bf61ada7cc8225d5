"""Values under the pointer, the canvas's place on the page, several canvases at once."""

import numpy as np
import pytest

from segcam_widgets.core.grid import resize_bilinear
from tests.ui.canvas.scene import halves, make

pytestmark = pytest.mark.browser


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
    for part in ("row 15, column 36", "map +3\n", "predicted sea", "true sky", "sea at 15, 36: 0.75"):
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
