"""The heat table: layers down, classes across, clickable and walked through by keyboard, however large."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets

from segcam_widgets.diagnosis.atlas.atlas import Atlas
from segcam_widgets.diagnosis.atlas.report import LEVELS, heat_colour

_STATIC = Path(__file__).parent / "static"
NO_MAP, FINE, BLANK, BROKEN, FAINT, NUMBER = range(6)
"""What a cell holds, as the page knows it."""


class HeatTable(anywidget.AnyWidget):
    """Shows an atlas; only the cells in sight are on the page.

    Parameters
    ----------
    on_choose : callable
        ``on_choose(row, column)``: a cell was clicked, or Enter was pressed on it.

    Attributes
    ----------
    table : dict
        What the page draws.
    current : list of int
        Row and column of the cell whose map is on view; [-1, -1]: none.
    """

    # text, not paths: for a file anywidget keeps every widget that was ever made from it
    _esm = (_STATIC / "atlas.js").read_text(encoding="utf-8")
    _css = (_STATIC / "atlas.css").read_text(encoding="utf-8")
    table = traitlets.Dict().tag(sync=True)
    current = traitlets.List(traitlets.Int(), default_value=[-1, -1]).tag(sync=True)

    def __init__(self, on_choose: Callable[[int, int], None]) -> None:
        super().__init__()
        self._on_choose = on_choose
        self.on_msg(self._told)

    def show(self, atlas: Atlas | None) -> None:
        """Draw an atlas; None: nothing."""
        self.table = {} if atlas is None else encode(atlas)

    def _told(self, _: Any, content: Any, __: Any) -> None:
        if not isinstance(content, dict) or content.get("kind") != "choose":
            return
        row, column = content.get("row"), content.get("column")
        shape = len(self.table.get("rows", ())), len(self.table.get("columns", ()))
        if all(isinstance(i, int) and 0 <= i < n for i, n in zip((row, column), shape, strict=True)):
            self._on_choose(int(row), int(column))  # type: ignore[arg-type]


def encode(atlas: Atlas) -> dict[str, Any]:
    """An atlas as the page reads it: names, and one byte per cell for the share, the negative channels and the kind."""
    known = np.isfinite(atlas.positive_share)
    seen = np.where(atlas.is_blank, BLANK, np.where(atlas.is_faint, FAINT, FINE))
    seen = np.where(atlas.is_map[:, None], seen, NUMBER)  # one cell: neither blank nor faint
    kind = np.where(known, seen, np.where(atlas.pixels > 0, BROKEN, NO_MAP))
    names = [info.name for info in atlas.layers]
    codes = {f"{names.index(n)},{atlas.classes.index(c)}": code for (n, c), code in atlas.headlines.items()}
    return {
        "rows": names,
        "columns": list(atlas.class_names),
        "pixels": [int(count) for count in atlas.pixels],
        "colours": [heat_colour(level / (LEVELS - 1)) for level in range(LEVELS)],
        "share": _bytes(np.where(known, 100 * atlas.positive_share, 0)),
        "negative": _bytes(np.where(known, 100 * atlas.negative_share, 0)),
        "kind": _bytes(kind),
        "codes": codes,
    }


def _bytes(values: Any) -> bytes:
    return np.round(values).astype(np.uint8).tobytes()
