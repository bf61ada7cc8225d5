"""The targets, and whether what was measured meets them."""

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any

LIVE = "segcam_widgets"
COLD, TAIL, PEER_CALLS, SAME = 1.5, 2.5, 2.0, 0.99
VOTES = {"first": 5.0, "last": 20.0}


@dataclass(frozen=True)
class Verdict:
    """One target for one row.

    Attributes
    ----------
    target : str
        What was to be reached.
    row : str
        Where.
    found : str
    met : bool
    """

    target: str
    row: str
    found: str
    met: bool


def peers_of(row: dict[str, Any]) -> dict[str, dict[str, float]]:
    """The timings of the other candidates in a row."""
    inner = (LIVE, "tail", "one query a layer", "gradient")
    return {
        name: value for name, value in row.items() if isinstance(value, dict) and "ms" in value and name not in inner
    }


def cold_ratio(row: dict[str, float], candidate: str = LIVE) -> float | None:
    """Times the fastest of the others that a first query took; None where there is nothing to compare."""
    others = [row[name] for name in ("textbook", "medicai", "xplique") if name in row]
    return row[candidate] / min(others) if others and candidate in row else None


def at_most(target: str, row: str, value: float, limit: float) -> Verdict:
    return Verdict(target, row, f"{value:.3g} times", value <= limit)


def at_least(target: str, row: str, value: float, limit: float) -> Verdict:
    return Verdict(target, row, f"{value:.3g} times", value >= limit)


def verdicts(run: dict[str, Any]) -> list[Verdict]:
    """Of one network at one size."""
    where = f"{run['title']}, {run['size']} px"
    return [
        *(verdict for what, row in rows_of(run, "live") for verdict in of_live(f"{where}, {what}", row)),
        *of_cold(where, run.get("cold", {})),
        *of_passes(where, run),
        *of_votes(where, [row for row in rows_of(run, "votes") if "gradient" in row[1]]),
    ]


def rows_of(run: dict[str, Any], part: str) -> list[tuple[str, dict[str, Any]]]:
    """The rows of a part that was measured."""
    found = run.get(part, {})
    return [] if "left_out" in found else list(found.items())


def of_live(row: str, found: dict[str, Any]) -> Iterator[Verdict]:
    for name, peer in peers_of(found).items():
        yield at_least(f"a live query is quicker than {name}", row, peer["times"], 1)
    yield at_most(f"a live query takes {TAIL:g} tails' forward passes at most", row, 1 / found["tail"]["times"], TAIL)
    for name, value in found["correlation"].items():
        if value is not None:
            yield Verdict(f"the map is that of {name} (correlation {SAME} or more)", row, f"{value:.4f}", value >= SAME)


def of_cold(row: str, found: dict[str, Any]) -> Iterator[Verdict]:
    ratios = [ratio for one in found.get("layers", ()) if (ratio := cold_ratio(one)) is not None]
    if ratios:
        yield at_most(f"a cold new layer takes {COLD:g} times the quickest other at most", row, median(ratios), COLD)


def of_passes(row: str, run: dict[str, Any]) -> Iterator[Verdict]:
    for name, peer in peers_of(run.get("new_image", {})).items():
        yield at_least(f"a new image is answered sooner than by {name}", row, peer["times"], 1)
    for name, peer in peers_of(run.get("sweep", {})).items():
        target = f"the sweep of all layers is cheaper than {PEER_CALLS:g} calls of {name}"
        yield at_most(target, row, 1 / peer["times"], PEER_CALLS)


def of_votes(where: str, rows: list[tuple[str, dict[str, Any]]]) -> Iterator[Verdict]:
    for what, row in rows:
        limit = VOTES["first" if what == "last decoder layer" else "last"]
        target = f"votes are {limit:g} times quicker than the gradient"
        yield at_least(target, f"{where}, {what}", row["gradient"]["times"], limit)


REASONS = {
    "a live query takes": (
        "What a query returns is a whole explanation: the gradient at every place and channel, the map, the weights, and a look "
        "at the region. Where the tail is a 1 x 1 convolution, that is more arithmetic than the tail itself."
    ),
    "a cold new layer": (
        "A tail of a few layers is compiled before it answers; longer ones answer step by step at first. What is slow here is "
        "the tracing, in Python. Most users do not meet it: the layers beside the one on view are traced while nobody asks."
    ),
    "a new image": (
        "The image is opened (all its activations are computed and held) before the first answer; the others compute one map "
        "and keep nothing. From the second question about the image on it is the other way round."
    ),
    "the sweep": "A pass through the whole network, and three reductions of every layer's gradient.",
    "votes are": "The gradient of a short tail is itself quick: both are within a millisecond or two of what Python costs.",
    "the map is": "The peers run batch normalisation behind a resize in training mode, unless they are told not to.",
    "a live query is": "The tail is nearly the whole network here: nothing is saved by cutting, and the explanation is larger.",
}  # fmt: skip


def reason(target: str) -> str:
    """Why a target may be missed."""
    return next((text for start, text in REASONS.items() if target.startswith(start)), "")
