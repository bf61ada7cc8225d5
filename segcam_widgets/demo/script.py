"""What the scripts that train the demos share: the command line, and the four files of a demo."""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.demo.mosaics import to_bytes
from segcam_widgets.demo.network import Recipe, one_thread, train, weights_digest
from segcam_widgets.errors import SegCamError


@dataclass(frozen=True, slots=True)
class Script:
    """What training one demo means; `main` runs it.

    Attributes
    ----------
    module, description : str
        For the help text.
    seed, epochs : int
        What the shipped network was trained with.
    recipe : callable
        How the network is built and trained.
    shipped : callable
        The images that ship, (N, H, W, 1) in [0, 1], and their truth.
    images_file : str
        Name of the file that holds them, in 8 bits.
    class_names : tuple of str
        One for each of the network's outputs.
    measure : callable
        (model, shipped images, truth) -> what this demo measures, JSON-able; has "unseen" and "shipped".
    verdict : callable
        Measurements -> whether the network is fit to ship: has "missing".
    summary : callable
        Measurements -> the few numbers by which seeds are compared.
    render : callable
        Measurements -> the model card.
    """

    module: str
    description: str
    seed: int
    epochs: int
    recipe: Callable[[], Recipe]
    shipped: Callable[[], tuple[NDArray[np.float32], NDArray[np.uint8]]]
    images_file: str
    class_names: tuple[str, ...]
    measure: Callable[[Any, NDArray[np.float32], NDArray[np.uint8]], dict[str, Any]]
    verdict: Callable[[Mapping[str, Any]], dict[str, Any]]
    summary: Callable[[Mapping[str, Any]], dict[str, Any]]
    render: Callable[[Mapping[str, Any]], str]


def write_demo(
    script: Script, model: Any, folder: Path, *, seed: int, epochs: int, tried: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """Measure a trained network on unseen images and write the demo's four files.

    Parameters
    ----------
    script : Script
    model : keras.Model
        As `network.train` returns it.
    folder : Path
        Made if missing. Gets model.keras, the images, measurements.json and CARD.md.
    seed, epochs : int
        What the network was trained with, for the card.
    tried : sequence of mapping
        Measurements of other seeds, for the card's table.

    Returns
    -------
    dict
        The measurements, as in the file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    model.save(folder / "model.keras")
    images, truth = script.shipped()
    names = np.array(script.class_names)
    np.savez_compressed(folder / script.images_file, images=to_bytes(images), truth=truth, class_names=names)
    recipe = script.recipe()
    measurements: dict[str, Any] = {
        "seed": seed,
        "epochs": epochs,
        "weights_sha256": weights_digest(model),
        "parameters": int(model.count_params()),
        "train": {"size": recipe.size, "mosaics_per_epoch": recipe.images_per_epoch, "batch": recipe.batch},
        **script.measure(model, images, truth),
        "tried": [script.summary(other) for other in tried],
    }
    measurements["verdict"] = script.verdict(measurements)
    (folder / "measurements.json").write_text(json.dumps(measurements, indent=1) + "\n", encoding="utf-8")
    (folder / "CARD.md").write_text(script.render(measurements), encoding="utf-8")
    return measurements


def main(script: Script, argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code (2: a user's mistake, said in one sentence)."""
    parser = argparse.ArgumentParser(prog=f"python -m {script.module}", description=script.description)
    parser.add_argument("--seed", type=int, default=script.seed, help="of the weights and the training images")
    fresh = f"of {script.recipe().images_per_epoch} fresh images each"
    parser.add_argument("--epochs", type=int, default=script.epochs, help=fresh)
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for the demo's files")
    parser.add_argument("--tried", type=Path, help="folder of other runs' folders, for the card's table of seeds")
    options = parser.parse_args(argv)
    if options.epochs < 1 or options.seed < 0:
        parser.error(f"--epochs must be at least 1 and --seed 0. Received: {options.epochs} and {options.seed}.")
    try:
        tried = read_runs(options.tried) if options.tried else []
        one_thread()
        model = train(script.recipe(), options.seed, options.epochs, say=_say)
        result = write_demo(script, model, options.output, seed=options.seed, epochs=options.epochs, tried=tried)
    except (SegCamError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    print(json.dumps(script.summary(result)))
    return 0


def _say(line: str) -> None:
    print(line, flush=True)


def read_runs(folder: Path) -> list[dict[str, Any]]:
    """Read the measurements of every run below a folder, by seed."""
    runs = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*/measurements.json"))]
    return sorted(runs, key=lambda run: run["seed"])
