import numpy as np
import pytest

from tests.diagnosis import nets
from tests.diagnosis.nets import inside, offset, pull
from tests.diagnosis.outcomes import headline, not_applicable, passed


def test_fires_where_nothing_that_is_done_to_the_layer_moves_the_class():
    finding = headline(nets.not_decided(), "SC213")
    assert finding.title == "At feat, brick is not decided"
    assert finding.message.startswith(
        "Lift both channels to what they are elsewhere: brick stays, and so does its margin. Lower both channels to what they "
        "are elsewhere: brick stays, and so does its margin. Switch them off: brick stays."
    )
    assert finding.evidence["lift_fall"] == pytest.approx(0.015 / 8.98, rel=1e-4)
    assert finding.evidence["level"] > 0.1


def test_without_a_rest_channels_go_to_their_extremes_and_no_level_is_told():
    finding = headline(nets.always(), "SC213")
    assert finding.message.startswith(
        "Lift both channels to the largest value they take: brick stays, and so does its margin. Lower both channels to the "
        "least value they take:"
    )
    assert "level" not in finding.evidence


@pytest.mark.parametrize(("weight", "code"), [(2.39, "SC213"), (2.41, "SC205")])
def test_a_quarter_of_the_margin(weight, code):
    """Lifting the first channel from 1 to 2 takes the weight away, of a margin of 12 less the weight: a quarter at 2.4."""
    assert nets.not_decided().but(kernel=pull(-weight, 0), bias=offset(12)).diagnose().headline.code == code


def test_where_the_layer_off_takes_a_quarter_away_it_is_undecided():
    """Past a peak: 3 gives 1, lifted to 3.4 it is 0.6, and off 0; the bias adds 1."""
    net = nets.moderate().but(activations=inside([3], [3.4]), bias=offset(1), region=nets.INSIDE)
    evidence = headline(net, "SC217").evidence
    assert (evidence["lift_fall"], evidence["zero_fall"]) == (pytest.approx(0.2), pytest.approx(0.5))


def test_another_layer_when_asked_to_be_thorough():
    """What decides goes round this layer."""
    net = nets.not_decided().but(around=inside([1, 0, 0], [0, 0, 0]))
    assert headline(net, "SC213").remedy is None
    finding = headline(net, "SC213", thorough=True)
    assert finding.remedy_result.gain >= 0.5


def test_quiet():
    assert passed(nets.absence().diagnose(), "SC213").startswith(
        "the experiments do not show it: 100 % is lost when lifted"
    )
    assert passed(nets.unlikely().diagnose(), "SC213").startswith("line 5 of the decision table holds")


def test_not_applicable():
    assert not_applicable(nets.healthy().diagnose(), "SC213") == "the map is not blank"
    assert not_applicable(nets.dead().diagnose(), "SC213") == "every channel is zero here"
    assert not_applicable(nets.nowhere().diagnose(), "SC213") == "the region has no pixel"


def test_where_part_of_the_class_hangs_on_the_layer_it_is_not_said_to_decide_nothing():
    """Of 24 pixels six are barely ahead: lifted they are lost, and of the mean margin a fiftieth."""
    bias = np.full((nets.SIZE, nets.SIZE, 3), offset(9))
    bias[3, 2:8, 0] = 0.021
    finding = headline(nets.not_decided().but(bias=bias), "SC213")
    assert finding.evidence["lift_lost"] == pytest.approx(0.25)
    assert finding.title == "At feat, most of brick is not decided"
    assert "nothing to explain" not in finding.advice
