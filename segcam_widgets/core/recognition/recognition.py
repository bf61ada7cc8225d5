"""`Recognition`: the recipe that was recognised, as values and in plain sentences."""

from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.core.query import CamQuery
from segcam_widgets.core.regions.base import Region
from segcam_widgets.core.scores import SCORES
from segcam_widgets.core.support.checks import needed
from segcam_widgets.core.text.numbers import number
from segcam_widgets.core.text.one_line import cut
from segcam_widgets.errors import listing

if TYPE_CHECKING:
    import pandas as pd

FEW = 3
"""With so few channels many recipes are parallel: all that fit are listed."""
EXACT = 0.01
"""Degrees within which float32 keeps the same recipe on the same network and image (0.0005 at most on the demo)."""
SUSPECTS = (
    "the model ran in training mode, with batch normalisation and dropout on (model(x, training=False) is without); another "
    "region than the ones tried, which you can pass as `regions`; a score or loss that was not tried (focal, Dice); another "
    "image, preprocessing or weights"
)
FAR = 30.0
"""Degrees from which on the nearest resembles nothing."""


@dataclass(frozen=True)
class Match:
    """One recipe beside the pasted numbers.

    Attributes
    ----------
    layer : str
        The layer asked about, or one beside it.
    place : {"here", "before", "after"}
        Where that layer is, from the one asked about.
    score : str
        One of ``sc.SCORES``.
    class_index : int or None
        None where the recipe mixes classes.
    region : Region
    pixels : int
        Of the region.
    sign : int
        1, or -1 where the pasted numbers point the other way, as those of a loss do.
    angle : float
        Degrees between the two directions, the sign taken off.
    ratio : float
        Length of the pasted numbers, along the recipe's direction, in units of "mean over the region, mean over the map".
    scale : str
        Which sums or means give this ratio; "" where none does.
    fits_digits : bool
        Whether rounding to the digits pasted can account for the difference; True where the digits are no matter.
    what, where : str
        In words: "-log p (a loss) of brick", "over all pixels".
    query : CamQuery or None
        Asks the same of this package, but for sign and scale; None where no query does.
    """

    layer: str
    place: str
    score: str
    class_index: int | None
    region: Region
    pixels: int
    sign: int
    angle: float
    ratio: float
    scale: str
    fits_digits: bool
    what: str
    where: str
    query: CamQuery | None

    @property
    def is_loss(self) -> bool:
        """Whether it is minus a log probability."""
        return self.sign < 0 and self.score == "log_probability"

    @property
    def words(self) -> str:
        """Which recipe, without its scale: "the margin of brick over all pixels at dec1_bn, a layer before"."""
        at = "" if self.place == "here" else f" at {self.layer}, a layer {self.place}"
        return f"{self.what} {self.where}{at}"

    def __repr__(self) -> str:
        return f"Match({cut(self.words, 140)}, {_degrees(self.angle)})"


@dataclass(frozen=True, eq=False)
class Recognition:
    """What :func:`segcam_widgets.recognise` answers.

    Attributes
    ----------
    layer : str
    pooled : ndarray, (K,) float64
        What was pasted.
    matches : tuple of Match
        The recipes within `tolerance`, the best first; several where the pooled gradients cannot tell them apart. Where
        zeros were pasted: the recipes that give zero.
    nearest : Match or None
        The best of all recipes, a match or not. None where there is no direction to compare.
    alike : tuple of Match
        Where nothing matches: the recipes that cannot be told apart from the nearest.
    tried : int
        How many recipes were compared.
    tolerance : float
        Degrees.
    digits : int
        Significant ones of what was pasted.
    rough : bool
        Whether these are so few that rounding may have turned the direction by more than the tolerance.
    crossed : bool
        Whether each class was asked about over the other classes' pixels, too; with many classes it is not.
    """

    layer: str
    pooled: NDArray[np.float64] = field(repr=False)
    matches: tuple[Match, ...]
    nearest: Match | None
    alike: tuple[Match, ...]
    tried: int
    tolerance: float
    digits: int
    rough: bool
    crossed: bool

    def summary(self) -> str:
        """What was computed, in plain sentences; what speaks against it; what to do."""
        return " ".join(_sentences(self)) + (_list(self) if self._lists else "")

    @property
    def is_exact(self) -> bool:
        """Whether the match is as near as float32 allows: else the recipe may be right, and network or image another."""
        return bool(self.matches) and self.matches[0].angle <= EXACT

    @property
    def _lists(self) -> bool:
        return self.pooled.size <= FEW and len(self.matches) > 1 and bool(self.pooled.any())

    def to_frame(self) -> "pd.DataFrame":
        """One row a match, the best first; where nothing matches, the nearest and what is like it (pandas)."""
        pd = needed("pandas", "to_frame")
        left = ("region", "query")
        rows = self.matches or ((() if self.nearest is None else (self.nearest,)) + self.alike)
        columns = [name for name in Match.__dataclass_fields__ if name not in left]
        return pd.DataFrame([{name: getattr(one, name) for name in columns} for one in rows], columns=columns)

    def _repr_html_(self) -> str:
        lines = self.summary().split("\n")
        points = "".join(f"<li>{escape(line.removeprefix('- '))}</li>" for line in lines[1:])
        return f"<p>{escape(lines[0])}</p>" + (f"<ul>{points}</ul>" if points else "")

    def __repr__(self) -> str:
        more = f" and {len(self.matches) - 1} more" if len(self.matches) > 1 else ""
        if self.matches:
            zero = "" if self.pooled.any() else "zero, as "
            said = f"{zero}{cut(self.matches[0].words, 120)}{more}"
        elif self.nearest is None:
            said = "no direction to compare"
        else:
            said = f"none; nearest {cut(self.nearest.words, 100)}, {_degrees(self.nearest.angle)}"
        return f"Recognition({cut(self.layer, 40)!r}: {said})"


def _sentences(found: Recognition) -> list[str]:
    if not found.pooled.any():
        return _zeros_pasted(found)
    if found.nearest is None:
        return [
            f"Each of the {found.tried} recipes tried gives zero at {found.layer}, and your numbers are not zero: nothing "
            "that follows the layer reacts to it here. Suspects: another layer, another image, other weights."
        ]
    return _recognised(found) if found.matches else _nothing(found)


def _zeros_pasted(found: Recognition) -> list[str]:
    if found.matches:
        said = listing((one.words for one in found.matches), limit=5)
        return [f"All zero. At {found.layer} these recipes give zero, too: {said}."]
    return [
        f"All zero, and none of the {found.tried} recipes tried gives zero at {found.layer}. Suspects: an arg max or a "
        "comparison between the layer and the score, which has no gradient; the gradient by another tensor than the one that "
        "the score was computed from; numbers too small for 16 bits."
    ]


def _recognised(found: Recognition) -> list[str]:
    first = found.matches[0]
    if found._lists:  # one of many is no claim
        start = "The likeliest of those that fit is the gradient of"
        if found.pooled.size == 1:
            start = "One number has a sign and a size and no direction, so nearly any recipe fits. By its size the likeliest is"
    else:
        start = "You computed the gradient of"
    said = [f"{start} {first.words}{_scale_words(first)}.", *_turned(first), *_moved(found, first)]
    if not found.is_exact and not found.rough:
        said.append(
            f"It is {_degrees(first.angle)} off, within what is claimed, but the same recipe on the same network and image comes "
            f"within {EXACT} in float32. Suspects, unless you computed in 16 bits: {SUSPECTS}."
        )
    said.append(_weighing(first))
    if len(found.matches) > 1 and found.pooled.size > FEW:
        others = listing((one.words for one in found.matches[1:]), limit=4)
        said.append(f"From the pooled gradients it cannot be told apart from {others}.")
    if first.query is not None:
        said.append("To ask the same here: sc.explain(probe, recognition.nearest.query).")
    return said


def _turned(match: Match) -> list[str]:
    if match.is_loss:
        return [
            "Your sign is turned: a loss falls where the class rises. Multiply by -1, or take log p instead of -log p, and "
            "what speaks for the class is positive."
        ]
    if match.sign < 0:
        return ["Your sign is turned: multiply by -1, and what speaks for the class is positive."]
    return []


def _moved(found: Recognition, match: Match) -> list[str]:
    if match.place == "here":
        return []
    return [
        f"That is not at {found.layer} but {match.place} it. The two sides of an activation have different gradients: take "
        "gradients and activations from one and the same tensor."
    ]


def _weighing(match: Match) -> str:
    if SCORES[match.score].linear:
        return "Every pixel of the region weighs the same."
    return "Pixels weigh by how sure the network is of them."


def _scale_words(match: Match) -> str:
    if match.scale:
        return f", {match.scale}"
    return (
        f", scaled by {number(match.ratio)}, which none of the sums and means over region and map explains (or the direction "
        "fits by chance)"
    )


def _nothing(found: Recognition) -> list[str]:
    near = found.nearest
    assert near is not None
    like = f" (or {listing((one.words for one in found.alike), limit=2)})" if found.alike else ""
    far = ", and that far it resembles nothing" if near.angle > FAR else ""
    said = [
        f"None of these: of {found.tried} recipes tried at {found.layer} none is within {found.tolerance:g} degree. "
        f"The nearest is {near.words}{like}, {_degrees(near.angle)} away{far}."
    ]
    if found.rough and near.fits_digits:
        said += [
            f"Rounding to {found.digits} digits can turn your numbers as far, so that it may be the one. Paste more digits to "
            "be sure.",
            *_turned(near),
        ]
        return said
    if found.rough:
        said.append(f"Rounding to {found.digits} digits does not account for it.")
    said.append(f"Suspects: {SUSPECTS}.")
    if not found.crossed:
        said.append(
            "With so many classes, no class was asked about over the pixels of another: pass these as `regions`."
        )
    return said


def _list(found: Recognition) -> str:
    """All that fit, one line for what was differentiated, its regions behind it."""
    regions: dict[tuple[str, str], list[str]] = {}
    for one in found.matches:
        at = "" if one.place == "here" else f" at {one.layer}"
        fits = "" if one.scale else " (its scale is not explained)"
        regions.setdefault((one.what, at), []).append(one.where + fits)
    count = found.pooled.size
    few = "one channel" if count == 1 else f"{count} channels"
    head = f" With {few} many recipes are parallel. All that fit:"
    return head + "".join(f"\n- {what}{at} {', '.join(where)}" for (what, at), where in regions.items())


def _degrees(angle: float) -> str:
    return f"{number(float(f'{angle:.2g}'))} degrees" if angle >= 0.01 else "less than 0.01 degrees"


__all__ = ["FEW", "Match", "Recognition"]
