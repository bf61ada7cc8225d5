import numpy as np
import pytest

import segcam_widgets as sc
from tests.diagnosis import nets
from tests.diagnosis.nets import inside, offset, pull
from tests.diagnosis.outcomes import findings, not_applicable, numbers_in_message, passed, tip


def outside(own, elsewhere):
    """Class 0 is predicted in INSIDE, by its bias; one channel speaks for it everywhere, so strongly here and elsewhere."""
    return nets.Net(inside([own], [elsewhere]), pull(1), inside(offset(1), offset(-9)))


def test_fires_on_a_gain_below_zero():
    net = outside(1, 2)
    finding = tip(net, "SC214")
    focus = 24 / (24 + 2 * 76)
    assert finding.evidence == {
        "focus": pytest.approx(focus), "region_share": pytest.approx(0.24), "gain": pytest.approx((focus - 0.24) / 0.76),
    }  # fmt: skip
    assert (
        finding.message
        == "The region is 24 % of the image and holds 14 % of what is positive in the map, less than its share (gain -0.136)."
    )
    assert numbers_in_message(finding, "gain")
    assert not net.diagnose().issues


@pytest.mark.parametrize(("own", "fires"), [(0.99, True), (1.01, False)])
def test_an_even_map_has_a_gain_of_zero(own, fires):
    assert ("SC214" in [code for code, _ in findings(outside(own, 1))]) == fires


def test_quiet():
    assert passed(nets.healthy().diagnose(), "SC214") == "the gain is 1"


def test_not_applicable():
    for net in (nets.absence(), nets.Net(np.ones((1, 1, 2)), np.ones((2, 3)))):
        assert not_applicable(net.diagnose(), "SC214") == "there is no positive map to judge"
    whole = outside(1, 2).but(region=sc.Everything())
    assert not_applicable(whole.diagnose(), "SC214") == "the region is everything"
    assert not_applicable(nets.nowhere().diagnose(), "SC214") == "the region has no pixel"
