"""The query of a new view: of a first image, and of the next one."""

from dataclasses import replace
from typing import Any

from segcam_widgets.core.explanation.class_shares import class_shares
from segcam_widgets.core.probe import Probe
from segcam_widgets.core.query import CamQuery
from segcam_widgets.core.resolve import resolve
from segcam_widgets.errors import SegCamError

BACKGROUND = ("background", "bg", "void", "unlabeled", "unlabelled", "other")


def first_query(probe: Probe) -> CamQuery:
    """What a new view asks: the class that covers most and is no background, at the last layer that is no class score yet."""
    part = class_shares(probe)
    named = [i for i, name in enumerate(probe.class_names) if name.strip().lower() not in BACKGROUND and part[i] > 0]
    index = max(named, key=lambda i: part[i]) if named else int(part.argmax())
    last = probe.layers[-1]
    layers = [layer for layer in probe.layers[1:] if layer.shape[2] != last.shape[2]] or list(probe.layers)
    return CamQuery(layer=layers[-1].name, class_index=index)


def carried(query: CamQuery, probe: Probe) -> CamQuery:
    """The same question about another image: its own prediction is the region."""
    kept = CamQuery(
        query.layer, query.class_index, None, query.score, query.method, query.baseline, options=query.options
    )
    fresh = resolve(first_query(probe), probe)
    try:
        asked = resolve(kept, probe)
    except SegCamError:  # another model: nothing to carry over
        return fresh
    there = asked.region is not None and asked.region.rasterize(probe).any()
    return asked if there else resolve(replace(kept, class_index=fresh.class_index), probe)


def differs_beside_layer(old: CamQuery, new: CamQuery) -> bool:
    """Whether two resolved queries ask for different things even at one layer."""
    return replace(old, layer=new.layer) != new


def value_range(x: Any) -> str:
    """Which of the usual ranges an input seems to have."""
    if float(x.min()) < -0.05:
        return "-1-1"
    return "0-255" if float(x.max()) > 2 else "0-1"
