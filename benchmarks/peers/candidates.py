"""Who is timed: each by the call that its documentation shows.

All answer the same question, Grad-CAM of a class over the region where it is predicted: that is the one region that all of
them know. What can be prepared once for an image and a class (one-hot targets, a mask) is prepared outside of the clock.
"""

import re
from functools import cached_property
from importlib.metadata import version
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import segcam_widgets as sc
from benchmarks.peers.networks import built, flattened
from benchmarks.textbook import textbook
from segcam_widgets.keras_probe.cut import gradient as differentiate
from segcam_widgets.keras_probe.record.subgraph import concrete


class Candidate:
    """One way to a map.

    Parameters
    ----------
    model : keras.Model
    x : ndarray, (1, h, w, 3)
    labels : ndarray, (H, W)
        What is predicted.
    names : dict of str to str, optional
        The model's names of layers by ours, where they differ.
    """

    name = ""
    package = ""
    smooth = "bilinear"

    def __init__(self, model: Any, x: np.ndarray, labels: np.ndarray, names: dict[str, str] | None = None) -> None:
        self.model, self.labels, self.names = model, labels, names
        self.x = tf.constant(x)
        self.classes = int(model.outputs[0].shape[-1])
        self._ready: dict[str, Any] = {}

    @classmethod
    def on(cls, network: str, size: int, x: np.ndarray, labels: np.ndarray) -> "Candidate":
        """On a model of its own, with the weights that all have, made such that it can be asked for any layer."""
        model, names = flattened(built(network, size), x)
        return cls(model, x, labels, names)

    @cached_property
    def title(self) -> str:
        return f"{self.package} {version(self.package)}" if self.package else self.name

    def ask(self, layer: str, c: int, x: Any = None) -> Any:
        """The map of class `c` at a layer, which it may have been asked for before."""
        if layer not in self._ready:
            self._ready[layer] = self.prepare(layer if self.names is None else self.names[layer])
        return self.call(self._ready[layer], c, self.x if x is None else x)

    def prepare(self, layer: str) -> Any:
        """What it makes for a layer once."""
        raise NotImplementedError

    def call(self, ready: Any, c: int, x: Any) -> Any:
        """What it does for each question."""
        raise NotImplementedError

    def comparable(self, answer: Any, ours: sc.Explanation) -> tuple[np.ndarray, np.ndarray]:
        """Its map, and ours made in the same way: ReLU, then resized to the input."""
        theirs = np.asarray(answer, np.float32).reshape(self.x.shape[1:3])
        own = tf.image.resize(np.maximum(ours.cam, 0)[..., None], self.x.shape[1:3], self.smooth)
        return theirs, own.numpy()[..., 0]


class Ours(Candidate):
    """This package: sc.explain on an open probe."""

    name = "segcam_widgets"

    @classmethod
    def on(cls, network: str, size: int, x: np.ndarray, labels: np.ndarray) -> "Ours":
        return cls(built(network, size), x, labels)

    @cached_property
    def probe(self) -> Any:
        return sc.open_probe(self.model, self.x.numpy())

    def ask(self, layer: str, c: int, x: Any = None) -> sc.Explanation:
        probe = self.probe if x is None else sc.open_probe(self.model, x)
        return sc.explain(probe, sc.CamQuery(layer, c, score="logit"))

    def tail(self, layer: str) -> Any:
        """The yardstick: what comes after the layer, forwards alone, compiled, from tensors to tensors."""
        probe = self.probe
        target = probe._targets.find(layer)
        cut = probe._engine.cut(target.slot, target.name)
        own, *bypass = probe._tensors.get([cut.target, *cut.bypass])
        function = concrete(differentiate.replay(cut, probe._head, 1), own, bypass)
        return lambda: function(own, bypass)


class Textbook(Candidate):
    """The usual recipe, compiled and with nothing left out in its favour: benchmarks/textbook.py."""

    name = "textbook"

    def prepare(self, layer: str) -> Any:
        return textbook(self.model, layer, self.model.layers[-1].name)

    def call(self, ready: Any, c: int, x: Any) -> np.ndarray:
        return ready(x, self.masks[c], c)[0]

    @cached_property
    def masks(self) -> list[np.ndarray]:
        return [self.labels == c for c in range(self.classes)]

    def comparable(self, answer: Any, ours: sc.Explanation) -> tuple[np.ndarray, np.ndarray]:
        return answer, ours.cam  # signed, both, at the layer's own resolution


class Medicai(Candidate):
    """medicai.utils.GradCAM(model, target_layer).compute_heatmap(x, target_class_index), its region the predicted class."""

    name = package = "medicai"

    def prepare(self, layer: str) -> Any:
        from medicai.utils import GradCAM

        return GradCAM(model=self.model, target_layer=layer)

    def call(self, ready: Any, c: int, x: Any) -> Any:
        return ready.compute_heatmap(input_tensor=x, target_class_index=c)


class Xplique(Candidate):
    """xplique.attributions.GradCAM(model, conv_layer=...)(x, targets), its targets the region's one-hot field.

    Its documentation does not count Grad-CAM among the methods for segmentation; the call works.
    """

    name = package = "xplique"
    smooth = "bicubic"

    def prepare(self, layer: str) -> Any:
        from xplique.attributions import GradCAM

        return GradCAM(self.model, conv_layer=layer, batch_size=1)

    def call(self, ready: Any, c: int, x: Any) -> Any:
        return ready(x, self.targets[c])

    @cached_property
    def targets(self) -> list[np.ndarray]:
        region = (self.labels[..., None] == np.arange(self.classes)).astype(np.float32)
        return [(region * np.eye(self.classes, dtype=np.float32)[c])[None] for c in range(self.classes)]


PEERS = (Textbook, Medicai, Xplique)
CANDIDATES = {kind.name: kind for kind in (Ours, *PEERS)}


def said(error: Exception) -> str:
    """An error in a line of a table: without the stack in it, and without folders of this machine."""
    text = " ".join(str(error).split())
    text = re.sub(r"in user code: .*?(?=\w+Error: )", "", text)
    return re.sub(r"(/[\w.-]+)+/(?=[\w.-]+)", "", f"{type(error).__name__}: {text}")[:200]


def as_loaded(kind: type[Candidate], network: str, size: int, layer: str, x: np.ndarray) -> str:
    """What a peer says to a network as it is loaded, its backbone a model inside of the model; "" where it answers."""
    model = built(network, size)
    labels = np.asarray(model(x, training=False))[0].argmax(-1)
    try:
        answer = kind(model, x, labels).ask(layer, int(np.bincount(labels.ravel()).argmax()))
    except Exception as error:  # the peers' own, of any kind: the table says which
        return said(error)
    return "" if np.isfinite(np.asarray(answer)).all() else "its map is not finite"


def quiet() -> None:
    """Keras' and TensorFlow's progress and warnings stay out of the results."""
    tf.get_logger().setLevel("ERROR")
    keras.utils.disable_interactive_logging()
