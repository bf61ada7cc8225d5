"""The canvas's JavaScript and style sheet: plain files, joined into the one module that anywidget asks for."""

from importlib.resources import files

SCRIPTS = (
    "bytes.js",
    "colour.js",
    "geometry.js",
    "layers.js",
    "shapes.js",
    "history.js",
    "drawing.js",
    "input.js",
    "toolbar.js",
    "readout.js",
    "picture.js",
    "view.js",
    "main.js",
)
"""In the order of their dependence; all share one module scope, only main.js exports."""


def _read(name: str) -> str:
    return files(__package__).joinpath("static", name).read_text(encoding="utf-8")


def module_source() -> str:
    """The ECMAScript module: the scripts one after the other, each under its name."""
    return "\n".join(f"// ---- {name}\n{_read(name)}" for name in SCRIPTS)


def style_source() -> str:
    """The style sheet."""
    return _read("canvas.css")
