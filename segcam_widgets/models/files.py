"""A probe from files: what the command line opens."""

import importlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from segcam_widgets.errors import SegCamError
from segcam_widgets.models.fit import fit_picture
from segcam_widgets.models.load import load_model
from segcam_widgets.models.opening import open_probe, read_image
from segcam_widgets.models.probe import KerasProbe


def open_files(
    model: str,
    image: str,
    *,
    class_names: Sequence[str] | None = None,
    fit: str = "exact",
    value_range: str = "0-1",
    modules: Sequence[str] = (),
) -> KerasProbe:
    """Bind a model file to a picture, or to an array file.

    Parameters
    ----------
    model : str
        A .keras or .h5 file.
    image : str
        A picture, fitted as `fit` and `value_range` say; or a .npy file, taken as the model eats it.
    class_names : sequence of str, optional
    fit, value_range : str
        See :func:`segcam_widgets.models.fit.fit_picture`.
    modules : sequence of str
        Imported first: they register layers of the user's own.

    Raises
    ------
    SegCamError
        As :func:`segcam_widgets.open_probe`, or a module that cannot be imported.
    """
    for name in modules:
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise SegCamError(f"`--import` must name a module that can be imported. Received: {name!r} ({error}).") from error
    keras_model = load_model(model)
    if Path(image).suffix == ".npy":
        try:
            array = np.load(image, allow_pickle=False)
        except (OSError, ValueError) as error:
            raise SegCamError(f"`image` must be an array file that can be read. Received: {image!r} ({error}).") from error
        return open_probe(keras_model, array, class_names=class_names)
    picture = read_image(image)
    if len(keras_model.inputs) != 1 or len(keras_model.inputs[0].shape) != 4:
        return open_probe(keras_model, picture)  # refused there, with the reason
    fitted = fit_picture(picture, tuple(keras_model.inputs[0].shape), fit=fit, value_range=value_range)
    probe = open_probe(keras_model, fitted.x, image=fitted.image, class_names=class_names)
    probe.notes += (f"The picture: {fitted.words}.",)
    return probe
