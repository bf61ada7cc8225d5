"""The ground that the browser tests stand on: each application shows widgets, and the mouse reaches the kernel."""

import numpy as np
import pytest

from tests.browser.pictures import assert_same_picture

SLIDER_AND_IMAGE = """
import io

import bqplot
import ipywidgets as widgets
from PIL import Image

png = io.BytesIO()
Image.new("RGB", (128, 128), "teal").save(png, "PNG")
slider = widgets.IntSlider(value=20, max=100, description="share")
scales = {"x": bqplot.LinearScale(min=0, max=128), "y": bqplot.LinearScale(min=128, max=0)}
image = bqplot.Image(image=widgets.Image(value=png.getvalue()), x=[0, 128], y=[128, 0], scales=scales)
brush = bqplot.interacts.BrushSelector(x_scale=scales["x"], y_scale=scales["y"], color="orange")
figure = bqplot.Figure(
    marks=[image],
    interaction=brush,
    animation_duration=0,
    padding_x=0,
    padding_y=0,
    fig_margin={"top": 0, "bottom": 0, "left": 0, "right": 0},
    layout=widgets.Layout(width="300px", height="300px"),
)
figure.add_class("under-test")
widgets.VBox([slider, figure])
"""


@pytest.mark.parametrize("app", ["lab", "notebook", "voila"])
def test_the_mouse_reaches_the_kernel(note, app):
    opened = note(SLIDER_AND_IMAGE, app)
    image = opened.page.locator(".under-test svg image")
    image.wait_for(state="attached")

    # bqplot answers a drag only while bqplot-gl is not installed: this guards against it too
    opened.drag(image, [(0.25, 0.25), (0.5, 0.6), (0.75, 0.5)])
    opened.until("brush.selected_x is not None and not brush.brushing")
    across, down = opened.eval("[brush.selected_x, brush.selected_y]")
    np.testing.assert_allclose(across, [32, 96], atol=1)
    np.testing.assert_allclose(down, [32, 64], atol=1)

    opened.drag(opened.page.locator(".noUi-target"), [(0.2, 0.5), (0.7, 0.5)])
    opened.until("slider.value == 70")


def test_a_trait_set_in_the_kernel_is_drawn_in_the_dark_theme(note):
    opened = note(SLIDER_AND_IMAGE, theme="dark")
    image = opened.page.locator(".under-test svg image")
    image.wait_for(state="attached")
    opened.eval("brush.set_trait('selected_x', [32, 96]), brush.set_trait('selected_y', [16, 64])")
    assert_same_picture(opened.picture(opened.page.locator(".under-test")), "brush-dark")


def test_an_error_in_the_cell_is_told(note):
    with pytest.raises(AssertionError, match="the cell raised NameError"):
        note("undefined_name", "voila")


@pytest.mark.browser
def test_an_error_in_the_page_fails_the_test(pytester, monkeypatch, request):
    """Run a test whose page throws, in a pytest of its own."""
    monkeypatch.syspath_prepend(request.config.rootpath)
    pytester.makepyfile("""
        pytest_plugins = ["tests.browser.fixtures"]

        def test_page(note):
            page = note("", "voila").page
            page.evaluate("() => { setTimeout(() => { throw new Error('seen by nobody') }) }")
            page.wait_for_timeout(200)
    """)
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*seen by nobody*"])


def test_a_false_expectation_fails(note):
    opened = note("import ipywidgets\nslider = ipywidgets.IntSlider()\nslider", "voila")
    with pytest.raises(AssertionError, match="still False after"):
        opened.until("slider.value == 7", timeout=0.5)
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        opened.eval("1 / 0")
