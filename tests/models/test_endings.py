"""Where the logits of a network are, whatever it ends with, and what its probabilities are."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import segcam_widgets as sc
from tests.models.networks import CLASSES, ENDINGS, SIZE, Seeds, body, fused_head, image, small
from tests.models.reference import relative

pytestmark = pytest.mark.keras

SIGMOIDS = [name for name in ENDINGS if "sigmoid" in name or name == "one-channel logits"]


def entry(model):
    return np.random.default_rng(3).normal(size=model.inputs[0].shape[1:]).astype(np.float32)


@pytest.mark.parametrize("ending", ENDINGS)
def test_probabilities_are_the_models_own(ending):
    model = ENDINGS[ending]()
    probe = sc.open_probe(model, entry(model))
    own = model(probe.x, training=False).numpy()
    if "logits" in ending and ending != "rectified logits":
        own = tf.sigmoid(own).numpy() if "one-channel" in ending else tf.nn.softmax(own).numpy()
    shown = probe.probabilities[:, :, 1:] if "one-channel" in ending else probe.probabilities
    np.testing.assert_allclose(shown.reshape(-1), own.reshape(-1), atol=1e-6)
    assert probe.head == ("sigmoid" if ending in SIGMOIDS else "softmax")
    assert probe.default_score == ("logit" if probe.multilabel else "margin")
    assert probe.multilabel == (probe.head == "sigmoid" and "one-channel" not in ending)
    assert probe.logits.shape == probe.probabilities.shape == (*probe.labels.shape, len(probe.class_names))
    assert probe.logits.dtype == probe.probabilities.dtype == np.float32


@pytest.mark.parametrize("ending", ["softmax layer", "softmax fused in Conv2D", "logits", "multi-label sigmoid fused"])
def test_logits_are_those_of_the_last_convolution(ending):
    model, x = ENDINGS[ending](), image()
    probe = sc.open_probe(model, x)
    kernel, bias = model.get_layer("logits").get_weights()
    np.testing.assert_allclose(probe.logits, probe.activations("dec") @ kernel[0, 0] + bias, atol=1e-5)
    np.testing.assert_array_equal(probe.activations("logits"), probe.logits)


@pytest.mark.parametrize("ending", ["one-channel sigmoid layer", "one-channel sigmoid fused", "one-channel logits"])
def test_one_sigmoid_channel_is_two_classes(ending):
    model = ENDINGS[ending]()
    probe = sc.open_probe(model, image(), class_names=["ground", "thing"])
    kernel, bias = model.get_layer("logits").get_weights()
    z = (probe.activations("dec") @ kernel[0, 0] + bias)[:, :, 0]
    np.testing.assert_allclose(probe.logits, np.stack([-z / 2, z / 2], -1), atol=1e-5)
    np.testing.assert_allclose(probe.probabilities[:, :, 1], 1 / (1 + np.exp(-z)), atol=1e-6)
    np.testing.assert_array_equal(probe.labels, (z > 0).astype(int))
    assert probe.activations("logits").shape == (SIZE, SIZE, 1)
    margin = sc.explain(probe, sc.CamQuery("dec", "thing", sc.Everything()))
    logit = sc.explain(probe, sc.CamQuery("dec", "thing", sc.Everything(), score="logit"))
    assert margin.score == pytest.approx(z.mean(), rel=1e-5)
    assert logit.score == pytest.approx(z.mean() / 2, rel=1e-5)


def test_many_sigmoids_do_not_compete():
    probe = sc.open_probe(small("sigmoid"), image())
    p = probe.probabilities
    expected = np.where(p.max(-1) > 0.5, p.argmax(-1), -1)
    assert (expected == -1).any()
    assert (expected >= 0).any()
    np.testing.assert_array_equal(probe.labels, expected)
    masks = [sc.PredictedClass(c).rasterize(probe) for c in range(CLASSES)]
    assert np.sum(masks, 0).max() > 1  # they overlap
    with pytest.raises(sc.SegCamError, match="do not compete there"):
        sc.explain(probe, sc.CamQuery("dec", 0, score="margin"))


def test_logits_may_be_declared_sigmoid():
    model = small("none")
    assert sc.open_probe(model, image()).head == "softmax"
    probe = sc.open_probe(model, image(), head="sigmoid")
    assert probe.multilabel
    np.testing.assert_allclose(probe.probabilities, tf.sigmoid(model(probe.x)).numpy()[0], atol=1e-6)


@pytest.mark.parametrize(
    ("end", "classes", "head", "words"),
    [
        (
            "softmax",
            4,
            "sigmoid",
            "`head` must be 'softmax': the model itself ends with a softmax. Received: 'sigmoid'.",
        ),
        (
            "fused sigmoid",
            4,
            "softmax",
            "`head` must be 'sigmoid': the model itself ends with a sigmoid. Received: 'softmax'.",
        ),
        ("none", 1, "softmax", "`head` must be 'sigmoid' for a model with one output channel. Received: 'softmax'."),
        ("none", 4, "sofmax", "`head` must be one of softmax, sigmoid. Received: 'sofmax'. Did you mean 'softmax'?"),
    ],
)
def test_a_head_that_contradicts_the_model_is_refused(end, classes, head, words):
    with pytest.raises(sc.SegCamError) as caught:
        sc.open_probe(small(end, classes=classes), image(), head=head)
    assert str(caught.value) == words


def test_probabilities_that_are_resized_are_the_models_own_and_a_note_says_so():
    model = ENDINGS["resized, then softmax"]()
    assert sc.open_probe(model, image()).notes == ()
    seeds = Seeds(200)
    inputs = keras.Input((SIZE, SIZE, 3))
    x = layers.MaxPooling2D(name="halve")(body(inputs, seeds))
    x = seeds.conv(CLASSES, 1, activation="softmax", name="logits")(x)
    for interpolation, remark in (("bilinear", True), ("nearest", False)):
        model = keras.Model(inputs, layers.UpSampling2D(2, interpolation=interpolation, name="resize")(x))
        probe = sc.open_probe(model, image())
        own = model(probe.x, training=False).numpy()[0]
        np.testing.assert_allclose(probe.probabilities, own, atol=1e-6)
        gap = np.abs(tf.nn.softmax(probe.logits).numpy() - own).max()
        assert bool(probe.notes) == remark == (gap > 1e-3)
    second = sc.open_probe(model, image(seed=9))  # the model is known by now
    np.testing.assert_allclose(second.probabilities, model(second.x, training=False).numpy()[0], atol=1e-6)


def test_a_softmax_that_cannot_be_taken_out_leaves_its_logarithms():
    for model in (ENDINGS["softmax inside a layer"](), fused_head()):
        probe = sc.open_probe(model, image())
        np.testing.assert_allclose(probe.logits, np.log(model(probe.x).numpy()[0]), atol=1e-4)
        assert "inside a layer" in probe.notes[0]
        assert probe.layers[-1].name == "log_probabilities"
    model = fused_head("sigmoid")
    probe = sc.open_probe(model, image())
    p = model(probe.x).numpy()[0].astype(np.float64)
    assert relative(probe.logits, np.log(p) - np.log1p(-p)) < 1e-4


def test_the_mean_of_two_softmaxes_is_no_field_of_logits():
    seeds = Seeds(5000)
    inputs = keras.Input((SIZE, SIZE, 3))
    heads = [seeds.conv(CLASSES, k, activation="softmax", name=f"head{k}")(body_once(inputs, seeds, k)) for k in (1, 3)]
    model = keras.Model(inputs, layers.Average(name="mean")(heads))
    probe = sc.open_probe(model, image())
    np.testing.assert_allclose(probe.probabilities, model(probe.x).numpy()[0], atol=1e-6)
    np.testing.assert_allclose(probe.logits, np.log(probe.probabilities), atol=1e-5)


def body_once(x, seeds, number):
    return seeds.conv(6, name=f"body{number}")(x)


def test_a_softmax_over_another_axis_is_not_taken_for_classes():
    seeds = Seeds(5100)
    inputs = keras.Input((SIZE, SIZE, 3))
    x = seeds.conv(CLASSES, 1, activation=None, name="conv")(inputs)
    probe = sc.open_probe(keras.Model(inputs, layers.Softmax(axis=1)(x)), image())
    assert probe.head == "softmax"
    np.testing.assert_allclose(
        probe.logits.sum(0), 1, atol=1e-5
    )  # its output is what leaves the network: taken as it is


def test_classes_that_are_moved_to_the_front_are_refused():
    seeds = Seeds(5200)
    inputs = keras.Input((SIZE, SIZE, 3))
    x = seeds.conv(CLASSES, 1, activation="softmax", name="conv")(inputs)
    with pytest.raises(sc.UnsupportedModelError, match=r"classes on the last axis.*followed by 'permute"):
        sc.open_probe(keras.Model(inputs, layers.Permute((3, 1, 2))(x)), image())


def test_a_new_activation_on_the_last_layer_is_noticed():
    model = small("fused softmax")
    assert sc.open_probe(model, image()).head == "softmax"
    model.get_layer("logits").activation = keras.activations.linear
    probe = sc.open_probe(model, image())
    np.testing.assert_allclose(probe.logits, model(probe.x).numpy()[0], atol=1e-5)


# ------------------------------------------------------------------ several outputs


def two_outputs(named=False):
    seeds = Seeds(6000)
    inputs = keras.Input((SIZE, SIZE, 3), name="image")
    x = seeds.conv(6, name="stem")(inputs)
    main = seeds.conv(4, 1, activation="softmax", name="main")(x)
    aux = seeds.conv(3, 1, activation="softmax", name="aux")(layers.MaxPooling2D(name="pool")(x))
    return keras.Model(inputs, {"segments": main, "coarse": aux} if named else [main, aux])


@pytest.mark.parametrize(("output", "classes"), [(None, 4), (0, 4), (1, 3), ("main", 4), ("aux", 3)])
def test_one_of_several_outputs(output, classes):
    model = two_outputs()
    probe = sc.open_probe(model, image(), output=output)
    own = model(probe.x, training=False)[0 if classes == 4 else 1].numpy()[0]
    np.testing.assert_allclose(probe.probabilities, own, atol=1e-6)


@pytest.mark.parametrize(("output", "classes"), [("segments", 4), ("coarse", 3)])
def test_outputs_of_a_dictionary_go_by_their_keys(output, classes):
    model = two_outputs(named=True)
    probe = sc.open_probe(model, image(), output=output)
    np.testing.assert_allclose(probe.probabilities, model(probe.x, training=False)[output].numpy()[0], atol=1e-6)
    assert len(probe.class_names) == classes


def test_outputs_that_are_not_there():
    model = two_outputs()
    with pytest.raises(sc.SegCamError) as caught:
        sc.open_probe(model, image(), output="mian")
    assert str(caught.value) == "`output` must be one of main, aux. Received: 'mian'. Did you mean 'main'?"
    for wrong in (2, -1, 1.0, True, [0]):
        with pytest.raises(
            sc.SegCamError, match=r"`output` must be a name or an index below 2; the outputs are main, aux\."
        ):
            sc.open_probe(model, image(), output=wrong)


def test_a_layer_of_another_output_is_disconnected():
    probe = sc.open_probe(two_outputs(), image())
    assert [info.name for info in probe.layers] == ["image", "stem", "main"]
    with pytest.raises(sc.DisconnectedLayerError) as caught:
        sc.explain(probe, sc.CamQuery("aux", 0))
    assert str(caught.value) == "`layer` 'aux' does not reach the logits: nothing it does can change them."
