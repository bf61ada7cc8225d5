"""Key states of the explorer, brought about as a person does it, and what is then on the screen.

The pictures of the documentation and the key shots of the tests are both taken here: from the real widget on the shipped
demo, in JupyterLab, in a real browser.
"""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

if TYPE_CHECKING:  # the tests that compare pictures kept here run without a browser
    from playwright.sync_api import Locator

    from tests.browser.note import Note

VIEWPORT = {"width": 1400, "height": 2600}  # high enough that no part of an explorer has to be scrolled to
WIDTH, NARROW, PICTURE = 1080, 360, 400
"""CSS pixels: of the explorer, of a narrow one, of the picture in it."""

DEMO = f"""
import numpy as np
import segcam_widgets as sc

demo = sc.load_demo()
explorer = sc.explore(demo.model, demo.images, truth=demo.truth, class_names=demo.class_names)
explorer.layout.width = "{WIDTH}px"
explorer.canvas.max_width = explorer.canvas.max_height = {PICTURE}
explorer
"""
# A layer of many channels that are good for something, without a long training: 512 random filters, and a readout
# that ridge regression fits to the demo's eight mosaics.
MANY = f"""
import keras
import numpy as np
import segcam_widgets as sc

demo = sc.load_demo()
image = keras.Input((160, 160, 1))
filters = keras.layers.Conv2D(512, 9, strides=4, padding="same", activation="relu", name="random_filters")(image)
features = keras.layers.AveragePooling2D(7, 1, padding="same", name="pooled")(filters)
readout = keras.layers.Conv2D(3, 1, name="readout")(features)
enlarged = keras.layers.UpSampling2D(4, interpolation="bilinear", name="enlarged")(readout)
model = keras.Model(image, keras.layers.Softmax(name="softmax")(enlarged))
rng = np.random.default_rng(0)
kernel = rng.normal(size=(9, 9, 1, 512))
model.get_layer("random_filters").set_weights([kernel - kernel.mean((0, 1)), np.zeros(512)])
seen = keras.Model(image, features).predict(demo.images, verbose=0).reshape(-1, 512).astype(float)
wanted = 8 * np.eye(3)[demo.truth[:, 2::4, 2::4].ravel()]
centre = seen.mean(0)
gram = (seen - centre).T @ (seen - centre)
weights = np.linalg.solve(gram + 1e-4 * np.trace(gram) / 512 * np.eye(512), (seen - centre).T @ wanted)
model.get_layer("readout").set_weights([weights.reshape(1, 1, 512, 3), wanted.mean(0) - centre @ weights])
explorer = sc.explore(model, demo.images, truth=demo.truth, class_names=demo.class_names)
explorer.layout.width = "{WIDTH}px"
explorer.canvas.max_width = explorer.canvas.max_height = {PICTURE}
explorer.query = sc.CamQuery("pooled", "grass")
explorer
"""
GRASS = [
    (0.775 + reach * 0.155 * math.cos(t), 0.125 + reach * 0.085 * math.sin(t))
    for t in (2 * math.pi * i / 48 for i in range(49))
    for reach in (1 + 0.14 * math.sin(3 * t + 1) + 0.06 * math.sin(7 * t),)
]
"""A hand's way round the grass at the top right of the demo's first mosaic, as fractions of the picture."""


class Scene:
    """An explorer on a page, called `explorer` in the kernel.

    Parameters
    ----------
    note : Note
        With :data:`DEMO` or :data:`MANY` as its cell.
    """

    def __init__(self, note: Note) -> None:
        self.note, self.page = note, note.page
        self.page.set_viewport_size(VIEWPORT)
        self.root = self.page.locator(".segcam-explorer")
        self.stage = self.root.locator(".sc-stage")
        self.histogram = self.root.locator(".segcam-histogram")
        self.findings = self.root.locator(".segcam-findings")
        self.root.locator(".sc-stage[data-heat-seq]").wait_for(timeout=180_000)
        self.rest()

    # -------------------------------------------------------------- waiting and looking

    def rest(self) -> None:
        """Wait until the newest question is answered and diagnosed, and map and words are on the screen."""
        workers = (f"explorer.{name}.worker.flush(60)" for name in ("findings", "channels", "evidence"))
        self.note.until(" and ".join(["explorer.flush()", *workers]), 120)
        texts = ("sentence", "legend", "findings.text", "channels.votes", "evidence.result", "evidence.waterfall")
        values = ", ".join(f"explorer.{name}.value" for name in texts)
        number, *words = self.note.eval(f"[explorer.canvas.heat['seq'], {values}]")
        self.page.wait_for_function(
            """([number, words]) => {
                const root = document.querySelector(".segcam-explorer");
                if (root.querySelector(".sc-stage").dataset.heatSeq != number) return false;
                const wanted = document.createElement("div");
                return words.every((each) => {
                    wanted.innerHTML = each;
                    return root.textContent.includes(wanted.textContent);
                });
            }""",
            arg=[number, words],
            timeout=60_000,
        )

    def shoot(self, *parts: Locator) -> NDArray[np.uint8]:
        """(h, w, 3) the smallest rectangle of the page that holds these elements, once nothing moves in it."""
        self.page.mouse.move(2, 2)
        # space that a longer line once took is kept for it, which makes a picture depend on what was seen before
        self.root.locator(".jupyter-widgets").evaluate_all("all => all.forEach((e) => (e.style.minHeight = ''))")
        last = b""
        for _ in range(50):
            self.page.wait_for_timeout(150)
            boxes = [box for part in parts if (box := part.bounding_box()) is not None]
            left, top = (round(min(box[key] for box in boxes)) for key in ("x", "y"))  # as the browser draws edges
            right = round(max(box["x"] + box["width"] for box in boxes))
            bottom = round(max(box["y"] + box["height"] for box in boxes))
            clip = {"x": left, "y": top, "width": right - left, "height": bottom - top}
            shot = self.page.screenshot(clip=clip, animations="disabled")
            if shot == last:
                return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB"))
            last = shot
        raise AssertionError("the page does not come to rest")

    def turn(self, theme: str) -> None:
        """Change JupyterLab's theme to "light" or "dark"."""
        full = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}[theme]
        self.page.evaluate("theme => jupyterapp.commands.execute('apputils:change-theme', {theme})", full)
        self.page.locator(f"body[data-jp-theme-name='{full}']").wait_for(state="attached")

    # -------------------------------------------------------------- the states

    def ask(self, layer: str, name: str) -> None:
        """Ask as a fresh explorer would, with nothing drawn."""
        self.note.eval("setattr(explorer.canvas, 'shapes', [])")
        self.note.eval(f"setattr(explorer, 'query', sc.CamQuery({layer!r}, {name!r}))")
        self.rest()

    def blank(self) -> None:
        """The map that is blank, and why."""
        self.ask("tail_conv2", "brick")

    def remedy(self) -> None:
        """The remedy that the finding proposes, at the press of its button."""
        self.blank()
        self.findings.get_by_role("button", name="Apply").click()
        self.note.until("explorer.query.baseline != 'zero'")
        self.rest()

    def region(self) -> None:
        """A region drawn by hand, and the map of its score."""
        self.ask("dec1_relu", "grass")
        self.root.locator('[data-name="freehand"]').click()
        self.note.drag(self.root.locator(".sc-draw"), GRASS, steps=1)
        self.note.until("len(explorer.canvas.shapes) == 1 and explorer.canvas.draft is None")
        self.page.evaluate("() => document.activeElement.blur()")
        self.rest()

    def channel(self) -> None:
        """A bar that was clicked, and its channel's maps; sixteen channels."""
        self.ask("dec1_relu", "grass")
        self.click_bar(int(self.note.eval("int(abs(explorer.explanation.pooled_gradients).argmax())")))

    def click_bar(self, index: int) -> None:
        """Click where a channel's bar is, at whatever height."""
        bars = self.histogram.locator(
            ".bargroup rect"
        )  # those that are seen, and over each an unseen one of full height
        bars.nth(bars.count() // 2 + index).click(force=True)
        self.note.until(f"explorer.histogram.channel.value == {index} and explorer.channels.selected_index == 0")
        self.page.wait_for_function(
            "index => document.querySelector('.segcam-maps')?.textContent.includes(`channel ${index}`)", arg=index
        )
        self.rest()

    def panel(self, title: str) -> Locator:
        """One that opens and closes, with its header."""
        return self.root.locator(".jupyter-widget-Collapse", has=self._header(title))

    def _header(self, title: str) -> Locator:
        return self.page.locator(".jupyter-widget-Collapse-header", has_text=title)

    def open(self, title: str) -> None:
        """Open a panel by its header."""
        self._press(title, "jupyter-widget-Collapse-open", wanted=True)

    def close(self, title: str) -> None:
        """Close a panel by its header."""
        self._press(title, "jupyter-widget-Collapse-open", wanted=False)

    def _press(self, title: str, opened: str, wanted: bool) -> None:
        if (opened in self.panel(title).get_attribute("class").split()) != wanted:
            self.panel(title).locator(".jupyter-widget-Collapse-header").click()
            self.page.wait_for_timeout(300)
        self.page.evaluate("() => document.activeElement.blur()")
        self.rest()

    def switch_off(self) -> None:
        """Channels switched off for real, beside what the ledger forecasts."""
        self.open("Switch channels off")
        self.panel("Switch channels off").get_by_role("button", name="All negative").click()
        self.note.until("explorer.evidence.off")
        self.panel("Switch channels off").locator(".segcam-maps").wait_for()
        self.page.evaluate("() => document.activeElement.blur()")
        self.rest()

    def narrow(self) -> None:
        """As on a telephone."""
        self.note.eval(f"setattr(explorer.layout, 'width', '{NARROW}px')")
        self.page.wait_for_timeout(500)
        self.rest()
