"""The maps. To add one: a function in the module of its idea, and an entry there; menus, docs and tests read the registry.

A method overrides only its weights: ``cam == (weights * (A - B)).sum(-1)`` for every method that has weights, with A
the activations and B the baseline. Maps are signed and never normalised; ReLU is a display choice.
"""

from segcam_widgets.core.methods import curvature, eigen, gradient, path, perturbation
from segcam_widgets.core.methods.method import METHODS, MapInput, MapResult, Method, Option, pooled, weighted_map

for _method in (
    *gradient.ENTRIES, *perturbation.ENTRIES, *eigen.ENTRIES, *curvature.ENTRIES, *path.ENTRIES,
):  # fmt: skip
    METHODS.add(_method)

__all__ = ["METHODS", "MapInput", "MapResult", "Method", "Option", "pooled", "weighted_map"]
