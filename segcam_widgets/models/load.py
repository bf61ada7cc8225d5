"""Read a model file, executing nothing from it."""

import os
import zipfile
from pathlib import Path
from typing import Any

import keras

from segcam_widgets.errors import SegCamError, UnsupportedModelError


def load_model(path: str | os.PathLike[str], *, custom_objects: dict[str, Any] | None = None) -> Any:
    """A Keras model from a .keras or .h5 file, without its training state.

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
        The file is missing, is no model, holds weights only, needs code of its own (Lambda layers; `safe_mode` stays on),
        or needs a layer that is not registered.
    """
    file = Path(path)
    _check_file(file)
    try:
        return keras.saving.load_model(file, custom_objects=custom_objects, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises a dozen kinds; each means that this file cannot be read
        raise UnsupportedModelError(_reason(file, error)) from error


def _check_file(file: Path) -> None:
    if file.is_dir():
        if (file / "saved_model.pb").exists():
            raise UnsupportedModelError(
                f"`model` must be a .keras or .h5 file. Received: the SavedModel folder {str(file)!r}. "
                "Load it with the code that built it, and save it with model.save('model.keras')."
            )
        raise UnsupportedModelError(f"`model` must be a .keras or .h5 file. Received: the folder {str(file)!r}.")
    if not file.exists():
        raise UnsupportedModelError(f"`model` must be a file that exists. Received: {str(file)!r}.")
    if file.suffix not in (".keras", ".h5", ".hdf5"):
        raise UnsupportedModelError(f"`model` must be a .keras or .h5 file. Received: {str(file)!r}.")
    if file.name.endswith(".weights.h5"):
        raise UnsupportedModelError(
            f"`model` must be a whole model. Received: {str(file)!r}, a file of weights only. Build the model, call "
            "load_weights on it, and pass the model itself."
        )
    if file.suffix == ".keras" and not zipfile.is_zipfile(file):
        raise UnsupportedModelError(
            f"`model` must be a Keras model file. Received: {str(file)!r}, which is not one (not a zip archive)."
        )


def _reason(file: Path, error: Exception) -> str:
    text = " ".join(str(error).split())
    received = f"Received: {str(file)!r}"
    if "Lambda" in text or "lambda" in text or "unsafe" in text:
        return (
            f"`model` must not need code that is stored in its file. {received}, which has a Lambda layer; loading it could run "
            "anything. If you trust it, load it yourself with keras.saving.load_model(..., safe_mode=False) and pass the model."
        )
    if "register" in text or "custom_objects" in text or "Unknown layer" in text or "locate class" in text:
        return (
            f"`model` needs a layer of your own that is not known here. {received}. Import the module that registers it "
            f"(keras.saving.register_keras_serializable) before opening. Keras says: {text[:300]}"
        )
    if "No model config" in text or "model_config" in text:
        return f"`model` must be a whole model. {received}, a file of weights only. Build the model and call load_weights on it."
    return f"`model` must be a Keras model file. {received}, which Keras cannot read: {text[:300]}"


def as_model(model: Any) -> Any:
    """A Keras model from a model or a path. Raises SegCamError for anything else."""
    if isinstance(model, str | os.PathLike):
        return load_model(model)
    if isinstance(model, keras.Model):
        return model
    raise SegCamError(
        f"`model` must be a Keras model, or the path of a .keras or .h5 file. Received: {type(model).__name__}."
    )
