"""Store an explanation in a folder: arrays (npz), the map as a picture (png), a readable manifest (json)."""

import json
import math
import os
import platform
import shutil
import uuid
import zipfile
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import segcam_widgets
from segcam_widgets.core.answers import LayerInfo
from segcam_widgets.core.classes import class_index
from segcam_widgets.core.explanation.wording import sentence
from segcam_widgets.core.picture.render import encode_png, render, symmetric_limit
from segcam_widgets.core.query import CamQuery, from_before_margin
from segcam_widgets.errors import SegCamError, shown

if TYPE_CHECKING:
    from segcam_widgets.core.explanation.explanation import Explanation

ARRAYS = ("mask", "activations", "gradients", "weights", "baseline", "cam")
"""The fields of an explanation that are arrays."""
FORMAT = "segcam_widgets.explanation"
SCHEMA_VERSION = 1
MANIFEST, DATA, PICTURE = "manifest.json", "arrays.npz", "cam.png"
_LIBRARIES = ("numpy", "scipy", "keras", "tensorflow")


def save(explanation: "Explanation", folder: str | os.PathLike[str]) -> Path:
    """Write an explanation into a folder, whole or not at all.

    It is written beside the folder under another name and renamed once complete. An earlier explanation is replaced.

    Raises
    ------
    SegCamError
        Where `folder` is a file, holds anything that is not a saved explanation, or cannot be written.
    """
    folder = _path(folder)
    target = folder.resolve()
    _must_be_free(target, folder)
    partial = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        partial.mkdir(parents=True)
        with (partial / DATA).open("wb") as file:
            np.savez_compressed(file, **{name: getattr(explanation, name) for name in ARRAYS})
        (partial / PICTURE).write_bytes(encode_png(render(explanation.upsampled())))
        (partial / MANIFEST).write_text(json.dumps(manifest(explanation), indent=2, allow_nan=False) + "\n", "utf-8")
        _put_in_place(partial, target)
    except OSError as error:
        raise SegCamError(
            f"`folder` must be a place that can be written ({error.strerror or error}). Received: '{folder}'."
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


def manifest(explanation: "Explanation") -> dict[str, Any]:
    """Everything but the arrays, JSON-able. NaN is null."""
    numbers = {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in explanation.scalars().items()}
    layer = explanation.layer
    return {
        "format": FORMAT,
        "schema_version": SCHEMA_VERSION,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "summary": sentence(explanation),
        "query": explanation.query.to_dict(),
        "class_name": explanation.class_name,
        "class_names": list(explanation.class_names),
        "layer": {"name": layer.name, "shape": layer.shape, "kind": layer.kind, "activation": layer.activation},
        "notes": list(explanation.notes),
        "evidence": dict(explanation.evidence),
        **numbers,
        "picture_limit": symmetric_limit(explanation.upsampled()),
        "arrays": {name: list(getattr(explanation, name).shape) for name in ARRAYS},
        "versions": _versions(),
    }


def load(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a folder that :func:`save` wrote: the fields of the explanation, checked.

    Raises
    ------
    SegCamError
        Where the folder is none of these, is damaged, or was written by a newer version.
    """
    folder = _path(folder)
    data = _read_manifest(folder)
    if data is None:
        raise SegCamError(
            f"`folder` must be one that Explanation.save wrote, with a {MANIFEST} of the format {FORMAT!r}. "
            f"Received: '{folder}', which {'has none' if folder.is_dir() else 'is no folder'}."
        )
    schema = data.get("schema_version")
    if isinstance(schema, int) and schema > SCHEMA_VERSION:
        raise SegCamError(
            f"`folder` must be of schema version {SCHEMA_VERSION} or older: update segcam-widgets to read it. "
            f"Received: '{folder}', schema version {schema}."
        )
    try:
        layer = LayerInfo(**data["layer"] | {"shape": tuple(data["layer"]["shape"])})
        query, score, class_names = _query(data), float(data["score"]), tuple(data["class_names"])
        fields = {
            "query": query,
            "score": score,
            "class_names": class_names,
            "layer": layer,
            "notes": tuple(data["notes"]),
            "evidence": dict(data.get("evidence", {})),  # folders of the first versions have none
            **_read_arrays(folder / DATA, layer.shape),
        }
        class_index(query.class_index, class_names)
        if query.layer != layer.name or not math.isfinite(score):
            raise ValueError("query, layer and score do not fit together")
    except (OSError, ValueError, KeyError, TypeError, IndexError, EOFError, MemoryError, NotImplementedError) as error:
        raise _damaged(folder, error) from error
    except (zipfile.BadZipFile, zlib.error) as error:
        raise _damaged(folder, error) from error
    return fields


# ------------------------------------------------------------------ parts of it


def _path(folder: object) -> Path:
    if not isinstance(folder, str | os.PathLike) or not os.fspath(folder):
        raise SegCamError(f"`folder` must be a path. Received: {shown(folder)}.")
    return Path(folder).expanduser()


def _damaged(folder: Path, error: Exception) -> SegCamError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return SegCamError(f"`folder` must be a whole saved explanation. Received: '{folder}', which is damaged: {reason}.")


def _read_manifest(folder: Path) -> dict[str, Any] | None:
    """The manifest, or None where there is none of this format."""
    try:
        data = json.loads((folder / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) and data.get("format") == FORMAT else None


def _query(data: Mapping[str, Any]) -> CamQuery:
    """What is saved is resolved. A manifest without a score was made by hand while the centered logit was the default."""
    return from_before_margin(CamQuery.from_dict(data["query"]), data["class_names"], multilabel=False)


def _read_arrays(path: Path, layer: tuple[int, ...]) -> dict[str, NDArray[Any]]:
    # opened here, because np.load leaves a damaged file open
    with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in ARRAYS}
    height, width, channels = layer
    shapes: Mapping[str, tuple[tuple[int, ...], ...]] = {
        "activations": (layer,),
        "gradients": (layer,),
        "weights": ((channels,), layer, (0,)),
        "baseline": ((channels,),),
        "cam": ((height, width),),
    }
    for name, allowed in shapes.items():
        if arrays[name].shape not in allowed or arrays[name].dtype != np.float32 or not np.isfinite(arrays[name]).all():
            raise ValueError(f"the array {name!r} does not fit the layer")
    if arrays["mask"].ndim != 2 or arrays["mask"].dtype != bool or not arrays["mask"].any():
        raise ValueError("the mask is none")
    return arrays


def _must_be_free(target: Path, folder: Path) -> None:
    """Nothing there, an empty folder, or a saved explanation and nothing beside it: anything else may be the user's work."""
    if not target.exists():
        return
    if not target.is_dir():
        raise SegCamError(f"`folder` must be a folder, or a new name. Received: '{folder}', which is a file.")
    held = {path.name for path in target.iterdir()}
    if held and (not held <= {MANIFEST, DATA, PICTURE} or _read_manifest(target) is None):
        raise SegCamError(
            "`folder` must be new, empty, or hold one saved explanation and nothing else. "
            f"Received: '{folder}', which holds other files."
        )


def _put_in_place(partial: Path, target: Path) -> None:
    if not target.exists():
        partial.rename(target)
        return
    old = target.with_name(f"{partial.name}.old")
    target.rename(old)
    try:
        partial.rename(target)
    except OSError:
        old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _versions() -> dict[str, str]:
    """What a reader needs to run the query again. From the installed packages' metadata: nothing is imported for it."""
    found = {"segcam_widgets": segcam_widgets.__version__, "python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
