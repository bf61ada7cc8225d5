"""Train the question's own network: ``python -m segcam_widgets.demo.train_question --seed 9 --epochs 40 -o DIR``.

Its tail is that of the question this project began with, number by number: ten outputs, of which training ever uses
two. It writes the model without the optimizer, a few test pictures, all measured numbers, and the model card made of
them. The network and its training: `demo.network`.
"""

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.demo import measure, question_card, script
from segcam_widgets.demo.experiments import ABSENCE, EXPERIMENTS, causes, run_experiments
from segcam_widgets.demo.network import Recipe, view_layer, view_logits
from segcam_widgets.demo.scores import LOGIT_SCORES, CamStack
from segcam_widgets.demo.shapes import CLASS_NAMES, make_shapes

OUTPUTS = 10
OUTPUT_NAMES = (*CLASS_NAMES, *(f"unused {index}" for index in range(len(CLASS_NAMES), OUTPUTS)))
"""The eight names say what the outputs are: no pixel was ever labelled with them."""

LAYERS = (measure.BLANK_LAYER, measure.SIGNED_LAYER)
LOGITS = "tail_conv10"
TRAIN_SIZE, TRAIN_PER_EPOCH, BATCH = 64, 320, 16
TEST_COUNT, TEST_SEED = 48, 999
SHIPPED_COUNT, SHIPPED_SIZE, SHIPPED_SEED = 8, 128, 2024
PEAK_RATE = 3e-3
MINIMUM_MEAN_IOU = 0.9


def _draw(count: int, size: int, rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    return make_shapes(count, size, seed=rng)


def recipe() -> Recipe:
    """Say how the network is built and trained."""
    return Recipe(
        name="question",
        outputs=OUTPUTS,
        logits=LOGITS,
        make=_draw,
        size=TRAIN_SIZE,
        images_per_epoch=TRAIN_PER_EPOCH,
        batch=BATCH,
        peak_rate=PEAK_RATE,
        up_relu=True,
    )


def shipped_pictures() -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Draw the test pictures that ship with the demo: larger than those of the training, to look at."""
    return make_shapes(SHIPPED_COUNT, SHIPPED_SIZE, seed=SHIPPED_SEED)


def measure_network(model: Any, images: NDArray[np.float32], truth: NDArray[np.uint8]) -> dict[str, Any]:
    """Run the network on pictures and measure it; see `measure.measure`.

    Parameters
    ----------
    model : keras.Model
    images : ndarray, (N, H, W, 1) float32
    truth : ndarray, (N, H, W) int

    Returns
    -------
    dict
        As `measure.measure` returns it, with `alive[layer]` (share of pixels above zero, one number per channel), and
        `experiments[layer][class]`: how often each cause was named, and the median outcome of each experiment.
    """
    logits = view_logits(model, LOGITS, images)
    views = {name: view_layer(model, name, images, logits=LOGITS) for name in LAYERS}
    measured = measure.measure(logits, truth, views, CLASS_NAMES, _describe)
    measured["unused"] = {
        "predicted": int((logits.argmax(axis=-1) >= len(CLASS_NAMES)).sum()),
        "mean_logit": round(float(logits[..., len(CLASS_NAMES) :].mean()), 1),
        "used_mean_logit": round(float(logits[..., : len(CLASS_NAMES)].mean()), 1),
    }
    measured["alive"] = {
        name: [round(float(share), 3) for share in (view.activations > 0).mean(axis=(0, 1, 2))]
        for name, view in views.items()
    }
    measured["experiments"] = {
        name: {label: _experiments(view, logits, index) for index, label in enumerate(CLASS_NAMES)}
        for name, view in views.items()
    }
    return measured


def _describe(stack: CamStack) -> dict[str, Any]:
    """Summarise one class at one layer under one score over the pictures."""
    gain, share = stack.gain(), stack.positive_share()
    references: tuple[Literal["mean", "midpoint"], ...] = ("mean", "midpoint")
    return {
        "blank": int(stack.blank().sum()),
        "positive_share_minimum": round(float(share.min()), 3),
        "positive_share_median": round(float(np.median(share)), 3),
        "gain_median": round(float(np.median(gain)), 3),
        **{f"{name}_gain_median": round(float(np.median(stack.gain(name))), 3) for name in references},
        **{f"{name}_gain_minimum": round(float(stack.gain(name).min()), 3) for name in references},
    }


def _experiments(view: measure.LayerView, logits: NDArray[np.float32], index: int) -> dict[str, Any]:
    """What a class hangs on at a layer, over the pictures; empty where it is nowhere predicted."""
    has = measure.contrasted(logits, index)
    if not has.any():
        return {}
    stack = measure.cam_stack(view, logits, index, "margin")
    found = run_experiments(stack, view.replay, logits[has], index)
    blank = stack.blank()
    named = [cause for cause, is_blank in zip(causes(found, stack), blank, strict=True) if is_blank]
    outcomes = {
        name: {
            "lost_median": round(float(np.median(outcome.lost)), 3),
            "lost_minimum": round(float(outcome.lost.min()), 3),
            "lost_maximum": round(float(outcome.lost.max()), 3),
            "fall_median": round(float(np.median(outcome.fall)), 3),
        }
        for name, outcome in ((name, getattr(found, name)) for name in EXPERIMENTS)
    }
    return {"causes": dict(Counter(named)), "level_minimum": round(float(found.level.min()), 3), **outcomes}


def _measure(model: Any, images: NDArray[np.float32], truth: NDArray[np.uint8]) -> dict[str, Any]:
    """Measure on the shipped pictures and on as many more as make the numbers steady."""
    kernel, bias = model.get_layer(LOGITS).get_weights()
    return {
        "unseen": measure_network(model, *make_shapes(TEST_COUNT, TRAIN_SIZE, seed=TEST_SEED)),
        "shipped": measure_network(model, images, truth),
        "logit_weights": {
            name: {
                "weights": [round(float(w), 3) for w in kernel[0, 0, :, index]],
                "bias": round(float(bias[index]), 3),
            }
            for index, name in enumerate(OUTPUT_NAMES)
        },
    }


def blank_classes(measurements: Mapping[str, Any], layer: str, score: str) -> list[str]:
    """Name the classes whose map is blank on every picture, shipped and unseen."""
    parts = [measurements[part]["cams"][layer] for part in ("unseen", "shipped")]
    return [
        name
        for name in CLASS_NAMES
        if all(part[name]["mosaics"] > 0 and part[name][score]["blank"] == part[name]["mosaics"] for part in parts)
    ]


def verdict(measurements: Mapping[str, Any]) -> dict[str, Any]:
    """Judge whether the network is fit to be the demo, and say what is missing.

    Parameters
    ----------
    measurements : mapping
        With `unseen` and `shipped`, as `measure_network` returns them.

    Returns
    -------
    dict
        `trained` (bool), `blank` (class names by layer and score), `causes` (of the classes that are blank under the
        margin, by layer and class, the same on every picture), and `missing` (sentences; empty: fit).
    """
    blank = {layer: {score: blank_classes(measurements, layer, score) for score in LOGIT_SCORES} for layer in LAYERS}
    named: dict[str, dict[str, str]] = {layer: {} for layer in LAYERS}
    for layer in LAYERS:
        for name in blank[layer]["margin"]:
            counts: Counter[str] = Counter()
            for part in ("unseen", "shipped"):
                counts.update(measurements[part]["experiments"][layer][name]["causes"])
            named[layer][name] = next(iter(counts)) if len(counts) == 1 else "not the same on all"
    missing = []
    lowest = min(measurements[part]["mean_iou"] for part in ("unseen", "shipped"))
    if lowest < MINIMUM_MEAN_IOU:
        missing.append(f"mean IoU {lowest:.3f} is below {MINIMUM_MEAN_IOU}")
    absent = [(layer, name) for layer in LAYERS for name, cause in named[layer].items() if cause == ABSENCE]
    if not absent:
        missing.append("no class is blank under the margin and coded by absence on every picture")
    for layer, name in absent[:1]:  # where the demo opens
        gain = measurements["shipped"]["cams"][layer][name]["margin"]["midpoint_gain_minimum"]
        if gain < measure.MINIMUM_GAIN:
            missing.append(f"with baseline midpoint the gain of {name} at {layer} falls to {gain:.2f}")
    return {"trained": lowest >= MINIMUM_MEAN_IOU, "blank": blank, "causes": named, "missing": missing}


def summary(measurements: Mapping[str, Any]) -> dict[str, Any]:
    """Return the few numbers by which seeds are compared."""
    return {
        "seed": measurements["seed"],
        "mean_iou": measurements["unseen"]["mean_iou"],
        "shipped_mean_iou": measurements["shipped"]["mean_iou"],
        "alive": measurements["shipped"]["alive"][measure.BLANK_LAYER],
        "verdict": measurements["verdict"],
    }


SCRIPT = script.Script(
    module="segcam_widgets.demo.train_question",
    description=__doc__,
    seed=9,
    epochs=40,
    recipe=recipe,
    shipped=shipped_pictures,
    images_file="pictures.npz",
    class_names=OUTPUT_NAMES,
    measure=_measure,
    verdict=verdict,
    summary=summary,
    render=question_card.render,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code (2: a user's mistake, said in one sentence)."""
    return script.main(SCRIPT, argv)


if __name__ == "__main__":
    sys.exit(main())
