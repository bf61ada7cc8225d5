import numpy as np

import segcam_widgets as sc
from tests.diagnosis import nets
from tests.diagnosis.outcomes import fired, headline, not_applicable, passed

NOTHING = sc.Rectangle(3, 3, 3, 9)


def test_fires_and_says_where_the_class_is():
    finding = fired(nets.healthy().but(region=NOTHING).diagnose(), "SC101")
    assert finding.severity == "issue"
    assert finding.evidence == {"pixels": 0, "predicted_pixels": 50}
    assert "covers none of the 100 pixels" in finding.message
    assert "Brick is predicted at 50 pixels elsewhere." in finding.message


def test_fires_where_the_class_is_not_predicted_at_all():
    finding = headline(nets.healthy().but(bias=np.array([-99.0, 0, 0]), region=None), "SC101")
    assert finding.message == "Brick is predicted at none of the 100 pixels of this image."


def test_the_remedy_is_the_true_region_where_there_is_one():
    truth = np.zeros((nets.SIZE, nets.SIZE), int)
    truth[:, 5:] = 1
    finding = fired(nets.healthy().but(region=NOTHING, truth=truth).diagnose(), "SC101")
    assert finding.remedy.region == sc.TruthClass(0)
    assert finding.evidence["true_pixels"] == 50
    assert finding.remedy_result.gain > 0.9


def test_the_remedy_is_everything_without_truth_or_where_the_class_is_not_in_it():
    for truth in (None, np.ones((nets.SIZE, nets.SIZE), int)):
        finding = fired(nets.healthy().but(region=NOTHING, truth=truth).diagnose(), "SC101")
        assert finding.remedy.region == sc.Everything()
        assert not finding.remedy_result.is_empty


def test_a_remedy_that_is_blank_itself_is_not_offered():
    finding = fired(nets.not_decided().but(region=NOTHING).diagnose(), "SC101")
    assert finding.remedy is None
    assert finding.remedy_result is None
    assert finding.advice


def test_quiet():
    assert passed(nets.healthy().diagnose(), "SC101") == "the region has 50 pixels"


def test_not_applicable_where_the_prediction_is_not_finite():
    diagnosis = nets.healthy().but(bias=np.array([np.nan, 0, 0])).diagnose()
    assert not_applicable(diagnosis, "SC101") == "the logits are not finite"


def test_one_pixel_is_one():
    one = np.zeros((nets.SIZE, nets.SIZE, 2))
    one[4, 4] = 5
    net = nets.healthy().but(activations=one, bias=np.array([-2.0, 0, -5]), region=NOTHING)
    assert "Brick is predicted at 1 pixel elsewhere." in fired(net.diagnose(), "SC101").message
    assert passed(net.but(region=sc.Pixel(4, 4)).diagnose(), "SC101") == "the region has 1 pixel"
