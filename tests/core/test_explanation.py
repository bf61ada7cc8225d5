"""The answer: read-only, signed, and what it says in words."""

import copy
import pickle
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

import segcam_widgets as sc
from segcam_widgets.core.explanation.wording import channel_words, map_words
from segcam_widgets.core.methods import METHODS, MapResult, Method
from tests.core.fake_probe import linear_head, random_network

ARRAYS = ("mask", "activations", "gradients", "weights", "baseline", "cam")
DERIVED = ("contributions", "region_contributions", "coverage", "pooled_gradients")


@pytest.fixture
def ex():
    return sc.explain(random_network(class_names=("sky", "tree", "road")), sc.CamQuery("relu", "tree"))


def copies(ex):
    return {"itself": ex, "pickled": pickle.loads(pickle.dumps(ex)), "copied": copy.deepcopy(ex)}


@pytest.mark.parametrize("which", ["itself", "pickled", "copied"])
@pytest.mark.parametrize("name", [*ARRAYS, *DERIVED])
def test_arrays_are_read_only(ex, which, name):
    array = getattr(copies(ex)[which], name)
    with pytest.raises(ValueError, match="read-only"):
        array[(0,) * array.ndim] = 1


def test_attributes_are_read_only(ex):
    for name in (*ARRAYS, "query", "score"):
        with pytest.raises(FrozenInstanceError):
            setattr(ex, name, None)


def test_reading_one_array_does_not_freeze_the_callers(ex):
    own = np.ones((6, 6), np.float32)
    changed = replace(ex, cam=own)
    own[0, 0] = 2  # the caller's array stays the caller's
    assert not changed.cam.flags.writeable


def test_the_upsampled_map_is_a_fresh_array(ex):
    before = ex.focus
    ex.upsampled()[:] = 0
    ex.upsampled(ex.cam.shape)[:] = 0
    assert ex.cam.any()
    assert ex.focus == before


def test_shapes_and_types(ex):
    assert ex.upsampled().shape == ex.mask.shape == (12, 12)
    assert ex.cam.shape == (6, 6)
    assert ex.activations.shape == ex.gradients.shape == ex.layer.shape == (6, 6, 4)
    assert ex.weights.shape == ex.baseline.shape == ex.contributions.shape == ex.region_contributions.shape == (4,)
    for name in ARRAYS[1:]:
        assert getattr(ex, name).dtype == np.float32
    assert ex.mask.dtype == bool
    assert type(ex.score) is type(ex.focus) is type(ex.gain) is type(ex.positive_share) is float
    assert type(ex.is_empty) is bool
    assert ex.class_name == "tree"


def test_isclose_sees_every_array(ex):
    assert ex.isclose(ex, 0)
    for name in ARRAYS:
        array = getattr(ex, name).copy()
        array.flat[0] = ~array.flat[0] if name == "mask" else array.flat[0] + 0.01 * np.abs(array).max() + 1e-6
        assert not ex.isclose(replace(ex, **{name: array}))
        assert name == "mask" or ex.isclose(replace(ex, **{name: array}), rtol=0.1) or name == "baseline"
    assert not ex.isclose(replace(ex, score=ex.score + 1))
    assert not ex.isclose(replace(ex, query=replace(ex.query, layer="deep")))


@pytest.mark.parametrize("fraction", [0.0, 0.5e-6, 2e-6, 1.0])
def test_empty_means_not_above_float_noise(ex, fraction):
    changed = replace(ex, cam=np.array([[-1, fraction], [-0.5, 0]], np.float32))
    assert changed.is_empty == (fraction < 1e-6)


def test_a_map_of_zeros(ex):
    zero = replace(ex, cam=np.zeros((6, 6), np.float32))
    assert zero.is_empty
    assert zero.positive_share == zero.focus == 0
    assert map_words(zero) == "zero everywhere"


def test_one_pullback_and_no_replay_answer_a_query():
    probe = random_network()
    sc.explain(probe, sc.CamQuery("deep", 0))
    assert probe.calls == {"pullback": 1, "activations": 1}


def test_progress_is_told():
    told = []
    sc.explain(random_network(), sc.CamQuery("deep", 0), progress=lambda *step: told.append(step))
    assert [fraction for fraction, _ in told] == sorted(fraction for fraction, _ in told)
    assert told[-1] == (1.0, "done")
    assert "seg-grad-cam at deep" in told[0][1]


@pytest.mark.parametrize("no", [False, np.False_, 0])
def test_progress_can_cancel(no):
    probe = random_network()
    with pytest.raises(sc.Cancelled, match=r"^Cancelled at 10 %: seg-grad-cam at deep\.$"):
        sc.explain(probe, sc.CamQuery("deep", 0), progress=lambda fraction, text: no)
    assert probe.calls["pullback"] == 0  # before the work, not after


def test_a_method_without_weights_brings_its_own_map(monkeypatch):
    def activation_mean(given):
        return MapResult(np.zeros(0, np.float32), ("looks at no class",), given.activations.mean(-1))

    monkeypatch.setitem(METHODS._entries, "mean", Method("mean", "Mean", "", "", "", activation_mean))
    ex = sc.explain(random_network(), sc.CamQuery("relu", 0, method="mean"))
    np.testing.assert_array_equal(ex.cam, ex.activations.mean(-1))
    assert ex.weights.shape == ex.contributions.shape == ex.region_contributions.shape == (0,)
    assert ex.notes == ("looks at no class",)
    assert np.isnan(ex.to_frame()["weight"]).all()
    assert "weights" not in ex.to_xarray()


# ------------------------------------------------------------------ words


def asked(kernel, activations=None, **query):
    activations = np.ones((2, 2, len(kernel))) if activations is None else activations
    probe = linear_head(activations, kernel, class_names=("brick", "grass"))
    return sc.explain(probe, sc.CamQuery("image", "brick", sc.Everything(), **{"score": "logit"} | query))


@pytest.mark.parametrize(
    ("query", "kernel", "words"),
    [
        ({}, [[-1, 0], [-2, 0]], "Seg-Grad-CAM {}, logit, 4 px: blank, both channels pull down"),
        ({"method": "hirescam"}, [[1, 0], [2, 0]], "HiResCAM {}, logit, 4 px: 100 % positive, both channels pull up"),
        ({"score": "margin"}, [[1, 2]], "Seg-Grad-CAM {}, margin, 4 px: blank, its one channel pulls down"),
        (
            {"baseline": "mean"},
            [[-1, 0], [1, 0], [2, 0]],
            "Seg-Grad-CAM {}, logit, 4 px, against the mean over the image: "
            "zero everywhere, 1 of 3 channels pulls down",
        ),
        (
            {"method": "layercam"},
            [[-1, 0], [-1, 0], [-2, 0]],
            "LayerCAM {}, logit, 4 px: zero everywhere, all 3 channels pull down",
        ),
    ],
)
def test_summary(query, kernel, words):
    assert asked(kernel, **query).summary() == words.format("of brick at image")


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ([0], "its one channel pulls neither way"),
        ([2], "its one channel pulls up"),
        ([0, 0, 0], "no channel pulls either way"),
        ([-1, -2, -3, 1], "3 of 4 channels pull down"),
        ([1, 2, 3], "all 3 channels pull up"),
        ([0, 1, 3], "0 of 3 channels pull down"),
    ],
)
def test_channel_words(weights, words):
    assert channel_words(np.array(weights, float)) == words


def one_cell_up(kernel=((-1, 0),), **query):
    """A map of 400 cells, of which one is positive."""
    activations = np.full((20, 20, len(kernel)), 1.0)
    activations[3, 3] = -1
    return asked(list(kernel), activations, **query)


def test_faint_is_not_blank():
    ex = one_cell_up()
    assert (ex.is_empty, ex.is_faint, ex.positive_share) == (False, True, 1 / 400)
    assert map_words(ex) == "faint: 0.2 % positive"
    assert ex.scalars()["is_faint"] is True
    blank = asked([[-1, 0]], np.full((20, 20, 1), 1.0))
    assert (blank.is_empty, blank.is_faint, map_words(blank)) == (True, False, "blank")


def test_hardly_anything_is_said_to_be_less_than_a_thousandth():
    activations = np.full((40, 40, 1), 1.0)
    activations[3, 3] = -0.5
    assert map_words(asked([[-1, 0]], activations)) == "faint: less than 0.1 % positive"


def test_faint_ends_at_a_hundredth():
    activations = np.full((10, 10, 1), 1.0)
    activations[3, 3] = -1
    ex = asked([[-1, 0]], activations)
    assert (ex.positive_share, ex.is_faint, map_words(ex)) == (0.01, False, "1 % positive")


def test_another_baseline_is_never_faint_where_weights_are_pooled():
    faint = replace(one_cell_up(baseline="mean"), cam=one_cell_up().cam)
    assert faint.positive_share < 0.01
    assert not faint.is_faint
    assert replace(faint, weights=faint.gradients).is_faint  # per pixel, the share says something


def test_one_cell_is_a_number_and_no_map():
    for weight, words in ((-2.0, "a single number: -2"), (1.25, "a single number: +1.25")):
        ex = asked([[weight, 0]], np.ones((1, 1, 1)))
        assert not ex.is_map
        assert not ex.is_faint
        assert map_words(ex) == words
    assert one_cell_up().is_map
