"""How cost grows with size, channels, classes and layers: ``python -m benchmarks.peers.growth`` prints JSON.

A U-Net, from which one thing at a time is changed; asked at the convolution one level below the output.
"""

import argparse
import contextlib
import json
import os
import sys
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

AXES: dict[str, tuple[int, ...]] = {
    "size": (64, 128, 256, 384, 512),
    "channels": (4, 8, 16, 32, 48),
    "classes": (2, 5, 10, 30, 100),
    "layers": (2, 4, 8, 16, 32),
}
MEANING = {
    "size": "image size, px",
    "channels": "channels of the layer",
    "classes": "classes",
    "layers": "convolutions behind the layer",
}
WIDTH, SIZE = 16, 128


def network(axis: str, value: int) -> tuple[Any, str, int]:
    """(model, layer, size): a U-Net, or a plain stack for the number of layers."""
    import keras
    from keras import layers

    from benchmarks.networks import unet

    size = value if axis == "size" else SIZE
    if axis == "layers":
        x = image = keras.Input((size, size, 3), name="image")
        for number in range(value + 1):
            x = layers.Conv2D(WIDTH, 3, padding="same", activation="relu", name=f"conv{number}")(x)
        return keras.Model(image, layers.Conv2D(10, 1, name="logits")(x)), "conv0", size
    base = value // 2 if axis == "channels" else 16  # one level below the output there are twice as many
    classes = value if axis == "classes" else 10
    model = unet(size, base=base, classes=classes)
    return keras.Model(model.inputs, model.get_layer("logits").output), "dec1_b", size


def measure(seconds: float) -> dict[str, Any]:
    import numpy as np

    from benchmarks.peers.candidates import PEERS, Candidate, Ours, quiet
    from benchmarks.peers.measure import LIVE, picture, timed

    quiet()
    found: dict[str, Any] = {}
    for axis, values in AXES.items():
        found[axis] = []
        for value in values:
            model, layer, size = network(axis, value)
            x = picture(size)
            ours = Ours(model, x, np.zeros((1, 1), int))
            labels = ours.probe.labels
            c = int(np.bincount(labels.ravel()).argmax())
            asked: dict[str, Candidate] = {kind.name: kind(network(axis, value)[0], x, labels) for kind in PEERS}
            asked[LIVE] = ours
            calls = {name: lambda _, one=one, layer=layer, c=c: one.ask(layer, c) for name, one in asked.items()}
            ours.ask(layer, c)
            ours.probe._engine.settle()
            tail = ours.tail(layer)
            calls["tail"] = lambda _, tail=tail: tail()
            row = timed(calls, seconds)
            found[axis].append({"value": value} | {name: row[name]["ms"] for name in calls})
            print(axis, found[axis][-1], file=sys.stderr, flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=1.5)
    seconds = parser.parse_args().seconds
    with contextlib.redirect_stdout(sys.stderr):
        found = measure(seconds)
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
