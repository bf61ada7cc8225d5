"""Explanations: the answer to a query, signed and never rescaled, and what is read off it."""

from segcam_widgets.core.explanation.explain import explain
from segcam_widgets.core.explanation.explanation import Explanation, load_explanation

__all__ = ["Explanation", "explain", "load_explanation"]
