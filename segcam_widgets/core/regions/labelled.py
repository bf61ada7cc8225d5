"""Regions that the prediction or the truth draws: a class, a segment, wrong pixels, a border."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from segcam_widgets.core.classes import _class_label, _named_class, class_index
from segcam_widgets.core.probe import Probe
from segcam_widgets.core.regions.base import BoolMask, Region, grid, must_be_region
from segcam_widgets.core.support.checks import whole_number
from segcam_widgets.errors import SegCamError, must_be_one_of


def _truth(probe: Probe) -> NDArray[np.int64]:
    if probe.truth is None:
        raise SegCamError(
            "`region` needs the true labels: pass `truth` to open_probe. Received: a probe without truth."
        )
    return probe.truth


@dataclass(frozen=True)
class PredictedClass(Region):
    """The pixels predicted as a class (index or name): arg max, or for several sigmoids probability above 0.5."""

    class_index: int | str
    tag: ClassVar[str] = "predicted_class"

    def __post_init__(self) -> None:
        object.__setattr__(self, "class_index", _named_class(self.class_index))

    def rasterize(self, probe: Probe) -> BoolMask:
        """(H, W) bool. Raises SegCamError where the model has no such class."""
        index = class_index(self.class_index, probe.class_names)
        if probe.multilabel:
            return probe.probabilities[:, :, index] > 0.5
        return probe.labels == index

    def describe(self, class_names: tuple[str, ...] = ()) -> str:
        """The class."""
        return f"predicted {_class_label(self.class_index, class_names)}"


@dataclass(frozen=True)
class TruthClass(Region):
    """The pixels that are a class (index or name) in the truth."""

    class_index: int | str
    tag: ClassVar[str] = "truth_class"

    def __post_init__(self) -> None:
        object.__setattr__(self, "class_index", _named_class(self.class_index))

    def rasterize(self, probe: Probe) -> BoolMask:
        """(H, W) bool. Raises SegCamError where the probe has no truth, or the model no such class."""
        return _truth(probe) == class_index(self.class_index, probe.class_names)

    def describe(self, class_names: tuple[str, ...] = ()) -> str:
        """The class."""
        return f"true {_class_label(self.class_index, class_names)}"


@dataclass(frozen=True)
class Component(Region):
    """The 4-connected segment of the predicted labels that a pixel lies in."""

    row: int
    col: int
    tag: ClassVar[str] = "component"

    def __post_init__(self) -> None:
        for name in ("row", "col"):
            object.__setattr__(self, name, whole_number(getattr(self, name), name, "a whole number of pixels"))

    def rasterize(self, probe: Probe) -> BoolMask:
        """(H, W) bool; nothing for a point outside the image."""
        labels = probe.labels
        height, width = grid(probe)
        if not (0 <= self.row < height and 0 <= self.col < width):
            return np.zeros((height, width), bool)
        segments, _ = ndimage.label(labels == labels[self.row, self.col])
        found: BoolMask = segments == segments[self.row, self.col]
        return found

    def describe(self, class_names: tuple[str, ...] = ()) -> str:
        """Where it was picked."""
        return f"segment at ({self.row}, {self.col})"


@dataclass(frozen=True)
class Errors(Region):
    """Where the prediction is wrong about a class. Pixels whose truth is no class (void, 255) are left out."""

    class_index: int | str
    kind: Literal["false_positive", "false_negative"] = "false_positive"
    tag: ClassVar[str] = "errors"

    def __post_init__(self) -> None:
        object.__setattr__(self, "class_index", _named_class(self.class_index))
        if not isinstance(self.kind, str) or self.kind not in ("false_positive", "false_negative"):
            raise SegCamError(must_be_one_of("kind", ("false_positive", "false_negative"), self.kind))

    def rasterize(self, probe: Probe) -> BoolMask:
        """(H, W) bool. Raises SegCamError where the probe has no truth, or the model no such class."""
        truth, index = _truth(probe), class_index(self.class_index, probe.class_names)
        predicted = PredictedClass(index).rasterize(probe)
        known = (truth >= 0) & (truth < len(probe.class_names))
        return known & (
            predicted & (truth != index) if self.kind == "false_positive" else ~predicted & (truth == index)
        )

    def describe(self, class_names: tuple[str, ...] = ()) -> str:
        """The kind and the class."""
        return f"{self.kind.replace('_', ' ')}s of {_class_label(self.class_index, class_names)}"


@dataclass(frozen=True)
class Border(Region):
    """A region's pixels within `width` (chessboard distance) of a pixel outside it; the image's edge does not count."""

    region: Region
    width: int
    tag: ClassVar[str] = "border"

    def __post_init__(self) -> None:
        must_be_region(self.region)
        object.__setattr__(self, "width", whole_number(self.width, "width", "a whole number of pixels", least=1))

    def rasterize(self, probe: Probe) -> BoolMask:
        """(H, W) bool; nothing where the region is the whole image: no pixel is outside."""
        mask = self.region.rasterize(probe)
        if mask.all():
            return np.zeros_like(mask)
        return mask & (ndimage.distance_transform_cdt(mask, "chessboard") <= self.width)

    def describe(self, class_names: tuple[str, ...] = ()) -> str:
        """The region, and how wide."""
        return f"border of {self.region.describe(class_names)}, {self.width} px"
