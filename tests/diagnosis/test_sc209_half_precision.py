import numpy as np
import pytest

import segcam_widgets as sc
from tests.diagnosis import nets
from tests.diagnosis.nets import inside, offset, pull
from tests.diagnosis.outcomes import findings, fired, headline, not_applicable, passed, tip


def test_fires_where_every_gradient_is_lost():
    finding = headline(nets.underflow(), "SC209")
    assert finding.evidence["largest_gradient_float32"] == pytest.approx(1e-9 / 24)
    assert finding.message == (
        "In 16 bits every gradient is zero at feat; in float32 the largest gradient is 4.17e-11. The path is there, its numbers "
        "are lost on the way back. In float32 the map is not blank: 100 % of it is positive."
    )
    assert "float32" in finding.advice
    assert "SC102" not in [code for code, _ in findings(nets.underflow())]


def partly(weight=1e-9):
    """The gradient of the channel that speaks for class 0 is lost, that of the one against it is not."""
    return nets.Net(inside([1e6, 2], [0, 2]), pull(weight, -1e-5), inside(offset(1), offset(-1)), half=True)


def test_fires_where_one_sign_is_lost_and_the_map_with_it():
    finding = headline(partly(), "SC209")
    assert finding.evidence["signs_that_differ"] == 1
    assert "In 16 bits 1 weight lost its sign at feat" in finding.message
    assert "In float32 the map is not blank" in finding.message


def test_a_tip_where_both_maps_are_blank():
    """A sign is lost that would have been negative as well."""
    net = partly(-1e-9)
    assert net.diagnose().headline.code != "SC209"
    finding = tip(net, "SC209")
    assert finding.message.endswith("In float32 the map is blank as well.")
    assert finding.evidence["positive_share_float32"] == 0


def test_a_path_that_16_bits_cut_is_not_denied_though_the_map_is_blank_in_32():
    net = nets.underflow().but(kernel=pull(-1e-9, -1e-9))
    finding = headline(net, "SC209")
    assert finding.message.endswith("In float32 the map is blank as well.")
    assert passed(net.diagnose(), "SC102") == "in 32 bits a gradient comes back (SC209)"


def test_the_map_in_32_bits_is_the_asked_one():
    """The probability's is blank in 32 bits too: that is no fault of the 16, the margin's is there in both."""
    net = nets.saturated().but(half=True)
    assert findings(net)[0] == ("SC201", "issue")
    assert passed(net.diagnose(), "SC209") == "the weights have the same signs in 32 bits"


def test_float32_is_asked_for_a_blank_map_in_16_bits_alone():
    for net, asked in ((nets.absence().but(half=True), 1), (nets.ignored(), 0), (nets.healthy().but(half=True), 0)):
        probe = net.probe
        sc.diagnose(probe, net.query)
        assert probe.calls["pullback_float32"] == asked


def test_quiet():
    assert passed(nets.absence().but(half=True).diagnose(), "SC209") == "the weights have the same signs in 32 bits"
    assert passed(nets.ignored().but(half=True).diagnose(), "SC209") == "the weights have the same signs in 32 bits"
    assert passed(nets.healthy().but(half=True).diagnose(), "SC209") == "the map is not blank"


def test_not_applicable():
    assert not_applicable(nets.ignored().diagnose(), "SC209") == "the network computes in 32 bits or more"
    elsewhere = nets.underflow().but(region=sc.Rectangle(0, 0, 0, 0))
    assert not_applicable(elsewhere.diagnose(), "SC209") == "the region has no pixel"
    slow = nets.absence().but(half=True, method="ablation-cam")
    assert not_applicable(slow.diagnose(), "SC209") == "the method is slow, and its map is not made again in 32 bits"


def test_where_32_bits_cannot_be_had_it_says_so():
    class Closed(nets.HalfProbe):
        def pullback_float32(self, layer, cotangent):
            raise sc.UnsupportedModelError("`layer` cannot be rebuilt in float32.")

    probe = nets.underflow().probe
    probe.__class__ = Closed
    diagnosis = sc.diagnose(probe, nets.underflow().query)
    assert not_applicable(diagnosis, "SC209") == (
        "the gradient could not be computed in 32 bits: `layer` cannot be rebuilt in float32."
    )
    assert diagnosis.headline.code == "SC102"
    assert diagnosis.headline.message.endswith("Or its numbers are too small for 16 bits.")


# ------------------------------------------------------------------ real half precision


@pytest.fixture
def mixed_float16():
    import keras

    previous = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy("mixed_float16")
    yield keras
    keras.mixed_precision.set_dtype_policy(previous)


@pytest.mark.keras
@pytest.mark.parametrize("ending", ["separate", "fused"])
def test_on_a_keras_network_of_half_precision(mixed_float16, ending):
    """Two layers of tiny weights: each survives in 16 bits, their product does not."""
    keras = mixed_float16
    keras.utils.set_random_seed(1)
    tiny = keras.initializers.RandomNormal(stddev=3e-5)
    image = keras.Input((8, 8, 2))
    x = keras.layers.Conv2D(4, 3, padding="same", activation="relu", name="features")(image)
    x = keras.layers.BatchNormalization(name="norm")(x)
    x = keras.layers.Conv2D(4, 1, kernel_initializer=tiny, name="tiny")(x)
    x = keras.layers.Conv2D(4, 1, kernel_initializer=tiny, name="tinier")(x)
    x = keras.layers.Conv2D(
        3, 1, bias_initializer="ones", name="head", activation="softmax" if ending == "fused" else None
    )(x)
    model = keras.Model(image, x if ending == "fused" else keras.layers.Softmax()(x))
    probe = sc.open_probe(model, np.random.default_rng(0).normal(size=(8, 8, 2)))
    diagnosis = sc.diagnose(probe, query := sc.CamQuery("features", 0, sc.Everything()))
    assert diagnosis.headline.code == "SC209"
    # the same weights in float32 have this gradient
    keras.mixed_precision.set_dtype_policy("float32")
    wide = keras.Model.from_config(with_policy(model.get_config(), "float32"))
    wide.set_weights(model.get_weights())
    exact = sc.explain(sc.open_probe(wide, probe.x[0]), query).gradients
    assert diagnosis.headline.evidence["largest_gradient_float32"] == pytest.approx(np.abs(exact).max(), rel=1e-2)


def with_policy(config, policy):
    """A model's configuration with another dtype policy in every layer."""
    if isinstance(config, dict):
        if config.get("class_name") == "DTypePolicy":
            return {**config, "config": {"name": policy}}
        return {key: with_policy(value, policy) for key, value in config.items()}
    return [with_policy(value, policy) for value in config] if isinstance(config, list | tuple) else config


@pytest.mark.keras
def test_a_layer_that_cannot_be_rebuilt_in_float32_is_said(mixed_float16):
    keras = mixed_float16

    class Closed(keras.layers.Layer):
        def __init__(self, secret):
            super().__init__(name="closed")
            self.secret = secret

        def call(self, x):
            return x * self.secret

    image = keras.Input((8, 8, 2))
    x = keras.layers.Conv2D(4, 3, padding="same", name="features")(image)
    model = keras.Model(image, Closed(0.0)(keras.layers.Conv2D(3, 1, name="head")(x)))
    probe = sc.open_probe(model, np.ones((8, 8, 2)))
    with pytest.raises(sc.UnsupportedModelError, match="'closed' cannot be rebuilt in float32"):
        probe.pullback_float32("features", np.ones(probe.logits.shape))
    diagnosis = sc.diagnose(probe, sc.CamQuery("features", 0, sc.Everything()))
    assert "could not be computed in 32 bits: `layer` 'closed' cannot be rebuilt" in not_applicable(diagnosis, "SC209")
    assert fired(diagnosis, "SC102")
