"""A cause that lies elsewhere: at which layers can a map find it?

Small U-Nets learn to call a grey square by the colour of *another* tile, the key, somewhere else in the image. So the class of
the square's pixels has one known cause outside the region; that the network uses it, and no other tile, is shown by
exchanging tiles. Then every layer from the bottleneck to the output is asked: how much of the map's positive mass lies in the
key? And, by experiment: is the cause still there? The layer's cells in the key are exchanged for those of the same image with
the other key, and the network is run on: where the class does not change, nothing in those cells decides any more.
"""

import itertools
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

import segcam_widgets as sc
from benchmarks.faithfulness.study import CONTEXT_LAYERS as LAYERS, CONTEXT_METHODS as METHODS, CONTEXT_STEPS as STEPS
from segcam_widgets.core.grid import resize_bilinear
from segcam_widgets.evaluation.curves.references import REFERENCES, Scene

Float = NDArray[np.float32]
SIZE, TILE, COLOURED = 96, 24, 4
GREY = (0.75, 0.75, 0.75)
KEYS = ((0.9, 0.15, 0.15), (0.15, 0.8, 0.15))
"""Red and green: the grey square is class 1 beside a red tile, class 2 beside a green one."""
OTHERS = ((0.15, 0.25, 0.9), (0.9, 0.85, 0.15), (0.2, 0.85, 0.9))
"""Tiles that mean nothing: blue, yellow, cyan."""
CLASSES = ("ground", "square by red", "square by green")
WAYS = {
    "pooling": "the image's mean, joined to every cell of the bottleneck (as in DeepLab and in squeeze-and-excite)",
    "dilation": "four convolutions of the bottleneck, dilated by 1, 2, 4 and 4",
}
"""How what is known of the key gets to the square."""
NETWORKS, LEARNED = 3, 0.95
"""So many networks of each kind that name at least this share of the squares' pixels rightly; seeds are taken from 0 on."""
BATCH, IMAGES = 16, 16


class Scenes:
    """Images of tiles on noise; tile 0 is the grey square, tile 1 the key, the rest mean nothing."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def places(self) -> list[tuple[slice, slice]]:
        """Where the tiles of one image are: cells of a grid of 4 x 4."""
        side = SIZE // TILE
        cells = self.rng.choice(side * side, 2 + len(OTHERS), replace=False)
        corners = [(int(cell) // side * TILE, int(cell) % side * TILE) for cell in cells]
        return [(slice(top, top + TILE), slice(left, left + TILE)) for top, left in corners]

    def draw(
        self, places: list[tuple[slice, slice]], key: int, others: Any = OTHERS
    ) -> tuple[Float, NDArray[np.int64]]:
        """An image (96, 96, 3) and its labels (96, 96)."""
        x = np.full((SIZE, SIZE, 3), 0.4)
        for place, colour in zip(places, (GREY, KEYS[key], *others), strict=True):
            x[place] = colour
        labels = np.zeros((SIZE, SIZE), np.int64)
        labels[places[0]] = 1 + key
        return (x + self.rng.normal(scale=0.08, size=x.shape)).astype(np.float32), labels

    def batch(self) -> tuple[Float, NDArray[np.int64]]:
        some = [self.draw(self.places(), int(self.rng.integers(2))) for _ in range(BATCH)]
        return np.stack([x for x, _ in some]), np.stack([labels for _, labels in some])


def network(way: str, seed: int) -> Any:
    """A U-Net three levels deep; only in its bottleneck (12 x 12) what is known of one place gets to all others."""
    seeds = itertools.count(100 * seed)

    def conv(x: Any, filters: int, name: str, dilation: int = 1) -> Any:
        start = keras.initializers.HeNormal(seed=next(seeds))
        return layers.Conv2D(
            filters, 3, padding="same", activation="relu", dilation_rate=dilation, kernel_initializer=start, name=name
        )(x)

    x = image = keras.Input((SIZE, SIZE, 3), name="image")
    skips = []
    for level, filters in enumerate((8, 12, 16)):
        skips.append(conv(x, filters, f"enc{level}"))
        x = layers.MaxPooling2D(2, name=f"pool{level}")(skips[-1])
    for name, dilation in zip("abcd", (1, 2, 4, 4), strict=True):
        if way == "pooling" and name == "c":
            mean = layers.GlobalAveragePooling2D(keepdims=True, name="context")(x)
            spread = layers.UpSampling2D(x.shape[1], name="context_everywhere")(mean)
            x = layers.Concatenate(name="context_joined")([x, spread])
        x = conv(x, 32, f"bottleneck_{name}", dilation if way == "dilation" else 1)
    for level, filters in reversed(list(enumerate((8, 12, 16)))):
        up = layers.UpSampling2D(2, interpolation="bilinear", name=f"up{level}")(x)
        x = conv(layers.Concatenate(name=f"join{level}")([up, skips[level]]), filters, f"dec{level}")
    start = keras.initializers.HeNormal(seed=next(seeds))
    return keras.Model(
        image, layers.Conv2D(len(CLASSES), 1, activation="softmax", kernel_initializer=start, name="logits")(x)
    )


def trained(way: str, seed: int) -> Any:
    """A network that has learned the rule."""
    keras.utils.set_random_seed(seed)
    model, scenes = network(way, seed), Scenes(1000 + seed)
    rate = keras.optimizers.schedules.CosineDecay(3e-3, STEPS)
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", weighted_metrics=[])
    for step in range(STEPS):
        x, labels = scenes.batch()
        loss = model.train_on_batch(x, labels, np.where(labels > 0, 6.0, 1.0))
        if step % 250 == 249:
            print(f"{way}, seed {seed}, step {step + 1}: loss {float(np.ravel(loss)[0]):.3g}", flush=True)
    return model


def predicted(model: Any, x: Float, place: tuple[slice, slice], label: int) -> float:
    """Share of the square's pixels that are predicted as `label`."""
    return float((np.asarray(model(x[None], training=False))[0].argmax(-1)[place] == label).mean())


def share(values: NDArray[np.floating], place: tuple[slice, slice]) -> float:
    """Share of a map's positive mass that lies in a tile, the map enlarged bilinearly; nan without positive mass."""
    positive = np.maximum(resize_bilinear(values, (SIZE, SIZE)), 0).astype(np.float64)
    return float(positive[place].sum() / positive.sum()) if positive.any() else float("nan")


def measured(way: str, seed: int) -> dict[str, Any]:
    """One network: that it learned the rule, what proves the cause, and the share of each map in the key."""
    model, scenes = trained(way, seed), Scenes(2000 + seed)
    right, exchanged, unmoved = [], [], []
    shares: dict[str, dict[str, list[float]]] = {layer: {} for layer in LAYERS}
    moved: dict[str, dict[str, list[float]]] = {layer: {"key": [], "square": []} for layer in LAYERS}
    references: dict[str, list[float]] = {}
    for number in range(IMAGES):
        places, key = scenes.places(), number % 2
        x, _ = scenes.draw(places, key)
        other_key, _ = scenes.draw(places, 1 - key)
        other_tiles, _ = scenes.draw(places, key, OTHERS[::-1])
        right.append(predicted(model, x, places[0], 1 + key))
        exchanged.append(predicted(model, other_key, places[0], 2 - key))
        unmoved.append(predicted(model, other_tiles, places[0], 1 + key))
        probe = sc.open_probe(model, x, class_names=CLASSES)
        for layer, name, value in _layer_shares(probe, 1 + key, places[1]):
            shares[layer].setdefault(name, []).append(value)
        other = sc.open_probe(model, other_key, class_names=CLASSES)
        for layer in LAYERS:
            for where, place in (("key", places[1]), ("square", places[0])):
                logits = probe.replay(layer, exchanged_cells(probe, other, layer, place))
                moved[layer][where].append(float((logits.argmax(-1)[places[0]] == 2 - key).mean()))
        scene = Scene(x, probe.labels == 1 + key, (12, 12), np.random.default_rng(number))
        for name, reference in REFERENCES.items():
            references.setdefault(name, []).append(share(reference.compute(scene), places[1]))
        references.setdefault("occlusion", []).append(share(occlusion(probe, 1 + key), places[1]))
    return {
        "learned": float(np.mean(right)) >= LEARNED,
        "right": float(np.mean(right)),
        "class changes with the key": float(np.mean(exchanged)),
        "class stays with other tiles": float(np.mean(unmoved)),
        "shares": {layer: {name: _mean(some) for name, some in found.items()} for layer, found in shares.items()},
        "blank": {layer: {name: int(np.isnan(some).sum()) for name, some in found.items()} for layer, found in shares.items()},
        "moved": {layer: {where: _mean(some) for where, some in found.items()} for layer, found in moved.items()},
        "references": {name: _mean(some) for name, some in references.items()},
    }  # fmt: skip


def exchanged_cells(probe: Any, other: Any, layer: str, place: tuple[slice, slice]) -> Float:
    """The layer's activations with the cells of one tile from another image; tiles lie on every layer's grid."""
    activations = np.array(probe.activations(layer))
    scale = SIZE // activations.shape[0]
    cells = tuple(slice(side.start // scale, side.stop // scale) for side in place)
    activations[cells] = other.activations(layer)[cells]
    return activations


def occlusion(probe: Any, target: int) -> Float:
    """How much of the margin is lost where a cell of the image is made ground, (4, 4): a cause that no layer is asked for."""
    mask = probe.labels == target
    others = np.ma.masked_array(probe.logits, np.arange(len(CLASSES)) == target + np.zeros(probe.logits.shape))
    rival = others.argmax(-1)  # fixed on the unmodified prediction, as the score's is

    def margin(logits: Float) -> float:
        against = np.take_along_axis(logits, rival[..., None], -1)[..., 0]
        return float((logits[..., target] - against)[mask].mean())

    side = SIZE // TILE
    images = np.repeat(probe.x.reshape(1, SIZE, SIZE, 3), side * side, 0)
    for cell in range(side * side):
        top, left = cell // side * TILE, cell % side * TILE
        images[cell, top : top + TILE, left : left + TILE] = 0.4
    whole = margin(probe.logits)
    lost = [whole - margin(logits) for logits in probe.replay(probe.layers[0].name, images)]
    return np.array(lost, np.float32).reshape(side, side).repeat(TILE, 0).repeat(TILE, 1)


def _layer_shares(probe: Any, target: int, place: tuple[slice, slice]) -> Iterator[tuple[str, str, float]]:
    for layer, (name, (method, baseline)) in itertools.product(LAYERS, METHODS.items()):
        query = sc.CamQuery(layer, target, score="margin", method=method, baseline=baseline)
        yield layer, name, share(sc.explain(probe, query).cam, place)


def _mean(values: list[float]) -> float:
    """Over all images; a map without positive mass shows nothing of the key, and has 0. How many these are is counted apart."""
    return float(np.nan_to_num(values).mean())


def study() -> Iterator[tuple[str, dict[str, Any]]]:
    """ "way/seed" and what was measured of that network, also of one that did not learn the rule."""
    for way in WAYS:
        learned, seeds = 0, itertools.count()
        while learned < NETWORKS:
            seed = next(seeds)
            found = measured(way, seed)
            learned += found["learned"]
            yield f"{way}/{seed}", found
