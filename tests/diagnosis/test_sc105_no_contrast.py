import numpy as np
import pytest

from tests.diagnosis import nets
from tests.diagnosis.nets import SIZE
from tests.diagnosis.outcomes import fired, not_applicable, numbers_in_message, passed


def wavy(size):
    """Both channels with a standard deviation of `size` times their mean."""
    wave = np.where(np.indices((SIZE, SIZE)).sum(0) % 2, 1 + size, 1 - size)
    return nets.healthy().but(activations=np.stack([wave, 3 * wave[::-1]], -1), bias=np.zeros(3))


@pytest.mark.parametrize(("size", "fires"), [(0.049, True), (0.051, False)])
def test_five_per_cent(size, fires):
    diagnosis = wavy(size).diagnose()
    assert ("SC105" in [f.code for f in diagnosis.findings]) == fires


def test_fires_as_a_tip():
    finding = fired(wavy(0.01).diagnose(), "SC105")
    assert finding.severity == "tip"
    assert finding.evidence == {"largest_std_over_mean": pytest.approx(0.01), "live_channels": 2}
    assert numbers_in_message(finding, "largest_std_over_mean")


def test_one_channel_with_contrast_is_enough():
    values = np.array(wavy(0.01).activations)
    values[:, :5, 1] = 0.5
    assert "channel 1 varies by" in passed(wavy(0.01).but(activations=values).diagnose(), "SC105")


def test_a_channel_around_zero_has_contrast():
    values = np.where(np.indices((SIZE, SIZE)).sum(0) % 2, 1.0, -1.0)[:, :, None] * [1, 2]
    assert "varies by" in passed(wavy(0.01).but(activations=values).diagnose(), "SC105")


def test_not_applicable():
    assert not_applicable(nets.dead().diagnose(), "SC105") == "every channel is zero here"
    one = nets.Net(np.ones((1, 1, 2)), np.ones((2, 3)))
    assert not_applicable(one.diagnose(), "SC105") == "the layer has a single cell"


def test_a_layer_that_does_not_vary_at_all():
    finding = fired(nets.absence().but(activations=np.ones((nets.SIZE, nets.SIZE, 2))).diagnose(), "SC105")
    assert finding.message == "No live channel of feat varies over the image: any map at this layer is one colour."
