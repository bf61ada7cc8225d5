"""The base of all regions, their set algebra, and their JSON form."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.core.probe import Probe
from segcam_widgets.errors import SegCamError, must_be_one_of

BoolMask = NDArray[np.bool_]
TAGS: dict[str, type["Region"]] = {}


class Region(ABC):
    """A set of pixels of the logits' grid. Immutable, hashable, compared by value; ``a | b``, ``a & b``, ``a - b``, ``~a``.

    Coordinates are rows and columns of that grid, (H, W) of `probe.logits`.
    """

    tag: ClassVar[str]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        tag = cls.__dict__.get("tag")
        if tag is not None:
            if tag in TAGS and TAGS[tag].__qualname__ != cls.__qualname__:
                raise SegCamError(f"The region type {tag!r} is registered already.")
            TAGS[tag] = cls

    @abstractmethod
    def rasterize(self, probe: Probe) -> BoolMask:
        """The region's pixels on this probe's grid, (H, W) bool; all False where it lies outside the image."""

    def describe(self, class_names: tuple[str, ...] = ()) -> str:
        """A few words for a status line; names of classes are used where they are known."""
        return self.tag.replace("_", " ")

    def to_dict(self) -> dict[str, Any]:
        """A JSON-able form that :func:`region_from_dict` reads back to an equal region."""
        return {"type": self.tag} | {
            f.name: value.to_dict() if isinstance(value := getattr(self, f.name), Region) else value
            for f in fields(self)  # type: ignore[arg-type]  # every concrete region is a dataclass
        }

    @classmethod
    def from_fields(cls, given: Mapping[str, Any]) -> Self:
        """Rebuild from the fields of `to_dict`; nested regions are read first."""
        return cls(**{k: region_from_dict(v) if isinstance(v, Mapping) else v for k, v in given.items()})

    def __or__(self, other: "Region") -> "Region":
        return Union(self, other) if isinstance(other, Region) else NotImplemented

    def __and__(self, other: "Region") -> "Region":
        return Intersection(self, other) if isinstance(other, Region) else NotImplemented

    def __sub__(self, other: "Region") -> "Region":
        return Difference(self, other) if isinstance(other, Region) else NotImplemented

    def __invert__(self) -> "Region":
        return Complement(self)


def grid(probe: Probe) -> tuple[int, int]:
    """(H, W) of the logits."""
    height, width = probe.labels.shape
    return int(height), int(width)


# ------------------------------------------------------------------ set algebra


@dataclass(frozen=True)
class Union(Region):
    left: Region
    right: Region
    tag: ClassVar[str] = "union"

    def rasterize(self, probe: Probe) -> BoolMask:
        return self.left.rasterize(probe) | self.right.rasterize(probe)


@dataclass(frozen=True)
class Intersection(Region):
    left: Region
    right: Region
    tag: ClassVar[str] = "intersection"

    def rasterize(self, probe: Probe) -> BoolMask:
        return self.left.rasterize(probe) & self.right.rasterize(probe)


@dataclass(frozen=True)
class Difference(Region):
    left: Region
    right: Region
    tag: ClassVar[str] = "difference"

    def rasterize(self, probe: Probe) -> BoolMask:
        return self.left.rasterize(probe) & ~self.right.rasterize(probe)


@dataclass(frozen=True)
class Complement(Region):
    region: Region
    tag: ClassVar[str] = "complement"

    def rasterize(self, probe: Probe) -> BoolMask:
        return ~self.region.rasterize(probe)


def region_from_dict(data: Mapping[str, Any]) -> Region:
    """Read what :meth:`Region.to_dict` wrote (after JSON too: lists become tuples).

    Raises
    ------
    SegCamError
        Where the form is not one that `to_dict` writes.
    """
    tag = data.get("type") if isinstance(data, Mapping) else data
    if not isinstance(tag, str) or tag not in TAGS:
        raise SegCamError(must_be_one_of("type", TAGS, tag))
    given = {k: v for k, v in data.items() if k != "type"}
    try:
        return TAGS[tag].from_fields(given)
    except SegCamError:
        raise
    except (TypeError, KeyError, ValueError) as error:
        raise SegCamError(f"A region of type {tag!r} cannot be read from the fields {sorted(given)}.") from error
