"""Every layer in one backward pass, beside one query per layer; and the atlas, on a U-Net of 1.9 M parameters.

    python -m benchmarks.sweep [--size 256] [--rounds 15]

A sweep answers with the pooled weights and the maps of all layers. Beside it: a pullback and its map for each layer, traced
before. Both run in one process and take turns, and are compared first. Exit code 1 if a target is missed.
"""

import argparse
import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

import segcam_widgets as sc
from benchmarks.live_query import drawn_regions
from benchmarks.networks import unet
from benchmarks.textbook import textbook
from benchmarks.timing import fastest, interleaved, typical
from segcam_widgets.core.methods import pooled, weighted_map
from segcam_widgets.core.scores import ScoreInput

TARGET = 2.0
"""A sweep of all layers costs less than this many single queries at the first layer by the textbook's recipe."""


def main() -> int:
    """Measure, print, say whether the target is met."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=15)
    asked = parser.parse_args()

    import tensorflow as tf

    model = unet(asked.size)
    x = np.random.default_rng(1).normal(size=(1, asked.size, asked.size, 3)).astype(np.float32)
    probe = sc.open_probe(model, x)
    masks, names = drawn_regions(asked.size), [info.name for info in probe.layers]
    classes = len(probe.class_names)

    def cotangent(turn: int):
        mask = masks[turn % len(masks)]
        return (
            sc.SCORES["centered_logit"]
            .cotangent(ScoreInput(probe.logits, mask, turn % classes))
            .divided(int(mask.sum()))
        )

    def sweep(turn: int):
        return probe.sweep(cotangent(turn))

    def queries(turn: int):
        found = {}
        for name in names:
            weights = pooled(probe.pullback(name, cotangent(turn)).gradients).astype(np.float32)
            found[name] = weights, weighted_map(weights, probe.activations(name), np.zeros_like(weights))
        return found

    recipe, constant, first = textbook(model, "enc0_a", "logits"), tf.constant(x), time.perf_counter()
    swept = sweep(0)
    probe._engine.settle()
    sweep(0)
    print(f"U-Net, {model.count_params() / 1e6:.2f} M parameters, {asked.size} px, {len(names)} layers, {classes} classes. "
          f"The first sweep, traced: {time.perf_counter() - first:.1f} s.\n")  # fmt: skip
    single = queries(0)
    probe._engine.settle()
    single = queries(0)
    for name in names:
        weights, cam = single[name]
        assert np.abs(swept[name].weights - weights).max() <= 1e-3 * np.abs(weights).max() + 1e-12, name
        assert np.abs(swept[name].grad_cam - cam).max() <= 1e-3 * np.abs(cam).max() + 1e-12, name
    del swept, single
    times = interleaved({
        "one sweep of all layers": sweep, "one query per layer": queries,
        "one query by the textbook, first layer": lambda turn: recipe(constant, masks[turn % len(masks)], turn % classes),
    }, asked.rounds)  # fmt: skip
    usual, best = typical(times), fastest(times)
    for name in times:
        print(f"{name:42}{usual[name]:9.1f} ms ({best[name]:6.1f})")
    sweep_, all_, book = usual.values()
    met = sweep_ < TARGET * book
    print(f"\nOne query per layer costs {all_ / sweep_:.1f} times the sweep; the sweep costs {sweep_ / book:.2f} queries by the "
          f"textbook at the first layer (target: below {TARGET:g}, {'met' if met else 'MISSED'}).")  # fmt: skip
    start = time.perf_counter()
    found = sc.atlas(probe, region=sc.Everything())
    took = time.perf_counter() - start
    print(f"\nAtlas, {found.shape[0]} layers by {found.shape[1]} classes: {took:.2f} s, {1000 * took / found.shape[1]:.0f} ms a "
          f"class; one query per cell would take about {all_ * found.shape[1] / 1000:.1f} s.")  # fmt: skip
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    if load > 1.5 * cores:
        print(f"The machine was busy (load {load:.1f} on {cores} cores): medians say little, the fastest turns more.")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
