"""Compile likely next questions in the background, after everything that a user is waiting for."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Executor

Job = Callable[[], None]
_LOG = logging.getLogger(__name__)


class Ahead:
    """A list of work to do in the background. A newer list replaces an older one.

    Parameters
    ----------
    pool : Executor
        Of one thread. One job at a time is handed to it, so that what is wanted at once never queues behind more than that.
    """

    def __init__(self, pool: Executor) -> None:
        self._pool = pool
        self._change = threading.Condition()
        self._jobs: deque[tuple[Job, Callable[[], bool]]] = deque()
        self._running = False

    def replace(self, jobs: Iterable[Job], wanted: Callable[[], bool]) -> None:
        """Do these instead, as long as `wanted()`, which is asked before each. Returns at once."""
        with self._change:
            self._jobs = deque((job, wanted) for job in jobs)
            if self._running or not self._jobs:
                return
            self._running = True
        self._hand_in()

    def settle(self, timeout: float | None = None) -> bool:
        """Wait until nothing is left to do. False after `timeout` seconds."""
        with self._change:
            return self._change.wait_for(lambda: not self._running, timeout)

    def _hand_in(self) -> None:
        try:
            self._pool.submit(self._one)
        except RuntimeError:  # the interpreter is about to end
            self._stop()

    def _stop(self) -> None:
        with self._change:
            self._jobs.clear()
            self._running = False
            self._change.notify_all()

    def _one(self) -> None:
        """Do the first job and hand in the next: behind what was asked for meanwhile."""
        with self._change:
            if not self._jobs:
                self._stop()
                return
            job, wanted = self._jobs.popleft()
        try:
            if wanted():
                job()
        except Exception:  # where the question itself is asked, it is told
            _LOG.debug("Could not get ready ahead of need", exc_info=True)
        del job, wanted  # what they hold goes now, not with the next job
        self._hand_in()
