"""Comparison of a screenshot with a picture kept beside the tests."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

PICTURES = Path(__file__).parent / "pictures"


def assert_same_picture(png: bytes, name: str, tolerance: int = 12, share: float = 0.002) -> None:
    """Compare a screenshot with `pictures/<name>.png`.

    Parameters
    ----------
    png : bytes
        The screenshot.
    name : str
        Name of the reference picture. Best of a part without text: fonts differ between machines.
    tolerance : int
        How far a colour value in [0, 255] may be off.
    share : float
        The share of pixels in [0, 1] that may be farther off.

    Raises
    ------
    AssertionError
        If there is no such picture or it differs. The new one is kept as `<name>.new.png`: look at it, and where it is
        right, let it take the other's place.
    """
    reference, candidate = PICTURES / f"{name}.png", PICTURES / f"{name}.new.png"
    PICTURES.mkdir(exist_ok=True)
    candidate.write_bytes(png)
    assert reference.exists(), f"no reference picture yet; look at {candidate}"
    new, old = (np.asarray(Image.open(source).convert("RGB"), int) for source in (io.BytesIO(png), reference))
    assert new.shape == old.shape, f"size {new.shape[:2]} instead of {old.shape[:2]}; look at {candidate}"
    off = float((abs(new - old).max(axis=-1) > tolerance).mean())
    assert off <= share, f"{off:.2%} of the pixels differ; look at {candidate}"
    candidate.unlink()
