"""The shipped demo: a small, really trained segmentation network with test mosaics that it never saw.

Everything lies in the package: loading takes no network and no scikit-image. How it was made: `demo.train_textures`.
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

__all__ = ["DEMOS", "Demo", "load_demo"]

DEMOS: tuple[str, ...] = ("textures",)
"""The names that `load_demo` takes; each is a folder of this package."""


@dataclass(frozen=True, slots=True, eq=False)
class Demo:
    """A trained network with images to explain.

    Attributes
    ----------
    model : keras.Model
        (None, None, 1) -> (None, None, C) probabilities; height and width divisible by 8.
    images : ndarray, (N, H, W, 1) float32
        In [0, 1], as the model eats them. Made of crops that were never trained on.
    truth : ndarray, (N, H, W) uint8
        Index into `class_names`.
    class_names : tuple of str
        C names, in the order of the model's outputs.
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
        One of `DEMOS`.

    Returns
    -------
    Demo
        With a model of its own at every call: what one caller does to it, another does not see.

    Raises
    ------
    SegCamError
        Unknown name.
    """
    if name not in DEMOS:
        raise SegCamError(must_be_one_of("name", DEMOS, name))
    # numpy and TensorFlow come in here, when somebody wants a demo, and not at import
    np = importlib.import_module("numpy")
    mosaics = importlib.import_module("segcam_widgets.demo.mosaics")
    models = importlib.import_module("segcam_widgets.models.load")
    folder = resources.files(__name__) / name
    with resources.as_file(folder / "model.keras") as path:
        model = models.load_model(path)
    with resources.as_file(folder / "mosaics.npz") as path, np.load(path) as stored:
        images = mosaics.to_unit(stored["images"])
        truth = stored["truth"]
        class_names = tuple(str(label) for label in stored["class_names"])
    return Demo(model, images, truth, class_names, (folder / "CARD.md").read_text(encoding="utf-8"))
