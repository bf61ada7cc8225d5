"""A live query (`sc.explain`, from a mask to a map in numpy) beside the textbook recipe, on a U-Net of 1.9 M parameters.

    python -m benchmarks.live_query [--size 256] [--rounds 40] [--profile LAYER]

Everything runs in one process and takes turns, so that a busy machine slows all candidates alike. Region and class change
from call to call. The two answers are compared before anything is timed. Exit code 1 if a target is missed.
"""

import argparse
import cProfile
import os
import pstats
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

import segcam_widgets as sc
from benchmarks.networks import unet
from benchmarks.textbook import textbook
from benchmarks.timing import fastest, interleaved, typical

DEAREST_MARGIN = 1.15
"""What a query with the margin, the default, may cost, in queries with the centered logit: the rivals are the difference."""
TARGETS = {"dec0_b": 8.0, "dec1_b": 2.0, "dec2_b": None, "bottleneck_b": 1.1}
WHERE = {
    "dec0_b": "last decoder convolution",
    "dec1_b": "one level up",
    "dec2_b": "two levels up",
    "bottleneck_b": "bottleneck",
}


def drawn_regions(size: int, count: int = 16) -> list[np.ndarray]:
    """Discs of many sizes, as a hand would draw them."""
    rng = np.random.default_rng(0)
    rows, cols = np.mgrid[:size, :size]
    centres, radii = rng.uniform(0.2, 0.8, (count, 2)) * size, rng.uniform(0.05, 0.3, count) * size
    return [np.hypot(rows - r, cols - c) < radius for (r, c), radius in zip(centres, radii, strict=True)]


def main() -> int:
    """Measure, print the table, say which targets are met."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--profile", metavar="LAYER", choices=WHERE, help="where the time of a live query goes instead")
    asked = parser.parse_args()

    model = unet(asked.size)
    x = np.random.default_rng(1).normal(size=(1, asked.size, asked.size, 3)).astype(np.float32)
    probe = sc.open_probe(model, x)
    masks = drawn_regions(asked.size)
    classes = len(probe.class_names)

    def live(layer: str, turn: int, score: str = "logit") -> sc.Explanation:
        region = sc.Mask(masks[turn % len(masks)])
        return sc.explain(probe, sc.CamQuery(layer, turn % classes, region, score=score))

    if asked.profile:
        profile(lambda turn: live(asked.profile, turn), asked.rounds)
        return 0

    print(f"U-Net, {model.count_params() / 1e6:.2f} M parameters, {asked.size} px, {classes} classes. ms: median of "
          f"{asked.rounds} turns, fastest in brackets\n")  # fmt: skip
    print(f"{'layer':40}{'textbook':>15}{'sc.explain':>15}{'tail forward':>15}{'times faster':>15}   target")
    constant = tf.constant(x)
    missed = 0
    for layer, target in TARGETS.items():
        recipe = textbook(model, layer, "logits")
        for turn in range(3):
            cam, score = recipe(constant, masks[turn], turn)
            ours = live(layer, turn)
            assert abs(ours.score - score) < 1e-4 * max(1, abs(score)), "the two disagree about the score"
            assert np.abs(ours.cam - cam).max() < 1e-3 * np.abs(cam).max(), "the two disagree about the map"
        probe._engine.settle()
        activations = probe.activations(layer)
        times = interleaved({
            "textbook": lambda turn, recipe=recipe: recipe(constant, masks[turn % len(masks)], turn % classes),
            "explain": lambda turn, layer=layer: live(layer, turn),
            "tail": lambda turn, layer=layer, held=activations: probe.replay(layer, held),
        }, asked.rounds)  # fmt: skip
        usual, best = typical(times), fastest(times)
        columns = "".join(f"{usual[name]:8.1f} ({best[name]:4.1f})" for name in times)
        ratio, at_best = (some["textbook"] / some["explain"] for some in (usual, best))
        verdict = "" if target is None else f"{target:g} {'met' if ratio >= target else 'MISSED'}"
        missed += target is not None and ratio < target
        print(f"{WHERE[layer] + ' (' + layer + ')':40}{columns}{ratio:8.1f} ({at_best:4.1f})   {verdict}", flush=True)
    missed += compare_scores(probe, live, asked.rounds)
    look = interleaved({"refresh": lambda _: probe.refresh()}, asked.rounds)
    print(f"\nLooking whether weights have changed, by itself: {typical(look)['refresh']:.2f} ms "
          f"({fastest(look)['refresh']:.2f}). A live query looks on its way.")  # fmt: skip
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    if load > 1.5 * cores:
        print(f"The machine was busy (load {load:.1f} on {cores} cores): medians say little, the fastest turns more.")
    return 1 if missed else 0


def compare_scores(probe, live, rounds: int) -> int:
    """Print what the margin costs beside the centered logit, layer by layer. How many layers miss the target."""
    print(f"\n{'layer':40}{'centered logit':>17}{'margin':>17}{'ratio':>15}   at most")
    missed = 0
    for layer in TARGETS:
        scores = ("centered_logit", "margin")
        for turn in range(3):
            for score in scores:
                live(layer, turn, score)
        probe._engine.settle()
        times = interleaved({s: lambda turn, s=s, layer=layer: live(layer, turn, s) for s in scores}, rounds)
        usual, best = typical(times), fastest(times)
        columns = "".join(f"{usual[score]:10.1f} ({best[score]:4.1f})" for score in scores)
        ratio, at_best = (some["margin"] / some["centered_logit"] for some in (usual, best))
        good = ratio <= DEAREST_MARGIN
        missed += not good
        verdict = f"{DEAREST_MARGIN:g} {'met' if good else 'MISSED'}"
        print(f"{WHERE[layer] + ' (' + layer + ')':40}{columns}{ratio:8.2f} ({at_best:4.2f})   {verdict}", flush=True)
    return missed


def profile(call, rounds: int) -> None:
    """Print the functions that take the most time of their own."""
    for turn in range(5):
        call(turn)
    watch = cProfile.Profile()
    watch.enable()
    for turn in range(rounds):
        call(turn)
    watch.disable()
    stats = pstats.Stats(watch, stream=sys.stdout)
    stats.sort_stats("tottime").print_stats(25)


if __name__ == "__main__":
    sys.exit(main())
