"""Measure how faithful maps are: deletion and insertion, other classes, random weights, and maps that know nothing."""

from segcam_widgets.evaluation.classes import ClassTest
from segcam_widgets.evaluation.curves.cascade import Cascade, Randomisable
from segcam_widgets.evaluation.curves.channels import ChannelTest
from segcam_widgets.evaluation.curves.curves import SCOPES, Curve
from segcam_widgets.evaluation.curves.fills import FILLS, Fill
from segcam_widgets.evaluation.curves.losses import Loss
from segcam_widgets.evaluation.curves.references import REFERENCES, Reference, Scene
from segcam_widgets.evaluation.faithfulness import CHECKS, faithfulness
from segcam_widgets.evaluation.result import Chance, Contender, Faithfulness
from segcam_widgets.evaluation.similarity import Similarity

__all__ = [
    "CHECKS",
    "FILLS",
    "REFERENCES",
    "SCOPES",
    "Cascade",
    "Chance",
    "ChannelTest",
    "ClassTest",
    "Contender",
    "Curve",
    "Faithfulness",
    "Fill",
    "Loss",
    "Randomisable",
    "Reference",
    "Scene",
    "Similarity",
    "faithfulness",
]
