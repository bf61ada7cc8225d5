"""Where the Chromium for the browser tests is, and how it is started."""

import os
import shutil
from pathlib import Path

COMMANDS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = (
    # it talks to the test's own server and to nobody else
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    # the same pixels on every machine
    "--disable-gpu",
    "--font-render-hinting=none",
    "--force-color-profile=srgb",
    "--force-device-scale-factor=1",
    "--hide-scrollbars",
)


def find_chromium() -> str | None:
    """Find a Chromium: the one that SEGCAM_CHROMIUM names, the system's, or the one that Playwright downloaded."""
    named = os.environ.get("SEGCAM_CHROMIUM")
    for candidate in (named,) if named else COMMANDS:
        if found := shutil.which(candidate):
            return found
    if named:
        return None
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    return own if Path(own).exists() else None


def arguments() -> list[str]:
    """List the command-line switches: no sandbox for root alone, for whom Chromium has none."""
    return [*ARGUMENTS, "--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else list(ARGUMENTS)
