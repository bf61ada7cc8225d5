"""On the shipped demo: gradients from a plain tape, as somebody's own script takes them, are recognised.

54 recipes: six targets, three classes, and for each class three regions.
"""

from functools import cache

import numpy as np
import pytest

import segcam_widgets as sc
from tests.core.remembered import remember_recipes

pytestmark = pytest.mark.keras

LAYER, CELLS = "tail_conv8", 80 * 80
TARGETS = ("logit", "centered_logit", "margin", "log_probability", "probability", "loss")
HELD = {}
MOSAICS = (0, 3)  # the second is where rounding to two digits leaves the fewest apart


@cache
def opened(mosaic):
    demo = sc.load_demo()
    probe = sc.open_probe(demo.model, demo.images[mosaic], class_names=demo.class_names, truth=demo.truth[mosaic])
    return demo.model, probe


@pytest.fixture(autouse=True)
def _remembered(monkeypatch):
    remember_recipes(monkeypatch, HELD)


def target_of(name, logits, c):
    import tensorflow as tf

    own, others = logits[..., c], tf.concat([logits[..., :c], logits[..., c + 1 :]], -1)
    return {
        "logit": lambda: own,
        "centered_logit": lambda: own - tf.reduce_mean(logits, -1),
        "margin": lambda: own - tf.reduce_max(others, -1),
        "log_probability": lambda: tf.math.log(tf.nn.softmax(logits)[..., c]),
        "probability": lambda: tf.nn.softmax(logits)[..., c],
        "loss": lambda: tf.nn.sparse_softmax_cross_entropy_with_logits(tf.fill(own.shape, c), logits),
    }[name]()


def region_of(kind, c, labels, truth):
    """A region of the package, and its pixels as a script has them."""
    other = (c + 1) % 3
    return {
        "own": (sc.PredictedClass(c), labels == c),
        "all": (sc.Everything(), np.ones_like(labels, bool)),
        "another": (sc.PredictedClass(other), labels == other),
        "true": (sc.TruthClass(c), truth == c),
    }[kind]


@cache
def taped(mosaic, kinds):
    """{(target, class, region): pooled gradients}, the mean over region and map, float32."""
    import tensorflow as tf

    model, probe = opened(mosaic)
    after = [layer.name for layer in model.layers].index(LAYER) + 1
    front = model.layers[0].output, model.get_layer(LAYER).output
    import keras

    held = keras.Model(*front)(probe.x, training=False)
    found = {}
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(held)
        logits = held
        for layer in model.layers[after:-1]:  # the last is the softmax
            logits = layer(logits)
        scores = {}
        for target in TARGETS:
            for c in range(3):
                for kind in kinds:
                    region, mask = region_of(kind, c, probe.labels, probe.truth)
                    s = target_of(target, logits[0], c)
                    scores[target, c, region] = tf.reduce_mean(tf.boolean_mask(s, mask))
    for key, score in scores.items():
        found[key] = tf.reduce_mean(tape.gradient(score, held), (0, 1, 2)).numpy()
    return found


def is_it(match, target, c, region):
    score, sign = ("log_probability", -1) if target == "loss" else (target, 1)
    return (match.score, match.class_index, match.region, match.sign) == (score, c, region, sign)


def two_digits(numbers):
    return [float(f"{number:.1e}") for number in numbers]


@pytest.mark.parametrize("mosaic", MOSAICS)
def test_52_of_54_recipes_are_told_apart(mosaic):
    pasted = taped(mosaic, ("own", "all", "another"))
    assert len(pasted) == 54
    apart = 0
    for key, pooled in pasted.items():
        found = sc.recognise(opened(mosaic)[1], LAYER, pooled)
        assert is_it(found.nearest, *key), (key, found)
        assert found.is_exact
        assert found.nearest.scale == "mean over the region, mean over the map"
        apart += sum(any(is_it(match, *other) for other in pasted) for match in found.matches) == 1
    assert apart >= 52


@pytest.mark.parametrize("mosaic", MOSAICS)
@pytest.mark.parametrize("third", ["another", "true"])
def test_48_of_54_recipes_are_the_nearest_with_two_digits(mosaic, third):
    pasted = taped(mosaic, ("own", "all", third))
    found = [
        is_it(sc.recognise(opened(mosaic)[1], LAYER, two_digits(pooled)).nearest, *key)
        for key, pooled in pasted.items()
    ]
    assert (len(found), sum(found) >= 48) == (54, True), sum(found)


def test_a_loss_summed_over_the_map():
    probe = opened(0)[1]
    pooled = CELLS * taped(0, ("own", "all", "another"))["loss", 0, sc.Everything()]
    found = sc.recognise(probe, LAYER, pooled)
    assert found.nearest.scale == "mean over the region, sum over the map"
    assert found.summary().startswith(
        "You computed the gradient of -log p (a loss) of brick over all pixels, mean over the region, sum over the map. "
        "Your sign is turned: a loss falls where the class rises. Multiply by -1"
    )


def test_training_mode_is_suspected():
    """Batch normalisation by the batch's own statistics, and so another network."""
    import keras
    import tensorflow as tf

    model, probe = opened(0)
    held = keras.Model(model.layers[0].output, model.get_layer(LAYER).output)(probe.x, training=True)
    after = [layer.name for layer in model.layers].index(LAYER) + 1
    with tf.GradientTape() as tape:
        tape.watch(held)
        logits = held
        for layer in model.layers[after:-1]:
            logits = layer(logits, training=True)
        score = tf.reduce_mean(logits[0, ..., 0] - tf.reduce_max(logits[0, ..., 1:], -1))
    found = sc.recognise(probe, LAYER, tf.reduce_mean(tape.gradient(score, held), (0, 1, 2)))
    assert not found.is_exact  # with 130 recipes around, one may be within 0.1 degree
    assert "training mode" in found.summary()


def test_before_the_activation():
    found = sc.recognise(
        opened(0)[1], "dec1_relu", opened(0)[1].pullback("dec1_bn", _margin(opened(0)[1])).gradients.mean((0, 1))
    )
    assert (found.nearest.place, found.nearest.layer, found.nearest.score) == ("before", "dec1_bn", "margin")


def _margin(probe):
    best = np.where(np.arange(3) == 2, -np.inf, probe.logits).argmax(-1)
    return (np.eye(3)[2] - np.eye(3)[best]).astype(np.float32)
