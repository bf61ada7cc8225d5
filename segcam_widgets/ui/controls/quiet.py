"""Silence widgets' handlers while the program itself sets values."""

import threading


class Quiet(threading.local):
    """``with quiet: widget.value = ...``, and ``if quiet: return`` in the handlers.

    Each thread has its own: handlers of what the program sets run on the thread that sets it, and what the user moves
    meanwhile, on another, must not be lost.
    """

    _depth = 0

    def __enter__(self) -> None:
        self._depth += 1

    def __exit__(self, *_: object) -> None:
        self._depth -= 1

    def __bool__(self) -> bool:
        return self._depth > 0
