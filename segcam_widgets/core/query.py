"""The question: an immutable value that says everything an explanation depends on besides the probe."""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields, replace
from typing import Any

from segcam_widgets.core.baselines import BASELINES
from segcam_widgets.core.checks import is_whole
from segcam_widgets.core.frozen import Frozen
from segcam_widgets.core.methods import METHODS
from segcam_widgets.core.one_line import LIMIT, one_line
from segcam_widgets.core.probe import Probe
from segcam_widgets.core.region import Region, must_be_region, region_from_dict
from segcam_widgets.core.regions import PredictedClass, class_index
from segcam_widgets.core.scores import SCORES
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


def resolve(query: CamQuery, probe: Probe) -> CamQuery:
    """Check a query against a probe and fill in its defaults.

    Returns
    -------
    CamQuery
        No None left; class as index, layer under its full name, options complete.

    Raises
    ------
    UnknownLayerError, DisconnectedLayerError
        The layer.
    SegCamError
        Class, score, method (also where it does not apply to the layer), baseline, rival, option or region.
    """
    if not isinstance(query, CamQuery):
        raise SegCamError(f"`query` must be a CamQuery. Received: {shown(query)}.")
    names = probe.class_names
    index = class_index(query.class_index, names)
    score = SCORES.find(probe.default_score if query.score is None else query.score)
    score.check(len(names), probe.multilabel)
    method = METHODS.find(query.method)
    baseline = BASELINES.find(query.baseline)
    options = method.check(query.options, baseline.name)
    layer = probe.layer(query.layer)
    method.must_apply(layer, probe.layers)
    if query.region is not None:
        must_be_region(query.region)
    return replace(
        query,
        layer=layer.name,
        class_index=index,
        region=PredictedClass(index) if query.region is None else query.region,
        score=score.name,
        rival=_resolve_rival(query, score.name, index, names),
        options=options,
    )


def from_before_margin(query: CamQuery, class_names: Sequence[str], multilabel: bool) -> CamQuery:
    """A query that was stored while the centered logit was the default, and says no score: it means that one.

    The logit where classes did not compete.
    """
    if query.score is not None:
        return query
    return replace(query, score="logit" if multilabel or len(class_names) < 2 else "centered_logit")


def _resolve_rival(query: CamQuery, score: str, index: int, names: tuple[str, ...]) -> int | str:
    if query.rival is None or (isinstance(query.rival, str) and query.rival == STRONGEST):
        return STRONGEST
    if score != "margin":
        raise SegCamError(
            f"`rival` is used by the score 'margin' only. Received: rival={shown(query.rival)} with score {score!r}."
        )
    rival = class_index(query.rival, names, "rival")
    if rival == index:
        raise SegCamError(f"`rival` must be another class than `class_index`. Received: {names[index]!r} for both.")
    return rival
