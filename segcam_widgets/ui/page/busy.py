"""Busy indicator, with progress and a Cancel button for slow work."""

import threading
import time
from collections.abc import Callable
from html import escape
from typing import Any

import ipywidgets as W

from segcam_widgets.core.text.numbers import percent

SOON = 0.2
"""Seconds of work before the indicator appears: while drawing, every answer would cost two messages that nobody sees."""
OFTEN = 0.1
"""Seconds between two updates of the progress bar."""
WORKING = "working …"


class Waiting(W.HBox):
    """Progress and a Cancel button, hidden until some work takes long; the style sheet sets the delay.

    Parameters
    ----------
    on_stop : callable
        Called without arguments when the user presses Cancel.
    """

    def __init__(self, on_stop: Callable[[], None]) -> None:
        self._told = 0.0
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self.words = W.HTML(WORKING)
        self.stop = W.Button(
            description="Cancel",
            tooltip="Cancel the computation; the picture stays as it is",
            layout=W.Layout(width="auto"),
        )
        self.stop.layout.display = "none"
        super().__init__([self.words, self.stop])
        self.add_class("segcam-busy")
        self.stop.on_click(lambda _: on_stop())

    def show(self, on: bool) -> None:
        """Work begins, or nothing is left to do."""
        with self._lock:
            self._told = 0.0
            self.words.value = WORKING
            self.stop.layout.display = "none"
            self._end_timer()
            if on:
                self._timer = threading.Timer(SOON, self._appear)
                self._timer.daemon = True
                self._timer.start()
            else:
                self.remove_class("segcam-on")

    def _appear(self) -> None:
        with self._lock:
            if threading.current_thread() is self._timer:  # not of work that ended meanwhile
                self.add_class("segcam-on")

    def _end_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None

    def tell(self, fraction: float, text: str) -> None:
        """How far something is that takes long, from 0 to 1."""
        now = time.monotonic()
        with self._lock:
            if now - self._told < OFTEN:
                return
            self._told = now
            self._end_timer()
            self.add_class("segcam-on")
            self.words.value = bar(fraction, text)
            self.stop.layout.display = ""

    def close(self) -> None:
        """Nothing appears any more."""
        with self._lock:
            self._end_timer()
        super().close()


def bar(fraction: float, text: str) -> Any:
    """A progress bar and what it is about, as HTML."""
    share = percent(round(fraction, 2))
    return (
        f'<div class="segcam-progress"><span>{escape(text)}</span>'
        f'<progress max="1" value="{fraction:.3f}" aria-label="{escape(text)}">{share}</progress><span>{share}</span></div>'
    )
