"""The images of a view, as probes that are opened when first shown."""

from collections.abc import Callable, Sequence
from functools import partial
from inspect import isroutine
from typing import Any

from segcam_widgets.core.probe import Probe
from segcam_widgets.core.resolve import must_be_probe
from segcam_widgets.core.support.checks import whole_number
from segcam_widgets.errors import SegCamError

ProbeSource = Probe | Callable[[], Probe]


class Sources:
    """Probes, or functions that open one.

    Raises
    ------
    SegCamError
        Where there is none.
    """

    def __init__(self, probe: ProbeSource | Sequence[ProbeSource]) -> None:
        self._sources: list[Any] = list(probe) if isinstance(probe, list | tuple) else [probe]
        if not self._sources:
            raise SegCamError("`probe` must be a probe, or a sequence with at least one. Received: an empty sequence.")

    def __len__(self) -> int:
        return len(self._sources)

    def extend(self, others: "Sources") -> None:
        """More images, behind these."""
        self._sources += others._sources

    def opened(self, index: int, argument: str = "index") -> Probe:
        """One of the images, opened when it is first asked for."""
        last = len(self._sources) - 1
        if whole_number(index, argument, f"an image's number, 0 to {last}", least=0) > last:
            raise SegCamError(f"`{argument}` must be an image's number, 0 to {last}. Received: {index}.")
        source = self._sources[index]
        if is_probe(source):
            return source
        if not isroutine(source) and not isinstance(source, partial):
            raise SegCamError(
                "`probe` must be what sc.open_probe(model, x) returns; for a model there is sc.explore(model, x). "
                f"Received: {type(source).__name__}."
            )
        self._sources[index] = probe = source()
        return probe


def is_probe(value: object) -> bool:
    """Whether explanations can be asked of it; what else a probe can do is asked where it is needed."""
    try:
        must_be_probe(value)
    except SegCamError:
        return False
    return True
