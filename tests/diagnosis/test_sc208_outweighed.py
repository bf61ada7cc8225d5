import numpy as np
import pytest

from segcam_widgets.diagnosis import RULES, diagnose
from segcam_widgets.diagnosis.decide import Decision
from tests.diagnosis import nets
from tests.diagnosis.nets import SIZE, Net, inside, offset, pull
from tests.diagnosis.outcomes import findings, fired, headline, not_applicable, numbers_in_message, passed, tip


def test_fires_where_what_speaks_for_the_class_is_needed_and_outweighed():
    finding = headline(nets.outweighed(), "SC208")
    assert finding.title == "At feat, the channels for brick are outweighed by those against it"
    assert finding.message == (
        "Channel 0 pulls brick up. What speaks against it is stronger: all positive products of weight and activation sum to "
        "+0.72, all negative ones to -4. Lower both channels to what they are elsewhere: 100 % of brick is lost."
    )
    assert finding.channels == (0,)
    assert numbers_in_message(finding, "sum_positive", "sum_negative")


def test_its_numbers_on_paper():
    """Weights 24/100 (1, -2) / 24; the first channel is 3 in 24 cells, the second 2 in all of them."""
    evidence = headline(nets.outweighed(), "SC208").evidence
    assert evidence["sum_positive"] == pytest.approx(0.01 * 3 * 24)
    assert evidence["sum_negative"] == pytest.approx(-0.02 * 2 * 100)
    assert evidence["positive_effect"] == pytest.approx(0.72 / 4.72)
    assert evidence["sink_lost"] == 1


def test_the_remedy_is_the_map_of_the_positive_channels():
    probe = nets.outweighed().probe
    finding = diagnose(probe, nets.outweighed().query).headline
    assert finding.remedy.method == "seg-grad-cam-positive"
    assert finding.remedy_result.gain == pytest.approx(1)
    assert np.isnan(finding.remedy_result.chance)  # of one channel
    assert probe.calls["pullback"] <= 2


@pytest.mark.parametrize(("loud", "fires"), [(6.8, True), (6.9, False)])
def test_a_twentieth_of_the_products(loud, fires):
    """0.72 of 0.72 + 0.02 * 100 * a: that is a twentieth at a = 6.84."""
    net = nets.outweighed().but(activations=inside([3, loud], [0, loud]), bias=offset(2 * loud - 2))
    code = net.diagnose().headline.code
    assert code == ("SC208" if fires else "SC203")
    if not fires:
        assert passed(net.diagnose(), "SC208").startswith("positive products are 5 % of all products' magnitude")


def test_a_tip_where_another_cause_is_shown():
    finding = tip(nets.outweighed_absence(), "SC208")
    assert "Lower" not in finding.message
    assert finding.remedy is None


def test_a_tip_on_a_faint_map_that_does_not_show_the_region():
    """Positive in one cell of the corner, and only just."""
    values = np.stack([np.zeros((SIZE, SIZE)), np.ones((SIZE, SIZE))], -1)
    values[0, 0], values[1, :9, 0] = [12.0, 0.9], 9.0
    net = Net(values, pull(0.1, -1), inside(offset(3), offset(-9)))
    explanation = net.explain()
    assert explanation.is_faint
    assert explanation.gain < 0.3
    assert [pair for pair in findings(net) if pair[0] == "SC208"] == [("SC208", "tip")]
    assert "What speaks against it is stronger" in tip(net, "SC208").message


def test_a_faint_map_that_shows_the_region_is_healthy():
    diagnosis = nets.faint().diagnose()
    assert diagnosis.faint
    assert not diagnosis.issues
    assert not_applicable(diagnosis, "SC208") == "the map is faint, and shows the region"


def test_where_the_same_channels_speak_against_it_nobody_speaks_of_others():
    finding = tip(nets.undone(), "SC208")
    assert finding.title == "At feat, what speaks for brick is outweighed"
    assert finding.message.startswith(
        "Both channels pull brick up where activations are positive. What speaks against it is stronger: all positive products"
    )
    finding = tip(Net(inside([-1, 3], [1, 5]), pull(-2, -1), offset(4)), "SC208")
    assert finding.message.startswith("Where activations are negative, negative weights speak for brick. What speaks")


def test_a_weight_that_cancelled_to_rounding_is_not_positive():
    for weight, rises in ((1e-7, False), (1e-4, True)):
        net = nets.absence().but(kernel=pull(weight, -1))
        assert net.case().rising[0] == rises
        assert net.diagnose().headline.code == "SC205"


def test_of_pixelwise_weights_it_says_in_places():
    finding = headline(nets.outweighed().but(method="hirescam"), "SC208")
    assert finding.message.startswith("Channel 0 pulls brick up in places. What speaks against it is stronger:")


def test_with_another_baseline_the_products_are_those_of_the_map():
    """Compared with their means, both channels are high inside, and the one against class 0 the more."""
    bias = inside(offset(20), offset(-9))
    net = nets.outweighed().but(activations=inside([3, 9], [0, 2]), bias=bias, method="hirescam", baseline="mean")
    case = net.case()
    np.testing.assert_allclose(case.products.sum(-1), case.judged.cam, atol=1e-6)
    finding = fired(net.diagnose(), "SC208")
    assert "products of weight and activation, less its baseline, sum to" in finding.message
    assert finding.evidence["sum_positive"] < -finding.evidence["sum_negative"]


def test_of_weights_that_are_not_the_maps_nothing_is_said_that_does_not_hold():
    """Occlusion keeps no weights: those spoken of are the gradient's, and by them more speaks for the class than against."""
    net = nets.outweighed()
    case = net.case()
    case.__dict__["products"] = np.array([[[2.0, -1.0]]], np.float32)
    case.__dict__["decision"] = Decision("10", "SC213")
    assert RULES["SC208"].look(case) == "what speaks for the class is not outweighed"
    case.__dict__["decision"] = Decision("9", "SC208")
    message = RULES["SC208"].look(case).message
    assert (
        "Channel 0 pulls brick up. All positive products of weight and activation sum to +2, all negative ones to -1."
        in message
    )


def test_quiet():
    assert passed(nets.absence().diagnose(), "SC208") == "positive products are 0 % of all products' magnitude"
    assert passed(nets.silent().diagnose(), "SC208") == "positive products are 0 % of all products' magnitude"


def test_not_applicable():
    assert not_applicable(nets.healthy().diagnose(), "SC208") == "the map is neither blank nor faint"
    assert not_applicable(nets.shifted().diagnose(), "SC208") == "the margin's map is not blank"
    assert not_applicable(nets.dead().diagnose(), "SC208") == "every channel is zero here"


def test_what_is_not_stronger_is_not_said_to_be():
    """Against the midpoint the map is blank; the products are less the midpoint, too, and none of them is positive."""
    net = nets.Net(inside([3, 2], [3, 2]), pull(1, -1), offset(9)).but(region=nets.INSIDE, baseline="midpoint")
    diagnosis = net.diagnose()
    assert diagnosis.blank
    assert passed(diagnosis, "SC208") == "positive products are 0 % of all products' magnitude"
