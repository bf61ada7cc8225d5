"""For other tools: the table, the labelled data set, the piece of HTML."""

import base64
import io
import json
import re
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

import segcam_widgets as sc
from segcam_widgets.core.text.numbers import number, percent
from tests.core.fake_probe import linear_head, random_network


@pytest.fixture(params=[{}, {"method": "hirescam", "baseline": "mean"}, {"score": "probability"}], ids=str)
def ex(request):
    probe = random_network(class_names=("sky", "tree", "road"))
    return sc.explain(probe, sc.CamQuery("relu", "tree", sc.Rectangle(1, 1, 8, 8), **request.param))


def test_a_row_a_channel(ex):
    frame = ex.to_frame()
    assert frame.index.name == "channel"
    assert list(frame.index) == [0, 1, 2, 3]
    weights = ex.weights if ex.weights.ndim == 1 else ex.weights.mean((0, 1), dtype=float)
    np.testing.assert_allclose(frame["weight"], weights, rtol=1e-6)
    np.testing.assert_allclose(frame["mean_gradient"], ex.gradients.mean((0, 1), dtype=float), rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(frame["mean_activation"], ex.activations.mean((0, 1)), rtol=1e-5)
    np.testing.assert_array_equal(frame["max_activation"], ex.activations.max((0, 1)))
    np.testing.assert_array_equal(frame["baseline"], ex.baseline)
    np.testing.assert_array_equal(frame["contribution"], ex.contributions)
    np.testing.assert_array_equal(frame["region_contribution"], ex.region_contributions)
    assert all(dtype == np.float64 for dtype in frame.dtypes)


def test_named_dimensions(ex):
    data = ex.to_xarray()
    assert dict(data.sizes) == {"row": 6, "col": 6, "channel": 4, "output_row": 12, "output_col": 12}
    assert data["cam"].dims == ("row", "col")
    assert data["gradients"].dims == ("row", "col", "channel")
    assert data["mask"].dims == ("output_row", "output_col")
    for name in ("cam", "activations", "gradients", "weights", "baseline", "contributions", "coverage", "mask"):
        np.testing.assert_array_equal(data[name], getattr(ex, name))
        assert set(data[name].attrs) == {"units", "long_name"}
    # the identity of the map, by names alone
    terms = data["weights"] * (data["activations"] - data["baseline"])
    np.testing.assert_allclose(terms.sum("channel"), data["cam"], atol=1e-5)


def test_coordinates_lie_in_the_image(ex):
    data = ex.to_xarray()
    np.testing.assert_array_equal(data["row"], np.arange(6) * 2 + 1)  # centres of cells that are two pixels high
    np.testing.assert_array_equal(data["output_row"], np.arange(12) + 0.5)
    inside = data["mask"].sel(output_row=slice(0, 8), output_col=slice(0, 8))
    assert inside.sum() == 49
    assert data["row"].attrs["units"] == "pixel"


def test_units_and_attributes(ex):
    data = ex.to_xarray()
    unit = {"margin": "logit", "probability": "1"}[ex.query.score]
    assert data["cam"].attrs["units"] == data["gradients"].attrs["units"] == data.attrs["score_units"] == unit
    assert data["activations"].attrs["units"] == "1"
    assert sc.CamQuery.from_dict(json.loads(data.attrs["query"])) == ex.query
    assert data.attrs["title"] == ex.summary()
    assert data.attrs["focus"] == ex.focus
    assert {type(value) for value in data.attrs.values()} <= {str, float}  # what a netCDF file can hold


@pytest.mark.parametrize(("call", "library"), [("to_frame", "pandas"), ("to_xarray", "xarray")])
def test_a_missing_library_is_named(ex, monkeypatch, call, library):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(sc.SegCamError) as caught:
        getattr(ex, call)()
    assert str(caught.value) == f"`{call}` needs {library}, which is not installed: pip install 'segcam-widgets[data]'."


# ------------------------------------------------------------------ HTML


class Reader(HTMLParser):
    """Collects tags with their attributes, and the text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.text = [], [], ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag != "img":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data + " "


def test_html_says_and_shows_the_answer(ex):
    page = Reader(ex._repr_html_())
    assert not page.open  # every tag is closed
    assert ex.summary() in page.text
    for part in ("score", number(ex.score), percent(ex.focus), percent(ex.positive_share), number(ex.gain)):
        assert part in page.text
    images = [attributes for tag, attributes in page.tags if tag == "img"]
    assert [image["alt"] for image in images] == [ex.summary(), ""]
    data = base64.b64decode(images[0]["src"].removeprefix("data:image/png;base64,"))
    assert Image.open(io.BytesIO(data)).size == (256, 256)


def test_html_stands_alone_and_takes_the_pages_colours(ex):
    text = ex._repr_html_()
    page = Reader(text)
    assert not {"script", "style", "link", "iframe"} & {tag for tag, _ in page.tags}
    styles = "; ".join(attributes.get("style", "") for _, attributes in page.tags)
    # light and dark: no colour of text or ground is set, both are the page's
    assert set(re.findall(r"(?<!-)\bcolor:\s*([^;]+)", styles)) == {"inherit"}
    assert set(re.findall(r"background[^:]*:\s*([^;]+)", styles)) <= {"transparent"}
    assert "http" not in re.sub(r"base64,[^\"]*", "", text)


def test_html_escapes_names():
    evil = "<img src=x onerror=alert(1)>\"'&"
    probe = linear_head(np.ones((4, 5, 2)), np.eye(2), class_names=(evil, "b"))
    text = sc.explain(probe, sc.CamQuery("image", evil, sc.Everything()))._repr_html_()
    page = Reader(text)
    assert evil in page.text
    assert all(set(attributes) == {"src", "alt", "style"} for tag, attributes in page.tags if tag == "img")
    assert "<img src=x" not in text


def test_html_of_a_narrow_image_and_a_map_of_zeros():
    probe = linear_head(np.zeros((1, 300, 1)), [[1.0, 0.0]])
    page = Reader(sc.explain(probe, sc.CamQuery("image", 0, sc.Everything(), "logit"))._repr_html_())
    assert "zero everywhere" in page.text
    assert "gain –" in page.text  # the gain of the whole image
    assert " -0 " not in page.text


@pytest.mark.parametrize(
    ("method", "score", "units"),
    [
        ("hirescam", "logit", "logit"),
        ("ablation-cam", "log_probability", "nat x activation"),
        ("ablation-cam", "probability", "activation"),
        ("eigen-cam", "logit", "activation"),
        ("occlusion", "probability", "1"),
    ],
)
def test_units_are_those_of_the_method(method, score, units):
    ex = sc.explain(random_network(), sc.CamQuery("relu", 0, score=score, method=method))
    assert ex.unit == units
    assert ex.to_xarray()["cam"].attrs["units"] == units
    assert units == "1" or f" {units}</span>" in ex._repr_html_()
