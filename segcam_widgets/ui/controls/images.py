"""Buttons for previous and next, if there are several images."""

from collections.abc import Callable
from typing import Any

import ipywidgets as W


class ImageChooser(W.HBox):
    """Hidden where there is one image only.

    Parameters
    ----------
    count : int
    on_choose : callable
        ``on_choose(index)``.
    """

    def __init__(self, count: int, on_choose: Callable[[int], None]) -> None:
        self._count, self._on_choose, self._index = count, on_choose, 0
        self.previous = W.Button(description="◀ previous", tooltip="Previous image", layout=W.Layout(width="100px"))
        self.next = W.Button(description="next ▶", tooltip="Next image", layout=W.Layout(width="100px"))
        self.place = W.Label()
        super().__init__([self.previous, self.place, self.next])
        self.previous.on_click(lambda _: self._step(-1))
        self.next.on_click(lambda _: self._step(1))
        self.count = count

    @property
    def count(self) -> int:
        return self._count

    @count.setter
    def count(self, value: int) -> None:
        self._count = value
        self.layout.display = None if value > 1 else "none"
        self.index = self._index

    @property
    def index(self) -> int:
        return self._index

    @index.setter
    def index(self, value: int) -> None:
        self._index = value
        self.place.value = f"image {value + 1} of {self._count}"
        self.previous.disabled = value == 0
        self.next.disabled = value == self._count - 1

    def _step(self, by: int) -> Any:
        self._on_choose(self._index + by)
