"""Which (H, W) the logits have, also where the network flattens them to (H*W, C)."""

from segcam_widgets.errors import UnsupportedModelError
from segcam_widgets.models.graph import Plan


def head_size(plan: Plan, slot: int, shape: tuple[int, ...], shapes: dict[int, tuple[int, ...]]) -> tuple[int, int]:
    """(H, W) of the logits.

    Parameters
    ----------
    plan : Plan
    slot : int
        The logits'.
    shape : tuple
        Of the logits for this image, (1, H, W, C) or (1, H*W, C).
    shapes : dict
        Of every slot for this image.

    Raises
    ------
    UnsupportedModelError
        The output is no field of class scores.
    """
    if len(shape) == 4:
        return int(shape[1]), int(shape[2])
    if len(shape) == 3:
        made, at = plan.producer(), slot
        while at in made:  # the grid before it was flattened
            at = made[at].inputs[0]
            before = shapes.get(at, ())
            if len(before) == 4 and before[1] * before[2] == shape[1]:
                return int(before[1]), int(before[2])
        entry = shapes[plan.inputs[0]]
        if len(entry) == 4 and entry[1] * entry[2] == shape[1]:
            return int(entry[1]), int(entry[2])
    raise UnsupportedModelError(
        "`model` must be a segmentation network, with an output of shape (H, W, classes) or (H*W, classes). "
        f"Received: a model whose output has shape {shape[1:]}."
    )
