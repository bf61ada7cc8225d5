"""Report progress to a caller, and stop when the caller cancels."""

from segcam_widgets.core.answers import Progress
from segcam_widgets.core.text.numbers import percent
from segcam_widgets.errors import Cancelled, SegCamError, shown


def report(progress: Progress | None, fraction: float, text: str) -> None:
    """Tell the caller how far one is. Raises Cancelled where the answer is False; no answer means to go on."""
    if progress is None:
        return
    if not callable(progress):
        raise SegCamError(f"`progress` must be callable as progress(fraction, text). Received: {shown(progress)}.")
    answer = progress(fraction, text)
    if answer is not None and not answer:
        raise Cancelled(f"Cancelled at {percent(round(fraction, 2))}: {text}.")
