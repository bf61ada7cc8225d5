"""`open_probe`: bind one model to one image."""

import os
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from segcam_widgets.errors import SegCamError, UnsupportedModelError
from segcam_widgets.models.engine import Engine, engine_for
from segcam_widgets.models.images import as_display, as_input, display_of
from segcam_widgets.models.load import as_model
from segcam_widgets.models.probe import KerasProbe


def open_probe(
    model: Any,
    x: Any = None,
    *,
    image: Any = None,
    preprocess: Callable[[Any], Any] | None = None,
    class_names: Sequence[str] | None = None,
    truth: Any = None,
    output: str | int | None = None,
    head: str | None = None,
) -> KerasProbe:
    """Bind a segmentation network to an image: one forward pass, after which queries run only what follows their layer.

    Parameters
    ----------
    model : keras.Model or path
        Functional or Sequential, or a .keras or .h5 file (nothing in a file is executed).
    x : array-like, (H, W, C) or (1, H, W, C), optional
        The image as the model eats it. Either this, or `image` with `preprocess`.
    image : array-like, (h', w', 3), optional
        What a person sees, uint8 or float in [0, 1]; keeps its own size. Default: `x` rescaled.
    preprocess : callable, optional
        ``preprocess(image) -> x``, where only the image is at hand.
    class_names : sequence of str, optional
        One a class; a one-channel sigmoid has two, the background first. Default "class 0", "class 1", ...
    truth : array-like, (H, W), optional
        Class indices on the grid of the logits; enables error regions.
    output : str or int, optional
        Which output of a model that has several; default the first.
    head : {"softmax", "sigmoid"}, optional
        Default: what the model ends with; a model of logits with one channel is sigmoid, else softmax.

    Returns
    -------
    KerasProbe

    Raises
    ------
    UnsupportedModelError
        Not a segmentation network, several inputs, no graph, channels first, or a file that cannot be read.
    NonFiniteError
        NaN or infinity in `x` or in the logits.
    SegCamError
        Any other argument; the message names it.
    """
    keras_model = as_model(model)
    if isinstance(image, str | os.PathLike):
        image = read_image(image)
    if x is not None and preprocess is not None:
        raise SegCamError("`preprocess` is for an `image` without `x`. Received: both `x` and `preprocess`.")
    if x is None:
        if image is None:
            raise SegCamError("`x` must be given, or `image` together with `preprocess`. Received: neither.")
        if preprocess is None:
            raise SegCamError("`preprocess` must be given where `image` is given without `x`. Received: None.")
        if not callable(preprocess):
            raise SegCamError(
                f"`preprocess` must be a function from the image to `x`. Received: {type(preprocess).__name__}."
            )
        x = preprocess(image)
    engine = engine_for(keras_model, output)
    if len(engine.input_shape) != 4:
        raise UnsupportedModelError(
            f"`model` must take an image, (H, W, channels). Received: a model whose input has shape {engine.input_shape[1:]}."
        )
    array = as_input(x, engine.input_shape)
    picture = display_of(array[0]) if image is None else as_display(image)
    say = {"image": picture, "class_names": class_names, "truth": truth, "head": head}
    probe = _bind(engine, array, say)
    if engine.logits.squash == "none" and head != "sigmoid" and probe.prediction.looks_like_probabilities():
        engine = engine_for(keras_model, output, of_probabilities=True)
        probe = _bind(engine, array, say)
    _ = probe.logits  # a model that answers NaN says so here, not at the first question
    if not engine.verified:
        probe.prediction.must_agree(engine.own_output(keras_model(array, training=False)))
        engine.verified = True
    return probe


def _bind(engine: Engine, array: Any, say: dict[str, Any]) -> KerasProbe:
    """A probe; what TensorFlow cannot compute for this input (a size that does not divide, say) is told in one sentence."""
    try:
        return KerasProbe(engine, array, **say)
    except SegCamError:
        raise
    except (tf.errors.OpError, ValueError, TypeError) as error:
        raise UnsupportedModelError(
            f"`x` of shape {array.shape[1:]} does not go through the model. Try the size it was made for. "
            f"TensorFlow says: {first_line(error)}."
        ) from error


def read_image(path: str | os.PathLike[str]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A picture file as (h, w, 3) uint8. Raises SegCamError where it cannot be read."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as picture:
            return np.asarray(picture.convert("RGB"))
    except FileNotFoundError as error:
        raise SegCamError(f"`image` must be a file that exists. Received: {str(path)!r}.") from error
    except (UnidentifiedImageError, OSError) as error:
        raise SegCamError(
            f"`image` must be a picture file (PNG, JPEG, TIFF). Received: {str(path)!r}, which cannot be read as one."
        ) from error


def first_line(error: Exception) -> str:
    """The line of a TensorFlow or Keras error that says what went wrong, without the stack around it."""
    lines = [line.strip() for line in re.sub(r"\x1b\[\d*m|\{\{.*?\}\}", "", str(error)).splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith(("Exception encountered", "Arguments received", "•"))]
    return (told or lines or [type(error).__name__])[0].rstrip(".")
