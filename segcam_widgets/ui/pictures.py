"""Small pictures as HTML, each with a text alternative."""

import base64
from html import escape

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.core.render import encode_png


def data_uri(pixels: NDArray[np.uint8]) -> str:
    """Pixels, (h, w, 3 or 4) uint8, as a PNG inside of a URI."""
    return f"data:image/png;base64,{base64.b64encode(encode_png(pixels)).decode()}"


def figure(pixels: NDArray[np.uint8], title: str, detail: str) -> str:
    """A picture with a caption of two lines; both are escaped, and read out as the picture's alternative."""
    said = escape(f"{title}: {detail}")
    return (
        f'<figure><img src="{data_uri(pixels)}" alt="{said}"><figcaption>{escape(title)}<br>'
        f"<small>{escape(detail)}</small></figcaption></figure>"
    )
