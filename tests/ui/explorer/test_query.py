"""The query and the widgets that show it: either moves the other, and the explanation answers the newest."""

import threading
from dataclasses import replace

import numpy as np
import pytest
import traitlets

import segcam_widgets as sc
from tests.ui.explorer.array_probe import ArrayProbe


def shown(explorer):
    """What the widgets say, as the fields of a query."""
    controls = explorer.controls
    return {
        "layer": explorer.probe.layers[controls.layer_slider.value].name,
        "class_index": controls.class_slider.value,
        "score": controls.score.value,
        "method": controls.method.value,
        "baseline": controls.baseline.value,
        "rival": controls.rival.value,
    }


def assert_agree(explorer):
    query = explorer.query
    assert shown(explorer) == {name: getattr(query, name) for name in shown(explorer)}
    assert explorer.controls.layer_list.value.startswith(query.layer + " · ")
    assert explorer.controls.class_list.value == query.class_index
    assert explorer.explanation.query == query
    assert explorer.error.value == ""


def test_a_new_view_asks_for_a_class_that_is_there_before_the_class_scores(show):
    explorer = show()
    assert explorer.query.layer == "tail"
    assert explorer.query.class_index == int(np.bincount(explorer.probe.labels.ravel()).argmax())
    assert explorer.query.region == sc.PredictedClass(explorer.query.class_index)
    assert_agree(explorer)


@pytest.mark.parametrize(
    "query",
    [
        sc.CamQuery("deep", "sea"),
        sc.CamQuery("input", 0),
        sc.CamQuery("logits", 2, method="hirescam"),
        sc.CamQuery("tail", 1, sc.Everything(), score="margin", rival="land"),
        sc.CamQuery("tail", 1, sc.Everything(), score="margin"),
        sc.CamQuery("deep", 2, sc.Rectangle(1, 2, 9, 8), "probability", "layercam", "zero"),
        sc.CamQuery("deep", 2, sc.Polygon(((0, 0), (0, 9), (9, 0))), "logit", "seg-grad-cam", "midpoint"),
    ],
    ids=lambda query: f"{query.layer}-{query.method}-{query.score}",
)
def test_a_query_from_python_moves_every_widget(show, query):
    explorer = show()
    explorer.query = query
    assert explorer.flush()
    assert explorer.query == sc.explain(explorer.probe, query).query  # resolved on the way in
    assert_agree(explorer)
    assert explorer.explanation.isclose(sc.explain(explorer.probe, query))


@pytest.mark.parametrize("method", list(sc.METHODS))
def test_every_method_can_be_chosen_with_all_of_its_baselines_and_options(show, method):
    explorer = show()
    explorer.controls.method.value = method
    assert explorer.flush()
    assert explorer.query.method == method
    assert_agree(explorer)
    for baseline in sc.METHODS[method].accepted_baselines:
        explorer.controls.baseline.value = baseline
        assert explorer.flush()
        assert explorer.query.baseline == baseline
        assert_agree(explorer)
    for name, option in sc.METHODS[method].options.items():
        widget = explorer.controls._options[name]
        widget.value = option.choices[-1] if option.choices else type(option.default)(option.default + 2)
        assert explorer.flush()
        assert explorer.query.options[name] == widget.value
        assert_agree(explorer)


@pytest.mark.parametrize("name", ["score", "rival", "baseline", "layer", "class_index"])
def test_a_widget_that_moves_changes_the_query_and_nothing_else(show, name):
    explorer = show()
    explorer.query = sc.CamQuery("deep", 0, sc.Rectangle(0, 0, 8, 8), "margin")
    assert explorer.flush()
    before, controls = explorer.query, explorer.controls
    moved = {
        "score": lambda: setattr(controls.score, "value", "logit"),
        "rival": lambda: setattr(controls.rival, "value", 2),
        "baseline": lambda: setattr(controls.baseline, "value", "mean"),
        "layer": lambda: setattr(controls.layer_slider, "value", 2),
        "class_index": lambda: setattr(controls.class_slider, "value", 1),
    }
    moved[name]()
    assert explorer.flush()
    after = {"score": "logit", "rival": 2, "baseline": "mean", "layer": "tail", "class_index": 1}[name]
    assert explorer.query == replace(before, **{name: after})
    assert_agree(explorer)


def test_the_layer_slider_goes_through_the_graph_and_the_list_follows(show):
    explorer = show()
    for index, layer in enumerate(explorer.probe.layers):
        explorer.controls.layer_slider.value = index
        assert explorer.flush()
        assert explorer.query.layer == layer.name
        assert explorer.controls.layer_list.value == f"{layer.name} · {' x '.join(map(str, layer.shape))}" or (
            explorer.controls.layer_list.value.endswith(" · blank")
        )
    assert len(explorer.controls.layer_list.options) == 4
    assert explorer.controls.layer_slider.max == 3


@pytest.mark.parametrize("typed", ["deep", " deep ", "deep · 4 x 6 x 8"])
def test_a_layer_can_be_typed(show, typed):
    explorer = show()
    explorer.controls.layer_list.value = typed
    assert explorer.flush()
    assert explorer.query.layer == "deep"
    assert_agree(explorer)


def test_the_class_list_names_the_classes_with_their_shares(show):
    explorer = show()
    part = np.bincount(explorer.probe.labels.ravel(), minlength=3) / explorer.probe.labels.size
    labels = [label for label, _ in explorer.controls.class_list.options]
    assert labels == [f"{n} · {p:.0%}".replace("%", " %") for n, p in zip(("sky", "sea", "land"), part, strict=True)]
    explorer.controls.class_list.value = 2
    assert explorer.flush()
    assert explorer.query.class_index == 2
    assert_agree(explorer)


def test_the_rival_shows_where_it_is_read(show):
    explorer = show()
    assert explorer.controls.score.value == "margin"
    assert explorer.controls.rival.layout.display == ""
    explorer.controls.score.value = "centered_logit"
    assert explorer.controls.rival.layout.display == "none"
    explorer.controls.score.value = "margin"
    assert explorer.controls.rival.layout.display == ""
    explorer.query = replace(explorer.query, score="logit")
    assert explorer.controls.rival.layout.display == "none"


def test_the_class_that_is_asked_about_cannot_stay_its_own_rival(show):
    """From sky against sea, the class slider is moved on to sea."""
    explorer = show()
    explorer.query = sc.CamQuery("tail", "sky", score="margin", rival="sea")
    assert explorer.flush()
    explorer.controls.class_slider.value = 1
    assert explorer.flush()
    assert explorer.query.class_index == 1
    assert explorer.query.rival == "strongest"
    assert_agree(explorer)


def test_scores_that_a_network_cannot_answer_are_not_offered(show):
    offered = [value for _, value in show(multilabel=True).controls.score.options]
    assert "margin" not in offered
    assert "centered_logit" not in offered
    assert "log_odds" not in offered
    assert "logit" in offered


@pytest.mark.parametrize(
    "wrong",
    [
        sc.CamQuery("lats", 0),
        sc.CamQuery("tail", 9),
        sc.CamQuery("tail", "lake"),
        sc.CamQuery("tail", 0, score="loss"),
        sc.CamQuery("tail", 0, method="cam"),
        sc.CamQuery("tail", 0, baseline="median"),
        sc.CamQuery("tail", 0, options={"window": 3}),
        sc.CamQuery("tail", 0, region="everything"),
    ],
)
def test_a_query_that_cannot_be_asked_is_refused_and_nothing_moves(show, wrong):
    explorer = show()
    before, said, submitted = explorer.query, shown(explorer), explorer._session.counts.submitted
    with pytest.raises(sc.SegCamError, match="Received: "):
        explorer.query = wrong
    assert explorer.query is before
    assert shown(explorer) == said
    assert explorer._session.counts.submitted == submitted


@pytest.mark.parametrize("wrong", [None, "tail", {"layer": "tail"}])
def test_what_is_no_query_is_refused(show, wrong):
    explorer = show()
    with pytest.raises((sc.SegCamError, traitlets.TraitError), match="query"):
        explorer.query = wrong
    assert_agree(explorer)


def test_the_explanation_is_read_only(show):
    explorer = show()
    with pytest.raises(traitlets.TraitError, match="read-only"):
        explorer.explanation = None


def test_an_observer_of_the_explanation_is_told_of_each_answer(show):
    explorer = show()
    told = []
    explorer.observe(lambda change: told.append(change["new"].query.layer), "explanation")
    for name in ("deep", "logits"):
        explorer.query = replace(explorer.query, layer=name)
        assert explorer.flush()
    assert told == ["deep", "logits"]


def test_the_last_of_many_quick_questions_is_what_is_shown(show):
    explorer = show(channels={f"layer {i}": (4, 6, 3) for i in range(40)})
    for index in (*range(42), *reversed(range(3, 42))):
        explorer.controls.layer_slider.value = index
    assert explorer.flush()
    assert explorer.query.layer == explorer.probe.layers[3].name
    assert_agree(explorer)
    counts = explorer._session.counts
    assert counts.submitted == counts.answered + counts.dropped


def test_two_hands_at_once(show):
    """Jupyter calls handlers on two threads: layer and class are moved at the same time, and end in agreement."""
    explorer = show(channels={f"layer {i}": (4, 6, 3) for i in range(10)}, classes=12)
    errors = []

    def hand(slider, top):
        try:
            for step in range(100):
                slider.value = (step * 7) % (top + 1)
        except Exception as error:
            errors.append(error)

    sliders = explorer.controls.layer_slider, explorer.controls.class_slider
    hands = [threading.Thread(target=hand, args=(slider, slider.max)) for slider in sliders]
    for one in hands:
        one.start()
    for one in hands:
        one.join(60)
    assert explorer.flush()
    assert not errors
    assert explorer.query.layer == explorer.probe.layers[(99 * 7) % 12].name
    assert explorer.query.class_index == (99 * 7) % 12
    assert_agree(explorer)


def test_a_blank_layer_is_marked_once_known_and_the_mark_goes_with_the_question(show):
    probe = ArrayProbe()
    probe._activations["tail"] = np.abs(probe._activations["tail"])  # all positive, so that negative weights blank it
    probe._weights["tail"] = np.array([[-1, 1, 0], [-2, 1, 0]], np.float32)
    explorer = show(probe)
    explorer.query = sc.CamQuery("tail", 0, sc.Everything())
    assert explorer.flush()
    assert explorer.explanation.is_empty
    assert explorer.controls.layer_list.value == "tail · 16 x 24 x 2 · blank"
    assert "blank" in explorer.sentence.value
    explorer.controls.layer_slider.value = 1
    assert explorer.flush()
    assert "tail · 16 x 24 x 2 · blank" in explorer.controls.layer_list.options  # the same question elsewhere
    explorer.controls.class_slider.value = 1
    assert explorer.flush()
    assert not any("blank" in option for option in explorer.controls.layer_list.options)
    explorer.controls.layer_list.value = "tail · 16 x 24 x 2"
    assert explorer.flush()
    assert explorer.query.layer == "tail"


def test_what_is_moved_while_an_answer_is_shown_is_not_lost(show):
    """The worker marks a layer in the list just when, on another thread, the user moves a slider."""
    probe = ArrayProbe()
    probe._activations["tail"] = np.abs(probe._activations["tail"])
    probe._weights["tail"] = np.array([[-1, 1, 0], [-2, 1, 0]], np.float32)
    explorer = show(probe)
    marking, go_on = threading.Event(), threading.Event()

    def dawdle(change):
        if threading.current_thread().name == "segcam-session":
            marking.set()
            assert go_on.wait(30)

    explorer.controls.layer_list.observe(dawdle, "options")
    explorer.query = sc.CamQuery("tail", 0, sc.Everything())  # blank
    assert marking.wait(30)
    hand = threading.Thread(target=lambda: setattr(explorer.controls.layer_slider, "value", 1))
    hand.start()
    hand.join(0.3)
    go_on.set()
    hand.join(30)
    assert explorer.flush()
    assert explorer.query.layer == "deep"
    assert_agree(explorer)
