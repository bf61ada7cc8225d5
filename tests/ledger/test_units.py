"""What full units and constants give is no bias: the residual is sum <dS/db, b> whatever the tail clips and adds."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

import segcam_widgets as sc
from tests.core.fake_probe import Clip, Conv, NumpyProbe, Shift, relu, relu6, softplus

SIZE, CLASSES = 12, 3


# ------------------------------------------------------------------ on paper


def clipped(kernel=((1.0, -1.0), (-0.5, 0.5)), bias=0.0, before=()):
    """A one-by-one head on a ReLU6; half of the image has ten in the first channel, all of it one in the second."""
    x = np.zeros((4, 4, 2))
    x[..., 1], x[:, :2, 0] = 1, 10
    nodes = [*before, ("six", relu6(), before[-1][0] if before else "image"), ("logits", Conv(kernel, bias), "six")]
    return NumpyProbe(x, nodes)


def test_a_full_relu6_in_a_network_without_biases():
    """S = 1 * 6 - 0.5 * 1 in the region: the second channel carries its part, the first is full and carries nothing."""
    book = sc.ledger(clipped(), sc.CamQuery("image", 0, score="logit"))
    assert book.score == pytest.approx(5.5)
    np.testing.assert_allclose(book.channels, [0, -0.5])
    assert (book.units, book.residual) == (pytest.approx(6), pytest.approx(0))
    assert book.exact
    assert book.summary() == "Score 5.5 = channels -0.5, full units +6, bias 0."
    assert "Full units are a part of their own, which no weight carries: six." in book.remark
    frame = book.to_frame()
    assert list(frame["part"]) == ["channels", "channels", "units", "residual"]
    assert list(frame["name"]) == ["0", "1", "full units", "bias"]
    np.testing.assert_allclose(book.field("units", 0)[:, :2], 6)
    np.testing.assert_array_equal(book.field("units", 0)[:, 2:], 0)
    with pytest.raises(sc.SegCamError, match="`name` must be left out if `part` is 'units'"):
        book.field("units", 0, name="six")


def test_a_constant_that_is_added_is_called_so():
    probe = NumpyProbe(
        np.ones((3, 3, 1)), [("shift", Shift(-2.0), "image"), ("logits", Conv([[1.0, 0]], [5, 0]), "shift")]
    )
    book = sc.ledger(probe, sc.CamQuery("image", 0, score="logit"))
    assert (book.units, book.residual) == (pytest.approx(-2), pytest.approx(5))
    assert book.summary() == "Score 4 = channels +1, constants -2, bias +5."
    assert "Constants are a part of their own" in book.remark
    at = sc.ledger(probe, sc.CamQuery("shift", 0, score="logit"))
    assert at.units == 0
    assert at.summary() == "Score 4 = channels -1, bias +5."


def test_units_that_are_curved_are_first_order():
    nodes = [("clip", Clip(-1.0, 1.0), "image"), ("soft", softplus(), "clip"), ("logits", Conv([[1.0, -2.0]]), "soft")]
    probe = NumpyProbe(np.random.default_rng(0).normal(size=(4, 4, 1)) * 2, nodes)
    cotangent = np.random.default_rng(1).normal(size=probe.logits.shape)
    full = np.where(np.abs(probe.x) >= 1, np.sign(probe.x), 0)
    wanted = (probe.pullback("clip", cotangent).gradients * full).sum()
    assert (probe.units("image") * cotangent).sum() == pytest.approx(wanted, rel=1e-5)
    book = sc.ledger(probe, sc.CamQuery("image", 0, sc.Everything(), "logit"))
    assert not book.exact
    assert "bias and curvature" in book.sum_words()


# ------------------------------------------------------------------ inside and outside


def test_the_contrast_on_paper():
    """The bias is the same number on both sides; what differs is what is full."""
    book = sc.ledger(clipped(bias=[2.0, 0.0]), sc.CamQuery("image", 0, sc.Rectangle(0, 0, 4, 2), score="logit"))
    assert book.outside.score == pytest.approx(1.5)
    np.testing.assert_allclose(book.outside.channels, [0, -0.5])
    assert (book.outside.units, book.outside.residual) == (0, pytest.approx(2))
    assert (book.difference.score, book.difference.units) == (pytest.approx(6), pytest.approx(6))
    assert book.difference.residual == pytest.approx(0)
    assert book.contrast_words() == "channels -0.5 in both; full units +6 inside, 0 outside; bias +2 in both"


def test_a_residual_that_differs_is_units_that_switch():
    x = np.ones((2, 4, 1))
    x[:, 2:] = -3
    nodes = [("unit", Conv([[1.0]], 2.0), "image"), ("open", relu(), "unit"), ("logits", Conv([[1.0, 0.0]]), "open")]
    book = sc.ledger(NumpyProbe(x, nodes), sc.CamQuery("image", 0, sc.Rectangle(0, 0, 2, 2), score="logit"))
    assert (book.residual, book.outside.residual, book.difference.residual) == (2, 0, 2)
    assert book.contrast_words() == (
        "channels +1 inside, 0 outside; bias +2 inside, 0 outside (units that switch, not another bias)"
    )
    linear = sc.ledger(NumpyProbe(x, [nodes[0], ("logits", nodes[2][1], "unit")]), book.query)
    assert linear.difference.residual == pytest.approx(0)
    assert linear.contrast_words() == "channels +1 inside, -3 outside; bias +2 in both"


@pytest.mark.parametrize("score", ["logit", "centered_logit", "margin", "log_probability", "probability"])
def test_the_parts_of_the_difference_sum_to_the_difference_of_the_scores(score):
    probe = clipped(np.random.default_rng(0).normal(size=(2, 3)), [0.3, -0.2, 0.1])
    region = sc.Rectangle(0, 1, 3, 4)
    book = sc.ledger(probe, sc.CamQuery("image", 1, region, score))
    there = sc.ledger(probe, sc.CamQuery("image", 1, sc.Everything() - region, score))
    assert book.outside.score == pytest.approx(there.score)
    np.testing.assert_allclose(book.outside.channels, there.channels)
    gap = book.difference
    assert gap.channels.sum() + sum(gap.bypass.values()) + gap.units + gap.residual == pytest.approx(gap.score)
    assert gap.score == pytest.approx(book.score - there.score)


def test_the_margin_outside_is_over_the_strongest_rival_there():
    logits = np.array([[[3.0, 2, 0], [3, 2, 0], [0, 1, 5], [0, 4, 5]]])
    book = sc.ledger(
        NumpyProbe(logits, [("logits", Conv(np.eye(3)), "image")]), sc.CamQuery("image", 0, score="margin")
    )
    assert book.score == 1
    assert book.outside.score == -5
    np.testing.assert_allclose(book.outside.channels, [0, 0, -5])


def test_another_rival_has_another_bias():
    logits = np.array([[[3.0, 2, 0], [3, 2, 0], [0, 1, 5], [0, 4, 6]]])
    nodes = [("logits", Conv(np.eye(3), [0.0, 0.5, -0.5]), "image")]
    book = sc.ledger(NumpyProbe(logits, nodes), sc.CamQuery("image", 0, score="margin"))
    assert (book.residual, book.outside.residual) == (pytest.approx(-0.5), pytest.approx(0.5))
    assert "bias -0.5 inside, +0.5 outside (units that switch, or another rival)" in book.contrast_words()
    fixed = sc.ledger(NumpyProbe(logits, nodes), sc.CamQuery("image", 0, score="margin", rival=1))
    assert fixed.difference.residual == pytest.approx(0)
    assert "bias -0.5 in both" in fixed.contrast_words()


def test_nothing_is_outside_of_everything():
    book = sc.ledger(clipped(), sc.CamQuery("image", 0, sc.Everything(), "logit"))
    assert book.outside is None
    assert book.difference is None
    assert "the region is everything" in book.contrast_words()


def test_outside_is_asked_once_and_only_when_wanted():
    probe = clipped()
    book = sc.ledger(probe, sc.CamQuery("image", 0))
    assert probe.calls["pullback"] == 1
    book.summary(), book.outside, book.difference, book.contrast_words()
    assert probe.calls["pullback"] == 2
    assert book.inside.channels is book.channels
    with pytest.raises(ValueError, match="read-only"):
        book.outside.channels[0] = 1


# ------------------------------------------------------------------ Keras networks, against a tape of their own


class PlainClip(layers.Layer):
    def call(self, x):
        return tf.raw_ops.ClipByValue(t=x, clip_value_min=tf.constant(-0.4), clip_value_max=tf.constant(0.7))


class LearnedClip(layers.Layer):
    """Its bound is a weight: what it gives where it is full, the weight gives."""

    def build(self, shape):
        self.bias = self.add_weight(shape=(shape[-1],), initializer=keras.initializers.Constant(0.5), name="bound")

    def call(self, x):
        return tf.minimum(x, self.bias)


class Grid(layers.Layer):
    """Rows and columns as channels (CoordConv)."""

    def call(self, x):
        rows, cols = tf.meshgrid(tf.linspace(-1.0, 1.0, SIZE), tf.linspace(-1.0, 1.0, SIZE), indexing="ij")
        grid = tf.tile(tf.stack([rows, cols], -1)[None], (tf.shape(x)[0], 1, 1, 1))
        return tf.concat([x, grid], -1)


def shape_kept(function):
    return layers.Lambda(function, output_shape=lambda shape: shape)


TAILS = {
    "relu6": lambda: layers.ReLU(6.0),
    "relu6 as an activation": lambda: layers.Activation("relu6"),
    "relu with all its options": lambda: layers.ReLU(max_value=0.8, negative_slope=0.1, threshold=0.2),
    "hard sigmoid": lambda: layers.Activation("hard_sigmoid"),
    "hard tanh": lambda: layers.Activation("hard_tanh"),
    "hard shrink": lambda: shape_kept(lambda x: ops.hard_shrink(x, 0.3)),
    "soft shrink": lambda: shape_kept(lambda x: ops.soft_shrink(x, 0.3)),
    "threshold": lambda: shape_kept(lambda x: ops.threshold(x, 0.2, 0.6)),
    "rescaling": lambda: layers.Rescaling(0.5, offset=-0.7),
    "rescaling by channel": lambda: layers.Rescaling(0.5, offset=[0.1 * k for k in range(6)]),
    "normalization": lambda: layers.Normalization(mean=[0.1 * k for k in range(6)], variance=[0.5] * 6),
    "clip": lambda: shape_kept(lambda x: ops.clip(x, -0.4, 0.7)),
    "clip in one operation": PlainClip,
    "minimum": lambda: shape_kept(lambda x: tf.minimum(x, 0.3)),
    "maximum": lambda: shape_kept(lambda x: tf.maximum(0.3, x)),
    "maximum with a picture": lambda: shape_kept(lambda x: tf.maximum(x, np.linspace(0, 1, 12, dtype="f")[:, None])),
    "three minus x": lambda: shape_kept(lambda x: 3.0 - x),
    "many added": lambda: shape_kept(lambda x: tf.add_n([x, tf.ones_like(x), 2 * x])),
    "a bias that is a constant": lambda: shape_kept(lambda x: tf.nn.bias_add(x, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6])),
    "a branch that is a constant": lambda: shape_kept(lambda x: tf.where(x > 0.2, x, -0.6)),
    "an older select": lambda: shape_kept(lambda x: tf.raw_ops.Select(condition=x > 0.2, x=x, y=tf.fill(tf.shape(x), -0.6))),
    "padding with a number": lambda: shape_kept(lambda x: tf.pad(x[:, 1:-1], [[0, 0], [1, 1], [0, 0], [0, 0]], "CONSTANT", 0.8)),
    "a grid of coordinates": Grid,
    "stacked": lambda: shape_kept(lambda x: tf.reduce_sum(tf.stack([x, tf.ones_like(x), tf.nn.relu6(4 * x)], 3), 3)),
    "a step that is added": lambda: shape_kept(lambda x: x + 0.5 * tf.cast(x > 0.2, x.dtype)),
    "a learned bound": LearnedClip,
    "nothing of the kind": layers.LeakyReLU,
}  # fmt: skip
"""What stands between two convolutions."""


def network(name, biases):
    """`feat`, batch norm, what is tried, a bilinear resize and a head; with `biases` False no number is added anywhere."""
    keras.utils.set_random_seed(5)
    start = keras.initializers.RandomNormal(stddev=0.5, seed=2) if biases else "zeros"
    image = keras.Input((SIZE, SIZE, 2), name="image")
    x = layers.Conv2D(6, 3, padding="same", use_bias=biases, bias_initializer=start, name="feat")(image)
    skip = x = layers.Activation("relu", name="feat_relu")(x)
    x = layers.Conv2D(6, 3, strides=2, padding="same", use_bias=biases, bias_initializer=start, name="deep")(x)
    if biases:
        more = {"moving_mean_initializer": start, "moving_variance_initializer": "ones"}
        x = layers.BatchNormalization(beta_initializer=start, gamma_initializer="ones", name="norm", **more)(x)
    x = layers.Resizing(SIZE, SIZE, interpolation="bilinear", name="resize")(x)
    x = TAILS[name]()(layers.Rescaling(20.0 if "relu6" in name else 4.0)(x))
    x = layers.Concatenate(name="join")([x, skip])
    x = layers.Conv2D(5, 3, padding="same", activation="relu6", use_bias=biases, bias_initializer=start, name="late")(x)
    return keras.Model(image, layers.Conv2D(CLASSES, 1, use_bias=biases, bias_initializer=start, name="logits")(x))


def by_tape(model, layer, x, mask, target=1):
    """S (the centered logit) and sum <dS/db, b> over the biases and offsets behind a layer, by a plain tape."""
    names = [one.name for one in model.layers]
    after = model.layers[names.index(layer) + 1 :]
    held = [v for one in after for v in (getattr(one, "bias", None), getattr(one, "beta", None)) if v is not None]
    with tf.GradientTape() as tape:
        inside = tf.boolean_mask(model(x[None], training=False)[0], mask)
        score = tf.reduce_mean(inside[:, target] - tf.reduce_mean(inside, 1))
    gradients = {v.path: g for v, g in zip(held, tape.gradient(score, [v.value for v in held]), strict=True)}
    carried = 0.0
    for one in after:
        if getattr(one, "bias", None) is not None:
            carried += float(tf.reduce_sum(gradients[one.bias.path] * one.bias))
        if getattr(one, "beta", None) is not None:
            shift = one.gamma * one.moving_mean / tf.sqrt(one.moving_variance + one.epsilon)
            carried += float(tf.reduce_sum(gradients[one.beta.path] * (one.beta - shift)))
    return float(score), carried


X = np.random.default_rng(8).normal(0.3, 0.8, (SIZE, SIZE, 2)).astype("f")
REGION = sc.Rectangle(1, 2, 10, 9)


@pytest.mark.keras
@pytest.mark.parametrize("biases", [True, False], ids=["biases", "none"])
@pytest.mark.parametrize("name", TAILS)
def test_the_residual_is_what_biases_carry(name, biases):
    model = network(name, biases)
    probe = sc.open_probe(model, X)
    for layer in ("feat", "deep", "resize"):
        book = sc.ledger(probe, sc.CamQuery(layer, 1, REGION, "centered_logit"))
        score, carried = by_tape(model, layer, X, REGION.rasterize(probe))
        assert book.exact
        assert book.score == pytest.approx(score, abs=1e-4)
        assert book.residual == pytest.approx(carried, abs=2e-5 * book.magnitude)
        if biases:
            assert abs(carried) > 1e-3 * book.magnitude  # else the comparison would say little
        elif name != "a learned bound":
            assert abs(book.residual) < 1e-5 * book.magnitude
    if name not in ("nothing of the kind", "hard shrink", "a learned bound"):
        assert abs(book.units) > 1e-3 * book.magnitude
    fields = {part: book.field(part, 1) for part in ("channels", "bypass", "units", "residual")}
    np.testing.assert_allclose(sum(fields.values()), probe.logits[:, :, 1], atol=1e-4)


@pytest.mark.keras
def test_units_are_linear_in_the_cotangent_and_follow_the_weights():
    model = network("hard sigmoid", True)
    probe = sc.open_probe(model, X)
    given = probe.units("feat")
    assert given.shape == probe.logits.shape
    assert given.dtype == np.float32
    book, mask = sc.ledger(probe, sc.CamQuery("feat", 2, REGION, "logit")), REGION.rasterize(probe)
    field = given[:, :, 2].astype(float)
    assert book.units == pytest.approx(field[mask].mean(), rel=1e-5)
    assert book.outside.units == pytest.approx(field[~mask].mean(), rel=1e-5)
    margin = sc.ledger(probe, sc.CamQuery("feat", 2, REGION, "margin", rival=0))
    assert margin.units == pytest.approx((field - given[:, :, 0])[mask].mean(), rel=1e-5)
    traces = probe._engine.traces
    np.testing.assert_array_equal(probe.units("feat"), given)
    assert probe._engine.traces == traces
    model.get_layer("logits").kernel.assign(2 * model.get_layer("logits").kernel)
    probe.refresh()
    np.testing.assert_allclose(probe.units("feat"), 2 * given, rtol=1e-4, atol=1e-5)


@pytest.mark.keras
def test_a_network_without_any_compiles_nothing_for_it():
    image = keras.Input((SIZE, SIZE, 2), name="image")
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="feat")(image)
    x = layers.ReLU(negative_slope=0.1)(layers.BatchNormalization()(layers.Rescaling(2.0)(x)))
    x = layers.Lambda(lambda t: tf.maximum(t, 0.0))(layers.PReLU()(x))
    probe = sc.open_probe(keras.Model(image, layers.Conv2D(3, 1, name="logits")(x)), X)
    before = probe._engine.traces
    assert not probe.units("image").any()
    assert probe.tail("image").constants == {}
    assert probe._engine.traces == before


# ------------------------------------------------------------------ what `exact` must not be said of


def tried(step, size=SIZE):
    image = keras.Input((size, size, 2), name="image")
    x = layers.Conv2D(4, 3, padding="same", name="feat")(image)
    x = shape_kept(step)(x) if not isinstance(step, layers.Layer) else step(x)
    return sc.open_probe(keras.Model(image, layers.Conv2D(3, 1, name="logits")(x)), X)


@tf.custom_gradient
def another_gradient(x):
    return tf.nn.relu(x), lambda upstream: 0.5 * upstream


class Compiled(layers.Layer):
    @tf.function
    def call(self, x):
        return tf.minimum(x, 0.2)


BENT = {
    "a gradient of the author's own": (another_gradient, "IdentityN"),
    "a function compiled by itself": (Compiled, "StatefulPartitionedCall"),
    "frequencies": (lambda x: tf.math.real(tf.signal.ifft2d(tf.signal.fft2d(tf.cast(x, tf.complex64)) ** 2)), "FFT2D"),
}


@pytest.mark.keras
@pytest.mark.parametrize("name", BENT)
def test_it_is_not_called_exact(name):
    step, operation = BENT[name]
    probe = tried(step(name="step") if isinstance(step, type) else step)
    book = sc.ledger(probe, sc.CamQuery("feat", 1, REGION, "logit"))
    assert not book.exact
    assert operation in next(iter(book.curved.values())) or operation == "StatefulPartitionedCall"
    assert book.channels.sum() + book.units + book.residual == pytest.approx(book.score)


@pytest.mark.keras
def test_where_steps_alone_lead_to_the_logits_they_give_all():
    image = keras.Input((SIZE, SIZE, 2), name="image")
    x = layers.Conv2D(3, 3, padding="same", name="feat")(image)
    probe = sc.open_probe(keras.Model(image, layers.Lambda(tf.round, name="logits")(x)), 3 * X)
    book = sc.ledger(probe, sc.CamQuery("feat", 1, REGION, "logit"))
    assert not book.channels.any()
    assert (book.units, book.residual) == (pytest.approx(book.score), pytest.approx(0, abs=1e-6))


@pytest.mark.keras
def test_where_nothing_can_be_pushed_through_it_says_so():
    """TensorFlow has no second derivative of a dilation."""
    image = keras.Input((SIZE, SIZE, 2), name="image")
    x = layers.Conv2D(4, 3, padding="same", name="feat")(image)
    x = layers.ReLU(0.3, name="full")(x)
    x = shape_kept(lambda t: tf.nn.dilation2d(t, tf.zeros((3, 3, 4)), [1] * 4, "SAME", "NHWC", [1] * 4))(x)
    probe = sc.open_probe(keras.Model(image, layers.Conv2D(3, 1, name="logits")(x)), X)
    with pytest.raises(sc.UnsupportedModelError, match="cannot differentiate twice"):
        probe.units("feat")
    book = sc.ledger(probe, sc.CamQuery("feat", 1, REGION, "logit"))
    assert (book.units_known, book.units, book.exact) == (False, 0, False)
    assert book.channels.sum() + book.residual == pytest.approx(book.score)
    assert "bias, full units and curvature" in book.summary()
    assert "What full gives without any weight is in it, too." in book.remark


# ------------------------------------------------------------------ other kinds of model


@pytest.mark.keras
def test_a_call_of_the_authors_own():
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.first = layers.Conv2D(4, 3, strides=2, padding="same", use_bias=False)
            self.head = layers.Conv2D(3, 1, use_bias=False)

        def call(self, image):
            x = tf.nn.relu6(9 * self.first(image)) - 0.5
            return self.head(tf.concat([tf.image.resize(x, (SIZE, SIZE)), tf.minimum(image, 0.4)], -1))

    probe = sc.open_probe(Own(), X)
    for layer in ("first", "image"):
        book = sc.ledger(probe, sc.CamQuery(layer, 1, REGION, "logit"))
        assert book.exact
        assert abs(book.units) > 1e-2 * book.magnitude
        assert abs(book.residual) < 1e-5 * book.magnitude


@pytest.mark.keras
def test_half_precision():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        image = keras.Input((SIZE, SIZE, 2), name="image")
        x = layers.Conv2D(4, 3, padding="same", use_bias=False, name="feat")(image)
        x = layers.ReLU(1.0)(x)
        model = keras.Model(image, layers.Conv2D(3, 1, use_bias=False, dtype="float32", name="logits")(x))
    finally:
        keras.config.set_dtype_policy("float32")
    book = sc.ledger(sc.open_probe(model, 3 * X), sc.CamQuery("feat", 1, REGION, "logit"))
    assert abs(book.units) > 1e-2 * book.magnitude
    assert abs(book.residual) < 2e-3 * book.magnitude


@pytest.mark.keras
def test_one_sigmoid_and_tokens():
    image = keras.Input((SIZE, SIZE, 2), name="image")
    x = layers.Conv2D(4, 3, strides=3, padding="same", use_bias=False, name="patches")(image)
    x = layers.Dense(4, use_bias=False, name="dense")(layers.Reshape((16, 4), name="tokens")(x))
    x = layers.Reshape((4, 4, 4))(layers.Activation("relu6")(layers.Rescaling(20.0)(x)))
    x = layers.Conv2D(1, 1, use_bias=False, activation="sigmoid", name="logits")(
        layers.UpSampling2D(3, interpolation="bilinear")(x)
    )
    probe = sc.open_probe(keras.Model(image, x), X)
    for layer in ("patches", "tokens", "dense"):
        book = sc.ledger(probe, sc.CamQuery(layer, 1, REGION, "logit"))
        assert abs(book.units) > 1e-2 * book.magnitude
        assert abs(book.residual) < 1e-5 * book.magnitude
