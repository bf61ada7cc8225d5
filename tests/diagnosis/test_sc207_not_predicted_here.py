import numpy as np
import pytest

import segcam_widgets as sc
from tests.core.fake_probe import linear_head
from tests.diagnosis import nets
from tests.diagnosis.outcomes import fired, not_applicable, numbers_in_message, passed

RIGHT = sc.Rectangle(0, 6, 10, 10)


def test_fires_and_offers_the_class_that_is_predicted():
    net = nets.healthy().but(kernel=np.array([[1.0, 0, 0], [1.0, 0, 0]]), region=RIGHT)
    net = net.but(activations=net.activations[:, ::-1] * [-1.0, -1.0])  # against class 0, in the right half
    finding = net.diagnose().headline
    assert finding.code == "SC207"
    assert finding.evidence["predicted_share"] == 0
    assert numbers_in_message(finding, "mean_margin")
    assert "Most of it is predicted grass." in finding.message
    assert finding.remedy.class_index == 1
    assert finding.remedy.region == RIGHT
    assert not finding.remedy_result.is_empty


def test_a_tie_is_no_prediction():
    finding = fired(nets.absence().but(kernel=np.zeros((2, 3)), bias=np.zeros(3)).diagnose(), "SC207")
    assert finding.evidence["mean_margin"] == 0
    assert "Most of it" not in finding.message


@pytest.mark.parametrize(("logit", "fires"), [(0.0, True), (1e-3, False)])
def test_the_mean_margin_decides(logit, fires):
    diagnosis = nets.ignored().but(bias=np.array([logit, 0, -1])).diagnose()
    assert ("SC207" in [f.code for f in diagnosis.findings]) == fires


def test_a_tip_without_remedy_on_a_map_that_is_not_blank():
    diagnosis = nets.healthy().but(region=sc.Everything(), bias=np.array([-2.9, 0, 0])).diagnose()
    assert not diagnosis.blank
    assert fired(diagnosis, "SC207").severity == "tip"
    assert fired(diagnosis, "SC207").remedy is None


def test_several_sigmoids_are_judged_by_their_own_logit():
    net = nets.absence().but(multilabel=True, bias=np.array([-3.0, 5, 0]))
    finding = fired(net.diagnose(), "SC207")
    assert "the mean logit of brick" in finding.message
    assert finding.evidence["mean_margin"] == pytest.approx(net.probe.logits[:, :, 0].mean())


def test_quiet():
    assert "the mean margin over the region is" in passed(nets.healthy().diagnose(), "SC207")


def test_not_applicable():
    assert not_applicable(nets.nowhere().diagnose(), "SC207") == "the region has no pixel"
    probe = linear_head(np.ones((3, 3, 2)), [[-1.0], [-1.0]], 1.0)
    assert (
        not_applicable(sc.diagnose(probe, sc.CamQuery("image", 0, score="logit")), "SC207") == "there is no other class"
    )


def test_the_largest_part_is_not_called_most_of_it():
    """Of ten columns class 1 wins four, class 2 three, class 0 three, and class 0 loses by more."""
    bias = np.zeros((nets.SIZE, nets.SIZE, 3))
    bias[:, :4, 1], bias[:, 4:7, 2], bias[:, 7:, 0] = 9, 9, 1
    finding = fired(nets.ignored().but(bias=bias).diagnose(), "SC207")
    assert "The largest part of it, 40 %, is predicted grass." in finding.message
    assert finding.evidence["predicted_share"] == pytest.approx(0.3)


def test_several_sigmoids_overlap():
    """Class 0 is above one half in two columns of ten, where class 1 is surer."""
    bias = np.full((nets.SIZE, nets.SIZE, 3), [-1.0, 5.0, -5.0])
    bias[:, :2, 0] = 1
    finding = fired(nets.ignored().but(bias=bias, multilabel=True).diagnose(), "SC207")
    assert finding.evidence["predicted_share"] == pytest.approx(0.2)
    assert "predicts it at 20 % of the pixels. Most of it is predicted grass." in finding.message


def test_a_class_that_wins_most_pixels_and_loses_the_others_by_more():
    bias = np.zeros((nets.SIZE, nets.SIZE, 3))
    bias[:, :6, 0], bias[:, 6:, 1] = 1, 9
    finding = fired(nets.ignored().but(bias=bias).diagnose(), "SC207")
    assert (
        "predicts it at 60 % of the pixels. It loses by more than it wins by, so evidence against it" in finding.message
    )


def test_a_tie_is_called_one():
    finding = fired(nets.clipped().diagnose(), "SC207")
    assert finding.message.endswith("On average it is neither ahead nor behind, so there is little for a map to show.")
