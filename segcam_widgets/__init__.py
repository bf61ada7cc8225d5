"""Interactive, signed class activation maps for segmentation networks.

A *probe* (one model bound to one image) answers an immutable *query* with an immutable, signed *explanation*;
the widgets only draw. ``import segcam_widgets as sc`` costs milliseconds: each public name loads its own module
when it is first used, so TensorFlow, numpy and the browser libraries stay out until they are needed.
"""

import importlib

__version__ = "0.1.0"

# Module -> the public names that it defines. ``__init__.pyi`` says the same to type checkers and editors;
# a test keeps the two equal and loads every name.
_PUBLIC: dict[str, tuple[str, ...]] = {
    "errors": (
        "Cancelled",
        "DisconnectedLayerError",
        "EmptyRegionError",
        "NonFiniteError",
        "SegCamError",
        "UnknownLayerError",
        "UnsupportedModelError",
    ),
    "core.regions.drawn": ("Brush", "Everything", "Mask", "Pixel", "Polygon", "Rectangle"),
    "core.regions.labelled": (
        "Border",
        "Component",
        "Errors",
        "PredictedClass",
        "TruthClass",
    ),
    "core.query": ("CamQuery",),
    "core.baselines": ("BASELINES",),
    "core.scores": ("SCORES",),
    "core.methods": ("METHODS",),
    "core.explanation": ("Explanation", "explain", "load_explanation"),
    "core.ledger": ("EvidenceLedger", "ledger"),
    "core.ablation": ("Ablation", "ablate"),
    "core.votes.collect": ("VoteField", "votes"),
    "core.recognition.recognise": ("recognise",),
    "core.recognition.recognition": ("Match", "Recognition"),
    "diagnosis": ("RULES", "Diagnosis", "Finding", "diagnose"),
    "diagnosis.atlas.atlas": ("Atlas", "atlas"),
    "keras_probe.opening": ("open_probe",),
    "demo": ("Demo", "load_demo"),
    "ui.explorer": ("SegCamExplorer",),
    "ui.opening": ("explore",),
}
_HOME = {name: module for module, names in _PUBLIC.items() for name in names}
_ROOMS = ("evaluation",)  # public as a whole: sc.evaluation.faithfulness

__all__ = ["__version__", *_HOME, *_ROOMS]  # noqa: PLE0604 - names, out of the table above


def __getattr__(name: str) -> object:
    """Load a public name from its module on first use (PEP 562)."""
    if name in _ROOMS:
        return importlib.import_module(f"{__name__}.{name}")
    if name not in _HOME:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value  # the next access finds it without coming here
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
