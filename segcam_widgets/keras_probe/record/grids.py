"""Find the rows and columns of a tensor: of the logits, also flattened to (H*W, C), and of tokens (N, K)."""

from collections import deque

from segcam_widgets.errors import UnsupportedModelError
from segcam_widgets.keras_probe.record.plan import Plan


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


class Grids:
    """Rows and columns of the slots of one image.

    A map (1, h, w, K) says them itself. Tokens (1, N, K), as transformers have them, do not: their grid is that of the
    nearest map with h * w == N which they were made from, or are made into, by steps that keep their number.

    Parameters
    ----------
    plan : Plan
    shapes : dict
        Of every slot for the image.
    """

    def __init__(self, plan: Plan, shapes: dict[int, tuple[int, ...]]) -> None:
        self._shapes = shapes
        self._before: dict[int, set[int]] = {}
        self._behind: dict[int, set[int]] = {}
        for step in plan.steps:
            for end in step.outputs:
                self._before.setdefault(end, set()).update(step.inputs)
                for start in step.inputs:
                    self._behind.setdefault(start, set()).add(end)

    def of(self, slot: int) -> tuple[int, int] | None:
        """(h, w), or None where there is no grid, or where the maps before and behind tell different ones."""
        shape = self._shapes.get(slot, ())
        if len(shape) not in (3, 4) or shape[0] != 1:  # windows that became a batch are no map of the image
            return None
        if len(shape) == 4:
            return shape[1], shape[2]
        found = {self._nearest(slot, along) for along in (self._before, self._behind)} - {None}
        return found.pop() if len(found) == 1 else None

    def _nearest(self, slot: int, along: dict[int, set[int]]) -> tuple[int, int] | None:
        count, waiting, met = self._shapes[slot][1], deque([slot]), {slot}
        while waiting:
            for other in sorted(along.get(waiting.popleft(), set()) - met):
                met.add(other)
                shape = self._shapes.get(other, ())
                if len(shape) == 4 and shape[0] == 1 and shape[1] * shape[2] == count:
                    return shape[1], shape[2]
                if len(shape) == 3 and shape[0] == 1 and shape[1] == count:
                    waiting.append(other)
        return None

    def missing_one(self, slot: int) -> tuple[int, int] | None:
        """The grid of a map that would hold all tokens of a slot but one, which then is a class token."""
        shape = self._shapes.get(slot, ())
        if len(shape) != 3 or shape[1] < 3:
            return None
        maps = (s[1:3] for s in self._shapes.values() if len(s) == 4 and s[0] == 1)
        return next(((h, w) for h, w in maps if h * w == shape[1] - 1), None)
