"""An explorer on a page, for tests of how it is read, reached and laid out."""

import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
LOOK = (HERE / "look.js").read_text(encoding="utf-8")
CODE = f"""
import sys
sys.path.insert(0, {str(HERE.parents[2])!r})
import segcam_widgets as sc
from tests.ui.access import scene
explorer = scene.explorer()
explorer
"""
IMAGES = {"small": ("middle", 0), "large": ("bottleneck", 3), "evil": ("script", 0)}
"""The images, in order: part of the name of the layer to look at, and a class."""


class View:
    """What a person has before him.

    Parameters
    ----------
    opened : Note
        Of the fixture `note`, with an explorer called `explorer`.
    """

    def __init__(self, opened):
        self.opened, self.page, self.eval = opened, opened.page, opened.eval
        self.root = self.page.locator(".segcam-explorer").first
        self.root.locator(".sc-stage[data-heat-seq]").wait_for(timeout=120_000)
        self.root.locator("[aria-valuetext*=middle]").wait_for()  # names are given
        self.page.evaluate(LOOK)
        self.rest()

    def rest(self):
        """Wait until the newest question is answered, diagnosed and shown, and nothing is on its way any more."""
        self.opened.until("explorer.flush()", 120)
        sequence = self.eval("explorer.canvas.heat['seq'] if explorer.canvas.heat else None")
        words = self.eval("explorer.findings.text.value")
        self.page.wait_for_function(
            """([sequence, words]) => {
                const [wanted, shown] = [document.createElement("div"), document.querySelector(".segcam-findings")];
                wanted.innerHTML = words;
                const there = sequence === null || document.querySelector(".sc-stage").dataset.heatSeq == sequence;
                return there && shown.textContent.includes(wanted.textContent);
            }""",
            arg=[sequence, words],
            timeout=60_000,
        )
        self.page.wait_for_timeout(200)

    def until(self, expression):
        """Wait until an expression in the kernel is true and all is at rest."""
        self.opened.until(expression)
        self.rest()

    def look(self, name):
        """Call one of look.js's functions on the explorer."""
        return self.root.evaluate(f"root => look.{name}(root)")

    def resize(self, width):
        """Give the page another width, and the layout the time to follow."""
        self.page.set_viewport_size({"width": width, "height": 2600})
        self.page.wait_for_function("width => innerWidth === width", arg=width)
        self.page.wait_for_timeout(400)

    def in_the_end(self, name, timeout=5):
        """What one of look.js's functions finds, once it finds nothing more: bqplot follows a new width in its own time."""
        end = time.monotonic() + timeout
        while (found := self.look(name)) and time.monotonic() < end:
            self.page.wait_for_timeout(200)
        return found

    def open_image(self, name):
        """Show one of the images, and ask about all of it."""
        layer, wanted = IMAGES[name]
        self.eval(f"explorer.open_image({list(IMAGES).index(name)})")
        full = f"next(info.name for info in explorer.probe.layers if {layer!r} in info.name)"
        self.ask(f"sc.CamQuery({full}, {wanted}, sc.Everything())")

    def headers(self):
        """Those of all panels that open and close."""
        return self.root.locator(".jupyter-widget-Collapse-header[role=button]")

    def set_panels(self, opened, which=0):
        """Close all panels, or open one of each group of them."""
        for group in self.root.locator(".widget-accordion").all():
            headers = group.locator(".jupyter-widget-Collapse-header").all()
            for at, header in enumerate(headers):
                wanted = opened and at == min(which, len(headers) - 1)
                if (header.get_attribute("aria-expanded") == "true") != wanted:
                    header.click()
                    self.page.wait_for_timeout(150)  # the page is told a moment later
        self.rest()

    def ask(self, query):
        """Ask from Python, and wait for the answer."""
        self.eval(f"setattr(explorer, 'query', {query})")
        self.rest()

    def say_error(self, words):
        """Show an error as the explorer does."""
        self.eval(f"explorer._say_error({words!r})")
        self.root.locator(".segcam-error").first.wait_for()
