"""Read a model file, executing nothing from it."""

import json
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras

from segcam_widgets.errors import SegCamError, UnsupportedModelError

SUFFIXES = (".keras", ".h5", ".hdf5")
OTHER = {
    ".tflite": ", a TFLite file, which has no gradients. Open the Keras model that it was converted from",
    ".onnx": ", an ONNX file. Open the Keras model that it was exported from",
    ".pb": ", a frozen graph. Load the model with the code that built it, and save it with model.save('model.keras')",
    ".index": ", a part of a checkpoint. Build the model, call load_weights on it, and pass the model itself",
    ".pt": ", a file of PyTorch. Only Keras models can be opened",
    ".pth": ", a file of PyTorch. Only Keras models can be opened",
    ".safetensors": ", a file of weights only. Build the model, load them into it, and pass the model itself",
}
"""What to do with files that hold a model or its weights in another form."""
HOMES = (
    keras, keras.layers, keras.activations, keras.initializers, keras.regularizers, keras.constraints, keras.dtype_policies,
)  # fmt: skip
"""Where Keras keeps what a description may name: .h5 files do not say."""


def load_model(path: str | os.PathLike[str], *, custom_objects: dict[str, Any] | None = None) -> Any:
    """A Keras model from a .keras or .h5 file, without its training state.

    The file's description of the model is read first, as text: where it holds code (a Lambda layer made of a Python lambda),
    the file is refused before Keras sees it. Keras's own `safe_mode` stays on as well.

    Parameters
    ----------
    path : path-like
    custom_objects : dict, optional
        Layers of your own by name; or register them with ``keras.saving.register_keras_serializable`` before.

    Returns
    -------
    keras.Model

    Raises
    ------
    UnsupportedModelError
        The file is missing, is no model, holds weights only, holds code, or needs a layer that is not registered.
    """
    file = Path(path).expanduser()
    _check_file(file)
    config = _archive_config(file) if file.suffix == ".keras" else _hdf5_config(file)
    _refuse_code(file, config)
    try:
        return keras.saving.load_model(file, custom_objects=custom_objects, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises a dozen kinds; each means that this file cannot be read
        raise UnsupportedModelError(_reason(file, config, custom_objects or {}, error)) from error


def _check_file(file: Path) -> None:
    received = f"Received: {str(file)!r}"
    if file.is_dir():
        if (file / "saved_model.pb").exists():
            raise UnsupportedModelError(
                f"`model` must be a .keras or .h5 file. {received}, a SavedModel folder. "
                "Load it with the code that built it, and save it with model.save('model.keras')."
            )
        raise UnsupportedModelError(f"`model` must be a .keras or .h5 file. {received}, a folder.")
    if not file.exists():
        raise UnsupportedModelError(f"`model` must be a file that exists. {received}.")
    if file.suffix not in SUFFIXES:
        raise UnsupportedModelError(f"`model` must be a .keras or .h5 file. {received}{OTHER.get(file.suffix, '')}.")


def _archive_config(file: Path) -> Any:
    """The model's description out of a .keras file."""
    try:
        with zipfile.ZipFile(file) as archive:
            return json.loads(archive.read("config.json"))
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise UnsupportedModelError(_damaged(file, "no Keras archive, or only a part of one")) from error


def _hdf5_config(file: Path) -> Any:
    """The model's description out of a .h5 file."""
    import h5py

    try:
        with h5py.File(file, "r") as opened:
            config = opened.attrs.get("model_config")
    except OSError as error:
        what = (
            "a .keras archive under another name" if zipfile.is_zipfile(file) else "no HDF5 file, or only a part of one"
        )
        raise UnsupportedModelError(_damaged(file, what)) from error
    if config is None:
        raise UnsupportedModelError(
            f"`model` must be a whole model. Received: {str(file)!r}, a file of weights only. Build the model, call "
            "load_weights on it, and pass the model itself."
        )
    try:
        return json.loads(config)
    except ValueError as error:
        raise UnsupportedModelError(_damaged(file, "whose description of the model is damaged")) from error


def _damaged(file: Path, what: str) -> str:
    return f"`model` must be a Keras model file. Received: {str(file)!r}, {what}."


def _objects(config: Any) -> Iterator[dict[str, Any]]:
    """Every serialised object in a description, outer ones first."""
    stack = [config]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            if "class_name" in value:
                yield value
            stack.extend(value.values())
        elif isinstance(value, list):
            stack.extend(value)


def _refuse_code(file: Path, config: Any) -> None:
    for found in _objects(config):
        settings = found.get("config")
        legacy = isinstance(settings, dict) and settings.get("function_type") == "lambda"
        if found["class_name"] == "__lambda__" or legacy:
            raise UnsupportedModelError(
                f"`model` must not need code that is stored in its file. Received: {str(file)!r}, which has a Lambda layer made "
                "of a Python lambda; loading it could run anything. If you trust it, load it yourself with "
                "keras.saving.load_model(..., safe_mode=False) and pass the model."
            )


def _unknown(config: Any, custom_objects: dict[str, Any]) -> list[str]:
    """Names in a description that neither Keras nor a registration knows."""
    names = set()
    for found in _objects(config):
        function = found["class_name"] == "function"  # then its name stands where a layer's settings do
        name = found.get("config") if function else found.get("registered_name") or found["class_name"]
        if not isinstance(name, str) or name.startswith("__"):
            continue
        known = (
            name in custom_objects
            or name.split(">")[-1] in custom_objects
            or keras.saving.get_registered_object(name) is not None
            or f"{found.get('module')}.".startswith("keras.")
            or name == "Functional"
            or any(hasattr(home, name) for home in HOMES)
        )
        if not known:
            names.add(name)
    return sorted(names)


def _reason(file: Path, config: Any, custom_objects: dict[str, Any], error: Exception) -> str:
    text = " ".join(str(error).split())
    unknown = _unknown(config, custom_objects)
    if unknown and set(unknown) <= {"TFOpLambda", "SlicingOpLambda"}:
        return (
            f"`model` must be written by Keras 3. Received: {str(file)!r}, in which Keras 2 kept TensorFlow's operations as "
            "layers. Build the model with Keras 3 and load the weights."
        )
    if unknown:
        return (
            f"`model` needs {', '.join(map(repr, unknown))}, which is not known here. Received: {str(file)!r}. "
            "Import the module that registers it (keras.saving.register_keras_serializable) before opening, or load the model "
            "yourself and pass it."
        )
    return f"`model` must be a Keras model file. Received: {str(file)!r}, which Keras cannot read: {text[:300]}"


def as_model(model: Any) -> Any:
    """A Keras model from a model or a path. Raises SegCamError for anything else."""
    if isinstance(model, str | os.PathLike):
        return load_model(model)
    if isinstance(model, keras.Model):
        return model
    raise SegCamError(
        f"`model` must be a Keras model, or the path of a .keras or .h5 file. Received: {type(model).__name__}."
    )
