"""The memory that one candidate takes at most: ``python -m benchmarks.peers.memory CANDIDATE NETWORK SIZE`` prints JSON.

In a process of its own. Counted is what comes on top of a process in which the network was built and run once.
"""

import contextlib
import ctypes
import gc
import json
import os
import resource
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

QUERIES = 4


def resident(what: str) -> float:
    """MiB of this process: "VmRSS" now, "VmHWM" at most."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    line = next(line for line in status.read_text().splitlines() if line.startswith(what))
    return int(line.split()[1]) / 2**10


def forget_the_peak() -> None:
    """What was freed goes back to the system, and Linux begins anew to note the most that this process has held."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")


def measure(candidate: str, network: str, size: int) -> dict[str, float]:
    import numpy as np

    from benchmarks.peers.candidates import CANDIDATES, quiet
    from benchmarks.peers.measure import picture
    from benchmarks.peers.networks import NETWORKS, matching

    quiet()
    x = picture(size)
    kind = CANDIDATES[candidate]
    asked = kind.on(network, size, x, np.zeros((1, 1), int))
    answer = np.asarray(asked.model(x, training=False))[0]
    asked.labels = answer.argmax(-1)
    seen = [int(c) for c in np.argsort(-np.bincount(asked.labels.ravel()))[:2]]
    probe_names = asked.names
    if probe_names is None:
        import segcam_widgets as sc

        forget_the_peak()
        before = resident("VmRSS")
        asked.__dict__["probe"] = sc.open_probe(asked.model, x)
        layers = [matching([i.name for i in asked.probe.layers], end) for end in NETWORKS[network].live.values()]
    else:
        layers = [matching(list(probe_names), end) for end in NETWORKS[network].live.values()]
        forget_the_peak()
        before = resident("VmRSS")
    for layer in layers:
        for turn in range(QUERIES):
            asked.ask(layer, seen[turn % len(seen)])
    if probe_names is None:
        asked.probe._engine.settle()
    return {"mib": resident("VmHWM") - before, "kept_mib": resident("VmRSS") - before}


def main() -> None:
    candidate, network, size = sys.argv[1:]
    with contextlib.redirect_stdout(sys.stderr):
        try:
            found = measure(candidate, network, int(size))
        except Exception as error:
            from benchmarks.peers.candidates import said

            found = {"left_out": said(error)}
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
