"""A worker that answers a view's queries."""

from collections.abc import Callable

from segcam_widgets.core.explanation.explain import explain
from segcam_widgets.core.explanation.explanation import Explanation
from segcam_widgets.core.methods import METHODS
from segcam_widgets.core.probe import Preparing, Probe
from segcam_widgets.core.query import CamQuery
from segcam_widgets.core.resolve import score_input
from segcam_widgets.core.scores import SCORES
from segcam_widgets.session.worker import REACH, NewestWins


def is_slow(query: CamQuery) -> bool:
    """Whether a query's method runs the network many times."""
    return query.method in METHODS and METHODS[query.method].slow


def beside(probe: Probe, layer: str, reach: int = REACH) -> list[str]:
    """The layers on either side of one, where a slider goes next: the nearest first, and of two the one behind."""
    names = [info.name for info in probe.layers]
    here = names.index(layer)
    steps = [step for distance in range(1, reach + 1) for step in (distance, -distance)]
    return [names[here + step] for step in steps if 0 <= here + step < len(names)]


def explainer(
    show: Callable[[tuple[Probe, CamQuery], Explanation], None],
    fail: Callable[[tuple[Probe, CamQuery], Exception], None],
    busy: Callable[[bool], None] = lambda _: None,
    tell: Callable[[float, str], None] = lambda fraction, text: None,
    quick: Callable[[tuple[Probe, CamQuery], Callable[[], bool]], Explanation] = lambda request, wanted: explain(
        *request
    ),
) -> NewestWins[tuple[Probe, CamQuery], Explanation]:
    """A worker that answers (probe, query) with an explanation, and at rest lets the probe get ready for the next layers.

    A quick method is always finished: during a drag its picture follows the pointer. A slow one says how far it is, to `tell`,
    and is given up as soon as something newer is asked. How a quick one is answered can be replaced by
    ``quick(request, wanted)``.
    """

    def work(request: tuple[Probe, CamQuery], wanted: Callable[[], bool]) -> Explanation:
        probe, query = request
        if not is_slow(query):
            return quick(request, wanted)

        def progress(fraction: float, text: str) -> bool:
            NewestWins._call(tell, fraction, text)
            return wanted()

        return explain(probe, query, progress)

    def rest(request: tuple[Probe, CamQuery], answer: Explanation, wanted: Callable[[], bool]) -> None:
        probe, query = request[0], answer.query
        if isinstance(probe, Preparing):
            cotangent = SCORES[str(query.score)].cotangent(score_input(probe, query, answer.mask))
            probe.prepare(beside(probe, query.layer), cotangent, wanted)

    return NewestWins(work, show, fail, busy, name="segcam-session", rest=rest)
