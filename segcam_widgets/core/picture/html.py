"""Small pictures as HTML, each with a text alternative."""

from html import escape

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.core.picture.render import data_uri


def figure(pixels: NDArray[np.uint8], title: str, detail: str) -> str:
    """A picture with a caption of two lines; both are escaped, and read out as the picture's alternative."""
    said = escape(f"{title}: {detail}")
    return (
        f'<figure><img src="{data_uri(pixels)}" alt="{said}"><figcaption>{escape(title)}<br>'
        f"<small>{escape(detail)}</small></figcaption></figure>"
    )
