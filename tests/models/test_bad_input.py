"""What cannot be opened or asked: a sentence that names the argument, says what came and what would do."""

import keras
import numpy as np
import pytest
from keras import layers

import segcam_widgets as sc
from tests.models.networks import CLASSES, SIZE, Seeds, dynamic, image, small

pytestmark = pytest.mark.keras


def refused(*arguments, error=sc.SegCamError, **options):
    with pytest.raises(error) as caught:
        sc.open_probe(*arguments, **options)
    return str(caught.value)


def network(ending, name="model"):
    """A model whose output is made by `ending` of a convolution."""
    seeds = Seeds(4000)
    inputs = keras.Input((SIZE, SIZE, 3), name="image")
    return keras.Model(inputs, ending(seeds.conv(6, name="conv")(inputs)), name=name)


# ------------------------------------------------------------------ the input


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((16, 16), "`x` must have shape (16, 16, 3) or (1, 16, 16, 3). Received: shape (16, 16)."),
        ((5,), "`x` must have shape (16, 16, 3) or (1, 16, 16, 3). Received: shape (5,)."),
        ((2, 16, 16, 3), "`x` must be one image of shape (16, 16, 3). Received: a batch of 2, shape (2, 16, 16, 3)."),
        ((16, 16, 1), "`x` must have 3 channels, shape (16, 16, 3). Received: 1 channels, shape (16, 16, 1)."),
        ((16, 16, 4), "`x` must have 3 channels, shape (16, 16, 3). Received: 4 channels, shape (16, 16, 4)."),
        ((3, 16, 16), "`x` must have 3 channels, shape (16, 16, 3). Received: 16 channels, shape (3, 16, 16)."),
        ((32, 32, 3), "`x` must have shape (16, 16, 3), the model's input. Received: shape (32, 32, 3)."),
        ((0, 16, 3), "`x` must have shape (16, 16, 3) or (1, 16, 16, 3). Received: shape (0, 16, 3)."),
    ],
)
def test_wrong_shapes(shape, words):
    assert refused(small(), np.zeros(shape, np.float32)) == words


def test_a_grey_image_without_its_channel_axis():
    seeds = Seeds()
    inputs = keras.Input((SIZE, SIZE, 1))
    model = keras.Model(inputs, seeds.conv(2, 1, activation="softmax")(inputs))
    assert refused(model, np.zeros((SIZE, SIZE))).endswith(
        "Received: shape (16, 16). Add the channel axis: x[..., None]."
    )


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_none(value):
    x = image()
    x[3, 4, 1] = x[5, 5, 0] = value
    assert refused(small(), x, error=sc.NonFiniteError) == (
        "`x` must hold finite numbers. Received: 2 of 768 values are NaN or infinite."
    )


@pytest.mark.parametrize("x", ["photo.png", [["a"]], object(), {"x": 1}, [[1, 2], [3]]])
def test_what_is_no_array(x):
    assert refused(small(), x).startswith("`x` must be an array of real numbers. Received: ")


def test_complex_numbers():
    assert (
        refused(small(), image().astype(complex)) == "`x` must be an array of real numbers. Received: dtype complex128."
    )


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float16", "float64", "bool"])
def test_other_types_of_numbers_are_converted(dtype):
    x = (image() * 3).astype(dtype)
    probe = sc.open_probe(small(), x)
    np.testing.assert_array_equal(probe.x[0], x.astype(np.float32))
    assert probe.x.shape == (1, SIZE, SIZE, 3)
    np.testing.assert_array_equal(sc.open_probe(small(), x[None]).logits, probe.logits)


def test_a_size_that_the_network_cannot_join_again():
    message = refused(dynamic(), np.zeros((15, 15, 3)), error=sc.UnsupportedModelError)
    assert message.startswith(
        "`x` of shape (15, 15, 3) does not go through the model. Try the size it was made for. TensorFlow says: "
    )
    assert "\n" not in message


def test_what_to_open_must_be_said_once():
    model, x, picture = small(), image(), np.zeros((8, 8, 3), np.uint8)
    assert refused(model) == "`x` must be given, or `image` together with `preprocess`. Received: neither."
    assert (
        refused(model, image=picture) == "`preprocess` must be given if `image` is given without `x`. Received: None."
    )
    assert refused(model, x, image=picture, preprocess=np.asarray) == (
        "`preprocess` is for an `image` without `x`. Received: both `x` and `preprocess`."
    )
    assert (
        refused(model, image=picture, preprocess=3)
        == "`preprocess` must be a function from the image to `x`, or a name like 'resnet50' or '0-1'. Received: int."
    )
    assert refused(model, image=picture, preprocess=lambda p: p).startswith(
        "`x` must have shape (16, 16, 3), the model's input."
    )


def test_an_image_with_preprocessing():
    picture = np.random.default_rng(0).integers(0, 255, (32, 48, 3)).astype(np.uint8)
    probe = sc.open_probe(small(), image=picture, preprocess=lambda p: p[:16, :16] / 255)
    np.testing.assert_array_equal(probe.image, picture)
    np.testing.assert_allclose(probe.x[0], picture[:16, :16] / 255, rtol=1e-6)


# ------------------------------------------------------------------ what a person sees


@pytest.mark.parametrize(
    ("picture", "words"),
    [
        (
            np.zeros((8, 8, 2), np.uint8),
            "`image` must have shape (h, w, 3), or (h, w) for grey. Received: shape (8, 8, 2).",
        ),
        (
            np.zeros((0, 8, 3), np.uint8),
            "`image` must have shape (h, w, 3), or (h, w) for grey. Received: shape (0, 8, 3).",
        ),
        (np.zeros((8, 8, 3), np.int64), "`image` must be uint8, or float in [0, 1]. Received: dtype int64."),
        (np.full((8, 8, 3), 200.0), "`image` of floats must lie in [0, 1]. Received: values from 200 to 200."),
        (np.full((8, 8, 3), np.nan), "`image` of floats must lie in [0, 1]. Received: values from nan to nan."),
    ],
)
def test_pictures_that_are_none(picture, words):
    assert refused(small(), image(), image=picture) == words


def test_a_picture_file(tmp_path):
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 255, (20, 30, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    np.testing.assert_array_equal(sc.open_probe(small(), image(), image=tmp_path / "photo.png").image, pixels)
    missing = tmp_path / "none.png"
    assert (
        refused(small(), image(), image=missing) == f"`image` must be a file that exists. Received: {str(missing)!r}."
    )
    (tmp_path / "text.png").write_text("hello")
    assert "which cannot be read as one." in refused(small(), image(), image=str(tmp_path / "text.png"))
    assert "which cannot be read as one." in refused(small(), image(), image=tmp_path)


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (np.linspace(0, 1, 12).reshape(2, 2, 3), "unit"),
        (np.linspace(0, 255, 12).reshape(2, 2, 3), "bytes"),
        (np.linspace(-2, 2, 12).reshape(2, 2, 3), "stretched"),
        (np.zeros((2, 2, 3)), "black"),
    ],
)
def test_an_input_without_a_picture_is_shown_rescaled(x, expected):
    from segcam_widgets.images.arrays import display_of

    shown = display_of(x.astype(np.float32))
    assert shown.shape == (2, 2, 3)
    assert shown.dtype == np.uint8
    if expected == "unit":
        np.testing.assert_array_equal(shown, np.round(x * 255))
    elif expected == "bytes":
        np.testing.assert_array_equal(shown, np.round(x))
    elif expected == "stretched":
        assert (shown.min(), shown.max()) == (0, 255)
        assert (np.diff(shown.reshape(-1).astype(int)) >= 0).all()
    else:
        assert shown.max() == 0


@pytest.mark.parametrize("channels", [1, 2, 4, 12])
def test_other_numbers_of_channels_are_shown_and_explained(channels):
    seeds = Seeds(4100)
    inputs = keras.Input((SIZE, SIZE, channels), name="image")
    model = keras.Model(
        inputs, seeds.conv(2, 1, activation="softmax", name="logits")(seeds.conv(4, name="conv")(inputs))
    )
    probe = sc.open_probe(model, image(channels=channels))
    assert probe.image.shape == (SIZE, SIZE, 3)
    assert (probe.image[..., 0] == probe.image[..., 1]).all() == (channels < 3)
    assert sc.explain(probe, sc.CamQuery("conv", 0, sc.Everything())).cam.shape == (SIZE, SIZE)


# ------------------------------------------------------------------ names and truth


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["a", "b"], "`class_names` must hold 4 names, one per class. Received: 2."),
        (["a", "b", "a", "c"], "`class_names` must differ from one another. Received: 'a' more than once."),
        ("abcd", "`class_names` must be a sequence of names. Received: 'abcd'."),
        (4, "`class_names` must be a sequence of names. Received: 4."),
    ],
)
def test_class_names_that_do_not_fit(names, words):
    assert refused(small(), image(), class_names=names) == words


def test_one_name_for_a_sigmoid():
    assert refused(small("sigmoid", classes=1), image(), class_names=["cat"]) == (
        "`class_names` must hold 2 names, one per class (one sigmoid channel shows two classes: the background first). "
        "Received: 1."
    )


@pytest.mark.parametrize(
    ("truth", "words"),
    [
        (np.zeros((8, 8), int), "`truth` must have shape (16, 16), the grid of the logits. Received: shape (8, 8)."),
        (
            np.zeros((16, 16, 4)),
            "`truth` must have shape (16, 16), the grid of the logits. Received: shape (16, 16, 4).",
        ),
        (
            np.full((16, 16), 0.5),
            "`truth` must hold whole numbers, one class index per pixel. Received: dtype float64.",
        ),
        (
            np.full((16, 16), np.nan),
            "`truth` must hold whole numbers, one class index per pixel. Received: dtype float64.",
        ),
        (np.full((16, 16), "cat"), "`truth` must hold whole numbers, one class index per pixel. Received: dtype <U3."),
    ],
)
def test_truth_that_does_not_fit(truth, words):
    assert refused(small(), image(), truth=truth) == words


@pytest.mark.parametrize("truth", [np.ones((16, 16, 1)), np.ones((16, 16), np.uint8), np.ones((16, 16), bool)])
def test_truth_in_other_forms(truth):
    probe = sc.open_probe(small(), image(), truth=truth)
    assert probe.truth.dtype == np.int64
    assert probe.truth.shape == (16, 16)
    assert (probe.truth == 1).all()


# ------------------------------------------------------------------ the model


@pytest.mark.parametrize(
    ("ending", "shape"),
    [
        (lambda x: layers.Dense(5, "softmax")(layers.GlobalAveragePooling2D()(x)), "(5,)"),
        (lambda x: layers.Dense(5)(layers.Flatten()(x)), "(5,)"),
        (lambda x: layers.Reshape((7, 219), name="odd")(layers.Flatten()(x)[:, :1533]), "(7, 219)"),
    ],
)
def test_a_network_that_is_no_segmentation(ending, shape):
    assert refused(network(ending), image(), error=sc.UnsupportedModelError) == (
        "`model` must be a segmentation network, with an output of shape (H, W, classes) or (H*W, classes). "
        f"Received: a model whose output has shape {shape}."
    )


def test_several_inputs():
    entries = [keras.Input((SIZE, SIZE, 3), name=name) for name in ("photo", "depth")]
    model = keras.Model(entries, Seeds().conv(2, 1, activation="softmax")(layers.Concatenate()(entries)))
    assert refused(model, image(), error=sc.UnsupportedModelError) == (
        "`model` must have one input, the image. Received: 2 inputs (photo, depth). Derive the others from the image, "
        "for example other = 0 * image[..., :1]: keras.Model(image, model([image, other]))."
    )


def test_an_input_that_is_no_image():
    inputs = keras.Input((10,))
    x = layers.Reshape((2, 5, 1))(inputs)
    assert refused(keras.Model(inputs, layers.Softmax()(x)), np.zeros(10), error=sc.UnsupportedModelError) == (
        "`model` must take an image, (H, W, channels). Received: a model whose input has shape (10,)."
    )


class Own(keras.Model):
    """Subclassed: no graph."""

    def __init__(self):
        super().__init__()
        self.conv = layers.Conv2D(CLASSES, 1, activation="softmax")

    def call(self, x):
        return self.conv(x)


def test_a_subclassed_model_is_traced():
    """More of them in tests/models_zoo."""
    model = Own()
    probe = sc.open_probe(model, image())  # not even built
    np.testing.assert_allclose(probe.probabilities, model(image()[None]).numpy()[0], atol=1e-6)
    assert [info.name for info in probe.layers] == ["image", "conv"]


class Doubled(keras.Model):
    """A functional model with a call of its own: its graph says less than it does."""

    def call(self, x, training=None):
        return super().call(2 * x, training=training)


def test_a_functional_model_with_its_own_call():
    inputs = keras.Input((SIZE, SIZE, 3))
    model = Doubled(inputs, Seeds().conv(2, 1, activation="softmax", name="conv")(inputs))
    probe = sc.open_probe(model, image())
    np.testing.assert_allclose(probe.probabilities, model(probe.x).numpy()[0], atol=1e-6)
    kernel, bias = model.get_layer("conv").get_weights()
    np.testing.assert_allclose(probe.logits, 2 * image() @ kernel[0, 0] + bias, atol=1e-5)
    field = np.random.default_rng(0).normal(size=probe.logits.shape).astype(np.float32)
    pulled = probe.pullback("image", field).gradients
    np.testing.assert_allclose(pulled, 2 * field @ kernel[0, 0].T, atol=1e-5)


def test_a_call_that_was_exchanged_on_the_instance():
    model = small()
    original = model.call
    object.__setattr__(model, "call", lambda x, **options: original(2 * x, **options))
    message = refused(model, image(), error=sc.UnsupportedModelError)
    assert message.startswith(
        "`model` must compute what its graph says. Received: a model whose own output differs by "
    )


def test_a_model_of_another_shape_than_its_graph():
    model = small()
    original = model.call
    object.__setattr__(model, "call", lambda x, **options: original(x, **options)[..., :2])
    assert "differs by inf" in refused(model, image(), error=sc.UnsupportedModelError)


def test_a_sequential_that_knows_no_input():
    model = keras.Sequential([layers.Conv2D(2, 1, activation="softmax")])
    assert refused(model, image(), error=sc.UnsupportedModelError) == (
        "`model` must be built. Received: a Sequential that does not know its input yet. Begin it with keras.Input(shape)."
    )
    model(image()[None])
    assert sc.open_probe(model, image()).logits.shape == (SIZE, SIZE, 2)


def test_weights_that_are_not_finite():
    model = small()
    kernel = model.get_layer("deep").kernel
    kernel.assign(np.full(kernel.shape, np.nan))
    assert refused(model, image(), error=sc.NonFiniteError) == (
        "The logits hold 1024 NaN or infinite values for this input: check its range, and the model's weights."
    )


def test_weights_that_turn_bad_after_opening():
    model = small()
    probe = sc.open_probe(model, image())
    model.get_layer("deep").bias.assign(np.full(8, np.inf))
    with pytest.raises(sc.NonFiniteError):
        sc.explain(probe, sc.CamQuery("deep", 0, sc.Everything()))


# ------------------------------------------------------------------ questions


@pytest.mark.parametrize("shape", [(16, 16), (16, 16, 3), (8, 8, 4), (1, 1, 16, 16, 4)])
def test_fields_of_another_shape(shape):
    probe = sc.open_probe(small(), image())
    with pytest.raises(sc.SegCamError) as caught:
        probe.pullback("deep", np.zeros(shape))
    assert str(caught.value) == (
        f"`cotangent` must have shape (16, 16, 4), optionally with a leading batch axis. Received: {shape}."
    )


def test_activations_of_another_shape():
    probe = sc.open_probe(small(), image())
    for argument, ask in (
        ("activations", lambda a: probe.replay("deep", a)),
        ("at", lambda a: probe.pullback("deep", np.zeros((16, 16, 4)), at=a)),
    ):
        with pytest.raises(sc.SegCamError) as caught:
            ask(np.zeros((16, 16, 8)))
        assert str(caught.value) == (
            f"`{argument}` of layer 'deep' must have shape (8, 8, 8), optionally with a leading batch axis. "
            "Received: (16, 16, 8)."
        )


def test_an_integer_input_is_no_target():
    seeds = Seeds(4200)
    inputs = keras.Input((SIZE, SIZE, 3), dtype="uint8", name="image")
    x = layers.Rescaling(1 / 255, name="scale")(inputs)
    model = keras.Model(inputs, seeds.conv(2, 1, activation="softmax", name="logits")(seeds.conv(4, name="conv")(x)))
    x = np.random.default_rng(0).integers(0, 255, (SIZE, SIZE, 3))
    probe = sc.open_probe(model, x)
    np.testing.assert_allclose(probe.probabilities, model(x[None]).numpy()[0], atol=1e-6)
    assert [info.name for info in probe.layers] == ["scale", "conv", "logits"]
    assert sc.explain(probe, sc.CamQuery("scale", 0, sc.Everything())).gradients.any()
