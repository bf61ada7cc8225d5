"""The canvas's model: everything that the browser draws, and everything drawn there, as traits."""

from collections.abc import Sequence
from typing import Any

import anywidget
import numpy as np
import traitlets
from ipywidgets import Layout
from numpy.typing import ArrayLike

from segcam_widgets.core.picture.colours import class_colours, diverging_lut
from segcam_widgets.core.regions.base import Region
from segcam_widgets.errors import SegCamError, must_be_one_of
from segcam_widgets.ui.canvas import wire
from segcam_widgets.ui.canvas.assets import module_source, style_source
from segcam_widgets.ui.canvas.colours import hex_colours
from segcam_widgets.ui.canvas.tools import (
    OPS,
    REGION_TOOLS,
    GridMapping,
    Shape,
    checked_shape,
    region_to_shapes,
    shapes_to_region,
)

MOVE_TOOL = {
    "kind": "move",
    "label": "Move",
    "tooltip": "Move: drag a shape, or one of its corners; Delete deletes the chosen shape.",
    "icon": "M12 3v18M3 12h18M12 3l-3 3M12 3l3 3M12 21l-3-3M12 21l3-3M3 12l3-3M3 12l3 3M21 12l-3-3M21 12l-3 3",
    "gesture": "move",
    "shortcut": "m",
}


def _layer() -> Any:
    """A trait that holds a dict or None."""
    return traitlets.Dict(default_value=None, allow_none=True).tag(sync=True)


def _tool_buttons() -> list[dict[str, str]]:
    """What the toolbar shows: the registered drawing tools, then "move", which draws nothing."""
    fields = ("kind", "label", "tooltip", "icon", "gesture", "shortcut")
    return [{name: getattr(tool, name) for name in fields} for tool in REGION_TOOLS.values()] + [MOVE_TOOL]


class SegmentationCanvas(anywidget.AnyWidget):
    """An image, the prediction, the truth and a signed map over each other; a region drawn with mouse, finger or keys.

    Everything that only changes how it looks (opacities, visibility, colour range, smooth, ReLU) happens in the browser
    and needs no kernel. Drawn coordinates are pixels of the displayed image, x to the right and y down, whole numbers
    at pixel corners; `hover` and all arrays are in rows and columns.

    Attributes
    ----------
    shapes : list of dict
        Finished shapes, ``{"kind", "points": [[x, y], ...], "op", "radius" for a brush}``; settable.
    draft : dict or None
        The shape being drawn or moved, at most once per frame; with "index" where it stands for ``shapes[index]``.
    tool, op : str
        Chosen tool (a kind of `REGION_TOOLS`, or "move") and operation ("add", "subtract", "intersect").
    brush_radius : float
        In display-image pixels.
    hover : list of int or None
        [row, col] in the logits' grid under the pointer or crosshair.
    hover_text : str
        Python's answer to `hover`, shown below the picture.
    heat_visible, heat_opacity, smooth, relu, fade : bool, float, bool, bool, bool
        How the map is shown: values interpolated before they are coloured, negative values left out, colours more
        transparent the nearer the value is to zero.
    vmax : float
        The colour range is [-vmax, vmax]; it changes only when it is set.
    heat_label : str
        Title of the colour bar.
    lut : bytes
        RGBA of the colour scale from -vmax to vmax.
    labels_visible, labels_opacity, truth_visible, truth_opacity : bool, float, bool, float
        The two overlays.
    region_visible, dim_outside : bool, float
        Outline of the rasterised region; how dark everything outside it is, 0 to 1.
    max_width, max_height : int
        Largest size of the picture on the page, CSS pixels.
    label : str
        What a screen reader calls the drawing area.
    """

    _esm = module_source()
    _css = style_source()

    # layers: shape and bytes in one trait each (see wire.py); use the set_... methods
    image = _layer()
    labels = _layer()
    truth = _layer()
    heat = _layer()
    region_mask = _layer()
    grid_shape = traitlets.List(traitlets.Int()).tag(sync=True)
    palette = traitlets.List(traitlets.Unicode()).tag(sync=True)
    class_names = traitlets.List(traitlets.Unicode()).tag(sync=True)

    # how they look
    labels_visible = traitlets.Bool(True).tag(sync=True)
    labels_opacity = traitlets.Float(0.35).tag(sync=True)
    truth_visible = traitlets.Bool(False).tag(sync=True)
    truth_opacity = traitlets.Float(1.0).tag(sync=True)
    heat_visible = traitlets.Bool(True).tag(sync=True)
    heat_opacity = traitlets.Float(0.6).tag(sync=True)
    heat_label = traitlets.Unicode("Map").tag(sync=True)
    lut = traitlets.Bytes(diverging_lut().tobytes()).tag(sync=True)
    vmax = traitlets.Float(1.0).tag(sync=True)
    smooth = traitlets.Bool(True).tag(sync=True)
    relu = traitlets.Bool(False).tag(sync=True)
    fade = traitlets.Bool(False).tag(sync=True)
    region_visible = traitlets.Bool(True).tag(sync=True)
    dim_outside = traitlets.Float(0.0).tag(sync=True)
    max_width = traitlets.Int(640).tag(sync=True)
    max_height = traitlets.Int(640).tag(sync=True)

    # drawing
    tools = traitlets.List(traitlets.Dict()).tag(sync=True)
    tool = traitlets.Unicode("freehand").tag(sync=True)
    op = traitlets.Unicode("add").tag(sync=True)
    brush_radius = traitlets.Float(6.0).tag(sync=True)
    shapes = traitlets.List(traitlets.Dict()).tag(sync=True)
    draft = _layer().tag(echo_update=False)  # not sent back to where it came from

    # under the pointer
    hover = traitlets.List(traitlets.Int(), default_value=None, allow_none=True).tag(sync=True, echo_update=False)
    hover_text = traitlets.Unicode("").tag(sync=True)
    label = traitlets.Unicode("Picture with map; drawing area").tag(sync=True)

    def __init__(self, image: ArrayLike | None = None, **traits: Any) -> None:
        unknown = [name for name in traits if not self.has_trait(name)]
        if unknown:
            raise SegCamError(must_be_one_of("keyword", sorted(self.trait_names(sync=True)), unknown[0]))
        # in a row (HBox) it shares the width that is there; by itself it takes what its container has
        traits.setdefault("layout", Layout(width="100%", min_width="0"))
        super().__init__(**traits)
        if image is not None:
            self.set_image(image)

    # ------------------------------------------------------------------ layers

    def set_image(self, image: ArrayLike) -> None:
        """Show a picture.

        Parameters
        ----------
        image : ndarray, (h', w'), (h', w', 1), (h', w', 3) or (h', w', 4)
            uint8, or float in [0, 1].

        Notes
        -----
        A new picture begins a new undo history; set `shapes` in the same ``hold_sync()`` if they should go with it.
        Where the size changes, `brush_radius` becomes a twentieth of the shorter side.
        """
        packed = wire.pack_image(image)
        resized = self.image is None or self.image["shape"] != packed["shape"]
        with self.hold_sync():
            self.image = packed
            if resized:
                self.brush_radius = max(1.0, round(min(packed["shape"]) / 20))

    def set_labels(
        self, labels: ArrayLike | None, palette: ArrayLike | None = None, names: Sequence[str] | None = None
    ) -> None:
        """Show a predicted label map, and fix the logits' grid by its shape.

        Parameters
        ----------
        labels : ndarray of int, (H, W), or None
            Class of each pixel; -1 is no class.
        palette : sequence of "#rrggbb", or (C, 3) array, optional
            Default `class_colours`.
        names : sequence of str, optional
            Names of the classes; shown as text, whatever they contain.
        """
        if labels is None:
            self.labels = None
            return
        array = np.asarray(labels)
        count = max(1, int(array.max(initial=0)) + 1 if array.dtype.kind in "iub" else 1, len(names or ()))
        colours = hex_colours(class_colours(count) if palette is None else palette)
        if len(colours) < count:
            raise SegCamError(f"`palette` must have a colour for each of {count} classes. Received: {len(colours)}.")
        packed = wire.pack_labels(array, len(colours))
        with self.hold_sync():
            self.palette = colours
            self.class_names = [str(name) for name in names or ()]
            self.grid_shape = packed["shape"]
            self.labels = packed

    def set_truth(self, truth: ArrayLike | None) -> None:
        """Show true labels (H, W) as hatched outlines in the palette of `set_labels`; other values are void."""
        self.truth = None if truth is None else wire.pack_labels(truth, len(self.palette), "truth")

    def set_heat(
        self, heat: ArrayLike | None, vmin: float | None = None, vmax: float | None = None, seq: int | None = None
    ) -> None:
        """Show a signed map at its own resolution; the browser interpolates and colours it.

        Parameters
        ----------
        heat : ndarray, (h, w), or None
            NaN is transparent. None takes the map away.
        vmin, vmax : float, optional
            The colour range, symmetric about zero: either one fixes both. Neither: the range stays as it is.
        seq : int, optional
            Number of the request that this map answers; default one more than the last. Once the map is on the screen
            the picture's element carries it as ``data-heat-seq``.

        Raises
        ------
        SegCamError
            No map (h, w) of numbers, or a range that is not symmetric.
        """
        limit = self._limit(vmin, vmax)
        before = -1 if self.heat is None else self.heat["seq"]
        packed = None if heat is None else wire.pack_heat(heat, before + 1 if seq is None else int(seq))
        with self.hold_sync():
            if limit is not None:
                self.vmax = limit
            self.heat = packed

    @staticmethod
    def _limit(vmin: float | None, vmax: float | None) -> float | None:
        if vmin is not None and vmax is not None and vmin != -vmax:
            raise SegCamError(f"`vmin` must be -`vmax`: the range is symmetric about zero. Received: {vmin}, {vmax}.")
        if vmax is not None:
            return float(vmax)
        return None if vmin is None else -float(vmin)

    @property
    def vmin(self) -> float:
        """Lower end of the colour range, -vmax."""
        return -self.vmax

    def set_region_mask(self, mask: ArrayLike | None) -> None:
        """Outline the region as it was rasterised, (H, W) bool; None takes the outline away."""
        self.region_mask = None if mask is None else wire.pack_mask(mask)

    # ------------------------------------------------------------------ the drawn region

    @property
    def mapping(self) -> GridMapping:
        """From display-image pixels to the logits' grid; the same as the image's where no labels were set."""
        height, width = (1, 1) if self.image is None else self.image["shape"]
        rows, cols = self.grid_shape or (height, width)
        return GridMapping(display=(height, width), grid=(rows, cols))

    @property
    def live_shapes(self) -> list[Shape]:
        """The shapes with the draft in its place: what is on the screen while one draws."""
        shapes = list(self.shapes)
        if self.draft is None:
            return shapes
        index = self.draft.get("index", len(shapes))
        return [*shapes[:index], checked_shape(self.draft), *shapes[index + 1 :]]

    def region(self, base: Region | None = None, *, live: bool = False) -> Region | None:
        """The drawn region, None where nothing is drawn.

        Parameters
        ----------
        base : Region, optional
            What a first shape that is subtracted or intersected refers to; default the whole image.
        live : bool
            Count the shape that is being drawn.
        """
        return shapes_to_region(self.live_shapes if live else self.shapes, self.mapping, base)

    def draw_region(self, region: Region | None, base: Region | None = None) -> bool:
        """Draw a region that was set from Python.

        Returns
        -------
        bool
            False where shapes cannot say it (a mask, a class's pixels): then no shape is shown, and `set_region_mask`
            still shows its outline.
        """
        shapes = None if region is None else region_to_shapes(region, self.mapping, base)
        with self.hold_sync():
            self.draft = None
            self.shapes = shapes or []
        return shapes is not None

    # ------------------------------------------------------------------ checks

    @traitlets.default("tools")
    def _default_tools(self) -> list[dict[str, str]]:
        return _tool_buttons()

    @traitlets.validate("shapes")
    def _check_shapes(self, proposal: Any) -> list[Shape]:
        return [checked_shape(shape) for shape in proposal["value"]]

    @traitlets.validate("tool")
    def _check_tool(self, proposal: Any) -> str:
        kinds = [tool["kind"] for tool in self.tools]
        if proposal["value"] not in kinds:
            raise SegCamError(must_be_one_of("tool", kinds, proposal["value"]))
        return str(proposal["value"])

    @traitlets.validate("op")
    def _check_op(self, proposal: Any) -> str:
        if proposal["value"] not in OPS:
            raise SegCamError(must_be_one_of("op", OPS, proposal["value"]))
        return str(proposal["value"])

    @traitlets.validate("heat_opacity", "labels_opacity", "truth_opacity", "dim_outside")
    def _check_share(self, proposal: Any) -> float:
        if not 0 <= proposal["value"] <= 1:
            raise SegCamError(f"`{proposal['trait'].name}` must lie in [0, 1]. Received: {proposal['value']}.")
        return float(proposal["value"])

    @traitlets.validate("vmax")
    def _check_vmax(self, proposal: Any) -> float:
        if not 0 <= proposal["value"] < np.inf:
            raise SegCamError(f"`vmax` must be a finite number, 0 or more. Received: {proposal['value']}.")
        return float(proposal["value"])

    @traitlets.validate("brush_radius", "max_width", "max_height")
    def _check_positive(self, proposal: Any) -> float:
        if not 0 < proposal["value"] < np.inf:
            raise SegCamError(f"`{proposal['trait'].name}` must be above zero. Received: {proposal['value']}.")
        return proposal["value"]

    @traitlets.validate("lut")
    def _check_lut(self, proposal: Any) -> bytes:
        if len(proposal["value"]) < 12 or len(proposal["value"]) % 4:
            raise SegCamError(f"`lut` must hold RGBA of 3 colours or more. Received: {len(proposal['value'])} bytes.")
        return proposal["value"]
