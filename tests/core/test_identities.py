"""What must hold for every network, region and class: the mathematics of the maps, as property tests."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, strategies as st
from hypothesis.extra import numpy as hnp

import segcam_widgets as sc
from segcam_widgets.core.baselines import BASELINES
from tests.core.fake_probe import Conv, NumpyProbe, linear_head, random_network, relu
from tests.core.strategies import PROPERTY, arrays, can_be_asked, close, linear_problems

METHODS, SCORES = tuple(sc.METHODS), tuple(sc.SCORES)
LINEAR_METHODS = ("seg-grad-cam", "hirescam")  # their map is linear in the score
UNIT_FREE_TOO = ("eigen-grad-cam", "integrated-gradients")
ADDITIVE = (*LINEAR_METHODS, "seg-xres-cam", "xgrad-cam", "ablation-cam", "score-cam", "occlusion")  # so is theirs
OF_THE_GRADIENT = ("seg-grad-cam", "hirescam", "seg-xres-cam", "layercam", "xgrad-cam", "grad-cam++", "shapley-cam")
NETWORK_LAYERS = ("image", "features", "relu", "deep", "deep_relu", "join", "up")
seeds, layers = st.integers(0, 50), st.sampled_from(NETWORK_LAYERS)


@st.composite
def masks(draw, shape=(12, 12)):
    mask = draw(hnp.arrays(bool, shape, elements=st.booleans(), fill=st.booleans()))
    mask[draw(st.integers(0, shape[0] - 1)), draw(st.integers(0, shape[1] - 1))] = True
    return mask


@st.composite
def queries(draw, methods, baselines=tuple(BASELINES)):
    """Anything that can be asked of `network`."""
    method, layer = draw(st.sampled_from(methods)), draw(layers)
    baseline = draw(st.sampled_from(baselines))
    assume(can_be_asked(network(0), layer, method, baseline))
    return sc.CamQuery(
        layer, draw(st.integers(0, 2)), sc.Mask(draw(masks())), draw(st.sampled_from(SCORES)), method, baseline
    )


def network(seed):
    return random_network(seed)  # 3 classes, logits on 12 x 12


@PROPERTY
@given(seeds, queries(METHODS))
def test_the_map_is_the_weighted_sum_and_the_contributions_sum_to_it(seed, query):
    ex = sc.explain(network(seed), query)
    assume(ex.weights.size)
    terms = ex.weights * (ex.activations.astype(np.float64) - ex.baseline)
    assert close(ex.cam, terms.sum(-1), scale=np.abs(terms).sum(-1))
    size = float(np.abs(terms).sum())
    assert ex.contributions.sum() == pytest.approx(ex.cam.sum(dtype=float), abs=1e-5 * size)
    assert close(ex.contributions, terms.sum((0, 1)), scale=size)
    assert close(ex.region_contributions, (terms * ex.coverage[:, :, None]).sum((0, 1)), scale=size)


@PROPERTY
@given(seeds, layers, masks(), st.sampled_from(ADDITIVE))
def test_centered_maps_of_all_classes_sum_to_zero(seed, layer, mask, method):
    probe = network(seed)
    assume(can_be_asked(probe, layer, method))
    maps = [sc.explain(probe, sc.CamQuery(layer, c, sc.Mask(mask), "centered_logit", method)) for c in range(3)]
    size = max(np.abs(ex.weights * ex.activations).sum(-1).max() if ex.weights.size else 1 for ex in maps)
    assert close(sum(ex.cam for ex in maps), 0, scale=np.array(size), rtol=1e-4 if sc.METHODS[method].slow else 1e-5)
    assert all(not ex.cam.any() for ex in maps) or not all(ex.is_empty for ex in maps)


@PROPERTY
@given(linear_problems(), st.sampled_from(OF_THE_GRADIENT))
def test_the_shift_attack(problem, method):
    """Lerma & Lucas, arXiv 2307.03305: t(A) added to all logits leaves the softmax as it is."""
    activations, kernel, bias, mask = problem
    honest = linear_head(activations, kernel, bias)
    attacked = linear_head(activations, kernel - 9.0, bias)  # t = -9 sum(A), the same for every class
    for score in ("centered_logit", "margin", "log_probability", "probability"):
        for index in range(kernel.shape[1]):
            query = sc.CamQuery("image", index, sc.Mask(mask), score, method)
            before, after = sc.explain(honest, query), sc.explain(attacked, query)
            assert close(before.cam, after.cam, scale=np.abs(activations).max() * np.array([[1.0]]), rtol=2e-5)
    raw = sc.CamQuery("image", 0, sc.Mask(mask), "logit", method)
    before, after = sc.explain(honest, raw), sc.explain(attacked, raw)
    assert (
        (after.weights <= 0).all() or method == "xgrad-cam"
    )  # whose divisor may be negative; every quarter up to 4 less 9 is negative: the raw logit's map can be made blank
    if method in LINEAR_METHODS:
        expected = before.weights - (
            9.0 / mask.size if method == "seg-grad-cam" else 9.0 / mask.sum() * mask[..., None]
        )
        np.testing.assert_allclose(after.weights, expected, atol=1e-5)


@PROPERTY
@given(seeds, queries(LINEAR_METHODS, ("zero",)), masks())
def test_maps_of_disjoint_regions_add_weighted_by_their_pixels(seed, query, second):
    first = query.region.array
    second = second & ~first
    assume(second.any())
    probe = network(seed)

    def weighted(mask):
        return mask.sum() * sc.explain(probe, replace(query, region=sc.Mask(mask))).cam.astype(float)

    parts = weighted(first), weighted(second)
    ex = sc.explain(probe, replace(query, region=sc.Mask(first | second)))
    size = np.abs(ex.gradients * ex.activations).sum(-1).max() * (first | second).sum()
    assert close(
        sum(parts), weighted(first | second), scale=np.stack([*map(np.abs, parts), np.full_like(parts[0], size)])
    )


@PROPERTY
@given(linear_problems((3, 3)), st.sampled_from(LINEAR_METHODS))
def test_the_two_halves_of_a_signed_map_are_the_map_and_its_counterfactual(problem, method):
    """ReLU(L) - ReLU(-L) == L, where -L is the map of the opposite question: the rival's margin over the class."""
    activations, kernel, bias, mask = problem
    probe = linear_head(activations, kernel, bias)
    one, other = (
        sc.explain(probe, sc.CamQuery("image", a, sc.Mask(mask), "margin", method, rival=b))
        for a, b in [(0, 2), (2, 0)]
    )
    np.testing.assert_array_equal(np.maximum(one.cam, 0) - np.maximum(other.cam, 0), one.cam)
    assert one.score == -other.score
    total = one.positive_share + other.positive_share
    assert total == pytest.approx(1) or not one.cam.any()


@PROPERTY
@given(st.data(), st.sampled_from(METHODS), st.sampled_from(SCORES))
def test_the_order_of_channels_does_not_matter(data, method, score):
    probe = network(7)
    order = np.array(data.draw(st.permutations(range(4))))
    ops = {name: op for name, op, _ in probe.nodes}
    conv, deep, head = (ops[name] for name in ("features", "deep", "logits"))
    both = np.concatenate([np.arange(4), 4 + order])  # the head sees the deep channels first, then these
    changed = {
        "features": Conv(conv.kernel[..., order], conv.bias[order]),
        "deep": Conv(deep.kernel[:, :, order], deep.bias),
        "logits": Conv(head.kernel[:, :, both], head.bias),
    }
    other = NumpyProbe(probe.x, [(name, changed.get(name, op), of) for name, op, of in probe.nodes])
    query = sc.CamQuery("relu", 1, sc.Everything(), score, method)
    plain, permuted = sc.explain(probe, query), sc.explain(other, query)
    assert close(plain.cam, permuted.cam)
    assert permuted.score == pytest.approx(plain.score, rel=1e-5, abs=1e-6)
    if plain.weights.size:
        assert close(plain.weights[..., order], permuted.weights)
        assert close(plain.contributions[order], permuted.contributions)


@PROPERTY
@given(
    hnp.arrays(np.float64, 4, elements=st.sampled_from([0.125, 0.5, 2.0, 16.0])),
    st.sampled_from((*OF_THE_GRADIENT, *UNIT_FREE_TOO)),
)
def test_the_unit_of_a_channel_does_not_matter(scales, method):
    probe = network(9)
    ops = {name: op for name, op, _ in probe.nodes}
    both = np.concatenate([np.ones(4), scales])[None, None, :, None]
    changed = {
        "features": Conv(ops["features"].kernel * scales, ops["features"].bias * scales),
        "deep": Conv(ops["deep"].kernel / scales[None, None, :, None], ops["deep"].bias),
        "logits": Conv(ops["logits"].kernel / both, ops["logits"].bias),
    }
    other = NumpyProbe(probe.x, [(name, changed.get(name, op), of) for name, op, of in probe.nodes])
    query = sc.CamQuery("relu", 0, sc.Rectangle(2, 2, 9, 9), method=method)
    plain, scaled = sc.explain(probe, query), sc.explain(other, query)
    assert close(plain.cam, scaled.cam)
    assert close(plain.weights / scales, scaled.weights)
    assert close(plain.contributions, scaled.contributions)


@PROPERTY
@given(linear_problems())
def test_grad_cam_is_hirescam_where_the_gradient_is_the_same_everywhere(problem):
    activations, kernel, bias, _ = problem
    probe = linear_head(activations, kernel, bias)
    pooled, pixelwise = (
        sc.explain(probe, sc.CamQuery("image", 0, sc.Everything(), "logit", method)) for method in LINEAR_METHODS
    )
    assert close(pooled.cam, pixelwise.cam, scale=np.abs(activations).sum(-1))


@PROPERTY
@given(seeds, masks(), st.sampled_from(["logit", "centered_logit", "margin"]), layers)
def test_hirescam_of_a_network_without_biases_sums_to_the_score(seed, mask, score, layer):
    """Completeness: a piecewise linear network without offsets is the sum of its parts."""
    probe = network(seed)
    assume(layer not in ("deep", "deep_relu"))  # there a part goes round the layer
    free = [(name, Conv(op.kernel) if isinstance(op, Conv) else op, of) for name, op, of in probe.nodes]
    ex = sc.explain(NumpyProbe(probe.x, free), sc.CamQuery(layer, 1, sc.Mask(mask), score, "hirescam"))
    size = float(np.abs(ex.weights * ex.activations).sum())
    assert ex.cam.sum(dtype=float) == pytest.approx(ex.score, abs=1e-5 * size)


@PROPERTY
@given(linear_problems(), st.sampled_from((*OF_THE_GRADIENT, "ablation-cam", "occlusion", "integrated-gradients")))
def test_layers_that_are_not_negative_and_weights_that_are_not_positive_make_a_blank_map(problem, method):
    activations, kernel, bias, mask = problem
    probe = linear_head(np.abs(activations), -np.abs(kernel), bias)
    ex = sc.explain(probe, sc.CamQuery("image", 0, sc.Mask(mask), "logit", method))
    assert ex.is_empty
    assert ex.positive_share == ex.focus == 0


@PROPERTY
@given(seeds, layers, masks(), st.sampled_from(METHODS), st.sampled_from(SCORES))
def test_ranges(seed, layer, mask, method, score):
    assume(can_be_asked(network(seed), layer, method))
    ex = sc.explain(network(seed), sc.CamQuery(layer, 0, sc.Mask(mask), score, method))
    assert 0 <= ex.positive_share <= 1
    assert 0 <= ex.focus <= 1
    assert ex.region_share == mask.mean()
    assert ex.gain <= 1 or mask.all()
    assert ex.is_empty == (ex.cam.max() <= 1e-6 * np.abs(ex.cam).max())
    # bilinear interpolation invents no value
    for size in [None, (5, 31)]:
        shown = ex.upsampled(size)
        assert shown.min() >= ex.cam.min() - 1e-6 * np.abs(ex.cam).max()
        assert shown.max() <= ex.cam.max() + 1e-6 * np.abs(ex.cam).max()


@PROPERTY
@given(seeds, layers, masks(), st.sampled_from(METHODS))
def test_with_the_mean_as_baseline_a_pooled_map_sums_to_zero(seed, layer, mask, method):
    assume(can_be_asked(network(seed), layer, method, "mean"))
    ex = sc.explain(network(seed), sc.CamQuery(layer, 1, sc.Mask(mask), method=method, baseline="mean"))
    assume(ex.weights.ndim == 1 and ex.weights.size)
    size = np.abs(ex.weights * (ex.activations - ex.baseline)).sum()
    assert close(ex.contributions, 0, scale=np.array([size]))
    assert ex.positive_share == pytest.approx(0.5, abs=1e-3) or size < 1e-6


@PROPERTY
@given(arrays((3, 3, 2)), arrays((2, 3)))
def test_what_is_explained_is_the_slope_of_what_is_predicted(activations, kernel):
    """The whole chain, region to gradient, against replays of the network with one number changed."""
    nodes = [("hidden", Conv(np.eye(2)), "image"), ("bent", relu(), "hidden"), ("logits", Conv(kernel), "bent")]
    probe = NumpyProbe(activations + 0.125, nodes)  # no activation at the ReLU's corner
    ex = sc.explain(probe, sc.CamQuery("hidden", 1, sc.Rectangle(0, 0, 2, 2), "centered_logit", "hirescam"))
    step = 1 / 64
    for place in [(0, 0, 0), (1, 1, 1), (2, 2, 0)]:
        ends = []
        for sign in (1, -1):
            moved = probe.activations("hidden").astype(float)
            moved[place] += sign * step
            logits = probe.replay("hidden", moved).astype(float)[:2, :2]
            ends.append((logits[..., 1] - logits.mean(-1)).mean())
        assert ex.gradients[place] == pytest.approx((ends[0] - ends[1]) / (2 * step), abs=1e-4)
