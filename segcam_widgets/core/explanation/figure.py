"""Draw an explanation into one picture file, for a report or a message, without a browser or a plotting library."""

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segcam_widgets.core.explanation.wording import sentence
from segcam_widgets.core.picture.colours import Colours, diverging_lut
from segcam_widgets.core.picture.render import encode_png, overlay, render, symmetric_limit
from segcam_widgets.core.text.numbers import number

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

    from segcam_widgets.core.explanation.explanation import Explanation

_MARGIN, _LINE, _TEXT = 16, 20, 14
"""Pixels: around everything, from line to line, of a letter."""


def figure(
    explanation: "Explanation",
    image: ArrayLike | None = None,
    labels: NDArray[np.integer] | None = None,
    *,
    limit: float | None = None,
    relu: bool = False,
    side: int = 360,
) -> bytes:
    """The image with the predicted labels and the region, the map over it, the map alone, its scale and one sentence.

    Parameters
    ----------
    explanation : Explanation
    image : array_like, (h', w', 3), optional
        ``probe.image``; without it the map alone is drawn.
    labels : ndarray of int, (H, W), optional
        ``probe.labels``, laid over the image.
    limit : float, optional
        The end of the scale; default the map's own. Give it to compare figures.
    relu : bool
        Leave negative values out.
    side : int
        Longest side of each panel, in pixels.

    Returns
    -------
    bytes
        A PNG file.

    Raises
    ------
    SegCamError
        `image` or `limit` is none.
    """
    from PIL import Image, ImageDraw

    height, width = explanation.mask.shape
    scale = side / max(height, width)
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    limit = limit or symmetric_limit(explanation.cam)
    panels = _panels(explanation, image, labels, size, limit=limit, relu=relu)
    total = len(panels) * (size[1] + _MARGIN) + _MARGIN
    words = textwrap.wrap(sentence(explanation), max(20, (total - 2 * _MARGIN) * 2 // _TEXT))
    top = _MARGIN + len(words) * _LINE + _LINE // 2
    sheet = Image.new("RGB", (total, top + size[0] + 2 * _LINE + _MARGIN), "white")
    draw = ImageDraw.Draw(sheet)
    for place, line in enumerate(words):
        draw.text((_MARGIN, _MARGIN + place * _LINE), line, "black", font_size=_TEXT)
    for place, pixels in enumerate(panels):
        sheet.paste(Image.fromarray(pixels), (_MARGIN + place * (size[1] + _MARGIN), top))
    left = total - _MARGIN - size[1]
    bar = Image.fromarray(diverging_lut()[None, 128 if relu else 0 :, :3].copy())
    sheet.paste(bar.resize((size[1], _LINE // 2)), (left, top + size[0] + _LINE // 2))
    unit = explanation.unit
    ends = (0.0 if relu else -limit or 0.0, limit)
    _scale_text(draw, (left, top + size[0] + _LINE + 2), size[1], ends, "" if unit == "1" else f" {unit}")
    return encode_png(np.asarray(sheet))


def _panels(
    explanation: "Explanation", image: Any, labels: Any, size: tuple[int, int], *, limit: float, relu: bool
) -> list[Colours]:
    shade = render(explanation.upsampled(size), limit or None, relu)
    alone = np.where(shade[:, :, 3:] > 0, shade[:, :, :3], np.uint8(255)).astype(np.uint8)
    panels = [overlay(alone, mask=explanation.mask)]
    if image is not None:
        view = overlay(image, labels=labels, mask=explanation.mask, size=size)
        over = overlay(image, cam=explanation.cam, mask=explanation.mask, size=size, limit=limit, relu=relu)
        panels = [view, over, *panels]
    return panels


def _scale_text(draw: "ImageDraw", at: tuple[int, int], width: int, ends: tuple[float, float], unit: str) -> None:
    left, top = at
    low, high = ends
    draw.text((left, top), number(low), "black", font_size=_TEXT)
    draw.text((left + width, top), f"{number(high)}{unit}", "black", font_size=_TEXT, anchor="ra")
    if low < 0:
        draw.text((left + width / 2, top), "0", "black", font_size=_TEXT, anchor="ma")
