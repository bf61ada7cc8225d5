"""`open_probe`: bind one model to one image."""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from segcam_widgets.errors import SegCamError, UnsupportedModelError, first_line
from segcam_widgets.models.adapt import called, enters_first, input_shape
from segcam_widgets.models.engine import Engine, engine_for
from segcam_widgets.models.inputs import Given, check, prepare
from segcam_widgets.models.layout import REBUILD
from segcam_widgets.models.load import as_model
from segcam_widgets.models.probe import KerasProbe


def open_probe(
    model: Any,
    x: Any = None,
    *,
    image: Any = None,
    preprocess: Callable[[Any], Any] | str | None = None,
    class_names: Sequence[str] | None = None,
    truth: Any = None,
    output: str | int | None = None,
    head: str | None = None,
    fit: str = "exact",
    tile: int = 0,
    bands: Sequence[int] | None = None,
) -> KerasProbe:
    """Bind a segmentation network to an image: one forward pass, after which queries run only what follows their layer.

    Parameters
    ----------
    model : keras.Model or path
        Functional or Sequential, or a .keras or .h5 file (nothing in a file is executed).
    x : array-like, (H, W, C) or (1, H, W, C), optional
        The image as the model eats it: (C, H, W) or (1, C, H, W) for a model with channels first, of which the probe
        nevertheless speaks as (H, W, C) everywhere. Either this, or `image` with `preprocess`.
    image : array-like, (h', w', 3), optional
        What a person sees, uint8 or float in [0, 1]; keeps its own size. Default: `x` rescaled.
    preprocess : callable or str, optional
        ``preprocess(image) -> x``, where only the image is at hand. Or a name: of a model of `keras.applications` ("resnet50"),
        whose own preparation of values it is; or of a range of values, "0-1", "0-255", "-1-1".
    class_names : sequence of str, optional
        One a class; a one-channel sigmoid has two, the background first. Default "class 0", "class 1", ...
    truth : array-like, (H, W), optional
        Class indices on the grid of the logits; enables error regions.
    output : str or int, optional
        Which output of a model that has several; default the first.
    head : {"softmax", "sigmoid"}, optional
        Default: what the model ends with; a model of logits with one channel is sigmoid, else softmax.
    fit : {"exact", "resize", "pad", "tile"}
        An image of another size than the model's: refuse; resize; shrink to fit and pad; cut into tiles. ``probe.placement``
        says what went where, ``probe.placement.to_picture(explanation.upsampled())`` brings a map back.
    tile : int
        With ``fit="tile"``: which tile, row by row. :func:`segcam_widgets.explore` opens all of them.
    bands : sequence of int, optional
        Which channels of `x` are shown: three as red, green and blue, or one grey. Default the first three, or the first.

    Returns
    -------
    KerasProbe

    Raises
    ------
    UnsupportedModelError
        Not a segmentation network, several inputs, a layout that cannot be told, or a file that cannot be read.
    NonFiniteError
        NaN or infinity in `x` or in the logits.
    SegCamError
        Any other argument; the message names it.
    """
    given = Given(x, image, preprocess, fit, tile, bands)
    check(given)
    keras_model = as_model(model)
    prepared = prepare(given, input_shape(keras_model), enters_first(keras_model))
    array = prepared.x
    engine = engine_for(keras_model, array.shape, output)
    say = {"image": prepared.image, "class_names": class_names, "truth": truth, "head": head}
    probe = _bind(engine, array, say)
    if engine.logits.squash == "none" and head != "sigmoid" and probe.prediction.looks_like_probabilities():
        engine = engine_for(keras_model, array.shape, output, of_probabilities=True)
        probe = _bind(engine, array, say)
    _ = probe.logits  # a model that answers NaN says so here, not at the first question
    if not engine.verified:
        probe.prediction.must_agree(engine.own_output(called(keras_model, array)))
        engine.verified = True
    probe.placement = prepared.placement
    for remark in prepared.remarks:
        probe.remark(remark)
    return probe


def _bind(engine: Engine, array: Any, say: dict[str, Any]) -> KerasProbe:
    """A probe; what TensorFlow cannot compute for this input (a size that does not divide, say) is told in one sentence."""
    try:
        return KerasProbe(engine, array, **say)
    except SegCamError:
        raise
    except (tf.errors.OpError, ValueError, TypeError) as error:
        if engine.plan.first and "NHWC" in str(error):  # TensorFlow on a CPU has these kernels with oneDNN alone
            raise UnsupportedModelError(
                "`model` must be one that TensorFlow can run here. Received: a model with channels first, of which it says: "
                f"{first_line(error)}. {REBUILD}"
            ) from error
        raise UnsupportedModelError(
            f"`x` of shape {array.shape[1:]} does not go through the model. Try the size it was made for. "
            f"TensorFlow says: {first_line(error)}."
        ) from error
