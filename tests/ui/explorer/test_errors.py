"""What goes wrong is said in the widget, in words, and the last good picture stays."""

import re

import numpy as np
import pytest

import segcam_widgets as sc

SQUARE = {"kind": "rectangle", "points": [[2, 4], [12, 10]], "op": "add"}


def picture(explorer):
    """What is seen of the answer."""
    canvas = explorer.canvas
    return canvas.heat, canvas.vmax, canvas.region_mask, explorer.sentence.value, list(explorer.histogram.bars.y)


def assert_kept(explorer, before):
    assert picture(explorer) == before
    assert 'role="alert"' in explorer.error.value  # announced by screen readers
    assert "Traceback" not in explorer.error.value


def test_an_empty_region(show):
    explorer = show(truth=np.zeros((16, 24), int))
    explorer.controls.class_slider.value = 1
    assert explorer.flush()
    before, answer = picture(explorer), explorer.explanation
    explorer.region.value = "true"
    assert explorer.flush()
    assert_kept(explorer, before)
    assert "must cover at least one pixel" in explorer.error.value
    assert "The picture still shows the last answer." in explorer.error.value
    assert explorer.explanation is answer
    assert explorer.query.region == sc.TruthClass(1)  # what is asked is what the widgets say
    explorer.region.value = "everything"
    assert explorer.flush()
    assert explorer.error.value == ""
    assert explorer.explanation is not answer


def test_a_drawing_that_takes_everything_away(show):
    explorer = show()
    everything = {"kind": "rectangle", "points": [[0, 0], [24, 16]], "op": "subtract"}
    before = picture(explorer)
    explorer.canvas.shapes = [everything]
    assert explorer.flush()
    assert_kept(explorer, before)
    assert "covers none" in explorer.error.value


@pytest.mark.parametrize("typed", ["lats", "", "deep tail", "<b>deep</b>", "🙂" * 300, "a\nb"])
def test_a_layer_that_is_typed_and_is_none(show, typed):
    explorer = show()
    before, query = picture(explorer), explorer.query
    explorer.controls.layer_list.value = typed
    assert explorer.flush()
    assert explorer.query is query
    if typed:
        assert_kept(explorer, before)
        assert "`layer` must be one of input, deep, tail, logits" in explorer.error.value
        assert "<b>deep" not in explorer.error.value
    explorer.controls.layer_slider.value = 1
    assert explorer.flush()
    assert explorer.error.value == ""
    assert explorer.controls.layer_list.value.startswith("deep")


@pytest.mark.parametrize("error", [RuntimeError("the device is gone <script>"), MemoryError("16 GB"), KeyError("x")])
def test_whatever_breaks_in_the_worker(show, error):
    explorer = show()
    before = picture(explorer)
    explorer.probe.trouble = error
    explorer.controls.layer_slider.value = 1
    assert explorer.flush()
    assert_kept(explorer, before)
    assert type(error).__name__ in explorer.error.value
    assert "<script>" not in explorer.error.value
    explorer.probe.trouble = None
    explorer.controls.layer_slider.value = 2
    assert explorer.flush()
    assert explorer.error.value == ""
    assert explorer.explanation.query.layer == "tail"


def test_nan_in_the_activations(show):
    explorer = show()
    before = picture(explorer)
    explorer.probe._activations["deep"][0, 0, 0] = np.nan
    explorer.controls.layer_slider.value = 1
    assert explorer.flush()
    assert_kept(explorer, before)
    assert "NaN" in explorer.error.value


def test_the_first_question_of_all_fails(show):
    from tests.ui.explorer.array_probe import ArrayProbe

    explorer = show(ArrayProbe(trouble=RuntimeError("not today")))
    assert explorer.explanation is None
    assert "not today" in explorer.error.value
    assert "last answer" not in explorer.error.value  # there is none
    assert explorer.canvas.image is not None
    explorer.probe.trouble = None
    explorer.controls.layer_slider.value = 1
    assert explorer.flush()
    assert explorer.error.value == ""
    assert explorer.explanation.query.layer == "deep"


def test_busy_ends_after_an_error(show):
    explorer = show()
    explorer.probe.trouble = RuntimeError("x")
    explorer.controls.layer_slider.value = 1
    assert explorer.flush()
    explorer._session.close()
    if (thread := explorer._session._thread) is not None:
        thread.join(30)
    assert "segcam-on" not in explorer.busy._dom_classes


def test_a_broken_shape_from_the_browser(show):
    """Whatever a page sends: a tool that does not exist, corners that are no numbers."""
    explorer = show()
    query = explorer.query
    for wrong in ([{"kind": "star", "points": [[1, 1]]}], [{**SQUARE, "points": [[1, float("nan")], [2, 2]]}]):
        with pytest.raises(sc.SegCamError):
            explorer.canvas.shapes = wrong
    assert explorer.flush()
    assert explorer.query is query
    explorer.canvas.draft = {"kind": "star", "points": [[1, 1]]}
    assert explorer.flush()
    assert explorer.query is query
    assert "star" in explorer.error.value


def test_a_pointer_outside_the_image_says_nothing(show):
    explorer = show()
    explorer.canvas.hover = [3, 5]
    best = explorer.probe.class_names[explorer.probe.labels[3, 5]]
    assert re.match(rf"{best} [\d.]+ %, ", explorer.canvas.hover_text)
    explorer.canvas.hover = None
    assert explorer.canvas.hover_text == ""
    for outside in ([16, 0], [0, 24], [-1, 0], [1], [999, 999]):
        explorer.canvas.hover = outside
        assert explorer.canvas.hover_text == ""


def test_a_range_that_is_typed_wrong_shows_what_holds(show):
    explorer = show()
    explorer.display.mode.value = "typed"
    explorer.display.limit.value = 2.5
    assert explorer.canvas.vmax == 2.5
    for wrong in (0.0, -1.0, float("nan"), float("inf")):
        explorer.display.limit.value = wrong
        assert explorer.canvas.vmax == 2.5
        assert explorer.display.limit.value == 2.5


def test_the_range_is_never_rescaled_silently(show):
    explorer = show()
    explorer.query = sc.CamQuery("tail", 0)
    assert explorer.flush()
    assert explorer.canvas.vmax == pytest.approx(float(np.abs(explorer.explanation.cam).max()))
    assert explorer.display.limit.value == pytest.approx(explorer.canvas.vmax)
    assert explorer.display.limit.disabled
    explorer.display.mode.value = "locked"
    before = explorer.canvas.vmax
    explorer.query = sc.CamQuery("deep", 2)
    assert explorer.flush()
    assert explorer.canvas.vmax == before
    explorer.display.mode.value = "automatic"
    assert explorer.canvas.vmax == pytest.approx(float(np.abs(explorer.explanation.cam).max()))
    assert explorer.canvas.vmax != before
