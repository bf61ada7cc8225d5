"""`recognise`: find the recipe that gives the pooled gradients of a user's own script."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.core.answers import LayerInfo, Progress
from segcam_widgets.core.probe import Probe
from segcam_widgets.core.recognition.pasted import Pasted, read_pooled
from segcam_widgets.core.recognition.recipes import Candidate, Catalogue
from segcam_widgets.core.recognition.recognition import Match, Recognition
from segcam_widgets.core.regions.base import Region, must_be_region
from segcam_widgets.core.resolve import must_be_probe
from segcam_widgets.core.support.checks import must_be_finite
from segcam_widgets.core.support.progress import report
from segcam_widgets.errors import SegCamError, shown

Array64 = NDArray[np.float64]

TOLERANCE = 0.1
"""Degrees within which a recipe is claimed."""
TIE = 0.002
"""Degrees that float32 leaves open: between two so close, the scale and what people usually ask decide."""
SCALE_TOLERANCE = 0.01
"""By how much a ratio may differ from the sum or mean that is to explain it."""
BESIDE = 2
"""Layers before and after that are tried: a convolution, its batch normalisation, its ReLU."""


def recognise(
    probe: Probe,
    layer: str,
    pooled: object,
    regions: Region | Sequence[Region] | None = None,
    progress: Progress | None = None,
) -> Recognition:
    """Say which recipe gives the pooled gradients that a script of one's own has computed.

    Tried are all scores, of every class, over the pixels predicted as it, all pixels, the pixels of each other class, its
    true pixels and the regions given; with the sign of a loss; a class against one rival; all classes summed, and each
    pixel's predicted or true class (a training loss); at the layer, and at the layers beside it that have its shape.

    Parameters
    ----------
    probe : Probe
        With the image, and the weights, of that script.
    layer : str
    pooled : array_like (K,), or str
        The gradients of the score by the layer's output, their mean or sum over the map. A string is read as numpy or
        TensorFlow print it.
    regions : Region or sequence of Region, optional
        Tried besides.
    progress : callable, optional
        ``progress(fraction, text) -> bool``; False cancels.

    Returns
    -------
    Recognition
        A recipe is claimed only where its direction is within 0.1 degree of the pasted one; else the nearest is named.

    Raises
    ------
    SegCamError
        `pooled` is not K finite numbers; something in `regions` is no region.
    EmptyRegionError
        A region given has no pixel.
    UnknownLayerError, DisconnectedLayerError, NonFiniteError, Cancelled

    Notes
    -----
    One backward pass for each score, class and region at each layer tried: about 130 of 1 ms on the shipped demo's tail. With
    more than 8 classes no class is asked about over the pixels of another.
    """
    must_be_probe(probe)
    probe.refresh()
    info = probe.layer(layer)
    pasted = read_pooled(pooled, info, probe.layers)
    must_be_finite("logits", probe.logits, info.name)
    catalogue = Catalogue(probe, _regions(regions))
    places = _places(probe.layers, info)
    found = []
    for number, (place, one) in enumerate(places):
        span = (number / len(places), (number + 1) / len(places))
        found += [(place, candidate) for candidate in catalogue.at(one, progress, span)]
    report(progress, 1.0, "done")
    matches, nearest, alike = _compare(found, pasted, probe, info)
    return Recognition(
        layer=info.name,
        pooled=pasted.numbers,
        matches=matches,
        nearest=nearest,
        alike=alike,
        tried=len(found),
        tolerance=TOLERANCE,
        digits=pasted.digits,
        rough=pasted.is_rough,
        crossed=catalogue.crossed,
    )


def _regions(given: object) -> list[Region]:
    if given is None:
        return []
    if isinstance(given, Region):
        return [given]
    if not isinstance(given, Sequence) or isinstance(given, str):
        raise SegCamError(f"`regions` must be a region, or a list of regions. Received: {shown(given)}.")
    for region in given:
        must_be_region(region, "regions")
    return list(dict.fromkeys(given))


def _places(layers: Sequence[LayerInfo], info: LayerInfo) -> list[tuple[str, LayerInfo]]:
    """The layer, and those beside it in graph order as long as their shape is the same."""
    here = [one.name for one in layers].index(info.name)
    found = [("here", info)]
    for place, step in (("before", -1), ("after", 1)):
        for far in range(1, BESIDE + 1):
            at = here + step * far
            if not 0 <= at < len(layers) or layers[at].shape != info.shape:
                break
            found.append((place, layers[at]))
    return found


def _compare(
    found: list[tuple[str, Candidate]], pasted: Pasted, probe: Probe, info: LayerInfo
) -> tuple[tuple[Match, ...], Match | None, tuple[Match, ...]]:
    """(matches, nearest, alike)."""
    if not pasted.numbers.any():
        nothing = [_match(place, one, pasted, probe, info) for place, one in found if one.is_zero]
        return tuple(sorted(nothing, key=_likelihood)), None, ()
    pairs = [(_match(place, one, pasted, probe, info), one.vector) for place, one in found if not one.is_zero]
    # minus the margin of one class against another is the margin of the other: that is tried, too
    pairs = [
        (match, vector) for match, vector in pairs if match.sign > 0 or match.query is None or match.query.rival is None
    ]
    matches, vectors = [match for match, _ in pairs], [vector for _, vector in pairs]
    if not matches:
        return (), None, ()
    some_fit = any(one.fits_digits for one in matches)  # else rounding was not all that happened to them
    fitting = [one.fits_digits or not some_fit for one in matches]
    best = min(one.angle for one, fits in zip(matches, fitting, strict=True) if fits)
    order = sorted(range(len(matches)), key=lambda at: _rank(matches[at], best))
    within = [matches[at] for at in order if matches[at].angle <= TOLERANCE and fitting[at] and _claimed(matches[at])]
    if within:
        return tuple(within), within[0], ()
    nearest = order[0]
    own = matches[nearest].sign * vectors[nearest]
    alike = [at for at in order[1:] if _angle(own, matches[at].sign * vectors[at]) <= TOLERANCE]
    return (), matches[nearest], tuple(matches[at] for at in alike)


def _rank(match: Match, best: float) -> tuple[bool, float, bool, tuple[int, ...]]:
    """What contradicts the digits comes last; then the angle decides; where it cannot, the scale, and what people usually ask."""
    tied = match.angle <= best + TIE
    return not match.fits_digits, 0.0 if tied else match.angle, not match.scale, _likelihood(match)


def _claimed(match: Match) -> bool:
    """Nobody mixes classes and scales by an odd number: among so many recipes some come near a direction by chance."""
    return match.class_index is not None or bool(match.scale)


def _likelihood(match: Match) -> tuple[int, ...]:
    return (
        match.place != "here",
        match.class_index is None,
        match.sign < 0 and not match.is_loss,
        match.query is not None and match.query.rival is not None,
    )


def _match(place: str, one: Candidate, pasted: Pasted, probe: Probe, info: LayerInfo) -> Match:
    recipe, names = one.recipe, probe.class_names
    sign, angle, ratio, scale, fits = 1, 0.0, 0.0, "", True
    if pasted.numbers.any():
        along = float(_unit(one.vector) @ _unit(pasted.numbers))
        sign = -1 if along < 0 else 1
        vector = sign * one.vector
        angle = _angle(vector, pasted.numbers)
        ratio = float(_unit(vector) @ pasted.numbers / np.linalg.norm(vector))
        scale = _scale(ratio, one, probe, info, pasted)
        fits = not pasted.is_rough or _within_rounding(vector, pasted)
    return Match(
        layer=recipe.layer,
        place=place,
        score=recipe.score,
        class_index=recipe.class_index,
        region=recipe.region,
        pixels=one.pixels,
        sign=sign,
        angle=angle,
        ratio=ratio,
        scale=scale,
        fits_digits=fits,
        what=recipe.what(names, sign),
        where=recipe.where(names),
        query=recipe.query,
    )


def _scale(ratio: float, one: Candidate, probe: Probe, info: LayerInfo, pasted: Pasted) -> str:
    """Which sums and means give the ratio, the ones that come closest; "" where none is within tolerance."""
    cells, outputs = info.shape[0] * info.shape[1], probe.labels.size
    over = {"mean over the region": 1.0, "sum over the region": float(one.pixels)}
    if one.pixels < outputs:
        over["mean over the whole output, zero outside the region"] = one.pixels / outputs
    named = {
        f"{where}, {how}": factor * count
        for how, count in (("mean over the map", 1), ("sum over the map", cells))
        for where, factor in over.items()
    }
    rounding = float(pasted.half_units.max() / np.abs(pasted.numbers).max())
    off = {words: abs(ratio / factor - 1) for words, factor in named.items()}
    for tolerance in (SCALE_TOLERANCE, SCALE_TOLERANCE + rounding):
        fitting = [words for words, by in off.items() if by <= tolerance]
        if fitting:
            return ", or ".join(fitting)
    return _normalised(pasted.numbers)


def _normalised(numbers: Array64) -> str:
    for words, length in (
        ("divided by their largest magnitude", np.abs(numbers).max()),
        ("divided by their length", np.linalg.norm(numbers)),
        ("divided by their root mean square", np.sqrt((numbers**2).mean())),
    ):
        if abs(length - 1) <= SCALE_TOLERANCE:
            return words
    return ""


def _within_rounding(vector: Array64, pasted: Pasted) -> bool:
    """Whether some multiple of the vector rounds to the numbers pasted."""
    slack = pasted.half_units + 1e-6 * np.abs(pasted.numbers).max()
    flat = vector == 0
    if (np.abs(pasted.numbers[flat]) > slack[flat]).any():
        return False
    ends = np.stack([pasted.numbers - slack, pasted.numbers + slack])[:, ~flat] / vector[~flat]
    return bool(max(ends.min(0).max(), 0.0) <= ends.max(0).min())


def _unit(vector: Array64) -> Array64:
    scaled = vector / np.abs(vector).max()  # first: squares of very small numbers are zero
    unit: Array64 = scaled / np.linalg.norm(scaled)
    return unit


def _angle(one: Array64, other: Array64) -> float:
    """Degrees. Of the sum and the difference: the arc cosine would lose all digits near zero."""
    a, b = _unit(one), _unit(other)
    return float(np.degrees(2 * np.arctan2(np.linalg.norm(a - b), np.linalg.norm(a + b))))
