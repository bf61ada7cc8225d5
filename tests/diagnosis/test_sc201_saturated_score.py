import numpy as np
import pytest

import segcam_widgets as sc
from tests.diagnosis import nets
from tests.diagnosis.nets import inside, offset
from tests.diagnosis.outcomes import findings, fired, headline, not_applicable, numbers_in_message, passed, tip


@pytest.mark.parametrize("score", ["probability", "log_probability"])
def test_heads_a_blank_map_where_the_margins_is_not(score):
    finding = headline(nets.saturated().but(score=score), "SC201")
    assert finding.title == "At feat, the probability of brick tells another story than its margin"
    assert finding.evidence["mean_doubt"] == pytest.approx(np.exp(-8) / 24, rel=0.01)  # one pixel of 24 is in doubt
    assert numbers_in_message(finding, "mean_doubt")
    assert "The margin's map is not blank: 100 % of it is positive." in finding.message


def test_the_remedy_is_the_margin():
    finding = headline(nets.saturated(), "SC201")
    assert finding.remedy.score == "margin"
    assert finding.remedy_result.gain >= 0.5


def test_a_probability_in_doubt_weighs_by_doubt():
    bias = np.array(nets.saturated().bias)
    bias[4, 4, 1] = 13  # the odds there are exp(1) to 1
    finding = headline(nets.saturated().but(bias=bias), "SC201")
    assert finding.evidence["mean_doubt"] > 1e-3
    assert finding.message.startswith(
        "A probability's gradient weighs each pixel and each class by how much doubt is left there."
    )


@pytest.mark.parametrize("score", ["probability", "log_probability"])
def test_where_the_margins_map_is_blank_too_it_is_a_tip_that_says_so(score):
    """Saturation scales a map and does not turn its sign."""
    net = nets.absence().but(bias=offset(20), region=nets.INSIDE, score=score)
    assert findings(net) == [("SC205", "issue"), ("SC201", "tip")]
    finding = tip(net, "SC201")
    assert finding.title == "The network is so sure that its probability hardly moves"
    assert finding.message.endswith("That is not why the map is blank: the margin's is blank as well.")
    assert finding.remedy is None


def test_where_something_else_comes_first_nothing_is_said_of_the_margins_map():
    net = nets.dead().but(bias=inside(offset(30), offset(-30)), score="probability")
    assert "the margin's is blank as well" in tip(net, "SC201").message  # it is zero
    net = nets.saturated().but(half=True, bias=nets.saturated().bias + np.array([20, 0, 0]))  # lost in 16 bits
    diagnosis = net.diagnose()
    assert diagnosis.headline.code == "SC201"
    assert "blank as well" not in diagnosis.headline.message


def test_the_doubt_is_summed_from_the_other_classes():
    """1 - p in float32 would be 0: here it is 2 exp(-40)."""
    net = nets.dead().but(bias=np.array([40.0, 0, 0]), score="probability")
    assert fired(net.diagnose(), "SC201").evidence["mean_doubt"] == pytest.approx(2 * np.exp(-40.0), rel=1e-9)


@pytest.mark.parametrize(("logit", "fires"), [(7.5, False), (7.7, True)])
def test_one_in_a_thousand(logit, fires):
    """2 exp(-7.6) is one in a thousand."""
    net = nets.dead().but(bias=np.array([logit, 0, 0]), score="probability")
    assert ("SC201" in [code for code, _ in findings(net)]) == fires


def test_a_tip_on_a_map_that_is_not_blank():
    net = nets.healthy().but(bias=np.array([30.0, 0, -5]), score="probability")
    assert not net.diagnose().blank
    assert "blank" not in tip(net, "SC201").message


def test_several_sigmoids_have_the_logit_to_compare_with():
    """In one column of the region the probability is in doubt, and there the channel is loud and pulls down."""
    scale, bias = np.ones((nets.SIZE, nets.SIZE)), inside([40, -9, -9], [-9, -9, -9])
    scale[3:7, 2], bias[3:7, 2, 0] = -1, 4
    net = nets.Net(inside([2, 1], [0, 0]), nets.pull(1, 1), bias, scale=scale, multilabel=True).but(score="probability")
    finding = headline(net, "SC201")
    assert finding.remedy.score == "logit"
    assert "Ask for the logit" in finding.advice
    assert finding.evidence["mean_doubt"] == pytest.approx(4 / 24 / (1 + np.e), rel=0.01)


def test_quiet():
    assert "the mean of 1 - p is" in passed(nets.healthy().but(score="probability").diagnose(), "SC201")


def test_not_applicable():
    assert not_applicable(nets.healthy().diagnose(), "SC201") == "the score is no probability"
    assert not_applicable(nets.saturated().but(region=sc.Pixel(99, 0)).diagnose(), "SC201") == "the region has no pixel"
