import numpy as np
import pytest

import segcam_widgets as sc
from tests.core.fake_probe import IMAGE, Conv, NumpyProbe, random_network, relu
from tests.diagnosis import nets
from tests.diagnosis.outcomes import fired, not_applicable, passed


def bent():
    """S(a) = -relu(3 - 2a) + relu(9 - 2a) / 2: at a = 2 the slope is -1, and yet S(0) is below S(2)."""
    nodes = [
        ("split", Conv([[-2, -2]], [3, 9]), IMAGE),
        ("relu", relu(), "split"),
        ("logits", Conv([[-1, 0], [0.5, 0]], 0), "relu"),
    ]
    return NumpyProbe(np.full((3, 3, 1), 2.0), nodes)


def test_fires():
    finding = fired(sc.diagnose(bent(), sc.CamQuery("image", 0, score="logit"), thorough=True), "SC303")
    assert finding.severity == "tip"
    assert finding.channels == (0,)
    assert finding.evidence == {"contradictions": 1, "true_change": pytest.approx(-1), "forecast": pytest.approx(2)}
    assert (
        "Without channel 0 the margin changes by -1; the gradient forecast +2. So it is for 1 of 1 channel that"
        in finding.message
    )


def test_it_agrees_with_ablate():
    for seed in range(5):
        probe = random_network(seed)
        query = sc.CamQuery("relu", 1, sc.Everything())
        book = sc.ledger(probe, query)
        top = np.argsort(-np.abs(book.channels))[:3]
        expected = {int(k) for k in top if sc.ablate(probe, query, int(k)).contradicts}
        diagnosis = sc.diagnose(probe, query, thorough=True)
        found = {k for f in diagnosis.findings if f.code == "SC303" for k in f.channels}
        assert found == expected


def test_three_replays_in_one():
    probe = random_network(1)
    sc.diagnose(probe, sc.CamQuery("join", 1, sc.Everything()), thorough=True)
    assert probe.calls["replay"] == 1


def test_quiet():
    diagnosis = nets.healthy().diagnose(thorough=True)
    assert passed(diagnosis, "SC303") == "2 channels that were switched off did as forecast"


def test_not_applicable():
    assert "ask with thorough=True" in not_applicable(nets.healthy().diagnose(), "SC303")
    assert not_applicable(nets.nowhere().diagnose(thorough=True), "SC303") == "the region has no pixel"
