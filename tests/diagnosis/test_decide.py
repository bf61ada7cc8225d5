"""The lines of the decision table that weigh experiments, as pure functions of numbers."""

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from segcam_widgets.diagnosis.decide import Arithmetic, Candidate, Decision, candidates, weigh
from segcam_widgets.diagnosis.experiments import Outcome
from tests.exploring import examples

BELOW, ABOVE = 1 - 1e-9, 1 + 1e-9
NAN = float("nan")


def outcome(lost=0.0, fall=0.0):
    return Outcome(lost=lost, fall=fall, image_share=0.5, region_share=1 - lost, rest_share=0.0)


def measured(lift=(0, 0), sink=(0, 0), zero=(0, 0), skip=None):
    """The experiments by name, each (share that is lost, fall of the margin)."""
    found = {"lift": outcome(*lift), "sink": outcome(*sink), "zero": outcome(*zero)}
    return found if skip is None else found | {"skip": outcome(*skip)}


NOTHING = Arithmetic(channels_carry=False, signs_undo=False, positive_effect=0.0, positive_silent=False)
CARRY = replace(NOTHING, channels_carry=True)
SIGNS = replace(NOTHING, signs_undo=True)
WEIGHED = replace(NOTHING, positive_effect=0.05)
SILENT = replace(NOTHING, positive_silent=True)


def codes(outcomes, level=1.0, arithmetic=NOTHING, **keywords):
    return [c.code for c in candidates(outcomes, level, arithmetic, **keywords)]


# ------------------------------------------------------------------ what turns, what leans


@pytest.mark.parametrize(
    ("lost", "fall", "turns", "leans"),
    [
        (0.5, 0, True, False), (0.5 * BELOW, 0, False, False), (0.5, 9, True, False), (1, -1, True, False),
        (0, 0.25, False, True), (0, 0.25 * BELOW, False, False), (0.5 * BELOW, 0.25, False, True), (0, -9, False, False),
    ],
)  # fmt: skip
def test_turning_and_leaning(lost, fall, turns, leans):
    found = outcome(lost, fall)
    assert (found.turns, found.leans, found.moves) == (turns, leans, turns or leans)


# ------------------------------------------------------------------ 7a: absence


@pytest.mark.parametrize(
    ("lift", "zero", "level", "holds"),
    [
        # it turns: the layer off must keep the pixels, and half of the margin
        ((0.5, 0), (0, 0), 1.0, True),
        ((0.5 * BELOW, 0), (0, 0), 1.0, False),
        ((1, 2), (0.1, 0), 1.0, True),
        ((1, 2), (0.1 * ABOVE, 0), 1.0, False),
        ((1, 2), (0, 0.5 * BELOW), 1.0, True),
        ((1, 2), (0, 0.5), 1.0, False),
        # it leans: the layer off must keep nine tenths of the margin
        ((0, 0.25), (0, 0), 1.0, True),
        ((0, 0.25 * BELOW), (0, 0), 1.0, False),
        ((0.49, 0.25), (0.1, 0.1 * BELOW), 1.0, True),
        ((0.49, 0.25), (0, 0.1), 1.0, False),
        ((0.49, 0.25), (0.1 * ABOVE, 0), 1.0, False),
        # there must be a level to lift to
        ((1, 2), (0, 0), 0.1, True),
        ((1, 2), (0, 0), 0.1 * BELOW, False),
        ((1, 2), (0, 0), NAN, False),
    ],
)
def test_absence(lift, zero, level, holds):
    assert codes(measured(lift=lift, zero=zero), level) == ["SC205"] * holds


def test_without_a_rest_nothing_was_lifted_or_lowered_to_it():
    assert codes(measured(lift=(1, 2), sink=(1, 2)), 1.0, compares=False) == []
    assert weigh(measured(lift=(1, 2)), NAN, NOTHING, compares=False) == Decision("11", "SC217")
    assert weigh(measured(), NAN, NOTHING, compares=False) == Decision("10", "SC213")


# ------------------------------------------------------------------ 7b: presence, in its four forms


@pytest.mark.parametrize(
    ("arithmetic", "code"),
    [
        (CARRY, "SC203"), (SIGNS, "SC204"), (WEIGHED, "SC208"), (NOTHING, "SC203"),
        (replace(NOTHING, positive_effect=0.05 * BELOW), "SC203"),
        (replace(SIGNS, channels_carry=True, positive_effect=1.0), "SC203"),
        (replace(SIGNS, positive_effect=1.0), "SC204"),
    ],
)  # fmt: skip
def test_presence(arithmetic, code):
    for sink, holds in (((0.5, 0), 1), ((0.5 * BELOW, 0), 0), ((0, 0.25), 1), ((0, 0.25 * BELOW), 0)):
        assert codes(measured(sink=sink), 1.0, arithmetic) == [code] * holds
    assert codes(measured(sink=(1, 1)), 0.1, arithmetic) == [code]
    assert codes(measured(sink=(1, 1)), 0.1 * BELOW, arithmetic) == []


# ------------------------------------------------------------------ 7c: what goes round


@pytest.mark.parametrize(
    ("skip", "holds"),
    [((0.5, 0), True), ((0.5 * BELOW, 0), False), ((0, 0.25), True), ((0, 0.25 * BELOW), False), (None, False)],
)
@pytest.mark.parametrize("level", [0.0, 1.0, NAN])
def test_bypass_asks_for_no_level(skip, holds, level):
    assert codes(measured(skip=skip), level) == ["SC206"] * holds


# ------------------------------------------------------------------ 8: no contrast


def test_without_a_level_the_headline_is_that_unless_the_bypass_turns():
    everything = measured(lift=(1, 2), sink=(1, 2), skip=(0, 0.3))
    assert weigh(everything, 0.1 * BELOW, NOTHING) == Decision("8", "SC105", ("SC206",))
    assert weigh(measured(lift=(1, 2), sink=(1, 2), zero=(1, 1)), 0.0, NOTHING) == Decision("8", "SC105")
    assert weigh(measured(), 0.0, NOTHING) == Decision("8", "SC105")
    assert weigh(measured(skip=(0.5, 0)), 0.0, NOTHING) == Decision("9", "SC206")


# ------------------------------------------------------------------ 9: the order of causes


def test_what_turns_comes_before_what_leans_and_then_the_larger_fall():
    turning, leaning = (0.6, 0.3), (0.4, 0.9)
    assert codes(measured(lift=turning, skip=leaning)) == ["SC205", "SC206"]
    assert codes(measured(lift=leaning, skip=turning)) == ["SC206", "SC205"]
    assert codes(measured(lift=(1, 0.8), sink=(1, 0.9), skip=(1, 0.7))) == ["SC203", "SC205", "SC206"]
    assert candidates(measured(lift=(0.4, 0.9)), 1.0, NOTHING) == [Candidate("SC205", False, 0.9)]


def test_beside_a_cause_that_turns_all_others_that_turn_are_said():
    assert weigh(measured(lift=(1, 5), skip=(0.5, 0.1)), 1.0, NOTHING) == Decision("9", "SC205", ("SC206",))
    assert weigh(measured(lift=(1, 5), skip=(0.4, 4.9)), 1.0, NOTHING) == Decision("9", "SC205")


def test_beside_a_cause_that_leans_those_of_half_its_fall_are_said():
    assert weigh(measured(lift=(0, 1), skip=(0, 0.5)), 1.0, NOTHING).also == ("SC206",)
    assert weigh(measured(lift=(0, 1), skip=(0, 0.5 * BELOW)), 1.0, NOTHING).also == ()


def test_channels_that_are_silent_come_before_an_absence_that_leans_and_before_nothing_else():
    assert weigh(measured(lift=(0, 1)), 1.0, SILENT) == Decision("9", "SC106", ("SC205",))
    assert weigh(measured(lift=(0, 1), skip=(0, 0.6)), 1.0, SILENT) == Decision("9", "SC106", ("SC205", "SC206"))
    assert weigh(measured(lift=(0.5, 1)), 1.0, SILENT) == Decision("9", "SC205")
    assert weigh(measured(lift=(0, 1), skip=(0, 2)), 1.0, SILENT) == Decision("9", "SC206", ("SC205",))
    assert weigh(measured(sink=(0, 1)), 1.0, SILENT) == Decision("9", "SC203")


# ------------------------------------------------------------------ 10 and 11: no cause


@pytest.mark.parametrize("name", ["lift", "sink", "zero"])
@pytest.mark.parametrize(("lost", "fall"), [(0.5, 0), (0, 0.25)])
def test_what_moves_nothing_is_not_decided_here_and_what_does_is_undecided(name, lost, fall):
    kept = (1, 1) if name == "lift" else (0, 0)  # so that lifting is no absence
    still = measured() | {name: outcome(lost * BELOW, fall * BELOW)}
    assert weigh(still, 1.0, NOTHING) == Decision("10", "SC213")
    moved = measured(zero=kept) | {name: outcome(lost, fall)}
    assert weigh(moved, 1.0, NOTHING).line == ("9" if name == "sink" else "11")


def test_a_layer_that_is_needed_neither_more_nor_less_is_undecided():
    assert weigh(measured(lift=(1, 2), zero=(1, 2)), 1.0, NOTHING) == Decision("11", "SC217")


# ------------------------------------------------------------------ whatever the numbers

edges = st.sampled_from([0.0, 0.05, 0.1, 0.25, 0.5, 1.0])
shares = st.one_of(edges, st.floats(0, 1))
falls = st.one_of(edges, st.floats(-3, 3))
outcomes_of = st.tuples(shares, falls)
arithmetics = st.builds(Arithmetic, st.booleans(), st.booleans(), shares, st.booleans())
situations = st.tuples(
    st.builds(measured, outcomes_of, outcomes_of, outcomes_of, st.none() | outcomes_of),
    st.one_of(edges, st.floats(0, 3)),
    arithmetics,
)
MANY = examples(400)


def read_off(outcomes, level, arithmetic):
    """The table's text once more, read from the bottom: what is left when nothing above it holds."""
    lost = {name: o.lost for name, o in outcomes.items()}
    fall = {name: o.fall for name, o in outcomes.items()}
    strength = {}  # code -> (2 turns, 1 leans; fall)
    for name in outcomes:
        size = 2 if lost[name] >= 0.5 else 1 if fall[name] >= 0.25 else 0
        strength[name] = (size, fall[name])
    said = {}
    if strength.get("skip", (0,))[0]:
        said["SC206"] = strength["skip"]
    if level >= 0.1 and strength["sink"][0]:
        if arithmetic.channels_carry or not (arithmetic.signs_undo or arithmetic.positive_effect >= 0.05):
            said["SC203"] = strength["sink"]
        else:
            said["SC204" if arithmetic.signs_undo else "SC208"] = strength["sink"]
    if (
        level >= 0.1
        and strength["lift"][0]
        and lost["zero"] <= 0.1
        and fall["zero"] < {2: 0.5, 1: 0.1}[strength["lift"][0]]
    ):
        said["SC205"] = strength["lift"]
    strongest = max(said.values(), default=(0, 0.0))
    if level < 0.1 and strongest[0] < 2:
        return "SC105", set(said)
    if not said:
        quiet = not any(strength[name][0] for name in ("lift", "sink", "zero"))
        return ("SC213" if quiet else "SC217"), set()
    heads = {code for code, size in said.items() if size == strongest}
    enough = {c for c, (size, f) in said.items() if size == 2 or (strongest[0] == 1 and 2 * f >= strongest[1])}
    if heads == {"SC205"} and strongest[0] == 1 and arithmetic.positive_silent:
        return "SC106", enough
    return heads, enough


@MANY
@given(situations)
def test_it_is_the_table_read_from_the_bottom(situation):
    decision = weigh(*situation)
    headline, said = read_off(*situation)
    if isinstance(headline, set):  # causes of the same strength: either may come first
        if len(headline) > 1:
            return
        headline = headline.pop()
    assert decision.headline == headline
    assert set(decision.also) == said - {headline}


@MANY
@given(situations)
def test_exactly_one_headline_and_nothing_twice(situation):
    decision = weigh(*situation)
    assert decision.headline in {"SC105", "SC106", "SC203", "SC204", "SC205", "SC206", "SC208", "SC213", "SC217"}
    assert len(set(decision.codes)) == len(decision.codes)
    assert decision.line in ("8", "9", "10", "11")


@MANY
@given(situations)
def test_absence_is_never_said_where_the_layer_off_loses_the_class_or_lifting_does_not_move_it(situation):
    outcomes, level, _ = situation
    if "SC205" in weigh(*situation).codes:
        assert outcomes["zero"].lost <= 0.1
        assert outcomes["zero"].fall < 0.5
        assert outcomes["lift"].lost >= 0.5 or outcomes["lift"].fall >= 0.25
        assert level >= 0.1


@MANY
@given(situations)
def test_causes_are_in_order(situation):
    found = candidates(*situation)
    keys = [(not c.turns, -c.fall) for c in found]
    assert keys == sorted(keys)
    decision = weigh(*situation)
    if decision.line == "9" and decision.headline != "SC106":
        assert decision.headline == found[0].code


@MANY
@given(situations, st.floats(0, 1))
def test_an_absence_stays_one_where_lifting_takes_more_away(situation, further):
    """Losing more by lifting never takes SC205 away where it was said."""
    outcomes, level, arithmetic = situation
    if "SC205" not in weigh(outcomes, level, arithmetic).codes:
        return
    lift = outcomes["lift"]
    lost, fall = min(1.0, lift.lost + further), max(lift.fall, 0.25) + further
    more = outcomes | {"lift": replace(lift, lost=lost, fall=fall)}
    assert "SC205" in [c.code for c in candidates(more, level, arithmetic)]
