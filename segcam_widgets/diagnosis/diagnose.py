"""`diagnose`: find out why the map of a query looks as it does."""

from segcam_widgets.core.answers import Progress
from segcam_widgets.core.explanation.explain import report
from segcam_widgets.core.explanation.explanation import Explanation
from segcam_widgets.core.probe import Probe
from segcam_widgets.core.query import CamQuery
from segcam_widgets.core.resolve import must_be_probe
from segcam_widgets.diagnosis import rules as _rules  # noqa: F401 - registers them
from segcam_widgets.diagnosis.case import Case
from segcam_widgets.diagnosis.findings import Diagnosis, Finding, NotApplicable, Passed, Severity
from segcam_widgets.diagnosis.rule import RULES, Hit, Rule


def diagnose(
    probe: Probe,
    query: CamQuery,
    progress: Progress | None = None,
    *,
    thorough: bool = False,
    explanation: Explanation | None = None,
) -> Diagnosis:
    """Say why a map looks as it does: every rule looks once, and the decision table names a blank map's headline.

    Parameters
    ----------
    probe : Probe
        From :func:`segcam_widgets.open_probe`.
    query : CamQuery
        As for :func:`segcam_widgets.explain`.
    progress : callable, optional
        ``progress(fraction, text) -> bool``; False cancels.
    thorough : bool
        Also try remedies at other layers (one sweep) and compare the gradient with ablation (three replays). Without it a
        diagnosis costs at most six pullbacks at the asked layer, usually one or two; of a blank map also up to six replays.
    explanation : Explanation, optional
        The answer to this very query, where it is at hand: then the map of a slow method is not made a second time.

    Returns
    -------
    Diagnosis

    Raises
    ------
    UnknownLayerError, Cancelled, SegCamError
        As :func:`segcam_widgets.explain`. Where that raises EmptyRegionError, DisconnectedLayerError or NonFiniteError, the
        diagnosis says so in a finding instead.
    """
    must_be_probe(probe)
    answer = None if probe.refresh() else explanation
    done = 0.0

    def within(fraction: float, text: str) -> bool:
        report(progress, done + fraction / len(RULES), text)
        return True

    case = Case(probe, query, thorough=thorough, answer=answer, progress=within)
    hits: list[tuple[Rule, Hit]] = []
    passed: list[Passed] = []
    silent: list[NotApplicable] = []
    for number, rule in enumerate(RULES.values()):
        done = number / len(RULES)
        report(progress, done, f"{rule.code} {rule.name}")
        outcome = rule.check(case)
        if isinstance(outcome, Hit):
            hits.append((rule, outcome))
        elif isinstance(outcome, Passed):
            passed.append(outcome)
        else:
            silent.append(outcome)
    report(progress, 1.0, "done")
    findings, names = _ranked(case, hits), tuple(probe.class_names)
    has_map = not case.lacks("map")
    return Diagnosis(
        query=case.query,
        subject=case.subject,
        blank=case.blank,
        findings=findings,
        passed=tuple(passed),
        not_applicable=tuple(silent),
        class_names=names,
        faint=has_map and case.faint,
        is_number=has_map and case.is_number,
        order=tuple(rule.code for rule in RULES.values()),
    )


def _ranked(case: Case, hits: list[tuple[Rule, Hit]]) -> tuple[Finding, ...]:
    """The headline first, the others in the registry's order; of a blank map the headline is an issue, the others are tips."""
    headline = case.decision.headline if case.blank else None
    findings: list[Finding] = []
    for rule, hit in sorted(hits, key=lambda pair: pair[0].code != headline):
        severity: Severity = "issue" if rule.always_issue or rule.code == headline else "tip"
        findings.append(rule.finding(hit, severity, case))
    return tuple(findings)
