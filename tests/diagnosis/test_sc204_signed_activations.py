import numpy as np
import pytest

import segcam_widgets as sc
from segcam_widgets.core.probe import LayerInfo
from segcam_widgets.diagnosis.case import Case
from segcam_widgets.diagnosis.remedies import rectified_layer
from tests.core.fake_probe import IMAGE, Conv, NumpyProbe, relu
from tests.diagnosis import nets
from tests.diagnosis.nets import SIZE, Net
from tests.diagnosis.outcomes import fired, not_applicable, passed


def test_fires():
    finding = nets.signed().diagnose().headline
    assert finding.code == "SC204"
    assert finding.evidence == {"negative_activations": 0.5, "cells_positive_without": 0.1}
    assert "50 % of the live activations of feat are negative" in finding.message


def test_the_remedy_is_hirescam_where_its_map_is_not_blank():
    """In the first rows the gradient is +1, elsewhere a little negative, as the activations are: there the product is not."""
    values = np.full((SIZE, SIZE, 2), -1.0)
    values[:2] = [2.0, -3.0]
    scale = np.full((SIZE, SIZE), -0.05)
    scale[:2] = 1
    finding = Net(values, np.array([[1.0, 0, 0], [1.0, 0, 0]]), np.array([9.0, 0, 0]), scale=scale).diagnose().headline
    assert finding.code == "SC204"
    assert finding.remedy.method == "hirescam"
    assert not finding.remedy_result.is_empty


class Labelled(NumpyProbe):
    """It says which of its layers is a ReLU."""

    @property
    def layers(self):
        return tuple(LayerInfo(i.name, i.shape, i.kind, "relu" if i.name == "relu" else None) for i in super().layers)


def test_the_relu_that_follows_when_asked_to_be_thorough():
    """HiResCAM is no remedy here: behind the ReLU the gradient of a negative activation is zero, elsewhere they cancel."""
    values = np.full((SIZE, SIZE, 2), -9.0)
    values[0] = [1.0, -4.0]
    values[1] = [-4.0, 1.0]
    nodes = [
        ("before", Conv(np.eye(2)), IMAGE),
        ("relu", relu(), "before"),
        ("logits", Conv([[1.0, 0, 0], [1.0, 0, 0]], [3, 0, 0]), "relu"),
    ]
    probe, query = Labelled(values, nodes), sc.CamQuery("before", 0, sc.Everything(), method="seg-grad-cam")
    assert fired(sc.diagnose(probe, query), "SC204").remedy.method == "hirescam"
    asked = sc.CamQuery("before", 0, sc.Everything(), method="hirescam")
    assert not sc.diagnose(probe, asked).blank
    case = Case(probe, query, thorough=True)
    assert [remedy.layer for remedy in rectified_layer(case)] == ["relu"]
    assert list(rectified_layer(Case(probe, query))) == []
    assert list(rectified_layer(Case(probe, sc.CamQuery("relu", 0), thorough=True))) == []


def test_calm_words_on_a_map_that_is_not_blank():
    """Both weights negative, both channels negative: minus times minus is evidence, and the map is right."""
    net = nets.healthy().but(activations=-nets.healthy().activations, kernel=-nets.healthy().kernel)
    diagnosis = net.diagnose()
    assert not diagnosis.blank
    finding = fired(diagnosis, "SC204")
    assert finding.severity == "tip"
    assert finding.title == "All weights are negative, and the map is right"
    assert finding.channels == (0, 1)
    assert "nothing is wrong" in finding.message
    assert "100 % positive" in finding.message


def test_quiet():
    """One weight is positive, so nobody needs to be calmed."""
    values = nets.healthy().activations * [1.0, -1.0]
    net = nets.healthy().but(activations=values, kernel=np.array([[1.0, 0, 0], [-1.0, 0, 0]]))
    assert passed(net.diagnose(), "SC204") == "not every live weight is negative"
    blank = nets.absence().but(activations=np.where(np.arange(SIZE)[:, None, None] < 2, -1e-9, nets.ramps()))
    assert passed(blank.diagnose(), "SC204") == "without its negative activations the map would be blank as well"


def test_not_applicable():
    assert not_applicable(nets.absence().diagnose(), "SC204") == "no activation is negative"
    assert not_applicable(nets.nowhere().diagnose(), "SC204") == "the region has no pixel"
    shifted = nets.shifted().but(activations=nets.shifted().activations * [1, 1] - [0, 1.01])
    assert shifted.diagnose().headline.code == "SC202"
    assert not_applicable(shifted.diagnose(), "SC204") == "the margin's map is not blank"


def test_all_weights_negative_is_not_said_of_pixelwise_weights_that_are_so_on_average():
    net = nets.healthy().but(activations=-nets.healthy().activations, kernel=-nets.healthy().kernel, method="hirescam")
    net = net.but(region=sc.Rectangle(0, 0, SIZE, 5))
    assert "All weights are negative" in fired(net.diagnose(), "SC204").title
    scale = np.ones((SIZE, SIZE))
    scale[0, 0] = -1
    assert passed(net.but(scale=scale).diagnose(), "SC204") == "not every live weight is negative"


def test_nothing_is_wrong_is_said_only_where_the_map_shows_the_region():
    values = np.full((SIZE, SIZE, 2), -1.0)
    values[:, :5] = 3
    net = Net(values, np.array([[-1.0, 0, 0], [-2.0, 0, 0]]), np.array([20.0, 0, 0]))
    for region, right in (
        (sc.Rectangle(0, 5, SIZE, SIZE), True),
        (sc.Rectangle(0, 0, SIZE, 5), False),
        (sc.Everything(), False),
    ):
        finding = fired(net.but(region=region).diagnose(), "SC204")
        assert ("nothing is wrong" in finding.message) == right
        assert ("the map is right" in finding.title) == right
        assert ("gain" in finding.evidence) == (region != sc.Everything())
    assert not net.but(bias=np.array([-20.0, 0, 0]), region=sc.Rectangle(0, 5, SIZE, SIZE)).diagnose().blank
    finding = fired(net.but(bias=np.array([-20.0, 0, 0]), region=sc.Rectangle(0, 5, SIZE, SIZE)).diagnose(), "SC204")
    assert "nothing is wrong" not in finding.message  # the class is not even predicted there


@pytest.mark.parametrize(
    ("live", "channels", "words"),
    [
        ([0], 1, "The weight of the one live channel is negative"),
        ([1], 3, "The weight of the one live channel is negative"),
        ([0, 2], 3, "The weights of the 2 live channels of 3 are negative"),
        ([0, 1, 2], 3, "The weights of all 3 channels are negative"),
    ],
)
def test_one_and_many(live, channels, words):
    values = np.zeros((SIZE, SIZE, channels))
    values[:, 5:, live] = -2.0
    net = Net(values, np.full((channels, 3), [-1.0, 0, 0]), np.array([20.0, 0, 0])).but(
        region=sc.Rectangle(0, 5, SIZE, SIZE)
    )
    assert fired(net.diagnose(), "SC204").message.startswith(words)
