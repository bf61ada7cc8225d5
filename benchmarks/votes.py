"""From a mask to the weights of all channels: votes beside the gradient, on a U-Net of 1.9 M parameters.

    python -m benchmarks.votes [--size 256] [--rounds 40] [--score centered_logit]

Everything runs in one process and takes turns; region and class change from call to call. The two answers are compared before
anything is timed. The votes are those of one question (class and score) in any region, which is what the explorer collects
while the hand rests; where they fit, those of all classes are timed as well. Exit code 1 if a target is missed.
"""

import argparse
import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

import segcam_widgets as sc
from benchmarks.live_query import WHERE, drawn_regions
from benchmarks.networks import unet
from benchmarks.timing import fastest, interleaved, typical
from segcam_widgets.core.methods import pooled
from segcam_widgets.core.scores import ScoreInput
from segcam_widgets.core.votes.preview import preview

TARGETS = {"dec0_b": 5.0, "dec1_b": None, "dec2_b": None, "bottleneck_b": 20.0}


class Bench:
    """One network, one class and score, many regions."""

    def __init__(self, size: int, score: str, index: int) -> None:
        self.model = unet(size)
        x = np.random.default_rng(1).normal(size=(1, size, size, 3)).astype(np.float32)
        self.probe = sc.open_probe(self.model, x)
        self.masks, self.score, self.index = drawn_regions(size), sc.SCORES[score], index

    def mask(self, turn: int) -> np.ndarray:
        return self.masks[turn % len(self.masks)]

    def query(self, layer: str, turn: int) -> sc.CamQuery:
        return sc.CamQuery(layer, self.index, sc.Mask(self.mask(turn)), self.score.name)

    def cotangent(self, turn: int):
        mask = self.mask(turn)
        return self.score.cotangent(ScoreInput(self.probe.logits, mask, self.index)).divided(int(mask.sum()))

    def candidates(self, layer: str, own: sc.VoteField, everything: sc.VoteField | None):
        """What takes turns: (turn) -> weights (K,), or a map."""
        found = {
            "gradient": lambda turn: pooled(self.probe.pullback(layer, self.cotangent(turn)).gradients),
            "votes": lambda turn: own.weights_in(self.mask(turn)),
            "all classes": lambda turn: everything.weights(self.cotangent(turn)),
            "preview map": lambda turn: preview(self.probe, own, self.query(layer, turn)).cam,
        }
        if everything is None:
            del found["all classes"]
        return found

    def check(self, candidates) -> None:
        """The answers agree."""
        for turn in range(len(self.masks)):
            expected = candidates["gradient"](turn)
            for name in candidates.keys() & {"votes", "all classes"}:
                gap = np.abs(candidates[name](turn) - expected).max()
                assert gap <= 1e-4 * np.abs(expected).max(), f"{name} differ from the gradient by {gap}"

    def collect(self, layer: str) -> tuple[sc.VoteField, sc.VoteField | None, str]:
        """The votes of one question, those of all classes where they fit, and what that took."""
        start = time.perf_counter()
        own = sc.votes(self.probe, layer, queries=self.query(layer, 0))
        took = time.perf_counter() - start
        said = f"{layer}: {own.sums.shape[-1]} channels, {took:.2f} s, {own.nbytes / 2**20:.0f} MiB"
        try:
            everything = sc.votes(self.probe, layer)
        except sc.SegCamError as error:
            return own, None, f"{said}. All classes: {str(error).split(' for the votes')[0]}"
        return own, everything, f"{said}; of all classes {everything.nbytes / 2**20:.0f} MiB"


COLUMNS = ("gradient", "votes", "all classes", "preview map")


def main() -> int:
    """Measure, print the tables, say which targets are met."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--score", choices=sc.SCORES, default="centered_logit")
    parser.add_argument("--class", dest="index", type=int, default=3)
    asked = parser.parse_args()
    bench = Bench(asked.size, asked.score, asked.index)
    classes = len(bench.probe.class_names)
    print(
        f"U-Net, {bench.model.count_params() / 1e6:.2f} M parameters, {asked.size} px, {classes} classes, "
        f"{bench.score.title}. ms from a mask to the weights:\nmedian of {asked.rounds} turns, fastest in brackets\n"
    )  # fmt: skip
    print(f"{'layer':40}{''.join(f'{name:>16}' for name in COLUMNS)}{'times faster':>15}   target")
    missed, collected = 0, []
    for layer, target in TARGETS.items():
        *fields, said = bench.collect(layer)
        collected.append(said)
        candidates = bench.candidates(layer, *fields)
        bench.check(candidates)
        bench.probe._engine.settle()
        times = interleaved(candidates, asked.rounds)
        usual, best = typical(times), fastest(times)
        columns = "".join(f"{usual[n]:8.2f} ({best[n]:5.2f})" if n in times else f"{'-':>16}" for n in COLUMNS)
        ratio, at_best = (some["gradient"] / some["votes"] for some in (usual, best))
        verdict = "" if target is None else f"{target:g} {'met' if ratio >= target else 'MISSED'}"
        missed += target is not None and ratio < target
        print(f"{WHERE[layer] + ' (' + layer + ')':40}{columns}{ratio:8.1f} ({at_best:4.1f})   {verdict}", flush=True)
        del fields, candidates
    print("\nCollecting the votes of one question, once (tracing included):\n  " + "\n  ".join(collected))
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    if load > 1.5 * cores:
        print(f"The machine was busy (load {load:.1f} on {cores} cores): medians say little, the fastest turns more.")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
