"""Small look-alikes of what breaks naive tools in the networks people bring (those: `python -m benchmarks.zoo`)."""

import keras
import numpy as np
import pytest
from keras import layers

import segcam_widgets as sc
from tests.models.networks import CLASSES, SIZE, Seeds, body, dynamic, image, small
from tests.models.reference import find_layer, relative, tape_gradient

pytestmark = pytest.mark.keras


def agrees(model, x, name, *, ends_with="none", output=None):
    """The probe at a layer, whose gradient there is that of a tape on the user's model."""
    probe = sc.open_probe(model, x, output=output)
    field = np.random.default_rng(4).normal(size=probe.logits.shape).astype(np.float32)
    field -= field.mean(-1, keepdims=True) if probe.head == "softmax" else 0
    layer, call = find_layer(model, name)
    plain = model if output is None else keras.Model(model.inputs[0], model.outputs[output])
    theirs = tape_gradient(plain, layer, call, x[None], field=field, ends_with=ends_with)
    ours = probe.pullback(name, field).gradients
    assert relative(ours, theirs.reshape(ours.shape)) < 1e-5
    return probe


# ------------------------------------------------------------------ outputs


def supervised():
    """Deep supervision as in U2-Net: every depth has its own head at full size, and the last one joins them all."""
    seeds = Seeds(8000)
    inputs = keras.Input((SIZE, SIZE, 3), name="image")
    x, sides = inputs, []
    for depth in range(3):
        x = seeds.conv(6, name=f"stage{depth}")(x)
        side = seeds.conv(CLASSES, 1, activation=None, name=f"side{depth}")(x)
        sides.append(layers.UpSampling2D(2**depth, interpolation="bilinear", name=f"up{depth}")(side))
        x = layers.MaxPooling2D(name=f"pool{depth}")(x)
    joined = seeds.conv(CLASSES, 1, activation=None, name="joined")(layers.Concatenate(name="all")(sides))
    ends = [*sides, joined]
    return keras.Model(inputs, [layers.Softmax(name=f"out{i}")(end) for i, end in enumerate(ends)])


@pytest.mark.parametrize(("output", "reached"), [(0, 1), (1, 2), (2, 3), (3, 3)])
def test_each_output_of_deep_supervision_has_its_own_layers(output, reached):
    probe = agrees(supervised(), image(), "stage0", ends_with="softmax", output=output)
    assert sum(info.name.startswith("stage") for info in probe.layers) == reached
    assert probe.layers[-1].name == ("joined" if output == 3 else f"up{output}")


@pytest.mark.parametrize("factor", [0.25, 0.5, 2, 4])
def test_an_output_smaller_or_larger_than_the_input(factor):
    """SegFormer and DeepLab answer on a grid of their own; a super-resolution head on a finer one."""
    seeds = Seeds(8100)
    inputs = keras.Input((SIZE, SIZE, 3), name="image")
    x = seeds.conv(6, name="conv")(inputs)
    if factor < 1:
        x = layers.AveragePooling2D(round(1 / factor), name="down")(x)
    else:
        x = layers.Conv2DTranspose(5, 3, strides=factor, padding="same", kernel_initializer=seeds(), name="up")(x)
    model = keras.Model(inputs, seeds.conv(CLASSES, 1, activation="softmax", name="logits")(x))
    probe = agrees(model, image(), "conv", ends_with="softmax")
    size = (round(SIZE * factor), round(SIZE * factor))
    assert probe.logits.shape == (*size, CLASSES)
    answer = sc.explain(probe, sc.CamQuery("conv", 0, sc.Rectangle(0, 0, size[0] // 2, size[1] // 2)))
    assert answer.mask.shape == answer.upsampled().shape == size
    assert answer.mask.sum() == size[0] * size[1] // 4
    assert probe.placement.to_picture(answer.upsampled()).shape == (SIZE, SIZE)


@pytest.mark.parametrize("activation", [None, "softmax"])
def test_a_head_that_is_a_transposed_convolution(activation):
    seeds = Seeds(8200)
    inputs = keras.Input((SIZE, SIZE, 3), name="image")
    x = layers.MaxPooling2D(name="pool")(seeds.conv(6, name="conv")(inputs))
    head = layers.Conv2DTranspose(
        CLASSES, 4, strides=2, padding="same", activation=activation, kernel_initializer=seeds(), name="head"
    )
    probe = agrees(keras.Model(inputs, head(x)), image(), "conv", ends_with=activation or "none")
    assert probe.layers[-1].name == "head"
    assert probe.layers[-1].activation is None


# ------------------------------------------------------------------ tokens


def vision_transformer(class_token=False):
    """Patches, tokens, attention, a map again; with a class token as in ViT, dropped before the head."""
    seeds = Seeds(8300)
    inputs = keras.Input((SIZE, SIZE + 8, 3), name="image")
    x = seeds.conv(8, 4, strides=4, activation=None, name="patches")(inputs)
    height, width = x.shape[1:3]
    x = layers.Reshape((height * width, 8), name="tokens")(x)
    if class_token:
        x = layers.Concatenate(axis=1, name="with_class")([x[:, :1] * 0 + 1, x])
    x = layers.Add(name="joined")(
        [x, layers.MultiHeadAttention(2, 4, kernel_initializer=seeds(), name="attention")(x, x)]
    )
    x = layers.LayerNormalization(name="norm")(x)
    if class_token:
        x = x[:, 1:]
    x = layers.Dense(6, "gelu", kernel_initializer=seeds(), name="mlp")(x)
    x = layers.Reshape((height, width, 6), name="map")(x)
    x = layers.UpSampling2D(4, interpolation="bilinear", name="up")(
        seeds.conv(CLASSES, 1, activation=None, name="scores")(x)
    )
    return keras.Model(inputs, x)


def test_tokens_are_layers_where_a_map_tells_their_grid():
    model, x = vision_transformer(), np.random.default_rng(0).normal(size=(SIZE, SIZE + 8, 3)).astype(np.float32)
    for name in ("tokens", "attention", "norm", "mlp"):
        probe = agrees(model, x, name)
        assert probe.layer(name).shape[:2] == (4, 6)
    np.testing.assert_array_equal(
        probe.activations("tokens"), probe.activations("patches")
    )  # row by row, as the reshape lays them
    query = sc.CamQuery("norm", 1, sc.Everything())
    answer = sc.explain(probe, query)
    assert answer.cam.shape == (4, 6)
    assert probe.sweep(np.ones_like(probe.logits))["mlp"].grad_cam.shape == (4, 6)
    assert probe.replay("mlp", np.stack([probe.activations("mlp")] * 2)).shape == (2, *probe.logits.shape)
    tangent = np.random.default_rng(0).normal(size=(4, 6, 8)).astype(np.float32)
    field = np.random.default_rng(1).normal(size=probe.logits.shape).astype(np.float32)
    pushed = (probe.pushforward("norm", tangent) * field).sum()
    assert pushed == pytest.approx((probe.pullback("norm", field).gradients * tangent).sum(), rel=1e-4)
    with pytest.raises(sc.SegCamError, match=r"must have shape \(4, 6, 8\)"):
        probe.replay("norm", np.zeros((24, 8)))


def test_tokens_with_a_class_token_are_refused_with_a_way_out():
    x = np.random.default_rng(0).normal(size=(SIZE, SIZE + 8, 3)).astype(np.float32)
    probe = agrees(vision_transformer(class_token=True), x, "mlp")
    names = [info.name for info in probe.layers]
    assert {"tokens", "mlp"} <= set(names)
    assert not {"attention", "norm", "joined"} & set(names)
    with pytest.raises(sc.UnknownLayerError) as caught:
        probe.layer("norm")
    assert str(caught.value).startswith(
        "`layer` must have an output of shape (h, w, channels). Received: 'norm', whose output has shape (25, 8): one token "
        "more than the grid 4 x 6, probably a class token. Choose a layer after its removal."
    )


def test_windows_that_became_a_batch_are_no_layer():
    """As in Swin: (windows, window, window, K) is four-dimensional and no map of the image."""
    seeds = Seeds(8400)
    inputs = keras.Input((SIZE, SIZE, 3), name="image")
    x = seeds.conv(4, name="conv")(inputs)
    x = keras.ops.reshape(x, (-1, 2, SIZE // 2, 2, SIZE // 2, 4))
    x = keras.ops.reshape(keras.ops.transpose(x, (0, 1, 3, 2, 4, 5)), (-1, SIZE // 2, SIZE // 2, 4))
    x = layers.Dense(4, "relu", kernel_initializer=seeds(), name="windows")(x)
    x = keras.ops.transpose(keras.ops.reshape(x, (-1, 2, 2, SIZE // 2, SIZE // 2, 4)), (0, 1, 3, 2, 4, 5))
    x = keras.ops.reshape(x, (-1, SIZE, SIZE, 4))
    probe = agrees(keras.Model(inputs, seeds.conv(CLASSES, 1, activation=None, name="logits")(x)), image(), "conv")
    assert "windows" not in [info.name for info in probe.layers]


# ------------------------------------------------------------------ precision, sizes


def halves():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        half = small()
    finally:
        keras.config.set_dtype_policy(before)
    full = small()
    half.set_weights(full.get_weights())
    return sc.open_probe(full, image()), sc.open_probe(half, image())


@pytest.mark.parametrize("loudness", [1e-7, 1.0, 3e4])
def test_a_sweep_in_half_precision_neither_vanishes_nor_overflows(loudness):
    full, half = halves()
    field = np.random.default_rng(0).normal(size=full.logits.shape).astype(np.float32)
    field = loudness * (field - field.mean(-1, keepdims=True))
    ours, theirs = half.sweep(field), full.sweep(field)
    assert list(ours) == [name for name in theirs if name in ours]
    for name in ("enc", "deep", "dec"):
        assert relative(ours[name].hirescam, theirs[name].hirescam) < 0.02
        assert relative(ours[name].weights, theirs[name].weights) < 0.02


def test_one_model_of_any_size_answers_at_several():
    model = dynamic()
    for size in (SIZE, SIZE + 8, 2 * SIZE):
        probe = agrees(model, image(size), "deep", ends_with="softmax")
        assert probe.logits.shape[:2] == (size, size)


@pytest.mark.parametrize("wrap", [lambda x: [x], lambda x: (x,), lambda x: {"image": x}])
def test_an_input_in_a_list_or_a_dictionary(wrap):
    """As keras-unet-collection builds them: Keras warns about a structure that is not the expected one, and would here."""
    inner = small()
    model = keras.Model(wrap(inner.inputs[0]), inner.outputs[0])
    probe = sc.open_probe(model, image())
    np.testing.assert_array_equal(probe.logits, sc.open_probe(inner, image()).logits)


# ------------------------------------------------------------------ what a refusal advises does


def test_channels_first_weights_fit_a_twin_with_channels_last():
    """What refusals advise, and the numbers by hand: convolution is convolution whatever axis comes first."""

    def build(data_format):
        axis, entry = (1, (3, SIZE, SIZE)) if data_format == "channels_first" else (-1, (SIZE, SIZE, 3))
        inputs = keras.Input(entry, name="image")
        x = layers.Conv2D(5, 3, padding="same", data_format=data_format, name="conv")(inputs)
        x = layers.BatchNormalization(axis=axis, name="norm")(x)
        x = layers.Conv2D(CLASSES, 1, data_format=data_format, name="logits")(layers.ReLU(name="relu")(x))
        return keras.Model(inputs, layers.Softmax(axis=axis, name="softmax")(x))

    old, new = build("channels_first"), build("channels_last")
    assert [w.shape for w in old.get_weights()] == [w.shape for w in new.get_weights()]
    new.set_weights(old.get_weights())
    probe = sc.open_probe(new, image())
    kernel, bias = old.get_layer("conv").get_weights()
    padded = np.pad(image(), ((1, 1), (1, 1), (0, 0)))
    byhand = sum(padded[i : i + SIZE, j : j + SIZE] @ kernel[i, j] for i in range(3) for j in range(3)) + bias
    np.testing.assert_allclose(probe.activations("conv"), byhand, atol=1e-4)


def test_a_second_input_can_be_made_of_the_image():
    seeds = Seeds(8500)
    entries = [keras.Input((SIZE, SIZE, 3), name="photo"), keras.Input((SIZE, SIZE, 1), name="depth")]
    x = body(layers.Concatenate(name="both")(entries), seeds)
    model = keras.Model(entries, seeds.conv(CLASSES, 1, activation="softmax", name="logits")(x), name="two")
    with pytest.raises(sc.UnsupportedModelError, match="Derive the others from the image"):
        sc.open_probe(model, image())
    photo = keras.Input((SIZE, SIZE, 3), name="photo")
    probe = sc.open_probe(keras.Model(photo, model([photo, 0 * photo[..., :1] + 0.5])), image())
    depth = np.full((1, SIZE, SIZE, 1), 0.5, np.float32)
    np.testing.assert_allclose(probe.probabilities, model([image()[None], depth]).numpy()[0], atol=1e-5)
    assert "two/dec" in [info.name for info in probe.layers]
