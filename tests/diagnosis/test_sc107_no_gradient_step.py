import numpy as np
import pytest

import segcam_widgets as sc
from tests.core.fake_probe import Gain, Round
from tests.diagnosis import nets
from tests.diagnosis.nets import inside, offset, pull
from tests.diagnosis.outcomes import headline, not_applicable, passed


def test_fires_and_names_the_step():
    """Rounded, 3.2 is 3 and a margin of 2; switched off or lowered to 0.1 it is 0, and a margin of -1."""
    finding = headline(nets.rounded(), "SC107")
    assert finding.title == "After feat, a step lets no gradient through"
    assert finding.message == (
        "The gradient of every class is zero at feat, and yet the layer counts: changed, it moves the margin by up to 150 % "
        "of its size. bent (Round) lets no gradient through."
    )
    assert finding.evidence == {"largest_change": pytest.approx(1.5), "steps": 1}


def test_a_layer_behind_the_step_when_asked_to_be_thorough():
    assert headline(nets.rounded(), "SC107").remedy is None
    finding = headline(nets.rounded(), "SC107", thorough=True)
    assert finding.remedy.layer in ("own", "bent", "logits")
    assert finding.remedy_result.gain >= 0.5


def test_quiet_where_changing_the_layer_changes_nothing():
    net = nets.rounded().but(activations=inside([0.2, 0.1], [0.3, 0.4]), bias=inside(offset(1), offset(-1)))
    assert "nothing comes through at all" in passed(net.diagnose(), "SC107")


def test_quiet_where_every_step_has_a_gradient():
    assert passed(nets.closed().diagnose(), "SC107") == "every step after the layer has a gradient"
    assert passed(nets.multiplied_by_zero().diagnose(), "SC107") == "every step after the layer has a gradient"
    assert passed(nets.absence().diagnose(), "SC107") == "a gradient comes back through all that follows"


def test_quiet_where_a_gradient_comes_back_beside_the_step():
    """The step stands on another way to the logits."""
    probe = nets.NumpyProbe(
        inside([0.1, 0.2], nets.textured()),
        [("feat", Gain(1.0), nets.IMAGE), ("round", Round(), "feat"), ("sum", nets.Plus(0.0), ["feat", "round"]),
         ("logits", nets.Conv(pull(-1, -1), offset(2)), "sum")],
    )  # fmt: skip
    assert set(probe.tail("feat").no_gradient) == {"round"}
    diagnosis = sc.diagnose(probe, sc.CamQuery("feat", 0))
    assert passed(diagnosis, "SC107") == "a gradient comes back through all that follows"
    assert diagnosis.headline.code == "SC205"


def test_not_applicable():
    assert not_applicable(nets.nowhere().diagnose(), "SC107") == "the region has no pixel"
    assert not_applicable(nets.dead().diagnose(), "SC107") == "every channel is zero here"
    assert "no path" in not_applicable(nets.healthy().but(layer="aside").diagnose(), "SC107")


@pytest.mark.keras
@pytest.mark.parametrize("step", ["threshold", "stop_gradient"])
def test_on_a_keras_cascade_that_thresholds_its_first_stage(step):
    """The second stage is given the picture and the first stage's mask, as yes or no."""
    import keras

    keras.utils.set_random_seed(0)

    @keras.saving.register_keras_serializable("tests")
    class Gate(keras.layers.Layer):
        def call(self, x):
            return keras.ops.cast(x > 0.5, "float32") if step == "threshold" else keras.ops.stop_gradient(x)

    image = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(4, 3, padding="same", activation="relu", name="stage1")(image)
    mask = keras.layers.Conv2D(1, 1, activation="sigmoid", name="mask1")(x)
    joined = keras.layers.Concatenate()([image, Gate(name="gate")(mask)])
    x = keras.layers.Conv2D(4, 3, padding="same", activation="relu", name="stage2")(joined)
    model = keras.Model(image, keras.layers.Conv2D(2, 1, activation="softmax")(x))
    probe = sc.open_probe(model, np.random.default_rng(0).random((16, 16, 3)))
    finding = sc.diagnose(probe, sc.CamQuery("stage1", 1, sc.Everything())).headline
    assert finding.code == "SC107"
    assert "gate" in finding.message
    assert finding.evidence["largest_change"] > 1e-3
    assert "closed" not in finding.message


def test_a_map_that_is_made_without_a_gradient_is_not_blank_for_want_of_one():
    """Rounded absence: Ablation-CAM switches channels off, and its map is blank as the gradient's would be without rounding."""
    net = nets.absence().but(activations=inside([1.1, 0.2], nets.textured()), bend=Round(), method="ablation-cam")
    diagnosis = net.diagnose()
    assert diagnosis.blank
    assert diagnosis.headline.code == "SC205"
    step = next(f for f in diagnosis.findings if f.code == "SC107")
    assert step.severity == "tip"
    assert "Ablation-CAM needs no gradient" in step.advice
    assert headline(net.but(method="seg-grad-cam"), "SC107").advice.endswith("Ablation-CAM, Score-CAM, occlusion.")
