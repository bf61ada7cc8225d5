import numpy as np
import pytest

import segcam_widgets as sc
from tests.diagnosis import nets
from tests.diagnosis.outcomes import not_applicable, numbers_in_message, passed


def test_fires_with_hirescam_for_a_remedy():
    net = nets.cancelling()
    finding = net.diagnose().headline
    assert finding.code == "SC203"
    assert numbers_in_message(finding, "score", "mean_over_size")
    assert finding.evidence["channels"] == pytest.approx(finding.evidence["score"], rel=1e-3)
    assert finding.remedy.method == "hirescam"
    assert not finding.remedy_result.is_empty


def test_mean_over_size_on_paper():
    """One gradient of +1 and 99 of -1/2 (times 3 * 2/3 / 100): |1 - 49.5| / (1 + 49.5)."""
    finding = nets.cancelling().diagnose().headline
    assert finding.evidence["mean_over_size"] == pytest.approx(48.5 / 50.5)


def test_quiet_where_the_channels_carry_less_than_the_rest():
    net = nets.cancelling().but(bias=np.array([5000.0, 0, 0]))
    assert passed(net.diagnose(), "SC203") == "of the ledger's parts the residual (bias) is the largest"
    assert passed(nets.outweighed().diagnose(), "SC203") == "some live channel has a positive weight"


def test_not_applicable():
    assert not_applicable(nets.healthy().diagnose(), "SC203") == "the map is not blank"
    assert not_applicable(nets.ignored().diagnose(), "SC203") == "no class in the region depends on the layer"
    assert (
        not_applicable(nets.cancelling().but(region=sc.Pixel(77, 0)).diagnose(), "SC203") == "the region has no pixel"
    )
