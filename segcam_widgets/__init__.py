"""Interactive, signed class activation maps for segmentation networks.

A *probe* (one model bound to one image) answers an immutable *query* with an immutable, signed *explanation*;
the widgets only draw. ``import segcam_widgets as sc`` costs milliseconds: each public name loads its own module
when it is first used, so TensorFlow, numpy and the browser libraries stay out until they are needed.
"""

import importlib

__version__ = "0.1.0"

# Public name -> the module that defines it; None means that the name is that submodule itself.
# ``__init__.pyi`` says the same to type checkers and editors, and a test keeps the two equal.
_HOME: dict[str, str] = {}

__all__ = ["__version__", *_HOME]  # noqa: PLE0604 -- the table above is the list


def __getattr__(name: str) -> object:
    """Load a public name from its module on first use (PEP 562)."""
    if name not in _HOME:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value  # the next access finds it without coming here
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
