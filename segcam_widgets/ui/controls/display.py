"""The display settings: opacity, colour range, overlays. All but the range's mode live in the browser."""

import math
from collections.abc import Mapping
from typing import Any

import ipywidgets as W

from segcam_widgets.core.support.checks import is_finite_number
from segcam_widgets.errors import SegCamError, listing, must_be_one_of, shown
from segcam_widgets.ui.canvas import SegmentationCanvas

MODES = {"automatic": "each map fills the scale", "locked": "the scale stays as it is", "typed": "the number beside"}


class DisplayControls(W.VBox):
    """Widgets linked to a canvas without the kernel, and the mode of the colour range.

    The range is symmetric about zero and never rescaled silently: automatic (each new map sets it, and the colour bar
    prints it), locked, or typed.
    """

    def __init__(self, canvas: SegmentationCanvas) -> None:
        self._canvas = canvas
        self._largest = 0.0
        style = {"description_width": "72px"}
        share = {"min": 0.0, "max": 1.0, "step": 0.01, "readout_format": ".2f", "style": style}
        wide = W.Layout(width="auto")
        self.heat_opacity = W.FloatSlider(
            value=canvas.heat_opacity, description="Map", tooltip="Opacity of the map", layout=wide, **share
        )
        self.labels_opacity = W.FloatSlider(
            value=canvas.labels_opacity,
            description="Prediction",
            tooltip="Opacity of the prediction",
            layout=wide,
            **share,
        )
        self.smooth = self._toggle("smooth", canvas.smooth, "Interpolate values between cells, or show the cells")
        self.relu = self._toggle("ReLU", canvas.relu, "Hide negative values, as Grad-CAM does")
        self.fade = self._toggle("fade", canvas.fade, "More transparent the nearer the value is to zero")
        self.labels = self._toggle("prediction", canvas.labels_visible, "Show the predicted segmentation")
        self.truth = self._toggle("truth", canvas.truth_visible, "Show the true labels as hatched outlines")
        self.outline = self._toggle("outline", canvas.region_visible, "Outline the region")
        self.mode = W.Dropdown(
            options=list(MODES),
            description="Range",
            tooltip="How the colour range is set",
            style=style,
            layout=W.Layout(width="180px"),
        )
        self.limit = W.FloatText(value=1.0, description="±", tooltip="Largest value of the colour scale", disabled=True,
                                 style={"description_width": "16px"}, layout=W.Layout(width="170px"))  # fmt: skip
        pairs = (
            (self.heat_opacity, "heat_opacity"), (self.labels_opacity, "labels_opacity"), (self.smooth, "smooth"),
            (self.relu, "relu"), (self.fade, "fade"), (self.labels, "labels_visible"), (self.truth, "truth_visible"),
            (self.outline, "region_visible"),
        )  # fmt: skip
        self.links = [W.jslink((widget, "value"), (canvas, trait)) for widget, trait in pairs]
        row = W.Layout(flex_flow="row wrap")
        super().__init__(
            [
                self.heat_opacity,
                self.labels_opacity,
                W.HBox([self.smooth, self.relu, self.fade, self.labels, self.truth, self.outline], layout=row),
                W.HBox([self.mode, self.limit], layout=row),
            ]
        )
        self.mode.observe(self._mode_chosen, "value")
        self.limit.observe(self._typed, "value")

    @staticmethod
    def _toggle(name: str, value: bool, tooltip: str) -> Any:
        return W.Checkbox(
            value=value,
            description=name,
            tooltip=tooltip,
            indent=False,
            layout=W.Layout(width="auto", margin="0 10px 0 0"),
        )

    def limit_for(self, largest: float) -> float:
        """The end of the colour scale for a map whose largest magnitude is given."""
        self._largest = largest
        if self.mode.value == "automatic":
            limit = largest or 1.0  # a map of zeros has no scale of its own
            self.limit.value = float(f"{limit:.6g}")  # more digits than a field has room for
            return limit
        return float(self._canvas.vmax)

    def _mode_chosen(self, change: Any) -> None:
        self.limit.disabled = change["new"] != "typed"
        if change["new"] == "automatic":
            self._canvas.vmax = self.limit_for(self._largest)

    def _typed(self, change: Any) -> None:
        if self.mode.value != "typed":
            return
        if 0 < change["new"] < math.inf:
            self._canvas.vmax = float(change["new"])
        else:  # the field shows what holds
            self.limit.value = self._canvas.vmax

    @property
    def saved(self) -> dict[str, Any]:
        """The widgets whose values make up a saved look, by name; the order is the order of restoring."""
        names = (
            "heat_opacity",
            "labels_opacity",
            "smooth",
            "relu",
            "fade",
            "labels",
            "truth",
            "outline",
            "mode",
            "limit",
        )
        return {name: getattr(self, name) for name in names}

    def check(self, values: Any) -> None:
        """Raise SegCamError where `values` is nothing that `restore` could set."""
        if not isinstance(values, Mapping):
            raise SegCamError(f"`display` must be a mapping of names to values. Received: {shown(values)}.")
        for name, value in values.items():
            if name not in self.saved:
                raise SegCamError(must_be_one_of("display", self.saved, name))
            widget = self.saved[name]
            if isinstance(widget, W.Checkbox):
                wanted, good = "true or false", isinstance(value, bool)
            elif isinstance(widget, W.Dropdown):
                wanted, good = f"one of {listing(widget.options)}", value in widget.options
            else:
                low, high = getattr(widget, "min", 0.0), getattr(widget, "max", math.inf)
                wanted, good = f"a number from {low:g} to {high:g}", is_finite_number(value) and low <= value <= high
            if not good:
                raise SegCamError(f"`{name}` must be {wanted}. Received: {shown(value)}.")

    def restore(self, values: Mapping[str, Any]) -> None:
        """Set the widgets named in `values`, which `check` has seen; others are left alone."""
        for name, widget in self.saved.items():
            if name in values:
                widget.value = values[name]
        if self.mode.value == "locked" and "limit" in values:
            self._canvas.vmax = self.limit.value

    def close(self) -> None:
        """End the links too: they are widgets of their own."""
        for link in self.links:
            link.close()
        super().close()
