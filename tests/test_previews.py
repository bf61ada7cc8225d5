"""Maps from votes while a region is dragged: collected at rest, given up at once, exact, and followed by gradients."""

import threading
import time

import numpy as np
import pytest

import segcam_widgets as sc
from segcam_widgets.core.votes.preview import Preview
from segcam_widgets.session import previews
from segcam_widgets.session.previews import Previews
from tests.ui.explorer.array_probe import ArrayProbe


class Counting(ArrayProbe):
    """Counts pushforwards, and holds each where a test wants to see it under way."""

    def __post_init__(self):
        super().__post_init__()
        self.pushes, self.pushed, self.go_on = 0, threading.Event(), threading.Event()
        self.go_on.set()

    def pushforward(self, layer, tangent, bypass=None):
        self.pushes += 1
        self.pushed.set()
        assert self.go_on.wait(30)
        return super().pushforward(layer, tangent, bypass)


@pytest.fixture
def quick(monkeypatch):
    """Every gradient counts as slow, and nobody waits long."""
    monkeypatch.setattr(previews, "QUICK_SECONDS", 0.0)
    monkeypatch.setattr(previews, "REST_SECONDS", 0.01)
    monkeypatch.setattr(previews, "PAUSE_SECONDS", 0.05)


@pytest.fixture
def view(quick):
    made = []

    def make(**arguments):
        made.append(Previews(**arguments))
        return made[-1]

    yield make
    for one in made:
        one.close()


def always():
    return True


def query(mask_edge=8, layer="deep", index=1, **more):
    return sc.CamQuery(layer, index, sc.Rectangle(1, 2, mask_edge, mask_edge + 3), **more)


def ready(view, probe, asked=None):
    asked = query() if asked is None else asked
    for _ in range(2):  # the first may have traced
        view.explained(probe, asked, always)
    assert view.worker.flush()
    return view


@pytest.mark.parametrize("score", list(sc.SCORES))
def test_while_dragging_a_preview_comes_first_and_the_gradients_follow(view, score):
    probe, seen = ArrayProbe(), []
    one = ready(view(), probe, query(score=score))
    assert one.ready
    for edge in (9, 12, 5):
        asked = query(edge, score=score)
        answer = one.explained(probe, asked, always, seen.append)
        assert isinstance(answer, sc.Explanation)
        assert answer.gradients.any()
        assert isinstance(seen[-1], Preview)
        np.testing.assert_array_equal(seen[-1].mask, answer.mask)
        np.testing.assert_allclose(seen[-1].cam, answer.cam, atol=1e-4 * np.abs(answer.cam).max())
    assert len(seen) == 3


def test_a_hand_that_moves_on_gets_no_gradients(view):
    probe, seen = ArrayProbe(), []
    one = ready(view(), probe)
    probe.calls.clear()
    asked = iter([True, True, False])
    with pytest.raises(sc.Cancelled):
        one.explained(probe, query(9), lambda: next(asked), seen.append)
    assert len(seen) == 1
    assert probe.calls == ["deep"]  # the preview's look at the activations


def test_without_a_drag_there_is_no_preview(view):
    probe = ArrayProbe()
    one = ready(view(), probe)
    assert one.preview(probe, query(9)) is not None
    answer = one.explained(probe, query(9), always)
    assert isinstance(answer, sc.Explanation)


@pytest.mark.parametrize(
    "other",
    [query(layer="tail"), query(index=2), query(score="centered_logit"), query(method="hirescam"),
     sc.CamQuery("deep", 1, sc.Mask(np.zeros((16, 24), bool))), query(layer="nowhere")],
    ids=["layer", "class", "score", "method", "no pixel", "no layer"],
)  # fmt: skip
def test_another_question_has_no_preview(view, other):
    probe = ArrayProbe()
    one = ready(view(), probe)
    assert one.preview(probe, query()) is not None
    assert one.preview(probe, other) is None
    assert one.preview(ArrayProbe(), query()) is None


def test_one_field_is_held_for_the_newest_question(view):
    probe = Counting()
    one = ready(view(), probe)
    assert probe.pushes == 8
    ready(one, probe, query(index=0))
    assert probe.pushes == 16
    assert one.preview(probe, query(index=0)) is not None
    assert one.preview(probe, query()) is None
    ready(one, probe, query(index=0, mask_edge=3))  # held: nothing more to collect
    assert probe.pushes == 16


def test_collecting_is_given_up_at_once_and_taken_up_again(view):
    probe = Counting()
    probe.go_on.clear()
    one = view()
    for _ in range(2):
        one.explained(probe, query(), always)
    assert probe.pushed.wait(30)
    one.interrupt()
    probe.go_on.set()
    assert one.worker.flush()
    assert probe.pushes == 1
    assert not one.ready
    ready(one, probe, query(5))
    assert one.ready
    assert probe.pushes == 8  # the first was not pushed twice


def test_nothing_is_collected_before_the_hand_rests(view, monkeypatch):
    monkeypatch.setattr(previews, "REST_SECONDS", 30.0)
    probe = Counting()
    one = view()
    for edge in range(3, 9):
        one.explained(probe, query(edge), always)
        one.interrupt()
    assert one.worker.flush()
    assert probe.pushes == 0


@pytest.mark.parametrize("case", ["quick", "long", "large", "other method"])
def test_votes_are_collected_only_where_they_pay(view, monkeypatch, case):
    probe = Counting()
    monkeypatch.setattr(previews, "QUICK_SECONDS", 10.0 if case == "quick" else 0.0)
    monkeypatch.setattr(previews, "PATIENCE_SECONDS", 0.0 if case == "long" else 60.0)
    one = view(budget=16 * 24 * 8 * 4 - (case == "large"))
    ready(one, probe, query(method="hirescam" if case == "other method" else "seg-grad-cam"))
    assert probe.pushes == 0
    assert not one.ready
    if case == "large":
        ready(view(budget=16 * 24 * 8 * 4), probe)
        assert probe.pushes == 8


def test_other_weights_drop_the_votes(view):
    probe = ArrayProbe()
    one = ready(view(), probe)
    probe.logits = probe.logits + 1
    assert one.preview(probe, query()) is None
    assert not one.ready
    ready(one, probe)
    assert one.preview(probe, query()) is not None


def test_another_image_drops_the_votes(view):
    probe, other = ArrayProbe(), ArrayProbe(seed=1)
    one = ready(view(), probe)
    one.explained(other, query(), always)
    assert not one.ready
    ready(one, other)
    assert one.preview(other, query()) is not None


def test_what_cannot_be_pushed_is_not_mentioned(view):
    class Stiff(Counting):
        def pushforward(self, layer, tangent, bypass=None):
            self.pushes += 1
            raise sc.UnsupportedModelError("no")

    probe = Stiff()
    one = ready(view(), probe)
    assert not one.ready
    for index in (0, 1):
        ready(one, probe, query(index=index))
    assert probe.pushes == 1  # tried once, and not at every rest
    assert isinstance(one.explained(probe, query(), always), sc.Explanation)


def test_closing_lets_go():
    one = Previews()
    one.close()
    started = time.monotonic()
    assert one.worker.flush()
    assert time.monotonic() - started < 10
    assert not one.ready
