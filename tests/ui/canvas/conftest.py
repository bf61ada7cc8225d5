"""The canvas in a real browser without a Jupyter server: the widget's own messages, carried by the test itself."""

import base64
import io
from pathlib import Path

import comm
import numpy as np
import pytest
from PIL import Image

HERE = Path(__file__).parent / "harness"
ADDRESS = "http://canvas.test/"


class TestComm(comm.base_comm.BaseComm):
    """Carries a widget's messages to the page instead of to a Jupyter front end."""

    __test__ = False  # not a test, whatever its name
    carrier = None

    def publish_msg(self, msg_type, data=None, metadata=None, buffers=None, **keys):
        if msg_type == "comm_open":
            self.opening = _wire(data, buffers)
        elif msg_type == "comm_msg" and data["method"] == "update":
            self.carrier(self.comm_id, _wire(data, buffers))


def _wire(data, buffers):
    encoded = [base64.b64encode(bytes(buffer)).decode() for buffer in buffers or ()]
    return {"state": data["state"], "buffer_paths": data["buffer_paths"], "buffers": encoded}


class View:
    """One view of a canvas in the page."""

    def __init__(self, page, name):
        self.page, self.name = page, name
        self.root = page.locator(f"#{name}")
        self.draw = self.root.locator(".sc-draw")
        self.stage = self.root.locator(".sc-stage")

    def button(self, name):
        return self.root.locator(f'[data-name="{name}"]')

    def box(self):
        self.draw.scroll_into_view_if_needed()
        return self.draw.bounding_box()

    def at(self, fraction):
        box = self.box()
        return box["x"] + fraction[0] * box["width"], box["y"] + fraction[1] * box["height"]

    def drag(self, fractions, steps=8):
        """Press at the first point, move through the others, let go at the last."""
        points = [self.at(f) for f in fractions]
        self.page.mouse.move(*points[0])
        self.page.mouse.down()
        for point in points[1:]:
            self.page.mouse.move(*point, steps=steps)
        self.page.mouse.up()

    def click(self, fraction):
        self.page.mouse.click(*self.at(fraction))

    def keys(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)

    def pixels(self, *layers):
        """RGBA of the canvases of some layers as they are on the page's own backing store, {layer: (h, w, 4)}."""
        found = {}
        for layer in layers:
            png = self.root.locator(f".sc-{layer}").evaluate("c => c.toDataURL().split(',')[1]")
            found[layer] = np.asarray(Image.open(io.BytesIO(base64.b64decode(png))).convert("RGBA"))
        return found if len(layers) > 1 else found[layers[0]]

    def picture(self):
        """What is seen, (h, w, 3)."""
        return np.asarray(Image.open(io.BytesIO(self.stage.screenshot(animations="disabled"))).convert("RGB"))


class Harness:
    """A page with canvases; `errors` holds what went wrong in it."""

    def __init__(self, page):
        self.page, self.errors, self.handling, self.waiting, self.comms = page, [], False, [], {}
        page.on("pageerror", lambda error: self.errors.append(error.stack))
        page.on("console", lambda said: said.type == "error" and self.errors.append(said.text))
        page.expose_function("toKernel", self.to_kernel)

    def to_kernel(self, comm_id, state):
        self.handling, self.waiting = True, []
        try:
            data = {"method": "update", "state": state, "buffer_paths": []}
            self.comms[comm_id].handle_msg({"content": {"data": data}, "buffers": [], "header": {"msg_id": "m"}})
        except Exception as error:  # Playwright would swallow it
            self.errors.append(repr(error))
        finally:
            self.handling = False
        return self.waiting

    def carry(self, comm_id, message):
        if self.handling:  # Python answers while it handles a message of the page: the answer goes back with it
            self.waiting.append([comm_id, message])
        elif comm_id in self.comms:
            self.page.evaluate("([id, message]) => harness.receive(id, message)", [comm_id, message])

    def show(self, canvas, name="view", style="width: 700px"):
        """Put a view of a canvas on the page and wait until it is painted."""
        if canvas.comm.comm_id not in self.comms:
            # the state now: what was set between the widget's making and its showing has not been carried
            state, paths, buffers = canvas_state(canvas)
            message = _wire({"state": state, "buffer_paths": paths}, buffers)
            self.page.evaluate("([id, message]) => harness.open(id, message)", [canvas.comm.comm_id, message])
            self.comms[canvas.comm.comm_id] = canvas.comm
        arguments = [canvas.comm.comm_id, name, style]
        self.page.evaluate("([id, view, style]) => harness.show(id, view, style)", arguments)
        self.settle()
        return View(self.page, name)

    def settle(self):
        """Wait until frames are painted and every message has arrived."""
        self.page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        self.page.wait_for_timeout(30)
        self.page.wait_for_function("() => harness.idle()")
        self.page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def sent(self, canvas):
        """The messages of the page about this canvas, oldest first."""
        return self.page.evaluate("id => harness.models[id].sent", canvas.comm.comm_id)

    def evaluate(self, canvas, code):
        return self.page.evaluate(f"id => {{ const model = harness.models[id]; return {code} }}", canvas.comm.comm_id)


def canvas_state(canvas):
    from ipywidgets.widgets.widget import _remove_buffers

    return _remove_buffers(canvas.get_state())


@pytest.fixture
def page_options(request):
    """Give what a test asks of the browser's context, by indirect parametrization."""
    return getattr(request, "param", {})


@pytest.fixture
def harness(chromium, monkeypatch, page_options):
    """Give an empty page for canvases; widgets made in the test are connected to it."""
    from segcam_widgets.ui.canvas.assets import module_source, style_source

    options = {"viewport": {"width": 1000, "height": 900}, "device_scale_factor": 1, "reduced_motion": "reduce"}
    context = chromium.new_context(**options | page_options)
    page = context.new_page()
    served = {
        "/": ("text/html", (HERE / "index.html").read_text()),
        "/page.js": ("text/javascript", (HERE / "page.js").read_text()),
        "/widget.js": ("text/javascript", module_source()),
        "/canvas.css": ("text/css", style_source()),
    }

    def answer(route):
        path = "/" + route.request.url.removeprefix(ADDRESS)
        kind, body = served.get(path, ("text/plain", ""))
        route.fulfill(status=200, content_type=f"{kind}; charset=utf-8", body=body)

    page.route(ADDRESS + "**", answer)
    made = Harness(page)
    monkeypatch.setattr(TestComm, "carrier", lambda _, comm_id, message: made.carry(comm_id, message))
    monkeypatch.setattr(comm, "create_comm", TestComm)
    page.goto(ADDRESS)
    page.wait_for_selector("body[data-ready]", state="attached")
    yield made
    errors = made.errors
    context.close()
    assert not errors, errors
