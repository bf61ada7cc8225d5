"""An explanation in words."""

from typing import TYPE_CHECKING

import numpy as np

from segcam_widgets.core.baselines import BASELINES
from segcam_widgets.core.explanation.blank import FAINT as FAINT
from segcam_widgets.core.methods import METHODS
from segcam_widgets.core.scores import SCORES
from segcam_widgets.core.text.numbers import number, percent, signed

if TYPE_CHECKING:
    from segcam_widgets.core.explanation.explanation import Explanation
    from segcam_widgets.core.votes.preview import Preview


def channel_words(weights: "np.ndarray[tuple[int, ...], np.dtype[np.floating]]") -> str:
    """What the channels do, from one number each: "both channels pull down", "3 of 8 channels pull down"."""
    count = int(weights.size)
    down = int((weights < 0).sum())
    if count == 1:
        return "its one channel pulls " + ("down" if down else "up" if weights[0] > 0 else "neither way")
    if not weights.any():
        return "no channel pulls either way"
    if down == count:
        return "both channels pull down" if count == 2 else f"all {count} channels pull down"
    if (weights > 0).all():
        return "both channels pull up" if count == 2 else f"all {count} channels pull up"
    return f"{down} of {count} channels {'pulls' if down == 1 else 'pull'} down"


def map_words(explanation: "Explanation | Preview") -> str:
    """What the signed map looks like: "blank" (nowhere positive), "faint: 0.4 % positive", "37 % positive".

    Of one cell there is no map: "a single number: +1.3".
    """
    if not explanation.is_map:
        return f"a single number: {signed(explanation.cam.item())}"
    if not explanation.cam.any():
        return "zero everywhere"
    if explanation.is_empty:
        return "blank"
    share = f"{percent(explanation.positive_share)} positive"
    return f"faint: {share}" if explanation.is_faint else share


def sentence_parts(explanation: "Explanation", *, score: bool = False) -> list[tuple[str, str]]:
    """The sentence above the map, as (role, text) in order: "class", "layer" and "map" may be set off, "" is plain text.

    Parameters
    ----------
    score : bool
        Whether the score's value stands beside its name.
    """
    query = explanation.query
    value = f" {number(explanation.score)}" if score else ""
    against = "" if query.baseline == "zero" else f", against the {BASELINES[query.baseline].title}"
    return [
        ("", f"{METHODS[query.method].title} of "),
        ("class", explanation.class_name),
        ("", " at "),
        ("layer", query.layer),
        ("", f", {SCORES[str(query.score)].title}{value}, {int(explanation.mask.sum())} px{against}: "),
        ("map", map_words(explanation)),
        ("", f", {channel_words(explanation.pooled_gradients)}"),
    ]


def sentence(explanation: "Explanation") -> str:
    """One line: "Seg-Grad-CAM of brick at tail_conv2, margin, 812 px: blank, both channels pull down"."""
    return "".join(text for _, text in sentence_parts(explanation))
