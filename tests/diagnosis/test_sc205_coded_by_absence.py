import re

import numpy as np
import pytest

import segcam_widgets as sc
from tests.core.fake_probe import linear_head
from tests.diagnosis import nets
from tests.diagnosis.nets import SIZE, Net
from tests.diagnosis.outcomes import fired, not_applicable, numbers_in_message, passed


def brick():
    """What the texture demo has: features that are low inside class 0's region and high outside, and a bias."""
    rows, cols = np.mgrid[0:SIZE, 0:SIZE]
    inside = (rows >= 3) & (rows < 7) & (cols >= 2) & (cols < 8)
    outside = np.stack([3.0 + rows % 2, 2.0 + cols % 3], -1)
    values = np.where(inside[:, :, None], [0.1, 0.2], outside)
    return Net(values, np.array([[-1.0, 0, 0], [-1.0, 0, 0]]), np.array([2.0, 0, -9]), query=sc.CamQuery("feat", 0))


def test_fires_in_plain_words_with_the_numbers():
    finding = brick().diagnose().headline
    assert finding.code == "SC205"
    assert finding.severity == "issue"
    assert finding.message == (
        "Both channels pull brick down (-0.00667, -0.00667). The score 4.13 is carried by the bias: channels -0.2, bias +4.33."
    )
    assert finding.channels == (0, 1)
    assert numbers_in_message(finding, "score", "channels", "residual")


def test_the_remedy_is_the_mean_and_shows_the_region():
    finding = brick().diagnose().headline
    assert finding.remedy.baseline == "mean"
    assert finding.remedy_result.gain == pytest.approx(1)


def test_the_midpoint_where_the_mean_is_not_enough():
    """Four cells of brick; six loud ones lift the mean over the image above all the rest, but not the midpoint."""
    values = np.full((SIZE, SIZE, 2), 2.0)
    values[4:6, 4:6], values[0, :6] = 0.1, 12.0
    net = brick().but(activations=values)
    assert sc.explain(net.probe, sc.CamQuery("feat", 0, baseline="mean")).gain < 0.5
    finding = net.diagnose().headline
    assert finding.code == "SC205"
    assert finding.remedy.baseline == "midpoint"
    assert finding.remedy_result.gain == pytest.approx(1)


def test_no_remedy_that_does_not_show_the_region():
    """With the whole image for a region there is no outside, and no gain."""
    assert nets.absence().diagnose().headline.remedy is None


def test_remedies_need_no_further_query():
    probe = brick().probe
    sc.diagnose(probe, brick().query)
    assert probe.calls["pullback"] == 1


def test_curvature_is_named_where_there_is_some():
    from tests.core.fake_probe import softplus

    finding = brick().but(bend=softplus()).diagnose().headline
    assert finding.code == "SC205"
    assert "carried by the bias and curvature" in finding.message


def test_once_the_remedy_is_applied_the_map_is_healthy():
    assert brick().but(baseline="mean").diagnose().findings == ()


def test_quiet():
    assert passed(nets.bypass().diagnose(), "SC205") == "of the ledger's parts the skip connections' sum is the largest"
    assert passed(nets.outweighed().diagnose(), "SC205") == "some live channel has a positive weight"


def test_not_applicable():
    assert not_applicable(nets.healthy().diagnose(), "SC205") == "the map is not blank"
    assert not_applicable(nets.ignored().diagnose(), "SC205") == "no class in the region depends on the layer"
    assert not_applicable(nets.dead().diagnose(), "SC205") == "every channel is zero here"


@pytest.mark.parametrize("method", ["layercam", "grad-cam++"])
def test_methods_that_keep_positive_gradients_alone_tell_of_what_they_left_out(method):
    finding = brick().but(method=method).diagnose().headline
    assert finding.code == "SC205"
    assert finding.message.startswith("Both channels pull brick down (-0.00667, -0.00667).")


def test_what_absence_means_is_measured():
    """Inside |w A| is 0.3, outside 3.5 + 3 or so: low where the class is."""
    net = brick()
    finding = net.diagnose().headline
    pull, mask = net.activations.sum(-1), net.explain().mask
    assert finding.evidence["pull_inside_over_outside"] == pytest.approx(0.3 / pull[~mask].mean())
    assert finding.title == "The class is coded by the absence of features"


def test_where_the_features_are_not_low_inside_nobody_speaks_of_absence():
    net = nets.absence().but(region=sc.Rectangle(5, 5, 10, 10))  # where both ramps are high
    finding = net.diagnose().headline
    assert finding.code == "SC205"
    assert finding.title == "The bias carries the class, against the layer"
    assert finding.evidence["pull_inside_over_outside"] > 1
    assert "in spite of them" in finding.message
    assert numbers_in_message(finding, "pull_inside_over_outside")


def test_where_nothing_carries_the_score_nobody_says_that_the_bias_does():
    finding = fired(nets.unlikely().diagnose(), "SC205")
    assert finding.title == "Nothing here speaks for the class"
    assert finding.message.endswith("Nothing carries the score -4.67: channels -4, bias -0.667.")
    assert finding.remedy is None


def test_where_the_class_is_not_predicted_nobody_says_that_it_is():
    net = nets.absence().but(bias=np.array([3.0, 0, 0]), region=sc.Rectangle(5, 5, 10, 10))
    diagnosis = net.diagnose()
    assert diagnosis.headline.code == "SC207"
    finding = fired(diagnosis, "SC205")
    assert finding.title == "The bias speaks for the class, and is outweighed"
    assert re.fullmatch(
        r"Both channels pull brick down \(-0.00667, -0.0133\)\. What speaks for it in the score -[\d.]+ is only the bias: "
        r"channels -[\d.]+, bias \+2\.",
        finding.message,
    )
    assert finding.remedy is None


def test_a_single_class_has_nothing_to_win_against():
    probe = linear_head(brick().activations, [[-1.0], [-1.0]], 9.0)
    finding = sc.diagnose(probe, sc.CamQuery("image", 0, sc.Rectangle(3, 2, 7, 8), score="logit")).headline
    assert finding.title == "The class is coded by the absence of features"
    assert "is carried by the bias" in finding.message


def test_where_no_channel_has_a_weight_the_layer_says_nothing():
    net = nets.silent().but(kernel=np.array([[0.0, 0, 0], [0.0, 0, 0], [5.0, 0, 0]]))
    finding = fired(net.diagnose(), "SC205")
    assert finding.title == "The bias carries the class, and the layer says nothing"
    assert (
        finding.message
        == "No channel pulls brick up or down. The score 13.3 is carried by the bias: channels 0, bias +13.3."
    )


@pytest.mark.parametrize("method", ["hirescam", "layercam", "xgrad-cam"])
def test_absence_is_measured_alike_for_every_method(method):
    """A pixelwise gradient is zero outside the region, whatever the activations are there."""
    found = brick().but(method=method).diagnose().headline
    assert found.title == "The class is coded by the absence of features"
    assert found.evidence["pull_inside_over_outside"] == pytest.approx(
        brick().diagnose().headline.evidence["pull_inside_over_outside"]
    )


def test_channels_that_are_zero_are_told_apart():
    net = brick()
    for silent, words in ((1, "; the other is zero on this image."), (2, "; the others are zero on this image.")):
        values = np.concatenate([net.activations, np.zeros((SIZE, SIZE, silent))], -1)
        finding = net.but(activations=values, kernel=np.full((2 + silent, 3), [-1.0, 0, 0])).diagnose().headline
        assert f"Channels 0, 1 pull brick down (-0.00667, -0.00667){words}" in finding.message
