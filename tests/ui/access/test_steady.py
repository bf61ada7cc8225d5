"""Nothing jumps under the hand: the parts of the explorer stay where they are while one slides, chooses and draws."""

import pytest

from tests.ui.access.view import CODE, View

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PARTS = {
    "tools": ".sc-toolbar", "picture": ".sc-stage", "scale": ".sc-bar", "legend": ".segcam-legend",
    "findings": ".segcam-findings", "region": "select", "layer": ".noUi-target", "method": ".widget-dropdown",
    "histogram": ".segcam-histogram",
}  # fmt: skip
STILL = 1.0
"""CSS pixels."""


def asked(layers, classes, region="sc.Everything()"):
    return [f"sc.CamQuery({layer}, {index}, {region})" for layer in layers for index in classes]


class Watched(View):
    def go_through(self, queries):
        """Ask one after the other; how far each part has moved at most, at any moment."""
        self.root.evaluate("(root, parts) => look.watch(root, parts)", PARTS)
        for query in queries:
            self.ask(query)
        self.eval("explorer.busy.show(True)")
        self.page.wait_for_timeout(500)
        self.eval("explorer.busy.show(False)")
        self.say_error("`region` must cover at least one pixel. Received: one that covers none.")
        self.page.wait_for_timeout(100)
        self.eval("explorer._say_error('')")
        self.page.wait_for_timeout(100)
        moved = self.page.evaluate("look.moved()")
        assert moved["frames"] > 10
        return moved["by"]


def test_nothing_jumps(note):
    view = Watched(note(CODE, "voila"))
    layers = [f"explorer.probe.layers[{index}].name" for index in (1, 2, 3)]
    few = asked(layers, (0, 1)) + asked(layers[:1], (0,), "sc.Rectangle(2, 2, 9, 9)")
    many = asked([f"explorer.probe.layers[{index}].name" for index in (5, 298, 200)], (0, 1, 2))
    for width in (1400, 800, 340):
        view.resize(width)
        view.open_image("small")
        moved = view.go_through(few)
        assert max(moved.values()) <= STILL, (width, moved)
        # names that take several lines: the space they have once taken is kept, and then nothing moves any more
        view.open_image("large")
        view.go_through(many)
        moved = view.go_through(many)
        assert max(moved.values()) <= STILL, (width, moved)
