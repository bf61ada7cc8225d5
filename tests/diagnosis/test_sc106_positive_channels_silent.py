import numpy as np
import pytest

from tests.diagnosis import nets
from tests.diagnosis.nets import offset, pull
from tests.diagnosis.outcomes import findings, fired, headline, not_applicable, passed, tip


def test_heads_a_leaning_absence():
    finding = headline(nets.silent(), "SC106")
    assert finding.channels == (2,)
    fall = nets.silent().case().experiments.lift.fall
    assert finding.message == (
        "Channel 2 would speak for brick, but is zero everywhere on this image. The 2 live channels pull it down. Lift channels "
        f"0, 1 to what they are elsewhere: brick stays, its margin falls by {fall:.0%}.".replace("%", " %")
    )
    assert finding.evidence == {"positive_channels": 1, "live_channels": 2}


def test_a_tip_where_pixels_hang_on_the_absence():
    net = nets.silent().but(bias=offset(2), region=None)
    assert findings(net) == [("SC205", "issue"), ("SC106", "tip")]
    assert "Lift" not in tip(net, "SC106").message  # that is said above


def test_a_tip_beside_a_class_that_is_not_decided_here():
    net = nets.silent().but(kernel=pull(-0.01, -0.01, 0.05))
    assert findings(net) == [("SC213", "issue"), ("SC106", "tip")]


def test_dead_is_measured_beside_the_layers_largest():
    for value, alive in ((3.9e-6, False), (4.1e-6, True)):  # the layer's largest is 4
        activations = np.array(nets.silent().activations)
        activations[0, 0, 2] = value
        assert nets.silent().but(activations=activations).diagnose().headline.code == ("SC205" if alive else "SC106")


@pytest.mark.parametrize(("weight", "counts"), [(0.099, False), (0.101, True)])
def test_a_tenth_of_the_largest_weight_counts(weight, counts):
    """A positive weight on a channel that is live is no rival of the silent one, unless it is a tenth of the largest."""
    net = nets.silent()
    alive = np.concatenate([net.activations, np.full((nets.SIZE, nets.SIZE, 1), 0.5)], -1)
    net = net.but(activations=alive, kernel=pull(-1, -1, 1, weight))
    diagnosis = net.diagnose()
    assert diagnosis.headline.code == ("SC205" if counts else "SC106")
    if counts:
        assert passed(diagnosis, "SC106") == "1 of 2 channels with a positive weight is live"
    else:
        assert "The 3 live channels hardly pull it up." in diagnosis.headline.message


def test_what_carries_the_class_instead_is_a_tip():
    assert tip(nets.silent(), "SC205").title == "Less of feat speaks for brick; no pixel hangs on it"


def test_another_layer_when_asked_to_be_thorough():
    assert headline(nets.silent(), "SC106").remedy is None
    finding = headline(nets.silent(), "SC106", thorough=True)
    assert finding.remedy is None or finding.remedy_result.gain >= 0.5


def test_quiet():
    assert passed(nets.absence().diagnose(), "SC106") == "no channel has a positive weight that counts"
    assert passed(nets.outweighed().diagnose(), "SC106") == "1 of 1 channel with a positive weight is live"


def test_not_applicable():
    assert not_applicable(nets.healthy().diagnose(), "SC106") == "the map is not blank"
    assert not_applicable(nets.dead().diagnose(), "SC106") == "every channel is zero here"
    assert not_applicable(nets.shifted().diagnose(), "SC106") == "the margin's map is not blank"


def test_one_live_channel_is_one():
    net = nets.silent().but(activations=nets.silent().activations * [1, 0, 0])
    assert "The one live channel pulls it down." in fired(net.diagnose(), "SC106").message
    assert (
        "The one live channel does not pull it up." in fired(net.but(kernel=pull(0, 0, 5)).diagnose(), "SC106").message
    )
    two = nets.silent().but(kernel=pull(0, 0, 5))
    assert "The 2 live channels do not pull it up." in fired(two.diagnose(), "SC106").message
