import numpy as np
import pytest

import segcam_widgets as sc
from tests.core.fake_probe import linear_head
from tests.diagnosis import nets
from tests.diagnosis.nets import INSIDE, SIZE, inside, offset, pull
from tests.diagnosis.outcomes import findings, fired, headline, not_applicable, numbers_in_message, passed, tip


def against():
    """Inside, where both channels are high and pull class 0 down, grass is predicted, which rises with them."""
    return nets.Net(inside([2, 1], [0, 0]), np.array([[-1.0, 1, 0], [-1.0, 1, 0]]), offset(1)).but(region=INSIDE)


def test_fires_and_offers_the_class_that_is_predicted():
    finding = headline(against(), "SC207")
    assert finding.title == "The network does not predict brick here"
    assert finding.evidence == {"mean_margin": pytest.approx(-5), "predicted_share": 0}
    assert numbers_in_message(finding, "mean_margin")
    assert "Most of it is predicted grass. Evidence against it is what the map should show." in finding.message
    assert finding.remedy.class_index == 1
    assert finding.remedy.region == INSIDE
    assert finding.remedy_result.gain == pytest.approx(1)


def region_of(own, loss):
    """In INSIDE class 0 wins `own` of 24 pixels by 1, and loses the others by `loss`."""
    bias = np.array(inside(offset(-loss), offset(-9)))
    cells = np.argwhere(inside([1], [0])[..., 0])[:own]
    bias[cells[:, 0], cells[:, 1], 0] = 1
    return nets.absence().but(bias=bias, kernel=pull(-1e-6, -1e-6), region=INSIDE)


@pytest.mark.parametrize(
    ("own", "loss", "fires", "heads"),
    [
        (0, 1, True, True), (11, 1, True, True), (11, 0.5, False, False),  # under half, and on average behind or ahead
        (12, 2, True, False), (12, 0.5, False, False), (22, 99, True, False),  # half or more: another title, and a tip
    ],
)  # fmt: skip
def test_under_half_of_the_pixels_and_a_mean_margin_of_zero_or_less(own, loss, fires, heads):
    diagnosis = region_of(own, loss).diagnose()
    assert ("SC207" in [f.code for f in diagnosis.findings]) == fires
    assert (diagnosis.headline.code == "SC207") == heads


def test_a_class_that_wins_most_pixels_and_loses_the_others_by_more():
    """T8: predicted at nine tenths, and so far behind at the rest that the mean is negative."""
    finding = tip(region_of(22, 99), "SC207")
    assert finding.title == "At 92 % of the region brick wins, and on average it loses"
    assert (
        "predicts it at 92 % of the pixels. It loses by more than it wins by, so evidence against it" in finding.message
    )
    assert finding.remedy is None


def test_a_tie_is_no_prediction_and_is_called_one():
    """All classes tie, and the first of them is brick: the class behind it has no pixel, and a margin of zero."""
    net = nets.ignored().but(bias=np.zeros(3), region=INSIDE)
    probe = net.probe
    finding = fired(sc.diagnose(probe, sc.CamQuery("feat", 1, INSIDE)), "SC207")
    assert finding.evidence == {"mean_margin": 0, "predicted_share": 0}
    assert finding.message.endswith("On average it is neither ahead nor behind, so there is little for a map to show.")


def test_a_tip_without_remedy_on_a_map_that_is_not_blank():
    net = nets.healthy().but(region=sc.Everything(), bias=offset(-2.9))
    assert not net.diagnose().blank
    assert tip(net, "SC207").remedy is None


def test_several_sigmoids_are_judged_by_their_own_logit():
    net = against().but(multilabel=True)
    finding = headline(net, "SC207")
    assert "the mean logit of brick is -2" in finding.message
    assert finding.evidence["mean_margin"] == pytest.approx(net.probe.logits[3:7, 2:8, 0].mean())


def test_beside_it_stands_whether_the_layer_keeps_the_class_away():
    assert findings(nets.kept_away()) == [("SC207", "issue"), ("SC205", "tip")]
    assert findings(nets.unlikely()) == [("SC207", "issue")]


def test_it_comes_before_what_experiments_would_say():
    net = nets.outweighed().but(bias=offset(-3), region=INSIDE)
    assert findings(net)[0] == ("SC207", "issue")


def test_quiet():
    assert (
        passed(nets.healthy().diagnose(), "SC207")
        == "the class is predicted at 100 % of the region, with a mean margin of 3.16"
    )


def test_not_applicable():
    assert not_applicable(nets.nowhere().diagnose(), "SC207") == "the region has no pixel"
    probe = linear_head(np.ones((3, 3, 2)), [[-1.0], [-1.0]], 1.0)
    assert (
        not_applicable(sc.diagnose(probe, sc.CamQuery("image", 0, score="logit")), "SC207") == "there is no other class"
    )


def test_the_largest_part_is_not_called_most_of_it():
    """Of ten columns class 1 wins four, class 2 three, class 0 three, and class 0 loses by more."""
    bias = np.zeros((SIZE, SIZE, 3))
    bias[:, :4, 1], bias[:, 4:7, 2], bias[:, 7:, 0] = 9, 9, 1
    finding = fired(nets.ignored().but(bias=bias, region=sc.Everything()).diagnose(), "SC207")
    assert "The largest part of it, 40 %, is predicted grass." in finding.message
    assert finding.evidence["predicted_share"] == pytest.approx(0.3)


def test_several_sigmoids_overlap():
    """Class 0 is above one half in two columns of ten, where class 1 is surer."""
    bias = np.full((SIZE, SIZE, 3), [-1.0, 5.0, -5.0])
    bias[:, :2, 0] = 1
    finding = fired(nets.ignored().but(bias=bias, multilabel=True, region=sc.Everything()).diagnose(), "SC207")
    assert finding.evidence["predicted_share"] == pytest.approx(0.2)
    assert "predicts it at 20 % of the pixels. Most of it is predicted grass." in finding.message
