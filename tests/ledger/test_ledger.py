"""The ledger adds up, and what it calls the bias is the bias."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import segcam_widgets as sc
from tests.core.fake_probe import NumpyProbe, captum_network, linear_head, random_network
from tests.ledger.architectures import ARCHITECTURES, PIECEWISE_LINEAR, build, picture, some

SCORES = ("logit", "centered_logit", "margin", "log_probability", "probability")


def total(book):
    return book.channels.sum() + sum(book.bypass.values()) + book.units + book.residual


# ------------------------------------------------------------------ on paper


def test_a_linear_head_on_paper():
    """Two channels, both pulling brick down; the bias carries it: S = -1*2 - 3*1 + 9 at every pixel."""
    probe = linear_head(np.full((2, 2, 2), [2.0, 1.0]), [[-1, 0], [-3, 0]], [9, 0])
    book = sc.ledger(probe, sc.CamQuery("image", 0, score="logit"))
    assert book.score == 4
    np.testing.assert_allclose(book.channels, [-2, -3])
    assert book.bypass == {}
    assert book.residual == pytest.approx(9)
    assert book.exact
    assert book.magnitude == pytest.approx(14)
    assert book.summary() == "Score 4 = channels -5, bias +9."


def test_captums_network_on_paper():
    """54 = 75 - 21 at the convolution; at the input the biases cancel: three live cells of -50, two of +75."""
    probe = captum_network()
    for layer in ("relu1", "conv1"):
        book = sc.ledger(probe, sc.CamQuery(layer, 0, sc.Everything(), "logit"))
        np.testing.assert_allclose(book.channels, [75, -21])
        assert book.score == pytest.approx(54)
        assert book.residual == pytest.approx(0)
    book = sc.ledger(probe, sc.CamQuery("image", 0, sc.Everything(), "logit"))
    np.testing.assert_allclose(book.channels, [54])
    assert book.residual == pytest.approx(0)
    probe.nodes[0][1].bias = np.array([-50.0, -74.0])  # the two cells that weigh -1 lose 1 each
    book = sc.ledger(type(probe)(probe.x, probe.nodes), sc.CamQuery("image", 0, sc.Everything(), "logit"))
    np.testing.assert_allclose(book.channels, [54])
    assert book.residual == pytest.approx(-2)


def test_what_goes_round_is_named():
    book = sc.ledger(random_network(), sc.CamQuery("deep", 1, sc.Everything()))
    assert list(book.bypass) == ["relu"]
    assert book.bypass["relu"] != 0
    assert total(book) == pytest.approx(book.score)


def test_the_baseline_and_the_method_are_not_read():
    probe = random_network()
    one = sc.ledger(probe, sc.CamQuery("deep", 1, sc.Everything()))
    two = sc.ledger(probe, sc.CamQuery("deep", 1, sc.Everything(), method="layercam", baseline="midpoint"))
    np.testing.assert_array_equal(one.channels, two.channels)


def test_a_table():
    frame = sc.ledger(random_network(), sc.CamQuery("deep", 1, sc.Everything())).to_frame()
    assert list(frame["part"]) == ["channels"] * 4 + ["bypass", "units", "residual"]
    assert list(frame["name"]) == ["0", "1", "2", "3", "relu", "", "bias"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("chanels", 0), r"`part` must be one of channels, bypass, units, residual. .* Did you mean 'channels'"),
        (("channels", 7), r"`class_index` must be between 0 and 2"),
        (("channels", 0, 4), r"`name` must be a channel, 0 to 3, .* Received: 4"),
        (("channels", 0, "relu"), r"`name` must be a channel, 0 to 3, .* Received: 'relu'"),
        (("bypass", 0, "rely"), r"`name` must be one of relu. Received: 'rely'. Did you mean 'relu'"),
        (("residual", 0, "relu"), r"`name` must be left out if `part` is 'residual'. Received: 'relu'"),
    ],
)
def test_a_field_that_is_not_there(arguments, words):
    book = sc.ledger(random_network(), sc.CamQuery("deep", 1, sc.Everything()))
    *first, name = arguments if len(arguments) == 3 else (*arguments, None)
    with pytest.raises(sc.SegCamError, match=words):
        book.field(*first, name=name)


def test_it_raises_where_explain_does():
    probe = random_network()
    with pytest.raises(sc.EmptyRegionError):
        sc.ledger(probe, sc.CamQuery("deep", 1, sc.Rectangle(0, 0, 0, 0)))
    with pytest.raises(sc.UnknownLayerError):
        sc.ledger(probe, sc.CamQuery("deeep", 1))
    with pytest.raises(sc.SegCamError, match="`probe` must be"):
        sc.ledger("model.keras", sc.CamQuery("deep", 1))


# ------------------------------------------------------------------ identities


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("seed", range(4))
def test_it_adds_up_whatever_the_score(score, seed):
    probe = random_network(seed)
    for layer in ("image", "relu", "deep", "join", "logits"):
        book = sc.ledger(probe, sc.CamQuery(layer, 2, sc.Rectangle(1, 2, 9, 7), score))
        assert total(book) == pytest.approx(book.score, abs=1e-9)
        assert book.exact == (score not in ("log_probability", "probability"))
        assert book.exact or f"the score itself ({sc.SCORES[score].formula})" in book.remark


def test_a_curved_tail_is_named():
    from tests.core.fake_probe import softplus

    book = sc.ledger(random_network(tail=softplus), sc.CamQuery("deep", 1, sc.Everything()))
    assert list(book.curved) == ["deep_relu"]
    assert not book.exact
    assert "deep_relu (Pointwise)" in book.remark
    assert "bias and curvature" in book.summary()
    assert sc.ledger(random_network(tail=softplus), sc.CamQuery("deep_relu", 1, sc.Everything())).exact


@pytest.mark.parametrize("layer", ["image", "relu", "deep", "logits"])
def test_the_fields_add_up_to_the_logits_and_their_means_to_the_parts(layer):
    probe = random_network(3)
    mask = (region := sc.Rectangle(2, 0, 8, 11)).rasterize(probe)
    book = sc.ledger(probe, sc.CamQuery(layer, 1, region, "centered_logit"))
    fields = {
        part: np.stack([book.field(part, c) for c in range(3)], -1)
        for part in ("channels", "bypass", "units", "residual")
    }
    np.testing.assert_allclose(sum(fields.values()), probe.logits, atol=1e-4)
    parts = {
        "channels": book.channels.sum(),
        "bypass": sum(book.bypass.values()),
        "units": book.units,
        "residual": book.residual,
    }
    for part, field in fields.items():
        centered = field[:, :, 1] - field.mean(-1)
        assert centered[mask].mean(dtype=np.float64) == pytest.approx(parts[part], abs=1e-4)
    if layer == "deep":
        each = [book.field("channels", "class 2", name=k) for k in range(4)]
        np.testing.assert_allclose(sum(each), fields["channels"][:, :, 2], atol=1e-4)
        np.testing.assert_array_equal(book.field("bypass", 0, name="relu"), fields["bypass"][:, :, 0])


def test_without_biases_nothing_is_left():
    rng = np.random.default_rng(5)
    probe = random_network(5)
    for _, operation, _ in probe.nodes:
        if hasattr(operation, "bias"):
            operation.bias = np.zeros_like(operation.bias)
    bare = NumpyProbe(rng.normal(size=(6, 6, 2)), probe.nodes)
    for layer in ("image", "relu", "deep", "up"):
        for score in ("logit", "centered_logit", "margin"):
            book = sc.ledger(bare, sc.CamQuery(layer, 0, sc.Everything(), score))
            assert abs(book.residual) < 1e-6 * book.magnitude


# ------------------------------------------------------------------ Keras networks


@pytest.mark.keras
@pytest.mark.parametrize("name", list(ARCHITECTURES))
def test_it_adds_up_on_every_architecture(name):
    probe = sc.open_probe(build(name), picture())
    for info in some(probe.layers):
        book = sc.ledger(probe, sc.CamQuery(info.name, 1, sc.Rectangle(2, 3, 13, 11)))
        assert total(book) == pytest.approx(book.score, abs=1e-9)
        assert book.exact == (name in PIECEWISE_LINEAR or not book.curved)


@pytest.mark.keras
@pytest.mark.parametrize(
    ("name", "curved"),
    [
        ("attention", {"feat": "Erfc", "normed": "SquaredDifference", "heads": "Einsum"}),
        ("gates", {"gate": "Sigmoid", "gated": "Mul"}),
    ],
)
def test_curved_steps_are_found_by_their_operations(name, curved):
    probe = sc.open_probe(build(name), picture())
    assert probe.tail("image").curved == curved
    assert probe.tail(probe.layers[-1].name).curved == {}


@pytest.mark.keras
@pytest.mark.parametrize("name", PIECEWISE_LINEAR)
def test_piecewise_linear_networks_have_no_curved_step(name):
    assert sc.open_probe(build(name), picture()).tail("image").curved == {}


@pytest.mark.keras
def test_steps_that_a_gradient_cannot_see_are_curved():
    image = keras.Input((8, 8, 2))
    x = keras.layers.Conv2D(4, 3, groups=2, padding="same", name="grouped")(image)  # compiled for itself, and linear
    x = keras.layers.Lambda(tf.stop_gradient, name="stopped")(x)
    x = keras.layers.Lambda(lambda t: t * tf.cast(t > 0, t.dtype), name="relu_by_hand")(x)
    x = keras.layers.Lambda(lambda t: t * t, name="square")(x)
    probe = sc.open_probe(keras.Model(image, x), np.random.default_rng(0).normal(size=(8, 8, 2)))
    assert probe.tail(probe.layers[0].name).curved == {"stopped": "StopGradient", "square": "Mul"}


@pytest.mark.keras
@pytest.mark.parametrize("activation", ["relu", "relu6", None])
def test_a_rectified_head_is_seen_through_what_moves_its_pixels(activation):
    image = keras.Input((8, 8, 2))
    x = keras.layers.Conv2D(3, 1, activation=activation, name="head")(image)
    x = keras.layers.Reshape((64, 3))(keras.layers.UpSampling2D(1)(x))
    probe = sc.open_probe(keras.Model(image, keras.layers.Softmax()(x)), np.zeros((8, 8, 2)))
    assert probe.tail("head").rectified == (activation is not None)


BIASED = [
    ("unet", "image", ["conv2d", "batch_normalization", "bottom", "last", "logits"]),
    ("unet", "top", ["bottom", "last", "logits"]),
    ("unet", "bottom", ["last", "logits"]),
    ("unet", "join", ["last", "logits"]),
    ("unet", "logits", []),
    ("fused softmax, transposed convolution", "feat", ["transposed", "logits"]),
    ("resizing bilinear", "feat", ["between", "logits"]),
    ("resizing bicubic", "first", ["between", "logits"]),
    ("upsampling lanczos5", "feat", ["between"]),
    ("a resize inside a custom layer", "feat", ["pyramid", "logits"]),
    ("nested and shared", "feat", ["block", "logits"]),
    ("flat output", "feat", ["logits"]),
]
"""Architecture, layer, and the layers after it that have biases or offsets."""


def carried_by_biases(model, tail, x, mask):
    """S and sum <dS/db, b> for the centered logit of class 2, by a plain tape over the user's own model."""
    rename = {layer.name.split("_")[0]: layer for layer in model.layers}
    by_name = {layer.name: layer for layer in model.layers}
    parts = [p for name in tail for p in pieces(by_name.get(name) or rename[name.split("_")[0]])]
    offsets = [v for part in parts for v in (getattr(part, "bias", None), getattr(part, "beta", None)) if v is not None]
    with tf.GradientTape() as tape:
        out = model(x[None], training=False)
        logits = tf.math.log(out) if ends_with_softmax(model) else out
        inside = tf.boolean_mask(tf.reshape(logits, (*mask.shape, 4)), mask)
        score = tf.reduce_mean(inside[:, 2] - tf.reduce_mean(inside, 1))
    gradients = dict(zip([v.path for v in offsets], tape.gradient(score, [v.value for v in offsets]), strict=True))
    terms = []
    for part in parts:
        if getattr(part, "bias", None) is not None:
            terms.append(gradients[part.bias.path] * part.bias)
        if getattr(part, "beta", None) is not None:
            shift = part.gamma * part.moving_mean / tf.sqrt(part.moving_variance + part.epsilon)
            terms.append(gradients[part.beta.path] * (part.beta - shift))
    return float(score), sum(float(tf.reduce_sum(term)) for term in terms)


def pieces(layer):
    """A layer, or the layers inside it."""
    inner = getattr(layer, "layers", None) or [v for v in vars(layer).values() if isinstance(v, keras.layers.Layer)]
    return [p for part in inner for p in pieces(part)] if inner else [layer]


def ends_with_softmax(model):
    last = model.layers[-1]
    return isinstance(last, keras.layers.Softmax) or getattr(last, "activation", None) is keras.activations.softmax


@pytest.mark.keras
@pytest.mark.parametrize(("name", "layer", "tail"), BIASED)
def test_the_residual_is_what_biases_and_offsets_carry(name, layer, tail):
    model = build(name, seed=3)
    probe = sc.open_probe(model, x := picture(3))
    region = sc.Rectangle(1, 2, 14, 12)
    book = sc.ledger(probe, sc.CamQuery(layer, 2, region, "centered_logit"))
    score, carried = carried_by_biases(model, tail, x, region.rasterize(probe))
    assert book.exact
    assert book.score == pytest.approx(score, abs=1e-4 * book.magnitude)
    assert book.residual == pytest.approx(carried, abs=1e-4 * book.magnitude)
    if tail:
        assert abs(carried) > 1e-2 * book.magnitude  # else the comparison would say little


@pytest.mark.keras
def test_fields_of_a_keras_network():
    probe = sc.open_probe(build("unet"), picture())
    book = sc.ledger(probe, sc.CamQuery("bottom", 1, sc.Everything(), "logit"))
    fields = {part: book.field(part, 1) for part in ("channels", "bypass", "units", "residual")}
    np.testing.assert_allclose(sum(fields.values()), probe.logits[:, :, 1], atol=1e-5)
    assert fields["channels"].mean(dtype=np.float64) == pytest.approx(book.channels.sum(), abs=1e-5)
    assert book.field("bypass", 1, name="top").mean(dtype=np.float64) == pytest.approx(book.bypass["top"], abs=1e-5)


@pytest.mark.keras
def test_code_that_runs_eagerly_alone_is_named_and_not_pushed_through():
    class Eager(keras.layers.Layer):
        def call(self, x):
            return x * (2.0 if self.seen(x) else 1.0)

        @staticmethod
        def seen(x):
            return isinstance(x, keras.KerasTensor) or bool(x.numpy().max() > 0)

        def compute_output_shape(self, shape):
            return shape

    image = keras.Input((8, 8, 2))
    x = keras.layers.Conv2D(4, 3, padding="same", name="feat")(image)
    probe = sc.open_probe(
        keras.Model(image, Eager(name="eager")(keras.layers.Conv2D(3, 1, name="head")(x))), np.ones((8, 8, 2))
    )
    assert probe.tail("feat").curved == {"head to eager": "cannot be traced"}
    with pytest.raises(sc.UnsupportedModelError, match=r"cannot be traced \(AttributeError\)"):
        probe.pushforward("feat", np.ones(probe.layer("feat").shape))


def test_a_part_that_is_rounding_is_zero_in_words():
    probe = linear_head(np.full((2, 2, 1), 1.0), [[1e6, 0]], [1e-6, 0])
    assert sc.ledger(probe, sc.CamQuery("image", 0, score="logit")).summary() == "Score 1e6 = channels +1e6, bias 0."
