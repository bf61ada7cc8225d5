import numpy as np
import pytest

from segcam_widgets.diagnosis.rules.merged_channels import effective_rank
from tests.diagnosis import nets
from tests.diagnosis.outcomes import fired, not_applicable, numbers_in_message, passed


def test_fires_on_copies():
    one = nets.ramps(1)
    finding = fired(nets.absence().but(activations=one * [1.0, 2.5]).diagnose(), "SC210")
    assert finding.severity == "tip"
    assert finding.evidence["effective_rank"] == pytest.approx(1)
    assert numbers_in_message(finding, "effective_rank")


def test_fires_where_one_channel_of_several_is_live():
    finding = fired(nets.absence().but(activations=nets.ramps(1) * [1.0, 0]).diagnose(), "SC210")
    assert finding.evidence == {"effective_rank": pytest.approx(1), "live_channels": 1, "channels": 2}


def test_effective_rank_on_paper():
    """Singular values 3 and 1: exp(-(3/4 ln 3/4 + 1/4 ln 1/4))."""
    assert effective_rank(np.diag([3.0, 1.0])) == pytest.approx(np.exp(-(0.75 * np.log(0.75) + 0.25 * np.log(0.25))))
    assert effective_rank(np.eye(5)) == pytest.approx(5)
    assert effective_rank(np.ones((4, 7))) == pytest.approx(1)
    assert effective_rank(np.zeros((4, 7))) == 0


@pytest.mark.parametrize("shape", [(3, 8), (8, 3), (50, 50)])
def test_the_bound_is_below_the_rank_and_tells_the_same(shape):
    for seed in range(20):
        rng = np.random.default_rng(seed)
        matrix = rng.normal(size=shape) * rng.random(shape[1]) ** 4
        rank, bound = effective_rank(matrix), effective_rank(matrix, 1.0)
        assert bound <= rank * (1 + 1e-9)
        assert (effective_rank(matrix, 1.2) < 1.2) == (rank < 1.2)


def test_large_numbers_do_not_overflow():
    assert effective_rank(np.eye(3) * 1e200) == pytest.approx(3)


def test_quiet():
    assert "the effective rank of the live activations is" in passed(nets.healthy().diagnose(), "SC210")


def test_not_applicable():
    assert not_applicable(nets.cancelling().diagnose(), "SC210") == "the layer has one channel"
    assert not_applicable(nets.dead().diagnose(), "SC210") == "every channel is zero here"


def test_one_channel_that_is_live_is_no_copy():
    finding = fired(
        nets.absence().but(activations=nets.ramps(4) * [0, 0, 1.0, 0], kernel=-np.ones((4, 3))).diagnose(), "SC210"
    )
    assert finding.title == "Only one channel is live"
    assert finding.message.startswith(
        "Of the 4 channels of feat only channel 2 is not zero on this image, so every class's map"
    )


def test_copies_are_counted_in_words():
    for count, words in ((2, "Both channels"), (8, "All 8 channels")):
        net = nets.absence().but(activations=nets.ramps(1) * np.arange(1, count + 1), kernel=-np.ones((count, 3)))
        assert fired(net.diagnose(), "SC210").message.startswith(
            f"{words} of feat say one thing (effective rank 1), so"
        )
