"""Open probes from files, for the command line and for uploads."""

import importlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from segcam_widgets.core.placement import Placement
from segcam_widgets.core.regions.drawn import Rectangle
from segcam_widgets.errors import SegCamError, must_be_one_of
from segcam_widgets.images.fitting import placements
from segcam_widgets.images.prepare import Given, check, read_image, tiles
from segcam_widgets.keras_probe.load import as_model
from segcam_widgets.keras_probe.opening import open_probe
from segcam_widgets.keras_probe.preprocess import RANGES
from segcam_widgets.keras_probe.probe import KerasProbe
from segcam_widgets.keras_probe.record.adapters import enters_first, input_shape

OF_ONE_IMAGE = ("image", "truth", "fit", "tile", "bands")


def open_files(
    model: Any,
    image: str,
    *,
    value_range: str = "0-1",
    preprocess: str | None = None,
    modules: Sequence[str] = (),
    **options: Any,
) -> list[Callable[[], KerasProbe]]:
    """Functions that bind a model file to a picture, or to an array file: one, or with ``fit="tile"`` one per tile.

    Parameters
    ----------
    model : str or keras.Model
        A .keras or .h5 file, or what was read from one.
    image : str
        A picture; or a .npy file, whose values must be as the model expects them.
    value_range, preprocess : str
        What a picture's values become; `preprocess`, the name of a model of `keras.applications`, goes first.
    modules : sequence of str
        Imported first: they register layers of the user's own.
    **options
        Of :func:`segcam_widgets.open_probe`: class_names, fit, bands.

    Raises
    ------
    SegCamError
        As :func:`segcam_widgets.open_probe`, or a module that cannot be imported.
    """
    import_modules(modules)
    if value_range not in RANGES:
        raise SegCamError(must_be_one_of("range", RANGES, value_range))
    keras_model = as_model(model)
    if Path(image).suffix == ".npy":
        if preprocess is not None:
            raise SegCamError(
                f"`preprocess` is for pictures. Received: {preprocess!r} with {image!r}, whose values are taken as they are."
            )
        return tile_by_tile(keras_model, _read_array(image), **options)
    return tile_by_tile(keras_model, image=read_image(image), preprocess=preprocess or value_range, **options)


def import_modules(names: Sequence[str]) -> None:
    """Import modules of the user's own, which register layers. Raises SegCamError where one cannot be imported."""
    for name in names:
        try:
            importlib.import_module(name)
        except Exception as error:  # it is code of the user's own: anything can happen in it
            raise SegCamError(
                f"`--import` must name a module that can be imported. Received: {name!r} "
                f"({type(error).__name__}: {' '.join(str(error).split())})."
            ) from error


def _read_array(path: str) -> Any:
    try:
        return np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise SegCamError(f"`image` must be an array file that can be read. Received: {path!r} ({error}).") from error


def tile_by_tile(model: Any, x: Any = None, **options: Any) -> list[Callable[[], KerasProbe]]:
    """Functions that open a model on an image: one for each tile with ``fit="tile"`` unless one is named, else one."""
    if options.get("fit") != "tile" or "tile" in options:
        return [partial(open_probe, model, x, **options)]
    given = Given(x, options.get("image"), options.get("preprocess"), "tile", bands=options.get("bands"))
    check(given)
    count = tiles(given, input_shape(model), enters_first(model))
    return [partial(open_probe, model, x, **options, tile=tile) for tile in range(count)]


def open_under(
    sources: Sequence[Callable[[], KerasProbe]], region: Rectangle | None
) -> tuple[KerasProbe, Rectangle | None]:
    """The probe that sees a rectangle of the picture, and the rectangle on the grid of its logits.

    Parameters
    ----------
    sources : sequence of callable
        What :func:`open_files` gives.
    region : Rectangle or None
        In rows and columns of the picture.

    Raises
    ------
    SegCamError
        There are several tiles, and no region or one that no single tile holds.
    """
    probe = sources[0]()
    place = probe.placement
    if len(sources) > 1:
        if region is None:
            raise SegCamError(
                f"`--region` must be given with --fit tile: it says which of the {len(sources)} tiles is meant. Received: none."
            )
        probe = sources[_tile_of(region, placements(place.picture, place.input, "tile"))]()
        place = probe.placement
    if region is None:
        return probe, None
    grid = (probe.logits.shape[0], probe.logits.shape[1])
    top, left = place.to_grid(region.top, region.left, grid)
    return probe, Rectangle(top, left, *place.to_grid(region.bottom, region.right, grid))


def _tile_of(region: Rectangle, places: Sequence[Placement]) -> int:
    """The tile that holds a rectangle of the picture, farthest from its edges."""

    def room(place: Placement) -> float:
        top, left, bottom, right = place.window
        return min(region.top - top, region.left - left, bottom - region.bottom, right - region.right)

    best = max(range(len(places)), key=lambda i: room(places[i]))
    if room(places[best]) < 0:
        height, width = places[best].input
        raise SegCamError(
            f"`--region` must lie in one tile of {height} x {width} px. Received: {region.describe()}, which none holds. "
            "Make it smaller, or fit the picture by 'resize' or 'pad'."
        )
    return best


def picture_opener(
    model: Any, *, preprocess: Callable[[Any], Any] | str | None = None, **kwargs: Any
) -> Callable[[Any, str, str], list[Callable[[], KerasProbe]]]:
    """A function (file, fit, value_range) -> functions that open a probe, for pictures uploaded to an explorer on this model.

    There is one, or with "tile" one per tile. A `preprocess` function of the user's own goes before `value_range`, and before
    every `fit` but "tile", for it may resize as well; one by name goes before `value_range`. What belongs to the images that
    the explorer was opened with is left out.
    """
    options = {name: value for name, value in kwargs.items() if name not in OF_ONE_IMAGE}

    def open_picture(file: Any, fit: str, value_range: str) -> list[Callable[[], KerasProbe]]:
        chosen = "exact" if callable(preprocess) and fit != "tile" else fit
        return tile_by_tile(model, image=read_image(file), preprocess=preprocess or value_range, fit=chosen, **options)

    return open_picture
