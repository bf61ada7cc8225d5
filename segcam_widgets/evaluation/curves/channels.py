"""Deletion and insertion of channels: the score while a layer's channels are switched off, or on, in a map's order.

Pixels are the input's, and a map is a layer's: between the two lies a network, an enlargement, and the question what a pixel
is replaced with. A layer's channels can be switched off where the map is made. And where a class is coded by the *absence* of
features, pixels cannot be taken away to any effect, for there is nothing in them; channels can be set to what they are
elsewhere.

Dreyer et al., "Revealing hidden context bias in segmentation and object detection through concept-specific explanations",
arXiv 2211.11426, compare attributions to channels for their faithfulness, in segmentation and detection.
"""

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.core.answers import Progress
from segcam_widgets.core.baselines import BASELINES
from segcam_widgets.core.explanation.explanation import Explanation
from segcam_widgets.core.grid import coverage
from segcam_widgets.core.probe import Probe
from segcam_widgets.errors import SegCamError, must_be_one_of
from segcam_widgets.evaluation.curves.curves import CHANNELS, MEASURES, TESTS, Curve, Meter, counts
from segcam_widgets.evaluation.curves.losses import Loss, lead, loss
from segcam_widgets.evaluation.curves.replays import readings

Float = NDArray[np.float32]
Orders = NDArray[np.intp]
RANDOM_ORDER = "random order"
LOUDEST = "loudest first"
REFERENCES: Mapping[str, str] = {
    RANDOM_ORDER: "channels in any order",
    LOUDEST: "by the mean distance from what they are set to, inside the region: knows nothing of what reads them",
}
FEW = 4
"""Up to so many channels all orders are taken (24), and no luck is left in the reference."""


@dataclass(frozen=True, eq=False)
class ChannelTest:
    """Channels deleted and inserted in the order of each map.

    Attributes
    ----------
    layer : str
    to : str
        What a channel is set to when it is deleted, one of ``sc.BASELINES``.
    orders : mapping of str to ndarray of int, (draws, K)
        The channels of each map, of each reference, in the order in which they are taken.
    curves : tuple of Curve
        Their scope is "channels", their fractions those of the channels.
    every : bool
        The random orders are all there are: few channels.
    bypass : tuple of str
        Names of the tensors that bypass the layer; these stay unchanged.
    """

    layer: str
    to: str
    orders: Mapping[str, Orders] = field(repr=False)
    curves: tuple[Curve, ...] = field(repr=False)
    every: bool
    bypass: tuple[str, ...]

    @property
    def maps(self) -> tuple[str, ...]:
        """Names of the maps under test."""
        return tuple(name for name in self.orders if name not in REFERENCES)

    def curve(self, map: str, test: str) -> Curve:
        """One curve.

        Raises
        ------
        SegCamError
            There is none of that name or test.
        """
        for argument, allowed, given in (("map", tuple(self.orders), map), ("test", TESTS, test)):
            if given not in allowed:
                raise SegCamError(must_be_one_of(argument, allowed, given))
        return next(c for c in self.curves if (c.map, c.test) == (map, test))

    def luck(self, map: str, test: str, measure: str = "score") -> float:
        """How likely a random order is to be as good as the map's, in (0, 1].

        Where all orders were tried, the share of those that are as good or better, the map's own among them: with two
        channels never below 1/2. Else (1 + those that are) / (1 + draws), the usual estimate of a permutation test. nan where
        nothing can be compared.
        """
        ahead, least = lead(self.curve(map, test), self.curve(RANDOM_ORDER, test), measure)
        if np.isnan(ahead).any():
            return float("nan")
        good = int((ahead >= -least).sum())
        return max(1, good) / len(ahead) if self.every else (1 + good) / (1 + len(ahead))

    def losses(self, map: str) -> tuple[Loss, ...]:
        """Every comparison in which a reference is better than this map, or as good."""
        return tuple(
            found
            for test in TESTS
            for measure in MEASURES
            for name in REFERENCES
            if (found := loss(self.curve(map, test), self.curve(name, test), measure)) is not None
        )


def channel_test(
    probe: Probe,
    meter: Meter,
    explained: Mapping[str, Explanation],
    *,
    to: str = "zero",
    steps: int = 16,
    orders: int = 19,
    seed: int = 0,
    budget: int = 256 * 2**20,
    progress: Progress | None = None,
) -> ChannelTest | None:
    """Deletion and insertion curves over the channels of the query's layer.

    Parameters
    ----------
    probe : Probe
    meter : Meter
        Of the query, whose layer it is.
    explained : mapping of str to Explanation
        The maps by name. Those of other layers, and those without weights, order no channels and are left out.
    to : str
        One of ``sc.BASELINES``: what a deleted channel is set to, everywhere on the layer.
    steps : int
        Parts of a curve at most.
    orders : int
        How many random orders; all where there are four channels or fewer.
    seed : int
    budget : int
        Bytes that replayed layers may take together.
    progress : callable, optional

    Returns
    -------
    ChannelTest or None
        None where no map orders channels.

    Raises
    ------
    NonFiniteError, Cancelled

    Notes
    -----
    Channels are ordered by their *signed* contribution to the map inside the region, relative to what they are set to:
    sum over the region of weights * (A - reference), the most positive first. No magnitude is taken: deleting what speaks for
    the class makes the score fall, deleting what speaks against it makes it rise.
    """
    layer = meter.query.layer
    activations = np.asarray(probe.activations(layer), np.float32)
    share = coverage(meter.mask, (activations.shape[0], activations.shape[1]))
    reference = BASELINES[to].compute(activations, share)
    rng = np.random.default_rng(seed)
    chosen = {
        name: _ordered(replace(one, baseline=reference).region_contributions, rng)
        for name, one in explained.items()
        if one.query.layer == layer and one.weights.size
    }
    if not chosen:
        return None
    count = activations.shape[2]
    distance = np.einsum("hw,hwk->k", share, np.abs(activations - reference))
    chosen[RANDOM_ORDER], every = _random_orders(count, orders, rng)
    chosen[LOUDEST] = _ordered(distance, rng)
    ks = counts(count, steps)
    gone, place = np.unique(_switched_off(chosen, ks, count), axis=0, return_inverse=True)

    def versions() -> Iterator[tuple[Float, str]]:
        for off in gone:
            yield np.where(off, reference, activations), f"channels of {layer}, {int(off.sum())} of {count} at {to}"

    read = readings(
        probe, layer, versions(), len(gone), meter, what="switched-off channels", budget=budget, progress=progress
    )
    table = np.array(read)[place.ravel()]
    return ChannelTest(layer, to, chosen, tuple(_curves(chosen, ks, table)), every, tuple(probe.bypass(layer)))


def _ordered(values: NDArray[np.floating], rng: np.random.Generator) -> Orders:
    """(1, K): the largest first, equal ones shuffled."""
    return np.lexsort((rng.permutation(len(values)), -values))[None]


def _random_orders(count: int, draws: int, rng: np.random.Generator) -> tuple[Orders, bool]:
    """(draws, K), and whether these are all orders."""
    if count <= FEW:
        return np.array(list(itertools.permutations(range(count))), np.intp).reshape(math.factorial(count), count), True
    return np.array([rng.permutation(count) for _ in range(draws)], np.intp), False


def _switched_off(chosen: Mapping[str, Orders], ks: NDArray[np.intp], count: int) -> NDArray[np.bool_]:
    """(points of all curves, K): which channels are gone at each, deletion and then insertion of one order after the other."""
    rows = []
    for order in itertools.chain.from_iterable(chosen.values()):
        taken = np.zeros((len(ks), count), bool)
        for row, k in zip(taken, ks, strict=True):
            row[order[:k]] = True
        rows += [taken, ~taken]
    return np.concatenate(rows)


def _curves(chosen: Mapping[str, Orders], ks: NDArray[np.intp], table: NDArray[np.float64]) -> Iterator[Curve]:
    """The curves out of what was read at their points, in the order of :func:`_switched_off`."""
    start = 0
    for name, some in chosen.items():
        stop = start + len(some) * len(TESTS) * len(ks)
        own = table[start:stop].reshape(len(some), len(TESTS), len(ks), 2)
        for number, test in enumerate(TESTS):
            yield Curve(name, CHANNELS, test, ks / ks[-1], own[:, number, :, 0], own[:, number, :, 1])
        start = stop
