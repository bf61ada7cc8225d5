import numpy as np
import pytest

import segcam_widgets as sc
from tests.core.fake_probe import IMAGE, Conv, Gain, NumpyProbe
from tests.diagnosis import nets
from tests.diagnosis.nets import Plus, inside, offset, pull
from tests.diagnosis.outcomes import findings, not_applicable, passed, tip


def test_fires_beside_the_headline():
    assert findings(nets.multiplied_by_zero()) == [("SC102", "issue"), ("SC215", "tip")]
    finding = tip(nets.multiplied_by_zero(), "SC215")
    assert finding.title == "What feat does is multiplied by zero, for every image"
    assert finding.message == (
        "Between feat and the logits stands bent, whose weights are all zero: whatever the image, nothing of this layer comes "
        "through."
    )
    assert finding.evidence == {"steps": 1}


def branch(weight):
    """The layer itself, and what a branch makes of it times a weight."""
    nodes = [
        ("feat", Gain(1.0), IMAGE), ("branch", Gain(2.0), "feat"), ("gamma", Gain(weight), "branch"),
        ("sum", Plus(0.0), ["feat", "gamma"]), ("logits", Conv(pull(1, 1), offset(-1)), "sum"),
    ]  # fmt: skip
    return NumpyProbe(inside([1, 2], [0, 0.1]), nodes, class_names=("brick", "grass", "gravel"))


def test_a_branch_that_was_not_trained_away_from_zero():
    probe = branch(0.0)
    diagnosis = sc.diagnose(probe, sc.CamQuery("branch", 0))
    assert [f.code for f in diagnosis.findings][:1] == ["SC102"]
    assert "stands gamma, whose" in next(f.message for f in diagnosis.findings if f.code == "SC215")
    assert not sc.diagnose(probe, sc.CamQuery("feat", 0)).blank  # it goes round the branch


def test_quiet():
    assert (
        passed(sc.diagnose(branch(1e-3), sc.CamQuery("branch", 0)), "SC215")
        == "a gradient comes back through all that follows"
    )
    assert (
        passed(sc.diagnose(branch(0.0), sc.CamQuery("feat", 0)), "SC215")
        == "a gradient comes back through all that follows"
    )
    assert passed(nets.closed().diagnose(), "SC215") == "no step after the layer has weights that are all zero"


def test_not_applicable():
    assert not_applicable(nets.nowhere().diagnose(), "SC215") == "the region has no pixel"
    assert "no path" in not_applicable(nets.healthy().but(layer="aside").diagnose(), "SC215")


@pytest.mark.keras
@pytest.mark.parametrize("weight", [0.0, 0.1])
def test_on_a_keras_network_whose_attention_starts_at_zero(weight):
    import keras

    keras.utils.set_random_seed(0)

    @keras.saving.register_keras_serializable("tests")
    class Gamma(keras.layers.Layer):
        def build(self, shape):
            self.gamma = self.add_weight(shape=(), initializer=keras.initializers.Constant(weight), name="gamma")

        def call(self, x):
            return x * self.gamma

    image = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(6, 3, padding="same", activation="relu", name="feat")(image)
    attention = keras.layers.Conv2D(6, 3, padding="same", activation="relu", name="attention")(x)
    joined = keras.layers.Add()([x, Gamma(name="gamma")(attention)])
    model = keras.Model(image, keras.layers.Conv2D(3, 1, activation="softmax")(joined))
    probe = sc.open_probe(model, np.random.default_rng(0).random((16, 16, 3)))
    diagnosis = sc.diagnose(probe, sc.CamQuery("attention", 1, sc.Everything()))
    codes = {f.code: f for f in diagnosis.findings}
    assert ("SC215" in codes) == (weight == 0)
    if weight == 0:
        assert diagnosis.headline.code == "SC102"
        assert "gamma" in codes["SC215"].message
        assert "for every image" in diagnosis.headline.message
        assert "closed" not in diagnosis.headline.message
    assert "SC215" not in [f.code for f in sc.diagnose(probe, sc.CamQuery("feat", 1, sc.Everything())).findings]
