import numpy as np
import pytest

import segcam_widgets as sc
from segcam_widgets.diagnosis import RULES
from tests.diagnosis import nets
from tests.diagnosis.outcomes import headline, not_applicable, numbers_in_message, passed


def test_fires_where_what_is_there_is_needed_and_the_average_loses_it():
    finding = headline(nets.cancelling(), "SC203")
    assert finding.title == "At feat, averaging the gradient over the map loses the evidence for brick"
    assert "The one channel pulls brick down (-0.0025)." in finding.message
    assert "Lower the one channel to what it is elsewhere: 100 % of brick is lost." in finding.message
    assert finding.evidence["sink_lost"] == 1
    assert numbers_in_message(finding, "mean_over_size")
    assert finding.evidence["sum_of_products"] == pytest.approx((4 * 10 - 20 * 0.5 * 0.1) / 24)
    together = f"{finding.evidence['sum_of_products']:+.3g}"
    assert (
        f"Cell by cell, the products of gradient and activation sum to {together}; with the gradient's"
        in finding.message
    )
    assert finding.channels == (0,)


def test_mean_over_size_on_paper():
    """In the region four gradients of +1 and twenty of -1/2: |4 - 10| / (4 + 10)."""
    assert headline(nets.cancelling(), "SC203").evidence["mean_over_size"] == pytest.approx(6 / 14)


def test_of_a_method_that_takes_no_plain_average_none_is_spoken_of():
    """Grad-CAM++ weighs by alphas: where its map is blank and the plain average's is not, that is no fault of the average."""
    net = nets.cancelling()
    case = net.case()
    case.judged.__dict__["pooled_gradients"] = np.ones(1)
    finding = RULES["SC203"].look(case)
    assert finding.title == "At {layer}, this map loses the evidence for {class_name} that is there cell by cell"
    assert "this method does not show it" in finding.message


def test_past_a_peak_it_says_that_more_would_hurt_and_offers_nothing():
    finding = headline(nets.more_would_hurt(), "SC203")
    assert finding.title == "At feat, what is there is needed, and more of it would hurt"
    assert "the gradient asks for less of it" in finding.message
    assert "mean_over_size" not in finding.evidence
    assert finding.remedy is None


def test_the_truth_of_that_title():
    """Half a unit less or more of what is there: less raises the margin, more loses the class."""
    probe = nets.more_would_hurt().probe
    at = probe.activations("feat")
    for change, margin in ((-0.5, 1.0), (0.5, 0.0), (0.6, -0.1), (-3, -0.5)):
        logits = probe.replay("feat", at + change * nets.inside([1], [0]).astype(np.float32))
        assert logits[4, 4, 0] - logits[4, 4, 1] == pytest.approx(margin, abs=1e-6)


def test_units_that_are_full_are_no_bias():
    """ReLU6: without the full channel the class is lost, though no gradient comes through it, and nothing is called absent."""
    finding = headline(nets.full(), "SC203")
    assert finding.evidence["sink_lost"] == 1
    assert "absence" not in finding.message + finding.title


@pytest.mark.parametrize(("bias", "code"), [(4.9, "SC203"), (5.1, "SC213")])
def test_a_bias_that_keeps_the_pixels_leaves_it_leaning_and_a_larger_one_not_decided(bias, code):
    """Lowered to 0.1, four cells of 24 lose 9.9 each: 1.65 on average, of a margin of the bias and 39 / 24."""
    finding = headline(nets.cancelling().but(bias=nets.offset(bias)), code)
    assert finding.evidence["sink_lost"] == 0
    assert finding.evidence["sink_fall"] == pytest.approx(1.65 / (bias + 39 / 24), rel=1e-5)


def test_quiet_with_the_numbers_of_the_experiments():
    reason = passed(nets.absence().diagnose(), "SC203")
    assert reason.startswith("the experiments do not show it: 100 % is lost when lifted (margin -")
    assert ", 0 % when lowered (margin 0 %), 0 % when switched off (margin +" in reason
    assert (
        passed(nets.ignored().diagnose(), "SC203")
        == "line 3 of the decision table holds before any experiment is weighed"
    )


def test_not_applicable():
    assert not_applicable(nets.healthy().diagnose(), "SC203") == "the map is not blank"
    assert not_applicable(nets.dead().diagnose(), "SC203") == "every channel is zero here"
    elsewhere = nets.cancelling().but(region=sc.Pixel(77, 0))
    assert not_applicable(elsewhere.diagnose(), "SC203") == "the region has no pixel"
