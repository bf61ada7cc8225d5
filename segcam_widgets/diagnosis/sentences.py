"""Describe experiments in sentences: what was done to the layer, and what became of the class."""

import numpy as np

from segcam_widgets.core.text.numbers import number, percent
from segcam_widgets.diagnosis.case import Case
from segcam_widgets.diagnosis.experiments import Outcome
from segcam_widgets.diagnosis.wording import channels, listed

SHIFT = 0.05
"""Change of the image's share of the class that is worth a word."""
MANY = 10.0
"""From here on a change of the margin is told in its size, not in per cent."""
SAME = 0.005
"""Change of the margin that rounds to no per cent."""


def who(case: Case) -> str:
    """The live channels: "both channels", "all 8 channels", "5 of 8 channels"."""
    live = np.flatnonzero(case.live)
    return channels(live, case.live.size) if live.size else channels(range(case.live.size), case.live.size)


def _them(case: Case) -> str:
    return "it" if case.live.sum() == 1 else "them"


def _level(case: Case, extreme: str) -> str:
    """Where the channels are set to: "what they are elsewhere"; without an elsewhere "the largest value they take"."""
    one = case.live.sum() == 1
    if case.experiments.has_rest:
        return f"what {'it is' if one else 'they are'} elsewhere"
    return f"the {extreme} value {'it takes' if one else 'they take'}"


def _loses(case: Case, outcome: Outcome) -> str:
    """What became of the pixels: "100 % of brick is lost", "brick stays, its margin falls by 31 %"."""
    if outcome.turns:
        return f"{percent(outcome.lost)} of {case.class_name} is lost"
    if outcome.lost > 0:
        return f"{percent(outcome.lost)} of {case.class_name} is lost, its mean margin {_moves(case, outcome)}"
    if abs(outcome.fall) < SAME:
        return f"{case.class_name} stays, and so does its margin"
    return f"{case.class_name} stays, its margin {_moves(case, outcome)}"


def _moves(case: Case, outcome: Outcome) -> str:
    if abs(outcome.fall) < SAME:
        return "stays"
    way = "falls" if outcome.fall > 0 else "rises"
    return f"{way} from nothing" if case.experiments.tied else f"{way} by {_of_its_size(abs(outcome.fall))}"


def _of_its_size(fall: float) -> str:
    """As in "31 %", and where per cent say little, "16 times its size"."""
    return percent(fall) if fall < MANY else f"{number(fall)} times its size"


def moves_margin(case: Case) -> str:
    """What the largest change of the layer does: "moves the margin by up to 150 % of its size"."""
    if case.experiments.tied:
        return "moves the margin, which is zero"
    change = case.experiments.largest_change
    return f"moves the margin by up to {_of_its_size(change)}{' of its size' if change < MANY else ''}"


def lifted(case: Case) -> str:
    """As in "Lift both channels to what they are elsewhere: 100 % of brick is lost."."""
    return f"Lift {who(case)} to {_level(case, 'largest')}: {_loses(case, case.experiments.lift)}."


def sunk(case: Case) -> str:
    """As in "Lower both channels to what they are elsewhere: 83 % of brick is lost."."""
    return f"Lower {who(case)} to {_level(case, 'least')}: {_loses(case, case.experiments.sink)}."


def switched_off(case: Case) -> str:
    """As in "Switch them off: brick stays, and the whole image becomes brick (30 % before)."."""
    outcome = case.experiments.zero
    if (
        case.loses or not case.experiments.carriers.any()
    ):  # what stays is not the matter, or there is nothing that could
        share, before = percent(outcome.region_share), case.predicted_share
        region = f"{share} of the region becomes {case.class_name}"
        if before > 0:
            region = f"{share} of the region is {case.class_name} ({percent(before)} before)"
        return f"Switch {_them(case)} off: {region}{_image(case, outcome)}."
    stays = f"{case.class_name} stays" if outcome.lost == 0 else f"{percent(outcome.lost)} of {case.class_name} is lost"
    return f"Switch {_them(case)} off: {stays}{_image(case, outcome)}."


def _image(case: Case, outcome: Outcome) -> str:
    """As in ", and the whole image becomes brick (30 % before)"; "" where the image hardly changes."""
    before, after = case.experiments.image_share, outcome.image_share
    if abs(after - before) < SHIFT or outcome.turns:
        return ""
    if after == 1:
        return f", and the whole image becomes {case.class_name} ({percent(before)} before)"
    return f", and {percent(after)} of the image is {case.class_name} ({percent(before)} before)"


def lowered_elsewhere(case: Case) -> str:
    """As in "Lower the rest of the image to what is here: 80 % of it becomes brick."; "" where nothing moves."""
    outcome = case.experiments.lowered_rest
    if outcome is None or case.experiments.rest_carries or not outcome.rest_share >= SHIFT:
        return ""
    return (
        f"Lower the rest of the image to what is here: {percent(outcome.rest_share)} of it becomes {case.class_name}."
    )


def gone_round(case: Case) -> str:
    """As in "Set what goes round the layer (enc1) to its mean elsewhere: 100 % of brick is lost."."""
    outcome = case.experiments.skip
    assert outcome is not None
    names = case.experiments.bypass_names
    return f"Set what goes round the layer ({listed(names)}) to its mean elsewhere: {_loses(case, outcome)}."


def parts(case: Case) -> str:
    """The ledger of the margin, inside the region and outside; what differs between them sets the class apart."""
    score = "logit" if case.margin_query.score == "logit" else "margin"
    return f"The {score} is made of: {case.book.contrast_words()}."


def evidence(case: Case, *names: str) -> dict[str, float]:
    """The numbers of some experiments: {"lift_lost": 1.0, "lift_fall": 2.3, ..., "level": 0.7}."""
    found: dict[str, float] = {}
    for name, outcome in case.experiments.judged.items():
        if not names or name in names:
            found |= {f"{name}_lost": outcome.lost, f"{name}_fall": outcome.fall}
    if case.experiments.has_rest:
        found["level"] = case.experiments.level
    return found


def all_numbers(case: Case) -> str:
    """Every experiment: "12 % is lost when lifted (margin falls by 31 %), 0 % when lowered (margin stays), ..."."""
    names = {
        "lift": "is lost when lifted", "sink": "when lowered", "zero": "when switched off", "skip": "without what goes round",
    }  # fmt: skip
    told = [
        f"{percent(outcome.lost)} {names[name]} (margin {_moves(case, outcome)})"
        for name, outcome in case.experiments.judged.items()
    ]
    return ", ".join(told)
