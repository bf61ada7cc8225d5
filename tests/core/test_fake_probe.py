"""The numpy probe that the other tests stand on: its derivatives are those of its own forward pass."""

import numpy as np
import pytest

from segcam_widgets.core.probe import Probe
from segcam_widgets.errors import SegCamError
from tests.core.fake_probe import IMAGE, captum_network, random_network, softplus

LAYERS = [info.name for info in random_network().layers]


def test_it_is_a_probe():
    assert isinstance(random_network(), Probe)
    assert LAYERS == [IMAGE, "features", "relu", "deep", "deep_relu", "join", "up", "logits"]


@pytest.mark.parametrize("layer", LAYERS)
def test_pullback_is_the_slope_of_replay(layer):
    probe, rng = random_network(tail=softplus), np.random.default_rng(3)
    cotangent, direction = rng.normal(size=probe.logits.shape), rng.normal(size=probe.activations(layer).shape)
    at, step = probe.activations(layer).astype(float), 1e-2
    ahead, behind = (probe.replay(layer, at + sign * step * direction) for sign in (1, -1))
    slope = ((ahead.astype(float) - behind) * cotangent).sum() / (2 * step)
    assert (probe.pullback(layer, cotangent).gradients * direction).sum() == pytest.approx(slope, rel=2e-3)


def test_replay_with_other_tensors_round_the_layer():
    probe, other = random_network(), random_network()
    other.x = np.random.default_rng(11).normal(size=other.x.shape)
    other.__post_init__()
    here, there = probe.activations("deep"), other.activations("deep")
    mine, theirs = probe.bypass("deep"), other.bypass("deep")
    np.testing.assert_allclose(probe.replay("deep", here, mine), probe.logits, atol=1e-5)
    np.testing.assert_allclose(probe.replay("deep", there, theirs), other.logits, atol=1e-5)
    both = {"relu": np.stack([mine["relu"], theirs["relu"]])}
    one_by_one = [probe.replay("deep", there, tensors) for tensors in (mine, theirs)]
    np.testing.assert_allclose(probe.replay("deep", there, both), one_by_one, atol=1e-5)
    with pytest.raises(SegCamError, match="`bypass` must be one of relu"):
        probe.replay("deep", here, {"deep": here})


@pytest.mark.parametrize("layer", LAYERS)
def test_pushforward_is_the_adjoint_of_pullback(layer):
    probe, rng = random_network(tail=softplus), np.random.default_rng(4)
    cotangent, tangent = rng.normal(size=probe.logits.shape), rng.normal(size=probe.activations(layer).shape)
    back = (probe.pullback(layer, cotangent).gradients * tangent).sum(dtype=float)
    assert (probe.pushforward(layer, tangent) * cotangent).sum(dtype=float) == pytest.approx(back, rel=1e-4)


@pytest.mark.parametrize("layer", LAYERS)
def test_a_leading_batch_axis_gives_the_same_as_one_at_a_time(layer):
    probe, rng = random_network(), np.random.default_rng(5)
    fields = rng.normal(size=(3, *probe.logits.shape))
    batch = probe.pullback(layer, fields)
    for i, field in enumerate(fields):
        alone = probe.pullback(layer, field)
        np.testing.assert_allclose(batch.gradients[i], alone.gradients, rtol=1e-5, atol=1e-6)
        assert {name: share[i] for name, share in batch.bypass.items()} == pytest.approx(alone.bypass)


def test_the_skip_connection_goes_round_the_deep_layers_only():
    probe = random_network()
    field = np.ones(probe.logits.shape)
    assert {name: set(probe.pullback(name, field).bypass) for name in LAYERS} == {
        IMAGE: set(), "features": set(), "relu": set(), "deep": {"relu"}, "deep_relu": {"relu"}, "join": set(),
        "up": set(), "logits": set(),
    }  # fmt: skip


def test_the_shares_of_what_goes_round_are_gradient_times_tensor():
    probe = random_network()
    field = np.random.default_rng(6).normal(size=probe.logits.shape)
    assert {name: set(probe.bypass(name)) for name in ("relu", "deep", "join")} == {
        "relu": set(), "deep": {"relu"}, "join": set(),
    }  # fmt: skip
    (tensor,) = probe.bypass("deep").values()
    by_tangent = (probe.pushforward("deep", np.zeros((6, 6, 4)), {"relu": tensor}) * field).sum(dtype=float)
    assert probe.pullback("deep", field).bypass["relu"] == pytest.approx(by_tangent, rel=1e-4)


def test_captums_network_scores_54():
    np.testing.assert_array_equal(captum_network().logits, np.full((1, 1, 4), 54))


def test_the_tail_says_what_bends_it():
    assert random_network().tail("relu").curved == {}
    curved = random_network(tail=softplus)
    assert set(curved.tail("features").curved) == {"relu", "deep_relu"}
    assert set(curved.tail("relu").curved) == {"deep_relu"}
    assert not curved.tail("deep").rectified
