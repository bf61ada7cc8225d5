"""How many wins luck gives: exact binomial probabilities, so that a count can be read."""

from collections.abc import Sequence

from scipy.stats import binom

RARE = 0.01
"""Less likely than this is more than luck. A page of a hundred cells still has one that is not."""


def at_least(wins: int, of: int, chance: float) -> float:
    """The probability of so many wins or more, where each has this chance on its own."""
    return float(binom.sf(wins - 1, of, chance))


def enough(of: int, chance: float) -> int:
    """The least number of wins that luck gives less often than `RARE`; `of` + 1 where none is enough."""
    return next(wins for wins in range(of + 2) if at_least(wins, of, chance) < RARE)


def cell(wins: int, of: int, chance: float) -> str:
    """A count, and in words where it is no more than luck, or less."""
    if wins >= enough(of, chance):
        return str(wins)
    lost = at_least(of - wins, of, 1 - chance)
    return f"{wins} (worse)" if lost < RARE else f"{wins} (luck)"


def wins(own: Sequence[float], draws: Sequence[Sequence[float]], test: str) -> int:
    """In how many comparisons an area is better than each of the reference's: smaller for a deletion, larger for an insertion."""
    better = (min, lambda a, b: a < b) if test == "deletion" else (max, lambda a, b: a > b)
    return sum(better[1](area, better[0](some)) for area, some in zip(own, draws, strict=True))
