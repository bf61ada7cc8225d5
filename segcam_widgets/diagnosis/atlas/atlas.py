"""The atlas: every layer and every class at once, one backward pass per class."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.core.answers import LayerInfo, LayerSweep, Progress
from segcam_widgets.core.classes import class_index
from segcam_widgets.core.explanation.blank import FAINT, is_empty, positive_share
from segcam_widgets.core.probe import Probe
from segcam_widgets.core.query import CamQuery
from segcam_widgets.core.regions.base import Region
from segcam_widgets.core.regions.labelled import PredictedClass
from segcam_widgets.core.resolve import must_be_probe, region_mask, resolve, score_input
from segcam_widgets.core.scores import SCORES
from segcam_widgets.core.support.checks import must_be_finite
from segcam_widgets.core.support.progress import report
from segcam_widgets.core.text.numbers import percent
from segcam_widgets.core.text.one_line import one_line
from segcam_widgets.diagnosis.diagnose import diagnose
from segcam_widgets.errors import SegCamError, must_be_one_of, shown

if TYPE_CHECKING:
    import pandas as pd

METHOD = "seg-grad-cam"


@dataclass(frozen=True, slots=True)
class AtlasCell:
    """One layer and one class.

    Attributes
    ----------
    layer : str
    class_index : int
    class_name : str
    pixels : int
        Of the region that the class is asked about.
    positive_share : float
        In [0, 1]; nan where there is no pixel, or no finite map.
    is_empty : bool
        The map is nowhere positive.
    is_blank : bool
        A map, and empty.
    is_faint : bool
        A map, not empty, and less than a hundredth of it is positive.
    is_map : bool
        False at a layer of one cell: that is a number, and neither blank nor faint.
    negative_share : float
        Share of the channels whose pooled gradient is negative; nan as above.
    headline : str
        Code of the rule that says why the map is blank; "" if it is not, or if reasons were not asked for.
    """

    layer: str
    class_index: int
    class_name: str
    pixels: int
    positive_share: float
    is_empty: bool
    is_blank: bool
    is_faint: bool
    is_map: bool
    negative_share: float
    headline: str = ""

    def __repr__(self) -> str:
        return one_line("AtlasCell", self.summary())

    @property
    def words(self) -> str:
        """What the map looks like: "73 % positive", "blank (SC205)", "no pixel"."""
        if not self.pixels:
            return "no pixel"
        if np.isnan(self.positive_share):
            return "not finite"
        if not self.is_map:
            return "a single number, " + ("above zero" if self.positive_share > 0 else "zero or below")
        if self.is_blank:
            return f"blank ({self.headline})" if self.headline else "blank"
        if self.is_faint:
            return "faint"
        return f"{percent(self.positive_share)} positive"

    def summary(self) -> str:
        """One line: "brick at tail_conv2: blank (SC205), 100 % of the channels pull down, 812 px"."""
        said = f"{self.class_name} at {self.layer}: {self.words}"
        if np.isnan(self.positive_share):
            return said
        return f"{said}, {percent(self.negative_share)} of the channels pull down, {self.pixels} px"


@dataclass(frozen=True, eq=False)
class Atlas:
    """What :func:`segcam_widgets.atlas` answers: Seg-Grad-CAM with baseline zero, for L layers and C classes.

    Attributes
    ----------
    layers : tuple of LayerInfo
        The rows, in graph order or in the order asked.
    classes : tuple of int
        The columns.
    class_names : tuple of str
        Of the columns.
    score : str
    region : Region or None
        None: for each class the pixels predicted as it.
    pixels : ndarray of int, (C,)
        How many pixels each class is asked about; 0 where it is predicted nowhere.
    positive_share : ndarray, (L, C) float64
        ``sum(max(cam, 0)) / sum(|cam|)``, 0 for a zero map; nan for classes without pixels.
    is_empty : ndarray of bool, (L, C)
        The map is nowhere positive; False for classes without pixels.
    negative_share : ndarray, (L, C) float64
        Share of the channels with a negative pooled gradient; nan for classes without pixels.
    headlines : mapping of (str, int) to str
        (layer, class index) -> code of the rule that says why the map is blank. Empty unless asked for.
    """

    layers: tuple[LayerInfo, ...]
    classes: tuple[int, ...]
    class_names: tuple[str, ...]
    score: str
    region: Region | None
    pixels: NDArray[np.int64]
    positive_share: NDArray[np.float64] = field(repr=False)
    is_empty: NDArray[np.bool_] = field(repr=False)
    negative_share: NDArray[np.float64] = field(repr=False)
    headlines: Mapping[tuple[str, int], str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        for name in ("pixels", "positive_share", "is_empty", "negative_share"):
            array = np.asarray(getattr(self, name)).view()
            array.flags.writeable = False
            object.__setattr__(self, name, array)
        object.__setattr__(self, "headlines", MappingProxyType(dict(self.headlines)))

    @property
    def shape(self) -> tuple[int, int]:
        """(layers, classes)."""
        return len(self.layers), len(self.classes)

    @property
    def is_blank(self) -> NDArray[np.bool_]:
        """(L, C): the map is empty. False at a layer of one cell, which has no map, and where there is no finite one."""
        return self.is_empty & self.is_map[:, None]

    @property
    def is_faint(self) -> NDArray[np.bool_]:
        """(L, C): the map is not empty, and less than a hundredth of it is positive; False as for `is_blank`."""
        with np.errstate(invalid="ignore"):
            return (self.positive_share < FAINT) & ~self.is_empty & self.is_map[:, None]

    @property
    def is_map(self) -> NDArray[np.bool_]:
        """(L,): the layer has more than one cell."""
        return np.array([info.shape[0] * info.shape[1] > 1 for info in self.layers])

    def cell(self, layer: str, class_index: int | str) -> AtlasCell:
        """One layer and one class.

        Raises
        ------
        SegCamError
            The atlas does not hold it.
        """
        return self._at(*self._place(layer, class_index))

    def cells(self) -> list[AtlasCell]:
        """All of them, row by row."""
        return [self._at(row, column) for row in range(self.shape[0]) for column in range(self.shape[1])]

    def query(self, layer: str, class_index: int | str) -> CamQuery:
        """The query whose map a cell is about: for :func:`segcam_widgets.explain` and :func:`segcam_widgets.diagnose`."""
        row, column = self._place(layer, class_index)
        index = self.classes[column]
        region = PredictedClass(index) if self.region is None else self.region
        return CamQuery(self.layers[row].name, index, region, self.score, METHOD)

    def with_headlines(self, probe: Probe, progress: Progress | None = None) -> "Atlas":
        """The same with a reason for each blank cell: one diagnosis each, so this takes longer than the atlas did.

        Raises
        ------
        Cancelled
            `progress` answered False.
        SegCamError
            A probe that does not have these layers and classes.
        """
        blank = [cell for cell in self.cells() if cell.is_blank]
        found = dict(self.headlines)
        for number, cell in enumerate(blank):
            which = f"why {cell.class_name} at {cell.layer} is blank ({number + 1} of {len(blank)})"
            report(progress, number / len(blank), which)
            headline = diagnose(probe, self.query(cell.layer, cell.class_index)).headline
            if headline is not None:
                found[cell.layer, cell.class_index] = headline.code
        report(progress, 1.0, "done")
        return replace(self, headlines=found)

    def _place(self, layer: str, class_: int | str) -> tuple[int, int]:
        names = [info.name for info in self.layers]
        if layer not in names:
            raise SegCamError(must_be_one_of("layer", names, layer))
        if isinstance(class_, str):
            if class_ not in self.class_names:
                raise SegCamError(must_be_one_of("class_index", self.class_names, class_))
            return names.index(layer), self.class_names.index(class_)
        if class_ not in self.classes:
            raise SegCamError(f"`class_index` must be one of {list(self.classes)}. Received: {shown(class_)}.")
        return names.index(layer), self.classes.index(class_)

    def _at(self, row: int, column: int) -> AtlasCell:
        layer, index = self.layers[row].name, self.classes[column]
        return AtlasCell(
            layer=layer,
            class_index=index,
            class_name=self.class_names[column],
            pixels=int(self.pixels[column]),
            positive_share=float(self.positive_share[row, column]),
            is_empty=bool(self.is_empty[row, column]),
            is_blank=bool(self.is_blank[row, column]),
            is_faint=bool(self.is_faint[row, column]),
            is_map=bool(self.is_map[row]),
            negative_share=float(self.negative_share[row, column]),
            headline=self.headlines.get((layer, index), ""),
        )

    def to_frame(self) -> "pd.DataFrame":
        """One row per cell (pandas), the columns being the fields of :class:`AtlasCell`."""
        from segcam_widgets.diagnosis.atlas.report import to_frame

        return to_frame(self)

    def to_markdown(self) -> str:
        """A table, layers down and classes across."""
        from segcam_widgets.diagnosis.atlas.report import to_markdown

        return to_markdown(self)

    def summary(self) -> str:
        """One line: "5 layers, 3 classes (1 of them predicted nowhere), margin: 2 of 10 maps are blank"."""
        from segcam_widgets.diagnosis.atlas.report import summary

        return summary(self)

    def __repr__(self) -> str:
        return one_line("Atlas", self.summary())

    def _repr_html_(self) -> str:
        from segcam_widgets.diagnosis.atlas.report import to_html

        return to_html(self)


def atlas(
    probe: Probe,
    *,
    score: str | None = None,
    region: Region | None = None,
    classes: Sequence[int | str] | None = None,
    layers: Sequence[str] | None = None,
    headlines: bool = False,
    progress: Progress | None = None,
) -> Atlas:
    """Look at every layer and every class: where maps are blank, and where all channels pull down.

    One backward pass per class answers for all layers; gradients are reduced inside the graph. The maps are those of
    Seg-Grad-CAM with baseline zero.

    Parameters
    ----------
    probe : Probe
        From :func:`segcam_widgets.open_probe`.
    score : str, optional
        One of ``sc.SCORES``; default the probe's.
    region : Region, optional
        The same for all classes; default for each class its own predicted pixels. A class that is predicted nowhere costs
        nothing and has no map: the atlas says so.
    classes : sequence of int or str, optional
        Default all.
    layers : sequence of str, optional
        Default all.
    headlines : bool
        Also name the reason of each blank map (:meth:`Atlas.with_headlines`): a diagnosis each, which takes longer.
    progress : callable, optional
        ``progress(fraction, text) -> bool``; False cancels.

    Returns
    -------
    Atlas

    Raises
    ------
    EmptyRegionError
        A `region` without pixels.
    UnknownLayerError, DisconnectedLayerError, NonFiniteError, Cancelled, SegCamError
    """
    must_be_probe(probe)
    probe.refresh()
    asked = _Asked(probe, score, region, classes, layers)
    found = asked.run(progress)
    if probe.refresh():  # the weights changed on the way: half of it is about another network
        found = _Asked(probe, score, region, classes, layers).run(progress)
    return found.with_headlines(probe, progress) if headlines else found


class _Asked:
    """The arguments of an atlas, checked."""

    def __init__(self, probe: Probe, score: Any, region: Any, classes: Any, layers: Any) -> None:
        self.probe, self.region = probe, region
        names = [info.name for info in probe.layers] if layers is None else _listed(layers, "layers")
        self.layers = tuple(dict.fromkeys(probe.layer(name) for name in names))
        indices = range(len(probe.class_names)) if classes is None else _listed(classes, "classes")
        self.classes = tuple(dict.fromkeys(class_index(c, probe.class_names, "classes") for c in indices))
        first = self.layers[0].name
        self.queries = [resolve(CamQuery(first, c, region, score), probe) for c in self.classes]
        must_be_finite("logits", probe.logits, first)
        if region is not None:
            region_mask(probe, self.queries[0])

    def run(self, progress: Progress | None) -> Atlas:
        shape = len(self.layers), len(self.classes)
        share, negative, empty = np.full(shape, np.nan), np.full(shape, np.nan), np.zeros(shape, bool)
        pixels = np.zeros(shape[1], np.int64)
        for column, query in enumerate(self.queries):
            name = self.probe.class_names[self.classes[column]]
            report(progress, column / shape[1], f"atlas: {name} ({column + 1} of {shape[1]} classes)")
            assert query.region is not None
            mask = query.region.rasterize(self.probe)
            pixels[column] = mask.sum()
            if pixels[column]:
                for row, swept in enumerate(self._swept(query, mask)):
                    share[row, column], empty[row, column], negative[row, column] = _measured(swept)
        report(progress, 1.0, "done")
        names = tuple(self.probe.class_names[c] for c in self.classes)
        score = str(self.queries[0].score)
        return Atlas(self.layers, self.classes, names, score, self.region, pixels, share, empty, negative)

    def _swept(self, query: CamQuery, mask: NDArray[np.bool_]) -> list[LayerSweep]:
        cotangent = SCORES[str(query.score)].cotangent(score_input(self.probe, query, mask)).divided(int(mask.sum()))
        names = [info.name for info in self.layers]
        found = self.probe.sweep(cotangent, names)
        return [found[name] for name in names]


def _measured(swept: LayerSweep) -> tuple[float, bool, float]:
    """Positive share, emptiness and the share of negative channels of one map; nan where it is not finite."""
    cam = swept.grad_cam
    if not (np.isfinite(cam).all() and np.isfinite(swept.weights).all()):
        return np.nan, False, np.nan
    return positive_share(cam), is_empty(cam), float((swept.weights < 0).mean())


def _listed(value: Any, argument: str) -> list[Any]:
    """Raises SegCamError for a single name, which would be read letter by letter, and for an empty list."""
    if isinstance(value, str) or not isinstance(value, Sequence | range | np.ndarray) or not len(value):
        raise SegCamError(f"`{argument}` must be a list of one or more. Received: {shown(value)}.")
    return list(value)
