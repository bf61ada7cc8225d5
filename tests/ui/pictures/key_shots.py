"""The key shots: which states are compared with a picture kept here, by which parts, and how alike they must be.

A part is compared after it was made small: what a font or a smoothed edge changes, averages out; what moves, is missing or
has another colour, does not. `python docs/pictures/make.py --update` takes them anew.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.ui.pictures.scenes import DEMO, MANY, Scene

REFERENCES = Path(__file__).parent / "references"
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Likeness:
    """How alike a part must be to its picture, and how small it is made for that.

    Attributes
    ----------
    shrink : int
        A square of so many screen pixels becomes one.
    mean : float
        Largest mean difference of a colour value in [0, 255].
    step, share : int, float
        At most this share of the pixels in [0, 1] differs by more than `step`.
    size : float
        By how much, as a share, width and height may differ: text wraps elsewhere in another font.
    """

    shrink: int
    mean: float
    step: int
    share: float
    size: float = 0.01


PARTS: dict[str, tuple[str, Likeness]] = {
    "picture": (".sc-stage", Likeness(shrink=4, mean=1.5, step=20, share=0.004)),
    "scale": (".sc-bar", Likeness(shrink=4, mean=3, step=20, share=0.02)),
    "bars": (".segcam-histogram", Likeness(shrink=4, mean=2, step=24, share=0.02)),
    "findings": (".segcam-findings", Likeness(shrink=24, mean=12, step=60, share=0.04, size=0.25)),
}
"""Part -> where it is, and how alike it must be."""


@dataclass(frozen=True)
class Shot:
    """One state in one theme.

    Attributes
    ----------
    code : str
        The cell.
    theme : {"light", "dark"}
    bring : callable
        ``bring(scene)``: brings it about.
    """

    code: str
    theme: str
    bring: Callable[[Scene], object]

    def take(self, scene: Scene) -> dict[str, Pixels]:
        """Bring the state about and take its parts."""
        scene.turn(self.theme)
        self.bring(scene)
        return look(scene)


def look(scene: Scene) -> dict[str, Pixels]:
    """Part -> (h, w, 3) as it is on the screen now."""
    return {part: scene.shoot(scene.root.locator(selector)) for part, (selector, _) in PARTS.items()}


SHOTS = {
    "blank": Shot(DEMO, "light", Scene.blank),
    "region": Shot(DEMO, "light", Scene.region),
    "remedy": Shot(DEMO, "dark", Scene.remedy),
    "many": Shot(MANY, "dark", Scene.rest),
}


def reference(name: str, part: str) -> Path:
    """Where a part's picture is kept."""
    return REFERENCES / f"{name}-{part}.png"


def save_small(pixels: Pixels, path: Path) -> None:
    """Keep a part's picture, made small."""
    shrink = PARTS[path.stem.rpartition("-")[2]][1].shrink
    image = Image.fromarray(pixels)
    path.parent.mkdir(exist_ok=True)
    size = (max(1, round(image.width / shrink)), max(1, round(image.height / shrink)))
    image.resize(size, Image.Resampling.BOX).save(path, optimize=True)


def differences(pixels: Pixels, small: Pixels, likeness: Likeness) -> list[str]:
    """In which ways, in words, a part (h, w, 3) is not like its small picture (h', w', 3); empty where it is."""
    height, width, _ = small.shape
    found = []
    for name, have, kept in (("high", pixels.shape[0], height), ("wide", pixels.shape[1], width)):
        wanted = kept * likeness.shrink
        if abs(have - wanted) > likeness.size * wanted + likeness.shrink:
            found.append(f"{have} px {name} instead of about {wanted}")
    shrunk = Image.fromarray(pixels).resize((width, height), Image.Resampling.BOX)
    off = abs(np.asarray(shrunk, int) - np.asarray(small, int))
    mean, share = float(off.mean()), float((off.max(-1) > likeness.step).mean())
    if mean > likeness.mean:
        found.append(f"colours differ by {mean:.1f} on the average, {likeness.mean:g} at most")
    if share > likeness.share:
        found.append(f"{share:.1%} of it differs by more than {likeness.step}, {likeness.share:.1%} at most")
    return found
