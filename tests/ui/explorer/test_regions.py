"""Where: what is drawn on the canvas, chosen in the menu or set from Python, as the query's region."""

import ipywidgets
import numpy as np
import pytest

import segcam_widgets as sc
from tests.ui.explorer.array_probe import ArrayProbe

SQUARE = {"kind": "rectangle", "points": [[2, 4], [12, 10]], "op": "add"}  # x and y of the picture
SQUARE_REGION = sc.Rectangle(4, 2, 10, 12)


def draw(explorer, *shapes):
    explorer.canvas.shapes = list(shapes)
    assert explorer.flush()


def menu(explorer):
    return [value for _, value in explorer.region.options]


def test_a_drawn_shape_is_the_region(show):
    explorer = show()
    draw(explorer, SQUARE)
    assert explorer.query.region == SQUARE_REGION
    assert explorer.region.value == "drawn"
    mask = np.zeros((16, 24), bool)
    mask[4:10, 2:12] = True
    np.testing.assert_array_equal(explorer.explanation.mask, mask)
    bits = np.unpackbits(np.frombuffer(explorer.canvas.region_mask["data"], np.uint8), count=mask.size)
    np.testing.assert_array_equal(bits.reshape(mask.shape), mask)  # the outline that is shown is the one that counted
    assert "60 px" in explorer.sentence.value


def test_a_shape_drawn_on_a_larger_picture_means_the_same_place(show):
    """Logits at a quarter of the picture's size."""
    explorer = show(size=(16, 24), display=(64, 96))
    draw(explorer, {"kind": "rectangle", "points": [[8, 16], [48, 40]], "op": "add"})
    assert explorer.query.region == SQUARE_REGION


def test_shapes_add_up_and_take_away(show):
    explorer = show()
    cut = {"kind": "rectangle", "points": [[4, 4], [8, 16]], "op": "subtract"}
    draw(explorer, SQUARE, cut)
    assert explorer.query.region == SQUARE_REGION - sc.Rectangle(4, 4, 16, 8)
    assert explorer.explanation.mask.sum() == 60 - 24


def test_a_first_shape_that_takes_away_takes_it_from_the_prediction(show):
    explorer = show()
    asked = explorer.query.class_index
    draw(explorer, {**SQUARE, "op": "subtract"})
    assert explorer.query.region == sc.PredictedClass(asked) - SQUARE_REGION
    expected = explorer.probe.labels == asked
    expected[4:10, 2:12] = False
    np.testing.assert_array_equal(explorer.explanation.mask, expected)


def test_a_click_takes_the_segment(show):
    explorer = show(channels={"tail": (4, 6, 3)})
    draw(explorer, {"kind": "segment", "points": [[13.5, 6.5]], "op": "add"})
    assert explorer.query.region == sc.Component(6, 13)
    assert explorer.explanation.mask[6, 13]


def test_while_one_draws_the_region_follows_and_shapes_stay(show):
    explorer = show()
    for right in (6, 9, 12):
        explorer.canvas.draft = {"kind": "rectangle", "points": [[2, 4], [right, 10]], "op": "add"}
        assert explorer.flush()
        assert explorer.query.region == sc.Rectangle(4, 2, 10, right)
        assert explorer.canvas.draft is not None  # the hand is not disturbed
        assert explorer.canvas.shapes == []
    with explorer.canvas.hold_trait_notifications():  # as the browser sends both
        explorer.canvas.shapes = [SQUARE]
        explorer.canvas.draft = None
    assert explorer.flush()
    assert explorer.query.region == SQUARE_REGION
    assert explorer.region.value == "drawn"


def test_a_hand_that_rests_before_it_lets_go_is_diagnosed_all_the_same(show):
    """The last question of the drag is that of the finished shape: nothing new is asked when the button is released."""
    explorer = show()
    explorer.canvas.draft = SQUARE
    assert explorer.flush()
    explanation = explorer.explanation
    assert explanation.query.region == SQUARE_REGION
    assert explorer.findings._asked.region != SQUARE_REGION
    assert "Rectangle(" in explorer.copy.text
    with explorer.canvas.hold_trait_notifications():  # as the browser sends both
        explorer.canvas.shapes = [SQUARE]
        explorer.canvas.draft = None
    assert explorer.flush()
    assert explorer.explanation is explanation
    assert explorer.findings._asked == explanation.query
    assert "Rectangle(" in explorer.copy.text


def test_a_map_costs_few_messages_while_one_draws(show, monkeypatch):
    """The page reads them one by one, on the thread that draws the hand's own line."""
    explorer = show(channels={"tail": (16, 24, 64)})
    sent = []
    monkeypatch.setattr(ipywidgets.Widget, "_send", lambda self, message, buffers=None: sent.append((self, message)))
    for right in (8, 9, 10):
        sent.clear()
        explorer.canvas.draft = {"kind": "rectangle", "points": [[2, 4], [right, 10]], "op": "add"}
        assert explorer.flush()
    states = [(type(widget).__name__, set(message["state"])) for widget, message in sent]
    states = [state for state in states if state != ("SegmentationCanvas", {"draft"})]  # the test's own
    # the map with its outline; its range as a number; bars, marks and what is hit, scale and ticks; sentence, code
    expected = {"SegmentationCanvas", "FloatText", "Bars", "Scatter", "LinearScale", "Axis", "HTML", "CopyButton"}
    assert {name for name, _ in states} <= expected, states
    assert len(states) <= 11, states
    (of_canvas,) = [keys for name, keys in states if name == "SegmentationCanvas"]
    assert {"heat", "region_mask"} <= of_canvas


def test_a_shape_that_is_moved_is_followed(show):
    explorer = show()
    draw(explorer, SQUARE)
    explorer.canvas.draft = {**SQUARE, "points": [[5, 4], [15, 10]], "index": 0}
    assert explorer.flush()
    assert explorer.query.region == sc.Rectangle(4, 5, 10, 15)
    explorer.canvas.draft = None  # given up with Escape
    assert explorer.flush()
    assert explorer.query.region == SQUARE_REGION


def test_a_drawing_that_is_given_up_goes_back_to_the_prediction(show):
    explorer = show()
    before = explorer.query
    explorer.canvas.draft = SQUARE
    assert explorer.flush()
    assert explorer.query != before
    explorer.canvas.draft = None
    assert explorer.flush()
    assert explorer.query == before
    assert explorer.region.value == "predicted"


@pytest.mark.parametrize("kind", ["everything", "true"])
def test_a_drawing_that_is_given_up_goes_back_to_what_the_menu_said(show, kind):
    explorer = show(truth=np.arange(16 * 24).reshape(16, 24) % 3)
    explorer.region.value = kind
    assert explorer.flush()
    before = explorer.query
    explorer.canvas.draft = SQUARE
    assert explorer.flush()
    explorer.canvas.draft = None
    assert explorer.flush()
    assert explorer.query == before
    assert explorer.region.value == kind


def test_clear_goes_back_to_the_prediction(show):
    explorer = show()
    before = explorer.query
    draw(explorer, SQUARE)
    draw(explorer)
    assert explorer.query == before
    assert explorer.region.value == "predicted"
    assert menu(explorer) == ["predicted", "everything"]


def test_what_is_drawn_can_be_left_and_come_back_to(show):
    explorer = show()
    draw(explorer, SQUARE)
    explorer.region.value = "everything"
    assert explorer.flush()
    assert explorer.query.region == sc.Everything()
    assert explorer.canvas.shapes == [SQUARE]
    explorer.region.value = "drawn"
    assert explorer.flush()
    assert explorer.query.region == SQUARE_REGION


def test_a_drawn_region_stays_when_layer_and_class_change(show):
    explorer = show()
    draw(explorer, SQUARE)
    explorer.controls.class_slider.value = (explorer.query.class_index + 1) % 3
    explorer.controls.layer_slider.value = 1
    assert explorer.flush()
    assert explorer.query.region == SQUARE_REGION
    assert explorer.explanation.mask.sum() == 60


def test_the_predicted_region_follows_the_class(show):
    explorer = show()
    for asked in range(3):
        explorer.controls.class_slider.value = asked
        assert explorer.flush()
        assert explorer.query.region == sc.PredictedClass(asked)
        np.testing.assert_array_equal(explorer.explanation.mask, explorer.probe.labels == asked)


def test_regions_of_the_truth_are_offered_where_there_is_one(show):
    truth = np.zeros((16, 24), int)
    truth[:, :5] = 1
    explorer = show(truth=truth)
    labels = explorer.probe.labels
    explorer.controls.class_slider.value = 1
    expected = {
        "predicted": labels == 1,
        "true": truth == 1,
        "false positives": (labels == 1) & (truth != 1),
        "false negatives": (labels != 1) & (truth == 1),
        "everything": np.ones_like(labels, bool),
    }
    assert menu(explorer) == list(expected)
    for kind, mask in expected.items():
        explorer.region.value = kind
        assert explorer.flush()
        np.testing.assert_array_equal(explorer.explanation.mask, mask, err_msg=kind)
        assert explorer.region.value == kind
    assert menu(show()) == ["predicted", "everything"]


@pytest.mark.parametrize(
    "region",
    [SQUARE_REGION, sc.Polygon(((1, 1), (1, 9), (8, 5))), sc.Brush(((3, 3), (8, 9)), 2), sc.Pixel(3, 4)],
    ids=lambda region: type(region).__name__,
)
def test_a_region_from_python_is_drawn(show, region):
    explorer = show()
    explorer.query = sc.CamQuery("tail", 0, region)
    assert explorer.flush()
    assert explorer.region.value == "drawn"
    assert explorer.canvas.region() == region
    assert explorer.query.region == region


def test_a_region_that_cannot_be_drawn_is_kept_and_outlined(show):
    explorer = show()
    mask = np.random.default_rng(1).random((16, 24)) > 0.5
    explorer.query = sc.CamQuery("tail", 0, sc.Mask(mask))
    assert explorer.flush()
    assert explorer.region.value == "python"
    assert {v: t for t, v in explorer.region.options}["python"] == "set from Python"
    assert explorer.canvas.shapes == []
    np.testing.assert_array_equal(explorer.explanation.mask, mask)
    explorer.controls.layer_slider.value = 1
    assert explorer.flush()
    assert explorer.query.region == sc.Mask(mask)
    explorer.region.value = "predicted"
    assert explorer.flush()
    assert explorer.query.region == sc.PredictedClass(0)
    assert menu(explorer) == ["predicted", "everything"]


def test_python_takes_over_from_the_hand(show):
    explorer = show()
    draw(explorer, SQUARE)
    explorer.query = sc.CamQuery("tail", 1)
    assert explorer.flush()
    assert explorer.region.value == "predicted"
    explorer.query = sc.CamQuery("tail", 1, sc.Pixel(2, 2))
    assert explorer.flush()
    assert explorer.canvas.region() == sc.Pixel(2, 2)


def test_the_predicted_region_of_another_class_is_kept(show):
    """Where the network sees sea: what speaks for sky? The menu has no name for that."""
    explorer = show()
    explorer.query = sc.CamQuery("tail", 0, sc.PredictedClass(1))
    assert explorer.flush()
    np.testing.assert_array_equal(explorer.explanation.mask, explorer.probe.labels == 1)
    explorer.controls.layer_slider.value = 1
    assert explorer.flush()
    assert explorer.query.region == sc.PredictedClass(1)


def test_one_question_for_each_change(show):
    """Neither the menu that follows nor the shapes that are drawn ask a second time."""
    explorer = show()
    steps = [
        lambda: setattr(explorer.canvas, "shapes", [SQUARE]),
        lambda: setattr(explorer.canvas, "draft", {"kind": "pixel", "points": [[3, 3]], "op": "add"}),
        lambda: setattr(explorer.region, "value", "everything"),
        lambda: setattr(explorer, "query", sc.CamQuery("deep", 1, sc.Rectangle(0, 0, 5, 5), "margin", "layercam")),
        lambda: setattr(explorer.controls.class_slider, "value", 2),
        lambda: setattr(explorer.controls.method, "value", "seg-grad-cam"),
        lambda: setattr(explorer.canvas, "shapes", []),
    ]
    for step in steps:
        before = explorer._session.counts.submitted
        step()
        assert explorer._session.counts.submitted == before + 1
        assert explorer.flush()


def test_multilabel_masks_overlap(show):
    probe = ArrayProbe(multilabel=True)
    probe.probabilities = 1 / (1 + np.exp(-probe.logits))
    explorer = show(probe)
    for asked in range(3):
        explorer.controls.class_slider.value = asked
        assert explorer.flush()
        np.testing.assert_array_equal(explorer.explanation.mask, probe.probabilities[:, :, asked] > 0.5)
