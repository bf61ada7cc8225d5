"""The two coordinate systems of a picture: x and y on the screen, rows and columns of the logits."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from segcam_widgets.errors import SegCamError


@dataclass(frozen=True, slots=True)
class GridMapping:
    """Between the pixels of the displayed image and the grid of the logits; both cover the same picture.

    Attributes
    ----------
    display : (h', w')
        Rows and columns of the displayed image.
    grid : (H, W)
        Rows and columns of the logits.
    """

    display: tuple[int, int]
    grid: tuple[int, int]

    def __post_init__(self) -> None:
        for name in ("display", "grid"):
            size = getattr(self, name)
            if len(size) != 2 or min(size) < 1:
                raise SegCamError(f"`{name}` must be two sizes of at least 1. Received: {size!r}.")

    def to_grid(self, point: Sequence[float]) -> tuple[float, float]:
        """(row, col) of a display point (x, y), both with whole numbers at pixel corners."""
        x, y = point
        return y * self.grid[0] / self.display[0], x * self.grid[1] / self.display[1]

    def to_display(self, row: float, col: float) -> list[float]:
        """[x, y] of a place of the grid."""
        return [col * self.display[1] / self.grid[1], row * self.display[0] / self.grid[0]]

    def cell(self, point: Sequence[float]) -> tuple[int, int]:
        """Row and column of the grid's pixel under a display point; the far edges belong to the last pixel."""
        row, col = self.to_grid(point)
        return min(max(math.floor(row), 0), self.grid[0] - 1), min(max(math.floor(col), 0), self.grid[1] - 1)

    @property
    def radius_scale(self) -> float:
        """Grid pixels a display pixel, for lengths without a direction: the geometric mean of both axes."""
        return math.sqrt(self.grid[0] / self.display[0] * self.grid[1] / self.display[1])
