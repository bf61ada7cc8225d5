"""The question: an immutable value that says everything an explanation depends on besides the probe."""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields, replace
from typing import Any

from segcam_widgets.core.regions.base import Region, region_from_dict
from segcam_widgets.core.support.checks import is_whole
from segcam_widgets.core.support.frozen import Frozen
from segcam_widgets.core.text.one_line import LIMIT, one_line
from segcam_widgets.errors import SegCamError, must_be_one_of, shown

STRONGEST = "strongest"
"""The resolved form of ``rival=None``: at each pixel the strongest of the other classes.

A class that has this very name can be given by its index only.
"""


def _default(of: "Field[Any]") -> Any:
    return of.default if of.default_factory is MISSING else of.default_factory()


@dataclass(frozen=True)
class CamQuery:
    """What is asked of a probe.

    Parameters
    ----------
    layer : str
        Name of the target layer, one of ``probe.layers``.
    class_index : int or str
        The class, by index or by name.
    region : Region, optional
        Where; default ``PredictedClass(class_index)``.
    score : str, optional
        One of ``sc.SCORES``; default the probe's: the margin, or the logit where classes have no rival (several sigmoids).
    method : str
        One of ``sc.METHODS``.
    baseline : str
        One of ``sc.BASELINES``: what a channel's activation is compared with.
    rival : int or str, optional
        Read by the score "margin" alone: the class to compare with; default "strongest", at each pixel the strongest.
    options : mapping
        Options of the method, checked against ``sc.METHODS[method].options``.

    Notes
    -----
    Nothing is checked before the query meets a probe: :func:`segcam_widgets.explain` resolves it there.
    """

    layer: str
    class_index: int | str
    region: Region | None = None
    score: str | None = None
    method: str = "seg-grad-cam"
    baseline: str = "zero"
    rival: int | str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.options, Mapping) or not all(isinstance(name, str) for name in self.options):
            raise SegCamError(
                f"`options` must be a mapping of option names to values. Received: {shown(self.options)}."
            )
        object.__setattr__(self, "options", Frozen(self.options))
        for name in ("class_index", "rival"):
            if is_whole(getattr(self, name)):
                object.__setattr__(self, name, int(getattr(self, name)))  # numpy's would not go into JSON

    def __repr__(self) -> str:
        """What differs from the defaults, as code, where that is short."""
        given = [f"{f.name}={value!r}" for f in fields(self)[2:] if (value := getattr(self, f.name)) != _default(f)]
        code = f"CamQuery({', '.join([repr(self.layer), repr(self.class_index), *given])})"
        return code if len(code) <= LIMIT else one_line("CamQuery", code[len("CamQuery(") : -1])

    def to_dict(self) -> dict[str, Any]:
        """A JSON-able form that :meth:`from_dict` reads back to an equal query."""
        region = None if self.region is None else self.region.to_dict()
        return {
            "layer": self.layer, "class_index": self.class_index, "region": region, "score": self.score,
            "method": self.method, "baseline": self.baseline, "rival": self.rival, "options": dict(self.options),
        }  # fmt: skip

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "CamQuery":
        """Read what :meth:`to_dict` wrote. Raises SegCamError for anything else."""
        if not isinstance(data, Mapping):
            raise SegCamError(f"`data` must be a saved query, a mapping. Received: {shown(data)}.")
        known = [f.name for f in fields(cls)]
        for name in data:
            if name not in known:
                raise SegCamError(must_be_one_of("data", known, name))
        for name in ("layer", "class_index"):
            if name not in data:
                raise SegCamError(f"`data` must hold {name!r}. Received: {shown(dict(data))}.")
        given = dict(data)
        if given.get("region") is not None:
            given["region"] = region_from_dict(given["region"])
        return cls(**given)


def from_before_margin(query: CamQuery, class_names: Sequence[str], multilabel: bool) -> CamQuery:
    """A query that was stored while the centered logit was the default, and says no score: it means that one.

    The logit where classes did not compete.
    """
    if query.score is not None:
        return query
    return replace(query, score="logit" if multilabel or len(class_names) < 2 else "centered_logit")
