"""The command line: `segcam demo`, `segcam explore`, `segcam explain`. A user's mistake is one sentence and exit code 2."""

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from segcam_widgets.errors import SegCamError, either

REGION_HELP = (
    "rectangle in the picture's own rows and columns, TOP,LEFT,BOTTOM,RIGHT, half-open; default: what is predicted as the "
    "class. With --fit tile it says which tile"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command. Returns the exit code: 0, or 2 for a mistake in what was typed."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's start-up chatter is not an answer
    parser = _parser()
    given = parser.parse_args(arguments)
    try:
        given.run(given)
    except SegCamError as error:
        print(f"segcam: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    from segcam_widgets import __version__
    from segcam_widgets.core.baselines import BASELINES
    from segcam_widgets.core.methods import METHODS
    from segcam_widgets.core.scores import SCORES

    parser = argparse.ArgumentParser(
        prog="segcam", description="Why a segmentation network decided what it did: signed class activation maps."
    )
    parser.add_argument("--version", action="version", version=f"segcam-widgets {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    demo = commands.add_parser("demo", help="open the explorer on a shipped demo in the browser")
    demo.add_argument("name", nargs="?", default="textures", metavar="NAME",
                      help="textures, or question, the network this project started from; default: %(default)s")  # fmt: skip
    _server_options(demo)
    demo.set_defaults(run=_demo)

    explore = commands.add_parser("explore", help="open the explorer on a model and an image in the browser")
    _input_options(explore)
    _server_options(explore)
    explore.set_defaults(run=_explore)

    explain = commands.add_parser("explain", help="explain one class at one layer, and write the result into a folder")
    _input_options(explain)
    explain.add_argument("--layer", required=True, help="target layer; a wrong name lists the layers")
    explain.add_argument("--class", dest="class_index", required=True, metavar="CLASS", help="index or name")
    explain.add_argument(
        "--score", help=f"{either(SCORES)}; default: the margin, or the logit where classes do not compete"
    )
    explain.add_argument(
        "--method",
        default="seg-grad-cam",
        help=f"how the map is made: {either(METHODS)}; default: %(default)s",
    )
    explain.add_argument("--option", action="append", default=[], metavar="NAME=VALUE",
                         help="option of the method, as window=8; may be given several times")  # fmt: skip
    explain.add_argument("--baseline", default="zero", help=f"{either(BASELINES)}; default: %(default)s")
    explain.add_argument("--region", metavar="T,L,B,R", help=REGION_HELP)
    explain.add_argument("-o", "--output", required=True, metavar="DIR", help="folder to write")
    explain.set_defaults(run=_explain)
    return parser


def _input_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help=".keras or .h5 file")
    parser.add_argument("image", metavar="IMAGE", help="picture, or .npy array preprocessed as the model expects")
    parser.add_argument("--classes", metavar="A,B,C", help="names of the classes, in the model's order")
    parser.add_argument(
        "--range",
        dest="value_range",
        default="0-1",
        help="input values of a picture: 0-1, 0-255 or -1-1; default: %(default)s",
    )
    parser.add_argument(
        "--preprocess",
        metavar="NAME",
        help="instead of --range: preprocess as keras.applications does for a model, such as resnet50 or mobilenet_v2",
    )
    parser.add_argument(
        "--fit",
        default="exact",
        help="a picture of another size: exact (refuse), resize, pad or tile; default: %(default)s",
    )
    parser.add_argument("--bands", metavar="R,G,B", help="channels of an array to show, or one to show as grey")
    parser.add_argument("--import", dest="modules", action="append", default=[], metavar="MODULE",
                        help="import this module first, to register your own layers")  # fmt: skip


def _server_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, help="port to serve on; default: a free one")
    parser.add_argument("--no-browser", action="store_true", help="only print the address")
    parser.add_argument("--theme", choices=("light", "dark"), default="light")


def _demo(given: argparse.Namespace) -> None:
    from segcam_widgets.demo import first_view

    layer, class_name = first_view(given.name)  # a wrong name is said here, before a server starts
    from segcam_widgets.serve import serve

    code = (
        "import segcam_widgets as sc\n"
        f"demo = sc.load_demo({given.name!r})\n"
        "explorer = sc.explore(demo.model, demo.images, truth=demo.truth, class_names=demo.class_names)\n"
        # the case the project was born from: predicted well, and blank
        f"explorer.query = sc.CamQuery(layer={layer!r}, class_index={class_name!r}, score='margin')\n"
        "explorer\n"
    )
    title = f"segcam demo {given.name}" if given.name != "textures" else "segcam demo"
    serve(code, title=title, port=given.port, browser=not given.no_browser, theme=given.theme)


def _arguments(given: argparse.Namespace) -> dict[str, Any]:
    """What `open_files` takes: plain values, so that they can be written into a cell."""
    classes = None if given.classes is None else [name.strip() for name in given.classes.split(",")]
    return {
        "model": str(Path(given.model).absolute()), "image": str(Path(given.image).absolute()), "class_names": classes,
        "fit": given.fit, "value_range": given.value_range, "preprocess": given.preprocess, "modules": list(given.modules),
        "bands": None if given.bands is None else _channels(given.bands),
    }  # fmt: skip


def _explore(given: argparse.Namespace) -> None:
    from segcam_widgets.serve import serve

    arguments = _arguments(given)
    _opened(arguments)[0]()  # what cannot be opened is said here, before a server starts
    # repr() of plain strings and lists: whatever the names hold stays text
    code = (
        "import sys\n"
        f"sys.path.insert(0, {str(Path.cwd())!r})\n"
        "from segcam_widgets.ui.opening import explore_files\n"
        f"explore_files(**{arguments!r})\n"
    )
    serve(
        code,
        title=f"segcam: {Path(given.model).name}",
        port=given.port,
        browser=not given.no_browser,
        theme=given.theme,
    )


def _opened(arguments: dict[str, Any]) -> Any:
    sys.path.insert(0, str(Path.cwd()))  # for --import of a module beside the model
    from segcam_widgets.keras_probe.files import open_files

    return open_files(**arguments)


def _explain(given: argparse.Namespace) -> None:
    import numpy as np

    import segcam_widgets as sc
    from segcam_widgets.keras_probe.files import open_under

    region = None if given.region is None else sc.Rectangle(*_numbers(given.region))
    sources = _opened(_arguments(given))
    probe, region = open_under(sources, region)
    query = sc.CamQuery(
        layer=given.layer,
        class_index=int(given.class_index) if given.class_index.isdecimal() else given.class_index,
        region=region,
        score=given.score,
        method=given.method,
        baseline=given.baseline,
        options=_options(given.method, given.option),
    )
    explanation = sc.explain(probe, query, _line if sys.stderr.isatty() else None)
    folder = explanation.save(given.output)
    place = probe.placement
    if not (place.is_identity and explanation.mask.shape == place.picture):
        np.save(folder / "on_picture.npy", place.to_picture(explanation.upsampled()))
    for note in probe.notes:
        print(note)
    print(explanation.summary())
    print(f"Written to {folder}")


def _options(method: str, given: Sequence[str]) -> dict[str, Any]:
    """NAME=VALUE of the command line as the method's options; what is no number of the right kind is refused there."""
    from segcam_widgets.core.methods import METHODS

    known = METHODS[method].options if method in METHODS else {}
    found: dict[str, Any] = {}
    for text in given:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not equals or not name:
            raise SegCamError(f"`--option` must be NAME=VALUE. Received: {text!r}.")
        found[name] = value
        if name in known and not known[name].choices:
            with contextlib.suppress(ValueError):
                found[name] = type(known[name].default)(value)
    return found


def _line(fraction: float, text: str) -> bool:
    """How far it is, in one line of the terminal that is gone at the end."""
    from segcam_widgets.core.text.numbers import percent

    print(
        "\r\x1b[K" + (f"{percent(round(fraction, 2)):>5} {text}" if fraction < 1 else ""),
        end="",
        file=sys.stderr,
        flush=True,
    )
    return True


def _numbers(text: str) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != 4:
        raise SegCamError(f"`--region` must be four numbers, TOP,LEFT,BOTTOM,RIGHT. Received: {text!r}.")
    return numbers


def _channels(text: str) -> list[int]:
    parts = text.split(",")
    if not all(part.strip().isdecimal() for part in parts):
        raise SegCamError(f"`--bands` must be one number, or three, R,G,B, counted from 0. Received: {text!r}.")
    return [int(part) for part in parts]


if __name__ == "__main__":
    sys.exit(main())
