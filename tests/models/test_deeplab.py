"""A real network on a real photo: DeepLabV3 on MobileNetV2, 513 px, 108 layers, 21 classes, with a layer of its author's own."""

from pathlib import Path

import numpy as np
import pytest

import segcam_widgets as sc
from tests.models.reference import find_layer, relative, tape_gradient

FOLDER = Path(__file__).resolve().parents[2].parent / "shared" / "models"
MODEL = FOLDER / "deeplabv3_mnv2_pascal_quant.keras"
CLASSES = [
    "background",
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "diningtable",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tvmonitor",
]
LAYERS = (
    "MobilenetV2_expanded_conv_3_expand_relu6",
    "MobilenetV2_expanded_conv_9_depthwise_dwconv",
    "aspp0_relu",
    "concat_projection_relu",
    "logits_semantic_biases1_conv",
)

pytestmark = [
    pytest.mark.keras,
    pytest.mark.slow,
    pytest.mark.skipif(
        not MODEL.exists(), reason="needs the DeepLabV3 of the project's shared folder, which is not shipped"
    ),
]


@pytest.fixture(scope="module")
def cat():
    """The photo padded to 513 px with the grey that the network was trained with."""
    skimage = pytest.importorskip("skimage")
    photo = skimage.data.chelsea()
    padded = np.full((513, 513, 3), 127, np.float32)
    padded[106:406, 31:482] = photo
    return padded


@pytest.fixture(scope="module")
def model():
    import sys

    import keras

    sys.path.insert(0, str(FOLDER))
    try:
        import bilinear_resize  # noqa: F401 - registers the layer
    finally:
        sys.path.remove(str(FOLDER))
    return keras.saving.load_model(MODEL, compile=False)


@pytest.fixture(scope="module")
def probe(model, cat):
    return sc.open_probe(model, cat, image=cat.astype(np.uint8), class_names=CLASSES)


def test_it_opens_and_sees_a_cat(probe):
    assert len(probe.layers) == 108
    assert probe.logits.shape == (513, 513, 21)
    assert probe.head == "softmax"
    assert probe._engine.logits.where == "absent"
    assert probe._tensors.passes == 1
    assert {CLASSES[c] for c in np.unique(probe.labels)} == {"background", "cat"}


def test_what_is_held_stays_within_the_budget(probe):
    total = sum(4 * np.prod(info.shape) for info in probe.layers)
    assert total > probe._tensors._held.budget  # all of them would not fit
    assert probe._tensors.held_bytes <= probe._tensors._held.budget


@pytest.mark.parametrize("name", LAYERS)
def test_gradients_equal_plain_differentiation(probe, model, cat, name):
    field = np.random.default_rng(0).normal(size=probe.logits.shape).astype(np.float32)
    layer, call = find_layer(model, name)
    theirs = tape_gradient(model, layer, call, cat[None], field=field, ends_with="none")
    eager = probe.pullback(name, field).gradients
    probe._engine.settle()
    compiled = probe.pullback(name, field).gradients
    assert relative(eager, theirs) < 1e-5
    assert relative(compiled, theirs) < 1e-5


def test_the_cat_is_found_where_it_is(probe):
    """Behind the pyramid the signed map of the predicted cat lies on the cat."""
    answer = sc.explain(probe, sc.CamQuery("concat_concat", "cat"))
    assert not answer.is_empty
    assert answer.gain > 0.3
    assert probe._tensors.passes <= 8
