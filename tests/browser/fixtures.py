"""Fixtures for tests in a real browser: `note` is the one to use; servers and browser start once, when first needed.

Nothing of Playwright is imported before that: the other tests run without it.
"""

import contextlib
import os
import re

import pytest

from tests.browser.servers import serve

# Notebook 7.6 starts with it, without any widget: its shortcuts look up a plugin's settings before they are there
NOT_OURS = {"Cannot read properties of undefined (reading 'schema')"}


def need(what):
    """Skip for want of something; on continuous integration, where it must be there, fail."""
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)


@pytest.fixture(scope="session")
def lab_server(tmp_path_factory):
    with serve("lab", tmp_path_factory.mktemp("lab")) as server:
        yield server


@pytest.fixture(scope="session")
def notebook_server(tmp_path_factory):
    with serve("notebook", tmp_path_factory.mktemp("notebook")) as server:
        yield server


@pytest.fixture(scope="session")
def voila_server(tmp_path_factory):
    with serve("voila", tmp_path_factory.mktemp("voila")) as server:
        yield server


@pytest.fixture(scope="session")
def chromium():
    """Give a headless Chromium, started once."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        need("Playwright is not installed: pip install --group browser")
    from tests.browser.chromium import arguments, find_chromium

    path = find_chromium()
    if path is None:
        need("no Chromium: install it (Debian: apt-get install chromium) or name one in SEGCAM_CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments(), headless=True)
        yield browser
        browser.close()


@pytest.fixture
def note(request, chromium):
    """Give a function `note(code, app="lab", theme=None)` that opens a notebook of that one cell and runs it.

    `app` is "lab" (JupyterLab), "notebook" (Notebook 7) or "voila"; `theme` is "light" or "dark". What comes back is a
    `tests.browser.note.Note`. Afterwards the kernel is ended, and an uncaught error in a page fails the test.
    """
    from tests.browser.note import open_note

    errors, console = [], []
    name = re.sub(r"\W+", "-", request.node.name).strip("-")

    with contextlib.ExitStack() as at_the_end:

        def open_(code, app="lab", theme=None):
            server = request.getfixturevalue(f"{app}_server")
            context = chromium.new_context(
                viewport={"width": 1200, "height": 900},
                device_scale_factor=1,
                reduced_motion="reduce",
                color_scheme=theme or "light",
            )
            at_the_end.callback(context.close)
            page = context.new_page()
            page.on("pageerror", lambda error: error.message in NOT_OURS or errors.append(f"{app}: {error.stack}"))
            page.on("console", lambda said: said.type in ("error", "warning") and console.append(f"{app}: {said.text}"))
            before = server.kernels().keys()
            at_the_end.callback(end_kernels, server, before)
            opened = open_note(page, server, f"{name}.ipynb", code, theme)
            at_the_end.callback(opened.client.stop_channels)
            return opened

        yield open_

    print("The browser's console:", *console, sep="\n")  # shown where the test fails
    assert not errors, errors


def end_kernels(server, before):
    """End the kernels that were started since."""
    for kernel_id in server.kernels().keys() - before:
        with contextlib.suppress(OSError):  # a page that closes may have ended it
            server.request("DELETE", f"/api/kernels/{kernel_id}")
