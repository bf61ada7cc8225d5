"""Models with data_format="channels_first": the same answers, in (h, w, K), as of their twins with channels last.

Every network is built twice from one description and has the same weights both times; the twin is what the rest of the
tests hold against plain automatic differentiation, and here the user's own model is held against it once more.
"""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import segcam_widgets as sc
from tests.models.networks import CLASSES, SIZE, Seeds, image
from tests.models.reference import find_layer, relative, tape_gradient

pytestmark = pytest.mark.keras

FIRST, LAST = "channels_first", "channels_last"
WIDE = SIZE - 4


def x_of():
    return image()[:, :WIDE]


def moved(x):
    return np.moveaxis(x, -1, 0)


def entry(fmt, channels=3, rows=SIZE, cols=WIDE):
    return keras.Input((channels, rows, cols) if fmt == FIRST else (rows, cols, channels), name="image")


def axis_of(fmt):
    return 1 if fmt == FIRST else -1


def settled(model):
    """Moving statistics far from the image's own, so that axes that were mixed up show."""
    rng = np.random.default_rng(5)
    for layer in model._flatten_layers():
        if isinstance(layer, layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 2, weight.shape) for weight in layer.get_weights()])
    return model


def trunk(x, seeds, fmt):
    """A U with every layer that has an axis: norms, drops, gates, resizes."""
    with_format = {"data_format": fmt}
    early = seeds.conv(6, activation=None, name="enc", **with_format)(x)
    early = layers.BatchNormalization(axis=axis_of(fmt), name="norm")(early)
    early = layers.ReLU(name="relu")(early)
    early = layers.SpatialDropout2D(0.3, name="drop")(early)  # its default is channels last: nothing at inference
    x = layers.MaxPooling2D(name="pool", **with_format)(early)
    x = layers.DepthwiseConv2D(3, padding="same", depthwise_initializer=seeds(), name="depthwise", **with_format)(x)
    x = seeds.conv(8, name="deep", **with_format)(x)
    gate = layers.GlobalAveragePooling2D(keepdims=True, name="squeeze", **with_format)(x)
    gate = seeds.conv(8, 1, activation="sigmoid", name="excite", **with_format)(gate)
    x = layers.Multiply(name="gated")([x, gate])
    up = layers.Conv2DTranspose(6, 2, strides=2, kernel_initializer=seeds(), name="up", **with_format)(x)
    smooth = layers.UpSampling2D(2, interpolation="bilinear", name="resize", **with_format)(x)
    x = layers.Concatenate(axis=axis_of(fmt), name="join")([up, early, smooth])
    return seeds.conv(6, name="dec", **with_format)(x)


def classes(x, seeds, fmt, number=CLASSES, activation=None):
    return seeds.conv(number, 1, activation=activation, name="logits", data_format=fmt)(x)


def whole(fmt):
    seeds, inputs = Seeds(9000), entry(fmt)
    x = classes(trunk(inputs, seeds, fmt), seeds, fmt)
    return settled(keras.Model(inputs, layers.Softmax(axis=axis_of(fmt), name="softmax")(x)))


def sandwiched(fmt):
    """The image and the classes come last, the network between has its channels first; cropped behind the softmax."""
    seeds, inputs = Seeds(9100), entry(LAST)
    x = layers.Permute((3, 1, 2), name="in")(inputs) if fmt == FIRST else layers.Identity(name="in")(inputs)
    x = classes(trunk(x, seeds, fmt), seeds, fmt)
    x = layers.Softmax(axis=axis_of(fmt), name="softmax")(x)
    x = layers.Cropping2D(2, data_format=fmt, name="crop")(x)
    x = layers.Permute((2, 3, 1), name="out")(x) if fmt == FIRST else layers.Identity(name="out")(x)
    return settled(keras.Model(inputs, x))


def mixed(fmt):
    """A raw transposition instead of a layer, one layout in the encoder and another in the decoder, logits."""
    seeds, inputs = Seeds(9200), entry(fmt)
    x = seeds.conv(6, name="enc", data_format=fmt)(inputs)
    x = layers.AveragePooling2D(2, name="pool", data_format=fmt)(layers.Rescaling(2.0, 0.5, name="scale")(x))
    x = keras.ops.transpose(x, (0, 2, 3, 1)) if fmt == FIRST else keras.ops.transpose(x, (0, 1, 2, 3))
    x = layers.UpSampling2D(name="up")(seeds.conv(6, name="dec")(x))
    return keras.Model(inputs, classes(x, seeds, LAST))


def flattened(fmt):
    """As SegNets for Theano end: (C, H * W), turned, softmax."""
    seeds, inputs = Seeds(9300), entry(fmt)
    x = classes(trunk(inputs, seeds, fmt), seeds, fmt)
    if fmt == FIRST:
        x = layers.Permute((2, 1), name="turn")(layers.Reshape((CLASSES, SIZE * WIDE), name="flat")(x))
    else:
        x = layers.Reshape((SIZE * WIDE, CLASSES), name="flat")(x)
    return settled(keras.Model(inputs, layers.Activation("softmax", name="softmax")(x)))


def nested(fmt):
    """A backbone as a model of its own, and one sigmoid channel."""
    seeds, inner, inputs = Seeds(9400), entry(fmt), entry(fmt)
    backbone = keras.Model(inner, trunk(inner, seeds, fmt), name="backbone")
    return settled(keras.Model(inputs, classes(backbone(inputs), seeds, fmt, 1, "sigmoid")))


@keras.saving.register_keras_serializable("segcam_tests")
class Block(layers.Layer):
    """A layer of one's own, which says nothing of its layout; the layers inside do."""

    def __init__(self, seeds, fmt, **options):
        super().__init__(**options)
        self.inner = seeds.conv(6, data_format=fmt)

    def build(self, shape):
        self.inner.build(shape)

    def call(self, x):
        return self.inner(x) * 2.0


def separable(fmt):
    """Layers that TensorFlow runs on every device: Keras itself turns their tensors round. Several sigmoids."""
    seeds, inputs = Seeds(9500), entry(fmt)

    def layer(filters, name, **options):
        return layers.SeparableConv2D(
            filters, 3, padding="same", depthwise_initializer=seeds(), pointwise_initializer=seeds(), data_format=fmt,
            name=name, **options,
        )  # fmt: skip

    x = layers.MaxPooling2D(name="pool", data_format=fmt)(layer(6, "enc", activation="relu")(inputs))
    x = layers.UpSampling2D(name="up", data_format=fmt)(layer(8, "deep", activation="relu")(x))
    return keras.Model(inputs, layers.Activation("sigmoid", name="sigmoid")(layer(CLASSES, "logits")(x)))


def of_ones_own(fmt):
    seeds, inputs = Seeds(9600), entry(fmt)
    x = Block(seeds, fmt, name="first")(inputs)
    return keras.Model(inputs, layers.Softmax(axis=axis_of(fmt), name="softmax")(Block(seeds, fmt, name="second")(x)))


NETWORKS = {
    f.__name__: f for f in (whole, sandwiched, mixed, flattened, nested, separable, of_ones_own)
}  # only `separable` runs on a CPU without oneDNN
EXTRA = ("Permute", "Identity", "Transpose", "Reshape")  # kinds of layers of which a twin has none, or others


def runs_convolutions():
    try:
        layers.Conv2D(1, 1, data_format=FIRST)(tf.zeros((1, 1, 2, 2)))
    except (tf.errors.OpError, ValueError):
        return False
    return True


@pytest.fixture(params=NETWORKS)
def pair(request):
    """The model with channels first, its probe, and the probe of the twin."""
    if request.param != "separable" and not runs_convolutions():
        pytest.skip("TensorFlow has no convolution with channels first on this device")
    return opened(NETWORKS[request.param])


def opened(network):
    model, twin = network(FIRST), network(LAST)
    assert [w.shape for w in model.get_weights()] == [w.shape for w in twin.get_weights()]
    twin.set_weights(model.get_weights())
    enters_last = model.inputs[0].shape[-1] == 3
    return model, sc.open_probe(model, x_of() if enters_last else moved(x_of())), sc.open_probe(twin, x_of())


def common(probe, other):
    names = [info.name for info in other.layers]
    return [info.name for info in probe.layers if info.name in names and info.kind not in EXTRA]


def a_field(probe, seed=4):
    field = np.random.default_rng(seed).normal(size=probe.logits.shape).astype(np.float32)
    return field - field.mean(-1, keepdims=True) if probe.head == "softmax" else field


def close(ours, theirs, within=1e-5):
    return ours.shape == theirs.shape and (relative(ours, theirs) <= within or not theirs.any())


# ------------------------------------------------------------------ the same answers


def test_prediction_and_layers(pair):
    _, probe, other = pair
    assert close(probe.logits, other.logits)
    assert close(probe.probabilities, other.probabilities)
    np.testing.assert_array_equal(probe.labels, other.labels)
    np.testing.assert_array_equal(probe.image, other.image)
    np.testing.assert_array_equal(probe.x, other.x)
    assert (probe.head, probe.notes, probe.class_names) == (other.head, other.notes, other.class_names)
    kept = [info for info in probe.layers if info.kind not in EXTRA]
    assert kept == [info for info in other.layers if info.kind not in EXTRA]
    assert len(kept) >= 3


def test_every_layer(pair):
    _, probe, other = pair
    field, rng = a_field(probe), np.random.default_rng(7)
    for name in common(probe, other):
        here = probe.activations(name)
        assert close(here, other.activations(name)), name
        pulled, wanted = probe.pullback(name, field), other.pullback(name, field)
        assert close(pulled.gradients, wanted.gradients), name
        assert pulled.bypass.keys() == wanted.bypass.keys()
        for around, share in wanted.bypass.items():
            scale = np.linalg.norm(field) * np.linalg.norm(probe.logits)
            assert abs(pulled.bypass[around] - share) <= 1e-5 * scale, (name, around)
        change = rng.normal(size=(2, *here.shape)).astype(np.float32)
        assert close(probe.replay(name, here + change), other.replay(name, here + change)), name
        pushed = probe.pushforward(name, change)
        assert close(pushed, other.pushforward(name, change)), name
        forward = (pushed[0].astype(np.float64) * field).sum()
        backward = (change[0].astype(np.float64) * pulled.gradients).sum()
        assert abs(forward - backward) <= 1e-5 * np.linalg.norm(pushed[0]) * np.linalg.norm(field), name
        at = probe.pullback(name, field, at=change + here).gradients
        assert close(at, other.pullback(name, field, at=change + here).gradients), name


def test_sweep_and_votes(pair):
    _, probe, other = pair
    field = a_field(probe)
    swept, wanted = probe.sweep(field), other.sweep(field)
    for name in common(probe, other):
        for what in ("weights", "grad_cam", "hirescam"):
            # maps of 1 x 1 are sums that nearly cancel
            assert close(getattr(swept[name], what), getattr(wanted[name], what), 1e-4), (name, what)
    name = common(probe, other)[-2]
    assert close(sc.votes(probe, name).weights(field), sc.votes(other, name).weights(field))
    assert close(sc.votes(probe, name).weights(field), probe.pullback(name, field).gradients.mean((0, 1)), 1e-4)


@pytest.mark.parametrize("method", ["seg-grad-cam", "hirescam", "ablation-cam", "score-cam"])
def test_explanations_and_ledger(pair, method):
    _, probe, other = pair
    name = common(probe, other)[1]
    query = sc.CamQuery(name, 1, sc.Rectangle(1, 2, 9, 8), method=method)
    ours, theirs = sc.explain(probe, query), sc.explain(other, query)
    assert close(ours.cam, theirs.cam, 1e-4)
    assert close(ours.weights, theirs.weights, 1e-4)
    ledger, wanted = sc.ledger(probe, query), sc.ledger(other, query)
    np.testing.assert_allclose(ledger.channels, wanted.channels, atol=1e-5 * max(1, abs(ledger.score)))
    np.testing.assert_allclose(ledger.residual, wanted.residual, atol=1e-4 * max(1, abs(ledger.score)))
    assert dict(probe.tail(name).curved) == dict(other.tail(name).curved)
    assert dict(probe.tail(name).constants) == dict(other.tail(name).constants)
    np.testing.assert_allclose(ledger.units, wanted.units, atol=1e-4 * max(1, abs(ledger.score)))
    assert (probe.tail(name).no_gradient, probe.tail(name).zero_weights) == ({}, ())


def test_gradients_equal_those_of_a_tape_on_the_users_own_model(pair):
    model, probe, other = pair
    field = a_field(probe)
    binary = probe.head == "sigmoid" and not probe.multilabel
    own = (field[:, :, 1:] - field[:, :, :1]) / 2 if binary else field
    ends_first = model.outputs[0].shape[1] == own.shape[-1]
    ends_with = "none" if model.layers[-1].name == "logits" and not binary else probe.head
    compared = 0
    for name in common(probe, other):
        if name in ("image", "logits", "crop"):  # no layer's call; may have the sigmoid inside; behind the softmax
            continue
        mine = probe.pullback(name, field).gradients
        layer, call = find_layer(model, name)
        x = probe.x if model.inputs[0].shape[-1] == 3 else np.moveaxis(probe.x, -1, 1)
        gradient = tape_gradient(
            model, layer, call, x, field=np.moveaxis(own, -1, 0) if ends_first else own, ends_with=ends_with
        )
        gradient = np.moveaxis(gradient, 0, -1) if gradient.shape != mine.shape else gradient
        # logarithms of probabilities, on the tape's side: the softmax is not undone exactly
        assert close(mine, gradient, 1e-4 if ends_with != "none" else 1e-5), name
        compared += 1
    assert compared >= 2


def test_later_answers_are_compiled_and_stay_the_same():
    """From the third image on one function computes all layers, and deep tails are compiled behind the first answer."""
    network = NETWORKS["whole" if runs_convolutions() else "separable"]
    model, probe, other = opened(network)
    field = a_field(probe)
    for _ in range(4):
        probe = sc.open_probe(model, moved(x_of()))
        probe.pullback("enc", field)
        probe._engine.settle()
    assert probe._engine.traces
    assert close(probe.logits, other.logits)
    assert close(probe.pullback("enc", field).gradients, other.pullback("enc", field).gradients)


def test_random_weights():
    _, probe, other = opened(separable)
    names = probe.weighted_layers
    assert names == other.weighted_layers == ("logits", "deep", "enc")
    assert close(probe.randomised(names[:2]).logits, other.randomised(names[:2]).logits)


def test_half_precision():
    """Pooling, norms and resizes; convolutions with channels first TensorFlow refuses on a CPU in 16 bits."""

    def network(fmt):
        seeds, inputs = Seeds(9650), entry(fmt)
        x = layers.MaxPooling2D(name="pool", data_format=fmt, dtype="mixed_float16")(inputs)
        x = layers.BatchNormalization(axis=axis_of(fmt), name="norm", dtype="mixed_float16")(x)
        x = layers.UpSampling2D(name="up", data_format=fmt, dtype="mixed_float16")(x)
        x = layers.SeparableConv2D(CLASSES, 1, depthwise_initializer=seeds(), name="logits", data_format=fmt)(x)
        return settled(keras.Model(inputs, layers.Softmax(axis=axis_of(fmt), name="softmax")(x)))

    _, probe, other = opened(network)
    field = a_field(probe)
    assert probe.tail("pool").half_precision
    for ask in ("pullback", "pullback_float32"):
        ours, theirs = (getattr(each, ask)("pool", field).gradients for each in (probe, other))
        assert close(ours, theirs, 5e-3)


def rows_and_cols(fmt):
    return [2, 3] if fmt == FIRST else [1, 2]


def squeezed(x, fmt):
    """Squeeze and excite as it is usually written: through a vector, which has no layout."""
    gate = layers.Dense(6, "sigmoid", kernel_initializer=Seeds(9)())(layers.GlobalAveragePooling2D(data_format=fmt)(x))
    return layers.Multiply()([x, layers.Reshape((6, 1, 1) if fmt == FIRST else (1, 1, 6))(gate)])


BETWEEN = {
    "group norm": lambda x, fmt: layers.GroupNormalization(2, axis=axis_of(fmt))(x),
    "layer norm": lambda x, fmt: layers.LayerNormalization(axis=axis_of(fmt))(x),
    "prelu": lambda x, fmt: layers.PReLU(keras.initializers.Constant(0.2), shared_axes=rows_and_cols(fmt))(x),
    "resizing": lambda x, fmt: layers.Resizing(8, 6, data_format=fmt)(x),
    "image.resize": lambda x, fmt: keras.ops.image.resize(x, (8, 6), data_format=fmt),
    "slices of rows": lambda x, fmt: x[:, :, 2:-2] if fmt == FIRST else x[:, 2:-2],
    "the largest channel": lambda x, fmt: keras.ops.concatenate(
        [x, keras.ops.max(x, axis_of(fmt), keepdims=True)], axis_of(fmt)
    ),
    "vector gate": squeezed,
    "moveaxis": lambda x, fmt: (
        keras.ops.moveaxis(layers.UpSampling2D()(keras.ops.moveaxis(x, 1, -1)), -1, 1)
        if fmt == FIRST
        else layers.UpSampling2D()(x)
    ),
}


@pytest.mark.parametrize("between", BETWEEN)
def test_what_else_may_stand_between(between):
    def network(fmt):
        seeds, inputs = Seeds(9660), entry(fmt)

        def layer(filters, name):
            parts = {"depthwise_initializer": seeds(), "pointwise_initializer": seeds()}
            return layers.SeparableConv2D(filters, 3, padding="same", data_format=fmt, name=name, **parts)

        return keras.Model(inputs, layer(CLASSES, "logits")(BETWEEN[between](layer(6, "enc")(inputs), fmt)))

    model, twin = network(FIRST), network(LAST)  # seeded alike; a PReLU's own weights are laid out like its maps
    probe, other = sc.open_probe(model, moved(x_of())), sc.open_probe(twin, x_of())
    field = a_field(probe)
    change = np.random.default_rng(8).normal(size=(SIZE, WIDE, 6)).astype(np.float32)
    assert close(probe.logits, other.logits)
    assert close(probe.pullback("enc", field).gradients, other.pullback("enc", field).gradients)
    assert close(probe.pushforward("enc", change), other.pushforward("enc", change))
    shapes = {info.shape for info in other.layers}
    assert shapes <= {info.shape for info in probe.layers}


# ------------------------------------------------------------------ images


def test_images_as_the_model_eats_them():
    model, x = separable(FIRST), x_of()
    probe = sc.open_probe(model, moved(x))
    np.testing.assert_array_equal(probe.logits, sc.open_probe(model, moved(x)[None]).logits)
    picture = np.random.default_rng(0).integers(0, 256, (SIZE, WIDE, 3)).astype(np.uint8)
    named = sc.open_probe(model, image=picture, preprocess="0-1")
    own = sc.open_probe(model, image=picture, preprocess=lambda p: moved(p.astype(np.float32) / 255))
    np.testing.assert_array_equal(named.x, picture[None].astype(np.float32) / 255)
    np.testing.assert_array_equal(named.x, own.x)
    np.testing.assert_array_equal(named.image, picture)
    larger = sc.open_probe(model, moved(image(2 * SIZE)), fit="tile", tile=1)
    np.testing.assert_array_equal(larger.x[0], image(2 * SIZE)[:SIZE, WIDE : 2 * WIDE])
    padded = sc.open_probe(model, image=picture[:8], preprocess=lambda p: moved(p.astype(np.float32)), fit="pad")
    assert padded.x.shape == (1, SIZE, WIDE, 3)


def test_any_size():
    inputs = keras.Input((3, None, None))
    x = layers.SeparableConv2D(CLASSES, 3, padding="same", data_format=FIRST, name="logits")(inputs)
    model = keras.Model(inputs, layers.Softmax(axis=1)(x))
    for rows, cols in ((8, 12), (20, 6)):
        assert sc.open_probe(model, np.ones((3, rows, cols))).logits.shape == (rows, cols, CLASSES)


def test_bands_are_those_of_the_model():
    inputs = keras.Input((6, SIZE, WIDE))
    x = layers.SeparableConv2D(CLASSES, 3, padding="same", data_format=FIRST, name="logits")(inputs)
    model = keras.Model(inputs, layers.Softmax(axis=1)(x))
    x = image(SIZE, 6)[:, :WIDE]
    probe = sc.open_probe(model, moved(x), bands=(4, 2, 1))
    twin = sc.open_probe(separable_bands(), x, bands=(4, 2, 1))
    np.testing.assert_array_equal(probe.image, twin.image)


def separable_bands():
    inputs = keras.Input((SIZE, WIDE, 6))
    x = layers.SeparableConv2D(CLASSES, 3, padding="same", name="logits")(inputs)
    return keras.Model(inputs, layers.Softmax()(x))


# ------------------------------------------------------------------ refusals


def refused(model, x=None):
    with pytest.raises(sc.SegCamError) as told:
        sc.open_probe(model, moved(x_of()) if x is None else x)
    return str(told.value)


def test_an_image_with_channels_last():
    assert refused(separable(FIRST), x_of()) == (
        "`x` must have its channels first, as the model expects them: shape (3, 16, 12) or (1, 3, 16, 12). "
        "Received: shape (16, 12, 3)."
    )


def test_half_precision_where_there_is_no_kernel():
    inputs = keras.Input((3, SIZE, WIDE))
    x = layers.Conv2D(CLASSES, 1, data_format=FIRST, dtype="float16")(inputs)
    model = keras.Model(inputs, layers.Softmax(axis=1)(x))
    try:
        model(moved(x_of())[None])
    except tf.errors.OpError:
        assert refused(model) == (
            "`model` must be one that TensorFlow can run here. Received: a model with channels first, of which it says: The "
            "Conv2D op currently only supports the NHWC tensor format on the CPU. The op was given the format: NCHW "
            "[Op:Conv2D]. Build it with data_format='channels_last' and call set_weights(old.get_weights()): kernels are laid "
            "out alike."
        )
    else:
        pytest.skip("TensorFlow runs it on this device")


def test_softmax_along_the_columns():
    """What `activation="softmax"` does there: Keras takes the last axis."""
    for fused in (True, False):
        seeds, inputs = Seeds(9700), entry(FIRST)
        x = seeds.conv(CLASSES, 1, activation="softmax" if fused else None, data_format=FIRST, name="squash" * fused)(
            inputs
        )
        x = x if fused else layers.Activation("softmax", name="squash")(x)
        assert refused(keras.Model(inputs, x)) == (
            "`model` must have its softmax along its classes. Received: 'squash', whose channels come first and whose "
            "softmax runs along the columns. Use keras.layers.Softmax(axis=1)."
        )


def test_two_layouts_of_one_tensor():
    seeds, inputs = Seeds(9800), entry(FIRST)
    x = layers.ReLU()(seeds.conv(CLASSES, 1, activation=None, data_format=FIRST, name="conv")(inputs))
    x = layers.UpSampling2D(2, data_format=LAST, name="up")(x)
    assert refused(keras.Model(inputs, x)) == (
        "`model` must have one layout per tensor. Received: layer 'conv' is channels_first and layer 'up' is channels_last, "
        "but nothing converts between them. Put a keras.layers.Permute there, or give both the same data_format."
    )


def test_a_layout_that_nobody_tells():
    seeds, inputs = Seeds(9900), entry(FIRST)
    own = layers.Lambda(lambda t: keras.ops.softmax(t, 1), name="own")
    model = keras.Model(inputs, own(seeds.conv(CLASSES, 1, activation=None, data_format=FIRST, name="conv")(inputs)))
    assert refused(model) == (
        "`model` must have a known layout for each tensor. Received: layer 'own' in a model with channels first, whose layout "
        "neither the layer nor its neighbours state. Set its attribute data_format to 'channels_first' or 'channels_last'."
    )
    own.data_format = FIRST  # what the refusal advises
    if runs_convolutions():
        np.testing.assert_allclose(
            sc.open_probe(model, moved(x_of())).probabilities,
            np.moveaxis(model(moved(x_of())[None]).numpy()[0], 0, -1),
            atol=1e-6,
        )


def test_a_model_without_a_graph():
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.conv = layers.DepthwiseConv2D(3, padding="same", data_format=FIRST)

        def call(self, x):
            return self.conv(x)

    assert refused(Own()) == (
        "`model` must have its channels last. Received: layer 'conv' with data_format='channels_first'. Build it with "
        "data_format='channels_last' and call set_weights(old.get_weights()): kernels are laid out alike."
    )


def test_a_layer_first_that_reads_no_map():
    inputs = keras.Input((SIZE, WIDE, 3))
    x = layers.Reshape((3, SIZE * WIDE))(inputs)
    x = layers.Conv1D(4, 3, padding="same", data_format=FIRST, name="along")(x)
    assert "layer 'along' with data_format='channels_first'" in refused(keras.Model(inputs, x), x_of())


ELSEWHERE = """
import keras, numpy as np, segcam_widgets as sc
inputs = keras.Input((3, 8, 8))
layer = {layer}
try:
    sc.open_probe(keras.Model(inputs, keras.layers.Softmax(axis=1)(layer(inputs))), np.zeros((3, 8, 8)))
except sc.UnsupportedModelError as error:
    print("TOLD", error)
"""


@pytest.mark.parametrize(
    ("layer", "says"),
    [
        ("Conv2D(2, 1, data_format='channels_first')", "The Conv2D op currently only supports the NHWC tensor format"),
        ("Conv2DTranspose(2, 1, data_format='channels_first')", "Conv2DCustomBackpropInputOp only supports NHWC"),
    ],
)
def test_a_device_that_cannot_run_it(layer, says):
    """TensorFlow without oneDNN, as on other processors, has these kernels with channels last alone."""
    script = ELSEWHERE.format(layer=f"keras.layers.{layer}")
    quiet = os.environ | {"TF_ENABLE_ONEDNN_OPTS": "0", "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [sys.executable, "-c", script], check=False, env=quiet, capture_output=True, text=True, timeout=300
    )
    if "TOLD" not in done.stdout:
        assert done.returncode == 0, done.stderr
        pytest.skip("TensorFlow of this build runs it without oneDNN")
    told = done.stdout[done.stdout.index("TOLD") :]
    assert told.startswith(
        "TOLD `model` must be one that TensorFlow can run here. Received: a model with channels first, of which it says: "
        + says
    )
    assert told.rstrip().endswith(
        "Build it with data_format='channels_last' and call set_weights(old.get_weights()): kernels are laid out alike."
    )
