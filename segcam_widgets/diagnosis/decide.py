"""The decision table: from what was measured to the headline of a blank map, and what is said besides.

Its lines stand in this order in the documentation; the first that holds is the headline. Here are those that weigh the
experiments, as a pure function of numbers; the lines before them, which ask whether there is anything to weigh, read a
case. A cause is named only where an experiment that was run shows it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from segcam_widgets.diagnosis.experiments import LEANS, TURNS, Experiments, Outcome

if TYPE_CHECKING:
    from segcam_widgets.diagnosis.case import Case

LEVEL = 0.10
"""Least difference of mean activation between region and rest: with less there is no level to lift to."""
KEEPS = 0.10
"""With the layer off, absence loses no more than this share of its pixels."""
EFFECT = 0.05
"""Share of all products' magnitude that positive ones must have to count."""
STIRS = 1e-4
"""Change of g below which a replay changed nothing."""
UNDECIDED = "SC217"
OTHER_SCORES = {
    "logit": "SC202", "probability": "SC201", "log_probability": "SC201", "centered_logit": "SC212", "log_odds": "SC212",
}  # fmt: skip
"""What is to blame where the asked score's map is empty and the margin's is not."""


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """What weights and activations of the margin's map say without a replay.

    Attributes
    ----------
    channels_carry : bool
        sum G A > 0, and the pixelwise map sum_k G_k A_k is not empty.
    signs_undo : bool
        The map of max(A, 0) is not empty, or some live channel has a positive weight and a negative mean activation.
    positive_effect : float
        Share of the positive products w_k A_k in the magnitude of all of them, in [0, 1].
    positive_silent : bool
        Some channel has a positive weight of a tenth of the largest or more, and all such channels are dead here.
    """

    channels_carry: bool
    signs_undo: bool
    positive_effect: float
    positive_silent: bool


@dataclass(frozen=True, slots=True)
class Candidate:
    """A cause that an experiment speaks for."""

    code: str
    turns: bool
    fall: float


@dataclass(frozen=True, slots=True)
class Decision:
    """What the table says.

    Attributes
    ----------
    line : str
        Which line held: "7", "3b".
    headline : str
        Code of a rule.
    also : tuple of str
        Codes that are said besides; rules that judge for themselves are not listed.
    """

    line: str
    headline: str
    also: tuple[str, ...] = ()

    @property
    def codes(self) -> tuple[str, ...]:
        """The headline and what is said besides."""
        return (self.headline, *self.also)


def candidates(
    outcomes: Mapping[str, Outcome], level: float, arithmetic: Arithmetic, *, compares: bool = True
) -> list[Candidate]:
    """The causes that an experiment speaks for: those that turn the class first, then the larger fall of the margin.

    Parameters
    ----------
    outcomes : mapping of str to Outcome
        Of "lift", "sink", "zero" and, if something bypasses the layer, "skip".
    level : float
        How far the region's activations are from the rest's; nan where there is no rest.
    arithmetic : Arithmetic
    compares : bool
        Whether there is a rest: without one nothing was lifted or sunk to what is elsewhere.
    """
    found = []
    if compares and level >= LEVEL:
        lift, sink, zero = outcomes["lift"], outcomes["sink"], outcomes["zero"]
        held = zero.lost <= KEEPS
        if held and ((lift.turns and zero.fall < TURNS) or (lift.leans and zero.fall < KEEPS)):
            found.append(Candidate("SC205", lift.turns, lift.fall))
        if sink.moves:
            found.append(Candidate(_presence(arithmetic), sink.turns, sink.fall))
    skip = outcomes.get("skip")
    if skip is not None and skip.moves:
        found.append(Candidate("SC206", skip.turns, skip.fall))
    return sorted(found, key=lambda c: (c.turns, c.fall), reverse=True)


def _presence(arithmetic: Arithmetic) -> str:
    """What is there is needed, and the map does not show it: why."""
    if arithmetic.channels_carry:
        return "SC203"
    if arithmetic.signs_undo:
        return "SC204"
    return "SC208" if arithmetic.positive_effect >= EFFECT else "SC203"


def weigh(outcomes: Mapping[str, Outcome], level: float, arithmetic: Arithmetic, *, compares: bool = True) -> Decision:
    """Lines 8 to 11: name the cause that an experiment shows, or say that none does. Parameters as :func:`candidates`."""
    found = candidates(outcomes, level, arithmetic, compares=compares)
    if compares and level < LEVEL and not any(c.turns for c in found):
        return Decision("8", "SC105", tuple(c.code for c in found))
    if found:
        return _chosen(found, arithmetic)
    still = all(o.lost < TURNS and o.fall < LEANS for name, o in outcomes.items() if name != "skip")
    return Decision("10", "SC213") if still else Decision("11", UNDECIDED)


def _chosen(found: list[Candidate], arithmetic: Arithmetic) -> Decision:
    first, *rest = found
    also = [c.code for c in rest if c.turns or (not first.turns and c.fall >= first.fall / 2)]
    if first.code == "SC205" and not first.turns and arithmetic.positive_silent:
        return Decision("9", "SC106", ("SC205", *also))
    return Decision("9", first.code, tuple(also))


# ------------------------------------------------------------------ the lines before


def decide(case: "Case") -> Decision:
    """The line of the table that holds for a blank map."""
    first = _nothing_to_draw(case)
    return first if first is not None else _of_a_map(case)


def _nothing_to_draw(case: "Case") -> Decision | None:
    """Line 1, and a layer that is out of reach: no pixel, no finite number, no activation, clipped logits."""
    if not case.lacks("logits") and case.lacks("region"):
        return Decision("1", "SC101")
    if case.nonfinite:
        return Decision("1", "SC103")
    if case.unreachable:
        return Decision("3", "SC102")
    also = ["SC207"] if case.loses else []
    if case.silent_layer:
        skip = case.experiments.skip
        return Decision("1", "SC104", (*(["SC206"] if skip is not None and skip.moves else []), *also))
    return Decision("1", "SC302", tuple(also)) if case.clipped else None


def _of_a_map(case: "Case") -> Decision:
    """Lines 2 to 11."""
    if (case.wide is not None and not case.wide.is_empty) or case.lost_in_16_bits:
        return Decision("2", "SC209")
    without = _no_gradient(case) if case.ignores_region else None
    if without is not None:
        return without
    if case.classless:
        return Decision("4", "SC204")
    if case.judged is not case.asked and not case.judged.is_empty:
        return Decision("4", OTHER_SCORES.get(str(case.query.score), "SC212"))
    return _of_experiments(case, case.experiments)


def _of_experiments(case: "Case", experiments: Experiments) -> Decision:
    """Lines 5 to 11."""
    if case.loses:
        return Decision("5", "SC207", ("SC205",) if experiments.zero.region_share >= TURNS else ())
    if not experiments.carriers.any():
        return Decision("6", UNDECIDED)
    return weigh(experiments.judged, experiments.level, case.arithmetic, compares=experiments.has_rest)


def _no_gradient(case: "Case") -> Decision | None:
    """Line 3: the gradient of every class is zero; None where that is no reason, as the map was not made of it."""
    if case.experiments.largest_change < STIRS:
        return Decision("3", "SC102")
    if not case.made_of_gradient:
        return None
    return Decision("3b", "SC107") if case.tail.no_gradient else Decision("3c", "SC102")
