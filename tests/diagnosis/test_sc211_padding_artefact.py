import numpy as np

import segcam_widgets as sc
from tests.core.fake_probe import IMAGE, Conv, NumpyProbe
from tests.diagnosis import nets
from tests.diagnosis.nets import SIZE, Net
from tests.diagnosis.outcomes import fired, not_applicable, passed


def frame(inner=-1.0):
    """One channel, positive in the border cells alone."""
    values = np.full((SIZE, SIZE, 1), inner)
    values[[0, -1]], values[:, [0, -1]] = 1.0, 1.0
    return Net(values, np.array([[1.0, 0, 0]]), np.array([9.0, 0, 0]))


def test_fires_as_a_tip():
    finding = fired(frame().diagnose(), "SC211")
    assert finding.severity == "tip"
    assert finding.evidence["border_cells"] == 36
    assert "36 border cells of 100" in finding.message


def test_what_zero_padding_does():
    """A mean filter over ones: at the edge it sees zeros, and an average that is taken off leaves the border alone."""
    nodes = [
        ("mean", Conv(np.full((3, 3, 1, 1), -1 / 9), 0.999), IMAGE),
        ("logits", Conv([[1.0, 0]], [1, 0]), "mean"),
    ]
    probe = NumpyProbe(np.ones((SIZE, SIZE, 1)), nodes)
    assert fired(sc.diagnose(probe, sc.CamQuery("mean", 0)), "SC211")


def test_quiet():
    assert passed(frame(0.01).diagnose(), "SC211").endswith("of the positive mass is inside")


def test_not_applicable():
    assert not_applicable(nets.absence().diagnose(), "SC211") == "nothing in the map is positive"
    assert not_applicable(frame().but(region=sc.Rectangle(0, 0, 1, 10)).diagnose(), "SC211") == (
        "the region itself lies on the border"
    )
    small = Net(np.ones((2, 5, 1)), np.ones((1, 3)) * [1, 0, 0])
    assert not_applicable(small.diagnose(), "SC211") == "the layer's map has no inside"
    assert not_applicable(nets.nowhere().diagnose(), "SC211") == "the region has no pixel"
