"""Where on the segmentation output one asks: frozen values in rows and columns, turned into pixels by `rasterize`."""

import base64
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from segcam_widgets.core.probe import Probe
from segcam_widgets.core.raster import brush_mask, polygon_mask
from segcam_widgets.core.region import BoolMask, Region, grid
from segcam_widgets.errors import SegCamError, must_be_one_of


def _number(value: object, argument: str) -> float:
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float | np.integer | np.floating)
        or not np.isfinite(value)
    ):
        raise SegCamError(f"`{argument}` must be a finite number. Received: {value!r}.")
    # whole numbers stay int, so that Rectangle(0, 0, 2, 2) prints as typed and equals itself after JSON
    return int(value) if float(value).is_integer() else float(value)


def _points(value: Iterable[Any], argument: str, least: int) -> tuple[tuple[float, float], ...]:
    try:
        points = tuple((_number(row, argument), _number(col, argument)) for row, col in value)
    except TypeError as error:
        raise SegCamError(f"`{argument}` must be a sequence of (row, col) pairs. Received: {value!r}.") from error
    except SegCamError:
        raise
    except ValueError as error:
        raise SegCamError(f"`{argument}` must be a sequence of (row, col) pairs. Received: {value!r}.") from error
    if len(points) < least:
        raise SegCamError(f"`{argument}` must have at least {least} (row, col) pairs. Received: {len(points)}.")
    return points


def class_index(value: int | str, class_names: tuple[str, ...], argument: str = "class_index") -> int:
    """The index of a class given by index or by name. Raises SegCamError that lists what there is."""
    if isinstance(value, str):
        if value in class_names:
            return class_names.index(value)
        raise SegCamError(must_be_one_of(argument, class_names, value))
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise SegCamError(f"`{argument}` must be a class's index or name. Received: {value!r}.")
    if not 0 <= value < len(class_names):
        raise SegCamError(
            f"`{argument}` must be between 0 and {len(class_names) - 1}: the model has {len(class_names)} classes. "
            f"Received: {value}."
        )
    return int(value)


def _class_label(value: int | str, class_names: tuple[str, ...]) -> str:
    return class_names[value] if isinstance(value, int) and 0 <= value < len(class_names) else str(value)


# ------------------------------------------------------------------ drawn shapes


@dataclass(frozen=True)
class Pixel(Region):
    """One pixel."""

    row: int
    col: int
    tag: ClassVar[str] = "pixel"

    def __post_init__(self) -> None:
        for name in ("row", "col"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | np.integer):
                raise SegCamError(f"`{name}` must be a whole number of pixels. Received: {value!r}.")
            object.__setattr__(self, name, int(value))

    def rasterize(self, probe: Probe) -> BoolMask:
        mask = np.zeros(grid(probe), bool)
        if 0 <= self.row < mask.shape[0] and 0 <= self.col < mask.shape[1]:
            mask[self.row, self.col] = True
        return mask

    def describe(self, class_names: tuple[str, ...] = ()) -> str:
        return f"pixel ({self.row}, {self.col})"


@dataclass(frozen=True)
class Rectangle(Region):
    """Half-open box, like numpy slices: rows top to bottom - 1. With fractions a pixel is in if its centre is.

    What lies outside the image is cut off; negative numbers are outside, they do not count from the end.
    """

    top: float
    left: float
    bottom: float
    right: float
    tag: ClassVar[str] = "rectangle"

    def __post_init__(self) -> None:
        for f in fields(self):
            object.__setattr__(self, f.name, _number(getattr(self, f.name), f.name))
        for low, high in (("top", "bottom"), ("left", "right")):
            if getattr(self, low) > getattr(self, high):
                raise SegCamError(
                    f"`{low}` must not be above `{high}`. Received: {low}={getattr(self, low)}, {high}={getattr(self, high)}."
                )

    def rasterize(self, probe: Probe) -> BoolMask:
        height, width = grid(probe)
        rows, cols = np.arange(height) + 0.5, np.arange(width) + 0.5
        return ((rows >= self.top) & (rows < self.bottom))[:, None] & ((cols >= self.left) & (cols < self.right))


@dataclass(frozen=True)
class Polygon(Region):
    """Closed polygon in pixel-corner coordinates; a pixel is in if its centre is, by the even-odd rule."""

    points: tuple[tuple[float, float], ...]
    tag: ClassVar[str] = "polygon"

    def __post_init__(self) -> None:
        object.__setattr__(self, "points", _points(self.points, "points", 3))

    def rasterize(self, probe: Probe) -> BoolMask:
        return polygon_mask(np.asarray(self.points, float), grid(probe))


@dataclass(frozen=True)
class Brush(Region):
    """A stroke: pixels whose centre is within `radius` of the line through the points (pixel-corner coordinates)."""

    points: tuple[tuple[float, float], ...]
    radius: float
    tag: ClassVar[str] = "brush"

    def __post_init__(self) -> None:
        object.__setattr__(self, "points", _points(self.points, "points", 1))
        object.__setattr__(self, "radius", _number(self.radius, "radius"))
        if self.radius <= 0:
            raise SegCamError(f"`radius` must be above zero. Received: {self.radius}.")

    def rasterize(self, probe: Probe) -> BoolMask:
        return brush_mask(np.asarray(self.points, float), self.radius, grid(probe))


@dataclass(frozen=True, init=False, repr=False)
class Mask(Region):
    """Any set of pixels, from a bool array (H, W). The array is copied; regions stay immutable and hashable."""

    shape: tuple[int, int]
    bits: bytes
    tag: ClassVar[str] = "mask"

    def __init__(self, array: ArrayLike) -> None:
        values = np.asarray(array)
        if values.ndim != 2 or not (values.dtype == bool or np.isin(values, (0, 1)).all()):
            raise SegCamError(
                f"`array` must be a 2-D mask of booleans (or zeros and ones). Received: shape {values.shape}, dtype {values.dtype}."
            )
        object.__setattr__(self, "shape", (int(values.shape[0]), int(values.shape[1])))
        object.__setattr__(self, "bits", np.packbits(values.astype(bool)).tobytes())

    @property
    def array(self) -> BoolMask:
        count = self.shape[0] * self.shape[1]
        return np.unpackbits(np.frombuffer(self.bits, np.uint8), count=count).astype(bool).reshape(self.shape)

    def rasterize(self, probe: Probe) -> BoolMask:
        if self.shape != grid(probe):
            raise SegCamError(f"`region` is a mask of shape {self.shape}; the logits' grid is {grid(probe)}.")
        return self.array

    def to_dict(self) -> dict[str, Any]:
        packed = base64.b64encode(zlib.compress(self.bits)).decode()
        return {"type": self.tag, "shape": list(self.shape), "bits": packed}

    @classmethod
    def from_fields(cls, given: Mapping[str, Any]) -> Self:
        height, width = given["shape"]
        try:
            bits = np.frombuffer(zlib.decompress(base64.b64decode(given["bits"])), np.uint8)
        except zlib.error as error:
            raise ValueError("bits are damaged") from error
        return cls(np.unpackbits(bits, count=height * width).astype(bool).reshape(height, width))

    def __repr__(self) -> str:
        return f"Mask({int(self.array.sum())} of {self.shape[0]} x {self.shape[1]} px)"


@dataclass(frozen=True)
class Everything(Region):
    """The whole image."""

    tag: ClassVar[str] = "everything"

    def rasterize(self, probe: Probe) -> BoolMask:
        return np.ones(grid(probe), bool)

    def describe(self, class_names: tuple[str, ...] = ()) -> str:
        return "whole image"


# ------------------------------------------------------------------ taken from the prediction or the truth


@dataclass(frozen=True)
class PredictedClass(Region):
    """The pixels predicted as a class (index or name): arg max, or for several sigmoids probability above 0.5."""

    class_index: int | str
    tag: ClassVar[str] = "predicted_class"

    def rasterize(self, probe: Probe) -> BoolMask:
        index = class_index(self.class_index, probe.class_names)
        if probe.multilabel:
            return probe.probabilities[:, :, index] > 0.5
        return probe.labels == index

    def describe(self, class_names: tuple[str, ...] = ()) -> str:
        return f"predicted {_class_label(self.class_index, class_names)}"


def _truth(probe: Probe) -> NDArray[np.int64]:
    if probe.truth is None:
        raise SegCamError(
            "`region` needs the true labels: pass `truth` to open_probe. Received: a probe without truth."
        )
    return probe.truth


@dataclass(frozen=True)
class TruthClass(Region):
    """The pixels that are a class (index or name) in the truth."""

    class_index: int | str
    tag: ClassVar[str] = "truth_class"

    def rasterize(self, probe: Probe) -> BoolMask:
        return _truth(probe) == class_index(self.class_index, probe.class_names)

    def describe(self, class_names: tuple[str, ...] = ()) -> str:
        return f"true {_class_label(self.class_index, class_names)}"


@dataclass(frozen=True)
class Component(Region):
    """The 4-connected segment of the predicted labels that a pixel lies in."""

    row: int
    col: int
    tag: ClassVar[str] = "component"

    __post_init__ = Pixel.__post_init__

    def rasterize(self, probe: Probe) -> BoolMask:
        labels = probe.labels
        if not (0 <= self.row < labels.shape[0] and 0 <= self.col < labels.shape[1]):
            return np.zeros(labels.shape, bool)
        segments, _ = ndimage.label(labels == labels[self.row, self.col])
        found: BoolMask = segments == segments[self.row, self.col]
        return found

    def describe(self, class_names: tuple[str, ...] = ()) -> str:
        return f"segment at ({self.row}, {self.col})"


@dataclass(frozen=True)
class Errors(Region):
    """Where the prediction is wrong about a class. Pixels whose truth is no class (void, 255) are left out."""

    class_index: int | str
    kind: Literal["false_positive", "false_negative"] = "false_positive"
    tag: ClassVar[str] = "errors"

    def __post_init__(self) -> None:
        if self.kind not in ("false_positive", "false_negative"):
            raise SegCamError(must_be_one_of("kind", ("false_positive", "false_negative"), self.kind))

    def rasterize(self, probe: Probe) -> BoolMask:
        truth, index = _truth(probe), class_index(self.class_index, probe.class_names)
        predicted = PredictedClass(index).rasterize(probe)
        known = (truth >= 0) & (truth < len(probe.class_names))
        return known & (
            predicted & (truth != index) if self.kind == "false_positive" else ~predicted & (truth == index)
        )

    def describe(self, class_names: tuple[str, ...] = ()) -> str:
        return f"{self.kind.replace('_', ' ')}s of {_class_label(self.class_index, class_names)}"


@dataclass(frozen=True)
class Border(Region):
    """Pixels of a region within `width` (chessboard distance) of a pixel outside it; the image's edge does not count."""

    region: Region
    width: int
    tag: ClassVar[str] = "border"

    def __post_init__(self) -> None:
        if isinstance(self.width, bool) or not isinstance(self.width, int | np.integer) or self.width < 1:
            raise SegCamError(f"`width` must be a whole number of pixels, 1 or more. Received: {self.width!r}.")

    def rasterize(self, probe: Probe) -> BoolMask:
        mask = self.region.rasterize(probe)
        inner = ndimage.binary_erosion(mask, np.ones((3, 3), bool), iterations=int(self.width), border_value=1)
        return mask & ~inner

    def describe(self, class_names: tuple[str, ...] = ()) -> str:
        return f"border of {self.region.describe(class_names)}"
