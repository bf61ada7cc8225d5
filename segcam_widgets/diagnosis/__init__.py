"""Why a map looks as it does: rules that measure, say what they found in plain words, and try out a remedy."""

from segcam_widgets.diagnosis.diagnose import diagnose
from segcam_widgets.diagnosis.findings import Diagnosis, Finding, NotApplicable, Passed, RemedyResult
from segcam_widgets.diagnosis.rule import RULES, Rule

__all__ = ["RULES", "Diagnosis", "Finding", "NotApplicable", "Passed", "RemedyResult", "Rule", "diagnose"]
