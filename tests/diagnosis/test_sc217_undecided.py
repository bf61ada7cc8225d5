import numpy as np
import pytest

import segcam_widgets as sc
from segcam_widgets.diagnosis import sentences as said
from segcam_widgets.diagnosis.experiments import Outcome
from tests.diagnosis import nets
from tests.diagnosis.nets import offset, pull
from tests.diagnosis.outcomes import findings, headline, not_applicable, passed


def test_fires_where_more_and_less_both_take_the_class_away():
    finding = headline(nets.moderate(), "SC217")
    assert finding.title == "At feat, the experiments do not agree on why the map of brick is blank"
    assert finding.message == (
        "Lift the one channel to what it is elsewhere: 100 % of brick is lost. Lower the one channel to what it is elsewhere: "
        "brick stays, and so does its margin. Switch it off: 100 % of brick is lost. No single cause explains all of this."
    )
    assert {"lift_lost", "sink_lost", "zero_lost", "level"} <= finding.evidence.keys()
    assert finding.remedy is None


def test_no_cause_is_named():
    for net in (nets.moderate(), nets.tied()):
        finding = headline(net, "SC217")
        assert "absence" not in finding.title + finding.message + finding.advice


@pytest.mark.parametrize(("bias", "code"), [(9.0, "SC217"), (30.0, "SC213")])
def test_without_a_rest_what_moves_the_class_is_undecided(bias, code):
    """The whole image is class 0 and was asked about: there is no elsewhere, and channels go to their extremes."""
    net = nets.absence().but(bias=offset(bias), region=sc.Everything())
    finding = headline(net, code)
    assert (
        "The whole image carries brick and lies in the region: there is nothing to compare it with" in finding.message
    ) == (code == "SC217")
    assert "to the largest value they take" in finding.message


def test_nearly_the_whole_image_is_not_the_whole_image():
    """20 x 20 pixels, one of which is grass: under a hundredth."""
    activations = np.full((20, 20, 1), 0.5)
    activations[5:9, 5:9] = 6
    bias = np.full((20, 20, 3), offset(9))
    bias[0, 0, 0] = -9
    net = nets.Net(activations, pull(-1), bias).but(region=sc.Everything())
    assert "Nearly the whole image carries brick and lies in the region" in headline(net, "SC217").message


def test_where_nothing_carries_the_class_no_experiment_can_tell():
    finding = headline(nets.tied(), "SC217")
    assert finding.title == "At feat, no experiment can tell why the map of brick is blank"
    assert finding.message.startswith("By the logits, nothing in the region carries brick")
    assert finding.evidence["mean_margin"] < 0
    assert nets.tied().case().decision.line == "6"


def test_what_is_lost_in_part_is_said_with_its_margin():
    case = nets.moderate().case()

    def lifted(lost, fall):
        case.experiments.__dict__["lift"] = Outcome(lost, fall, 1, 1, 0)
        return said.lifted(case)

    start = "Lift the one channel to what it is elsewhere: "
    assert lifted(0.25, -0.5) == start + "25 % of brick is lost, its mean margin rises by 50 %."
    assert lifted(0.25, 0.001) == start + "25 % of brick is lost, its mean margin stays."
    assert lifted(0.25, 0.3) == start + "25 % of brick is lost, its mean margin falls by 30 %."
    assert lifted(0.5, 0.3) == start + "50 % of brick is lost."
    assert lifted(0.0, 0.3) == start + "brick stays, its margin falls by 30 %."
    assert lifted(0.0, 0.001) == start + "brick stays, and so does its margin."


def test_quiet():
    assert passed(nets.absence().diagnose(), "SC217").startswith("the experiments do not show it:")
    assert passed(nets.unlikely().diagnose(), "SC217").startswith("line 5")
    assert findings(nets.healthy()) == []


def test_not_applicable():
    assert not_applicable(nets.healthy().diagnose(), "SC217") == "the map is not blank"
    assert not_applicable(nets.dead().diagnose(), "SC217") == "every channel is zero here"
    assert not_applicable(nets.nowhere().diagnose(), "SC217") == "the region has no pixel"
