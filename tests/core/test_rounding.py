"""What cancels to rounding is zero and says so; what is merely blank is left alone, and costs no second look."""

import numpy as np
import pytest

import segcam_widgets as sc
from segcam_widgets.core.methods import METHODS
from tests.core.fake_probe import Conv, NumpyProbe, linear_head, random_network, relu

CONTRASTS = ("centered_logit", "margin", "log_odds", "log_probability", "probability")
QUICK = [name for name, method in METHODS.items() if method.reads_gradient]
NOISE = 1e-8


def alike(noise=NOISE, classes=3, **more):
    """A head that was never trained apart: kernels that differ by rounding, and biases that do not."""
    rng = np.random.default_rng(0)
    kernel = np.array([0.5, -0.3, 0.8])[:, None] + noise * rng.normal(size=(3, classes))
    nodes = [("feat", Conv(rng.normal(size=(3, 3, 1, 3)), 0.5), "image"), ("relu", relu(), "feat"),
             ("logits", Conv(kernel, [0.2, 0.1, 0][:classes]), "relu")]  # fmt: skip
    return NumpyProbe(rng.random((8, 8, 1)), nodes, **more)


@pytest.mark.parametrize("method", QUICK)
@pytest.mark.parametrize("score", CONTRASTS)
@pytest.mark.parametrize("class_", [0, 1, 2])
def test_nothing_but_rounding_is_zero(score, class_, method):
    ex = sc.explain(alike(), sc.CamQuery("relu", class_, sc.Everything(), score, method))
    for values in (ex.gradients, ex.weights, ex.cam):
        assert values.size
        assert not values.any()
    assert (ex.is_empty, ex.positive_share) == (True, 0)
    (note,) = [note for note in ex.notes if "rounding" in note]
    assert note.startswith("Zero, up to rounding: the gradient of the class alone is up to ")
    assert note.endswith(" is left. Nothing at this layer tells them apart.")


def test_the_score_is_what_it_is():
    ex = sc.explain(alike(), sc.CamQuery("relu", 0, sc.Everything(), "margin"))
    assert ex.score == pytest.approx(0.1, abs=1e-5)  # the biases


def test_a_small_difference_that_is_one_stays():
    ex = sc.explain(alike(noise=1e-4), sc.CamQuery("relu", 0, sc.Everything()))
    assert ex.cam.any()
    assert not ex.notes


def test_the_raw_logit_compares_nothing():
    probe = alike()
    ex = sc.explain(probe, sc.CamQuery("relu", 0, sc.Everything(), "logit"))
    assert ex.weights == pytest.approx([0.5 / 64, -0.3 / 64, 0.8 / 64])
    assert probe.calls["pullback"] == 1


def test_several_sigmoids_do_not_either():
    probe = NumpyProbe(alike().x, alike().nodes, multilabel=True)
    for score in ("logit", "probability"):
        assert sc.explain(probe, sc.CamQuery("relu", 0, sc.Everything(), score)).cam.any()


def test_an_ordinary_blank_map_costs_one_pullback():
    probe = linear_head(np.random.default_rng(0).random((6, 6, 2)) + 1, [[-1, 1, 0], [-2, 0.5, 0]], [9, 0, 0])
    ex = sc.explain(probe, sc.CamQuery("image", 0, sc.Everything()))
    assert ex.is_empty
    assert ex.cam.any()
    assert probe.calls["pullback"] == 1


@pytest.mark.parametrize("score", sc.SCORES)
def test_nor_does_any_map_of_a_network_pay(score):
    probe = random_network(1)
    sc.explain(probe, sc.CamQuery("deep", 1, sc.Everything(), score))
    assert probe.calls["pullback"] == 1


def test_a_quiet_map_is_looked_at_once_more():
    probe = alike()
    sc.explain(probe, sc.CamQuery("relu", 0, sc.Everything()))
    assert probe.calls["pullback"] == 2


def test_zero_is_zero_without_a_look():
    probe = alike(noise=0)
    ex = sc.explain(probe, sc.CamQuery("relu", 0, sc.Everything()))
    assert not ex.cam.any()
    assert not ex.notes
    assert probe.calls["pullback"] == 1


def test_a_layer_that_the_class_alone_does_not_read():
    """The rivals' gradient is all there is: as small as it may be, nothing cancelled."""
    probe = linear_head(np.ones((4, 4, 1)), [[0, 1e-7, 0]], [1, 0.5, 0])
    ex = sc.explain(probe, sc.CamQuery("image", 0, sc.Everything(), rival=1, score="margin"))
    assert probe.calls["pullback"] == 2
    assert ex.cam.all()


def test_half_precision_is_judged_by_32_bits():
    probe = alike(half_precision=True)
    ex = sc.explain(probe, sc.CamQuery("relu", 0, sc.Everything()))
    assert not ex.cam.any()
    assert probe.calls["pullback_float32"] == 2


def test_where_32_bits_are_not_to_be_had_nothing_is_claimed():
    class Stubborn(NumpyProbe):
        def pullback_float32(self, layer, cotangent):
            raise sc.UnsupportedModelError("`layer` cannot be rebuilt.")

    found = alike()
    ex = sc.explain(Stubborn(found.x, found.nodes, half_precision=True), sc.CamQuery("relu", 0, sc.Everything()))
    assert ex.cam.any()
    assert not ex.notes


def test_what_is_replayed_is_believed():
    """Ablation-CAM makes its map of scores, not of the gradient."""
    ex = sc.explain(alike(), sc.CamQuery("relu", 0, sc.Everything(), "logit", "ablation-cam"))
    assert ex.cam.any()
