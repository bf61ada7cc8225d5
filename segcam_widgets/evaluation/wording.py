"""Describe a comparison in words: who won, and by what."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from segcam_widgets.evaluation.classes import ClassTest
from segcam_widgets.evaluation.curves.cascade import Cascade
from segcam_widgets.evaluation.curves.channels import LOUDEST, RANDOM_ORDER, ChannelTest
from segcam_widgets.evaluation.curves.curves import TESTS

if TYPE_CHECKING:
    from segcam_widgets.evaluation.curves.losses import Loss
    from segcam_widgets.evaluation.result import Faithfulness

ALIKE = 0.5
"""A rank correlation from which on two maps are called much alike."""
SCOPE_WORDS = {
    "region": "the region's own pixels",
    "context": "the pixels around the region",
    "everywhere": "all pixels",
}


def joined(names: Sequence[str]) -> str:
    """Names in a row: "the edge map and the region mask"."""
    words = [f"the {name}" for name in names]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 2 else words)


def _lost(losses: Sequence["Loss"]) -> str:
    """Who is ahead: "the edge map wins, no better than the random map"; "" without a loss."""
    ahead = [loss.reference for loss in losses if not loss.level]
    level = [loss.reference for loss in losses if loss.level]
    parts = [f"{joined(ahead)} {'win' if len(ahead) > 1 else 'wins'}"] if ahead else []
    parts += [f"no better than {joined(level)}"] if level else []
    return ", ".join(parts)


def curve_words(found: "Faithfulness", name: str, scope: str) -> str:
    """Deletion and insertion of one map in one scope: "deletion: beats all references; insertion: the edge map wins"."""
    losses = [loss for loss in found.losses(name) if loss.scope == scope]
    everyone = "beats all references"
    parts = []
    for test in TESTS:
        by = {m: _lost([x for x in losses if (x.test, x.measure) == (test, m)]) for m in ("score", "iou")}
        said = by["score"] or everyone
        if not math.isnan(found.curve(name, scope, test).auc("iou")) and by["iou"] != by["score"]:
            said += f" (by IoU: {by['iou'] or everyone})"
        parts.append(f"{test}: {said}")
    return "; ".join(parts)


def channel_words(test: ChannelTest, name: str) -> str:
    """Channels in one map's order: "deletion: better than 19 of 19 random orders; insertion: better than 3 of 19"."""
    return "; ".join(f"{curve}: {_channel_words(test, name, curve)}" for curve in TESTS)


def _channel_words(test: ChannelTest, name: str, curve: str) -> str:
    luck, orders = test.luck(name, curve), len(test.orders[RANDOM_ORDER])
    if math.isnan(luck):
        return "cannot be compared"
    if test.every:
        place = round(luck * orders)
        said = f"the best of all {orders} orders" if place == 1 else f"place {place} of all {orders} orders"
    else:
        said = f"better than {orders + 1 - round(luck * (1 + orders))} of {orders} random orders"
    lost = [x for x in test.losses(name) if (x.test, x.measure, x.reference) == (curve, "score", LOUDEST)]
    return f"{said}, no better than {LOUDEST}" if lost else said


def _alike_words(found: "Faithfulness", value: float, words: tuple[str, str, str, str]) -> str:
    """Which of four sentences a likeness deserves: all the same, much, more than chance, no more than chance."""
    if value >= 1 - 1e-6:
        return words[0]
    if value >= ALIKE:
        return words[1]
    return words[2] if found.chance is not None and value > found.chance.largest.region_spearman else words[3]


FLAT = "a constant map: nothing to compare"
JUDGED = "region_spearman"
"""What the verdicts on classes and weights go by. Outside the region many maps are zero, whatever the class and the weights,
where the score does not depend on the layer there: over the whole image they are alike for that alone."""
CLASS_WORDS = (
    "the same for every class: as blind to the class as the edge map",
    "much alike for other classes: it hardly depends on the class",
    "more alike for other classes than any two random maps are",
    "another map for other classes",
)
CASCADE_WORDS = (
    "the same with random weights: as blind to what was learned as the edge map",
    "keeps much of itself with random weights: mostly not learned",
    "keeps more of itself than any two random maps have in common",
    "gone with the weights",
)


def class_words(found: "Faithfulness", test: ClassTest) -> str:
    """What the random-class test says of one map."""
    if found.contender(test.map).flat:
        return FLAT
    mean = test.mean(JUDGED)
    return (
        "constant inside the region, for this class or the others"
        if math.isnan(mean)
        else _alike_words(found, mean, CLASS_WORDS)
    )


def cascade_words(found: "Faithfulness", cascade: Cascade) -> str:
    """What the randomisation says of one map."""
    if found.contender(cascade.map).flat:
        return FLAT
    last = float(cascade.kept(JUDGED)[-1])
    return (
        "constant inside the region with random weights"
        if math.isnan(last)
        else _alike_words(found, last, CASCADE_WORDS)
    )


def summary(found: "Faithfulness") -> str:
    """See :meth:`Faithfulness.summary`."""
    sentences = []
    total = 2 * len(found.scopes)
    for name in found.maps if total else ():
        losses = [loss for loss in found.losses(name) if loss.measure == "score"]
        lost = {(loss.scope, loss.test) for loss in losses}
        said = f"{name} beats every reference in {total - len(lost)} of {total} comparisons by the score"
        winners = []
        for reference in found.references:
            count = sum(loss.reference == reference for loss in losses)
            if count:
                winners.append(f"the {reference} is better or as good in {count}")
        sentences.append(f"{said}; {', '.join(winners)}." if winners else f"{said}.")
    if found.channels is not None:
        test = found.channels
        sentences += [f"{name}, by the channels of {test.layer}: {channel_words(test, name)}." for name in test.maps]
    return " ".join(sentences)
