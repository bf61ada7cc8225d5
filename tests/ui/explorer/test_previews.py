"""A region is dragged: previews from votes, marked as such; `explanation` always has gradients."""

import time

import numpy as np
import pytest

import segcam_widgets as sc
from segcam_widgets.session import previews
from tests.ui.explorer.array_probe import ArrayProbe


class Counting(ArrayProbe):
    pulls = 0

    def pullback(self, layer, cotangent, at=None):
        self.pulls += 1
        return super().pullback(layer, cotangent, at)


@pytest.fixture
def view(show, monkeypatch):
    """An explorer at layer "deep" whose votes are ready; a hand that pauses is waited for until a test says otherwise."""
    monkeypatch.setattr(previews, "QUICK_SECONDS", 0.0)
    monkeypatch.setattr(previews, "REST_SECONDS", 0.01)
    monkeypatch.setattr(previews, "PAUSE_SECONDS", 60.0)
    explorer = show(Counting())
    for edge in (6, 9):
        explorer.query = sc.CamQuery("deep", 1, sc.Rectangle(1, 2, edge, 12))
        assert explorer.flush()
    assert explorer.previews.worker.flush()
    assert explorer.previews.ready
    return explorer


def until(condition):
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def rectangle(edge):
    return {"kind": "rectangle", "points": [[2, 1], [12, edge]], "op": "add"}


def let_go(explorer, edge):
    with explorer.canvas.hold_trait_notifications():  # as the browser sends both
        explorer.canvas.shapes = [rectangle(edge)]
        explorer.canvas.draft = None
    assert explorer.flush()


def draw(explorer, edge):
    """The hand is at that corner of a rectangle; wait for the picture."""
    explorer.canvas.draft = {**rectangle(edge), "index": 0}  # in the place of the one that is there
    until(lambda: f", {(edge - 1) * 10} px" in explorer.sentence.value)


def test_maps_follow_the_hand_and_the_gradients_the_pause(view, monkeypatch):
    before, pulls, seqs = view.explanation, view.probe.pulls, []
    for edge in (5, 7, 11):
        draw(view, edge)
        seqs.append(view.canvas.heat["seq"])
        assert view.canvas.heat_label == "sea at deep, preview"
        assert "Preview of <i>sea</i> at <b>deep</b>" in view.sentence.value
        assert "Exact gradients follow when you pause" in view.sentence.value
        assert view.query.region.rasterize(view.probe).sum() == (edge - 1) * 10
    assert len(set(seqs)) == 3
    assert view.probe.pulls == pulls  # no gradient for what was passed over
    assert view.explanation is before
    monkeypatch.setattr(previews, "PAUSE_SECONDS", 0.01)
    draw(view, 10)
    until(lambda: view.explanation is not before)  # the hand still draws, and rests
    assert view.canvas.draft is not None
    assert view.explanation.mask.sum() == 90
    assert view.explanation.gradients.any()
    assert view.canvas.heat_label == "sea at deep"
    assert "Preview" not in view.sentence.value


def test_the_end_of_the_drag_is_answered_with_gradients_at_once(view):
    draw(view, 8)
    started = time.monotonic()
    let_go(view, 9)
    assert time.monotonic() - started < previews.PAUSE_SECONDS
    assert view.explanation.mask.sum() == 80
    assert view.canvas.heat_label == "sea at deep"


def test_a_preview_is_drawn_as_the_answer_would_be(view):
    draw(view, 8)
    data = view.canvas.heat["data"]
    draw(view, 6)
    let_go(view, 8)
    drawn = np.frombuffer(data, np.float32), np.frombuffer(view.canvas.heat["data"], np.float32)
    np.testing.assert_allclose(drawn[0], drawn[1], atol=1e-4 * np.abs(drawn[1]).max())


def test_another_layer_is_answered_with_gradients_while_dragging(view):
    view.query = sc.CamQuery("tail", 1, sc.Rectangle(1, 2, 9, 12))
    assert view.flush()
    pulls = view.probe.pulls
    draw(view, 5)
    assert view.flush()
    assert view.probe.pulls > pulls
    assert view.canvas.heat_label == "sea at tail"
    assert view.explanation.mask.sum() == 40
