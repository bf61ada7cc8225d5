"""Gather what the model card states about one network on one set of mosaics, and judge whether it is fit to ship."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.demo.scores import LOGIT_SCORES, CamStack, LogitScore, cotangent, intersection_over_union

BLANK_LAYER, SIGNED_LAYER = "tail_conv2", "tail_convT2"
MINIMUM_MEAN_IOU, MINIMUM_BLANK_IOU = 0.88, 0.85
MINIMUM_GAIN, MINIMUM_MEDIAN_FOCUS = 0.5, 0.85
HEALTHY_GAIN = 0.3


@dataclass(frozen=True, slots=True, eq=False)
class LayerView:
    """One layer of a network on N images: what is there, how a pull on the logits arrives, and what follows from it.

    Attributes
    ----------
    activations : ndarray, (N, H, W, K) float32
    pullback : callable
        (N, H, W, C) cotangent on the logits -> (N, H, W, K) gradients at the layer.
    replay : callable
        (N, H, W, K) other activations -> (N, H, W, C) the logits that they give.
    """

    activations: NDArray[np.float32]
    pullback: Callable[[NDArray[np.float32]], NDArray[np.float32]]
    replay: Callable[[NDArray[np.float32]], NDArray[np.float32]]


def measure(
    logits: NDArray[np.float32],
    truth: NDArray[np.integer],
    layers: Mapping[str, LayerView],
    class_names: Sequence[str],
    describe: Callable[[CamStack], dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """Measure segmentation and Seg-Grad-CAM on a set of images; the region is always the predicted class.

    Parameters
    ----------
    logits : ndarray, (N, H, W, C)
    truth : ndarray, (N, H, W) int
    layers : mapping
        Views of layers of the logits' own height and width, by name.
    class_names : sequence of str
        Of the classes that are trained: the first of the C outputs, or all of them.
    describe : callable, optional
        What is noted of one class at one layer under one score over the images; default: `describe_stack`.

    Returns
    -------
    dict
        JSON-able: `count`, `size`, `mean_iou`, `accuracy`, `iou` by class, and `cams[layer][class][score]`.
    """
    describe = describe or describe_stack
    predicted = logits.argmax(axis=-1)
    iou = intersection_over_union(truth, predicted, logits.shape[-1])[: len(class_names)]
    cams: dict[str, Any] = {}
    for layer, view in layers.items():
        cams[layer] = {}
        for index, name in enumerate(class_names):
            has = contrasted(logits, index)
            entry: dict[str, Any] = {"mosaics": int(has.sum())}
            for score in LOGIT_SCORES if has.any() else ():
                entry[score] = describe(cam_stack(view, logits, index, score))
            cams[layer][name] = entry
    return {
        "count": len(truth),
        "size": list(truth.shape[1:]),
        "mean_iou": round(float(iou.mean()), 4),
        "accuracy": round(float((predicted == truth).mean()), 4),
        "iou": {name: round(float(value), 4) for name, value in zip(class_names, iou, strict=True)},
        "cams": cams,
    }


def contrasted(logits: NDArray[np.float32], class_index: int) -> NDArray[np.bool_]:
    """(N,) images in which a class is predicted somewhere and not everywhere.

    A class that is nowhere has no score, one that is everywhere has no outside to compare with.
    """
    masks = logits.argmax(axis=-1) == class_index
    return masks.any(axis=(1, 2)) & ~masks.all(axis=(1, 2))


def cam_stack(view: LayerView, logits: NDArray[np.float32], class_index: int, score: LogitScore) -> CamStack:
    """Seg-Grad-CAM of a class on the images where it is `contrasted`; the region is where it is predicted."""
    masks = logits.argmax(axis=-1) == class_index
    has = contrasted(logits, class_index)
    pull = np.zeros_like(logits)
    pull[has] = cotangent(logits[has], masks[has], class_index, score)
    return CamStack(
        activations=view.activations[has],
        gradients=view.pullback(pull)[has],
        masks=masks[has],
        scores=(pull * logits).sum(axis=(1, 2, 3), dtype=np.float64)[has],
    )


def describe_stack(stack: CamStack) -> dict[str, Any]:
    """Count and summarise one class at one layer under one score over the mosaics."""
    gain, focus = stack.gain(), stack.focus()
    weights = stack.weights
    described: dict[str, Any] = {
        "blank": int(stack.blank().sum()),
        "all_weights_negative": int((weights < 0).all(axis=1).sum()),
        "healthy": int((~stack.blank() & (gain >= HEALTHY_GAIN)).sum()),
        "weights_low": _rounded(weights.min(axis=0)),
        "weights_high": _rounded(weights.max(axis=0)),
        "region_activations": _rounded(stack.region_activations.mean(axis=0)),
        "ledger": {
            "score": round(float(stack.scores.mean()), 3),
            "channels": round(float(stack.channels.mean()), 3),
            "bias": round(float((stack.scores - stack.channels).mean()), 3),
        },
        "zero": {"gain_minimum": round(float(gain.min()), 3), "focus_median": round(float(np.median(focus)), 3)},
    }
    references: tuple[Literal["mean", "midpoint"], ...] = ("mean", "midpoint")
    for baseline in references:
        described[baseline] = {
            "gain_minimum": round(float(stack.gain(baseline).min()), 3),
            "focus_median": round(float(np.median(stack.focus(baseline))), 3),
        }
    # the advice is: the mean first, the midpoint where the mean does not help
    helps = stack.gain("mean") >= MINIMUM_GAIN
    offered_gain = np.where(helps, stack.gain("mean"), stack.gain("midpoint"))
    offered_focus = np.where(helps, stack.focus("mean"), stack.focus("midpoint"))
    described["offered"] = {
        "gain_minimum": round(float(offered_gain.min()), 3),
        "focus_median": round(float(np.median(offered_focus)), 3),
    }
    return described


def _rounded(values: NDArray[np.floating]) -> list[float]:
    """Round to three significant digits: pooled gradients are of the order of 1e-4."""
    return [float(f"{value:.3g}") for value in values]


def blank_classes(measurements: Mapping[str, Any], score: str) -> list[str]:
    """Name the classes that are blank at the second-last convolution on every mosaic, all their weights negative."""
    names = []
    for name in measurements["unseen"]["iou"]:
        entries = [measurements[part]["cams"][BLANK_LAYER][name] for part in ("unseen", "shipped")]
        if all(
            part["mosaics"] > 0 and part[score]["blank"] == part[score]["all_weights_negative"] == part["mosaics"]
            for part in entries
        ):
            names.append(name)
    return names


def calm_classes(measurements: Mapping[str, Any], score: str) -> list[str]:
    """Name the classes with all weights negative, yet a healthy map, on every mosaic at the transposed convolution."""
    names = []
    for name in measurements["unseen"]["iou"]:
        entries = [measurements[part]["cams"][SIGNED_LAYER][name] for part in ("unseen", "shipped")]
        if all(
            part["mosaics"] > 0 and part[score]["healthy"] == part[score]["all_weights_negative"] == part["mosaics"]
            for part in entries
        ):
            names.append(name)
    return names


def verdict(measurements: Mapping[str, Any]) -> dict[str, Any]:
    """Judge whether the network is fit to be the demo, and say what is missing.

    Parameters
    ----------
    measurements : mapping
        With `unseen` and `shipped`, as `measure` returns them.

    Returns
    -------
    dict
        `blank` and `calm` (lists of class names by score), and `missing` (sentences; empty: fit).
    """
    blank = {score: blank_classes(measurements, score) for score in LOGIT_SCORES}
    unseen, shipped = measurements["unseen"], measurements["shipped"]
    missing = []
    if unseen["mean_iou"] < MINIMUM_MEAN_IOU:
        missing.append(f"mean IoU {unseen['mean_iou']:.3f} is below {MINIMUM_MEAN_IOU}")
    if len(blank["logit"]) != 1:
        missing.append(f"{len(blank['logit'])} classes are blank on every mosaic, not one")
    for name in blank["logit"]:
        if unseen["iou"][name] < MINIMUM_BLANK_IOU:
            missing.append(f"IoU of {name} is {unseen['iou'][name]:.3f}, below {MINIMUM_BLANK_IOU}")
        for score in LOGIT_SCORES:
            if name not in blank[score]:
                missing.append(f"{name} is not blank on every mosaic under {score}")
            offered = shipped["cams"][BLANK_LAYER][name][score]["offered"]
            if offered["gain_minimum"] < MINIMUM_GAIN or offered["focus_median"] < MINIMUM_MEDIAN_FOCUS:
                missing.append(f"another baseline helps {name} too little under {score}: {offered}")
    calm = {score: calm_classes(measurements, score) for score in LOGIT_SCORES}
    return {"blank": blank, "calm": calm, "missing": missing}


def summary(measurements: Mapping[str, Any]) -> dict[str, Any]:
    """Return the few numbers by which seeds are compared."""
    return {
        "seed": measurements["seed"],
        "mean_iou": measurements["unseen"]["mean_iou"],
        "iou": measurements["unseen"]["iou"],
        "verdict": measurements["verdict"],
    }
