"""What if what goes round the layer were different: replay with other bypass tensors is the model run with them."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import segcam_widgets as sc

pytestmark = pytest.mark.keras


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(3)
    image = keras.Input((8, 8, 3), name="image")
    top = layers.Conv2D(4, 3, padding="same", activation="relu", bias_initializer="normal", name="top")(image)
    deep = layers.Conv2D(5, 3, strides=2, padding="same", activation="relu", name="deep")(top)
    gate = layers.Dense(5, activation="tanh", name="gate")(layers.GlobalAveragePooling2D(name="seen")(top))
    x = layers.Multiply(name="gated")([deep, layers.Reshape((1, 1, 5), name="spread")(gate)])
    x = layers.Concatenate(name="join")([layers.UpSampling2D(2, name="up")(x), top])
    return keras.Model(image, layers.Conv2D(3, 3, padding="same", name="logits")(x))


def tail(model, deep, top, gate):
    """The tail after `deep`, by the layers themselves."""
    at = model.get_layer
    return at("logits")(at("join")([at("up")(at("gated")([deep, gate])), top])).numpy()


@pytest.fixture(scope="module")
def probe(model):
    return sc.open_probe(model, np.random.default_rng(0).normal(size=(8, 8, 3)).astype("f"))


def drawn(probe, batch):
    rng = np.random.default_rng(batch)
    around = {name: rng.normal(size=(batch, *t.shape)).astype("f") for name, t in probe.bypass("deep").items()}
    return rng.normal(size=(batch, *probe.layer("deep").shape)).astype("f"), around


def test_its_own_tensors_change_nothing(probe):
    here, around = probe.activations("deep"), probe.bypass("deep")
    assert set(around) == {"top", "spread"}
    np.testing.assert_allclose(probe.replay("deep", here, around), probe.logits, atol=1e-5)
    np.testing.assert_allclose(probe.replay("deep", here, {}), probe.logits, atol=1e-5)


def test_it_is_the_model_with_these_tensors(model, probe):
    deep, around = drawn(probe, 4)
    wanted = tail(model, deep, around["top"], around["spread"])
    np.testing.assert_allclose(probe.replay("deep", deep, around), wanted, atol=1e-5)
    for i in range(4):
        alone = probe.replay("deep", deep[i], {name: t[i] for name, t in around.items()})
        assert alone.shape == probe.logits.shape
        np.testing.assert_allclose(alone, wanted[i], atol=1e-5)


def test_names_left_out_keep_the_images_own(model, probe):
    deep, around = drawn(probe, 2)
    own = {name: np.repeat(t[None], 2, 0) for name, t in probe.bypass("deep").items()}
    for name in around:
        wanted = tail(model, deep, **{n.replace("spread", "gate"): t for n, t in (own | {name: around[name]}).items()})
        np.testing.assert_allclose(probe.replay("deep", deep, {name: around[name]}), wanted, atol=1e-5)


def test_one_map_with_many_tensors_and_many_maps_with_one(model, probe):
    deep, around = drawn(probe, 3)
    top, spread = around["top"], around["spread"]
    many = probe.replay("deep", deep[0], {"top": top, "spread": spread[1]})
    np.testing.assert_allclose(many, tail(model, deep[[0] * 3], top, spread[[1] * 3]), atol=1e-5)
    many = probe.replay("deep", deep, {"top": top[2], "spread": spread[:1]})
    np.testing.assert_allclose(many, tail(model, deep, top[[2] * 3], spread[[0] * 3]), atol=1e-5)
    assert probe.replay("deep", deep[0], {"top": top[:1]}).shape == (1, *probe.logits.shape)


@pytest.mark.parametrize(
    ("layer", "bypass", "words"),
    [
        ("deep", {"tpo": 0}, r"`bypass` must be one of spread, top\. Received: 'tpo'\. Did you mean 'top'"),
        ("deep", {"top": np.zeros((8, 8, 5))}, r"`bypass\['top'\]` must have shape \(8, 8, 4\), optionally with"),
        ("deep", {"top": np.zeros((2, 8, 8, 4)), "spread": np.zeros((3, 1, 1, 5))}, r"of one length\. Received: \[1, 2, 3\]"),
        ("deep", [np.zeros((8, 8, 4))], r"`bypass` must be a mapping of names to arrays"),
        ("top", {"deep": np.zeros((4, 4, 5))}, r"`bypass` must be empty: nothing bypasses this layer"),
    ],
)  # fmt: skip
def test_what_cannot_be_replaced_is_refused(probe, layer, bypass, words):
    with pytest.raises(sc.SegCamError, match=words):
        probe.replay(layer, probe.activations(layer), bypass)


def test_a_network_of_half_precision(model):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        image = keras.Input((8, 8, 3))
        top = layers.Conv2D(4, 3, padding="same", name="top")(image)
        x = layers.Add(name="sum")([layers.Conv2D(4, 3, padding="same", name="deep")(top), top])
        probe = sc.open_probe(
            keras.Model(image, layers.Conv2D(2, 1, dtype="float32", name="logits")(x)), np.ones((8, 8, 3))
        )
    finally:
        keras.config.set_dtype_policy("float32")
    here, around = probe.activations("deep"), probe.bypass("deep")
    np.testing.assert_allclose(probe.replay("deep", here, around), probe.logits, atol=1e-3)
    moved = probe.replay("deep", here, {"top": around["top"] + 1})
    kernel = probe._engine.plan.steps[-1].layer.kernel.numpy()[0, 0]
    np.testing.assert_allclose(moved - probe.logits, np.broadcast_to(kernel.sum(0), moved.shape), atol=2e-2)


def test_a_call_of_the_authors_own():
    class Residual(keras.Model):
        def __init__(self):
            super().__init__()
            self.first, self.second = layers.Conv2D(4, 3, padding="same"), layers.Conv2D(4, 3, padding="same")
            self.head = layers.Conv2D(3, 1)

        def call(self, image):
            x = self.first(image)
            return self.head(tf.nn.relu(self.second(x)) + 2 * x)

    model = Residual()
    x = np.random.default_rng(1).normal(size=(8, 8, 3)).astype("f")
    probe = sc.open_probe(model, x)
    (name,) = probe.bypass("second")
    change = np.random.default_rng(2).normal(size=(2, 8, 8, 4)).astype("f")
    here = probe.activations("second")
    there = probe.bypass("second")[name] + change
    kernel, bias = (w.numpy() for w in (model.head.kernel, model.head.bias))
    factor = 1 if np.allclose(probe.bypass("second")[name], 2 * probe.activations("first")) else 2
    wanted = (np.maximum(here, 0) + factor * there) @ kernel[0, 0] + bias
    np.testing.assert_allclose(probe.replay("second", here, {name: there}), wanted, atol=1e-5)
