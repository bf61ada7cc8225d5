"""Votes answer what the gradient answers, for any region and score, without a backward pass."""

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, example, given, strategies as st
from hypothesis.extra import numpy as hnp

import segcam_widgets as sc
from segcam_widgets.core.answers import Cotangent
from segcam_widgets.core.votes.basis import basis_for
from segcam_widgets.core.votes.channel import channel_votes
from segcam_widgets.core.votes.collect import CHUNK, Collector
from segcam_widgets.core.votes.preview import preview
from tests.core.fake_probe import linear_head, random_network, softplus
from tests.core.strategies import PROPERTY, close

SCORES = tuple(sc.SCORES)
LAYERS = ("image", "features", "relu", "deep", "deep_relu", "join", "up", "logits")
FLOAT = np.finfo(np.float32)
seeds, layers, scores = st.integers(0, 50), st.sampled_from(LAYERS), st.sampled_from(SCORES)


@st.composite
def masks(draw, shape=(12, 12)):
    mask = draw(hnp.arrays(bool, shape))
    mask[draw(st.integers(0, shape[0] - 1)), draw(st.integers(0, shape[1] - 1))] = True
    return mask


def disc(size, row, col, radius):
    rows, cols = np.mgrid[:size, :size]
    return np.hypot(rows - row, cols - col) < radius


def agree(got, expected, rtol=1e-4):
    assert got.shape == expected.shape
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, expected, rtol=0, atol=rtol * np.abs(expected).max() + 1e-12)


def test_one_channel_on_paper():
    # logits (2 a, -a): a channel raised by 1/4 everywhere raises class 0 by 1/2 at each of the 4 pixels
    probe = linear_head(np.arange(4.0).reshape(2, 2, 1), [[2.0, -1.0]])
    field = sc.votes(probe, "image")
    pixel = np.zeros((2, 2, 2))
    pixel[1, 0, 0] = 1
    assert field.weights(pixel) == pytest.approx([0.5])
    pixel[0, 1, 1] = 4
    assert field.weights(pixel) == pytest.approx([0.5 - 1.0])
    query = sc.CamQuery("image", 0, sc.Rectangle(0, 0, 1, 2), "margin")
    assert field.weights_for(query) == pytest.approx([3 / 4])
    np.testing.assert_allclose(field.map(query, 0), [[3 / 8, 3 / 8], [0, 0]])


@PROPERTY
@given(seeds, layers, st.integers(0, 2), scores, masks())
def test_votes_are_the_pooled_gradients(seed, layer, index, score, mask):
    probe = random_network(seed)
    query = sc.CamQuery(layer, index, sc.Mask(mask), score)
    expected = sc.explain(probe, query).pooled_gradients
    everything, own = sc.votes(probe, layer), sc.votes(probe, layer, queries=query)
    for field in (everything, own):  # beside the votes of which they are made: these may cancel
        size = sum(np.abs(field.map(query, k)).sum() for k in range(len(expected)))
        np.testing.assert_allclose(field.weights_for(query), expected, rtol=0, atol=1e-5 * size)


def rounding(field, cotangent):
    """What float32 may lose of the weights, (K,): a digit of each term, and where terms underflow one unit of each."""
    steps = np.abs(
        np.diff(cotangent.astype(float), axis=1, append=0)
    )  # a field meets the votes' sums along the rows so
    terms = np.einsum("hwc,chwk->k", steps, np.abs(field.sums[: cotangent.shape[-1]], dtype=float))
    return 8 * FLOAT.eps * terms + cotangent.size * FLOAT.smallest_subnormal


SMALL = np.full((12, 12, 3), 1.379e-42, np.float32)  # below the smallest normal number, 1.2e-38: three digits are left


@PROPERTY
@given(seeds, layers, hnp.arrays(np.float32, (12, 12, 3), elements=st.floats(-4, 4, width=32)))
@example(0, "deep", SMALL)
@example(0, "join", SMALL)
@example(3, "image", np.where(np.indices((12, 12, 3)).sum(0) % 2, 4, SMALL).astype(np.float32))
def test_any_field_over_the_logits(seed, layer, cotangent):
    probe = random_network(seed)
    gradients = probe.pullback(layer, cotangent).gradients
    expected = gradients.mean((0, 1), dtype=float)
    field = sc.votes(probe, layer)
    lost = rounding(field, cotangent) + FLOAT.eps * np.abs(gradients).mean((0, 1), dtype=float)
    assert (np.abs(field.weights(cotangent) - expected) <= lost).all()


@pytest.mark.parametrize("scale", [1.0, 1e-30, 1e-42])
def test_a_field_below_the_smallest_number_gives_small_weights_and_no_others(scale):
    # on paper: every pixel of class 0 pulls the channel up by 2 / 4, every pixel of class 1 down by 1 / 4
    field = sc.votes(linear_head(np.arange(4.0).reshape(2, 2, 1), [[2.0, -1.0]]), "image")
    pull = np.float32(scale)
    assert field.weights(np.full((2, 2, 2), pull)) == pytest.approx([float(pull)], rel=1e-2)
    assert field.weights(np.zeros((2, 2, 2))) == [0]


@pytest.mark.parametrize("scale", [1.0, 1e-15, 1e-30])
def test_the_field_of_a_question_is_recognised_however_sure_its_pixels_are(scale):
    # logits so far apart that the square of the pull, p (1 - p), is nothing in float32
    apart = -np.log(scale) / 2
    probe = linear_head(np.full((2, 2, 1), apart), [[1.0, -1.0]])
    query = sc.CamQuery("image", 0, sc.Everything(), "probability")
    field = sc.votes(probe, "image", queries=query)
    sure = probe.probabilities[..., 1].astype(float) * probe.probabilities[..., 0]
    pull = np.stack([sure, -sure], -1).astype(np.float32)
    assert 0 < pull.max() <= scale
    assert field.weights(pull) == pytest.approx([float(pull[..., 0].mean() * 2)], rel=1e-4)


@PROPERTY
@given(seeds, layers, scores, masks(), masks())
def test_disjoint_regions_add(seed, layer, score, first, second):
    second = second & ~first
    assume(second.any())
    probe = random_network(seed)
    query = sc.CamQuery(layer, 1, sc.Mask(first), score)
    field = sc.votes(probe, layer, queries=query)

    def summed(mask):
        return mask.sum() * field.weights_for(replace(query, region=sc.Mask(mask))).astype(float)

    one, other, both = summed(first), summed(second), summed(first | second)
    size = np.abs(field.sums).max() * 12
    np.testing.assert_allclose(one + other, both, rtol=0, atol=1e-5 * size)


@PROPERTY
@given(seeds, layers, st.floats(-3, 3, width=32))
def test_votes_are_linear(seed, layer, factor):
    a, b = np.random.default_rng(seed).normal(size=(2, 12, 12, 3)).astype(np.float32)
    field = sc.votes(random_network(seed), layer)
    left, right = field.weights(a + np.float32(factor) * b), field.weights(a) + factor * field.weights(b)
    assert close(left, right, scale=np.abs(field.sums).max() * np.array([12.0]))


@pytest.mark.parametrize("score", SCORES)
def test_an_outer_product_is_its_field(score):
    probe = random_network(3, classes=5)
    mask = disc(12, 5, 6, 4).astype(np.float32)
    contrast = np.full(5, -0.2, np.float32)
    contrast[2] += 1
    outer = Cotangent(mask, contrast)
    expected = probe.pullback("deep", outer).gradients.mean((0, 1))
    for field in (sc.votes(probe, "deep"), sc.votes(probe, "deep", classes=[2]),
                  sc.votes(probe, "deep", queries=sc.CamQuery("deep", 2, score="centered_logit"))):  # fmt: skip
        agree(field.weights(outer), expected)
        agree(field.weights(outer.to_array()), expected)
    query = sc.CamQuery("deep", 2, sc.Mask(mask > 0), score)
    held = sc.votes(probe, "deep", queries=[query])
    agree(held.weights_for(query), sc.explain(probe, query).pooled_gradients)


def test_the_field_of_a_curved_score_is_recognised():
    probe = random_network(4, tail=softplus)
    query = sc.CamQuery("relu", 0, sc.Mask(disc(12, 4, 4, 3)), "log_probability")
    held = sc.votes(probe, "relu", queries=query)
    assert held.holds == ("log probability of class 0",)
    labels = np.exp(probe.logits - probe.logits.max(-1, keepdims=True))
    pull = -labels / labels.sum(-1, keepdims=True)
    pull[..., 0] += 1
    pull *= disc(12, 4, 4, 3)[..., None]
    agree(held.weights(pull), probe.pullback("relu", pull).gradients.mean((0, 1)))


def test_what_is_held_and_what_it_takes():
    probe = random_network(0, classes=4)
    height, width, channels = 12, 12, 8
    assert sc.votes(probe, "join").nbytes == 5 * height * width * channels * 4  # four classes and their mean
    assert sc.votes(probe, "join", classes=[1]).nbytes == 2 * height * width * channels * 4
    one = sc.votes(probe, "join", queries=sc.CamQuery("join", 1))
    assert one.nbytes == height * width * channels * 4
    assert one.holds == ("margin of class 1",)
    assert sc.votes(probe, "join", classes=["class 3", 1]).holds == (
        "logit of class 1", "logit of class 3", "mean of all logits",
    )  # fmt: skip
    assert not one.sums.flags.writeable


def test_some_classes_answer_their_own_margin():
    probe = random_network(1, classes=4)
    field = sc.votes(probe, "deep", classes=[0, 3])
    for score, rival in (("logit", None), ("centered_logit", None), ("margin", 3)):
        query = sc.CamQuery("deep", 0, sc.Everything(), score, rival=rival)
        agree(field.weights_for(query), sc.explain(probe, query).pooled_gradients)
    with pytest.raises(sc.SegCamError, match=r"also pulls on class 2\. Name these in votes\(\.\.\., classes"):
        field.weights_for(sc.CamQuery("deep", 0, sc.Everything(), "margin", rival=2))


def test_a_default_query_on_some_classes_says_what_else_it_needs():
    probe = random_network(1, classes=4)
    query = sc.CamQuery("deep", 0, sc.Everything())
    others = np.unique(np.where(np.arange(4) == 0, -np.inf, probe.logits).argmax(-1))
    assert others.tolist() == [1, 2, 3]
    with pytest.raises(sc.SegCamError) as caught:
        sc.votes(probe, "deep", classes=[0, 3]).weights_for(query)
    assert "also pulls on class 1, class 2. Name these in votes(..., classes=...), or the query in" in str(caught.value)
    for field in (sc.votes(probe, "deep"), sc.votes(probe, "deep", queries=query)):
        agree(field.weights_for(query), sc.explain(probe, query).pooled_gradients)
        for region in (sc.Rectangle(1, 2, 9, 7), sc.PredictedClass(1), sc.Mask(disc(12, 4, 8, 3))):
            moved = replace(query, region=region)
            agree(field.weights_for(moved), sc.explain(probe, moved).pooled_gradients)


def test_several_questions_in_one_field():
    probe = random_network(2)
    asked = [sc.CamQuery("deep", c, score=s) for c in range(3) for s in SCORES]
    field = sc.votes(probe, "deep", queries=asked)
    assert len(field.holds) == 3 * len(SCORES)
    for query in asked:
        region = sc.Mask(disc(12, 7, 3, 3))
        agree(field.weights_for(replace(query, region=region)),
              sc.explain(probe, replace(query, region=region)).pooled_gradients)  # fmt: skip
    with pytest.raises(sc.SegCamError, match="Received: another contrast"):
        field.weights(np.random.default_rng(0).normal(size=(12, 12, 3)))


@pytest.mark.parametrize("score", SCORES)
def test_a_mask_is_all_that_a_held_question_needs(score):
    probe = random_network(5)
    asked = [sc.CamQuery("deep", c, score=score) for c in (2, 0)]
    field = sc.votes(probe, "deep", queries=asked)
    mask = disc(12, 4, 8, 3)
    for number, query in enumerate(asked):
        agree(field.weights_in(mask, number), sc.explain(probe, replace(query, region=sc.Mask(mask))).pooled_gradients)
    for arguments, words in (
        ((mask.astype(int),), r"`mask` must be bool and of shape \(12, 12\). Received: int64, \(12, 12\)"),
        ((mask[:4],), r"Received: bool, \(4, 12\)"),
        ((mask, 2), "`question` must be 0 to 1. Received: 2"),
    ):
        with pytest.raises(sc.SegCamError, match=words):
            field.weights_in(*arguments)
    with pytest.raises(sc.EmptyRegionError, match="False everywhere"):
        field.weights_in(np.zeros((12, 12), bool))
    with pytest.raises(sc.SegCamError, match="needs the votes of a question"):
        sc.votes(probe, "deep").weights_in(mask)


def test_two_classes_hold_no_mean():
    probe = linear_head(np.random.default_rng(0).normal(size=(6, 6, 3)), np.random.default_rng(1).normal(size=(3, 2)))
    field = sc.votes(probe, "image")
    assert field.holds == ("logit of class 0", "logit of class 1")
    query = sc.CamQuery("image", 1, sc.Everything(), "centered_logit")
    agree(field.weights_for(query), sc.explain(probe, query).pooled_gradients)
    one = sc.votes(probe, "image", classes=[1])
    agree(
        one.weights_for(replace(query, score="logit")),
        sc.explain(probe, replace(query, score="logit")).pooled_gradients,
    )
    with pytest.raises(sc.SegCamError, match="also pulls on class 0"):
        one.weights_for(query)


def test_pushforwards_go_in_chunks_with_progress():
    probe = random_network(0, channels=10)  # "join": 20 channels
    seen = []
    field = sc.votes(probe, "join", progress=lambda fraction, text: seen.append((fraction, text)) or True)
    assert CHUNK == 8
    assert probe.calls["pushforward"] == 3
    assert [fraction for fraction, _ in seen] == [0, 8 / 20, 16 / 20, 1]
    assert seen[1][1] == "votes of join: 8 of 20 channels"
    query = sc.CamQuery("join", 0, sc.Everything())
    agree(field.weights_for(query), sc.explain(probe, query).pooled_gradients)
    assert probe.calls["pullback"] == 1  # the explanation's


def test_cancelled_between_chunks():
    probe = random_network(0, channels=10)
    with pytest.raises(sc.Cancelled, match=r"Cancelled at 40 %: votes of join: 8 of 20"):
        sc.votes(probe, "join", progress=lambda fraction, text: fraction < 0.4)
    assert probe.calls["pushforward"] == 1


def test_a_collector_can_be_left_and_taken_up_again():
    probe = random_network(0)
    collector = Collector(probe, probe.layer("join"), basis_for(probe, None, None), chunk=3)
    done = []
    while not collector.finished:
        collector.step()
        done.append(collector.done)
    assert done == [3, 6, 8]
    np.testing.assert_allclose(collector.result().sums, sc.votes(probe, "join").sums, atol=1e-7)


def test_what_does_not_fit_is_said_with_what_it_needs():
    probe = random_network(0, channels=16)
    needed = 4 * 12 * 12 * 32 * 4  # three classes and their mean
    words = (
        f"`budget` must be {needed} bytes (0.0703 MiB) or more for the votes of layer 'join': 32 channels on 12 x 12 pixels "
        "are 0.0176 MiB for each of 4 fields held. Received: 0.00977 MiB. Fewer `classes`, or one of `queries` take less"
    )
    with pytest.raises(sc.SegCamError, match=re.escape(words)):
        sc.votes(probe, "join", budget=10240)
    assert probe.calls["pushforward"] == 0
    assert sc.votes(probe, "join", budget=needed).nbytes == needed


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"classes": []}, "`classes` must be a list of one class or more"),
        ({"classes": "class 1"}, "`classes` must be a list of one class or more"),
        ({"classes": ["clas 1"]}, "Did you mean 'class 1'"),
        ({"queries": []}, "`queries` must hold one query or more"),
        ({"queries": ["deep"]}, "`query` must be a CamQuery"),
        ({"classes": [0], "queries": []}, "exclude each other"),
        ({"budget": "much"}, "`budget` must be a number of bytes"),
    ],
)
def test_bad_arguments_are_named(arguments, words):
    with pytest.raises(sc.SegCamError, match=words):
        sc.votes(random_network(0), "deep", **arguments)


def test_bad_questions_are_named():
    probe = random_network(0)
    field = sc.votes(probe, "deep")
    with pytest.raises(sc.SegCamError, match=r"`cotangent` must have shape \(12, 12, 3\)\. Received: \(12, 12, 2\)"):
        field.weights(np.zeros((12, 12, 2)))
    with pytest.raises(sc.SegCamError, match=r"`cotangent` must have shape \(12, 12, 3\)\. Received: \(12, 12, 2\)"):
        field.weights(Cotangent(np.zeros((12, 12), np.float32), np.zeros(2, np.float32)))
    with pytest.raises(sc.SegCamError, match=r"must ask about layer 'deep'\. Received: layer 'relu'"):
        field.weights_for(sc.CamQuery("relu", 0))
    with pytest.raises(sc.EmptyRegionError):
        field.weights_for(sc.CamQuery("deep", 0, sc.Mask(np.zeros((12, 12), bool))))
    with pytest.raises(sc.SegCamError, match=r"`channel` must be a channel, 0 to 3\. Received: 4"):
        field.map(sc.CamQuery("deep", 0), 4)
    with pytest.raises(sc.UnknownLayerError):
        sc.votes(probe, "deap")
    with pytest.raises(sc.SegCamError, match="`probe` must be"):
        sc.votes("deep", "deep")


def test_votes_of_old_weights_are_refused():
    probe = random_network(0)
    field = sc.votes(probe, "deep")
    query = sc.CamQuery("deep", 0, sc.Everything())
    assert field.current
    probe.nodes[-1][1].bias = probe.nodes[-1][1].bias + 1
    probe._values = probe._run({"image": probe.x})
    assert not field.current
    with pytest.raises(sc.SegCamError, match="collected with other weights"):
        field.weights_for(query)


def test_no_vote_is_made_of_broken_numbers():
    probe = linear_head(np.ones((2, 2, 1)), [[np.inf, 1.0]])
    with np.errstate(invalid="ignore"), pytest.raises(sc.NonFiniteError, match="The votes must be finite"):
        sc.votes(probe, "image")


# ------------------------------------------------------------------ one channel


@PROPERTY
@given(seeds, layers, scores, masks())
def test_the_pixels_of_a_channel_add_up_to_its_weight(seed, layer, score, mask):
    probe = random_network(seed)
    query = sc.CamQuery(layer, 2, sc.Mask(mask), score)
    expected = sc.explain(probe, query).pooled_gradients
    probe.calls.clear()
    found = channel_votes(probe, query, 1)
    assert probe.calls["pushforward"] == 1
    assert probe.calls["pullback"] == 0
    size = float(np.abs(found.values).sum()) + 1e-6
    assert found.weight == pytest.approx(expected[1], abs=1e-5 * size)
    assert not found.values[~mask].any()
    assert found.up >= 0 >= found.down
    held = sc.votes(probe, layer)
    # one pixel is the difference of two sums along its row, for each of the directions that its pull is made of
    digits = np.finfo(held.sums.dtype).eps * np.abs(held.sums[..., 1]).max((1, 2)).sum() / mask.sum()
    np.testing.assert_allclose(found.values, held.map(query, 1), atol=1e-5 * size + digits)


def test_a_channels_votes_in_words():
    # logits (a, -a) for the left, and class 0 wins by 2 a: every pixel of the region pulls up by 2 / (4 pixels) / 2
    probe = linear_head(np.ones((2, 2, 1)), [[1.0, -1.0]])
    found = channel_votes(probe, sc.CamQuery("image", 0, sc.Rectangle(0, 0, 1, 2), "margin"), 0)
    assert found.summary() == (
        "Channel 0 has pooled gradient +0.5: 100 % of the region's pixels pull it up (+0.5 in all), 0 % pull it down "
        "(0 in all)."
    )
    silent = channel_votes(linear_head(np.ones((2, 2, 1)), [[0.0, 0.0]]), sc.CamQuery("image", 0, sc.Everything()), 0)
    assert silent.summary() == "No pixel of the region pulls on channel 0."
    with pytest.raises(sc.SegCamError, match="`channel` must be a channel, 0 to 0"):
        channel_votes(probe, sc.CamQuery("image", 0), 1)


# ------------------------------------------------------------------ previews


@PROPERTY
@given(seeds, st.sampled_from(LAYERS[1:]), scores, masks(), st.sampled_from(["zero", "mean", "midpoint"]))
def test_a_preview_is_the_map(seed, layer, score, mask, baseline):
    probe = random_network(seed)
    query = sc.CamQuery(layer, 0, sc.Mask(mask), score, baseline=baseline)
    ex = sc.explain(probe, query)
    held = sc.votes(probe, layer, queries=query)
    seen = preview(probe, held, query)
    assert seen.query == ex.query
    np.testing.assert_array_equal(seen.mask, ex.mask)
    spread = np.abs(ex.activations - ex.baseline).max((0, 1))
    size = np.abs(ex.gradients).mean((0, 1)) @ spread
    # a pixel that is sure to 1e-17 is the difference of two sums along its row, whose last digit is larger than that
    digit = np.finfo(held.sums.dtype).eps * np.abs(held.sums).max((0, 1, 2)) @ spread
    np.testing.assert_allclose(seen.cam, ex.cam, rtol=0, atol=1e-5 * size + digit)
    assert seen.class_name == ex.class_name
    if np.abs(ex.cam).max() > 1e-3 * size + 1e3 * digit:
        assert seen.positive_share == pytest.approx(ex.positive_share, abs=0.05)
