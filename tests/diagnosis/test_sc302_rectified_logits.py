import numpy as np
import pytest

import segcam_widgets as sc
from tests.diagnosis import nets
from tests.diagnosis.outcomes import fired, not_applicable, passed


def with_open_pixels(count):
    """Behind a ReLU that leaves `count` pixels of a hundred open."""
    bias = np.full((nets.SIZE, nets.SIZE, 3), -1e3)
    bias.reshape(-1, 3)[:count] = 50
    return nets.absence().but(bias=bias, rectified=True, region=sc.Everything())


def test_fires():
    diagnosis = nets.clipped().diagnose()
    finding = diagnosis.headline
    assert finding.code == "SC302"
    assert finding.evidence["clipped_share"] == 1
    assert "100 % of those in the region are clipped" in finding.message


@pytest.mark.parametrize(("open_pixels", "fires"), [(0, True), (1, True), (2, False)])
def test_ninety_nine_per_cent(open_pixels, fires):
    diagnosis = with_open_pixels(open_pixels).diagnose()
    assert ("SC302" in [f.code for f in diagnosis.findings]) == fires


def test_quiet_where_the_class_is_not_clipped_though_most_other_logits_are():
    """150 classes of which one is alive: 99.3 % of the logits are zero, as they should be."""
    kernel = np.zeros((2, 150))
    kernel[:, 0] = -0.1
    bias = np.full(150, -1.0)
    bias[0] = 30
    net = nets.absence().but(kernel=kernel, bias=bias, rectified=True, region=nets.INSIDE, score="centered_logit")
    diagnosis = net.diagnose()
    assert "99 % of the region's logits are clipped" in passed(diagnosis, "SC302")
    assert diagnosis.headline.code == "SC213"


def test_a_tip_on_a_map_that_is_not_blank():
    """The one open pixel carries a map: not blank, but worth knowing."""
    diagnosis = with_open_pixels(1).but(kernel=np.array([[1.0, 0, 0], [1.0, 0, 0]])).diagnose()
    assert not diagnosis.blank
    assert fired(diagnosis, "SC302").severity == "tip"


def test_quiet_without_a_relu_on_the_head():
    assert passed(nets.healthy().diagnose(), "SC302") == "no ReLU stands on the logits"


def test_not_applicable():
    assert not_applicable(nets.nowhere().diagnose(), "SC302") == "the region has no pixel"
    assert "no path" in not_applicable(nets.clipped().but(layer="aside").diagnose(), "SC302")


@pytest.mark.keras
def test_on_a_keras_network_with_a_relu_before_its_softmax():
    import keras

    image = keras.Input((8, 8, 2))
    x = keras.layers.Conv2D(4, 3, padding="same", activation="relu", name="features")(image)
    x = keras.layers.Conv2D(3, 1, activation="relu", bias_initializer=keras.initializers.Constant(-100), name="head")(x)
    model = keras.Model(image, keras.layers.Softmax()(keras.layers.UpSampling2D(2)(x)))
    probe = sc.open_probe(model, np.ones((8, 8, 2)))
    diagnosis = sc.diagnose(probe, sc.CamQuery("features", 0))
    assert diagnosis.headline.code == "SC302"
    assert diagnosis.headline.evidence["clipped_share"] == 1


def test_the_verdict_keeps_the_names_letters():
    assert nets.clipped().diagnose().to_markdown().startswith("**Blank map: a ReLU on the head clips the logits**")
