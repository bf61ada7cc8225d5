import numpy as np
import pytest

from tests.diagnosis import nets
from tests.diagnosis.outcomes import fired, not_applicable, numbers_in_message, passed


def test_fires_with_layercam_for_a_remedy():
    finding = nets.outweighed().diagnose().headline
    assert finding.code == "SC208"
    assert finding.channels == (0,)
    assert finding.evidence["sum_positive"] > 0 > finding.evidence["sum_negative"]
    assert numbers_in_message(finding, "sum_positive", "sum_negative")
    assert finding.remedy.method == "layercam"
    assert not finding.remedy_result.is_empty


def test_layercam_needs_no_further_query():
    import segcam_widgets as sc

    probe = nets.outweighed().probe
    sc.diagnose(probe, nets.outweighed().query)
    assert probe.calls["pullback"] == 1


def test_a_weight_that_cancelled_to_rounding_is_not_positive():
    net = nets.absence()
    for weight, code in ((1e-7, "SC205"), (1e-4, "SC208")):
        kernel = np.array([[weight, 0, 0], [-2.0, 0, 0]])
        assert net.but(kernel=kernel).diagnose().headline.code == code


@pytest.mark.parametrize("method", ["hirescam", "layercam"])
def test_pixelwise_methods(method):
    diagnosis = nets.outweighed().but(method=method).diagnose()
    assert diagnosis.blank == (method == "hirescam")
    if diagnosis.blank:
        assert diagnosis.headline.code == "SC208"


def test_quiet():
    assert passed(nets.absence().diagnose(), "SC208") == "no live channel has a positive weight"
    assert passed(nets.silent().diagnose(), "SC208") == "no live channel has a positive weight"


def test_not_applicable():
    assert not_applicable(nets.healthy().diagnose(), "SC208") == "the map is not blank"
    assert not_applicable(nets.shifted().diagnose(), "SC208") == "the margin's map is not blank"


def test_positive_weights_on_negative_activations_are_no_evidence_for_the_class():
    net = nets.absence()
    net = net.but(activations=-net.activations, kernel=-net.kernel)
    finding = net.diagnose().headline
    assert finding.code == "SC208"
    assert finding.title == "Where the weights are positive, the activations are not"
    assert finding.message == (
        "Both channels have positive weights, but their activations are negative where they are not zero, which counts against "
        "it: all positive products of weight and activation sum to +0, all negative ones to -4."
    )


def test_there_are_no_others_where_every_weight_is_positive():
    finding = fired(nets.signed().diagnose(), "SC208")
    assert finding.message.startswith(
        "Both channels pull brick up, but in every cell their negative activations pull it down harder:"
    )


def test_a_map_that_is_positive_in_one_cell_is_not_negative_in_every_one():
    loud = np.ones((nets.SIZE, nets.SIZE, 2)) * [1.0, 3.0]
    loud[0, 0, 1] = 0
    finding = nets.outweighed().but(activations=loud).diagnose().headline
    assert finding.message.startswith(
        "Channel 0 pulls brick up, but in all but 1 of 100 cells the others pull it down harder:"
    )


def test_of_pixelwise_weights_it_says_in_places():
    finding = nets.outweighed().but(method="hirescam").diagnose().headline
    assert finding.message.startswith(
        "Channel 0 pulls brick up in places, but in every cell what speaks against it is stronger:"
    )
