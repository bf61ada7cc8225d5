"""`faithfulness`: check the question, make the maps, and run the tests in turn."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from segcam_widgets.core.answers import Progress
from segcam_widgets.core.explanation.explain import explain
from segcam_widgets.core.explanation.explanation import Explanation
from segcam_widgets.core.probe import Probe
from segcam_widgets.core.query import CamQuery
from segcam_widgets.core.resolve import must_be_probe, region_mask, resolve
from segcam_widgets.core.scores import SCORES
from segcam_widgets.core.support.progress import report
from segcam_widgets.errors import Cancelled, SegCamError
from segcam_widgets.evaluation.arena import Arena
from segcam_widgets.evaluation.arguments import (
    TestMap,
    chosen,
    must_be_numbers,
    must_be_set_to,
    other_classes,
    own_maps,
    questions,
)
from segcam_widgets.evaluation.classes import ClassTest, class_test
from segcam_widgets.evaluation.curves.cascade import Cascade, Randomisable, cascade
from segcam_widgets.evaluation.curves.channels import ChannelTest, channel_test
from segcam_widgets.evaluation.curves.curves import (
    SCOPES,
    Curve,
    Meter,
    Perturbation,
    perturb,
    pixel_layer,
    scope_pixels,
)
from segcam_widgets.evaluation.curves.fills import FILLS
from segcam_widgets.evaluation.curves.ranking import UPSAMPLING, cell_side
from segcam_widgets.evaluation.curves.references import REFERENCES, Scene
from segcam_widgets.evaluation.result import Faithfulness

CHECKS: tuple[str, ...] = ("curves", "channels", "classes", "cascades")
"""What `faithfulness` can do: deletion and insertion of pixels, of channels, the random-class test, the cascading
randomisation."""


def faithfulness(
    probe: Probe,
    query: CamQuery,
    methods: str | CamQuery | Iterable[str | CamQuery] | None = None,
    *,
    maps: Mapping[str, ArrayLike] | None = None,
    checks: Sequence[str] = CHECKS,
    scopes: Sequence[str] = SCOPES,
    fill: str = "blur",
    cell: int | None = None,
    steps: int = 16,
    draws: int = 5,
    to: str = "baseline",
    orders: int = 19,
    classes: Sequence[int | str] | None = None,
    stages: int | None = 10,
    redraws: int = 2,
    seed: int = 0,
    budget: int = 256 * 2**20,
    progress: Progress | None = None,
) -> Faithfulness:
    """Measure maps against what the network really does, beside three maps that know nothing of it.

    Parameters
    ----------
    probe : Probe
        From :func:`segcam_widgets.open_probe`.
    query : CamQuery
        The class, the region, and the score that everything is measured with.
    methods : iterable of str or CamQuery, optional
        Methods by name, asked at the query's layer with its baseline; or whole questions, for other layers, baselines or
        options. Default: the query's own method. ``sc.METHODS`` is all of them.
    maps : mapping of str to array-like, optional
        Maps of your own by name, (h, w) on any grid, signed.
    checks : sequence of str
        Out of "curves" (deletion and insertion of pixels), "channels" (the same of the layer's channels), "classes" (the
        random-class test), "cascades" (parameter randomisation).
    scopes : sequence of str
        Whose pixels are taken away: "region", "context" (all others), "everywhere".
    fill : {"blur", "mean", "zero"}
        What they are replaced with.
    cell : int, optional
        Side, in pixels of the input, of the squares that are taken away together; default 1/20 of the input's longer side.
        1 is RISE's own, pixel by pixel: it favours fine-grained maps in deletion, and smooth ones in insertion.
    steps : int
        Parts of a curve; 2 or more.
    draws : int
        How many random maps; 2 or more. To a map that knows nothing it happens once in ``draws + 1`` comparisons that it is
        better than each of them.
    to : str
        What a channel is set to when it is deleted: one of ``sc.BASELINES``, or "baseline" for the query's. Maps order
        channels by their contribution relative to it.
    orders : int
        How many random orders of channels; all of them where there are four channels or fewer.
    classes : sequence of int or str, optional
        The other classes of the random-class test; default all, eight at most.
    stages : int, optional
        At most so many in the cascade; None for one per layer.
    redraws : int
        How many times weights are drawn.
    seed : int
    budget : int
        Bytes for perturbed images that are run together.
    progress : callable, optional
        ``progress(fraction, text) -> bool``; False cancels.

    Returns
    -------
    Faithfulness

    Raises
    ------
    EmptyRegionError, UnknownLayerError, DisconnectedLayerError, NonFiniteError, Cancelled
        As :func:`segcam_widgets.explain`.
    UnsupportedModelError
        The input's pixels cannot be changed: the network's first layer is not an image of real numbers.
    SegCamError
        Any other argument; the message names it.

    Notes
    -----
    Channels are ordered by their signed contribution to the map inside the region, the most positive first.

    Maps are enlarged to the input's grid (bilinear, half-pixel centres) and ordered by their *signed* values: most positive
    first, most negative last, equal ones in random order. So only the order counts, and no ReLU is applied.

    References
    ----------
    Petsiuk, Das & Saenko, "RISE", BMVC 2018, arXiv 1806.07421: deletion and insertion.
    Adebayo et al., "Sanity checks for saliency maps", NeurIPS 2018, arXiv 1810.03292: cascading randomisation, and the edge
    detector beside the methods.
    Tomsett et al., "Sanity checks for saliency metrics", AAAI 2020, arXiv 1912.01451: one image says little; such metrics
    vary between images and with the fill, and rank methods inconsistently.
    """
    must_be_probe(probe)
    report(progress, 0.0, "checking")
    probe.refresh()
    asked = resolve(query, probe)
    asked_for = questions(methods, asked, probe)
    checks, scopes = chosen("checks", checks, CHECKS), chosen("scopes", scopes, SCOPES)
    filler, to = FILLS.find(fill), must_be_set_to(to, str(asked.baseline))
    must_be_numbers(
        steps=(steps, 2), draws=(draws, 2), orders=(orders, 1), redraws=(redraws, 1), seed=(seed, 0), budget=(budget, 1)
    )
    must_be_numbers(stages=(stages, 1), cell=(cell, 1), optional=True)
    others = other_classes(classes, asked, probe, seed)
    own = own_maps(maps, list(asked_for))
    x = np.asarray(probe.activations(pixel_layer(probe)), np.float32)
    meter = Meter.of(probe, asked, region_mask(probe, asked))

    explained, refused = _explained(probe, asked_for, _part(progress, 0.0, 0.1))
    if not explained and not own:
        raise next(
            iter(refused.values()), SegCamError("`methods` or `maps` must hold one map or more. Received: none.")
        )
    scene = Scene(x, meter.mask, probe.layer(asked.layer).shape[:2], np.random.default_rng(seed))
    arena = Arena(
        [TestMap(name, e.summary(), e.cam, e) for name, e in explained.items()] + own,
        {name: [r.compute(scene) for _ in range(draws if r.drawn else 1)] for name, r in REFERENCES.items()},
        meter.mask,
        (x.shape[0], x.shape[1]),
    )
    side = cell_side(arena.size) if cell is None else cell
    name, notes = probe.class_names[int(asked.class_index)], []
    curves: tuple[Curve, ...] = ()
    if "curves" in checks:
        pixels = {scope: scope_pixels(scope, meter.mask, arena.size) for scope in scopes}
        plan = Perturbation(x, filler.compute(x), {s: p for s, p in pixels.items() if len(p) > 1}, steps, side, seed)
        notes += [f"The scope {scope!r} has no pixels here." for scope in scopes if scope not in plan.pixels]
        if not meter.before.any():
            notes.append(
                f"No pixel of the region is predicted as {name}: there is no overlap to keep, only one to gain."
            )
        curves = perturb(probe, meter, arena.ranked(), plan, budget=budget, progress=_part(progress, 0.1, 0.55))
    channels: ChannelTest | None = None
    if "channels" in checks:
        part = _part(progress, 0.55, 0.6)
        channels = channel_test(
            probe, meter, explained, to=to, steps=steps, orders=orders, seed=seed, budget=budget, progress=part
        )
        notes += _left_out(explained, asked.layer)
    tests: tuple[ClassTest, ...] = ()
    if "classes" in checks:
        tests = class_test(probe, explained, others, _part(progress, 0.6, 0.7))
    cascades: tuple[Cascade, ...] = ()
    if "cascades" in checks and isinstance(probe, Randomisable) and probe.weighted_layers:
        part = _part(progress, 0.7, 1.0)
        cascades = cascade(probe, explained, stages=stages, redraws=redraws, seed=seed, progress=part)
    elif "cascades" in checks:
        notes.append("Weights cannot be drawn at random here: this probe has no way to exchange them for a moment.")
    report(progress, 1.0, "done")
    assert asked.region is not None  # resolved
    where = f"region: {asked.region.describe(probe.class_names)} ({int(meter.mask.sum())} px)"
    return Faithfulness(
        query=asked,
        subject=f"{name} at {asked.layer}, {SCORES[str(asked.score)].title}, {where}",
        contenders=tuple(arena.contenders()),
        curves=curves,
        classes=tests,
        cascades=cascades,
        chance=arena.chance(),
        refused={method: str(error) for method, error in refused.items()},
        settings={
            "score": f"S, the mean of {SCORES[str(asked.score)].formula} over the region",
            "pixels replaced with": filler.title,
            "order": f"squares of {side} x {side} px by the mean rank of their signed values, the highest first, no ReLU, equal "
            f"ones shuffled; maps enlarged {UPSAMPLING}",
            "chance": f"{draws} random maps (a map that knows nothing is better than each of them once in {draws + 1} "
            f"comparisons), weights drawn {redraws} times, seed {seed}",
        },
        notes=tuple(notes),
        channels=channels,
    )


def _left_out(explained: Mapping[str, Explanation], layer: str) -> list[str]:
    """Which maps order no channels, and why."""
    elsewhere = [name for name, one in explained.items() if one.query.layer != layer]
    without = [name for name, one in explained.items() if one.query.layer == layer and not one.weights.size]
    said = []
    if without:
        said.append(f"No order of channels from {', '.join(without)}: no weights.")
    if elsewhere:
        said.append(f"No order of the channels of {layer} from {', '.join(elsewhere)}: another layer's.")
    return said


def _part(progress: Progress | None, start: float, stop: float) -> Progress | None:
    """A progress function whose 0 to 1 are `start` to `stop` of the whole."""
    if progress is None:
        return None
    return lambda fraction, text: progress(start + (stop - start) * fraction, text)


def _explained(
    probe: Probe, questions: Mapping[str, CamQuery], progress: Progress | None
) -> tuple[dict[str, Explanation], dict[str, SegCamError]]:
    """The maps, and what came instead of a map."""
    found: dict[str, Explanation] = {}
    refused: dict[str, SegCamError] = {}
    for number, (name, question) in enumerate(questions.items()):
        part = _part(progress, number / len(questions), (number + 1) / len(questions))
        report(part, 0.0, name)
        try:
            found[name] = explain(probe, question, part)
        except Cancelled:
            raise
        except SegCamError as error:
            refused[name] = error
    return found, refused
