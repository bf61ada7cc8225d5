"""The demo that ships: what its card says is measured again, and loading it needs nothing but the package."""

import json
import socket
import zipfile
from importlib import resources

import numpy as np
import pytest

from segcam_widgets.demo import Demo, card, load_demo
from segcam_widgets.demo.mosaics import CLASS_NAMES, make_mosaics
from segcam_widgets.demo.scores import intersection_over_union
from segcam_widgets.errors import SegCamError
from tests.demo.textbook import gain, seg_grad_cam

TEXTURES = resources.files("segcam_widgets.demo") / "textures"
MEASURED = json.loads((TEXTURES / "measurements.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def demo():
    return load_demo("textures")


def test_the_card_is_what_the_script_writes_from_the_measurements():
    assert (TEXTURES / "CARD.md").read_text(encoding="utf-8") == card.render(MEASURED)


def test_nothing_was_missing_when_it_was_measured():
    assert MEASURED["verdict"]["missing"] == []
    assert MEASURED["verdict"]["blank"] == {score: ["brick"] for score in ("logit", "centered_logit", "margin")}
    assert MEASURED["verdict"]["calm"]["logit"] == ["grass"]


def test_the_files_are_small():
    with resources.as_file(TEXTURES) as folder:
        sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
    assert sizes["model.keras"] < 500_000
    assert sum(sizes.values()) < 800_000


def test_the_file_holds_no_optimizer(tmp_path):
    h5py = pytest.importorskip("h5py")
    with resources.as_file(TEXTURES / "model.keras") as path, zipfile.ZipFile(path) as archive:
        config = json.loads(archive.read("config.json"))
        archive.extract("model.weights.h5", tmp_path)
    assert not config.get("compile_config")
    names = []
    with h5py.File(tmp_path / "model.weights.h5") as weights:
        weights.visit(names.append)
        arrays = [weights[name] for name in names if isinstance(weights[name], h5py.Dataset)]
        stored = sum(array.size for array in arrays)
    assert "layers" in names
    assert not [name for name in names if "optimizer" in name]
    # nothing is stored besides the parameters that the card counts
    assert stored == MEASURED["parameters"]


def test_the_mosaics_have_a_size_that_the_network_takes_and_are_predicted_classes_all():
    with resources.as_file(TEXTURES / "mosaics.npz") as path, np.load(path) as stored:
        images, truth, names = stored["images"], stored["truth"], stored["class_names"]
    assert images.dtype == truth.dtype == np.uint8
    assert images.shape == (*truth.shape, 1)
    assert len(images) >= 6
    assert min(truth.shape[1:]) >= 128
    assert not any(side % 8 for side in truth.shape[1:])
    assert tuple(names) == CLASS_NAMES
    assert all(set(np.unique(one)) == {0, 1, 2} for one in truth)


def test_an_unknown_demo_is_named_with_what_would_do():
    with pytest.raises(SegCamError) as caught:
        load_demo("texture")
    assert (
        str(caught.value) == "`name` must be one of textures, question. Received: 'texture'. Did you mean 'textures'?"
    )


@pytest.mark.keras
def test_loading_takes_no_network_and_no_scikit_image(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("the demo asked for the network")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setitem(__import__("sys").modules, "skimage.data", None)
    loaded = load_demo()
    assert isinstance(loaded, Demo)
    assert loaded.class_names == CLASS_NAMES
    assert loaded.card.startswith("# Model card")
    assert loaded.images.dtype == np.float32
    assert loaded.images.shape == (*loaded.truth.shape, 1)
    assert 0 <= loaded.images.min() < loaded.images.max() <= 1


@pytest.mark.keras
def test_two_callers_do_not_share_a_model(demo):
    assert load_demo().model is not demo.model


@pytest.mark.keras
def test_the_last_five_layers_are_the_literal_ones(demo):
    conv8, up, conv2, logits, softmax = demo.model.layers[-5:]
    assert [layer.name for layer in demo.model.layers[-5:]] == [
        "tail_conv8",
        "tail_convT2",
        "tail_conv2",
        "tail_logits",
        "softmax",
    ]
    kinds = [type(layer).__name__ for layer in (conv8, up, conv2, logits, softmax)]
    assert kinds == ["Conv2D", "Conv2DTranspose", "Conv2D", "Conv2D", "Activation"]
    assert [layer.filters for layer in (conv8, up, conv2, logits)] == [8, 2, 2, 3]
    assert [layer.kernel_size for layer in (conv8, up, conv2, logits)] == [(3, 3), (2, 2), (3, 3), (1, 1)]
    assert up.strides == (2, 2)
    assert logits.activation.__name__ == "linear"
    assert demo.model.input_shape == (None, None, None, 1)
    assert getattr(demo.model, "optimizer", None) is None


@pytest.mark.keras
def test_the_weights_are_the_ones_of_the_card(demo):
    from segcam_widgets.demo.network import weights_digest

    assert weights_digest(demo.model) == MEASURED["weights_sha256"]


@pytest.mark.keras
def test_mean_iou_on_freshly_made_mosaics(demo):
    """Not the mosaics that the seed was chosen on: others, from the same unseen part of the photos."""
    pytest.importorskip("skimage", reason="new mosaics are cut from scikit-image's photos")
    images, truth = make_mosaics(48, 64, split="test", seed=31415)
    predicted = demo.model(images, training=False).numpy().argmax(-1)
    iou = intersection_over_union(truth, predicted, 3)
    print(f"IoU {iou.round(3)}, mean {iou.mean():.3f}")
    assert iou.mean() >= 0.88
    assert iou[CLASS_NAMES.index("brick")] >= 0.85


@pytest.mark.keras
def test_scores_of_the_card_are_measured_again(demo):
    predicted = demo.model(demo.images, training=False).numpy().argmax(-1)
    iou = intersection_over_union(demo.truth, predicted, 3)
    # a thousandth: another processor may tip a pixel at a border
    assert iou.mean() == pytest.approx(MEASURED["shipped"]["mean_iou"], abs=1e-3)
    for name, value in zip(CLASS_NAMES, iou, strict=True):
        assert value == pytest.approx(MEASURED["shipped"]["iou"][name], abs=1e-3)


@pytest.mark.keras
def test_brick_is_blank_on_every_shipped_mosaic_and_the_others_are_not(demo):
    for image in demo.images:
        for index, name in enumerate(CLASS_NAMES):
            weights, cam, region = seg_grad_cam(demo.model, image, "tail_conv2", index)
            assert region.mean() > 0.05
            if name == "brick":
                assert (weights < 0).all()
                assert cam.max() <= 0
                assert cam.min() < 0
            else:
                assert gain(cam, region) >= 0.5


@pytest.mark.keras
def test_brick_is_blank_on_fresh_mosaics_too(demo):
    pytest.importorskip("skimage", reason="new mosaics are cut from scikit-image's photos")
    images, _ = make_mosaics(12, 64, split="test", seed=2718)
    for image in images:
        _, cam, region = seg_grad_cam(demo.model, image, "tail_conv2", CLASS_NAMES.index("brick"))
        assert region.any()
        assert cam.max() <= 0


@pytest.mark.keras
def test_grass_has_only_negative_weights_at_the_transposed_convolution_and_a_good_map(demo):
    for image in demo.images:
        weights, cam, region = seg_grad_cam(demo.model, image, "tail_convT2", CLASS_NAMES.index("grass"))
        assert (weights < 0).all()
        assert gain(cam, region) >= 0.3


@pytest.mark.keras
def test_the_script_measures_the_same_blankness(demo):
    """The card's own code (a chain of layers after a tape) against the textbook recipe above."""
    import keras

    from segcam_widgets.demo.network import view_layer
    from segcam_widgets.demo.scores import CamStack, cotangent

    logits = keras.Model(demo.model.input, demo.model.get_layer("tail_logits").output)(demo.images[:2]).numpy()
    for layer in ("tail_conv2", "tail_convT2"):
        view = view_layer(demo.model, layer, demo.images[:2], logits="tail_logits")
        for index in range(3):
            masks = logits.argmax(-1) == index
            stack = CamStack(
                view.activations, view.pullback(cotangent(logits, masks, index, "logit")), masks, np.zeros(2)
            )
            weights, cam, _ = seg_grad_cam(demo.model, demo.images[0], layer, index)
            np.testing.assert_allclose(stack.weights[0], weights, rtol=1e-3, atol=1e-9)
            np.testing.assert_allclose(stack.cam()[0], cam, rtol=1e-3, atol=1e-3 * np.abs(cam).max())
