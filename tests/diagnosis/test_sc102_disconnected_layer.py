import numpy as np
import pytest

import segcam_widgets as sc
from tests.diagnosis import nets
from tests.diagnosis.outcomes import fired, passed


def test_fires_without_a_path():
    diagnosis = nets.healthy().but(layer="aside").diagnose()
    assert diagnosis.headline.code == "SC102"
    assert diagnosis.headline.message == "`layer` 'aside' does not reach the logits."
    assert diagnosis.headline.evidence == {"path": False}
    assert diagnosis.blank
    assert diagnosis.query.layer == "aside"


def test_fires_where_no_class_has_a_gradient():
    finding = nets.ignored().diagnose().headline
    assert finding.code == "SC102"
    assert "exactly zero" in finding.message
    assert finding.evidence["path"]


def test_quiet_where_only_the_asked_class_has_none():
    """Class 0 is the mean of the three: its centered logit does not depend on the layer, the others do."""
    net = nets.ignored().but(kernel=np.array([[0.0, 1, -1], [0.0, 1, -1]]), bias=np.array([40.0, 0, 0]))
    assert not net.explain().gradients.any()
    diagnosis = net.diagnose()
    assert passed(diagnosis, "SC102") == "the layer's gradient reaches the region"
    assert diagnosis.headline.code == "SC205"


def test_quiet_on_a_healthy_map_and_without_a_further_query():
    probe = nets.healthy().probe
    assert passed(sc.diagnose(probe, nets.healthy().query), "SC102") == "the layer's gradient reaches the region"
    assert probe.calls["pullback"] == 1


def test_nothing_more_is_said_where_the_region_is_empty():
    assert "the region has no pixel" in passed(nets.nowhere().diagnose(), "SC102")


@pytest.mark.parametrize("net", [nets.healthy().but(layer="aside"), nets.ignored()])
def test_another_layer_when_asked_to_be_thorough(net):
    assert fired(net.diagnose(), "SC102").remedy is None
    finding = fired(net.diagnose(thorough=True), "SC102")
    assert finding.remedy.layer in ("feat", "own", "logits")
    assert not finding.remedy_result.is_empty


@pytest.mark.keras
def test_on_a_keras_network_with_a_branch_that_leads_nowhere():
    import keras

    image = keras.Input((8, 8, 2))
    x = keras.layers.Conv2D(4, 1, name="features")(image)
    aside = keras.layers.Conv2D(2, 1, name="aside")(x)
    model = keras.Model(image, [keras.layers.Conv2D(3, 1, name="logits")(x), aside])
    probe = sc.open_probe(model, np.ones((8, 8, 2)), output=0)
    with pytest.raises(sc.DisconnectedLayerError):
        sc.explain(probe, sc.CamQuery("aside", 0))
    diagnosis = sc.diagnose(probe, sc.CamQuery("aside", 0, sc.Everything()))
    assert diagnosis.headline.code == "SC102"
    assert "does not reach the logits" in diagnosis.headline.message


@pytest.mark.keras
def test_a_region_outside_what_the_layer_sees():
    """A crop: the left half of the layer is all that the output shows, and a ReLU is closed in the region."""
    import keras

    image = keras.Input((8, 8, 1))
    x = keras.layers.Conv2D(2, 1, kernel_initializer="ones", name="features")(image)
    x = keras.layers.Conv2D(2, 1, activation="relu", kernel_initializer="ones", name="gate")(x)
    model = keras.Model(image, keras.layers.Conv2D(3, 1, name="logits")(x))
    picture = np.ones((8, 8, 1), np.float32)
    picture[:4] = -1
    probe = sc.open_probe(model, picture)
    finding = sc.diagnose(probe, sc.CamQuery("features", 1, sc.Rectangle(0, 0, 4, 8))).headline
    assert finding.code == "SC102"
    assert finding.evidence["path"]
