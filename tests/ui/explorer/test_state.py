"""A view that is saved and opened again, as JSON, as code and as a picture."""

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

import segcam_widgets as sc
from tests.ui.explorer.array_probe import ArrayProbe

QUERIES = [
    sc.CamQuery("deep", 1),
    sc.CamQuery("tail", 0, sc.Rectangle(1, 2, 9, 8) - sc.Brush(((3, 3), (5, 5)), 1.5), "margin", rival=2),
    sc.CamQuery("tail", 2, ~sc.Polygon(((0, 0), (0, 9.5), (9, 0))), "probability", "layercam"),
    sc.CamQuery("deep", 2, sc.Mask(np.eye(16, 24, dtype=bool)), "logit", "hirescam", "mean"),
    sc.CamQuery("deep", 0, sc.Border(sc.PredictedClass(0), 2) | sc.Component(3, 4), baseline="midpoint"),
    sc.CamQuery("deep", 1, sc.PredictedClass(1) & sc.Everything()),
]
ids = [str(i) for i in range(len(QUERIES))]


@pytest.mark.parametrize("mode", ["locked", "typed"])
@pytest.mark.parametrize("query", QUERIES, ids=ids)
def test_a_state_that_is_written_as_json_opens_the_same_view(show, query, mode):
    first = show()
    first.query = query
    first.display.heat_opacity.value = 0.25
    first.display.relu.value = True
    first.display.mode.value = "typed"
    first.display.limit.value = 7.5
    first.display.mode.value = mode
    assert first.flush()
    state = json.loads(json.dumps(first.state))
    second = show()
    second.state = state
    assert second.flush()
    assert second.query == first.query
    assert second.explanation.isclose(first.explanation, rtol=0)
    assert second.display.heat_opacity.value == 0.25
    assert second.canvas.vmax == first.canvas.vmax == 7.5
    assert second.canvas.shapes == first.canvas.shapes
    assert second.region.value == first.region.value
    assert second.state == first.state


def test_the_image_is_part_of_the_state(show):
    first = show([ArrayProbe(), ArrayProbe(seed=1)])
    first.images.next.click()
    first.query = sc.CamQuery("deep", 1, sc.Pixel(2, 3))
    assert first.flush()
    second = show([ArrayProbe(), ArrayProbe(seed=1)])
    second.state = first.state
    assert second.flush()
    assert second.images.index == 1
    assert second.query == first.query
    assert second.explanation.isclose(first.explanation, rtol=0)


def test_the_state_follows_the_view(show):
    explorer = show()
    told = []
    explorer.observe(lambda change: told.append(change["new"]), "state")
    explorer.controls.layer_slider.value = 1
    assert explorer.state["query"]["layer"] == "deep"
    explorer.display.smooth.value = False
    assert explorer.state["display"]["smooth"] is False
    explorer.histogram.sort.value = True
    assert len(told) >= 2
    json.dumps(told)


@pytest.mark.parametrize(
    ("multilabel", "schema", "score"),
    [(False, 1, "centered_logit"), (False, 2, "margin"), (True, 1, "logit"), (True, 2, "logit")],
)
def test_a_state_without_a_score_means_the_default_of_its_time(show, multilabel, schema, score):
    explorer = show(multilabel=multilabel)
    state = json.loads(json.dumps(explorer.state))
    state = {**state, "schema": schema, "query": {"layer": "tail", "class_index": 1}}
    explorer.state = state
    assert explorer.flush()
    assert (explorer.query.layer, explorer.query.class_index, explorer.query.score) == ("tail", 1, score)
    assert explorer.explanation.query.score == explorer.controls.score.value == score
    assert explorer.state["schema"] == 2
    assert explorer.state["query"]["score"] == score


@pytest.mark.parametrize("schema", [1, 2])
def test_a_score_that_is_said_stays(show, schema):
    explorer = show()
    query = {**explorer.state["query"], "score": "probability"}
    explorer.state = {**explorer.state, "schema": schema, "query": query}
    assert explorer.flush()
    assert explorer.query.score == "probability"


@pytest.mark.parametrize(
    "change",
    [
        lambda state: {},
        lambda state: {**state, "schema": True},
        lambda state: {**state, "schema": 1.5},
        lambda state: {**state, "schema": [1]},
        lambda state: {**state, "schema": 99},
        lambda state: {k: v for k, v in state.items() if k != "query"},
        lambda state: {**state, "query": {**state["query"], "layer": "lats"}},
        lambda state: {**state, "query": {**state["query"], "score": "loss"}},
        lambda state: {**state, "query": {**state["query"], "colour": "red"}},
        lambda state: {**state, "query": {**state["query"], "region": {"type": "Star"}}},
        lambda state: {**state, "query": "deep"},
        lambda state: {**state, "image": 5},
        lambda state: {**state, "image": "first"},
        lambda state: {**state, "display": {"heat_opacity": 7}},
        lambda state: {**state, "display": {"heat_opacity": "much"}},
        lambda state: {**state, "display": {"mode": "silly"}},
        lambda state: {**state, "display": {"relu": 1}},
        lambda state: {**state, "display": {"colour": "red"}},
        lambda state: {**state, "display": {"mode": "typed", "limit": -3}},
        lambda state: {**state, "display": 3},
    ],
)
def test_a_state_that_is_none_is_refused_and_the_view_stays(show, change):
    explorer = show()
    before, query, answer = dict(explorer.state), explorer.query, explorer.explanation
    with pytest.raises(sc.SegCamError, match="Received: "):
        explorer.state = change(json.loads(json.dumps(before)))
    assert explorer.flush()
    assert explorer.state == before
    assert explorer.query is query
    assert explorer.explanation is answer
    assert explorer.images.index == 0
    assert explorer.display.heat_opacity.value == before["display"]["heat_opacity"]
    explorer.controls.layer_slider.value = 1  # and it lives on
    assert explorer.flush()
    assert explorer.state["query"]["layer"] == "deep"


@pytest.mark.parametrize("query", QUERIES, ids=ids)
def test_the_copied_code_gives_the_same_explanation(show, query):
    explorer = show()
    explorer.query = query
    assert explorer.flush()
    given = {"probe": explorer.probe}
    exec(explorer.copy.text, given)
    assert given["explanation"].isclose(explorer.explanation, rtol=0)
    assert given["query"] == query or given["explanation"].query == explorer.query


def test_a_picture_and_a_sentence_stand_in_where_no_widget_runs(show):
    explorer = show()
    bundle = explorer._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == explorer.model_id
    assert data["text/plain"] == explorer.explanation.summary()
    picture = Image.open(io.BytesIO(base64.b64decode(data["image/png"])))
    assert picture.size[0] / picture.size[1] == pytest.approx(24 / 16, rel=0.1)
    assert explorer.explanation.class_name in data["text/html"]


def test_where_there_is_no_answer_the_widget_alone_is_shown(show):
    explorer = show(ArrayProbe(trouble=RuntimeError("x")))
    bundle = explorer._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    assert "application/vnd.jupyter.widget-view+json" in data
    assert "image/png" not in data
