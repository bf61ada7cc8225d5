import numpy as np
import pytest

import segcam_widgets as sc
from tests.diagnosis import nets
from tests.diagnosis.outcomes import fired, not_applicable, passed


def test_fires():
    diagnosis = nets.underflow().diagnose()
    finding = diagnosis.headline
    assert finding.code == "SC209"
    assert finding.evidence["largest_gradient_float32"] == pytest.approx(1e-9 * 2 / 3 / 100)
    assert "6.67e-12" in finding.message
    assert "float32" in finding.advice


def test_quiet():
    assert passed(nets.absence().but(half=True).diagnose(), "SC209") == "the gradient survives in 16 bits"
    assert passed(nets.ignored().but(half=True).diagnose(), "SC209") == "the gradient is zero in float32 as well"
    assert passed(nets.ignored().diagnose(), "SC209") == "the network computes in 32 bits or more"


def test_float32_is_asked_only_where_the_gradient_is_zero_in_half_precision():
    for net, asked in ((nets.absence().but(half=True), 0), (nets.ignored(), 0), (nets.underflow(), 1)):
        probe = net.probe
        sc.diagnose(probe, net.query)
        assert probe.calls["pullback_float32"] == asked


def test_not_applicable():
    assert (
        not_applicable(nets.underflow().but(region=sc.Rectangle(0, 0, 0, 0)).diagnose(), "SC209")
        == "the region has no pixel"
    )


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
    assert "in 32 it could not be computed" in passed(diagnosis, "SC209")
    assert fired(diagnosis, "SC102")
