"""One entry of the suite."""

from collections.abc import Callable
from dataclasses import dataclass

from .prove import Built

UNDECIDED = "undecided"  # a headline that names no cause, under whatever code
CAUSES = frozenset(
    "SC101 SC102 SC103 SC104 SC105 SC106 SC107 SC201 SC202 SC203 SC204 SC205 SC206 SC207 SC208 SC209 SC212 SC213 SC302".split()
)
PLANTS = "SC101 SC103 SC104 SC302 SC209 SC102 SC107 SC202 SC201 SC212 SC207 SC205 SC203 SC204 SC208 SC206 SC105 SC106 SC213"
FAMILIES = (*PLANTS.split(), UNDECIDED, "SC211", "SC215", "SC216")


@dataclass(frozen=True)
class Net:
    """A network by name.

    `kind`: "one" cause, to be the headline; "named": a code to be named anywhere, since it is a tip by design; "two" causes,
    both to be named; "trap": never to be called absence; "look-alike": no issue at all; "free": trained without a plant,
    counted for absence alone. `expected` are the codes that are right. `used` says whether a threshold may have been chosen by
    looking at it.
    """

    name: str
    family: str
    kind: str
    expected: frozenset[str]
    build: Callable[[], Built]
    used: bool = True


def one(family, name, build, also=(), used=True):
    return Net(f"{family} {name}", family, "one", frozenset({family, *also}), build, used)


def named(family, name, build, used=True):
    return Net(f"{family} {name}", family, "named", frozenset({family}), build, used)


def two(first, second, name, build, used=True):
    return Net(f"{first}+{second} {name}", "two causes", "two", frozenset({first, second}), build, used)


def trap(name, build, expected=(), used=True):
    return Net(f"trap {name}", "trap", "trap", frozenset(expected), build, used)


def look_alike(name, build, used=True):
    return Net(f"look-alike {name}", "look-alike", "look-alike", frozenset(), build, used)


def free(name, build):
    return Net(f"free {name}", "free", "free", frozenset(), build, used=False)
