"""Train the texture demo: ``python -m segcam_widgets.demo.train_textures --seed 4 --epochs 60 -o DIR``.

It writes the model without the optimizer, a few test mosaics, all measured numbers, and the model card made of them.
The network and its training: `demo.network`.
"""

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.demo import card, measure, script
from segcam_widgets.demo.mosaics import CLASS_NAMES, make_mosaics
from segcam_widgets.demo.network import Recipe, view_layer, view_logits

TRAIN_SIZE, TRAIN_PER_EPOCH, BATCH = 64, 320, 16
TEST_COUNT, TEST_SEED = 48, 999
SHIPPED_COUNT, SHIPPED_SIZE, SHIPPED_GRAIN, SHIPPED_SEED = 8, 160, 20.0, 2024
PEAK_RATE = 5e-3
LOGITS = "tail_logits"


def _pieces(count: int, size: int, rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    return make_mosaics(count, size, split="train", seed=rng)


def recipe() -> Recipe:
    """Say how the network is built and trained."""
    return Recipe(
        name="textures",
        outputs=len(CLASS_NAMES),
        logits=LOGITS,
        make=_pieces,
        size=TRAIN_SIZE,
        images_per_epoch=TRAIN_PER_EPOCH,
        batch=BATCH,
        peak_rate=PEAK_RATE,
    )


def measure_network(model: Any, images: NDArray[np.float32], truth: NDArray[np.uint8]) -> dict[str, Any]:
    """Run the network on mosaics and measure it; see `measure.measure`."""
    views = {
        name: view_layer(model, name, images, logits=LOGITS) for name in (measure.BLANK_LAYER, measure.SIGNED_LAYER)
    }
    return measure.measure(view_logits(model, LOGITS, images), truth, views, CLASS_NAMES)


def logit_weights(model: Any) -> dict[str, dict[str, Any]]:
    """Read the 1x1 convolution: two weights and a bias for each class."""
    kernel, bias = model.get_layer(LOGITS).get_weights()
    return {
        name: {"weights": [round(float(w), 3) for w in kernel[0, 0, :, index]], "bias": round(float(bias[index]), 3)}
        for index, name in enumerate(CLASS_NAMES)
    }


def shipped_mosaics() -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Make the test mosaics that ship with the demo: larger than those of the training, to look at."""
    return make_mosaics(SHIPPED_COUNT, SHIPPED_SIZE, split="test", seed=SHIPPED_SEED, grain=SHIPPED_GRAIN)


def _measure(model: Any, images: NDArray[np.float32], truth: NDArray[np.uint8]) -> dict[str, Any]:
    """Measure on the shipped mosaics and on as many more as make the numbers steady."""
    return {
        "unseen": measure_network(model, *make_mosaics(TEST_COUNT, TRAIN_SIZE, split="test", seed=TEST_SEED)),
        "shipped": measure_network(model, images, truth),
        "logit_weights": logit_weights(model),
    }


SCRIPT = script.Script(
    module="segcam_widgets.demo.train_textures",
    description=__doc__,
    seed=4,
    epochs=60,
    recipe=recipe,
    shipped=shipped_mosaics,
    images_file="mosaics.npz",
    class_names=CLASS_NAMES,
    measure=_measure,
    verdict=measure.verdict,
    summary=measure.summary,
    render=card.render,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code (2: a user's mistake, said in one sentence)."""
    return script.main(SCRIPT, argv)


if __name__ == "__main__":
    sys.exit(main())
