"""`open_probe`: bind a model to an image."""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from segcam_widgets.errors import SegCamError, UnsupportedModelError, first_line
from segcam_widgets.images.prepare import Given, check, prepare
from segcam_widgets.keras_probe.engine.engine import Engine, engine_for
from segcam_widgets.keras_probe.load import as_model
from segcam_widgets.keras_probe.preprocess import by_name
from segcam_widgets.keras_probe.probe import KerasProbe
from segcam_widgets.keras_probe.record.adapters import called, enters_first, input_shape
from segcam_widgets.keras_probe.record.channels_first import REBUILD


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
    """Bind a segmentation network to one image, to ask for maps, ledgers and diagnoses of it.

    The whole network runs once, here; a query later runs only what follows its layer. The model is not modified.

    Parameters
    ----------
    model : keras.Model or path
        A functional, Sequential or subclassed model, or a .keras or .h5 file (nothing in a file is executed). A subclassed
        model, whose `call` is Python code, is traced once per image size.
    x : array-like, (H, W, C) or (1, H, W, C), optional
        The image, preprocessed as the model expects: (C, H, W) or (1, C, H, W) for a model with channels first, whose
        layers the probe nevertheless reports as (H, W, C). Give either this, or `image` with `preprocess`.
    image : array-like, (h', w', 3), optional
        The picture to show, uint8 or float in [0, 1], in its own size. Default: `x` rescaled.
    preprocess : callable or str, optional
        ``preprocess(image) -> x``, if you have only the image. Or a name: a model of `keras.applications` ("resnet50"),
        whose own preprocessing is then used; or a range of values, "0-1", "0-255", "-1-1".
    class_names : sequence of str, optional
        One per class; two for a one-channel sigmoid, the background first. Default "class 0", "class 1", ...
    truth : array-like, (H, W), optional
        Class indices on the grid of the logits; enables error regions.
    output : str or int, optional
        The output to explain, by name or index, if the model has several; default the first.
    head : {"softmax", "sigmoid"}, optional
        Default: what the model ends with; for a model that ends with logits, sigmoid if these have one channel, else softmax.
    fit : {"exact", "resize", "pad", "tile"}
        What to do with an image of another size than the model's: refuse it; resize it; shrink it to fit and pad; cut it
        into tiles. ``probe.placement.to_picture(explanation.upsampled())`` maps an answer back to the picture.
    tile : int
        With ``fit="tile"``: the number of the tile, counted row by row. :func:`segcam_widgets.explore` opens all of them.
    bands : sequence of int, optional
        The channels of `x` to show: three as red, green and blue, or one as grey. Default the first three, or the first.

    Returns
    -------
    KerasProbe

    Raises
    ------
    UnsupportedModelError
        Not a segmentation network, several inputs, a `call` that cannot be traced, tensors of unknown layout, or a file that
        cannot be read.
    NonFiniteError
        NaN or infinity in `x` or in the logits.
    SegCamError
        Any other argument; the message names it.
    """
    given = Given(x, image, preprocess, fit, tile, bands)
    check(given)
    keras_model = as_model(model)
    prepared = prepare(given, input_shape(keras_model), enters_first(keras_model), by_name=by_name)
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
    """Make a probe, and turn TensorFlow's complaint about an input (a size that does not divide, say) into one sentence."""
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
