import numpy as np
import pytest

import segcam_widgets as sc
from segcam_widgets.diagnosis.rules.merged_channels import effective_rank
from tests.diagnosis import nets
from tests.diagnosis.nets import pull
from tests.diagnosis.outcomes import findings, not_applicable, numbers_in_message, passed, tip


def copies(count=2):
    """So many channels that are multiples of one."""
    return nets.not_decided().but(activations=nets.ramps(1) * np.arange(1, count + 1), kernel=pull(*[-0.01] * count))


def test_fires_on_copies():
    finding = tip(copies(), "SC210")
    assert finding.evidence["effective_rank"] == pytest.approx(1)
    assert numbers_in_message(finding, "effective_rank")


def test_what_they_have_in_common_everywhere_does_not_make_them_copies():
    """30 + x and 30 + y: their maps for two classes have nothing in common, less their means."""
    net = copies().but(activations=30 + nets.ramps(2))
    assert "SC210" not in [code for code, _ in findings(net)]
    shifted = copies().but(activations=nets.ramps(1) * [1, 1] + [0, 30])
    assert tip(shifted, "SC210").evidence["effective_rank"] == pytest.approx(1, abs=1e-3)


def test_fires_where_one_channel_of_several_is_live():
    finding = tip(copies(4).but(activations=nets.ramps(4) * [0, 0, 1.0, 0]), "SC210")
    assert finding.evidence == {"effective_rank": pytest.approx(1), "live_channels": 1, "channels": 4}
    assert finding.title == "At feat, only one channel is live"
    assert finding.message.startswith(
        "Of the 4 channels of feat only channel 2 is not zero on this image, so the maps of all classes here differ in sign, "
        "size and level alone."
    )


def test_that_sentence_is_true():
    """Of two copies, the maps of two classes at the same region are one, but for sign, size and level."""
    net = copies().but(kernel=np.random.default_rng(0).normal(size=(2, 3)) / 99)
    maps = [sc.explain(net.probe, sc.CamQuery("feat", index, nets.INSIDE)).cam.ravel() for index in range(3)]
    correlation = np.corrcoef(np.array(maps))
    np.testing.assert_allclose(np.abs(correlation), 1, atol=1e-4)


@pytest.mark.parametrize(("count", "words"), [(2, "Both channels"), (8, "All 8 channels")])
def test_copies_are_counted_in_words(count, words):
    assert tip(copies(count), "SC210").message.startswith(f"{words} of feat say one thing (effective rank 1), so")


def test_effective_rank_on_paper():
    """Singular values 3 and 1: exp(-(3/4 ln 3/4 + 1/4 ln 1/4))."""
    assert effective_rank(np.diag([3.0, 1.0])) == pytest.approx(np.exp(-(0.75 * np.log(0.75) + 0.25 * np.log(0.25))))
    assert effective_rank(np.eye(5)) == pytest.approx(5)
    assert effective_rank(np.ones((4, 7))) == pytest.approx(1)
    assert effective_rank(np.zeros((4, 7))) == 0


@pytest.mark.parametrize(("quiet", "fires"), [(0.04, True), (0.05, False)])
def test_a_rank_of_one_and_a_fifth(quiet, fires):
    """Two patterns that have nothing in common; shares of 1 / 1.045 and 0.045 / 1.045 have the entropy log 1.2."""
    rows, cols = np.indices((nets.SIZE, nets.SIZE)) % 2 * 2 - 1
    net = copies().but(activations=5 + np.stack([rows + cols * 0, quiet * cols], -1), region=nets.INSIDE)
    assert ("SC210" in [code for code, _ in findings(net)]) == fires


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
    assert "the effective rank of what varies in the live activations is" in passed(nets.healthy().diagnose(), "SC210")


def test_not_applicable():
    assert not_applicable(nets.cancelling().diagnose(), "SC210") == "the layer has one channel"
    assert not_applicable(nets.dead().diagnose(), "SC210") == "every channel is zero here"
    assert not_applicable(nets.flat().diagnose(), "SC210") == "no live channel varies over the image"
    one = nets.Net(np.ones((1, 1, 2)), np.ones((2, 3)))
    assert not_applicable(one.diagnose(), "SC210") == "the layer has a single cell"
