"""The canvas in JupyterLab, Notebook 7 and Voilà, with their own transport and their own keyboard shortcuts."""

import io

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.browser

CODE = """
import numpy as np
from segcam_widgets.ui.canvas import SegmentationCanvas
rows, cols = np.mgrid[0:96, 0:96]
canvas = SegmentationCanvas(np.stack([rows * 2, cols * 2, rows * 0 + 90], -1).astype(np.uint8))
canvas.set_labels((cols > 48).astype(int), names=["sky", "sea"])
canvas.set_heat(np.linspace(-1, 1, 64).reshape(8, 8), vmax=1)
canvas.heat_opacity = 1.0
canvas.smooth = False
def answer(change):
    canvas.hover_text = str(change["new"])
canvas.observe(answer, "hover")
canvas
"""


@pytest.mark.parametrize(("app", "theme"), [("lab", "dark"), ("notebook", None), ("voila", "light")])
def test_drawing_reaches_the_kernel_and_keys_do_not_reach_the_notebook(note, app, theme):
    opened = note(CODE, app, theme)
    page = opened.page
    draw = page.locator(".sc-draw")
    draw.wait_for()
    page.wait_for_selector(".sc-stage[data-heat-seq='0']")
    angle = np.linspace(0, 2 * np.pi, 40)
    opened.drag(draw, [(0.5 + 0.3 * np.cos(a), 0.5 + 0.3 * np.sin(a)) for a in angle], steps=2)
    opened.until("len(canvas.shapes) == 1 and canvas.draft is None")
    assert opened.eval("canvas.shapes[0]['kind']") == "freehand"
    probe = "__import__('types').SimpleNamespace(labels=np.zeros((96, 96)))"
    area = opened.eval(f"int(canvas.region().rasterize({probe}).sum())")
    assert area == pytest.approx(np.pi * (0.3 * 96) ** 2, rel=0.02)

    # the canvas has the focus: none of these may delete, insert, run or edit a cell
    cells = "() => document.querySelectorAll('.jp-Cell').length"
    before = page.evaluate(cells)
    for key in ("d", "d", "a", "b", "x", "Enter", "Escape", "ArrowDown", "r", "Shift+Enter"):
        page.keyboard.press(key)
    page.keyboard.press("Escape")
    opened.until("canvas.tool == 'rectangle'")
    assert page.evaluate(cells) == before
    assert draw.evaluate("e => e === document.activeElement")
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    opened.until("len(canvas.shapes) == 0")

    opened.click(draw, 0.75, 0.5)
    opened.until("canvas.hover == [48, 72]")
    page.wait_for_function("() => document.querySelector('.sc-answer').textContent === '[48, 72]'")

    # set in the kernel, seen on the screen
    opened.eval("[canvas.set_heat(np.full((2, 2), 1.0)), setattr(canvas, 'region_visible', False)]")
    page.wait_for_selector(".sc-stage[data-heat-seq='1']")
    seen = np.asarray(Image.open(io.BytesIO(opened.picture(page.locator(".sc-stage")))).convert("RGB"))
    expected = opened.eval("list(canvas.lut[-4:-1])")
    assert np.abs(seen[10:20, 10:20].astype(int) - expected).max() <= 3
