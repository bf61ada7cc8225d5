"""Every method at every layer of real networks: the demo's, a residual one, one with attention and a bilinear resize."""

from collections import Counter

import keras
import numpy as np
import pytest
from keras import layers
from scipy.special import log_softmax

import segcam_widgets as sc
from segcam_widgets.core.grid import resize_bilinear
from segcam_widgets.core.methods import batches
from segcam_widgets.core.scores import SCORES, ScoreInput
from segcam_widgets.diagnosis.caching_probe import Remembering
from segcam_widgets.keras_probe.engine.engine import Engine
from tests.ledger import architectures

pytestmark = pytest.mark.keras
SIDE = 16
QUICK = {"occlusion": {"window": 8, "stride": 8}, "integrated-gradients": {"steps": 3}, "seg-xres-cam": {"window": 3}}
"""Options with which a method shows what it does in a moment."""


def residual():
    """Two residual blocks with batch normalisation, one of them strided, and a skip connection to the decoder."""
    image = keras.Input((SIDE, SIDE, 3), name="image")
    first = x = layers.ReLU(name="stem")(architectures.norm(architectures.conv(6, image, activation=None)))
    for number, (filters, stride) in enumerate([(6, 1), (8, 2)]):
        inner = architectures.conv(filters, x, activation=None, strides=stride, name=f"block{number}_conv")
        inner = layers.ReLU(name=f"block{number}_relu")(architectures.norm(inner))
        inner = architectures.norm(architectures.conv(filters, inner, activation=None))
        if stride > 1:
            x = layers.AveragePooling2D(stride, name=f"block{number}_pool")(x)
            x = architectures.conv(filters, x, 1, None, name=f"block{number}_short")
        x = layers.ReLU(name=f"block{number}_out")(layers.Add(name=f"block{number}_add")([x, inner]))
    x = layers.Concatenate(name="join")([layers.UpSampling2D(2, name="up")(x), first])
    return keras.Model(image, layers.Softmax()(architectures.conv(4, x, 1, None, name="logits")))


@pytest.fixture(scope="module")
def models():
    keras.utils.set_random_seed(3)
    return {"residual": residual(), "attention": architectures.attention(), "demo": sc.load_demo().model}


@pytest.fixture(scope="module")
def probes(models):
    part = sc.load_demo().images[0][40:88, 40:88]
    pictures = {"demo": part.reshape(48, 48, 1)}
    return {name: sc.open_probe(model, pictures.get(name, architectures.picture())) for name, model in models.items()}


REGION = sc.Rectangle(2, 3, 13, 15)


def ask(probe, layer, method, score=None, baseline="zero", **options):
    query = sc.CamQuery(layer, 1, REGION, score, method, baseline, options=options or QUICK.get(method, {}))
    return sc.explain(probe, query)


@pytest.mark.parametrize("name", ["residual", "attention", "demo"])
def test_every_method_at_every_layer(probes, name, monkeypatch):
    # every layer is asked once and no more: compiling would be most of the time, and is tested where methods are few
    monkeypatch.setattr(Engine, "call", lambda self, key, function, arguments, deep: function(*arguments))
    monkeypatch.setattr(Engine, "compiled", lambda self, key, build, deep: None)
    probe, asked = Remembering(probes[name]), Counter()
    for info in probe.layers:
        for method in sc.METHODS.values():
            if method.refusal(info, probe.layers):
                continue
            asked[method.name] += 1
            ex = ask(probe, info.name, method.name)
            assert ex.cam.shape == info.shape[:2]
            assert np.isfinite(ex.cam).all()
            if ex.weights.size:
                terms = ex.weights * (ex.activations.astype(float) - ex.baseline)
                atol = 1e-5 * np.abs(terms).sum(-1).max()
                np.testing.assert_allclose(ex.cam, terms.sum(-1), atol=atol)
    count = len(probe.layers)
    assert {asked[method] for method in sc.METHODS if method != "score-cam"} <= {count, count - 1}  # eigen: one channel
    assert asked["score-cam"] == count - 1


def middle(probe):
    """A layer with what follows of every kind, and several channels."""
    return {"residual": "block0_relu", "attention": "feat", "demo": "enc2_relu"}[probe]


@pytest.mark.parametrize("name", ["residual", "attention", "demo"])
def test_ablation_cam_is_what_switching_one_channel_off_does(probes, name):
    """A batch of replays against one at a time."""
    probe, layer = probes[name], middle(name)
    ex = ask(probe, layer, "ablation-cam", baseline="mean")
    for k in (0, ex.weights.size - 1):
        done = sc.ablate(probe, ex.query, k, to="mean")
        assert ex.weights[k] == pytest.approx(-done.change, abs=1e-4 * max(1, abs(ex.score)))


@pytest.mark.parametrize("name", ["residual", "attention", "demo"])
def test_score_cam_is_what_the_users_own_model_says_of_the_masked_image(models, probes, name):
    probe, layer = probes[name], middle(name)
    ex = ask(probe, layer, "score-cam", score="log_probability")
    assert ex.evidence["replays"] == np.count_nonzero(ex.weights) + 1
    k = int(np.abs(ex.weights).argmax())
    mask = resize_bilinear(ex.activations[:, :, k], probe.x.shape[1:3])
    mask = (mask - mask.min()) / (mask.max() - mask.min())
    scores = []
    for masked in (probe.x * mask[..., None], probe.x * 0):
        output = models[name](masked, training=False).numpy()[0].astype(float)
        logs = np.log(output) if name != "attention" else log_softmax(output, -1)  # which ends with logits
        scores.append(logs[ex.mask][:, 1].mean())
    assert ex.weights[k] == pytest.approx(scores[0] - scores[1], rel=1e-3, abs=1e-4)


@pytest.mark.parametrize("name", ["residual", "attention", "demo"])
def test_occlusion_is_what_covering_one_window_does(probes, name):
    probe, layer = probes[name], middle(name)
    ex = ask(probe, layer, "occlusion", "centered_logit", window=2, stride=2)
    covered = np.array(ex.activations)
    covered[2:4, 0:2] = 0
    logits = probe.replay(layer, covered)[ex.mask].astype(float)
    fall = ex.score - (logits[:, 1] - logits.mean(1)).mean()
    np.testing.assert_allclose(ex.cam[2:4, 0:2], fall / 4, atol=1e-4 * max(1, abs(ex.score)))


@pytest.mark.parametrize("score", ["centered_logit", "margin", "probability"])
@pytest.mark.parametrize("name", ["residual", "attention", "demo"])
def test_integrated_gradients_approach_completeness(probes, name, score):
    few, many = (ask(probes[name], middle(name), "integrated-gradients", score, steps=n) for n in (2, 48))
    assert many.evidence["completeness_error"] <= 0.05 * max(
        abs(many.evidence["difference"]), np.abs(many.cam).sum() / 10
    )
    assert many.evidence["difference"] == pytest.approx(few.evidence["difference"])


@pytest.mark.parametrize("name", ["residual", "demo"])
def test_shapley_cam_of_a_probability_is_half_the_way_to_the_gradient_further_on(probes, name):
    """H A by differences, at activations a little larger and a little smaller; all gates after the layer stay as they are."""
    probe = probes[name]
    layer = probe.layers[-1].name
    ex = ask(probe, layer, "shapley-cam", "probability")
    ends = []
    for factor in (1.01, 0.99):
        a = (ex.activations * np.float32(factor)).astype(np.float32)
        cotangent = SCORES["probability"].cotangent(ScoreInput(probe.replay(layer, a), ex.mask, 1))
        ends.append(probe.pullback(layer, cotangent.divided(int(ex.mask.sum())), at=a).gradients.mean((0, 1)))
    bent = (ends[0] - ends[1]) / 0.02
    np.testing.assert_allclose(ex.weights, ex.pooled_gradients - bent / 2, atol=0.02 * np.abs(bent).max() + 1e-7)


def test_attention_is_run_one_at_a_time_and_the_rest_in_batches(probes):
    """Its tensors grow with the square of the map, and no layer shows them."""
    assert batches.batch_size(probes["attention"], "feat", 100) == 1
    assert batches.batch_size(probes["attention"], "grid", 100) == batches.LARGEST  # behind it
    assert batches.batch_size(probes["residual"], "stem", 100) == batches.LARGEST


def test_a_map_does_not_depend_on_how_the_work_is_cut_up(probes, monkeypatch):
    probe = probes["residual"]
    maps = {}
    for budget in (1, batches.BUDGET):
        monkeypatch.setattr(batches, "BUDGET", budget)
        for method in ("ablation-cam", "score-cam", "occlusion", "integrated-gradients"):
            maps[method, budget] = ask(probe, "block0_out", method).cam
    for (method, _), cam in maps.items():
        one = maps[method, 1]
        np.testing.assert_allclose(cam, one, atol=1e-4 * np.abs(one).max())


def test_a_network_of_half_precision():
    """Scores of replays are compared with a replay: rounding is the same on both sides."""
    keras.utils.set_random_seed(1)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = residual()
    finally:
        keras.config.set_dtype_policy(before)
    probe = sc.open_probe(model, np.random.default_rng(0).random((SIDE, SIDE, 3)).astype(np.float32))
    for method in sc.METHODS:
        ex = ask(probe, "block1_out", method)
        assert np.isfinite(ex.cam).all()
        assert ex.cam.any()


def test_input_of_whole_numbers_has_no_score_cam():
    image = keras.Input((SIDE, SIDE, 3), dtype="uint8", name="image")
    x = architectures.conv(4, layers.Rescaling(1 / 255, name="scale")(image), name="feat")
    model = keras.Model(image, architectures.conv(3, x, 1, "softmax", name="logits"))
    probe = sc.open_probe(model, np.random.default_rng(0).integers(0, 255, (SIDE, SIDE, 3), dtype=np.uint8))
    with pytest.raises(sc.SegCamError, match="`method` 'score-cam' masks the model's input"):
        ask(probe, "feat", "score-cam")
    assert ask(probe, "feat", "ablation-cam").cam.any()
