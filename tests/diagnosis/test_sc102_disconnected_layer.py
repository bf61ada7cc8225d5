import numpy as np
import pytest

import segcam_widgets as sc
from tests.core.fake_probe import Gain, Round
from tests.diagnosis import nets
from tests.diagnosis.outcomes import fired, headline, passed


def test_fires_without_a_path():
    diagnosis = nets.healthy().but(layer="aside").diagnose()
    assert diagnosis.headline.code == "SC102"
    assert diagnosis.headline.message == "`layer` 'aside' does not reach the logits."
    assert diagnosis.headline.evidence == {"path": False}
    assert diagnosis.blank
    assert diagnosis.query.layer == "aside"


def test_fires_where_no_class_has_a_gradient_and_replays_change_nothing():
    finding = headline(nets.ignored(), "SC102")
    assert finding.title == "Nothing that feat does reaches the region"
    assert finding.message == (
        "A path leads from feat to the logits, and the gradient of every class in the region is exactly zero: lifted, lowered or "
        "switched off, the layer changes nothing there. The region lies outside what the layer reaches, or units between stay "
        "closed."
    )
    assert finding.evidence == {"path": True, "largest_gradient": 0.0, "largest_change": 0.0, "cells": 100}


def test_units_that_are_closed_are_told_by_the_replays():
    """Inside, 0.5 and 0.2 are below the ReLU's 1; lifted to 3 and 2 they are above, and pull by 2 + 1 on a margin of 2."""
    finding = headline(nets.closed(), "SC102")
    assert finding.title == "At feat, no gradient comes back to the region"
    assert finding.evidence["largest_change"] == pytest.approx(1.5)
    assert "units between are closed or full at this image." in finding.message
    assert "moves the margin by up to 150 % of its size" in finding.message


@pytest.mark.parametrize(("weight", "changes"), [(0.99e-4, False), (1.01e-4, True)])
def test_a_ten_thousandth_of_the_margin_is_a_change(weight, changes):
    """Behind a closed ReLU, lifting to 2 and 1 adds weight * (1 + 0) to a margin of 1."""
    net = nets.closed().but(
        activations=nets.inside([0.5, 0.2], [2, 1]),
        kernel=nets.pull(-weight, 0),
        bias=nets.inside(nets.offset(1), nets.offset(-9)),
    )
    finding = headline(net, "SC102")
    assert (finding.title == "At feat, no gradient comes back to the region") == changes
    assert nets.Case(net.probe, net.query).decision.line == ("3c" if changes else "3")


def test_a_weight_of_zero_is_named():
    finding = headline(nets.multiplied_by_zero(), "SC102")
    assert finding.message.endswith("what it does goes through bent, and its weight is zero, for every image.")


def test_quiet_where_only_the_asked_class_has_none():
    """Class 0 is the mean of the three: its centered logit does not depend on the layer, the others do."""
    net = nets.ignored().but(kernel=np.array([[0.0, 1, -1], [0.0, 1, -1]]), score="centered_logit")
    assert not net.explain().gradients.any()
    diagnosis = net.diagnose()
    assert passed(diagnosis, "SC102") == "the layer's gradient reaches the region"
    assert diagnosis.headline.code != "SC102"


def test_quiet_where_a_step_without_a_gradient_explains_it():
    assert passed(nets.rounded().diagnose(), "SC102") == "a step without a gradient lies between (SC107)"
    still = nets.rounded().but(
        activations=nets.inside([0.2, 0.1], [0.3, 0.4]), bias=nets.inside([1, 0, -9], [-1, 0, -9])
    )
    assert headline(still, "SC102").evidence["largest_change"] == 0  # rounded to zero whatever is done


def test_quiet_where_the_gradient_is_lost_in_16_bits():
    diagnosis = nets.underflow().diagnose()
    assert passed(diagnosis, "SC102") == "in 32 bits a gradient comes back (SC209)"
    assert diagnosis.headline.code == "SC209"


def test_quiet_where_the_layer_is_silent():
    diagnosis = nets.dead().but(kernel=np.zeros((2, 3))).diagnose()
    assert passed(diagnosis, "SC102") == "every channel is zero here, so that replays cannot tell"


def test_quiet_on_a_healthy_map_and_without_a_further_query():
    probe = nets.healthy().probe
    assert passed(sc.diagnose(probe, nets.healthy().query), "SC102") == "the layer's gradient reaches the region"
    assert probe.calls["pullback"] == 1
    assert probe.calls["replay"] == 0


def test_nothing_more_is_said_where_the_region_is_empty():
    assert "the region has no pixel" in passed(nets.nowhere().diagnose(), "SC102")


@pytest.mark.parametrize("net", [nets.healthy().but(layer="aside"), nets.ignored()])
def test_another_layer_when_asked_to_be_thorough(net):
    assert fired(net.diagnose(), "SC102").remedy is None
    finding = fired(net.diagnose(thorough=True), "SC102")
    assert finding.remedy.layer in ("feat", "own", "logits")
    assert not finding.remedy_result.is_empty


def test_the_fake_tail_tells_these_steps():
    tail = nets.rounded().probe.tail("feat")
    assert (dict(tail.no_gradient), tail.zero_weights) == ({"bent": "Round"}, ())
    assert nets.multiplied_by_zero().probe.tail("feat").zero_weights == ("bent",)
    assert nets.multiplied_by_zero().probe.tail("own").zero_weights == ()
    assert Gain(0.5).zero_weight is False
    assert Round().no_gradient


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
@pytest.mark.parametrize("opens", [False, True])
def test_a_relu_that_is_closed_in_the_region(opens):
    """The region is dark. As bright as elsewhere its ReLU opens; behind one that no brightness opens nothing ever comes."""
    import keras

    image = keras.Input((8, 8, 1))
    x = keras.layers.Conv2D(2, 1, kernel_initializer="ones", name="features")(image)
    bias = keras.initializers.Constant(0.0 if opens else -9.0)
    x = keras.layers.Conv2D(2, 1, activation="relu", kernel_initializer="ones", bias_initializer=bias, name="gate")(x)
    kernel, head = np.array([[-1.0, 1, 0], [-1.0, 1, 0]]), np.array([1.0, 0, -1])
    logits = keras.layers.Conv2D(3, 1, name="logits")
    model = keras.Model(image, logits(x))
    logits.set_weights([kernel[None, None], head])
    picture = np.ones((8, 8, 1), np.float32)
    picture[:4] = -1
    probe = sc.open_probe(model, picture)
    finding = sc.diagnose(probe, sc.CamQuery("features", 0, sc.Rectangle(0, 0, 4, 8))).headline
    assert finding.code == "SC102"
    assert finding.evidence["path"]
    assert ("no gradient comes back" in finding.title) == opens


def test_occlusion_behind_closed_units_is_not_blank_for_want_of_a_gradient():
    """Of four channels that are closed inside, and open elsewhere, no window that is switched off tells the region anything."""
    diagnosis = nets.closed().but(method="ablation-cam").diagnose()
    assert diagnosis.headline.code == "SC205"
    tip = fired(diagnosis, "SC102")
    assert (tip.severity, tip.title) == ("tip", "At feat, no gradient comes back to the region")
