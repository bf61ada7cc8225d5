"""Take the pictures of the documentation: the real explorer in JupyterLab, light and dark, driven by a real mouse.

    python docs/pictures/make.py [--only blank remedy ...] [--theme dark] [--update]

Needs the package and its dependency group `browser`, and a Chromium. Writes NAME-light.png and NAME-dark.png beside this
file, in true colour and as small as PNG allows. With `--update` it takes the key shots that tests/ui/pictures compares
with instead: look at them before they are committed.
"""

import argparse
import contextlib
import itertools
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT))

from tests.browser.chromium import arguments, find_chromium  # noqa: E402
from tests.browser.note import Note, open_note  # noqa: E402
from tests.browser.servers import serve  # noqa: E402
from tests.ui.pictures.key_shots import SHOTS, reference, save_small  # noqa: E402
from tests.ui.pictures.scenes import DEMO, MANY, Scene  # noqa: E402

Pixels = NDArray[np.uint8]
Theme = Literal["light", "dark"]
LARGEST = 320_000
"""Bytes: more belongs in no repository."""


def demo_pictures(scene: Scene) -> Iterator[tuple[str, Callable[[], Pixels]]]:
    """The states of the explorer on the demo, in an order in which each follows from the one before."""
    ground = scene.shoot(scene.root)[0, -1]

    def whole(bring: Callable[[], object]) -> Callable[[], Pixels]:
        return lambda: (bring(), framed(scene.shoot(scene.root), ground))[1]

    def upper(bring: Callable[[], object]) -> Callable[[], Pixels]:
        """Without the closed panels at the end."""
        parts = scene.root.locator(".segcam-sentence"), scene.histogram, scene.findings
        return lambda: (bring(), framed(scene.shoot(*parts), ground))[1]

    def panel(bring: Callable[[], object], title: str) -> Pixels:
        bring()
        shot = framed(scene.shoot(scene.panel(title)), ground)
        scene.close(title)
        return shot

    def channel() -> Pixels:
        scene.channel()
        shot = framed(scene.shoot(scene.histogram.locator(".."), scene.panel("Channel maps")), ground)
        scene.close("Channel maps")
        return shot

    def ledger() -> Pixels:
        scene.ask("dec1_relu", "grass")
        return panel(lambda: scene.open("What carries the score"), "What carries the score")

    yield "blank", whole(scene.blank)
    yield "remedy", upper(scene.remedy)
    yield "region", upper(scene.region)
    yield "channel", channel
    yield "ledger", ledger
    yield "switched-off", lambda: panel(scene.switch_off, "Switch channels off")
    yield "narrow", upper(lambda: (scene.blank(), scene.narrow()))


def many_pictures(scene: Scene) -> Iterator[tuple[str, Callable[[], Pixels]]]:
    """The explorer on a layer of 512 channels."""

    def many() -> Pixels:
        scene.note.eval("setattr(explorer.histogram.sort, 'value', True)")
        scene.rest()
        shot = scene.shoot(scene.root)
        return framed(shot, shot[0, -1])

    yield "many", many


SETS = (
    (DEMO, demo_pictures, ("blank", "remedy", "region", "channel", "ledger", "switched-off", "narrow")),
    (MANY, many_pictures, ("many",)),
)
NAMES = tuple(name for _, _, names in SETS for name in names)


def framed(pixels: Pixels, ground: Pixels, margin: int = 10) -> Pixels:
    """With a margin of the page's own colour (3,): around the explorer stands what belongs to JupyterLab."""
    frame = np.empty((pixels.shape[0] + 2 * margin, pixels.shape[1] + 2 * margin, 3), np.uint8)
    frame[:] = ground
    frame[margin:-margin, margin:-margin] = pixels
    return frame


def smallest_png(pixels: Pixels) -> bytes:
    """Encode (h, w, 3) losslessly in true colour: of PNG's filters and zlib's strategies, those that give the least.

    No palette, however small it would be: one rounds the colours of the map and of its scale.
    """
    height, width, _ = pixels.shape
    rows = pixels.reshape(height, width * 3).astype(np.int16)
    left = np.pad(rows, ((0, 0), (3, 0)))[:, :-3]
    above = np.pad(rows, ((1, 0), (0, 0)))[:-1]
    corner = np.pad(above, ((0, 0), (3, 0)))[:, :-3]
    guess = left + above - corner
    nearest = [abs(guess - other) for other in (left, above, corner)]
    paeth = np.where((nearest[0] <= nearest[1]) & (nearest[0] <= nearest[2]), left,
                     np.where(nearest[1] <= nearest[2], above, corner))  # fmt: skip
    filtered = np.stack([rows - f for f in (0, left, above, (left + above) // 2, paeth)]).astype(np.uint8)
    alone = [[len(zlib.compress(row, 9)) for row in kind] for kind in filtered]  # what suits each row by itself
    least = np.argmin(alone, 0)
    best = b""
    for kinds in (least, *(np.full(height, kind) for kind in range(5))):
        chosen = filtered[kinds, np.arange(height)]
        raw = np.concatenate([kinds[:, None].astype(np.uint8), chosen], axis=1).tobytes()
        for strategy in (zlib.Z_DEFAULT_STRATEGY, zlib.Z_FILTERED):
            packer = zlib.compressobj(9, zlib.DEFLATED, 15, 9, strategy)
            packed = packer.compress(raw) + packer.flush()
            best = packed if not best or len(packed) < len(best) else best
    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 2, 0, 0, 0])  # 8 bits, true colour

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", best) + chunk(b"IEND", b"")


@contextlib.contextmanager
def opened(code: str, theme: Theme) -> Iterator[Scene]:
    """An explorer in JupyterLab, in a browser of its own."""
    from playwright.sync_api import sync_playwright

    path = find_chromium()
    if path is None:
        sys.exit("No Chromium: install it, or name one in SEGCAM_CHROMIUM.")
    with tempfile.TemporaryDirectory() as folder, serve("lab", Path(folder)) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments(), headless=True)
        page = browser.new_page(reduced_motion="reduce")
        note: Note = open_note(page, server, "explorer.ipynb", code, theme)
        try:
            yield Scene(note)
        finally:
            note.client.stop_channels()
            browser.close()


def main() -> int:
    """Take the pictures that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES, metavar="NAME")
    parser.add_argument("--theme", choices=("light", "dark"), nargs="+", default=("light", "dark"))
    parser.add_argument("--update", action="store_true", help="take the key shots of the tests instead")
    asked = parser.parse_args()
    if asked.update:
        for code in dict.fromkeys(shot.code for shot in SHOTS.values()):
            with opened(code, "light") as scene:
                for name, shot in SHOTS.items():
                    if shot.code != code:
                        continue
                    for part, pixels in shot.take(scene).items():
                        save_small(pixels, reference(name, part))
                        print(reference(name, part).relative_to(ROOT))
        return 0
    too_large = 0
    for theme, (code, pictures, names) in itertools.product(asked.theme, SETS):
        if not set(names) & set(asked.only):
            continue
        with opened(code, theme) as scene:
            for name, take in pictures(scene):
                if name not in asked.only:
                    continue
                png = smallest_png(take())
                (HERE / f"{name}-{theme}.png").write_bytes(png)
                too_large += len(png) > LARGEST
                print(f"{name}-{theme}.png {len(png) / 1000:.0f} kB{' TOO LARGE' if len(png) > LARGEST else ''}")
    return 1 if too_large else 0


if __name__ == "__main__":
    sys.exit(main())
