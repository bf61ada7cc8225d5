"""Maps from votes while a region is dragged; the votes are collected in idle time. No widgets and no drawing here.

Gradients are quick where little of the network follows the layer, and there they are shown at once. Deeper in, the votes of
the question on view are collected in pauses, one channel after the other, and a drag then costs one contraction per
map. The gradients follow in the next pause; every answer that is not a preview has them.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from segcam_widgets.core.explanation.explain import explain
from segcam_widgets.core.explanation.explanation import Explanation
from segcam_widgets.core.probe import Probe
from segcam_widgets.core.query import CamQuery
from segcam_widgets.core.resolve import resolve
from segcam_widgets.core.votes.basis import Question, QuestionBasis
from segcam_widgets.core.votes.collect import BUDGET, Collector, bytes_needed
from segcam_widgets.core.votes.field import VoteField
from segcam_widgets.core.votes.preview import METHOD, Preview, preview
from segcam_widgets.errors import Cancelled, SegCamError
from segcam_widgets.session.worker import NewestWins

QUICK_SECONDS = 0.01
"""A gradient this quick is shown at once: a preview takes 1 to 3 ms, and the browser far longer than both."""
PATIENCE_SECONDS = 12.0
"""Votes that would take longer to collect are not begun: one pushforward per channel, about as long as a gradient each."""
REST_SECONDS = 0.8
"""Without a question before votes are collected: the diagnosis of what is on view comes first."""
HELD = BUDGET // 2
"""Bytes of votes that a view may hold."""
PAUSE_SECONDS = 0.12
"""A hand that rests this long gets its gradients."""

Wanted = Callable[[], bool]


@dataclass(frozen=True)
class Topic:
    """What votes are about."""

    probe: Probe
    layer: str
    question: Question

    def __eq__(self, other: object) -> bool:  # a probe is itself and no other; some compare by their arrays
        if not isinstance(other, Topic) or self.probe is not other.probe:
            return False
        return (self.layer, self.question) == (other.layer, other.question)

    __hash__ = None  # type: ignore[assignment]

    @classmethod
    def of(cls, probe: Probe, query: CamQuery) -> "Topic":
        """Of a resolved query."""
        return cls(probe, query.layer, Question.of(query))


class Previews:
    """The votes of one question, of the one view that asks.

    Parameters
    ----------
    budget : int
        Bytes of votes held.
    """

    def __init__(self, budget: int = HELD) -> None:
        self.worker: NewestWins[Topic, VoteField] = NewestWins(
            self._collect, self._keep, self._refuse, name="segcam-votes"
        )
        self.budget = budget
        self._held: tuple[Topic, VoteField] | None = None
        self._begun: tuple[Topic, Collector] | None = None
        self._refused: set[str] = set()  # layers that nothing can be pushed through
        self._times: dict[str, list[float]] = {}
        self._probe: Probe | None = None

    @property
    def ready(self) -> bool:
        """Whether there are votes for some question."""
        return self._held is not None

    def explained(
        self, probe: Probe, query: CamQuery, wanted: Wanted, show: Callable[[Preview], None] | None = None
    ) -> Explanation:
        """Answer a query; while a region is dragged (`show` is given), first with a preview where that is quicker.

        Raises
        ------
        Cancelled
            A preview was shown, and the drag went on before the gradients were asked for.
        SegCamError
            As :func:`segcam_widgets.explain`.
        """
        seen = None if show is None else self.preview(probe, query)
        if seen is not None and show is not None:
            show(seen)
            _must_last(wanted, PAUSE_SECONDS)
        start = time.perf_counter()
        answer = explain(probe, query)
        self.learn(probe, answer, time.perf_counter() - start)
        return answer

    def preview(self, probe: Probe, query: CamQuery) -> Preview | None:
        """The map from votes; None where there are none for this question, or the question has no answer."""
        held = self._held
        if held is None or query.method != METHOD:
            return None
        topic, field = held
        try:
            resolved = resolve(query, probe)
            if topic != Topic.of(probe, resolved):
                return None
            if field.current:
                return preview(probe, field, resolved)
            self._forget()
        except SegCamError:  # the gradients' way says what is wrong
            pass
        return None

    def learn(self, probe: Probe, explanation: Explanation, seconds: float) -> None:
        """A query was answered with gradients in so many seconds: collect votes at rest, if they would be quicker."""
        query = explanation.query
        if probe is not self._probe:
            self._probe, self._times, self._refused = probe, {}, set()
            self._forget()
        times = self._times.setdefault(query.layer, [])
        times.append(seconds)
        del times[:-8]
        topic = Topic.of(probe, query)
        if (self._held is None or self._held[0] != topic) and self._worthwhile(probe, query, times):
            self.worker.submit(topic)

    def _worthwhile(self, probe: Probe, query: CamQuery, times: list[float]) -> bool:
        layer = probe.layer(query.layer)
        usual = min(times)
        quick = len(times) < 2 or usual < QUICK_SECONDS  # the first traces the tail
        if query.method != METHOD or quick or query.layer in self._refused or layer.shape[2] * usual > PATIENCE_SECONDS:
            return False
        return bytes_needed(probe, layer, QuestionBasis((Question.of(query),), probe)) <= self.budget

    def interrupt(self) -> None:
        """Something is asked: what is being collected waits, and is taken up again when the same question rests."""
        self.worker.cancel()

    def _forget(self) -> None:
        self._held = self._begun = None

    # -------------------------------------------------------------- on the worker's thread

    def _collect(self, topic: Topic, wanted: Wanted) -> VoteField:
        _must_last(wanted, REST_SECONDS)
        begun = self._begun
        if begun is None or begun[0] != topic or not begun[1].current:
            basis = QuestionBasis((topic.question,), topic.probe)
            # one channel at a time costs hardly more than eight together, and lets go soon
            begun = (topic, Collector(topic.probe, topic.probe.layer(topic.layer), basis, chunk=1))
            self._held, self._begun = None, begun  # never two of them
        while not begun[1].finished:
            if not wanted():
                raise Cancelled("A question came.")
            begun[1].step()
        return begun[1].result()

    def _keep(self, topic: Topic, field: VoteField) -> None:
        if topic.probe is self._probe:
            self._held, self._begun = (topic, field), None

    def _refuse(self, topic: Topic, error: Exception) -> None:
        """Say nothing: gradients still answer, and the user did not ask for votes."""
        if topic.probe is self._probe:
            self._refused.add(topic.layer)

    def close(self) -> None:
        """End the worker, and let go of the votes."""
        self.worker.close()
        self._forget()
        self._probe = None


def _must_last(wanted: Wanted, seconds: float) -> None:
    """Wait. Raises Cancelled where something newer is wanted meanwhile."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if not wanted():
            raise Cancelled("A newer question came.")
        time.sleep(0.005)
