"""The ledger as a waterfall: steps that lead from zero to the score."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from segcam_widgets.core.ledger import EvidenceLedger

SHOWN = 8
"""Channels shown one by one; the rest is summed into one step."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the waterfall: ``stop == start + value``, and the next one starts there.

    Attributes
    ----------
    name : str
        "channel 3", "9 more channels", "round the layer: enc1", "biases and offsets".
    value : float
        What it adds to the score.
    start, stop : float
        Where the sum stands before and after.
    channels : tuple of int
        Those it sums up; none where it is no channel's.
    """

    name: str
    value: float
    start: float
    stop: float
    channels: tuple[int, ...] = ()


def ledger_steps(ledger: "EvidenceLedger", shown: int = SHOWN) -> tuple[Step, ...]:
    """See :meth:`EvidenceLedger.steps`."""
    steps: list[Step] = []
    for name, value, channels in _parts(ledger, shown):
        start = steps[-1].stop if steps else 0.0
        steps.append(Step(name, value, start, start + value, channels))
    return tuple(steps)


def _parts(ledger: "EvidenceLedger", shown: int) -> list[tuple[str, float, tuple[int, ...]]]:
    """The largest channels in their order, the rest of them, what goes round, full units, the residual."""
    channels = ledger.channels
    order = np.argsort(-np.abs(channels), kind="stable")
    first = sorted(int(k) for k in order[: shown if len(order) <= shown else shown - 1])
    left = tuple(int(k) for k in np.setdiff1d(np.arange(len(channels)), first))
    parts: list[tuple[str, float, tuple[int, ...]]] = [(f"channel {k}", float(channels[k]), (k,)) for k in first]
    if left:
        name = f"{len(left)} more channels" if first else f"{len(left)} channels"
        parts.append((name, float(channels[list(left)].sum()), left))
    parts += [(f"round the layer: {name}", float(value), ()) for name, value in ledger.bypass.items()]
    if ledger.units:
        parts.append((ledger.units_name, ledger.units, ()))
    return [*parts, ("biases and offsets" if ledger.exact else "biases, offsets, curvature", ledger.residual, ())]
