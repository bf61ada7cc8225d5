"""The current query of one view, answered by a worker: the newest request wins. No widgets and no drawing here.

Requests may come from any thread (Jupyter calls handlers on two); the work is done on one thread of the session's
own, which starts with the first request and ends when there has been none for a while, so that a forgotten view costs
nothing.
"""

import atexit
import logging
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from segcam_widgets.errors import Cancelled

Request = TypeVar("Request")
Answer = TypeVar("Answer")
IDLE_SECONDS = 5.0
REST_SECONDS = 0.3
"""Idle seconds before neighbouring layers are compiled ahead; longer than a pause in mid-drag."""
REACH = 2
"""Neighbouring layers, on either side of the one on view, that are compiled ahead."""
END_SECONDS = 10.0
_LOG = logging.getLogger(__name__)
_WORKERS: "weakref.WeakSet[NewestWins[Any, Any]]" = weakref.WeakSet()


@dataclass(frozen=True, slots=True)
class Counts:
    """How many requests met which fate so far. submitted == answered + failed + dropped + cancelled once idle."""

    submitted: int = 0
    answered: int = 0
    failed: int = 0
    dropped: int = 0
    cancelled: int = 0


class NewestWins(Generic[Request, Answer]):
    """One worker with room for one waiting request.

    A request that is replaced before its turn is dropped. An answer that is finished while a newer request waits is
    still shown: during a drag the picture follows the pointer. No older answer is ever shown after a newer one.

    Parameters
    ----------
    work : callable
        ``work(request, wanted) -> answer``, on the worker's thread; `wanted()` turns False once a newer request waits,
        for work that takes long and would rather be given up (raise Cancelled).
    show : callable
        ``show(request, answer)``, on the worker's thread.
    fail : callable
        ``fail(request, error)``, on the worker's thread.
    busy : callable
        ``busy(bool)``, when work begins and when nothing is left to do.
    rest : callable, optional
        ``rest(request, answer, wanted)``, on the worker's thread, once there has been no request for a moment since that
        answer. It must return soon; `wanted()` turns False for good with the next request.
    """

    def __init__(
        self,
        work: Callable[[Request, Callable[[], bool]], Answer],
        show: Callable[[Request, Answer], None],
        fail: Callable[[Request, Exception], None],
        busy: Callable[[bool], None] = lambda _: None,
        name: str = "segcam",
        *,
        rest: Callable[[Request, Answer, Callable[[], bool]], None] | None = None,
    ) -> None:
        self._work, self._show, self._fail, self._busy, self._name = work, show, fail, busy, name
        self._rest = rest
        self._over = threading.Event()  # the rest after the last answer
        self._change = threading.Condition()
        self._waiting: tuple[Request] | None = None
        self._thread: threading.Thread | None = None
        self._running = False
        self._stopped = False  # the running request was cancelled
        self._closed = False
        self._counts = dict.fromkeys(Counts.__slots__, 0)
        _WORKERS.add(self)

    @property
    def counts(self) -> Counts:
        with self._change:
            return Counts(**self._counts)

    def submit(self, request: Request) -> None:
        """Ask; returns at once, on any thread. Does nothing after `close`."""
        with self._change:
            if self._closed:
                return
            self._counts["submitted"] += 1
            self._over.set()
            if self._waiting is not None:
                self._counts["dropped"] += 1
            self._waiting = (request,)
            if self._thread is None:
                self._thread = threading.Thread(target=self._loop, name=self._name, daemon=True)
                self._thread.start()
            self._change.notify_all()

    def _superseded(self) -> bool:
        with self._change:
            return self._waiting is not None or self._stopped or self._closed

    def _next(self) -> tuple[Request] | None:
        """The waiting request; None after a while without one, when the thread is to end."""
        with self._change:
            self._change.wait_for(lambda: self._waiting is not None or self._closed, timeout=IDLE_SECONDS)
            taken, self._waiting = self._waiting, None
            if taken is None or self._closed:
                self._thread = None
                self._change.notify_all()
                return None
            self._running, self._stopped = True, False
            return taken

    def _loop(self) -> None:
        while (taken := self._next()) is not None:
            self._call(self._busy, True)
            outcome, answer = self._answer(taken[0])
            with self._change:
                self._counts[outcome] += 1
                self._running = False
                idle = self._waiting is None
                self._change.notify_all()
            if idle:
                self._call(self._busy, False)
                if answer is not None and self._rest is not None:
                    self._take_rest(taken[0], answer[0])
            del answer

    def _answer(self, request: Request) -> tuple[str, tuple[Answer] | None]:
        """What became of a request, and the answer where there is one."""
        try:
            answer = self._work(request, lambda: not self._superseded())
            if self._closed or self._stopped:
                return "cancelled", None
            self._show(request, answer)
        except Cancelled:
            return "cancelled", None
        except Exception as error:  # whatever went wrong is shown in the view, never lost on a thread
            self._call(self._fail, request, error)
            return "failed", None
        return "answered", (answer,)

    def _take_rest(self, request: Request, answer: Answer) -> None:
        """Unless something is asked in the next moment, think of what may come."""
        with self._change:
            if self._change.wait_for(lambda: self._waiting is not None or self._closed, REST_SECONDS):
                return
            over = self._over = threading.Event()
        assert self._rest is not None
        # not a method: work ahead must not keep a view alive
        self._call(self._rest, request, answer, lambda: not over.is_set())

    @staticmethod
    def _call(function: Callable[..., None], *arguments: object) -> None:
        """A view that is being torn down must not end the worker."""
        try:
            function(*arguments)
        except Exception:  # there is nowhere left to show it
            _LOG.debug("A view could not be told", exc_info=True)

    def flush(self, timeout: float = 30.0) -> bool:
        """Wait until nothing waits and nothing runs. False after `timeout` seconds."""
        with self._change:
            return self._change.wait_for(lambda: self._waiting is None and not self._running, timeout)

    def cancel(self) -> bool:
        """Drop the waiting request and cancel the running one, unseen. Returns whether there was anything to stop."""
        with self._change:
            stopped = self._running or self._waiting is not None
            self._stopped = self._running
            self._counts["dropped"] += self._waiting is not None
            self._waiting = None
            self._change.notify_all()
            return stopped

    def close(self, timeout: float = 0.0) -> None:
        """Drop what waits and end the thread; what is running ends unseen, and is waited for `timeout` seconds at most."""
        with self._change:
            self._closed = True
            self._over.set()
            self._counts["dropped"] += self._waiting is not None
            self._waiting = None
            self._change.notify_all()
            self._change.wait_for(lambda: self._thread is None, timeout)


@atexit.register
def _close_all() -> None:
    """Python ends daemon threads in the midst of TensorFlow's code, which then aborts the whole process."""
    for worker in list(_WORKERS):
        worker.close(END_SECONDS)
