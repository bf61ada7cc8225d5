"""The canvas's JavaScript and style sheet: plain files, the scripts joined into the one module that anywidget asks for."""

from importlib.resources import files
from importlib.resources.abc import Traversable

from segcam_widgets.ui.canvas.es_modules import join_modules, module_order

ENTRY = "main.js"


def _folder() -> Traversable:
    return files(__package__).joinpath("static")


def script_names() -> tuple[str, ...]:
    """The scripts in the order in which they run."""
    return module_order(_folder(), ENTRY)


def module_source() -> str:
    """The ECMAScript module: all scripts that `main.js` needs, and it."""
    return join_modules(_folder(), ENTRY)


def style_source() -> str:
    """The style sheet."""
    return _folder().joinpath("canvas.css").read_text(encoding="utf-8")
