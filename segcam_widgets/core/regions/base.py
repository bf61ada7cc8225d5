"""The base of all regions, their set algebra, and their JSON form."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.core.probe import Probe
from segcam_widgets.core.text.one_line import LIMIT, one_line
from segcam_widgets.errors import SegCamError, must_be_one_of, shown

BoolMask = NDArray[np.bool_]
TAGS: dict[str, type["Region"]] = {}
"""Every region type by the name it has in JSON."""


class Region(ABC):
    """A set of pixels of the logits' grid: immutable, hashable, compared by value.

    Regions combine: ``a | b``, ``a & b``, ``a - b``, ``~a``.

    Coordinates are rows and columns of that grid, (H, W) of `probe.logits`. To add one: a frozen dataclass with a `tag`
    and `rasterize`.
    """

    tag: ClassVar[str]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__repr__" not in cls.__dict__:
            cls.__repr__ = Region.__repr__  # type: ignore[method-assign]  # a dataclass would write every point of a polygon
        tag = cls.__dict__.get("tag")
        if tag is not None:
            if tag in TAGS and TAGS[tag].__qualname__ != cls.__qualname__:
                raise SegCamError(f"The region type {tag!r} is registered already.")
            TAGS[tag] = cls

    @abstractmethod
    def rasterize(self, probe: Probe) -> BoolMask:
        """The region's pixels on this probe's grid, (H, W) bool; all False where it lies outside the image."""

    def __repr__(self) -> str:
        """As code where that is short, else in words."""
        values = ", ".join(f"{f.name}={getattr(self, f.name)!r}" for f in fields(self))  # type: ignore[arg-type]
        code = f"{type(self).__name__}({values})"
        return code if len(code) <= LIMIT else one_line(type(self).__name__, self.describe())

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


def must_be_region(value: object, argument: str = "region") -> None:
    """Raise SegCamError where the value is no region."""
    if not isinstance(value, Region):
        raise SegCamError(f"`{argument}` must be a region such as sc.Rectangle(0, 0, 8, 8). Received: {shown(value)}.")


# ------------------------------------------------------------------ set algebra


def _operand(region: Region, class_names: tuple[str, ...]) -> str:
    words = region.describe(class_names)
    return f"({words})" if isinstance(region, _Pair) else words


@dataclass(frozen=True)
class _Pair(Region):
    """Two regions and what joins them in words."""

    left: Region
    right: Region
    word: ClassVar[str]

    def __post_init__(self) -> None:
        must_be_region(self.left, "left")
        must_be_region(self.right, "right")

    def describe(self, class_names: tuple[str, ...] = ()) -> str:
        """Both operands, the inner pairs in parentheses."""
        return f"{_operand(self.left, class_names)} {self.word} {_operand(self.right, class_names)}"


@dataclass(frozen=True)
class Union(_Pair):
    """The pixels of either region."""

    tag: ClassVar[str] = "union"
    word: ClassVar[str] = "or"

    def rasterize(self, probe: Probe) -> BoolMask:
        """(H, W) bool."""
        return self.left.rasterize(probe) | self.right.rasterize(probe)


@dataclass(frozen=True)
class Intersection(_Pair):
    """The pixels of both regions."""

    tag: ClassVar[str] = "intersection"
    word: ClassVar[str] = "and"

    def rasterize(self, probe: Probe) -> BoolMask:
        """(H, W) bool."""
        return self.left.rasterize(probe) & self.right.rasterize(probe)


@dataclass(frozen=True)
class Difference(_Pair):
    """The pixels of the left region that are not in the right one."""

    tag: ClassVar[str] = "difference"
    word: ClassVar[str] = "without"

    def rasterize(self, probe: Probe) -> BoolMask:
        """(H, W) bool."""
        return self.left.rasterize(probe) & ~self.right.rasterize(probe)


@dataclass(frozen=True)
class Complement(Region):
    """The image's pixels that are not in the region."""

    region: Region
    tag: ClassVar[str] = "complement"

    def __post_init__(self) -> None:
        must_be_region(self.region)

    def rasterize(self, probe: Probe) -> BoolMask:
        """(H, W) bool."""
        return ~self.region.rasterize(probe)

    def describe(self, class_names: tuple[str, ...] = ()) -> str:
        """All but the region."""
        return f"all but {_operand(self.region, class_names)}"


def region_from_dict(data: Mapping[str, Any]) -> Region:
    """Read what :meth:`Region.to_dict` wrote (after JSON too: lists become tuples).

    Raises
    ------
    SegCamError
        Where the form is not one that `to_dict` writes.
    """
    if not isinstance(data, Mapping):
        raise SegCamError(f"`region` must be a saved region, a mapping with a 'type'. Received: {shown(data)}.")
    tag = data.get("type")
    if not isinstance(tag, str) or tag not in TAGS:
        raise SegCamError(must_be_one_of("type", TAGS, tag))
    given = {k: v for k, v in data.items() if k != "type"}
    try:
        return TAGS[tag].from_fields(given)
    except SegCamError:
        raise
    except (TypeError, KeyError, ValueError) as error:
        raise SegCamError(
            f"A saved region of type {tag!r} must hold what to_dict wrote. Received the fields: {shown(given)}."
        ) from error
    except RecursionError as error:
        raise SegCamError("`region` must not be nested hundreds of levels deep.") from error
