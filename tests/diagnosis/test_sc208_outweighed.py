import numpy as np
import pytest

from tests.diagnosis import nets
from tests.diagnosis.outcomes import not_applicable, numbers_in_message, passed


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
