"""Where a picture, or a part of it, lies in a model's input: carries regions and maps there and back."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Box = tuple[int, int, int, int]
"""top, left, bottom, right: half-open, as numpy's slices are."""


@dataclass(frozen=True, slots=True)
class Placement:
    """One affine map a side, between the pixels of a picture and those of a model's input.

    Attributes
    ----------
    picture : (h', w')
        Rows and columns of the picture as it was given.
    window : Box
        The part of the picture that the model sees: all of it, or a tile.
    input : (h, w)
        Rows and columns of the model's input.
    box : Box
        Where the window lies in the input; what is outside is padding.
    """

    picture: tuple[int, int]
    window: Box
    input: tuple[int, int]
    box: Box

    @classmethod
    def whole(cls, picture: tuple[int, int], size: tuple[int, int]) -> "Placement":
        """All of a picture on all of the input."""
        return cls(picture, (0, 0, *picture), size, (0, 0, *size))

    @property
    def is_identity(self) -> bool:
        """Whether the model sees the picture as it is."""
        return self.picture == self.input and self.window == self.box == (0, 0, *self.input)

    def to_grid(self, row: float, col: float, grid: tuple[int, int]) -> tuple[float, float]:
        """A place of the picture on a grid that covers the input, both with whole numbers at the corners of pixels.

        Parameters
        ----------
        row, col : float
        grid : (H, W)
            Of the logits, say.
        """
        place = []
        for axis, value in enumerate((row, col)):
            scale = self._box_length(axis) / self._window_length(axis)
            inside = self.box[axis] + (value - self.window[axis]) * scale
            place.append(inside * grid[axis] / self.input[axis])
        return place[0], place[1]

    def mask_to_grid(self, mask: NDArray[np.bool_], grid: tuple[int, int]) -> NDArray[np.bool_]:
        """A mask (h', w') over the picture as one (H, W) over a grid: by the picture's pixel under each cell's centre.

        Padding belongs to no region of the picture.
        """
        places = []
        for axis in (0, 1):
            inside = (np.arange(grid[axis]) + 0.5) * self.input[axis] / grid[axis] - self.box[axis]
            place = np.floor(inside * self._window_length(axis) / self._box_length(axis)).astype(int)
            outside = (place < 0) | (place >= self._window_length(axis))
            places.append(np.where(outside, -1, place + self.window[axis]))
        rows, cols = places
        return mask[rows[:, None], cols] & (rows >= 0)[:, None] & (cols >= 0)

    def to_picture(self, field: NDArray[np.floating]) -> NDArray[np.float32]:
        """A map over the input as one over the picture.

        Parameters
        ----------
        field : ndarray, (H, W)
            On any grid that covers the input.

        Returns
        -------
        ndarray, (h', w') float32
            Bilinear, half-pixel centres, edges clamped; nan where the model did not see the picture.
        """
        rows, cols = (self._back(axis, field.shape[axis]) for axis in (0, 1))
        found = np.full(self.picture, np.nan, np.float32)
        top, left, bottom, right = self.window
        found[top:bottom, left:right] = rows @ np.asarray(field, np.float32) @ cols.T
        return found

    def _back(self, axis: int, length: int) -> NDArray[np.float32]:
        """The matrix from a grid of so many cells to the window's pixels along an axis."""
        pixels = np.arange(self._window_length(axis))
        inside = self.box[axis] + (pixels + 0.5) * self._box_length(axis) / len(pixels)
        centre = inside * length / self.input[axis] - 0.5
        low = np.floor(centre).astype(int)
        matrix = np.zeros((len(pixels), length), np.float32)
        for cell, share in ((low, 1 - (centre - low)), (low + 1, centre - low)):
            np.add.at(matrix, (pixels, np.clip(cell, 0, length - 1)), share)
        return matrix

    def _window_length(self, axis: int) -> int:
        return self.window[axis + 2] - self.window[axis]

    def _box_length(self, axis: int) -> int:
        return self.box[axis + 2] - self.box[axis]
