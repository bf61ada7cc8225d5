"""Whatever is typed into any argument: an answer, or a sentence. Never a traceback from the depths, never a warning."""

import base64
import datetime
import decimal
import fractions
import itertools
import tracemalloc
import zlib

import numpy as np
import pytest

import segcam_widgets as sc
from segcam_widgets.core.picture.render import class_colours, render
from segcam_widgets.core.regions.base import region_from_dict
from tests.core.fake_probe import random_network

PROBE = random_network(
    class_names=("sky", "tree", "road"), truth=np.random.default_rng(0).integers(0, 4, (12, 12)), seed=3
)


class Unwilling:
    """Refuses everything that an innocent check might try, as a symbolic tensor does."""

    __hash__ = None

    def refuse(self, *_):
        raise TypeError("no")

    __eq__ = __bool__ = __repr__ = __str__ = __len__ = __iter__ = __float__ = __int__ = __index__ = refuse


NASTY = {
    "None": None, "True": True, "np.True_": np.True_, "zero": 0, "one": 1, "minus one": -1, "huge": 10**400, "large": 2**70,
    "half": 0.5, "nan": float("nan"), "inf": float("inf"), "np.float32": np.float32(1.5), "np.int64": np.int64(1),
    "np.uint8": np.uint8(200), "np.nan": np.float64("nan"), "complex": 1 + 2j, "decimal": decimal.Decimal(1),
    "fraction": fractions.Fraction(1, 2), "empty text": "", "text": "tree", "digit": "1", "np.str_": np.str_("tree"),
    "long text": "layer" * 5000, "null": "\0", "surrogate": "\ud800", "bytes": b"tree", "list": [], "list of one": [1],
    "nested": [[0, 0], [0, 3], [3, 3]], "ragged": [[0], [1, 2]], "tuple": (), "dict": {}, "tagged": {"type": "pixel"}, "set": {1},
    "object": object(), "class": sc.Pixel, "function": len, "array": np.array([1, 2]), "scalar array": np.array(1),
    "empty array": np.array([]), "2-D array": np.eye(12), "bool array": np.eye(12, dtype=bool), "object array": np.array([None]),
    "datetime": datetime.date(2024, 1, 1), "np.datetime": np.datetime64("NaT"), "region": sc.Pixel(1, 1), "generator": iter([1]),
    "unwilling": Unwilling(), "exception": ValueError("x"), "ellipsis": ..., "slice": slice(0, 3), "range": range(3),
}  # fmt: skip
VALUES = pytest.mark.parametrize("value", NASTY.values(), ids=NASTY)


def answers_or_explains(call):
    """True if it worked; a SegCamError must be a sentence of readable length."""
    try:
        call()
    except sc.SegCamError as error:
        words = str(error)
        assert len(words) < 700
        assert words.endswith((".", "?"))
        return False
    return True


FIELDS = ("layer", "class_index", "region", "score", "method", "baseline", "rival", "options")


@VALUES
@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("score", ["centered_logit", "margin"])
def test_any_field_of_a_query(field, value, score):
    def call():
        query = sc.CamQuery(**{"layer": "relu", "class_index": 0, "score": score} | {field: value})
        sc.explain(PROBE, query)

    answers_or_explains(call)


@VALUES
def test_explain_itself(value):
    assert not answers_or_explains(lambda: sc.explain(value, sc.CamQuery("relu", 0)))
    assert not answers_or_explains(lambda: sc.explain(PROBE, value))


REGIONS = {
    sc.Pixel: (1, 2),
    sc.Rectangle: (0, 0, 2, 2),
    sc.Polygon: (((0, 0), (0, 5), (5, 5)),),
    sc.Brush: (((0, 0), (3, 3)), 2),
    sc.Mask: (np.ones((12, 12), bool),),
    sc.PredictedClass: (1,),
    sc.TruthClass: (1,),
    sc.Component: (1, 2),
    sc.Errors: (1, "false_negative"),
    sc.Border: (sc.Everything(), 2),
}
PLACES = [(kind, place) for kind, arguments in REGIONS.items() for place in range(len(arguments))]


@VALUES
@pytest.mark.parametrize(("kind", "place"), PLACES, ids=[f"{kind.__name__}-{place}" for kind, place in PLACES])
def test_any_argument_of_a_region(kind, place, value):
    def call():
        arguments = list(REGIONS[kind])
        arguments[place] = value
        region = kind(*arguments)
        hash(region)
        region_from_dict(region.to_dict())
        region.describe()
        region.describe(PROBE.class_names)
        mask = region.rasterize(PROBE)
        assert mask.shape == (12, 12)
        assert mask.dtype == bool

    answers_or_explains(call)


@VALUES
@pytest.mark.parametrize("kind", [sc.Polygon, sc.Brush])
def test_any_coordinate_of_a_point(kind, value):
    for point in ((value, 0), (0, value), value):
        points = ((0, 0), point, (5, 5))
        answers_or_explains(
            lambda points=points: kind(*((points, 1) if kind is sc.Brush else (points,))).rasterize(PROBE)
        )


@VALUES
def test_any_json(value):
    answers_or_explains(lambda: region_from_dict(value))
    answers_or_explains(lambda: sc.CamQuery.from_dict(value))
    answers_or_explains(lambda: region_from_dict({"type": value}))
    for kind, arguments in REGIONS.items():
        good = kind(*arguments).to_dict()
        for name in good:
            answers_or_explains(lambda data=good | {name: value}: region_from_dict(data))
    good = sc.CamQuery("relu", 0, sc.Pixel(1, 1)).to_dict()
    for name in good:
        answers_or_explains(lambda data=good | {name: value}: sc.CamQuery.from_dict(data))


@VALUES
def test_the_answers_own_arguments(value):
    ex = sc.explain(PROBE, sc.CamQuery("relu", 0))
    answers_or_explains(lambda: ex.upsampled(value))
    answers_or_explains(lambda: ex.upsampled((value, 3)))
    answers_or_explains(lambda: render(value))
    answers_or_explains(lambda: render(ex.cam, value))
    answers_or_explains(lambda: sc.explain(PROBE, sc.CamQuery("relu", 0), value) if not callable(value) else None)
    answers_or_explains(lambda: class_colours(value) if not isinstance(value, int) or value < 1000 else None)


@pytest.mark.parametrize(
    "shape", [[10**9, 10**9], [2, -1], [2**62, 2**62], [0, 0], ["2", 2], [2.0, 2], [2], [2, 2, 2], None, [True, 8]]
)
def test_a_mask_in_json_cannot_ask_for_memory(shape):
    data = sc.Mask(np.ones((2, 4), bool)).to_dict()
    assert answers_or_explains(lambda: region_from_dict(data))
    assert not answers_or_explains(lambda: region_from_dict(data | {"shape": shape}))


def test_a_mask_in_json_cannot_unfold_without_end():
    bomb = base64.b64encode(zlib.compress(bytes(10**8))).decode()  # 100 MB in 100 kB
    tracemalloc.start()
    try:
        assert not answers_or_explains(lambda: region_from_dict({"type": "mask", "shape": [2, 4], "bits": bomb}))
        assert tracemalloc.get_traced_memory()[1] < 10**7
    finally:
        tracemalloc.stop()


def test_regions_nested_deeper_than_python_goes():
    data = {"type": "pixel", "row": 0, "col": 0}
    for _ in range(5000):
        data = {"type": "complement", "region": data}
    assert not answers_or_explains(lambda: region_from_dict(data))


def test_shapes_far_outside_cost_nothing_and_warn_of_nothing():
    far = [-(2.0**31), -1e6, -1, 0.5, 1e6, 2.0**31]
    for a, b in itertools.product(far, far):
        for region in (
            sc.Rectangle(min(a, b), min(a, b), max(a, b), max(a, b)),
            sc.Polygon(((a, b), (b, a), (a, a), (0, 3))),
            sc.Brush(((a, b), (b, a)), 3),
            sc.Brush(((a, a),), 2.0**31),
        ):
            assert region.rasterize(PROBE).shape == (12, 12)
