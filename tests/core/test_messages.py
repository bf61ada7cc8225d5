"""Every sentence that a user's mistake in the core is answered with, word for word."""

import numpy as np
import pytest

import segcam_widgets as sc
from segcam_widgets.core.explanation.figure import figure
from segcam_widgets.core.methods import METHODS, Method, Option
from segcam_widgets.core.picture.render import class_colours, overlay, render
from segcam_widgets.core.regions.base import region_from_dict
from segcam_widgets.core.scores import SCORES
from segcam_widgets.core.support.registry import Registry
from segcam_widgets.errors import must_be_one_of, shown
from tests.core.fake_probe import Conv, NumpyProbe, Pointwise, linear_head, random_network

NAMES = ("sky", "tree", "road")
PROBE = random_network(class_names=NAMES)
SEVERAL = random_network(class_names=NAMES, multilabel=True)
GREY = np.zeros((4, 4, 3), np.uint8)
WINDOW = Option("window", 4, "", minimum=1, maximum=64)
POOLING = Option("pooling", "mean", "", choices=("mean", "max"))
SHARE = Option("share", 0.5, "", minimum=0)
FANCY = Method("fancy", "", "", "", "", lambda given: given, {"window": WINDOW}, ("zero",))


def ask(layer="relu", index=0, region=None, *, probe=PROBE, progress=None, **query):
    return sc.explain(probe, sc.CamQuery(layer, index, region, **query), progress)


def saved(**data):
    return region_from_dict(data)


class OfWholeNumbers(NumpyProbe):
    """Its input has no gradient, and so is no layer."""

    @property
    def layers(self):
        return super().layers[1:]


class NoWords:
    def __repr__(self):
        raise RuntimeError("no words")


CASES = {
    # what is asked
    "query": (lambda: sc.explain(PROBE, "relu"), "`query` must be a CamQuery. Received: 'relu'."),
    "probe": (
        lambda: sc.explain("model.keras", sc.CamQuery("relu", 0)),
        "`probe` must be what sc.open_probe(model, x) returns. Received: 'model.keras'.",
    ),
    "progress": (
        lambda: ask(progress=5),
        "`progress` must be callable as progress(fraction, text). Received: 5.",
    ),
    "layer": (
        lambda: ask("relo"),
        "`layer` must be one of image, features, relu, deep, deep_relu, join, up, logits. Received: 'relo'. "
        "Did you mean 'relu'?",
    ),
    "class name": (
        lambda: ask(index="tee"),
        "`class_index` must be one of sky, tree, road. Received: 'tee'. Did you mean 'tree'?",
    ),
    "class index": (
        lambda: ask(index=3),
        "`class_index` must be between 0 and 2: the model has 3 classes. Received: 3.",
    ),
    "class -1": (
        lambda: ask(index=-1),
        "`class_index` must be between 0 and 2: the model has 3 classes. Received: -1.",
    ),
    "class True": (lambda: ask(index=True), "`class_index` must be a class's index or name. Received: True."),
    "class nan": (lambda: ask(index=np.nan), "`class_index` must be a class's index or name. Received: nan."),
    "region": (
        lambda: ask(region=(0, 0, 8, 8)),
        "`region` must be a region such as sc.Rectangle(0, 0, 8, 8). Received: (0, 0, 8, 8).",
    ),
    "score": (
        lambda: ask(score="logits"),
        "`score` must be one of logit, centered_logit, margin, log_odds, log_probability, probability. Received: 'logits'. "
        "Did you mean 'logit'?",
    ),
    "score number": (
        lambda: ask(score=1),
        "`score` must be one of logit, centered_logit, margin, log_odds, log_probability, probability. Received: 1.",
    ),
    "score of several sigmoids": (
        lambda: ask(probe=SEVERAL, score="margin"),
        "`score` 'margin' compares classes, but this model gives each class a sigmoid of its own: classes do not "
        "compete there. Use 'logit', 'log_probability' or 'probability'.",
    ),
    "log odds of several sigmoids": (
        lambda: ask(probe=SEVERAL, score="log_odds"),
        "`score` 'log_odds' compares classes, but this model gives each class a sigmoid of its own: classes do not "
        "compete there. Use 'logit', 'log_probability' or 'probability'.",
    ),
    "score of one class": (
        lambda: ask("image", probe=linear_head(np.ones((2, 2, 1)), [[1.0]]), score="centered_logit"),
        "`score` 'centered_logit' needs two classes or more. Received: a model with 1. Use 'logit'.",
    ),
    "method": (
        lambda: ask(method="hires-cam"),
        "`method` must be one of " + ", ".join(METHODS) + ". Received: 'hires-cam'. Did you mean 'hirescam' or "
        "'seg-xres-cam' or 'score-cam'?",
    ),
    "baseline": (
        lambda: ask(baseline="average"),
        "`baseline` must be one of zero, mean, midpoint. Received: 'average'.",
    ),
    "baseline of a method": (
        lambda: FANCY.check({}, "mean"),
        "`baseline` must be 'zero' for method 'fancy'. Received: 'mean'.",
    ),
    "method of two channels": (
        lambda: ask(layer="image", method="eigen-cam", probe=linear_head(np.ones((2, 2, 1)), [[1.0, 2.0]])),
        "`method` 'eigen-cam' needs a layer with 2 channels or more. Received: 'image' with 1.",
    ),
    "method that masks the input": (
        lambda: ask(layer="image", method="score-cam"),
        "`method` 'score-cam' masks the model's input, and so applies to the layers after it. Received: 'image', the input.",
    ),
    "method that masks an input of whole numbers": (
        lambda: ask(method="score-cam", probe=OfWholeNumbers(PROBE.x, PROBE.nodes)),
        "`method` 'score-cam' masks the model's input, and this one's takes no real numbers. Received: layer 'relu'.",
    ),
    "rival without margin": (
        lambda: ask(rival="tree", score="log_odds"),
        "`rival` is used by the score 'margin' only. Received: rival='tree' with score 'log_odds'.",
    ),
    "rival is the class": (
        lambda: ask(index="sky", score="margin", rival=0),
        "`rival` must be another class than `class_index`. Received: 'sky' for both.",
    ),
    "rival": (
        lambda: ask(score="margin", rival="raod"),
        "`rival` must be one of sky, tree, road. Received: 'raod'. Did you mean 'road'?",
    ),
    "options": (
        lambda: ask(options=[1]),
        "`options` must be a mapping of option names to values. Received: [1].",
    ),
    "options by number": (
        lambda: ask(options={1: 2}),
        "`options` must be a mapping of option names to values. Received: {1: 2}.",
    ),
    "options of none": (
        lambda: ask(options={"window": 4}),
        "`options` must be empty: 'seg-grad-cam' has none. Received: {'window': 4}.",
    ),
    "option": (
        lambda: FANCY.check({"windw": 4}, "zero"),
        "`options` must be one of window. Received: 'windw'. Did you mean 'window'?",
    ),
    "option low": (
        lambda: WINDOW.check(0),
        "`options['window']` must be a whole number at least 1 and at most 64. Received: 0.",
    ),
    "option high": (
        lambda: WINDOW.check(65),
        "`options['window']` must be a whole number at least 1 and at most 64. Received: 65.",
    ),
    "option fraction": (
        lambda: WINDOW.check(2.5),
        "`options['window']` must be a whole number at least 1 and at most 64. Received: 2.5.",
    ),
    "option number": (
        lambda: SHARE.check(float("inf")),
        "`options['share']` must be a number at least 0. Received: inf.",
    ),
    "option choice": (
        lambda: POOLING.check("man"),
        "`options['pooling']` must be one of mean, max. Received: 'man'. Did you mean 'mean' or 'max'?",
    ),
    "saved query": (
        lambda: sc.CamQuery.from_dict([]),
        "`data` must be a saved query, a mapping. Received: [].",
    ),
    "saved query without": (
        lambda: sc.CamQuery.from_dict({"layer": "relu"}),
        "`data` must hold 'class_index'. Received: {'layer': 'relu'}.",
    ),
    "saved query with": (
        lambda: sc.CamQuery.from_dict({"layer": "relu", "class_index": 0, "scores": "logit"}),
        "`data` must be one of layer, class_index, region, score, method, baseline, rival, options. Received: 'scores'. "
        "Did you mean 'score'?",
    ),
    # regions
    "pixel": (
        lambda: sc.Pixel(1.5, 0),
        "`row` must be a whole number of pixels. Received: 1.5.",
    ),
    "component": (
        lambda: sc.Component(0, "1"),
        "`col` must be a whole number of pixels. Received: '1'.",
    ),
    "rectangle": (
        lambda: sc.Rectangle(0, None, 2, 2),
        "`left` must be a finite number of pixels. Received: None.",
    ),
    "rectangle nan": (
        lambda: sc.Rectangle(0, 0, float("nan"), 2),
        "`bottom` must be a finite number of pixels. Received: nan.",
    ),
    "rectangle upside down": (
        lambda: sc.Rectangle(5, 0, 2, 2),
        "`bottom` must not be below `top`. Received: top=5, bottom=2.",
    ),
    "rectangle inside out": (
        lambda: sc.Rectangle(0, 3, 2, 2.5),
        "`right` must not be below `left`. Received: left=3, right=2.5.",
    ),
    "polygon of two": (
        lambda: sc.Polygon(((0, 0), (1, 1))),
        "`points` must have at least 3 (row, col) pairs. Received: 2.",
    ),
    "polygon of numbers": (
        lambda: sc.Polygon((1, 2, 3)),
        "`points` must be a sequence of (row, col) pairs. Received: (1, 2, 3).",
    ),
    "polygon of triples": (
        lambda: sc.Polygon(((1, 2, 3),) * 3),
        "`points` must be a sequence of (row, col) pairs. Received: ((1, 2, 3), (1, 2, 3), (1, 2, 3)).",
    ),
    "polygon far away": (
        lambda: sc.Polygon(((0, 0), (0, 1e12), (1, 1))),
        "`points` must be a finite number of pixels. Received: 1000000000000.0.",
    ),
    "brush": (
        lambda: sc.Brush(((0, 0),), 0),
        "`radius` must be above zero. Received: 0.",
    ),
    "mask shape": (
        lambda: sc.Mask(np.zeros((2, 2, 2))),
        "`array` must be a 2-D mask of booleans (or zeros and ones). Received: shape (2, 2, 2), dtype float64.",
    ),
    "mask values": (
        lambda: sc.Mask([[0, 2]]),
        "`array` must be a 2-D mask of booleans (or zeros and ones). Received: shape (1, 2), dtype int64.",
    ),
    "mask ragged": (
        lambda: sc.Mask([[0], [1, 1]]),
        "`array` must be a 2-D mask of booleans (or zeros and ones). Received: [[0], [1, 1]].",
    ),
    "mask of another size": (
        lambda: ask(region=sc.Mask([[1]])),
        "`region` must be a mask of the logits' grid, shape (12, 12). Received: a mask of shape (1, 1).",
    ),
    "border": (
        lambda: sc.Border(sc.Everything(), 0),
        "`width` must be a whole number of pixels, 1 or more. Received: 0.",
    ),
    "border of nothing": (
        lambda: sc.Border("sky", 1),
        "`region` must be a region such as sc.Rectangle(0, 0, 8, 8). Received: 'sky'.",
    ),
    "errors": (
        lambda: sc.Errors(0, "false-positive"),
        "`kind` must be one of false_positive, false_negative. Received: 'false-positive'. "
        "Did you mean 'false_positive' or 'false_negative'?",
    ),
    "predicted class": (
        lambda: sc.PredictedClass(None),
        "`class_index` must be a class's index or name. Received: None.",
    ),
    "truth": (
        lambda: ask(region=sc.TruthClass(0)),
        "`region` needs the true labels: pass `truth` to open_probe. Received: a probe without truth.",
    ),
    "empty": (
        lambda: ask(region=sc.Rectangle(50, 50, 60, 60)),
        "`region` must cover at least one pixel of the 12 x 12 output. "
        "Received: rectangle of rows 50 to 60, columns 50 to 60, which covers none.",
    ),
    "empty class": (
        lambda: ask(region=sc.PredictedClass("sky") & sc.PredictedClass("tree")),
        "`region` must cover at least one pixel of the 12 x 12 output. "
        "Received: predicted sky and predicted tree, which covers none.",
    ),
    "saved region": (
        lambda: region_from_dict("pixel"),
        "`region` must be a saved region, a mapping with a 'type'. Received: 'pixel'.",
    ),
    "saved region type": (
        lambda: saved(type="polygn"),
        "`type` must be one of union, intersection, difference, complement, pixel, rectangle, polygon, brush, mask, "
        "everything, predicted_class, truth_class, component, errors, border. Received: 'polygn'. Did you mean 'polygon'?",
    ),
    "saved region fields": (
        lambda: saved(type="pixel", row=1),
        "A saved region of type 'pixel' must hold what to_dict wrote. Received the fields: {'row': 1}.",
    ),
    "saved mask": (
        lambda: saved(type="mask", shape=[2, 2], bits="eJw="),
        "A saved region of type 'mask' must hold what to_dict wrote. "
        "Received the fields: {'shape': [2, 2], 'bits': 'eJw='}.",
    ),
    # the answer, and pictures of it
    "size": (
        lambda: ask().upsampled((3, 0)),
        "`size` must be (height, width), two whole numbers from 1 to 65536. Received: (3, 0).",
    ),
    "size number": (
        lambda: ask().upsampled(5),
        "`size` must be (height, width), two whole numbers from 1 to 65536. Received: 5.",
    ),
    "cam": (lambda: render([1, 2]), "`cam` must be a 2-D array of numbers. Received: shape (2,)."),
    "cam words": (lambda: render([["a"]]), "`cam` must be a 2-D array of numbers. Received: [['a']]."),
    "limit": (lambda: render([[1]], 0), "`limit` must be a number above zero. Received: 0."),
    "limit of a figure": (lambda: figure(ask(), limit=-1), "`limit` must be a number above zero. Received: -1."),
    "image": (
        lambda: overlay(GREY[:, :, :2]),
        "`image` must be an array of shape (h, w, 3), uint8 or float in [0, 1]. "
        "Received: shape (4, 4, 2), dtype uint8.",
    ),
    "image range": (
        lambda: overlay(GREY + 2.0),
        "`image` must be an array of shape (h, w, 3), uint8 or float in [0, 1]. "
        "Received: shape (4, 4, 3), dtype float64.",
    ),
    "size of an overlay": (
        lambda: overlay(GREY, size=(0, 5)),
        "`size` must be (height, width), two whole numbers from 1 to 65536. Received: (0, 5).",
    ),
    "count": (
        lambda: class_colours(0),
        "`count` must be a whole number of classes, 1 or more. Received: 0.",
    ),
    # registries
    "registered twice": (
        lambda: SCORES.add(SCORES["logit"]),
        "`score` 'logit' is registered already.",
    ),
    "nothing registered": (
        lambda: Registry("rule").find("SC101"),
        "`rule` must be one of . Received: 'SC101'.",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_message(case):
    call, words = CASES[case]
    with pytest.raises(sc.SegCamError) as caught:
        call()
    assert str(caught.value) == words


def test_kinds_of_errors():
    with pytest.raises(sc.EmptyRegionError):
        ask(region=sc.Pixel(99, 99))
    with pytest.raises(sc.UnknownLayerError):
        ask("nothing")
    assert issubclass(sc.SegCamError, ValueError)


def test_a_layer_that_leads_nowhere():
    side = NumpyProbe(np.ones((2, 2, 1)), [("side", Conv([[1.0]]), "image"), ("logits", Conv([[1.0, 2.0]]), "image")])
    with pytest.raises(sc.DisconnectedLayerError):
        ask("side", probe=side)


def chain(first, second, x=None):
    """Two operations on two channels, the first of them the layer that is asked about."""
    with np.errstate(over="ignore"):  # float32 cannot hold what these make
        return NumpyProbe(
            np.ones((2, 3, 2)) if x is None else x, [("layer", first, "image"), ("logits", second, "layer")]
        )


def scaled(factor):
    return Conv(np.eye(2) * factor)


def bent(slope):
    """Small values with a slope of its own."""
    return Pointwise(lambda x: x * 1e-39, slope)


@pytest.mark.parametrize(
    ("probe", "words"),
    [
        (linear_head(np.ones((2, 2, 1)), [[1.0, np.inf]]), "logits {} 4 of 8"),
        (chain(scaled(1e39), scaled(1e-39)), "activations {} 12 of 12"),
        # of 0 to 11 ten are above 1; where the cotangent is zero, zero times infinity is NaN
        (chain(scaled(1), bent(lambda x: np.where(x > 1, np.inf, 1)), np.arange(12).reshape(2, 3, 2)), "gradients {} 10 of 12"),
        (chain(scaled(1e30), bent(lambda x: np.full_like(x, 1e20))), "map's values {} 6 of 6"),
    ],
    ids=["logits", "activations", "gradients", "map"],
)  # fmt: skip
def test_not_finite(probe, words):
    layer = probe.layers[-2].name
    with np.errstate(over="ignore", invalid="ignore"), pytest.raises(sc.NonFiniteError) as caught:
        ask(layer, region=sc.Everything(), probe=probe, score="logit")
    middle = "must be finite: there is no map to draw. Received: NaN or infinity in"
    assert str(caught.value) == f"The {words.format(middle)} values (query at layer {layer!r})."


def test_what_is_received_is_shown_in_one_short_line():
    assert shown("a\nb") == r"'a\nb'"
    assert shown(np.zeros((2, 2))) == "array([[0., 0.], [0., 0.]])"
    assert len(shown("x" * 10_000)) < 220
    assert shown(NoWords()).startswith("<tests.core.test_messages.NoWords object")
    assert "<tests.core.test_messages.NoWords object" in must_be_one_of("layer", ["a"], NoWords())
    assert len(must_be_one_of("layer", ["a"], "a" * 10_000)) < 300
