"""A probe from files: what the command line opens."""

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

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
        except Exception as error:  # it is code of the user's own: anything can happen in it
            raise SegCamError(
                f"`--import` must name a module that can be imported. Received: {name!r} "
                f"({type(error).__name__}: {' '.join(str(error).split())})."
            ) from error
    keras_model = load_model(model)
    if Path(image).suffix == ".npy":
        try:
            array = np.load(image, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise SegCamError(
                f"`image` must be an array file that can be read. Received: {image!r} ({error})."
            ) from error
        return open_probe(keras_model, array, class_names=class_names)
    picture = read_image(image)
    if len(keras_model.inputs) != 1 or len(keras_model.inputs[0].shape) != 4:
        return open_probe(keras_model, picture)  # refused there, with the reason
    return _open_fitted(keras_model, picture, fit, value_range, class_names=class_names)


def _open_fitted(model: Any, picture: Any, fit: str, value_range: str, **kwargs: Any) -> KerasProbe:
    fitted = fit_picture(picture, tuple(model.inputs[0].shape), fit=fit, value_range=value_range)
    probe = open_probe(model, fitted.x, image=fitted.image, **kwargs)
    probe.remark(f"The picture: {fitted.words}.")
    return probe


def picture_opener(
    model: Any, *, preprocess: Callable[[Any], Any] | None = None, image: Any = None, truth: Any = None, **kwargs: Any
) -> Callable[[Any, str, str], KerasProbe]:
    """A function (file, fit, value_range) -> probe, for pictures that are uploaded to an explorer on this model.

    A `preprocess` of the user's own goes before `fit` and `value_range`. `image` and `truth` belong to the images that the
    explorer was opened with, and are left out.
    """

    def open_picture(file: Any, fit: str, value_range: str) -> KerasProbe:
        picture = read_image(file)
        if preprocess is not None:
            return open_probe(model, image=picture, preprocess=preprocess, **kwargs)
        return _open_fitted(model, picture, fit, value_range, **kwargs)

    return open_picture
