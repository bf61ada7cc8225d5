"""Every method: numbers that fit on paper, and what must hold for each, whatever the network."""

import numpy as np
import pytest
from hypothesis import assume, given, strategies as st

import segcam_widgets as sc
from segcam_widgets.core.answers import input_layer
from segcam_widgets.core.grid import resize_bilinear
from segcam_widgets.core.methods import weighted_map
from segcam_widgets.core.scores import ScoreInput
from tests.core.fake_probe import (
    Conv,
    NumpyProbe,
    Pointwise,
    Upsample,
    captum_network,
    linear_head,
    random_network,
    relu,
    softplus,
)
from tests.core.strategies import PROPERTY, arrays, can_be_asked, close, linear_problems
from tests.exploring import examples

EVERY = sc.Everything()
LAYERS = ("image", "features", "relu", "deep", "deep_relu", "join", "up", "logits")


def ask(probe, layer, method, *, index=0, region=EVERY, score="logit", baseline="zero", progress=None, **options):
    return sc.explain(probe, sc.CamQuery(layer, index, region, score, method, baseline, options=options), progress)


# ------------------------------------------------------------------ numbers that fit on paper


@pytest.mark.parametrize(
    ("layer", "method", "options", "cam"),
    [
        # S = 54; without channel 0 it is -21, without channel 1 it is 75
        ("relu1", "ablation-cam", {}, [[0, 300], [75 * 31 - 21 * 6, 75 * 40 - 21 * 15]]),
        ("conv1", "ablation-cam", {}, [[30 * 21 - 5 * 75, 300 + 21 * 21], [2199, 2685]]),
        # channel 1: gradients 1, -1, -1, -1 on activations 0, 0, 6, 15, a weight of -21 / 21
        ("relu1", "xgrad-cam", {}, [[0, 4], [25, 25]]),
        # channel 1 has one positive gradient, 1, whatever its share
        ("relu1", "grad-cam++", {}, [[0, 4], [37, 55]]),
        ("relu1", "seg-xres-cam", {"window": 1}, [[0, 4], [25, 25]]),
        ("relu1", "seg-xres-cam", {"window": 2}, [[0, 4], [28, 32.5]]),
        ("relu1", "seg-xres-cam", {"window": 2, "pooling": "max"}, [[0, 4], [37, 55]]),
        ("relu1", "occlusion", {"window": 1}, [[0, 4], [25, 25]]),
        ("conv1", "occlusion", {"window": 1}, [[0, 4], [25, 25]]),
        ("relu1", "occlusion", {"window": 2}, [[13.5, 13.5], [13.5, 13.5]]),
        ("relu1", "integrated-gradients", {}, [[0, 4], [25, 25]]),
        ("conv1", "integrated-gradients", {"steps": 1}, [[0, 4], [25, 25]]),
        ("relu1", "shapley-cam", {}, [[0, 4], [28, 32.5]]),
    ],
)
def test_captums_network(layer, method, options, cam):
    ex = ask(captum_network(), layer, method, **options)
    np.testing.assert_allclose(ex.cam, cam, rtol=1e-6)
    assert ex.score == 54


def one_number(value, then):
    """A 1 x 1 image, a layer "number" that holds its value, and what makes of it the logits."""
    return NumpyProbe([[[value]]], [("number", Conv([[1.0]]), "image"), *then])


def test_grad_cam_plus_plus_by_hand():
    """A = 1, 2 with gradients 1, 1/2: a = 1/5, 1/3.5; alpha = (1/5 + 1/7) / (1/5 + 2/7) = 12/17."""
    nodes = [("logits", Conv(np.array([1, 0.5]).reshape(1, 2, 1, 1), 0, "valid"), "image")]
    ex = ask(NumpyProbe(np.array([[[1.0], [2.0]]]), nodes), "image", "grad-cam++")
    np.testing.assert_allclose(ex.weights, [12 / 17], rtol=1e-6)
    assert ex.notes == ()


def test_grad_cam_plus_plus_says_where_it_has_no_denominator():
    nodes = [("logits", Conv(np.array([4.0, 0.25]).reshape(1, 2, 1, 1), 0, "valid"), "image")]
    ex = ask(NumpyProbe(np.array([[[-3.0], [2.0]]]), nodes), "image", "grad-cam++")  # 2 - 4 and 2 - 1/4
    np.testing.assert_allclose(ex.weights, [0.25])
    assert ex.notes == ("At 1 of 2 positive gradients the denominator is zero or below: they count as none.",)
    assert ex.evidence == {"denominators_below_zero": 1}


def test_xgrad_cam_says_where_activations_cancel():
    activations = np.array([[[1.0, 2.0, 0.0], [-1.0, 1.0, 0.0]]])
    ex = ask(linear_head(activations, [[1.0, 0], [2.0, 0], [3.0, 0]]), "image", "xgrad-cam")
    np.testing.assert_allclose(ex.weights, [0, 2 / 2, 0])
    assert ex.notes == ("1 of 3 channels has activations that sum to zero, and get no weight.",)
    assert ex.evidence == {"channels_that_cancel": 1}


def test_windows_that_do_not_divide_the_map_pool_what_exists():
    gradients = np.arange(15.0).reshape(3, 5, 1)
    nodes = [("logits", Conv(gradients.reshape(3, 5, 1, 1), 0, "valid"), "image")]
    probe = NumpyProbe(np.ones((3, 5, 1)), nodes)
    expected = [[3, 3, 5, 5, 6.5], [3, 3, 5, 5, 6.5], [10.5, 10.5, 12.5, 12.5, 14]]
    np.testing.assert_allclose(ask(probe, "image", "seg-xres-cam", window=2).weights[..., 0], expected)
    highest = [[6, 6, 8, 8, 9], [6, 6, 8, 8, 9], [11, 11, 13, 13, 14]]
    found = ask(probe, "image", "seg-xres-cam", window=2, pooling="max")
    np.testing.assert_allclose(found.weights[..., 0], highest)


def test_score_cam_by_hand():
    """x = 1, 2, 3, 4: H = 0, 1/3, 2/3, 1; S(x H) - S(0) = (0 + 2/3 + 2 + 4) / 4, whatever the bias."""
    x = np.array([[[1.0], [2.0]], [[3.0], [4.0]]])
    probe = NumpyProbe(x, [("copy", Conv([[1.0]]), "image"), ("logits", Conv([[1.0, 0.0]], 5.0), "copy")])
    ex = ask(probe, "copy", "score-cam")
    np.testing.assert_allclose(ex.weights, [5 / 3], rtol=1e-6)
    np.testing.assert_allclose(ex.cam, 5 / 3 * x[..., 0], rtol=1e-6)
    assert ex.evidence == {"replays": 2, "score_of_nothing": 5}


def test_score_cam_upsamples_and_then_scales():
    """A layer of half the size: its map is interpolated first, and its range taken after."""
    probe = random_network(3)  # logits on 12 x 12, all layers but the last on the image's 6 x 6
    small = NumpyProbe(
        np.arange(16.0).reshape(4, 4, 1) / 16,
        [("halved", Halved(), "image"), ("up", Upsample(2), "halved"), ("logits", Conv([[1.0, -1.0]]), "up")],
    )
    for net, layer in ((small, "halved"), (probe, "deep")):
        ex = ask(net, layer, "score-cam")
        x = net.activations("image")
        for k in range(ex.weights.size):
            enlarged = resize_bilinear(ex.activations[:, :, k], x.shape[:2])
            mask = (enlarged - enlarged.min()) / (enlarged.max() - enlarged.min())
            scores = [float(net.replay("image", x * m)[:, :, 0].mean(dtype=float)) for m in (mask[..., None], 0)]
            assert ex.weights[k] == pytest.approx(scores[0] - scores[1], abs=1e-5)


class Halved:
    """The mean of two by two cells."""

    def forward(self, x):
        h, w, k = x.shape[-3:]
        return x.reshape(*x.shape[:-3], h // 2, 2, w // 2, 2, k).mean((-4, -2))

    def jvp(self, _, tangents):
        return self.forward(tangents[0])

    def vjp(self, _, g):
        return [g.repeat(2, -3).repeat(2, -2) / 4]


def test_flat_and_silent_channels_cost_nothing_and_weigh_nothing():
    activations = np.stack([np.full((3, 3), 2.0), np.zeros((3, 3)), np.arange(9.0).reshape(3, 3)], -1)
    probe = NumpyProbe(activations, [("copy", Conv(np.eye(3)), "image"), ("logits", Conv(np.ones((3, 2))), "copy")])
    assert ask(probe, "copy", "ablation-cam").evidence["replays"] == 3  # all but the dead one, and the unmodified
    assert ask(probe, "copy", "ablation-cam", baseline="mean").evidence["replays"] == 2  # the flat one is its own mean
    ex = ask(probe, "copy", "score-cam")
    assert ex.evidence["replays"] == 2
    np.testing.assert_array_equal(ex.weights[:2], 0)


def test_a_layer_of_zeros_has_a_map_of_zeros_from_every_method():
    probe = NumpyProbe(
        np.ones((4, 4, 2)), [("dead", Conv(np.zeros((2, 3))), "image"), ("logits", Conv(np.ones((3, 2))), "dead")]
    )
    for method in sc.METHODS:
        assert not ask(probe, "dead", method).cam.any()


def test_integrated_gradients_counts_a_kink_by_its_steps():
    """y = max(a - 1, 0) at a = 2: the gradient is 1 on half of the way, of three midpoints on one."""
    probe = one_number(2.0, [("less", Conv([[1.0]], -1.0), "number"), ("logits", relu(), "less")])
    even, odd = (
        ask(probe, "number", "integrated-gradients", steps=2),
        ask(probe, "number", "integrated-gradients", steps=3),
    )
    np.testing.assert_allclose(even.cam, [[1]])
    assert even.evidence == {"sum": 1, "difference": 1, "completeness_error": 0}
    assert even.notes == (
        "The map sums to 1; from the baseline to here the score changes by 1 (completeness error 0 % with 2 steps).",
    )
    assert odd.evidence["completeness_error"] == pytest.approx(1 / 3)
    assert odd.notes[1] == "More steps would bring them closer."


def test_shapley_cam_by_hand():
    """Two classes with logits a, 0: G = 1 - p, H = -p (1 - p), alpha = 1 - p + p (1 - p) a / 2."""
    probe = one_number(1.5, [("logits", Conv([[1.0, 0.0]]), "number")])
    p = 1 / (1 + np.exp(-1.5))
    expected = {"log_probability": 1 - p + p * (1 - p) * 0.75}
    slope = p * (1 - p)
    expected["probability"] = slope - 0.75 * slope * (1 - 2 * p)
    for score, weight in expected.items():
        np.testing.assert_allclose(ask(probe, "number", "shapley-cam", score=score).weights, [weight], rtol=1e-5)


def test_eigen_cam_by_hand():
    """Activations on one line, (3, 4) t: the direction is (0.6, 0.8), the map 5 t."""
    t = np.array([[1.0, 2.0], [0.5, 0.0]])
    ex = ask(linear_head(t[..., None] * [3, 4], [[1.0, 0], [1.0, 0]]), "image", "eigen-cam")
    np.testing.assert_allclose(ex.weights, [0.6, 0.8], rtol=1e-6)
    np.testing.assert_allclose(ex.cam, 5 * t, rtol=1e-6)
    assert ex.evidence["explained_share"] == pytest.approx(1)
    negative = ask(linear_head(t[..., None] * [-3, -4], [[1.0, 0], [1.0, 0]]), "image", "eigen-cam")
    np.testing.assert_allclose(negative.cam, -5 * t, rtol=1e-6)  # it goes along with the sum of the channels


def test_eigen_cam_says_where_two_directions_are_as_strong():
    activations = np.zeros((2, 2, 2))
    activations[0, 0, 0] = activations[1, 1, 1] = 1
    ex = ask(linear_head(activations, np.eye(2)), "image", "eigen-cam")
    assert "matter of rounding" in ex.notes[1]
    assert ex.evidence["explained_share"] == pytest.approx(0.5)


# ------------------------------------------------------------------ what every method promises

seeds, layers = st.integers(0, 30), st.sampled_from(LAYERS)


@pytest.mark.parametrize("method", tuple(sc.METHODS))
@pytest.mark.parametrize("multilabel", [False, True])
def test_the_contract(method, multilabel):
    """Any layer, score and baseline: a finite signed map, that of its weights where it has some, and the same again."""
    probe = random_network(4, multilabel=multilabel)
    scores = ("logit", "log_probability", "probability") if multilabel else tuple(sc.SCORES)
    chosen = sc.METHODS[method]
    for number, layer in enumerate(LAYERS):
        for baseline in chosen.accepted_baselines:
            if not can_be_asked(probe, layer, method):
                with pytest.raises(sc.SegCamError, match="`method`"):
                    ask(probe, layer, method)
                continue
            asked = {"region": sc.Rectangle(1, 2, 9, 8), "score": scores[number % len(scores)], "baseline": baseline}
            ex = ask(probe, layer, method, index=1, **asked)
            h, w, k = ex.layer.shape
            assert ex.cam.shape == (h, w)
            assert ex.cam.dtype == ex.weights.dtype == np.float32
            assert np.isfinite(ex.cam).all()
            assert ex.weights.shape in ((k,), (h, w, k), (0,))
            if ex.weights.size:
                terms = ex.weights * (ex.activations.astype(float) - ex.baseline)
                assert close(ex.cam, terms.sum(-1), scale=np.abs(terms).sum(-1))
                assert ex.contributions.sum() == pytest.approx(ex.cam.sum(dtype=float), abs=1e-5 * np.abs(terms).sum())
            assert ex.query.baseline == baseline
            assert ex.isclose(ask(probe, layer, method, index=1, **asked), 0)


@pytest.mark.parametrize("method", [m.name for m in sc.METHODS.values() if not m.slow and m.name != "shapley-cam"])
def test_a_quick_method_asks_for_nothing_but_one_pullback(method):
    probe = random_network()
    ask(probe, "deep", method, score="probability")
    assert probe.calls == {"pullback": 1, "activations": 1}


def test_shapley_cam_asks_for_no_more_where_the_score_is_linear():
    for score, more in (("margin", {}), ("probability", {"pushforward": 1})):
        probe = random_network()
        ask(probe, "deep", "shapley-cam", score=score)
        assert probe.calls == {"pullback": 1 + len(more), "activations": 1, **more}


@PROPERTY
@given(seeds, layers, st.sampled_from(["logit", "margin", "probability"]), st.integers(1, 13))
def test_a_window_of_one_cell_is_hirescam_and_one_of_all_is_seg_grad_cam(seed, layer, score, size):
    probe = random_network(seed)
    assert close(
        ask(probe, layer, "seg-xres-cam", score=score, window=1).cam, ask(probe, layer, "hirescam", score=score).cam
    )
    whole = ask(probe, layer, "seg-xres-cam", score=score, window=max(probe.layer(layer).shape[:2]) - 1 + size)
    pooled = ask(probe, layer, "seg-grad-cam", score=score)
    assert close(whole.weights, pooled.weights, scale=np.abs(pooled.gradients))
    assert close(whole.cam, pooled.cam, scale=np.abs(pooled.gradients).max() * np.abs(pooled.activations).sum(-1))


@PROPERTY
@given(seeds, layers, st.sampled_from(tuple(sc.SCORES)))
def test_xgrad_cam_sums_to_what_hirescam_sums_to(seed, layer, score):
    probe = random_network(seed)
    one, other = ask(probe, layer, "xgrad-cam", score=score), ask(probe, layer, "hirescam", score=score)
    assume(one.evidence["channels_that_cancel"] == 0)
    size = float(np.abs(one.weights * one.activations).sum())  # large where activations nearly cancel
    assert one.cam.sum(dtype=float) == pytest.approx(other.cam.sum(dtype=float), abs=1e-5 * size)


@PROPERTY
@given(seeds, layers)
def test_grad_cam_plus_plus_lies_between_the_least_and_the_largest_positive_gradient(seed, layer):
    """Its weights are means of positive gradients; for tiny ones (or a tiny score) the plain mean."""
    ex = ask(random_network(seed), layer, "grad-cam++")
    high = np.maximum(ex.gradients, 0).max((0, 1))
    low = np.where(ex.gradients > 0, ex.gradients, np.inf).min((0, 1))
    assert (ex.weights <= high * (1 + 1e-5)).all()
    assert ((ex.weights >= low * (1 - 1e-5)) | (ex.weights == 0)).all()


def test_grad_cam_plus_plus_of_small_gradients_is_the_mean_of_the_positive_ones():
    probe = random_network(2)
    ops = {name: op for name, op, _ in probe.nodes}
    faint = Conv(ops["logits"].kernel * 1e-7)
    other = NumpyProbe(probe.x, [(n, faint if n == "logits" else op, of) for n, op, of in probe.nodes])
    ex = ask(other, "relu", "grad-cam++")
    g = ex.gradients.astype(float)
    np.testing.assert_allclose(ex.weights, np.where(g > 0, g, 0).sum((0, 1)) / (g > 0).sum((0, 1)), rtol=1e-4)


@examples(20)
@given(seeds, st.sampled_from(["join", "up", "logits"]), st.sampled_from(["logit", "centered_logit"]))
def test_where_all_is_linear_switching_off_does_what_the_gradient_forecasts(seed, layer, score):
    probe = random_network(seed)
    for baseline in ("zero", "mean", "midpoint"):
        asked = {"score": score, "baseline": baseline, "region": sc.Rectangle(0, 3, 8, 12)}
        forecast = ask(probe, layer, "hirescam", **asked)
        size = np.abs(forecast.weights * (forecast.activations - forecast.baseline)).sum()
        # NumPy's probe answers in float32: a score is as exact as its logits
        noise = 1e-5 * (size + np.abs(probe.logits).max())
        np.testing.assert_allclose(
            ask(probe, layer, "ablation-cam", **asked).weights, forecast.contributions, atol=noise
        )
        cells = ask(probe, layer, "occlusion", window=1, **asked)
        np.testing.assert_allclose(cells.cam, forecast.cam, atol=noise)
        path = ask(probe, layer, "integrated-gradients", steps=2, **asked)
        np.testing.assert_allclose(path.cam, forecast.cam, atol=noise)


@PROPERTY
@given(linear_problems(), st.integers(1, 6), st.integers(1, 6))
def test_occlusion_of_a_linear_model_is_hirescam_averaged_over_windows(problem, window, stride):
    activations, kernel, bias, mask = problem
    probe = linear_head(activations, kernel, bias)
    ex = ask(probe, "image", "occlusion", region=sc.Mask(mask), window=window, stride=stride)
    cells = ask(probe, "image", "hirescam", region=sc.Mask(mask)).cam.astype(float)
    h, w = cells.shape
    side, step = min(window, max(h, w)), min(stride, window, max(h, w))
    total, count = np.zeros((h, w)), np.zeros((h, w))
    starts = [[s for s in range(0, n, step) if s == 0 or s - step + side < n] for n in (h, w)]
    for r in starts[0]:
        for c in starts[1]:
            total[r : r + side, c : c + side] += cells[r : r + side, c : c + side].mean()
            count[r : r + side, c : c + side] += 1
    assert count.all()
    assert close(ex.cam, total / count, scale=probe.logits)
    assert ex.evidence == {"replays": len(starts[0]) * len(starts[1]) + 1, "window": side, "stride": step}


@PROPERTY
@given(arrays((3, 4, 3)), st.sampled_from(["zero", "mean"]), st.sampled_from(["eigen-cam", "eigen-grad-cam"]))
def test_the_eigen_methods_are_numpys_singular_vector_with_the_sign_they_promise(activations, baseline, method):
    kernel = np.array([[1.0, -1.0], [2.0, 0.5], [-3.0, 0.25]])
    ex = ask(linear_head(activations, kernel), "image", method, baseline=baseline)
    values = (ex.activations - ex.baseline).astype(float)
    matrix = (values if method == "eigen-cam" else values * ex.gradients).reshape(-1, 3)
    _, singular, vectors = np.linalg.svd(matrix)
    assume(singular[1] < 0.9 * singular[0])
    expected = matrix @ vectors[0]
    along = ex.activations.sum(-1) if method == "eigen-cam" else matrix.sum(-1).reshape(3, 4)
    assert close(np.abs(ex.cam.ravel()), np.abs(expected))
    goes_along, noise = float((ex.cam * along).sum(dtype=float)), 1e-4 * np.abs(ex.cam).max() * np.abs(along).max()
    assert goes_along >= -noise
    assert ex.evidence["explained_share"] == pytest.approx(singular[0] ** 2 / (singular**2).sum(), rel=1e-4)
    turned = ask(linear_head(-activations, kernel), "image", method, baseline=baseline)
    assert close(turned.cam, -ex.cam) or goes_along <= noise  # the sign is that of the activations, not of the solver


@pytest.mark.parametrize(("cells", "channels"), [((2, 3), 40), ((8, 8), 5)])
def test_the_singular_vector_is_found_from_either_side(cells, channels):
    """More channels than cells, and more cells than channels."""
    activations = np.random.default_rng(1).normal(1, 1, (*cells, channels))
    ex = ask(linear_head(activations, np.ones((channels, 2))), "image", "eigen-cam")
    vector = np.linalg.svd(activations.reshape(-1, channels))[2][0]
    assert abs(float(ex.weights @ vector)) == pytest.approx(1, abs=1e-5)


@examples(20)
@given(seeds, st.sampled_from(LAYERS[:-1]), st.sampled_from(tuple(sc.SCORES)), st.sampled_from(["zero", "mean"]))
def test_integrated_gradients_are_complete(seed, layer, score, baseline):
    """On a smooth network, ever more exactly: the midpoint rule's error falls with the square of the steps."""
    probe = random_network(seed, tail=softplus)
    region = sc.Rectangle(2, 2, 7, 9)
    few, many = (
        ask(probe, layer, "integrated-gradients", score=score, baseline=baseline, region=region, steps=n)
        for n in (4, 64)
    )
    for ex in (few, many):
        assert ex.evidence["sum"] == pytest.approx(ex.cam.sum(dtype=float), abs=1e-4 * float(np.abs(ex.cam).sum()))
        error = abs(ex.evidence["sum"] - ex.evidence["difference"])
        assert error == pytest.approx(ex.evidence["completeness_error"])
    noise = 1e-5 * float(np.abs(probe.logits).max() + np.abs(many.cam).sum())
    if score != "margin":  # which has kinks where the rival changes
        assert many.evidence["completeness_error"] <= few.evidence["completeness_error"] / 20 + noise


@PROPERTY
@given(seeds, st.sampled_from(LAYERS), st.sampled_from(["log_probability", "probability"]), st.booleans())
def test_shapley_cams_curvature_is_the_slope_of_the_gradient(seed, layer, score, multilabel):
    """H A by differences: the pooled gradient a little further along A, and a little less far, where the tail is linear."""
    probe = random_network(
        seed, tail=lambda: Pointwise(lambda x: 0.5 * x, lambda x: np.full_like(x, 0.5)), multilabel=multilabel
    )
    ex = ask(probe, layer, "shapley-cam", score=score, index=1)
    step = 1e-3
    ends = []
    for sign in (1, -1):
        a = ex.activations.astype(float) * (1 + sign * step)
        logits = probe.replay(layer, a).astype(float)
        cotangent = sc.SCORES[score].cotangent(ScoreInput(logits, ex.mask, 1, None, multilabel)).divided(ex.mask.sum())
        ends.append(probe.pullback(layer, cotangent, at=a).gradients.mean((0, 1), dtype=float))
    bent = (ends[0] - ends[1]) / (2 * step)
    noise = 2e-3 * np.abs(ex.gradients).max() + 1e-6
    np.testing.assert_allclose(ex.weights, ex.pooled_gradients - bent / 2, atol=noise)


@PROPERTY
@given(seeds, layers, st.sampled_from(["logit", "centered_logit", "margin"]))
def test_shapley_cam_of_a_linear_score_is_seg_grad_cam(seed, layer, score):
    probe = random_network(seed)
    np.testing.assert_array_equal(
        ask(probe, layer, "shapley-cam", score=score).weights, ask(probe, layer, "seg-grad-cam", score=score).weights
    )


def test_hirescam_at_the_input_is_gradient_times_input():
    probe = random_network(1)
    ex = ask(probe, input_layer(probe.layers).name, "hirescam")
    step, numeric = 1e-2, np.zeros(probe.x.shape)
    for place in np.ndindex(probe.x.shape):
        ends = []
        for sign in (1, -1):
            x = np.array(probe.x)
            x[place] += sign * step
            ends.append(probe.replay("image", x)[:, :, 0].mean(dtype=float))
        numeric[place] = (ends[0] - ends[1]) / (2 * step)
    kinks = ~np.isclose(numeric, ex.gradients, atol=2e-3)  # where a ReLU opens within the step
    assert kinks.mean() < 0.1
    expected = (ex.gradients * probe.x).sum(-1)
    np.testing.assert_allclose(ex.cam, expected, atol=1e-6)


def test_the_region_is_that_of_the_unmodified_prediction():
    """Without the channel the class is predicted nowhere; the score is still that of the pixels where it was."""
    activations = np.array([[[2.0, 0.0], [0.0, 1.0]]])
    probe = linear_head(activations, np.eye(2))
    ex = ask(probe, "image", "ablation-cam", region=sc.PredictedClass(0), score="margin")
    assert ex.mask.tolist() == [[True, False]]
    np.testing.assert_allclose(ex.weights, [2, 0])  # margin 2 at the one pixel, 0 without channel 0


def test_weighted_map_is_the_sum_it_says():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(3, 4, 5)).astype(np.float32), rng.normal(size=5).astype(np.float32)
    for weights in (rng.normal(size=5).astype(np.float32), rng.normal(size=(3, 4, 5)).astype(np.float32)):
        np.testing.assert_allclose(weighted_map(weights, a, b), (weights * (a - b)).sum(-1), atol=1e-5)
