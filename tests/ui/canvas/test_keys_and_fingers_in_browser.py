"""Drawing without a mouse: keyboard alone, and fingers."""

import numpy as np
import pytest

import segcam_widgets as sc
from tests.ui.canvas.scene import circle, make, mask_of

pytestmark = pytest.mark.browser


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
    assert live.text_content() == "row 64, column 65, map +0.5, sea"
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
