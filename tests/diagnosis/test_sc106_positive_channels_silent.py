import numpy as np

from tests.diagnosis import nets
from tests.diagnosis.outcomes import fired, not_applicable, passed


def test_fires():
    finding = nets.silent().diagnose().headline
    assert finding.code == "SC106"
    assert finding.channels == (2,)
    assert finding.message == (
        "Channel 2 would speak for brick, but is zero everywhere on this image. The 2 live channels pull it down."
    )


def test_dead_is_measured_beside_the_layers_largest():
    net = nets.silent()
    for value, alive in ((2.9e-6, False), (3.1e-6, True)):  # the layer's largest is 3
        activations = np.array(net.activations)
        activations[0, 0, 2] = value
        diagnosis = net.but(activations=activations).diagnose()
        assert diagnosis.headline.code == ("SC208" if alive else "SC106")


def test_what_carries_the_score_instead_is_a_tip():
    assert fired(nets.silent().diagnose(), "SC205").severity == "tip"


def test_another_layer_when_asked_to_be_thorough():
    assert fired(nets.silent().diagnose(), "SC106").remedy is None
    assert fired(nets.silent().diagnose(thorough=True), "SC106").remedy.layer in ("logits", "own")


def test_quiet():
    assert passed(nets.absence().diagnose(), "SC106") == "no channel has a positive weight"
    assert passed(nets.outweighed().diagnose(), "SC106") == "1 of 1 channels with positive weight are live"


def test_not_applicable():
    assert not_applicable(nets.healthy().diagnose(), "SC106") == "the map is not blank"
    assert not_applicable(nets.dead().diagnose(), "SC106") == "every channel is zero here"


def test_one_live_channel_is_one():
    net = nets.silent().but(activations=nets.silent().activations * [1, 0, 0])
    assert fired(net.diagnose(), "SC106").message.endswith("The one live channel pulls it down.")
    kernel = np.array([[0.0, 0, 0], [0.0, 0, 0], [5.0, 0, 0]])
    assert fired(net.but(kernel=kernel).diagnose(), "SC106").message.endswith(
        "The one live channel does not pull it up."
    )
    assert fired(nets.silent().but(kernel=kernel).diagnose(), "SC106").message.endswith(
        "The 2 live channels do not pull it up."
    )
