from dataclasses import replace

import numpy as np
import pytest

import segcam_widgets as sc
from tests.core.fake_probe import NumpyProbe
from tests.diagnosis import nets
from tests.diagnosis.nets import offset
from tests.diagnosis.outcomes import findings, headline, not_applicable, passed, tip


def test_heads_a_blank_map_where_the_margins_is_not():
    finding = headline(nets.shifted(), "SC202")
    assert finding.title == "At feat, a shift common to all classes hides the map of brick"
    assert finding.evidence["negative_weights_logit"] == 2
    assert finding.evidence["negative_weights_margin"] == 0
    assert finding.evidence["margin_positive_share"] == 1
    assert finding.message.startswith(
        "Of the 2 weights of the raw logit of brick all are negative, and its map is blank; of those of its margin over the "
        "strongest rival none is, and 100 % of the map is positive."
    )


def test_the_remedy_is_the_margin():
    finding = headline(nets.shifted(), "SC202")
    assert finding.remedy.score == "margin"
    assert finding.remedy_result.gain == pytest.approx(1)


def test_a_margin_that_does_not_show_the_region_is_no_remedy():
    net = nets.shifted().but(region=sc.Rectangle(0, 0, nets.SIZE, 1), kernel=nets.shifted().kernel)
    assert headline(net, "SC202").remedy is None


def test_the_shift_attack():
    """A field t = K sum A added to every logit leaves all probabilities as they were, and blanks the raw logit's map."""
    net = nets.healthy().but(score="logit")
    attacked = net.but(kernel=net.kernel - 5)
    np.testing.assert_allclose(attacked.probe.probabilities, net.probe.probabilities, atol=1e-6)
    assert not net.diagnose().blank
    assert headline(attacked, "SC202").remedy_result.gain > 0.9


@pytest.mark.parametrize("common", [-60.0, -11.0, -0.5, 0.9])
def test_whatever_is_added_to_all_classes_the_cause_by_the_margin_is_the_same(common):
    """A network whose logit's map is blank for the shift alone, and one that is blank in both."""
    for make in (nets.absence, nets.outweighed):
        net = make()
        moved = net.but(kernel=net.kernel - abs(common), score="logit")
        assert moved.diagnose().headline.code == net.diagnose().headline.code


def test_a_tip_where_more_is_common_than_apart():
    """Class 0 rises by 5 and its rival by 4: 4 in common, and 1 apart."""
    net = nets.healthy().but(kernel=np.array([[5.0, 4, 0], [5.0, 4, 0]]), score="logit")
    finding = tip(net, "SC202")
    assert finding.evidence["shared_over_margin"] == pytest.approx(4, rel=1e-4)
    assert finding.title == "At feat, brick shares most of its weights with its strongest rival"
    assert "the common part of the weights is 4 times what sets them apart" in finding.message


@pytest.mark.parametrize(("rival", "fires"), [(0.49, False), (0.51, True)])
def test_as_large_as_what_sets_them_apart(rival, fires):
    net = nets.healthy().but(kernel=np.array([[1.0, rival, 0], [1.0, rival, 0]]), score="logit")
    assert ("SC202" in [code for code, _ in findings(net)]) == fires


def test_where_nothing_sets_them_apart_it_says_so():
    net = nets.healthy().but(
        kernel=np.array([[1.0, 1, 1], [1.0, 1, 1]]), score="logit", bias=nets.inside(offset(1), offset(-1))
    )
    assert "the common part of the weights is all there is: nothing sets them apart." in tip(net, "SC202").message


def test_quiet():
    assert passed(nets.healthy().but(score="logit").diagnose(), "SC202") == (
        "what class and rival share is 0 of what sets them apart"
    )
    assert passed(nets.absence().but(score="logit").diagnose(), "SC202").endswith("of what sets them apart")
    assert (
        passed(nets.ignored().but(score="logit").diagnose(), "SC202") == "neither the logit nor the margin has a weight"
    )


def test_not_applicable():
    for net in (
        nets.absence(),
        nets.absence().but(score="centered_logit"),
        nets.absence().but(score="logit", multilabel=True),
    ):
        assert not_applicable(net.diagnose(), "SC202") == "the score is not the raw logit of a softmax"
    assert not_applicable(nets.shifted().but(region=sc.Pixel(50, 0)).diagnose(), "SC202") == "the region has no pixel"


def test_the_margins_weights_are_what_other_rules_judge():
    """The raw logit has one positive weight; the margin has none, so that absence is named."""
    net = nets.absence().but(kernel=np.array([[0.1, 1, 0], [-1.0, 0, 0]]), score="logit")
    finding = headline(net, "SC205")
    assert "Both channels pull brick down (-0.009, -0.01)" in finding.message


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
    assert "SC202" in [p.code for p in diagnosis.passed]
    assert len(diagnosis.issues) == 1


def test_a_raw_logit_that_does_not_fall_is_not_said_to():
    """Class 0 has weights of zero: its logit is its bias, and its rivals fall."""
    finding = headline(nets.shifted().but(kernel=np.array([[0.0, -3, -4], [0.0, -5, -6]])), "SC202")
    assert "Of the 2 weights of the raw logit of brick none is negative, and its map is blank" in finding.message


def test_a_margin_that_falls_on_average_is_not_said_to_rise():
    """At one pixel the rival falls more than class 0, and there the margin's pixelwise map is positive; elsewhere less."""
    bias = np.full((nets.SIZE, nets.SIZE, 3), [9.0, 0, -99])
    bias[4, 4] = [9, -99, 0]
    net = nets.Net(np.ones((nets.SIZE, nets.SIZE, 1)), np.array([[-1.0, -0.5, -3]]), bias)
    finding = headline(net.but(score="logit", method="hirescam"), "SC202")
    assert finding.evidence["negative_weights_margin"] == 1
    assert "of those of its margin over the strongest rival 1 is, and" in finding.message
    assert "falls more" not in finding.message


def test_where_nothing_sets_them_apart_there_is_no_ratio():
    """Class and rival have the same weights: all is common, and a ratio to nothing is no number."""
    finding = tip(
        nets.healthy().but(kernel=np.array([[5.0, 5, 0], [5.0, 5, 0]]), score="logit", region=sc.Everything()), "SC202"
    )
    assert "nothing sets them apart" in finding.message
    assert finding.evidence == {}
