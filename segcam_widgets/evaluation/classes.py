"""The random-class test: the map of one class must differ from those of other classes.

The counterpart, for masks, of the random-logit test: Sixt, Granz & Landgraf, "When explanations lie", ICML 2020,
arXiv 1912.09818. Here every other class is asked about the same region, with the same score.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from segcam_widgets.core.answers import Progress
from segcam_widgets.core.explanation.explain import explain
from segcam_widgets.core.explanation.explanation import Explanation
from segcam_widgets.core.probe import Probe
from segcam_widgets.core.support.progress import report
from segcam_widgets.errors import Cancelled, SegCamError
from segcam_widgets.evaluation.similarity import Similarity, compare


@dataclass(frozen=True, eq=False)
class ClassTest:
    """One map's likeness to the maps of other classes.

    Attributes
    ----------
    map : str
    others : dict of str to Similarity
        By the other class's name; a class whose map cannot be computed, or is constant, has nan or is left out.
    """

    map: str
    others: dict[str, Similarity] = field(repr=False)

    def mean(self, measure: str = "spearman") -> float:
        """Mean over the other classes, in [-1, 1]; signed, for the opposite map is no likeness. nan where there is none."""
        values = [getattr(similarity, measure) for similarity in self.others.values()]
        known = [value for value in values if not math.isnan(value)]
        return float(np.mean(known)) if known else float("nan")


def class_test(
    probe: Probe, originals: dict[str, Explanation], classes: Sequence[int], progress: Progress | None = None
) -> tuple[ClassTest, ...]:
    """Every map beside the same method's maps for other classes, on the grid of the logits; the region stays."""
    found = []
    total, done = max(1, len(originals) * len(classes)), 0
    for name, original in originals.items():
        others: dict[str, Similarity] = {}
        for index in classes:
            report(progress, done / total, f"{name} for the class {probe.class_names[index]}")
            similarity = _compared(probe, original, index)
            if similarity is not None:
                others[probe.class_names[index]] = similarity
            done += 1
        found.append(ClassTest(name, others))
    return tuple(found)


def _compared(probe: Probe, original: Explanation, index: int) -> Similarity | None:
    query = original.query
    rival = None if query.rival == index else query.rival  # a class cannot be its own rival
    try:
        other = explain(probe, replace(query, class_index=index, rival=rival))
    except Cancelled:
        raise
    except SegCamError:
        return None
    return compare(original.upsampled(), other.upsampled(), original.mask)
