import numpy as np
import pytest

import segcam_widgets as sc
from tests.diagnosis import nets
from tests.diagnosis.outcomes import fired, not_applicable, numbers_in_message, passed


@pytest.mark.parametrize("score", ["probability", "log_probability"])
def test_fires(score):
    finding = nets.saturated().but(score=score).diagnose().headline
    assert finding.code == "SC201"
    assert finding.severity == "issue"
    assert finding.evidence["mean_doubt"] < 1e-3
    assert numbers_in_message(finding, "mean_doubt")


def test_the_doubt_is_summed_from_the_other_classes():
    """1 - p in float32 would be 0: here it is 2 exp(-40)."""
    net = nets.dead().but(bias=np.array([40.0, 0, 0]), score="probability")
    assert fired(net.diagnose(), "SC201").evidence["mean_doubt"] == pytest.approx(2 * np.exp(-40.0), rel=1e-9)


@pytest.mark.parametrize(("logit", "fires"), [(7.5, False), (7.7, True)])
def test_one_in_a_thousand(logit, fires):
    """2 exp(-7.6) is one in a thousand."""
    diagnosis = nets.dead().but(bias=np.array([logit, 0, 0]), score="probability").diagnose()
    assert ("SC201" in [f.code for f in diagnosis.findings]) == fires


def test_the_remedy_is_the_centered_logit_where_its_map_is_not_blank():
    """The rival of the last doubts speaks through the layer, the other classes do not."""
    kernel = np.array([[1.0, 1.5, -4], [1.0, 1.5, -4]])
    finding = nets.saturated().but(kernel=kernel, bias=np.array([60.0, 0, 0])).diagnose().headline
    assert finding.code == "SC201"
    assert finding.remedy.score == "centered_logit"
    assert not finding.remedy_result.is_empty


def test_no_remedy_where_the_centered_logits_map_is_blank_too():
    assert nets.saturated().diagnose().headline.remedy is None


def test_a_tip_on_a_map_that_is_not_blank():
    diagnosis = nets.healthy().but(bias=np.array([30.0, 0, -5]), score="probability").diagnose()
    assert not diagnosis.blank
    assert fired(diagnosis, "SC201").severity == "tip"


def test_several_sigmoids_have_the_logit_for_a_remedy():
    net = nets.absence().but(multilabel=True, bias=np.array([90.0, 0, 0]), score="probability")
    finding = net.diagnose().headline
    assert finding.code == "SC201"
    assert "Ask for the logit" in finding.advice


def test_quiet():
    assert passed(nets.healthy().diagnose(), "SC201") == "the score does not saturate"
    assert "the mean of 1 - p is" in passed(nets.healthy().but(score="probability").diagnose(), "SC201")


def test_not_applicable():
    assert not_applicable(nets.saturated().but(region=sc.Pixel(99, 0)).diagnose(), "SC201") == "the region has no pixel"
