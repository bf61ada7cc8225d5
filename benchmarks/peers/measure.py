"""One network at one size, in a process of its own: ``python -m benchmarks.peers.measure NETWORK SIZE`` prints JSON.

Candidates take turns, in one process and on one machine, so that whatever else the machine does slows all alike; what counts
are the medians of the ratios within each turn.
"""

import argparse
import contextlib
import gc
import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

import segcam_widgets as sc
from benchmarks.peers.candidates import PEERS, Candidate, Ours, as_loaded, quiet, said
from benchmarks.peers.networks import NETWORKS, matching
from benchmarks.timing import interleaved
from segcam_widgets.core.answers import Cotangent
from segcam_widgets.core.methods import pooled
from segcam_widgets.core.scores import ScoreInput
from segcam_widgets.keras_probe.engine.engine import AHEAD

LIVE = "segcam_widgets"
VOTES_BUDGET = 256 * 2**20
PATIENCE = 60.0
"""Seconds that collecting votes may be reckoned to take for it to be timed."""


def picture(size: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(1, size, size, 3)).astype(np.float32)


def timed(calls: dict[str, Callable[[int], Any]], seconds: float, warmup: int = 2) -> dict[str, Any]:
    """Let candidates take turns for about so long. {name: {"ms": median, "ratio": of `LIVE` to it, within each turn}}."""
    start = time.perf_counter()
    interleaved(calls, 1, warmup)
    once = (time.perf_counter() - start) / (1 + warmup)
    rounds = int(min(40, max(3, seconds / once)))
    gc.collect()
    times = interleaved(calls, rounds, 0)
    own = times[LIVE]
    return {"rounds": rounds} | {
        name: {
            "ms": median(values),
            "fastest_ms": min(values),
            "times": median(theirs / ours for theirs, ours in zip(values, own, strict=True)),
        }
        for name, values in times.items()
    }


class Bench:
    """Everything about one network at one size.

    Parameters
    ----------
    network : str
    size : int
    seconds : float
        That each table row may take, about.
    """

    def __init__(self, network: str, size: int, seconds: float) -> None:
        self.network, self.size, self.seconds = network, size, seconds
        self.about = NETWORKS[network]
        self.x = picture(size)
        ours = Ours.on(network, size, self.x, np.zeros((1, 1), int))
        assert isinstance(ours, Ours)
        self.ours, self.probe = ours, ours.probe
        self.labels = self.probe.labels
        counts = np.bincount(self.labels.ravel(), minlength=len(self.probe.class_names))
        self.seen = [int(c) for c in np.argsort(-counts) if counts[c]][:4]
        self.failed: dict[str, str] = {}
        self.peers: dict[str, Candidate] = {}
        for kind in PEERS:
            try:
                self.peers[kind.name] = kind.on(network, size, self.x, self.labels)
                _ = self.peers[kind.name].title
            except Exception as error:
                self.failed[kind.name] = said(error)

    def layer(self, end: str) -> str:
        return matching([info.name for info in self.probe.layers], end)

    @property
    def layers(self) -> dict[str, str]:
        return {what: self.layer(end) for what, end in self.about.live.items()}

    def guarded(self, layer: str) -> tuple[dict[str, Candidate], dict[str, str]]:
        """The peers that answer at a layer, and what the others say."""
        able, failed = {}, dict(self.failed)
        for name, peer in self.peers.items():
            try:
                peer.ask(layer, self.seen[0])
                able[name] = peer
            except Exception as error:
                failed[name] = said(error)
        return able, failed

    # -------------------------------------------------------------- what is measured

    def agreement(self, layer: str, peers: dict[str, Candidate]) -> dict[str, float | None]:
        """The correlation of each peer's map with ours, the lowest over classes; None where ReLU leaves nothing to compare."""
        lowest: dict[str, float | None] = dict.fromkeys(peers)
        for c in self.seen:
            ours = self.ours.ask(layer, c)
            for name, peer in peers.items():
                theirs, own = peer.comparable(peer.ask(layer, c), ours)
                if theirs.std() and own.std():
                    found = float(np.corrcoef(theirs.ravel(), own.ravel())[0, 1])
                    before = lowest[name]
                    lowest[name] = found if before is None else min(before, found)
        return lowest

    def live(self) -> dict[str, Any]:
        """A query at a layer that was asked before; the class changes from call to call."""
        rows = {}
        for what, layer in self.layers.items():
            peers, failed = self.guarded(layer)
            self.ours.ask(layer, self.seen[0])
            self.probe._engine.settle()
            tail = self.ours.tail(layer)
            calls: dict[str, Callable[[int], Any]] = {
                name: lambda turn, peer=peer, layer=layer: peer.ask(layer, self.seen[turn % len(self.seen)])
                for name, peer in (*peers.items(), (LIVE, self.ours))
            }
            calls["tail"] = lambda turn, tail=tail: tail()
            rows[what] = timed(calls, self.seconds) | {
                "layer": layer, "shape": self.probe.layer(layer).shape, "failed": failed,
                "correlation": self.agreement(layer, peers),
            }  # fmt: skip
        return rows

    def cold(self) -> dict[str, Any]:
        """The first query at a layer, everybody's model being in use already; then ours, traced ahead of need."""
        kinds = {name: type(peer) for name, peer in self.peers.items()}
        ahead = Ours.on(self.network, self.size, self.x, self.labels)
        assert isinstance(ahead, Ours)
        ahead.ask(next(iter(self.layers.values())), self.seen[0])
        rows, failed = [], dict(self.failed)
        for end in self.about.cold:
            layer = self.layer(end)
            ahead.probe.prepare([layer], self._cotangent())
            AHEAD.settle()
            row: dict[str, Any] = {"layer": layer}
            # ours last: what it compiles behind its answer would slow the next one down
            asks = {name: self.peers[name].ask for name in kinds} | {"ahead": ahead.ask, LIVE: self.ours.ask}
            for name, ask in asks.items():
                start = time.perf_counter()
                try:
                    ask(layer, self.seen[0])
                except Exception as error:
                    failed[name] = said(error)
                    continue
                row[name] = 1000 * (time.perf_counter() - start)
            self.probe._engine.settle()  # it compiles deep ones behind the answer: that is not the next one's to pay
            start = time.perf_counter()
            self.ours.ask(layer, self.seen[0])
            row["second"] = 1000 * (time.perf_counter() - start)
            rows.append(row)
        return {"layers": rows, "failed": failed}

    def _cotangent(self) -> Cotangent:
        contrast = np.zeros(len(self.probe.class_names), np.float32)
        contrast[self.seen[0]] = 1
        return Cotangent((self.labels == self.seen[0]).astype(np.float32), contrast)

    def new_image(self) -> dict[str, Any]:
        """Another image of the same size, the model being in use already: open it and ask. Peers begin anew anyway."""
        layer = self.layers[list(self.layers)[1]]
        peers, failed = self.guarded(layer)
        self.ours.ask(layer, self.seen[0])
        self.probe._engine.settle()
        import tensorflow as tf

        arrays = [picture(self.size, seed) for seed in range(2, 6)]
        tensors = [tf.constant(array) for array in arrays]
        calls: dict[str, Callable[[int], Any]] = {
            name: lambda turn, peer=peer: peer.ask(layer, self.seen[0], tensors[turn % 4])
            for name, peer in peers.items()
        }
        # a class that is predicted in no picture of noise has no region: the whole image is as much work
        query = sc.CamQuery(layer, self.seen[0], sc.Everything(), score="logit")
        calls[LIVE] = lambda turn: sc.explain(sc.open_probe(self.ours.model, arrays[turn % 4]), query)
        return timed(calls, self.seconds) | {"layer": layer, "failed": failed}

    def sweep(self) -> dict[str, Any]:
        """All layers in one pass, beside one query a layer and beside two calls of a peer."""
        layer = self.layers[list(self.layers)[1]]
        peers, failed = self.guarded(layer)
        field = self._cotangent()
        self.probe.sweep(field)
        self.probe._engine.settle()
        every = [info.name for info in self.probe.layers]
        some = [every[i] for i in sorted({round(i) for i in np.linspace(0, len(every) - 1, 8)})]
        for name in some:
            self.ours.ask(name, self.seen[0])
        self.probe._engine.settle()

        def one_a_layer(turn: int) -> None:
            for name in some:
                self.ours.ask(name, self.seen[0])

        calls: dict[str, Callable[[int], Any]] = {
            name: lambda turn, peer=peer: peer.ask(layer, self.seen[turn % len(self.seen)])
            for name, peer in peers.items()
        }
        calls |= {LIVE: lambda turn: self.probe.sweep(field), "one query a layer": one_a_layer}
        found = timed(calls, 2 * self.seconds)
        for key in ("ms", "fastest_ms", "times"):  # the queries at some layers stand for those at all
            found["one query a layer"][key] *= len(every) / len(some)
        return found | {"layers": len(every), "asked": len(some), "layer": layer, "failed": failed}

    def votes(self) -> dict[str, Any]:
        """From a drawn region to the pooled weights: by votes that were collected, and by a gradient."""
        from benchmarks.live_query import drawn_regions

        rows = {}
        height, width = self.labels.shape
        masks = [mask[:height, :width] for mask in drawn_regions(max(height, width))]
        for what in (next(iter(self.layers)), list(self.layers)[-1]):
            layer = self.layers[what]
            query = sc.CamQuery(layer, self.seen[0], score="logit")
            channels = self.probe.layer(layer).shape[2]
            try:
                start = time.perf_counter()
                pushed = np.zeros((1, *self.probe.layer(layer).shape), np.float32)
                self.probe.pushforward(layer, pushed)
                one = time.perf_counter()
                self.probe.pushforward(layer, pushed)
                reckoned = channels * (time.perf_counter() - one)
                if reckoned > PATIENCE:
                    rows[what] = {
                        "layer": layer,
                        "left_out": f"would take about {reckoned:.0f} s to collect {channels} channels",
                    }
                    continue
                start = time.perf_counter()
                field = sc.votes(self.probe, layer, queries=query, budget=VOTES_BUDGET)
                collected = time.perf_counter() - start
            except Exception as error:
                rows[what] = {"layer": layer, "left_out": said(error)}
                continue

            def gradient(turn: int, layer: str = layer) -> np.ndarray:
                return pooled(self.probe.pullback(layer, self._of_mask(masks[turn % len(masks)])).gradients)

            def by_votes(turn: int, field: Any = field) -> np.ndarray:
                return field.weights_in(masks[turn % len(masks)])

            pairs = [(by_votes(turn), gradient(turn)) for turn in range(len(masks))]
            apart = max(float(np.abs(a - b).max() / np.abs(b).max()) for a, b in pairs)
            found = timed({LIVE: by_votes, "gradient": gradient}, min(2.0, self.seconds), warmup=3)
            rows[what] = found | {
                "layer": layer, "channels": channels, "collect_s": collected, "mib": field.nbytes / 2**20, "apart": apart,
            }  # fmt: skip
        return rows

    def _of_mask(self, mask: np.ndarray) -> Cotangent:
        given = ScoreInput(self.probe.logits, mask, self.seen[0])
        return sc.SCORES["logit"].cotangent(given).divided(int(mask.sum()))

    def atlas(self) -> dict[str, Any]:
        """Layers by classes, beside one call of a peer for each cell."""
        layer = self.layers[list(self.layers)[1]]
        peers, failed = self.guarded(layer)
        classes = len(self.probe.class_names)
        sc.atlas(self.probe, classes=self.seen[:1])
        self.probe._engine.settle()
        cells = len(self.probe.layers) * classes
        calls: dict[str, Callable[[int], Any]] = {
            name: lambda turn, peer=peer: peer.ask(layer, self.seen[turn % len(self.seen)])
            for name, peer in peers.items()
        }
        calls[LIVE] = lambda turn: sc.atlas(self.probe)
        found = timed(calls, self.seconds, warmup=1)
        for name in peers:
            for key in ("ms", "fastest_ms", "times"):
                found[name][key] *= cells
        return found | {"layers": len(self.probe.layers), "classes": classes, "failed": failed}

    def nested(self) -> dict[str, str]:
        """What the peers say to the network as it is loaded: asked for a layer inside, and for the model inside."""
        if not self.about.nested:
            return {}
        found = {}
        for kind in PEERS:
            for layer in (self.about.nested, self.ours.model.layers[1].name):
                found[f"{kind.name}: {layer}"] = as_loaded(kind, self.network, self.size, layer, self.x)
        return found

    def everything(self, parts: list[str]) -> Iterator[dict[str, Any]]:
        """What was found so far, after each part: a process that dies leaves something."""
        engine = self.probe._engine
        found: dict[str, Any] = {
            "title": self.about.title, "size": self.size, "parameters": int(self.ours.model.count_params()),
            "classes": len(self.probe.class_names), "steps": len(engine.plan.steps), "layers": len(self.probe.layers),
            "candidates": {name: peer.title for name, peer in self.peers.items()}, "load_before": os.getloadavg()[0],
        }  # fmt: skip
        for part in parts:
            start = time.perf_counter()
            try:
                found[part] = getattr(self, part)()
            except Exception as error:
                traceback.print_exc()
                found[part] = {"left_out": said(error)}
            print(
                f"{self.network} {self.size} {part}: {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True
            )
            yield found | {"load_after": os.getloadavg()[0]}


PARTS = ("live", "cold", "new_image", "sweep", "atlas", "votes", "nested")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", choices=NETWORKS)
    parser.add_argument("size", type=int)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    asked = parser.parse_args()
    out = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):  # peers print
        quiet()
        for found in Bench(asked.network, asked.size, asked.seconds).everything(list(asked.parts)):
            print(json.dumps(found), file=out, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
