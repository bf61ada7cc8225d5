"""The explorer in JupyterLab, Notebook 7 and Voilà: a real mouse, real keys, and what is then on the screen.

One page an application: a kernel with TensorFlow takes longer to start than all that is done in it.
"""

import io

import numpy as np
import pytest
from PIL import Image, ImageColor

from segcam_widgets.core.picture.render import render
from segcam_widgets.ui.panels.histogram import DOWN, UP

EVIL = ("<img src=x onerror='window.hacked=1'>", "<script>window.hacked=1</script>", "a & b")
CODE = f"""
import ipywidgets
import segcam_widgets as sc

demo = sc.load_demo()
explorer = sc.explore(demo.model, demo.images[:3], truth=demo.truth[:3], class_names=demo.class_names)
explorer.query = sc.CamQuery(layer="tail_conv2", class_index="brick")
other = sc.explore(demo.model, demo.images[3], class_names={EVIL!r})
ipywidgets.VBox([explorer, other])
"""
BAR_COLOURS = """wanted => {
    const bars = [...document.querySelector('.segcam-histogram').querySelectorAll('.bargroup rect')];
    const seen = bars.filter(bar => getComputedStyle(bar).opacity !== '0').map(bar => getComputedStyle(bar).fill);
    return JSON.stringify(seen) === JSON.stringify(wanted);
}"""
ELLIPSE = [(0.5 + 0.3 * np.cos(t), 0.45 + 0.25 * np.sin(t)) for t in np.linspace(0, 2 * np.pi, 60)]


class View:
    """The first explorer on the page, as a person sees and moves it."""

    def __init__(self, opened):
        self.opened, self.page = opened, opened.page
        self.root = self.page.locator(".segcam-explorer").first
        self.draw = self.root.locator(".sc-draw")
        self.stage = self.root.locator(".sc-stage")
        self.draw.wait_for()
        self.answered()

    def eval(self, expression):
        return self.opened.eval(expression)

    def answered(self):
        """Wait until the newest question is answered and its map is on the screen."""
        self.opened.until("explorer.flush() and explorer.explanation.query == explorer.query", 60)
        sequence = self.eval("explorer.canvas.heat['seq']")
        self.page.wait_for_function(
            "number => document.querySelector('.sc-stage').dataset.heatSeq == number", arg=sequence
        )

    def button(self, name):
        self.root.locator(f'[data-name="{name}"]').click()

    def drag(self, fractions, steps=2):
        before = self.eval("len(explorer.canvas.shapes)")
        self.opened.drag(self.draw, fractions, steps)
        self.opened.until(f"len(explorer.canvas.shapes) == {before} + 1 and explorer.canvas.draft is None")
        self.answered()

    def clear(self):
        self.button("clear")
        self.opened.until("not explorer.canvas.shapes and explorer.region.value == 'predicted'")
        self.answered()

    def handle(self, slider):
        """The handle of a slider."""
        index = {"layer": 0, "class": 1}[slider]
        return self.root.locator(".noUi-handle").nth(index)

    def track(self, slider):
        return self.root.locator(".noUi-target").nth({"layer": 0, "class": 1}[slider])

    def colours(self):
        """What is seen of the picture, (h, w, 3)."""
        self.page.mouse.move(2, 2)
        self.page.wait_for_timeout(150)
        return np.asarray(Image.open(io.BytesIO(self.stage.screenshot(animations="disabled"))).convert("RGB"), int)

    def says(self, words):
        """Wait until the sentence holds these words: its message may come a moment behind the map's."""
        self.root.locator(".segcam-sentence", has_text=words).wait_for(timeout=30_000)


@pytest.fixture(params=["lab", "notebook", "voila"])
def view(note, request):
    return View(note(CODE, request.param))


def polygon_area(points):
    x, y = np.array(points).T
    return 0.5 * abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1)))


def test_a_session(view):
    opened, other = view.opened, view.eval("other.query.to_dict()")

    # what it says at first: the class that is predicted well, and blank
    view.says("brick at tail_conv2")
    view.says("blank, both channels pull down")

    # freehand, with the mouse
    view.drag(ELLIPSE)
    height, width = view.eval("list(explorer.probe.labels.shape)")
    expected = polygon_area(ELLIPSE) * height * width
    area = view.eval("int(explorer.explanation.mask.sum())")
    assert abs(area - expected) < 0.02 * expected
    drawn = view.eval("int(explorer.query.region.rasterize(explorer.probe).sum())")
    assert drawn == area
    view.says(f"{area} px")
    assert view.eval("explorer.region.value") == "drawn"

    # clear, rectangle, segment
    view.clear()
    view.button("rectangle")
    view.drag([(0.25, 0.5), (0.75, 0.625)])
    region = view.eval("explorer.query.region.to_dict()")
    found = [region[side] for side in ("top", "left", "bottom", "right")]
    np.testing.assert_allclose(found, [0.5 * height, 0.25 * width, 0.625 * height, 0.75 * width], atol=0.5)
    view.clear()
    view.button("segment")
    opened.click(view.draw, 0.5, 0.5)
    opened.until("len(explorer.canvas.shapes) == 1")
    view.answered()
    row, col = height // 2, width // 2
    assert view.eval("explorer.query.region") == f"Component(row={row}, col={col})"
    assert view.eval(f"bool((explorer.explanation.mask == sc.Component({row}, {col}).rasterize(explorer.probe)).all())")
    view.clear()

    # layer and class: keys and mouse
    before = view.colours()
    layers = view.eval("[layer.name for layer in explorer.probe.layers]")
    index = layers.index("tail_conv2")
    view.handle("layer").focus()
    view.page.keyboard.press("ArrowLeft")
    opened.until(f"explorer.query.layer == {layers[index - 1]!r}")
    view.answered()
    view.says(layers[index - 1])
    assert (np.abs(view.colours() - before).max(-1) > 30).mean() > 0.05  # another map is seen
    box = view.handle("layer").bounding_box()
    opened.drag(view.track("layer"), [(_share(view, "layer"), 0.5), (0.02, 0.5)])
    opened.until("explorer.controls.layer_slider.value <= 1")
    view.answered()
    assert view.handle("layer").bounding_box()["x"] < box["x"] - 100
    view.handle("class").focus()
    view.page.keyboard.press("End")
    opened.until("explorer.query.class_index == 2")
    view.answered()
    view.says(view.eval("demo.class_names[2]"))
    view.root.locator("select").filter(has_text="·").first.focus()
    view.page.keyboard.press("ArrowUp")
    opened.until("explorer.query.class_index == 1")
    view.root.get_by_role("button", name="next").focus()
    view.page.keyboard.press("Enter")
    opened.until("explorer.images.index == 1")
    view.answered()
    assert "image 2 of 3" in view.root.inner_text()

    # the map's colours are those of the values
    view.eval("setattr(explorer, 'query', sc.CamQuery('enc1_conv', 1, sc.Everything(), 'margin', 'hirescam'))")
    for name, value in (("heat_opacity", 1.0), ("labels", False), ("outline", False)):
        view.eval(f"setattr(explorer.display.{name}, 'value', {value})")
    view.answered()
    seen = view.colours()
    size = seen.shape[:2]
    values = np.array(view.eval(f"explorer.explanation.upsampled({size!r})"), np.float32)
    wanted = render(values, view.eval("explorer.canvas.vmax"))[:, :, :3].astype(int)
    for row, col in ((0.31, 0.62), (0.5, 0.2), (0.83, 0.71)):
        place = int(row * size[0]), int(col * size[1])
        assert np.abs(seen[place] - wanted[place]).max() <= 3, (place, seen[place], wanted[place])
    assert (np.abs(seen - wanted).max(-1) <= 3).mean() > 0.98
    assert wanted.std() > 10  # not one colour

    # the bars: one a channel, the colour of its sign
    numbers = view.eval("explorer.explanation.pooled_gradients")
    wanted = [UP if value >= 0 else DOWN for value in numbers]
    view.page.wait_for_function(BAR_COLOURS, arg=[f"rgb{ImageColor.getrgb(colour)}" for colour in wanted])

    # a drawing that takes everything away: a sentence, and the last good picture; taken back, the next one
    view.button("subtract")
    view.button("rectangle")
    opened.drag(view.draw, [(0.0, 0.0), (0.5, 0.5), (1.0, 1.0)])
    error = view.root.locator(".segcam-error")
    error.wait_for()
    assert "must cover at least one pixel" in error.inner_text()
    assert view.eval("explorer.flush()")
    last = view.eval("[int(explorer.explanation.mask.sum()), explorer.canvas.heat['seq']]")
    assert 0 < last[0] <= height * width  # of what was left on the way, or of all: what came too quickly is dropped
    view.says(f"{last[0]} px")
    assert view.stage.get_attribute("data-heat-seq") == str(last[1])
    view.button("undo")
    error.wait_for(state="detached")
    view.answered()
    assert "predicted" in view.eval("explorer.region.value")

    # the other one was not disturbed, and names did nothing
    assert view.eval("other.query.to_dict()") == other
    assert view.eval("other.error.value") == ""
    second = view.page.locator(".segcam-explorer").nth(1)
    assert EVIL[0] in second.locator(".segcam-legend").inner_text()
    assert view.page.evaluate("window.hacked") is None


def _share(view, slider):
    """Where a slider's handle is, as a share of its track."""
    handle, track = view.handle(slider).bounding_box(), view.track(slider).bounding_box()
    return (handle["x"] + handle["width"] / 2 - track["x"]) / track["width"]
