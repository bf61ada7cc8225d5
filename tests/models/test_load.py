"""Model files: what is read, what is refused, and in which words. Nothing in a file is executed."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from keras import layers

import segcam_widgets as sc
from segcam_widgets.keras_probe.load import load_model
from tests.models.networks import SIZE, HiddenSoftmax, hidden_softmax, image, small

pytestmark = [
    pytest.mark.keras,
    # Keras copies its variables into numpy arrays in a way that numpy 2 will do away with; here it does so when it saves
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"),
]


@pytest.fixture
def folder(tmp_path):
    return tmp_path


def refused(path):
    """The sentence with which a file is refused."""
    with pytest.raises(sc.UnsupportedModelError) as caught:
        sc.open_probe(path, image())
    return str(caught.value)


def saved(model, path):
    model.save(path)
    return path


@pytest.mark.parametrize("suffix", [".keras", ".h5", ".hdf5"])
@pytest.mark.parametrize("kind", [str, Path])
def test_a_saved_model_answers_as_the_one_in_memory(folder, suffix, kind):
    model = small("fused softmax")
    path = saved(model, folder / f"model{suffix}")
    query = sc.CamQuery("deep", 1, sc.Everything())
    probe = sc.open_probe(kind(path), image())
    np.testing.assert_allclose(
        sc.explain(probe, query).cam, sc.explain(sc.open_probe(model, image()), query).cam, rtol=1e-5, atol=1e-7
    )


def test_training_state_is_not_loaded(folder):
    model = small()
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(image()[None], np.zeros((1, SIZE, SIZE), int), verbose=0)
    model.save(folder / "model.keras")
    assert not load_model(folder / "model.keras").compiled


def test_a_path_with_a_tilde(folder, monkeypatch):
    small().save(folder / "model.keras")
    monkeypatch.setenv("HOME", str(folder))
    assert load_model("~/model.keras").name == "small"


def test_what_is_no_model_file(folder):
    assert refused(folder / "none.keras") == (
        f"`model` must be a file that exists. Received: {str(folder / 'none.keras')!r}."
    )
    (folder / "model").write_bytes(b"abc")
    assert refused(folder / "model") == f"`model` must be a .keras or .h5 file. Received: {str(folder / 'model')!r}."
    for name, advice in (
        ("model.tflite", "a TFLite file, which has no gradients. Open the Keras model that it was converted from."),
        ("model.onnx", "an ONNX file. Open the Keras model that it was exported from."),
        (
            "model.pb",
            "a frozen graph. Load the model with the code that built it, and save it with model.save('model.keras').",
        ),
        ("model.pt", "a file of PyTorch. Only Keras models can be opened."),
        ("model.safetensors", "a file of weights only. Build the model, load them into it, and pass the model itself."),
    ):
        (folder / name).write_bytes(b"abc")
        assert refused(folder / name) == (
            f"`model` must be a .keras or .h5 file. Received: {str(folder / name)!r}, {advice}"
        )
    for name in ("text.keras", "text.h5", "empty.keras", "empty.h5"):
        (folder / name).write_text("hello, I am no model\n" if "text" in name else "")
        assert refused(folder / name) == (
            f"`model` must be a Keras model file. Received: {str(folder / name)!r}, "
            f"no {'Keras archive' if name.endswith('keras') else 'HDF5 file'}, or only a part of one."
        )
    assert refused(folder) == f"`model` must be a .keras or .h5 file. Received: {str(folder)!r}, a folder."


def test_a_saved_model_folder(folder):
    (folder / "saved_model.pb").write_bytes(b"")
    assert refused(folder) == (
        f"`model` must be a .keras or .h5 file. Received: {str(folder)!r}, a SavedModel folder. "
        "Load it with the code that built it, and save it with model.save('model.keras')."
    )


@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_a_file_that_was_cut_short(folder, name, share):
    path = saved(small(), folder / name)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    assert f"Received: {str(path)!r}, no " in refused(path)
    assert "or only a part of one." in refused(path)


def test_a_file_whose_weights_are_missing(folder):
    path = saved(small(), folder / "model.keras")
    with zipfile.ZipFile(path) as archive:
        config = archive.read("config.json")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", config)
        archive.writestr("metadata.json", "{}")
    assert refused(path).startswith(
        f"`model` must be a Keras model file. Received: {str(path)!r}, which Keras cannot read: "
    )


def test_an_archive_of_something_else(folder):
    for text in (None, "{", "[]", '{"class_name": 3, "config": {}}', '"text"'):
        with zipfile.ZipFile(folder / "model.keras", "w") as archive:
            archive.writestr("readme.txt" if text is None else "config.json", text or "hello")
        assert refused(folder / "model.keras").startswith("`model` must be a Keras model file. Received: ")
    with h5py.File(folder / "model.h5", "w") as opened:
        opened.attrs["model_config"] = "{"
    assert refused(folder / "model.h5").endswith("model.h5', whose description of the model is damaged.")


def test_the_two_formats_under_each_others_name(folder):
    shutil.copy(saved(small(), folder / "model.keras"), folder / "archive.h5")
    assert refused(folder / "archive.h5").endswith("archive.h5', a .keras archive under another name.")
    shutil.copy(saved(small(), folder / "model.h5"), folder / "hdf5.keras")
    assert refused(folder / "hdf5.keras").endswith("hdf5.keras', no Keras archive, or only a part of one.")


@pytest.mark.parametrize("name", ["model.weights.h5", "model.h5"])
def test_weights_alone(folder, name):
    small().save_weights(folder / "model.weights.h5")
    if name == "model.h5":
        shutil.copy(folder / "model.weights.h5", folder / name)
    assert refused(folder / name) == (
        f"`model` must be a whole model. Received: {str(folder / name)!r}, a file of weights only. "
        "Build the model, call load_weights on it, and pass the model itself."
    )


# ------------------------------------------------------------------ code in files


def with_lambda(mark):
    def build(function):
        inputs = keras.Input((SIZE, SIZE, 3))
        x = layers.Lambda(function, output_shape=(SIZE, SIZE, 3), name="mine")(inputs)
        return keras.Model(inputs, layers.Conv2D(2, 1, activation="softmax", name="logits")(x))

    model = build(lambda x: x)
    # swapped in behind Keras's back, so that only a load can run it
    layer = model.get_layer("mine")
    layer.function = eval(f"lambda x: (__import__('pathlib').Path({str(mark)!r}).touch(), x)[1]")
    return model


@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
def test_code_in_a_file_is_refused_and_does_not_run(folder, name):
    mark = folder / "it ran"
    path = saved(with_lambda(mark), folder / name)
    assert not mark.exists()
    assert refused(path) == (
        f"`model` must not need code that is stored in its file. Received: {str(path)!r}, which has a Lambda layer made of a "
        "Python lambda; loading it could run anything. If you trust it, load it yourself with "
        "keras.saving.load_model(..., safe_mode=False) and pass the model."
    )
    assert not mark.exists()
    # this test can fail: without these checks the file runs its code
    keras.saving.load_model(path, compile=False, safe_mode=False)(image()[None])
    assert mark.exists()


@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
def test_code_is_found_before_keras_reads_the_file(folder, name, monkeypatch):
    path = saved(with_lambda(folder / "it ran"), folder / name)
    monkeypatch.setattr(keras.saving, "load_model", lambda *_, **__: pytest.fail("Keras was asked"))
    assert "Lambda layer" in refused(path)


def test_the_old_way_to_store_a_lambda_is_known(folder):
    path = saved(small(), folder / "model.h5")
    with h5py.File(path, "a") as opened:
        config = json.loads(opened.attrs["model_config"])
        settings = {"name": "mine", "function": ["4wEAAAA=", None, None], "function_type": "lambda"}
        config["config"]["layers"].append(
            {"class_name": "Lambda", "config": settings, "name": "mine", "inbound_nodes": []}
        )
        opened.attrs["model_config"] = json.dumps(config)
    assert "code that is stored in its file" in refused(path)


EVIL = """
from pathlib import Path
Path({mark!r}).touch()
from keras.layers import Layer
class Conv2D(Layer):
    def __init__(self, **kwargs):
        Path({mark!r}).touch()
        super().__init__()
"""


@pytest.mark.parametrize("where", ["module", "registered_name", "both"])
def test_a_module_that_a_file_names_is_not_imported(folder, monkeypatch, where):
    """A description may name any Python module as the home of a layer; importing one runs it."""
    mark = folder / "it ran"
    (folder / "segcam_evil.py").write_text(EVIL.format(mark=str(mark)))
    monkeypatch.syspath_prepend(folder)
    path = saved(small(), folder / "model.keras")
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(contents["config.json"])
    layer = next(each for each in config["config"]["layers"] if each["class_name"] == "Conv2D")
    if where in ("module", "both"):
        layer["module"] = "segcam_evil"
    if where in ("registered_name", "both"):
        layer["registered_name"] = "segcam_evil>Conv2D"
    contents["config.json"] = json.dumps(config)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    with contextlib.suppress(sc.UnsupportedModelError):
        sc.open_probe(path, image())
    assert not mark.exists()
    __import__("segcam_evil")  # this test can fail: whoever imports it leaves the mark
    assert mark.exists()
    del sys.modules["segcam_evil"]


def test_another_backend_is_refused_with_what_to_do(folder):
    """In a process of its own: Keras chooses its backend once. Whether that one is installed or not."""
    ran = subprocess.run(
        [sys.executable, "-m", "segcam_widgets.cli", "explore", "model.keras", "image.png"],
        check=False, capture_output=True, text=True, cwd=Path(__file__).parents[2], env=os.environ | {"KERAS_BACKEND": "jax"},
    )  # fmt: skip
    assert ran.returncode == 2
    said = ran.stderr.strip().splitlines()[-1]
    assert said.startswith("segcam: Keras must run on TensorFlow. Received: ")
    assert said.endswith("Set the environment variable KERAS_BACKEND=tensorflow before Keras is first imported "
                         "(in a notebook: restart the kernel first).")  # fmt: skip
    assert "Traceback" not in ran.stderr


def test_a_keras_on_another_backend_is_noticed(monkeypatch):
    from segcam_widgets.keras_probe.startup import must_be_tensorflow

    must_be_tensorflow()
    monkeypatch.setattr(keras.config, "backend", lambda: "torch")
    with pytest.raises(sc.UnsupportedModelError, match=r"Received: the backend 'torch'\. Set the environment"):
        must_be_tensorflow()


# ------------------------------------------------------------------ layers of one's own


@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
def test_a_layer_of_ones_own_is_found_where_it_is_registered(folder, name):
    path = saved(hidden_softmax(), folder / name)
    assert sc.open_probe(path, image()).head == "softmax"
    registered = keras.saving.get_custom_objects()
    key = keras.saving.get_registered_name(HiddenSoftmax)
    kept = registered.pop(key)
    try:
        assert refused(path) == (
            f"`model` needs {key!r}, which is not known here. Received: {str(path)!r}. Import the module that registers it "
            "(keras.saving.register_keras_serializable) before opening, or load the model yourself and pass it."
        )
        assert load_model(path, custom_objects={"HiddenSoftmax": HiddenSoftmax, key: HiddenSoftmax}).built
    finally:
        registered[key] = kept


def doubled(x):
    return 2 * x


@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
def test_a_function_of_ones_own_by_name_is_no_code_in_the_file(folder, name):
    inputs = keras.Input((SIZE, SIZE, 3))
    x = layers.Lambda(doubled, output_shape=(SIZE, SIZE, 3), name="mine")(inputs)
    path = saved(keras.Model(inputs, layers.Conv2D(2, 1, activation="softmax")(x)), folder / name)
    assert refused(path).startswith("`model` needs 'doubled', which is not known here.")


def test_a_file_of_keras_2_with_operations_as_layers(folder):
    path = saved(small(), folder / "model.h5")
    with h5py.File(path, "a") as opened:
        config = json.loads(opened.attrs["model_config"])
        settings = {"name": "tf.nn.relu", "trainable": True, "dtype": "float32", "function": "nn.relu"}
        layer = {"class_name": "TFOpLambda", "config": settings, "name": "tf.nn.relu", "inbound_nodes": []}
        config["config"]["layers"].append(layer)
        opened.attrs["model_config"] = json.dumps(config)
    assert "must be written by Keras 3" in refused(path)


def test_what_is_neither_model_nor_path():
    for wrong in (3, None, object(), keras.layers.Dense(3), b"model.keras"):
        with pytest.raises(sc.SegCamError) as caught:
            sc.open_probe(wrong, image())
        assert str(caught.value) == (
            f"`model` must be a Keras model, or the path of a .keras or .h5 file. Received: {type(wrong).__name__}."
        )
