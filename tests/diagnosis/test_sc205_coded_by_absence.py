import numpy as np
import pytest

import segcam_widgets as sc
from tests.diagnosis import nets
from tests.diagnosis.nets import SIZE, Net
from tests.diagnosis.outcomes import not_applicable, numbers_in_message, passed


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
    assert passed(nets.bypass().diagnose(), "SC205") == "the score is carried by the bypass"
    assert passed(nets.outweighed().diagnose(), "SC205") == "some live channel has a positive weight"


def test_not_applicable():
    assert not_applicable(nets.healthy().diagnose(), "SC205") == "the map is not blank"
    assert not_applicable(nets.ignored().diagnose(), "SC205") == "no class in the region depends on the layer"
    assert not_applicable(nets.dead().diagnose(), "SC205") == "every channel is zero here"
