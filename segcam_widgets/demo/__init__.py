"""The shipped demos: small, really trained segmentation networks with test images that they never saw.

Everything lies in the package: loading takes no network and no scikit-image. How they were made:
`demo.train_textures` and `demo.train_question`.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from importlib import resources
from typing import TYPE_CHECKING, Any

from segcam_widgets.errors import SegCamError, must_be_one_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["DEMOS", "Demo", "first_view", "load_demo"]


@dataclass(frozen=True, slots=True)
class _Entry:
    """What a demo's folder does not say: where its images are, and the layer and class to look at first."""

    images_file: str
    layer: str
    class_name: str


_ENTRIES = {
    "textures": _Entry("mosaics.npz", "tail_conv2", "brick"),
    "question": _Entry("pictures.npz", "tail_conv2", "circle"),
}

DEMOS: tuple[str, ...] = tuple(_ENTRIES)
"""The names that `load_demo` takes; each is a folder of this package."""


@dataclass(frozen=True, slots=True, eq=False)
class Demo:
    """A trained network with images to explain.

    Attributes
    ----------
    model : keras.Model
        (None, None, 1) -> (None, None, C) probabilities; height and width divisible by 8.
    images : ndarray, (N, H, W, 1) float32
        In [0, 1], as the model expects them. Made of crops that were never trained on.
    truth : ndarray, (N, H, W) uint8
        Index into `class_names`.
    class_names : tuple of str
        C names, in the order of the model's outputs; "unused 2" and so on for outputs that no pixel was labelled with.
    card : str
        The model card, markdown: data and licence, measured scores, what fails and why.
    """

    model: Any
    images: NDArray[np.float32] = field(repr=False)
    truth: NDArray[np.uint8] = field(repr=False)
    class_names: tuple[str, ...]
    card: str = field(repr=False)


def load_demo(name: str = "textures") -> Demo:
    """Load a demo that ships with the package.

    Parameters
    ----------
    name : str
        One of `DEMOS`. "textures": brick, grass and gravel, a network of three classes. "question": circles among
        other shapes, by a network with the tail of the question this project began with, which has ten outputs and
        uses two.

    Returns
    -------
    Demo
        With a model of its own at every call: what one caller does to it, another does not see.

    Raises
    ------
    SegCamError
        Unknown name.
    """
    entry = _entry(name)
    # numpy and TensorFlow are imported here, when a demo is loaded, and not with the package
    np = importlib.import_module("numpy")
    mosaics = importlib.import_module("segcam_widgets.demo.mosaics")
    models = importlib.import_module("segcam_widgets.keras_probe.load")
    folder = resources.files(__name__) / name
    with resources.as_file(folder / "model.keras") as path:
        model = models.load_model(path)
    with resources.as_file(folder / entry.images_file) as path, np.load(path) as stored:
        images = mosaics.to_unit(stored["images"])
        truth = stored["truth"]
        class_names = tuple(str(label) for label in stored["class_names"])
    return Demo(model, images, truth, class_names, (folder / "CARD.md").read_text(encoding="utf-8"))


def first_view(name: str) -> tuple[str, str]:
    """Name the layer and the class of a demo to look at first: predicted well, and blank under the margin.

    Raises
    ------
    SegCamError
        Unknown name.
    """
    entry = _entry(name)
    return entry.layer, entry.class_name


def _entry(name: str) -> _Entry:
    if name not in _ENTRIES:
        raise SegCamError(must_be_one_of("name", DEMOS, name))
    return _ENTRIES[name]
