"""Explorers without a browser: what the browser would set is set here, and what it would be sent is read."""

import pytest

from tests.ui.explorer.array_probe import ArrayProbe


@pytest.fixture
def show():
    """Give a function that opens an explorer (on an `ArrayProbe` of these arguments) and waits for its answer."""
    from segcam_widgets import SegCamExplorer

    opened = []

    def open_(probe=None, **arguments):
        opened.append(SegCamExplorer(ArrayProbe(**arguments) if probe is None else probe))
        assert opened[-1].flush()
        return opened[-1]

    yield open_
    for explorer in opened:
        explorer.close()
