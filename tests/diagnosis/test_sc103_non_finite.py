import numpy as np
import pytest

import segcam_widgets as sc
from tests.diagnosis import nets
from tests.diagnosis.outcomes import fired, passed

pytestmark = pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")  # inf - inf, on purpose


def test_fires_on_activations_and_names_where_it_starts():
    finding = fired(nets.broken().diagnose(), "SC103")
    assert finding.severity == "issue"
    assert finding.evidence == {"non_finite_activations": 1}
    assert "in the activations, beginning at layer image" in finding.message


def test_fires_on_gradients_and_names_where_they_start_on_their_way_back():
    net = nets.dead().but(bend=nets.root())
    finding = fired(net.diagnose(), "SC103")
    assert finding.evidence == {"non_finite_gradients": 200}
    assert "in the gradients: on the way back, what follows layer feat makes them" in finding.message


def test_fires_on_logits():
    diagnosis = nets.healthy().but(bias=np.array([np.nan, 0, 0])).diagnose()
    finding = fired(diagnosis, "SC103")
    assert finding.evidence == {"non_finite_logits": 100}
    assert "beginning at layer logits" in finding.message
    assert diagnosis.blank


def test_fires_where_only_the_product_overflows():
    """One activation of 1e38, clipped behind the layer, meets a pooled weight of 6600."""
    values = nets.ramps(low=0.1, high=0.9)
    values[2, 2, 0] = 1e38
    net = nets.absence().but(activations=values, kernel=np.array([[1e6, 0, 0], [1e6, 0, 0]]), bend=nets.clip())
    finding = net.diagnose().headline
    assert finding.code == "SC103"
    assert finding.evidence == {"non_finite_map": 1}
    assert "in the map, where activations and gradients are multiplied" in finding.message


def test_half_precision_is_advised_against():
    assert "float32" in fired(nets.broken().but(half=True).diagnose(), "SC103").advice
    assert "16 bits, whose largest" in fired(nets.broken().but(half=True).diagnose(), "SC103").advice


def test_quiet():
    assert passed(nets.healthy().diagnose(), "SC103").startswith("logits, activations and gradients are finite")


def test_always_applicable():
    for net in (nets.nowhere(), nets.healthy().but(layer="aside"), nets.dead()):
        assert passed(net.diagnose(), "SC103").endswith("as far as they are there")


@pytest.mark.keras
def test_weights_that_became_nan_after_the_model_was_opened():
    import keras

    keras.utils.set_random_seed(0)
    image = keras.Input((8, 8, 2))
    x = keras.layers.Conv2D(4, 3, padding="same", activation="relu", name="first")(image)
    x = keras.layers.Conv2D(4, 3, padding="same", activation="relu", name="second")(x)
    model = keras.Model(image, keras.layers.Conv2D(3, 1, name="logits")(x))
    probe = sc.open_probe(model, np.ones((8, 8, 2)))
    kernel, bias = model.get_layer("second").get_weights()
    model.get_layer("second").set_weights([kernel * np.nan, bias])
    for layer in ("first", "second", "logits"):
        diagnosis = sc.diagnose(probe, sc.CamQuery(layer, 0))
        finding = fired(diagnosis, "SC103")
        assert diagnosis.headline is finding
        assert "beginning at layer second" in finding.message
