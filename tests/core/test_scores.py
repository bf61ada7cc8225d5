"""The six scores: values against their formula, cotangents against the slope of the value."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, strategies as st
from hypothesis.extra import numpy as hnp
from scipy.special import expit, log_softmax, logsumexp, softmax

import segcam_widgets as sc
from segcam_widgets.core.scores import ScoreInput, default_score, probability_gap
from segcam_widgets.core.standing import _KEPT, strongest_rivals
from tests.core.strategies import PROPERTY

SCORES = tuple(sc.SCORES)
FREE = ("logit", "log_probability", "probability")  # those that mean something for several sigmoids


@st.composite
def inputs(draw, scores=SCORES, multilabel=False):
    """A score and what it looks at; logits far enough apart that no rival changes within a small step."""
    shape = (draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(2, 4)))
    logits = draw(hnp.arrays(np.float64, shape, elements=st.integers(-40, 40).map(lambda n: n / 8)))
    gaps = np.diff(np.sort(logits, axis=-1))
    assume(gaps.size and gaps.min() > 0)
    mask = draw(hnp.arrays(bool, shape[:2]))
    mask[0, 0] = True
    index = draw(st.integers(0, shape[2] - 1))
    rival = draw(st.one_of(st.none(), st.integers(0, shape[2] - 1).filter(lambda r: r != index)))
    return sc.SCORES[draw(st.sampled_from(scores))], ScoreInput(logits, mask, index, rival, multilabel)


def numerical_gradient(score, given_):
    """Central differences of the mean score, in float64."""
    slope = np.zeros_like(given_.logits)
    for place in np.ndindex(slope.shape):
        ends = []
        for step in (1e-5, -1e-5):
            moved = given_.logits.copy()
            moved[place] += step
            ends.append(
                score.value(ScoreInput(moved, given_.mask, given_.class_index, given_.rival, given_.multilabel))
            )
        slope[place] = (ends[0] - ends[1]) / 2e-5
    return slope


@PROPERTY
@given(inputs())
def test_the_cotangent_is_the_slope_of_the_mean_score(problem):
    score, given_ = problem
    field = score.cotangent(given_).divided(given_.mask.sum()).to_array()
    np.testing.assert_allclose(field, numerical_gradient(score, given_), atol=1e-6)


@PROPERTY
@given(inputs(FREE, multilabel=True))
def test_the_cotangent_is_the_slope_for_several_sigmoids_too(problem):
    score, given_ = problem
    field = score.cotangent(given_).divided(given_.mask.sum()).to_array()
    np.testing.assert_allclose(field, numerical_gradient(score, given_), atol=1e-6)


@PROPERTY
@given(inputs())
def test_a_score_looks_at_its_region_only(problem):
    score, given_ = problem
    assert not score.cotangent(given_).to_array()[~given_.mask].any()
    elsewhere = given_.logits + np.where(given_.mask, 0, 7)[:, :, None] * np.arange(given_.logits.shape[2])
    other = ScoreInput(elsewhere, given_.mask, given_.class_index, given_.rival)
    assert score.value(other) == score.value(given_)


@PROPERTY
@given(inputs(("centered_logit", "margin", "log_odds", "log_probability", "probability")), st.integers(-8, 8))
def test_a_number_added_to_all_logits_of_a_pixel_changes_no_score_but_the_raw_logit(problem, shift):
    score, given_ = problem
    shifts = shift * np.arange(given_.mask.size).reshape(given_.mask.shape)
    other = ScoreInput(given_.logits + shifts[:, :, None], given_.mask, given_.class_index, given_.rival)
    assert score.value(other) == pytest.approx(score.value(given_), abs=1e-9)
    np.testing.assert_allclose(score.cotangent(other).to_array(), score.cotangent(given_).to_array(), atol=1e-6)
    # which is to say that its cotangent sums to zero over the classes
    np.testing.assert_allclose(score.cotangent(given_).to_array().sum(-1), 0, atol=1e-6)


@pytest.fixture
def logits():
    return np.random.default_rng(2).normal(size=(3, 4, 5)) * 3


@pytest.fixture
def mask():
    return np.random.default_rng(3).random((3, 4)) < 0.5


def test_values_are_the_formulas(logits, mask):
    rivals = np.delete(logits, 2, axis=-1)
    expected = {
        "logit": logits[..., 2],
        "centered_logit": logits[..., 2] - logits.mean(-1),
        "margin": logits[..., 2] - rivals.max(-1),
        "log_odds": logits[..., 2] - logsumexp(rivals, -1),
        "log_probability": log_softmax(logits, -1)[..., 2],
        "probability": softmax(logits, -1)[..., 2],
    }
    assert set(expected) == set(SCORES)
    for name, field in expected.items():
        assert sc.SCORES[name].value(ScoreInput(logits, mask, 2)) == pytest.approx(field[mask].mean())


@PROPERTY
@given(inputs(SCORES), st.integers(0, 2**32))
def test_bend_is_how_the_cotangent_of_the_sum_changes(problem, seed):
    score, given_ = problem
    tangent = np.random.default_rng(seed).normal(size=given_.logits.shape)
    ends = [score.cotangent(replace(given_, logits=given_.logits + step * tangent)).to_array().astype(np.float64)
            for step in (1e-2, -1e-2)]  # fmt: skip
    np.testing.assert_allclose(score.bend(given_, tangent).to_array(), (ends[0] - ends[1]) / 2e-2, atol=1e-3)


def test_log_odds_are_those_of_the_probability(logits, mask):
    p = softmax(logits, -1)[..., 2]
    assert sc.SCORES["log_odds"].value(ScoreInput(logits, mask, 2)) == pytest.approx(np.log(p / (1 - p))[mask].mean())
    others = np.delete(softmax(logits, -1), 2, -1)
    expected = np.insert(-others / others.sum(-1, keepdims=True), 2, 1, -1) * mask[..., None]
    np.testing.assert_allclose(
        sc.SCORES["log_odds"].cotangent(ScoreInput(logits, mask, 2)).to_array(), expected, atol=1e-6
    )


def test_log_odds_do_not_saturate():
    given_ = ScoreInput(np.array([[[1e4, 0.0, -3.0]]]), np.ones((1, 1), bool), 0)
    assert sc.SCORES["log_odds"].value(given_) == pytest.approx(1e4 - np.logaddexp(0, -3))
    np.testing.assert_allclose(sc.SCORES["log_odds"].cotangent(given_).to_array()[0, 0], [1, -expit(3), -expit(-3)])


def test_the_rival_is_that_of_the_unmodified_prediction(logits, mask):
    """What is replayed is scored against whom the class competed with, also where another is stronger by now."""
    given_ = ScoreInput(logits, mask, 2)
    changed = logits[..., ::-1] * 2
    rivals = np.where(np.arange(5) == 2, -np.inf, logits).argmax(-1)
    then = np.take_along_axis(changed, rivals[..., None], -1)[..., 0]
    assert (rivals != np.where(np.arange(5) == 2, -np.inf, changed).argmax(-1))[mask].any()
    moved = replace(given_, logits=changed)
    assert sc.SCORES["margin"].value(moved) == pytest.approx((changed[..., 2] - then)[mask].mean())
    before, after = (sc.SCORES["margin"].cotangent(one).to_array() for one in (given_, moved))
    np.testing.assert_array_equal(before, after)  # linear: a step changes nothing


def test_three_classes_or_more_have_an_index_map_and_no_field(logits, mask):
    found = sc.SCORES["margin"].cotangent(ScoreInput(logits, mask, 2)).divided(4)
    assert found.dense is None
    assert not found.is_outer
    assert found.rivals.shape == mask.shape
    assert found.rivals.dtype == np.uint8
    expected = np.zeros(logits.shape, np.float32)
    expected[..., 2] = 0.25
    np.put_along_axis(expected, np.where(np.arange(5) == 2, -np.inf, logits).argmax(-1)[..., None], -0.25, -1)
    np.testing.assert_array_equal(found.to_array(), expected * mask[..., None])


@PROPERTY
@given(hnp.arrays(np.float32, st.tuples(st.just(2), st.just(3), st.integers(2, 6)), elements=st.integers(0, 3)))
def test_the_strongest_rival_and_of_equals_the_first(logits):
    for c in range(logits.shape[-1]):
        others = logits.copy()
        others[..., c] = -np.inf
        np.testing.assert_array_equal(strongest_rivals(logits, c), others.argmax(-1))


def test_rivals_are_found_once_for_a_prediction_that_cannot_change():
    logits = np.random.default_rng(0).normal(size=(4, 5, 3))
    assert strongest_rivals(logits, 1) is not strongest_rivals(logits, 1)  # somebody may write into it
    logits.flags.writeable = False
    found = strongest_rivals(logits, 1)
    assert strongest_rivals(logits, 1) is found
    assert not found.flags.writeable
    held = len(_KEPT)
    del logits
    assert len(_KEPT) == held - 1


def test_more_than_256_classes_need_more_than_a_byte():
    logits = np.zeros((1, 2, 300), np.float32)
    logits[..., 299] = 1
    assert strongest_rivals(logits, 0).tolist() == [[299, 299]]


def test_the_margin_over_a_named_rival(logits, mask):
    given_ = ScoreInput(logits, mask, 2, rival=0)
    assert sc.SCORES["margin"].value(given_) == pytest.approx((logits[..., 2] - logits[..., 0])[mask].mean())
    np.testing.assert_array_equal(sc.SCORES["margin"].cotangent(given_).contrast, [-1, 0, 1, 0, 0])


def test_values_for_several_sigmoids(logits, mask):
    given_ = ScoreInput(logits, mask, 1, multilabel=True)
    assert sc.SCORES["probability"].value(given_) == pytest.approx(expit(logits[..., 1])[mask].mean())
    assert sc.SCORES["log_probability"].value(given_) == pytest.approx(np.log(expit(logits[..., 1]))[mask].mean())


@pytest.mark.parametrize(
    ("classes", "multilabel", "name"),
    [(3, False, "margin"), (2, False, "margin"), (1, False, "logit"), (3, True, "logit"), (1, True, "logit")],
)
def test_the_default_is_the_margin_where_classes_compete(classes, multilabel, name):
    assert default_score(classes, multilabel) == name
    sc.SCORES[name].check(classes, multilabel)  # and it can be asked


def test_one_sigmoid_as_two_classes():
    z = np.array([[-1.5, 0.25], [3.0, -4.0]])
    given_ = ScoreInput(np.stack([-z / 2, z / 2], -1), np.ones((2, 2), bool), 1)
    value = {name: sc.SCORES[name].value(given_) for name in SCORES}
    assert value["logit"] == value["centered_logit"] == pytest.approx((z / 2).mean())
    assert value["margin"] == pytest.approx(z.mean())
    assert value["log_odds"] == pytest.approx(z.mean())
    assert value["probability"] == pytest.approx(expit(z).mean())
    assert value["log_probability"] == pytest.approx(np.log(expit(z)).mean())


def test_two_classes_have_one_rival_so_the_margin_is_an_outer_product():
    given_ = ScoreInput(np.array([[[1.0, 2.0]]]), np.ones((1, 1), bool), 0)
    np.testing.assert_array_equal(sc.SCORES["margin"].cotangent(given_).contrast, [1, -1])


@pytest.mark.parametrize("name", SCORES)
def test_linear_says_whether_the_cotangent_is_free_of_the_logits(name, mask):
    rng = np.random.default_rng(0)
    fields = [
        sc.SCORES[name].cotangent(ScoreInput(rng.normal(size=(3, 4, 3)), mask, 0, rival=1)).to_array() for _ in range(2)
    ]
    assert np.array_equal(*fields) == sc.SCORES[name].linear


def test_a_sure_pixel_still_pulls():
    # 1 - p_c taken as a difference would be 0 in float64 here: the map would be blank for no reason
    given_ = ScoreInput(np.array([[[50.0, 0.0, 0.0]]]), np.ones((1, 1), bool), 0)
    assert probability_gap(given_)[0, 0] == pytest.approx(2 * np.exp(-50), rel=1e-9)
    assert sc.SCORES["log_probability"].cotangent(given_).to_array()[0, 0, 0] > 0
    several = ScoreInput(given_.logits, given_.mask, 0, multilabel=True)
    assert probability_gap(several)[0, 0] == pytest.approx(np.exp(-50), rel=1e-9)


@pytest.mark.parametrize("size", [1e4, -1e4])
@pytest.mark.parametrize("multilabel", [False, True])
def test_logits_of_any_size_are_safe(size, multilabel):
    given_ = ScoreInput(np.array([[[size, 0.0, -size]]]), np.ones((1, 1), bool), 0, multilabel=multilabel)
    for name in FREE:
        assert np.isfinite(sc.SCORES[name].value(given_))
        assert np.isfinite(sc.SCORES[name].cotangent(given_).to_array()).all()
