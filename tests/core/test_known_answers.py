"""Maps that fit on paper."""

import numpy as np
import pytest

import segcam_widgets as sc
from tests.core.fake_probe import Conv, NumpyProbe, Upsample, captum_network, linear_head

EVERY = sc.Everything()


@pytest.mark.parametrize(
    ("layer", "method", "cam", "weights"),
    [
        ("conv1", "seg-grad-cam", [[11.25, 13.5], [20.25, 22.5]], [0.75, -0.5]),
        ("relu1", "seg-grad-cam", [[0, 4], [28, 32.5]], [1, -0.5]),
        ("conv1", "hirescam", [[0, 4], [25, 25]], [[[0, 0], [1, 0]], [[1, -1], [1, -1]]]),
        ("conv1", "layercam", [[0, 4], [31, 40]], [[[0, 0], [1, 0]], [[1, 0], [1, 0]]]),
    ],
)
def test_captums_network(layer, method, cam, weights):
    ex = sc.explain(captum_network(), sc.CamQuery(layer, 0, EVERY, "logit", method))
    np.testing.assert_array_equal(ex.cam, cam)
    np.testing.assert_array_equal(ex.weights, weights)
    assert ex.score == 54


def test_captums_network_by_channel():
    ex = sc.explain(captum_network(), sc.CamQuery("conv1", 0, EVERY, "logit"))
    by_channel = ex.weights * ex.activations
    np.testing.assert_array_equal(by_channel[:, :, 0], [[-3.75, 3], [23.25, 30]])
    np.testing.assert_array_equal(by_channel[:, :, 1], [[15, 10.5], [-3, -7.5]])
    np.testing.assert_array_equal(ex.contributions, [52.5, 15])


def test_hirescam_of_a_network_without_biases_after_the_layer_sums_to_the_score():
    ex = sc.explain(captum_network(), sc.CamQuery("conv1", 0, EVERY, "logit", "hirescam"))
    assert ex.cam.sum() == ex.score == 54


# The question this project began with: two channels, a 1x1 softmax head, both classes' maps blank at once.
ACTIVATIONS = np.array([[[1, 2], [2, 1]], [[4, 0.5], [0.25, 3]]])
KERNEL = np.array([[-1, -2], [-3, -5]])  # (channel, class): y_0 - y_1 = a_0 + 2 a_1, above zero wherever anything is


def two_channels(**more):
    return linear_head(ACTIVATIONS, KERNEL, class_names=("brick", "grass"), **more)


@pytest.mark.parametrize("name", ["brick", "grass"])
@pytest.mark.parametrize("method", ["seg-grad-cam", "hirescam"])
def test_the_raw_logits_map_of_every_class_is_blank(name, method):
    ex = sc.explain(two_channels(), sc.CamQuery("image", name, EVERY, "logit", method))
    assert ex.is_empty
    assert ex.positive_share == ex.focus == 0
    assert (ex.weights < 0).all()
    assert two_channels().labels.tolist() == [[0, 0], [0, 0]]  # though one of the two is predicted everywhere


@pytest.mark.parametrize("score", ["centered_logit", "margin", "log_probability", "probability"])
@pytest.mark.parametrize("method", ["seg-grad-cam", "hirescam", "layercam"])
def test_a_score_that_sees_what_the_softmax_sees_is_all_positive(score, method):
    ex = sc.explain(two_channels(), sc.CamQuery("image", "brick", EVERY, score, method))
    assert ex.positive_share == 1
    assert (ex.weights > 0).all()


def test_the_weights_of_a_1x1_head_are_its_kernel():
    region = sc.Rectangle(0, 0, 1, 2)  # two of four pixels: the mean over the region divides by 2, the pooling by 4
    ex = sc.explain(two_channels(), sc.CamQuery("image", "grass", region, "logit"))
    np.testing.assert_array_equal(ex.weights, KERNEL[:, 1] / 4)
    np.testing.assert_array_equal(ex.gradients[0], np.broadcast_to(KERNEL[:, 1] / 2, (2, 2)))
    assert not ex.gradients[1].any()
    np.testing.assert_array_equal(ex.cam, ACTIVATIONS @ KERNEL[:, 1] / 4)
    assert ex.score == np.mean([-2 * 1 - 5 * 2, -2 * 2 - 5 * 1])


def test_centered_weights_are_the_kernel_over_its_mean():
    ex = sc.explain(two_channels(), sc.CamQuery("image", "brick", EVERY, "centered_logit"))
    np.testing.assert_array_equal(ex.weights, (KERNEL[:, 0] - KERNEL.mean(1)) / 4)


def test_by_default_the_weights_are_the_kernel_over_the_rivals():
    ex = sc.explain(two_channels(), sc.CamQuery("image", "brick", EVERY))
    assert ex.query.score == "margin"
    np.testing.assert_array_equal(ex.weights, (KERNEL[:, 0] - KERNEL[:, 1]) / 4)


def test_baseline_mean():
    ex = sc.explain(two_channels(), sc.CamQuery("image", "brick", EVERY, "logit", baseline="mean"))
    mean = ACTIVATIONS.mean((0, 1))
    np.testing.assert_array_equal(ex.baseline, mean)
    np.testing.assert_allclose(ex.cam, (ACTIVATIONS - mean) @ KERNEL[:, 0] / 4, rtol=1e-6)
    assert not ex.is_empty  # the map is not blank, though no weight is positive: low activation under a negative one
    np.testing.assert_allclose(ex.contributions, 0, atol=1e-7)
    assert ex.positive_share == pytest.approx(0.5)


def test_baseline_midpoint():
    region = sc.Rectangle(0, 0, 1, 2)
    ex = sc.explain(two_channels(), sc.CamQuery("image", "brick", region, "logit", baseline="midpoint"))
    inside, outside = ACTIVATIONS[0].mean(0), ACTIVATIONS[1].mean(0)
    np.testing.assert_array_equal(ex.baseline, (inside + outside) / 2)


def test_baseline_midpoint_without_an_outside_is_the_mean():
    ex = sc.explain(two_channels(), sc.CamQuery("image", "brick", EVERY, "logit", baseline="midpoint"))
    np.testing.assert_array_equal(ex.baseline, ACTIVATIONS.mean((0, 1)))


def test_region_contributions_count_each_cell_by_its_covered_share():
    # one layer cell is two by two pixels of the output
    nodes = [("cells", Conv([[1.0]]), "image"), ("up", Upsample(2), "cells"), ("logits", Conv([[1.0, -1.0]]), "up")]
    probe = NumpyProbe(np.array([[[1.0], [2.0]], [[4.0], [8.0]]]), nodes)
    region = sc.Rectangle(0, 0, 2, 3)  # the first cell whole, half of the second, nothing of the lower two
    ex = sc.explain(probe, sc.CamQuery("cells", 0, region, "logit"))
    np.testing.assert_array_equal(ex.coverage, [[1, 0.5], [0, 0]])
    weight = float(ex.weights[0])
    np.testing.assert_allclose(ex.region_contributions, [weight * (1 * 1 + 0.5 * 2)])
    np.testing.assert_allclose(ex.contributions, [weight * 15])


def test_focus_and_gain_by_hand():
    activations = np.array([[[3.0], [1.0]], [[-5.0], [0.0]]])
    probe = linear_head(activations, [[1.0, 0.0]])
    ex = sc.explain(probe, sc.CamQuery("image", 0, sc.Pixel(0, 0), "logit"))
    np.testing.assert_array_equal(ex.cam, activations[:, :, 0] / 4)
    assert ex.focus == 0.75  # 3 of the positive 3 + 1
    assert ex.region_share == 0.25
    assert ex.gain == pytest.approx((0.75 - 0.25) / 0.75)
    assert ex.positive_share == pytest.approx(4 / 9)


def test_gain_of_the_whole_image_is_undefined():
    ex = sc.explain(two_channels(), sc.CamQuery("image", 0, EVERY))
    assert ex.region_share == 1
    assert np.isnan(ex.gain)
