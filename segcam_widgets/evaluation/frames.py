"""A comparison as pandas frames: one row per curve, a pair of classes, a stage of the cascade."""

import math
from dataclasses import astuple, fields
from typing import TYPE_CHECKING, Any

from segcam_widgets.core.support.checks import needed
from segcam_widgets.errors import SegCamError, must_be_one_of
from segcam_widgets.evaluation.similarity import Similarity

if TYPE_CHECKING:
    import pandas as pd

    from segcam_widgets.evaluation.result import Faithfulness

FRAMES = ("curves", "channels", "classes", "cascades")
MEASURED = tuple(f.name for f in fields(Similarity))


def to_frame(found: "Faithfulness", test: str) -> "pd.DataFrame":
    """See :meth:`Faithfulness.to_frame`."""
    if test not in FRAMES:
        raise SegCamError(must_be_one_of("test", FRAMES, test))
    pd = needed("pandas", "to_frame")
    makers = {"curves": _curve_rows, "channels": _channel_rows, "classes": _class_rows, "cascades": _cascade_rows}
    index, rows = makers[test](found)
    return pd.DataFrame(rows).set_index(index) if rows else pd.DataFrame()


Rows = tuple[list[str], list[dict[str, Any]]]


def _curve_rows(found: "Faithfulness") -> Rows:
    kinds = {contender.name: contender.kind for contender in found.contenders}
    rows = []
    for curve in found.curves:
        lost = [
            x for x in found.losses(curve.map) if (x.scope, x.test, x.measure) == (curve.scope, curve.test, "score")
        ]
        rows.append({
            "scope": curve.scope, "test": curve.test, "map": curve.map, "kind": kinds[curve.map],
            "score_auc": curve.auc(), "score_spread": curve.spread(), "iou_auc": curve.auc("iou"),
            "iou_spread": curve.spread("iou"), "lost_to": ", ".join(x.reference for x in lost),
        })  # fmt: skip
    return ["scope", "test", "map"], rows


def _channel_rows(found: "Faithfulness") -> Rows:
    test = found.channels
    rows = [
        {
            "test": curve.test, "map": curve.map, "kind": "method" if curve.map in test.maps else "reference",
            "score_auc": curve.auc(), "score_spread": curve.spread(), "iou_auc": curve.auc("iou"),
            "iou_spread": curve.spread("iou"),
            "luck": test.luck(curve.map, curve.test) if curve.map in test.maps else math.nan,
        }
        for curve in test.curves
    ] if test is not None else []  # fmt: skip
    return ["test", "map"], rows


def _class_rows(found: "Faithfulness") -> Rows:
    rows = [
        {"map": test.map, "other": other, **dict(zip(MEASURED, astuple(similarity), strict=True))}
        for test in found.classes
        for other, similarity in test.others.items()
    ]
    return ["map", "other"], rows


def _cascade_rows(found: "Faithfulness") -> Rows:
    rows = [
        {
            "map": cascade.map, "draw": draw, "stage": stage + 1, "randomised_to": names[-1],
            **dict(zip(MEASURED, astuple(similarity), strict=True)),
        }
        for cascade in found.cascades
        for draw, similarities in enumerate(cascade.draws)
        for stage, (names, similarity) in enumerate(zip(cascade.stages, similarities, strict=True))
    ]  # fmt: skip
    return ["map", "draw", "stage"], rows
