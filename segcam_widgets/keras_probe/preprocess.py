"""Preprocess a picture by name: a range of values, or a model of `keras.applications`."""

from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from segcam_widgets.errors import SegCamError, must_be_one_of

RANGES: Mapping[str, tuple[float, float]] = {"0-1": (0.0, 1.0), "0-255": (0.0, 255.0), "-1-1": (-1.0, 1.0)}
Preprocess = Callable[[NDArray[np.uint8]], Any]


@cache
def families() -> dict[str, Any]:
    """What `keras.applications` does to a picture, by the names of its modules and models in small letters.

    "resnet50", "mobilenet_v2", "EfficientNetB0": capitals, "_" and "-" do not matter.
    """
    things = vars(keras.applications)
    found = {
        _plain(name): module.preprocess_input
        for name, module in things.items()
        if hasattr(module, "preprocess_input") and name != "imagenet_utils"
    }
    for name, thing in things.items():
        home = _plain(getattr(thing, "__module__", "").rsplit(".", 1)[-1])
        if callable(thing) and home in found:
            found[_plain(name)] = found[home]
    return dict(sorted(found.items()))


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")


def by_name(name: str, channels: int | None) -> tuple[Preprocess, str]:
    """A function (h, w, 3) uint8 -> (h, w, C) float32, and what it does in words.

    Parameters
    ----------
    name : str
        A range of values, "0-1", "0-255" or "-1-1"; or a model of `keras.applications`, whose own `preprocess_input` it is.
    channels : int or None
        Of the model's input. One: grey.

    Raises
    ------
    SegCamError
        An unknown name, a model that takes neither grey nor RGB, or grey with a family that was trained on RGB.
    """
    if channels not in (1, 3, None):
        raise SegCamError(
            f"`image` must be an array file (.npy) for a model with {channels} channels. Received: a picture, which has 1 or 3."
        )
    if name in RANGES:
        low, high = RANGES[name]
        words = f"{'grey, ' if channels == 1 else ''}values {low:g} to {high:g}"
        return partial(_scaled, low=low, high=high, grey=channels == 1), words
    family = families().get(_plain(name)) if isinstance(name, str) else None
    if family is None:
        raise SegCamError(must_be_one_of("preprocess", [*RANGES, *families()], name))
    if channels == 1:
        raise SegCamError(
            f"`preprocess` must be one of {', '.join(RANGES)} for a model of grey images. Received: {name!r}, whose family "
            "expects RGB."
        )
    # a copy: Keras scales arrays of floats in place
    return lambda picture: family(
        np.array(picture, np.float32)
    ), f"values as keras.applications prepares them for {name}"


def _scaled(picture: NDArray[np.uint8], *, low: float, high: float, grey: bool) -> NDArray[np.float32]:
    values: Any = picture
    if grey:  # luma of ITU-R BT.601, as Pillow's "L"
        from PIL import Image

        values = np.asarray(Image.fromarray(picture).convert("L"))[:, :, None]
    return values.astype(np.float32) / 255 * (high - low) + low
