"""One notebook, open in a browser, with a line to its kernel."""

import ast
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import nbformat
from jupyter_client import BlockingKernelClient
from playwright.sync_api import Locator, Page

from tests.browser.servers import Server

Theme = Literal["light", "dark"]

CONNECTED = """() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel
    ?.connectionStatus === 'connected' && jupyterapp.shell.currentWidget.sessionContext.session.kernel.id"""
TO_JSON = "__import__('json').dumps(({}), default=lambda o: o.tolist() if hasattr(o, 'tolist') else str(o))"
FAILURE = "repr(__import__('sys').last_value) if hasattr(__import__('sys'), 'last_value') else ''"


@dataclass
class Note:
    """A notebook whose cells have run.

    Attributes
    ----------
    page : playwright.sync_api.Page
        The browser's page.
    server : Server
        Who serves it.
    kernel_id : str
        Its kernel.
    client : BlockingKernelClient
        A second line to that kernel, beside the page's own: it works under Voilà too, whose pages may not execute.
    """

    page: Page
    server: Server
    kernel_id: str
    client: BlockingKernelClient = field(repr=False)

    def eval(self, expression: str, timeout: float = 60) -> Any:
        """Evaluate an expression in the kernel's namespace; arrays come back as lists.

        Raises
        ------
        AssertionError
            If the expression raises there.
        """
        wanted = {"value": TO_JSON.format(expression)}
        options = {"silent": True, "store_history": False, "user_expressions": wanted}
        answer = self.client.execute("", reply=True, timeout=timeout, **options)["content"]["user_expressions"]["value"]
        assert answer["status"] == "ok", f"{expression}: {answer['ename']}: {answer['evalue']}"
        return json.loads(ast.literal_eval(answer["data"]["text/plain"]))

    def until(self, expression: str, timeout: float = 20) -> Any:
        """Wait until an expression in the kernel is true, and return its value."""
        end = time.monotonic() + timeout
        while not (value := self.eval(expression)):
            assert time.monotonic() < end, f"still {value!r} after {timeout} s: {expression}"
            self.page.wait_for_timeout(50)
        return value

    def drag(self, locator: Locator, fractions: Sequence[tuple[float, float]], steps: int = 5) -> None:
        """Press at the first point, move through the others, let go at the last: (x, y) as fractions of the box."""
        points = [self._at(locator, x, y) for x, y in fractions]
        self.page.mouse.move(*points[0])
        self.page.mouse.down()
        for point in points[1:]:
            self.page.mouse.move(*point, steps=steps)
        self.page.mouse.up()

    def click(self, locator: Locator, x: float, y: float) -> None:
        """Click with the mouse at fractions of the box, whatever element lies on top there."""
        self.page.mouse.click(*self._at(locator, x, y))

    def picture(self, locator: Locator, timeout: float = 10) -> bytes:
        """Take a PNG of an element once it is still: two shots in a row are equal."""
        self.page.mouse.move(2, 2)  # off the element: toolbars that show under the mouse fade out
        self.page.wait_for_timeout(900)
        end = time.monotonic() + timeout
        last = None
        while (shot := locator.screenshot(animations="disabled")) != last:
            assert time.monotonic() < end, f"the picture still changes after {timeout} s"
            last = shot
            self.page.wait_for_timeout(150)
        return shot

    @staticmethod
    def _at(locator: Locator, x: float, y: float) -> tuple[float, float]:
        locator.scroll_into_view_if_needed()
        box = locator.bounding_box()
        assert box is not None, f"not visible: {locator}"
        return box["x"] + x * box["width"], box["y"] + y * box["height"]


def write_notebook(path: Path, code: str) -> None:
    """Write a notebook of one cell."""
    cell = nbformat.v4.new_code_cell(code, metadata={"jupyter": {"source_hidden": True}})
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(nbformat.v4.new_notebook(cells=[cell], metadata={"kernelspec": kernel}), path)


def connect(file: Path) -> BlockingKernelClient:
    """Open a second line to a running kernel."""
    client = BlockingKernelClient(connection_file=str(file))
    client.load_connection_file()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    return client


def run_in_app(page: Page, server: Server, name: str, theme: Theme | None) -> str:
    """Open the notebook in JupyterLab or Notebook 7 and run its cells; return the kernel's id."""
    place = {"lab": "/doc/tree/{}?reset&token={}", "notebook": "/notebooks/{}?token={}"}[server.app]
    page.goto(server.url + place.format(name, server.token))
    kernel_id = page.wait_for_function(CONNECTED, timeout=60_000).json_value()
    if theme:
        full = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}[theme]
        page.evaluate("theme => jupyterapp.commands.execute('apputils:change-theme', {theme})", full)
    page.evaluate("() => jupyterapp.commands.execute('notebook:run-all-cells')")
    return kernel_id


def render_in_voila(page: Page, server: Server, name: str, theme: Theme | None) -> str:
    """Open the notebook in Voilà, which runs its cells itself; return the kernel's id."""
    before = server.kernels()
    page.goto(f"{server.url}/voila/render/{name}?theme={theme or 'light'}&token={server.token}", timeout=120_000)
    (kernel_id,) = server.kernels().keys() - before.keys()
    return kernel_id


def open_note(page: Page, server: Server, name: str, code: str, theme: Theme | None) -> Note:
    """Write a notebook, open it in the page and run it.

    Raises
    ------
    AssertionError
        If the cell raised.
    """
    write_notebook(server.notebooks / name, code)
    run = render_in_voila if server.app == "voila" else run_in_app
    kernel_id = run(page, server, name, theme)
    note = Note(page, server, kernel_id, connect(server.kernels()[kernel_id]))
    failure = note.eval(FAILURE)
    assert not failure, f"the cell raised {failure}"
    return note
