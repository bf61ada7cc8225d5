"""A probe of arrays, exact and immediate: as many layers, channels and classes as a test wants, and no TensorFlow."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from segcam_widgets.core.answers import LayerInfo, Pullback, Tail
from segcam_widgets.errors import UnknownLayerError, must_be_one_of


@dataclass(eq=False)
class ArrayProbe:
    """A network that adds up what its layers say: logits = sum over layers of enlarged(A) @ W.

    Parameters
    ----------
    size : (H, W)
        Of the logits; every layer's size divides it.
    channels : dict
        Layer -> (h, w, K).
    classes : int or sequence of str
    display : (h', w'), optional
        Size of the picture that is seen; default (H, W).
    """

    size: tuple[int, int] = (16, 24)
    channels: dict[str, tuple[int, int, int]] = field(default_factory=lambda: {"deep": (4, 6, 8), "tail": (16, 24, 2)})
    classes: Any = ("sky", "sea", "land")
    display: tuple[int, int] | None = None
    truth: Any = None
    seed: int = 0
    multilabel: bool = False
    trouble: Exception | None = None
    calls: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        rng = np.random.default_rng(self.seed)
        names = [f"class {i}" for i in range(self.classes)] if isinstance(self.classes, int) else self.classes
        self.class_names = tuple(names)
        count = len(self.class_names)
        self._activations = {n: rng.normal(size=s).astype(np.float32) for n, s in self.channels.items()}
        self._weights = {n: rng.normal(size=(s[2], count)).astype(np.float32) for n, s in self.channels.items()}
        self.x = rng.random((*self.size, 1)).astype(np.float32)
        self.image = rng.integers(0, 256, (*(self.display or self.size), 3), dtype=np.uint8)
        parts = [self._enlarged(self._activations[n]) @ self._weights[n] for n in self.channels]
        self.logits = np.sum(parts, axis=0, dtype=np.float32)
        odds = np.exp(self.logits - self.logits.max(-1, keepdims=True))
        self.probabilities = odds / odds.sum(-1, keepdims=True)
        self.labels = self.logits.argmax(-1)
        self.head = "sigmoid" if self.multilabel else "softmax"
        self.default_score = "logit" if self.multilabel or count < 2 else "margin"
        inner = tuple(LayerInfo(n, s, "Conv2D", "relu") for n, s in self.channels.items())
        ends = (*self.size, 1), (*self.size, count)
        self.layers = (LayerInfo("input", ends[0], "InputLayer"), *inner, LayerInfo("logits", ends[1], "Conv2D"))

    def _enlarged(self, values: np.ndarray) -> np.ndarray:
        factors = [n // m for n, m in zip(self.size, values.shape[-3:-1], strict=True)]
        return values.repeat(factors[0], -3).repeat(factors[1], -2)

    def layer(self, name: str) -> LayerInfo:
        found = [info for info in self.layers if info.name == name]
        if not found:
            raise UnknownLayerError(must_be_one_of("layer", [info.name for info in self.layers], name))
        return found[0]

    def refresh(self) -> bool:
        return False

    def activations(self, layer: str) -> np.ndarray:
        if self.trouble is not None:
            raise self.trouble
        self.calls.append(layer)
        return {"input": self.x, "logits": self.logits, **self._activations}[layer]

    def bypass(self, layer: str) -> dict[str, np.ndarray]:
        return {}

    def tail(self, layer: str) -> Tail:
        return Tail({}, rectified=False, half_precision=False)

    def units(self, layer: str) -> np.ndarray:
        return np.zeros_like(self.logits)

    def pullback(self, layer: str, cotangent: Any, at: Any = None) -> Pullback:
        given = cotangent if isinstance(cotangent, np.ndarray) else cotangent.to_array()
        if at is not None and np.ndim(at) == 4 and given.ndim == 3:  # one field, at several points: it is linear
            given = np.broadcast_to(given, (len(at), *given.shape))
        if layer == "logits":
            return Pullback(given, {})
        if layer == "input":
            return Pullback(np.zeros((*given.shape[:-1], self.x.shape[-1]), np.float32), {})
        h, w, _ = self.channels[layer]
        blocks = given.reshape(*given.shape[:-3], h, self.size[0] // h, w, self.size[1] // w, -1).sum((-4, -2))
        return Pullback((blocks @ self._weights[layer].T).astype(np.float32), {})

    def pushforward(self, layer: str, tangent: Any, bypass: Any = None) -> np.ndarray:
        if layer == "input":  # which the logits do not depend on
            return np.zeros((*tangent.shape[:-1], len(self.class_names)), np.float32)
        if layer == "logits":
            return tangent
        return self._enlarged(tangent) @ self._weights[layer]

    def replay(self, layer: str, activations: np.ndarray, bypass: Any = None) -> np.ndarray:
        change = activations - self.activations(layer)
        return self.logits + (change if layer == "logits" else self.pushforward(layer, change))

    def sweep(self, cotangent: Any, layers: Any = None) -> dict[str, Any]:
        from segcam_widgets.core.answers import LayerSweep

        found = {}
        for name in layers or [info.name for info in self.layers]:
            a, g = self.activations(name), self.pullback(name, cotangent).gradients
            weights = g.mean((0, 1))
            found[name] = LayerSweep(weights, (a * weights).sum(-1), (a * g).sum(-1))
        return found
