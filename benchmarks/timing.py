"""Fair timing on a machine that others use too: candidates take turns in one process, medians are compared."""

import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import Any


def interleaved(candidates: Mapping[str, Callable[[int], Any]], rounds: int, warmup: int = 3) -> dict[str, list[float]]:
    """Milliseconds of every call; in each round every candidate is called once, with the round's number."""
    times: dict[str, list[float]] = {name: [] for name in candidates}
    for turn in range(-warmup, rounds):
        for name, call in candidates.items():
            start = time.perf_counter()
            call(turn)
            if turn >= 0:
                times[name].append(1000 * (time.perf_counter() - start))
    return times


def typical(times: Mapping[str, list[float]]) -> dict[str, float]:
    """Medians."""
    return {name: median(values) for name, values in times.items()}


def fastest(times: Mapping[str, list[float]]) -> dict[str, float]:
    """Minima: what the machine does when nobody else uses it."""
    return {name: min(values) for name, values in times.items()}
