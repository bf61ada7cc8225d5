"""Measure this package beside the other ways to a Grad-CAM, and write docs/benchmarks.md.

    pip install --no-deps -r benchmarks/peers/requirements.txt
    python -m benchmarks.peers [--only TEXT] [--seconds 3] [--write]

Each network and size runs in a process of its own, as does each candidate's memory. What was measured is kept in
benchmarks/peers/results.json: `--only` measures some again, and the page keeps the rest. Exit code 1 if a target is missed.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.peers.networks import NETWORKS
from benchmarks.peers.page import OTHERS, RESULTS, ROOT, SIZES, judged, runs_of, write
from benchmarks.peers.targets import LIVE, reason

PACKAGES = ("segcam-widgets", "tensorflow", "keras", "keras-hub", "numpy", "medicai", "xplique")


def ran(module: str, *arguments: Any, limit: int) -> dict[str, Any]:
    """What a process of its own prints last, as JSON; where it does not end well, that is said in "ended"."""
    command = [sys.executable, "-m", f"benchmarks.peers.{module}", *map(str, arguments)]
    try:
        done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, timeout=limit)
        printed, said, ended = done.stdout, done.stderr, f"the process ended with code {done.returncode}"
        well = done.returncode == 0
    except subprocess.TimeoutExpired as error:
        printed, said = (
            text.decode() if isinstance(text, bytes) else text or "" for text in (error.stdout, error.stderr)
        )
        well, ended = False, f"not finished after {limit} s"
    if not well:
        print(ended, said[-2000:], file=sys.stderr)
    lines = [line for line in printed.splitlines() if line.startswith("{")]
    if not lines:
        return {"left_out": ended}
    return json.loads(lines[-1]) | ({} if well else {"ended": ended})


def environment() -> dict[str, Any]:
    """The machine and what is installed on it."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        cpu = names[0] if names else cpu
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not installed"
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    return {
        "date": today,
        "cores": os.cpu_count(),
        "cpu": cpu,
        "python": platform.python_version(),
        "versions": versions,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--only", default="", metavar="TEXT", help="with this in 'network/size' or 'growth'; default all"
    )
    parser.add_argument("--parts", nargs="+", default=None, help="of benchmarks.peers.measure, or memory; default all")
    parser.add_argument("--seconds", type=float, default=3.0, help="for each row, about; default: %(default)s")
    parser.add_argument("--limit", type=int, default=800, help="seconds a process may take; default: %(default)s")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md and its figures")
    asked = parser.parse_args()
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {"networks": {}}
    results["environment"] = environment()
    jobs = [(network, size) for size in SIZES for network in NETWORKS if asked.only in f"{network}/{size}"]
    for network, size in jobs:
        start, key = time.monotonic(), f"{network}/{size}"
        parts = None if asked.parts is None else [part for part in asked.parts if part != "memory"]
        found = results["networks"].setdefault(key, {})
        for stale in ("ended", "left_out"):
            found.pop(stale, None)
        if parts is None or parts:
            extra = [] if parts is None else ["--parts", *parts]
            found |= ran("measure", network, size, "--seconds", asked.seconds, *extra, limit=asked.limit)
            RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        if asked.parts is None or "memory" in asked.parts:
            found["memory"] = {name: ran("memory", name, network, size, limit=asked.limit) for name in (LIVE, *OTHERS)}
        RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        print(f"{key}: {time.monotonic() - start:.0f} s", found.get("left_out", ""), file=sys.stderr, flush=True)
    if asked.only in "growth":
        found = ran("growth", "--seconds", asked.seconds / 2, limit=asked.limit)
        if "left_out" not in found:
            results["growth"] = {"found": found, "load": os.getloadavg()[0]}
        RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    missed = [verdict for verdict in judged(results) if not verdict.met]
    for verdict in judged(results):
        print(f"{'met   ' if verdict.met else 'MISSED'} {verdict.row}: {verdict.target}: {verdict.found}")
    for start in dict.fromkeys(reason(verdict.target) for verdict in missed):
        print(start)
    if asked.write and runs_of(results):
        write(results)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
