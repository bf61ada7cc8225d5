from dataclasses import replace

import numpy as np
import pytest

import segcam_widgets as sc
from tests.core.fake_probe import NumpyProbe
from tests.diagnosis import nets
from tests.diagnosis.outcomes import fired, not_applicable, passed


def test_fires():
    finding = nets.shifted().diagnose().headline
    assert finding.code == "SC202"
    assert finding.evidence["negative_weights_logit"] == 2
    assert finding.evidence["negative_weights_margin"] == 0
    assert finding.evidence["margin_positive_share"] == 1
    assert "2 of 2 weights are negative" in finding.message


def test_the_remedy_is_the_centered_logit():
    finding = nets.shifted().diagnose().headline
    assert finding.remedy.score == "centered_logit"
    assert not finding.remedy_result.is_empty


def test_the_remedy_is_the_margin_where_the_centered_logits_map_is_blank_as_well():
    """Class 2 rises with the layer but is never the rival: it spoils the mean of the logits, not the margin."""
    net = nets.shifted().but(kernel=np.array([[-1.0, -2, 9], [-1.0, -2, 9]]), bias=np.array([0.0, 0, -100]))
    assert net.but(score="centered_logit").explain().is_empty
    finding = net.diagnose().headline
    assert finding.code == "SC202"
    assert finding.remedy.score == "margin"


def test_the_shift_attack():
    """A field t = K sum A added to every logit leaves all probabilities as they were, and blanks the raw logit's map."""
    net = nets.healthy().but(score="logit")
    attacked = net.but(kernel=net.kernel - 5)
    np.testing.assert_allclose(attacked.probe.probabilities, net.probe.probabilities, atol=1e-6)
    assert not net.diagnose().blank
    finding = attacked.diagnose().headline
    assert finding.code == "SC202"
    assert finding.remedy_result.gain > 0.9


def test_quiet():
    assert passed(nets.healthy().but(score="logit").diagnose(), "SC202") == "the map is not blank"
    assert passed(nets.absence().but(score="logit").diagnose(), "SC202") == "the margin's map is blank as well"


def test_not_applicable():
    for net in (nets.absence(), nets.absence().but(score="margin"), nets.absence().but(score="logit", multilabel=True)):
        assert not_applicable(net.diagnose(), "SC202") == "the score is not the raw logit of a softmax"
    assert not_applicable(nets.shifted().but(region=sc.Pixel(50, 0)).diagnose(), "SC202") == "the region has no pixel"


def test_the_margins_weights_are_what_other_rules_judge():
    """The raw logit has one positive weight; the margin has none, so the class is coded by absence."""
    net = nets.absence().but(kernel=np.array([[0.1, 2, 0], [-2.0, 0, 0]]), bias=np.array([30.0, 0, 0]), score="logit")
    finding = net.diagnose().headline
    assert finding.code == "SC205"
    assert "The margin" in finding.message
    assert fired(net.but(score="centered_logit").diagnose(), "SC205").message != finding.message


class RivalsOverflow(NumpyProbe):
    """A network where what pulls a rival down overflows, and what pulls the class itself does not."""

    def pullback(self, layer, cotangent, at=None):
        pulled = super().pullback(layer, cotangent, at)
        return replace(pulled, gradients=pulled.gradients * np.inf) if (cotangent.to_array() < 0).any() else pulled


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")  # infinity times zero, on purpose
def test_a_margin_that_is_not_finite_judges_nothing():
    probe, query = nets.shifted().probe, nets.shifted().query
    probe.__class__ = RivalsOverflow
    diagnosis = sc.diagnose(probe, query)
    assert passed(diagnosis, "SC202") == "the margin's map is blank as well"
    assert len(diagnosis.issues) == 1


def test_a_raw_logit_that_does_not_fall_is_not_said_to():
    """Class 0 has weights of zero: its logit is its bias, and its rivals fall."""
    finding = nets.shifted().but(kernel=np.array([[0.0, -3, -4], [0.0, -5, -6]])).diagnose().headline
    assert finding.code == "SC202"
    assert "does not rise with what the layer shows (0 of 2 weights are negative)" in finding.message
    assert "falls with" not in finding.message
