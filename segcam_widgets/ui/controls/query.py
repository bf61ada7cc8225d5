"""The menus for layer, class, score, method, baseline and the method's options, kept in agreement with one query."""

from collections.abc import Callable
from html import escape
from typing import Any

import ipywidgets as W

from segcam_widgets.core.answers import LayerInfo
from segcam_widgets.core.baselines import BASELINES
from segcam_widgets.core.explanation.class_shares import class_shares
from segcam_widgets.core.methods import METHODS, Method, Option
from segcam_widgets.core.probe import Probe
from segcam_widgets.core.query import STRONGEST, CamQuery
from segcam_widgets.core.regions.base import Region
from segcam_widgets.core.scores import SCORES
from segcam_widgets.core.text.numbers import percent
from segcam_widgets.errors import SegCamError
from segcam_widgets.ui.controls.quiet import Quiet
from segcam_widgets.ui.page.lifetime import family
from segcam_widgets.ui.page.page_help import PageHelp

WIDE = {"description_width": "72px"}


def layer_label(layer: LayerInfo, blank: bool = False) -> str:
    """A layer's entry in the list: name and shape, "tail_conv2 · 64 x 64 x 2", and " · blank" once that is known."""
    return f"{layer.name} · {' x '.join(map(str, layer.shape))}" + (" · blank" if blank else "")


def method_label(method: Method) -> str:
    """A method's entry in the menu: its title, and " · slow" where one will wait."""
    return method.title + (" · slow" if method.slow else "")


class QueryControls(W.VBox):
    """The widgets of a query, without its region.

    Parameters
    ----------
    on_change : callable
        Called without arguments after the user changed something.
    on_error : callable
        ``on_error(message)`` where what was typed names nothing.
    """

    def __init__(self, on_change: Callable[[], None], on_error: Callable[[str], None]) -> None:
        self._on_change, self._on_error = on_change, on_error
        self._quiet = Quiet()
        self._probe: Probe | None = None
        self._labels: dict[str, str] = {}
        self._options: dict[str, W.Widget] = {}
        self.layer_slider = W.IntSlider(description="Layer", readout=False, style=WIDE, layout=W.Layout(width="auto"))
        self.layer_list = W.Combobox(
            placeholder="type to search layers", description="", ensure_option=False, continuous_update=False,
            tooltip="Layer: type part of its name", layout=W.Layout(width="auto", margin="0 2px 4px 82px"),
        )  # fmt: skip
        self.class_slider = W.IntSlider(description="Class", readout=False, style=WIDE, layout=W.Layout(width="auto"))
        self.class_list = W.Dropdown(
            description="", tooltip="Class", layout=W.Layout(width="auto", margin="0 2px 4px 82px")
        )
        self.score = W.Dropdown(
            description="Score",
            tooltip="The quantity to explain, averaged over the region's pixels",
            style=WIDE,
            layout=W.Layout(width="auto"),
        )
        self.rival = W.Dropdown(
            description="Rival", tooltip="The class to compare with", style=WIDE, layout=W.Layout(width="auto")
        )
        self.method = W.Dropdown(
            options=[(method_label(m), m.name) for m in METHODS.values()],
            description="Method", tooltip="How the map is made", style=WIDE, layout=W.Layout(width="auto"),
        )  # fmt: skip
        self._preferred = self.method.value
        self.method_help = W.HTML(layout=W.Layout(margin="0 2px 4px 82px", display="none"))
        self.baseline = W.Dropdown(
            description="Baseline",
            tooltip="What a channel's activation is compared with",
            style=WIDE,
            layout=W.Layout(width="auto"),
        )
        self.options_box = W.VBox()
        self.page = PageHelp()
        super().__init__(
            [
                self.layer_slider, self.layer_list, self.class_slider, self.class_list,
                self.score, self.rival, self.method, self.method_help, self.options_box, self.baseline, self.page,
            ]
        )  # fmt: skip
        self.layer_slider.observe(self._layer_slid, "value")
        self.layer_list.observe(self._layer_typed, "value")
        self.class_slider.observe(self._slid("class_list", lambda i: i), "value")
        self.class_list.observe(self._class_chosen, "value")
        self.score.observe(self._score_chosen, "value")
        self.method.observe(self._method_chosen, "value")
        for plain in (self.rival, self.baseline):
            plain.observe(self._plain, "value")

    # -------------------------------------------------------------- what there is to choose from

    @property
    def _layers(self) -> tuple[LayerInfo, ...]:
        return self._probe.layers if self._probe is not None else ()

    def _label(self, layer: LayerInfo) -> str:
        return self._labels.get(layer.name, layer.name)

    def offer(self, probe: Probe) -> None:
        """Offer what a probe has."""
        self._probe = probe
        with self._quiet:
            self._labels = {layer.name: layer_label(layer) for layer in probe.layers}
            self._list_layers()
            self.layer_slider.max = len(probe.layers) - 1
            part = class_shares(probe)
            names = [(f"{name} · {percent(part[i])}", i) for i, name in enumerate(probe.class_names)]
            self.class_list.options = names
            texts = {self.class_slider.description: [name for name, _ in names]}
            self.page.slider_texts = {**self.page.slider_texts, **texts}
            self.class_slider.max = len(names) - 1
            self.rival.options = [
                ("the strongest at each pixel", STRONGEST),
                *((n, i) for i, n in enumerate(probe.class_names)),
            ]
            allowed = [s for s in SCORES.values() if not (s.contrastive and (probe.multilabel or len(names) < 2))]
            self.score.options = [(score.title, score.name) for score in allowed]

    def _list_layers(self) -> None:
        """Let list and slider say what `_labels` says."""
        labels = list(self._labels.values())
        self.layer_list.options = labels
        self.page.slider_texts = {**self.page.slider_texts, self.layer_slider.description: labels}

    def mark_blank(self, name: str, blank: bool) -> None:
        """Say in the list whether a layer's map is blank."""
        if self._probe is None or name not in self._labels:
            return
        label = layer_label(self._probe.layer(name), blank)
        if label == self._labels[name]:
            return
        with self._quiet:
            shown = self.layer_list.value == self._labels[name]
            self._labels[name] = label
            self._list_layers()
            if shown:
                self.layer_list.value = label

    def forget_blank(self) -> None:
        """Another class, score or region: what was known about the layers no longer holds."""
        if self._probe is not None and any(label.endswith(" · blank") for label in self._labels.values()):
            with self._quiet:
                current = self._layers[self.layer_slider.value]
                self._labels = {layer.name: layer_label(layer) for layer in self._layers}
                self._list_layers()
                self.layer_list.value = self._label(current)

    # -------------------------------------------------------------- to and from a query

    def query(self, region: Region | None) -> CamQuery:
        """The query that the widgets show, about a region."""
        rival = self.rival.value if self.score.value == "margin" else STRONGEST
        if rival == self.class_slider.value:  # the slider passed over it: no class is compared with itself
            rival = STRONGEST
        return CamQuery(
            layer=self._layers[self.layer_slider.value].name,
            class_index=self.class_slider.value,
            region=region,
            score=self.score.value,
            method=self.method.value,
            baseline=self.baseline.value,
            rival=None if rival == STRONGEST else rival,
            options={name: widget.value for name, widget in self._options.items()},
        )

    def show(self, query: CamQuery) -> None:
        """Set the widgets to a resolved query."""
        names = [layer.name for layer in self._layers]
        with self._quiet:
            index = names.index(query.layer)
            self.layer_slider.value = index
            self.layer_list.value = self._label(self._layers[index])
            self.class_slider.value = query.class_index
            self.class_list.value = query.class_index
            self.score.value = query.score
            self.rival.value = query.rival
            if query.method != self.method.value:  # else it may stand there for one that does not apply to this layer
                self._preferred = query.method
            self._offer_methods(query.baseline)
            for name, value in query.options.items():
                self._options[name].value = value
            self._hide_rival()

    def _offer_methods(self, baseline: str) -> None:
        """The methods that apply to the layer: the one that was chosen, or while it does not apply the first of all."""
        layer = self._layers[self.layer_slider.value]
        apply = [method for method in METHODS.values() if not method.refusal(layer, self._layers)]
        options = tuple((method_label(method), method.name) for method in apply)
        if tuple(self.method.options) != options:
            self.method.options = options
        names = [method.name for method in apply]
        self.method.value = self._preferred if self._preferred in names else names[0]
        self._offer_method(baseline)

    def _say_method(self) -> None:
        """What the user should know of the method before he waits, or wonders: what it costs, why it is another one."""
        chosen, preferred = METHODS[self.method.value], METHODS[self._preferred]
        said = chosen.cost[:1].upper() + chosen.cost[1:] + "." if chosen.slow else ""
        if chosen is not preferred:
            reason = preferred.refusal(self._layers[self.layer_slider.value], self._layers).partition(" Received:")[0]
            said = f"{preferred.title} {reason}"
        self.method_help.value = f'<div class="segcam-note">{escape(said)}</div>' if said else ""
        self.method_help.layout.display = "" if said else "none"

    def _offer_method(self, baseline: str) -> None:
        """Baselines and options of the chosen method."""
        self._say_method()
        method = METHODS[self.method.value]
        accepted = method.accepted_baselines
        self.baseline.options = [(BASELINES[name].title, name) for name in accepted]
        self.baseline.value = baseline if baseline in accepted else accepted[0]
        if list(self._options) != list(method.options):
            before, self._options = self._options, {n: self._option_widget(o) for n, o in method.options.items()}
            self.options_box.children = list(self._options.values())
            for widget in family(list(before.values())):
                widget.close()

    def _option_widget(self, option: Option) -> Any:
        shared = {
            "description": option.name, "tooltip": option.help, "value": option.default, "style": WIDE,
            "layout": W.Layout(width="auto"),
        }  # fmt: skip
        if option.choices:
            widget = W.Dropdown(options=list(option.choices), **shared)
        else:
            kind = W.BoundedIntText if isinstance(option.default, int) else W.BoundedFloatText
            low = option.minimum if option.minimum is not None else -1_000_000
            widget = kind(min=low, max=option.maximum if option.maximum is not None else 1_000_000, **shared)
        widget.observe(self._plain, "value")
        return widget

    # -------------------------------------------------------------- handlers

    def _layer_slid(self, change: Any) -> None:
        if self._quiet:
            return
        with self._quiet:
            self.layer_list.value = self._label(self._layers[change["new"]])
            self._offer_methods(self.baseline.value)
        self._on_change()

    def _slid(self, other: str, value: Callable[[int], Any]) -> Callable[[Any], None]:
        def handler(change: Any) -> None:
            if self._quiet:
                return
            with self._quiet:
                getattr(self, other).value = value(change["new"])
            self._on_change()

        return handler

    def _layer_typed(self, change: Any) -> None:
        if self._quiet or self._probe is None:
            return
        typed = str(change["new"]).strip()
        named = {label: i for i, label in enumerate(self._labels.values())}
        try:
            if typed in named:
                index = named[typed]
            else:
                found = self._probe.layer(typed.split(" · ", maxsplit=1)[0])
                index = self._layers.index(found)
        except SegCamError as error:
            self._on_error(str(error))
            return
        with self._quiet:
            self.layer_slider.value = index
            self.layer_list.value = self._label(self._layers[index])
            self._offer_methods(self.baseline.value)
        self._on_change()

    def _class_chosen(self, change: Any) -> None:
        if self._quiet or change["new"] is None:
            return
        with self._quiet:
            self.class_slider.value = change["new"]
        self._on_change()

    def _score_chosen(self, _: Any) -> None:
        self._hide_rival()
        self._plain(None)

    def _hide_rival(self) -> None:
        self.rival.layout.display = "" if self.score.value == "margin" else "none"

    def _method_chosen(self, _: Any) -> None:
        if self._quiet:
            return
        with self._quiet:
            self._preferred = self.method.value
            self._offer_method(self.baseline.value)
        self._on_change()

    def _plain(self, _: Any) -> None:
        if not self._quiet:
            self._on_change()
