"""An explanation for other tools: a table, a labelled data set, a piece of HTML."""

import json
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.core.explanation.wording import sentence
from segcam_widgets.core.picture.render import data_uri, diverging_lut, draw_outline, render, symmetric_limit
from segcam_widgets.core.scores import SCORES
from segcam_widgets.core.support.checks import needed
from segcam_widgets.core.text.numbers import number, percent

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from segcam_widgets.core.explanation.explanation import Explanation

_SIDE = 256
"""Longest side of the picture in the HTML, in pixels."""


def per_channel(values: NDArray[Any], channels: int) -> NDArray[np.float64]:
    """Weights or contributions as one number per channel, (K,): the mean over the map, nan where there are none."""
    if not values.size:
        return np.full(channels, np.nan)
    return values.mean((0, 1), dtype=np.float64) if values.ndim == 3 else values.astype(np.float64)


def to_frame(explanation: "Explanation") -> "pd.DataFrame":
    """One row per channel; see :meth:`Explanation.to_frame`."""
    pd = needed("pandas", "to_frame")
    activations = explanation.activations
    channels = activations.shape[2]
    columns = {
        "weight": per_channel(explanation.weights, channels),
        "mean_gradient": explanation.pooled_gradients,
        "mean_activation": activations.mean((0, 1), dtype=np.float64),
        "max_activation": activations.max((0, 1)).astype(np.float64),
        "baseline": explanation.baseline.astype(np.float64),
        "contribution": per_channel(explanation.contributions, channels),
        "region_contribution": per_channel(explanation.region_contributions, channels),
    }
    return pd.DataFrame(columns, index=pd.RangeIndex(channels, name="channel"))


def _cells(count: int, pixels: int, axis: str) -> tuple[str, NDArray[np.float64], dict[str, str]]:
    about = f"centre of the layer's cell, in {axis}s of the logits' grid from its edge"
    return axis, (np.arange(count) + 0.5) * pixels / count, {"units": "pixel", "long_name": about}


def to_xarray(explanation: "Explanation") -> "xr.Dataset":
    """Arrays with named dimensions; see :meth:`Explanation.to_xarray`."""
    xr = needed("xarray", "to_xarray")
    unit, own = SCORES[str(explanation.query.score)].unit, explanation.unit
    layer, pooled = ("row", "col", "channel"), ("channel",)
    weights_over = layer if explanation.weights.ndim == 3 else pooled
    variables: dict[str, tuple[tuple[str, ...], NDArray[Any], str, str]] = {
        "cam": (("row", "col"), explanation.cam, own, "signed map, not normalised"),
        "activations": (layer, explanation.activations, "1", "the layer's output"),
        "gradients": (layer, explanation.gradients, unit, "of the score by the layer's output"),
        "weights": (weights_over, explanation.weights, "1" if own == "activation" else unit, "of the channels"),
        "baseline": (pooled, explanation.baseline, "1", "what activations are compared with"),
        "contributions": (pooled, explanation.contributions, own, "sum over the map of weight times activation"),
        "region_contributions": (pooled, explanation.region_contributions, own, "the same inside the region"),
        "coverage": (("row", "col"), explanation.coverage, "1", "share of the cell that the region covers"),
        "mask": (("output_row", "output_col"), explanation.mask, "1", "the region on the logits' grid"),
    }
    height, width = explanation.mask.shape
    rows, cols, channels = explanation.activations.shape
    # only types that netCDF can hold: no bool, no None, no dict
    numbers = {name: float(value) for name, value in explanation.scalars().items()}
    return xr.Dataset(
        {
            name: (dims, values, {"units": units, "long_name": about})
            for name, (dims, values, units, about) in variables.items()
            if values.size
        },
        coords={
            "row": _cells(rows, height, "row"),
            "col": _cells(cols, width, "col"),
            "channel": ("channel", np.arange(channels), {"long_name": "channel of the layer"}),
            "output_row": ("output_row", np.arange(height) + 0.5, {"units": "pixel"}),
            "output_col": ("output_col", np.arange(width) + 0.5, {"units": "pixel"}),
        },
        attrs={
            "title": sentence(explanation),
            "layer": explanation.layer.name,
            "class_name": explanation.class_name,
            "query": json.dumps(explanation.query.to_dict()),
            "notes": "; ".join(explanation.notes),
            "score_units": unit,
            **numbers,
        },
    )


def _image(pixels: NDArray[np.uint8], alt: str, style: str) -> str:
    return f'<img src="{data_uri(pixels)}" alt="{escape(alt)}" style="{style}">'


def to_html(explanation: "Explanation") -> str:
    """A static picture of an explanation: the signed map with the region's outline, its scale, numbers, one sentence.

    Colours of text and lines are inherited, so that it reads on light and on dark pages. No script, no network.
    """
    height, width = explanation.mask.shape
    scale = _SIDE / max(height, width)
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    limit = symmetric_limit(explanation.cam)
    pixels = render(explanation.upsampled(size), limit or None)
    draw_outline(pixels, explanation.mask)
    words = sentence(explanation)
    score_unit, unit = SCORES[str(explanation.query.score)].unit, explanation.unit
    of_score, of = ("" if one == "1" else f" {one}" for one in (score_unit, unit))
    numbers = explanation.scalars()
    rows = {
        "score": f"{number(numbers['score'])}{of_score}",
        "positive share": percent(numbers["positive_share"]),
        "focus": percent(numbers["focus"]),
        "region's share": percent(numbers["region_share"]),
        "gain": number(numbers["gain"]),
    }
    cells = "".join(f"<tr><td>{name}</td><td>{value}</td></tr>" for name, value in rows.items())
    notes = "".join(f"<p>{escape(note)}</p>" for note in explanation.notes)
    bar = _image(np.repeat(diverging_lut()[None], 8, 0), "", "width:100%;height:0.8em;display:block")
    marks = {"left": number(-limit), "center": "0", "right": f"{number(limit)}{of}"}
    ends = "".join(f'<span style="flex:1;text-align:{side}">{text}</span>' for side, text in marks.items())
    return (
        '<div class="segcam-explanation" style="color:inherit;max-width:40em">'
        f"<p><strong>{escape(words)}</strong></p>"
        '<div style="display:flex;gap:1.5em;flex-wrap:wrap;align-items:flex-start">'
        f'<div style="width:{size[1]}px">{_image(pixels, words, "display:block;border:1px solid currentColor")}{bar}'
        f'<div style="display:flex">{ends}</div></div>'
        f'<table style="color:inherit;background:transparent">{cells}</table></div>{notes}</div>'
    )
