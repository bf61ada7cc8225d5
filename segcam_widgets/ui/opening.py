"""`explore`: show the explorer for a model, a file, a probe or several."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from segcam_widgets.errors import SegCamError
from segcam_widgets.ui.controls.probes import is_probe
from segcam_widgets.ui.explorer import SegCamExplorer

ONE_EACH = ("image", "truth")


def explore(
    model_or_probe_or_list: Any, x: Any = None, *, state: Mapping[str, Any] | None = None, **kwargs: Any
) -> SegCamExplorer:
    """Show the explorer: draw a region, choose a layer and a class, and see the signed map and its channels.

    Parameters
    ----------
    model_or_probe_or_list : keras.Model, path, Probe, or a list of probes
    x : array-like, optional
        One image (H, W, C), preprocessed as the model expects, or several: a list of images, or an array (N, H, W, C). Several
        images bring buttons for previous and next; each is opened when it is first shown.
    state : mapping, optional
        An earlier ``explorer.state``, to open the same view again.
    **kwargs
        Passed to :func:`segcam_widgets.open_probe`; with several images, `image` and `truth` hold one per image. With
        ``fit="tile"`` each tile counts as an image, unless `tile` selects one.

    Returns
    -------
    SegCamExplorer

    Raises
    ------
    SegCamError
        As :func:`segcam_widgets.open_probe`.
    """
    first = model_or_probe_or_list
    if isinstance(first, list | tuple) or is_probe(first):
        if x is not None or kwargs:
            given = ["x"] if x is not None else sorted(kwargs)
            raise SegCamError(f"`{given[0]}` belongs to a model. Received: a probe, which has its own.")
        probes = list(first) if isinstance(first, list | tuple) else [first]
        wrong = next((p for p in probes if not is_probe(p)), None)
        if wrong is not None:
            raise SegCamError(
                "`model_or_probe_or_list` must be a model, a path, a probe, or a list of probes. "
                f"Received: a list with {type(wrong).__name__}."
            )
        explorer = SegCamExplorer(probes)
    else:
        from segcam_widgets.keras_probe.files import picture_opener
        from segcam_widgets.keras_probe.load import as_model

        model = as_model(first)  # a file is read once
        sources = _sources(model, x, dict(kwargs))
        explorer = SegCamExplorer(sources, opener=picture_opener(model, **kwargs))
    if state is not None:
        try:
            explorer.state = dict(state)
        except Exception:
            explorer.close()
            raise
    return explorer


def explore_files(
    model: str, image: str, *, preprocess: str | None = None, modules: Sequence[str] = (), **options: Any
) -> SegCamExplorer:
    """What `segcam explore` shows: a model file on a picture, with a way in for other pictures.

    Parameters
    ----------
    model, image : str
    preprocess, modules, **options
        Of :func:`segcam_widgets.keras_probe.files.open_files`.
    """
    from segcam_widgets.keras_probe.files import import_modules, open_files, picture_opener
    from segcam_widgets.keras_probe.load import as_model

    import_modules(modules)
    keras_model = as_model(model)  # a file is read once
    sources = open_files(keras_model, image, preprocess=preprocess, **options)
    return SegCamExplorer(
        sources, opener=picture_opener(keras_model, preprocess=preprocess, class_names=options.get("class_names"))
    )


def _sources(keras_model: Any, x: Any, kwargs: dict[str, Any]) -> list[Any]:
    from segcam_widgets.keras_probe.files import tile_by_tile

    many = _several(x)
    if many is None:
        many_images = kwargs.get("image")
        if x is None and isinstance(many_images, list | tuple) and not isinstance(many_images, str | os.PathLike):
            many = [None] * len(many_images)
        else:
            first, *others = tile_by_tile(keras_model, x, **kwargs)
            return [first(), *others]
    if not many:
        raise SegCamError("`x` must hold at least one image. Received: none.")
    each = {name: list(kwargs.pop(name)) for name in ONE_EACH if kwargs.get(name) is not None}
    for name, values in each.items():
        if len(values) != len(many):
            raise SegCamError(f"`{name}` must hold one for each of the {len(many)} images. Received: {len(values)}.")
    return [
        source
        for i, one in enumerate(many)
        for source in tile_by_tile(keras_model, one, **{name: values[i] for name, values in each.items()}, **kwargs)
    ]


def _several(x: Any) -> list[Any] | None:
    """The images of a list or of an array with several; None for a single one."""
    if isinstance(x, list | tuple) and x and np.ndim(x[0]) >= 3:
        return list(x)
    if hasattr(x, "shape") and len(x.shape) == 4 and x.shape[0] != 1:
        return list(np.asarray(x))
    return None
