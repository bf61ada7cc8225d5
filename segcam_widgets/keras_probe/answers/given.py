"""Check tensors that a caller passes for a layer and for its bypass: names, shapes, equal batches."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.errors import SegCamError, must_be_one_of, shown

Batched = tuple[NDArray[np.float32], bool]
"""An array (B, ...), and whether the caller gave it with its batch axis."""


def around(given: Any, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Batched]:
    """The argument `bypass`, by name; `shapes` are those of the tensors that bypass the layer.

    Raises
    ------
    SegCamError
        No mapping, an unknown name, or a wrong shape.
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise SegCamError(f"`bypass` must be a mapping of names to arrays. Received: {shown(given)}.")
    for name in given:
        if not shapes:
            raise SegCamError(f"`bypass` must be empty: nothing bypasses this layer. Received: {shown(name)}.")
        if name not in shapes:
            raise SegCamError(must_be_one_of("bypass", shapes, name))
    return {name: of_shape(f"bypass[{name!r}]", values, shapes[name]) for name, values in given.items()}


def of_shape(what: str, values: Any, shape: tuple[int, ...]) -> Batched:
    """An array of a shape, or of that with a leading batch axis; `what` names it in the refusal."""
    array = np.asarray(values, np.float32)
    if shape not in (array.shape, array.shape[1:]) or not array.size:
        raise SegCamError(
            f"`{what}` must have shape {shape}, optionally with a leading batch axis. Received: {array.shape}."
        )
    batched = array.shape != shape
    return (array if batched else array[None]), batched


def common_batch(what: str, given: Sequence[Batched]) -> tuple[list[NDArray[np.float32]], bool]:
    """All of one length, one of a single entry repeated (not copied); and whether any had a batch axis."""
    lengths = {len(array) for array, _ in given}
    batch = max(lengths)
    if lengths - {1, batch}:
        raise SegCamError(f"{what} must have batches of one length. Received: {sorted(lengths)}.")
    return [np.broadcast_to(array, (batch, *array.shape[1:])) for array, _ in given], any(b for _, b in given)
