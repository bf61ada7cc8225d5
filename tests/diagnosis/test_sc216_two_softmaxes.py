"""A softmax before the last one. What it is known by is to become a fact of the tail: here stand the real networks alone."""

import numpy as np
import pytest

import segcam_widgets as sc
from tests.diagnosis import nets
from tests.diagnosis.outcomes import fired, not_applicable, passed


def test_quiet():
    assert "SC216" in [p.code for p in nets.healthy().diagnose().passed]
    assert passed(nets.absence().diagnose(), "SC216")


def test_not_applicable():
    assert "SC216" in [n.code for n in nets.healthy().but(multilabel=True).diagnose().not_applicable]
    assert (
        not_applicable(nets.healthy().but(bias=np.array([np.nan, 0, 0])).diagnose(), "SC216")
        == "the logits are not finite"
    )


def twice(gain, second=True):
    """Features, a convolution with a softmax, and a Softmax layer."""
    import keras

    keras.utils.set_random_seed(0)
    image = keras.Input((16, 16, 1))
    x = keras.layers.Conv2D(3, 3, padding="same", activation="relu", name="feat")(image)
    head = keras.layers.Conv2D(3, 1, activation="softmax" if second else None, name="cls")
    model = keras.Model(image, keras.layers.Softmax(name="again")(head(x)))
    rng = np.random.default_rng(5)
    model.get_layer("feat").set_weights([rng.normal(0, 0.6, (3, 3, 1, 3)), np.array([0.3, 0.2, 0.1])])
    head.set_weights([rng.normal(0, gain, (1, 1, 3, 3)), np.zeros(3)])
    return sc.open_probe(model, np.random.default_rng(0).random((16, 16, 1)))


@pytest.mark.keras
@pytest.mark.parametrize("gain", [1.0, 30.0, 400.0])
def test_on_a_keras_network_that_applies_softmax_twice(gain):
    probe = twice(gain)
    for index in range(3):
        finding = fired(sc.diagnose(probe, sc.CamQuery("feat", index, sc.Everything())), "SC216")
        assert finding.title == "The network applies softmax twice"
        assert "softmax" in finding.message


@pytest.mark.keras
def test_where_the_first_softmax_is_sure():
    """The class is predicted there, and the gradient of what enters the second softmax has vanished."""
    probe = twice(400.0)
    sure = (probe.logits.max(-1) > 0.9999) & (probe.labels == np.bincount(probe.labels.ravel()).argmax())
    assert sure.any()
    query = sc.CamQuery("feat", int(probe.labels[sure][0]), sc.Mask(sure))
    finding = fired(sc.diagnose(probe, query), "SC216")
    assert finding.severity == "tip"
    assert np.abs(sc.explain(probe, query).gradients).max() < 1e-3


@pytest.mark.keras
def test_one_softmax_is_one():
    assert passed(sc.diagnose(twice(1.0, second=False), sc.CamQuery("feat", 0, sc.Everything())), "SC216")


@pytest.mark.keras
def test_where_the_first_softmax_is_sure_of_one_class_everywhere():
    """Logits of 1, 0, 0 at every pixel could be biases; that a softmax made them the network tells."""
    import keras

    image = keras.Input((16, 16, 1))
    x = keras.layers.Conv2D(3, 3, padding="same", activation="relu", name="feat")(image)
    x = keras.layers.Conv2D(3, 1, activation="softmax", bias_initializer=ahead(), name="cls")(x)
    probe = sc.open_probe(keras.Model(image, keras.layers.Softmax(name="again")(x)), np.ones((16, 16, 1)))
    assert np.ptp(probe.logits, (0, 1)).max() < 1e-6
    assert fired(sc.diagnose(probe, sc.CamQuery("feat", 0, sc.Everything())), "SC216")
    plain = keras.layers.Conv2D(3, 1, kernel_initializer="zeros", bias_initializer=ahead(1.0), name="cls")
    x = keras.layers.Conv2D(3, 3, padding="same", activation="relu", name="feat")(image)
    probe = sc.open_probe(keras.Model(image, keras.layers.Softmax(name="once")(plain(x))), np.ones((16, 16, 1)))
    assert "nothing says that a softmax made them" in passed(
        sc.diagnose(probe, sc.CamQuery("feat", 0, sc.Everything())), "SC216"
    )


def ahead(bias=99.0):
    """Class 0 is ahead everywhere."""
    import keras

    return keras.initializers.Constant(np.array([bias, 0.0, 0.0]))
