"""SC101: the region has no pixel."""

from collections.abc import Iterable
from dataclasses import replace

from segcam_widgets.core.query import CamQuery
from segcam_widgets.core.regions.base import Region
from segcam_widgets.core.regions.drawn import Everything
from segcam_widgets.core.regions.labelled import PredictedClass, TruthClass
from segcam_widgets.core.text.numbers import counted
from segcam_widgets.diagnosis.case import Case
from segcam_widgets.diagnosis.remedies import try_queries
from segcam_widgets.diagnosis.rule import Hit, Rule
from segcam_widgets.diagnosis.wording import capital


class EmptyRegion(Rule):
    """Nothing is asked where no pixel is: the score is a mean over none."""

    code, name, title = "SC101", "empty-region", "The region has no pixel"
    holds = "the region has no pixel"
    needs = ("logits",)
    always_issue = True

    def look(self, case: Case) -> Hit | str:
        mask = case.mask
        assert mask is not None
        pixels = int(mask.sum())
        if pixels:
            return f"the region has {counted(pixels, 'pixel')}"
        predicted = int(PredictedClass(case.index).rasterize(case.probe).sum())
        evidence = {"pixels": 0, "predicted_pixels": predicted}
        message = f"{capital(case.region_words)} covers none of the {mask.size} pixels of the output."
        if predicted:
            message += f" {capital(case.class_name)} is predicted at {counted(predicted, 'pixel')} elsewhere."
        elif case.query.region == PredictedClass(case.index):
            message = f"{capital(case.class_name)} is predicted at none of the {mask.size} pixels of this image."
        if case.probe.truth is not None:
            evidence["true_pixels"] = int(TruthClass(case.index).rasterize(case.probe).sum())
        return Hit(
            message,
            evidence,
            "Ask about pixels: of the true labels, of the whole image, or of a shape you draw.",
            None if case.unreachable else try_queries(case, self._elsewhere(case)),
        )

    @staticmethod
    def _elsewhere(case: Case) -> Iterable[CamQuery]:
        regions: list[Region] = [Everything()]
        if case.probe.truth is not None and TruthClass(case.index).rasterize(case.probe).any():
            regions.insert(0, TruthClass(case.index))
        yield from (replace(case.query, region=region) for region in regions)
