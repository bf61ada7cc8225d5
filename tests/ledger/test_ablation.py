"""Switching channels off: what really happens, beside what the gradient forecast."""

import numpy as np
import pytest

import segcam_widgets as sc
from tests.core.fake_probe import Conv, NumpyProbe, linear_head, random_network, relu
from tests.ledger.architectures import build, picture

# brick by absence: both channels pull class 0 down, the bias carries it
ABSENCE = {"kernel": [[-1, 0], [-3, 0]], "bias": [9, 0]}


def test_on_a_linear_head_the_forecast_is_the_truth():
    probe = linear_head(np.full((2, 2, 2), [2.0, 1.0]), **ABSENCE)
    query = sc.CamQuery("image", 0, score="logit")
    for channels, expected in ((0, 2), ([1], 3), (None, 5), ([True, False], 2), (np.array([1, 0]), 5)):
        done = sc.ablate(probe, query, channels)
        assert done.change == pytest.approx(expected)
        assert done.forecast == pytest.approx(expected)
        assert not done.contradicts
    assert done.channels == (0, 1)
    assert done.score == 4
    assert done.ablated_score == pytest.approx(9)


def test_to_the_mean_and_to_the_querys_own_baseline():
    activations = np.array([[[0.0], [4.0]]])
    probe = linear_head(activations, [[1, 0]], [0, 0.5])
    query = sc.CamQuery("image", 0, sc.Pixel(0, 1), "logit", baseline="midpoint")
    assert sc.ablate(probe, query, 0, to="mean").change == pytest.approx(2 - 4)
    done = sc.ablate(probe, query, 0, to="baseline")
    assert done.to == "midpoint"
    assert done.change == done.forecast == pytest.approx(2 - 4)
    assert sc.ablate(probe, query, 0).change == pytest.approx(-4)


def test_the_segmentation_that_is_predicted_then():
    activations = np.array([[[3.0, 0.0], [0.0, 3.0]]])
    probe = linear_head(activations, np.eye(2), [0, 0.5])
    done = sc.ablate(probe, sc.CamQuery("image", 0), 0)
    np.testing.assert_array_equal(done.labels_before, [[0, 1]])
    np.testing.assert_array_equal(done.labels, [[1, 1]])
    np.testing.assert_array_equal(done.moved, [[True, False]])
    assert done.kept_share == 0
    np.testing.assert_allclose(done.logits, [[[0, 0.5], [0, 3.5]]])
    assert "0 % of the region keeps its class" in done.summary()
    assert (
        sc.ablate(probe, sc.CamQuery("image", 0), to="mean")
        .summary()
        .startswith("With channels 0, 1 at the mean the score")
    )


def test_several_sigmoids_may_predict_nothing():
    probe = linear_head(np.array([[[3.0, 1.0]]]), np.eye(2), [-1, -2], multilabel=True)
    done = sc.ablate(probe, sc.CamQuery("image", 0), 0)
    assert done.labels_before.tolist() == [[0]]
    assert done.labels.tolist() == [[-1]]


def test_a_contradiction_of_signs_is_said():
    """S(a) = -relu(3 - 2a) + relu(9 - 2a) / 2: 2.5 at a = 2, where the slope is -1, and 1.5 at a = 0."""
    nodes = [
        ("split", Conv([[-2, -2]], [3, 9]), "image"),
        ("relu", relu(), "split"),
        ("logits", Conv([[-1, 0], [0.5, 0]], 0), "relu"),
    ]
    probe = NumpyProbe(np.full((1, 1, 1), 2.0), nodes)
    done = sc.ablate(probe, sc.CamQuery("image", 0, sc.Everything(), "logit"), 0)
    assert done.score == pytest.approx(2.5)
    assert done.forecast == pytest.approx(2)
    assert done.change == pytest.approx(-1)
    assert done.contradicts
    assert "disagree in sign" in done.summary()


def test_rounding_contradicts_nothing():
    probe = linear_head(np.full((1, 1, 2), [1.0, 0.0]), [[1, 0], [1, 0]], 0)
    done = sc.ablate(probe, sc.CamQuery("image", 0, score="logit"), 1)
    assert done.change == done.forecast == 0
    assert not done.contradicts


def test_one_replay_is_enough():
    probe = random_network()
    sc.ablate(probe, sc.CamQuery("deep", 1, sc.Everything()), [0, 2])
    assert probe.calls["replay"] == 1
    assert probe.calls["pullback"] == 1


def test_progress_can_cancel():
    said = []
    sc.ablate(random_network(), sc.CamQuery("deep", 1, sc.Everything()), progress=lambda *a: said.append(a) or True)
    assert [fraction for fraction, _ in said] == [0.5, 1.0]
    with pytest.raises(sc.Cancelled):
        sc.ablate(random_network(), sc.CamQuery("deep", 1, sc.Everything()), progress=lambda *_: False)


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        (
            {"channels": 4},
            "`channels` must be one or more of the layer's channels, 0 to 3, or None for all. Received: 4",
        ),
        ({"channels": []}, r"`channels` must be .* Received: \[\]"),
        ({"channels": [0.5]}, r"`channels` must be .* Received: \[0.5\]"),
        ({"channels": [True]}, r"`channels` must be .* Received: \[True\]"),
        ({"channels": "all"}, "`channels` must be .* Received: 'all'"),
        ({"to": []}, r"`to` must be one of .* Received: \[\]"),
        ({"to": "man"}, "`to` must be one of zero, mean, midpoint, baseline. Received: 'man'. Did you mean 'mean'"),
    ],
)
def test_bad_arguments_are_named(keywords, words):
    with pytest.raises(sc.SegCamError, match=words):
        sc.ablate(random_network(), sc.CamQuery("deep", 1, sc.Everything()), **keywords)


def test_the_margin_after_is_over_the_rival_of_before():
    """Without its channel the rival falls, and the third class is stronger: the score still is against the rival."""
    probe = linear_head(np.ones((2, 2, 3)), np.diag([3.0, 2.0, 1.0]))
    done = sc.ablate(probe, sc.CamQuery("image", 0, sc.Everything()), 1)
    assert done.query.score == "margin"
    assert (done.score, done.ablated_score) == (1, 3)  # over the third class it would be 2
    assert done.change == done.forecast == 2


@pytest.mark.parametrize("method", ["ablation-cam", "occlusion", "integrated-gradients"])
def test_so_it_is_for_every_method_that_runs_the_network_again(method):
    probe = linear_head(np.ones((2, 2, 3)), np.diag([3.0, 2.0, 1.0]))
    given = {"window": 1} if method == "occlusion" else {}
    ex = sc.explain(probe, sc.CamQuery("image", 0, sc.Everything(), method=method, options=given))
    if method == "ablation-cam":
        assert ex.weights == pytest.approx([3, -2, 0])
    else:  # of a linear network these share out the score, which is 3 - 2
        assert ex.cam.sum() == pytest.approx(1)


@pytest.mark.keras
def test_the_true_change_on_a_keras_network():
    """The replay is the model itself with a channel of its layer set to zero."""
    import keras

    model = build("unet")
    probe = sc.open_probe(model, x := picture())
    done = sc.ablate(probe, sc.CamQuery("bottom", 2, sc.Everything(), "centered_logit"), 3)
    upper = keras.Model(model.inputs, [model.get_layer("bottom").output, model.get_layer("top").output])
    bottom, top = (np.array(t) for t in upper([x[None]]))
    bottom[..., 3] = 0
    joined = model.get_layer("join")([model.get_layer("up")(bottom), top])
    logits = np.asarray(model.get_layer("logits")(model.get_layer("last")(joined)))[0]
    np.testing.assert_allclose(done.logits, logits, atol=1e-5)
    centered = logits[:, :, 2] - logits.mean(-1)
    assert done.ablated_score == pytest.approx(centered.mean(dtype=np.float64), abs=1e-5)
