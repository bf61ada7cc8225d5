"""Every network asked once: what the diagnosis says of it, beside what is true."""

import gc
import sys
import time
import warnings
from dataclasses import dataclass, field, replace

import keras
import numpy as np

import segcam_widgets as sc

from . import engine
from .net import CAUSES, UNDECIDED
from .prove import Bench, BrokenProof, by_absence, is_absence, prove

NONE = "none"
ISSUE = "issue"
DRAWS = 32


@dataclass
class Answer:
    """What was said of one network, and what is true of it. Plain values: it is kept as JSON."""

    name: str
    family: str
    kind: str
    used: bool
    expected: list[str]
    headline: str  # a code, or "undecided", "none", "raises ..."
    title: str
    severity: str
    named: list[str]
    issues: list[str]
    says_absence: bool
    absence: dict = field(default_factory=dict)  # empty where the question does not arise
    remedies: list = field(default_factory=list)
    claims: int = 0
    seconds: float = 0.0

    @property
    def right(self):
        """Whether what stands first is the cause that was planted; a tip need only be named."""
        if self.kind == "named":
            return bool(set(self.expected) & set(self.named))
        if self.headline == NONE:
            return UNDECIDED in self.expected
        return self.headline in self.expected and self.severity == ISSUE


def headline_of(diagnosis):
    """(code, title, severity); a code that is no cause is "undecided"."""
    first = diagnosis.headline
    if first is None:
        return NONE, "", ""
    known = first.code in CAUSES or first.severity != ISSUE
    return (first.code if known else UNDECIDED), first.title, first.severity


def says_absence(findings):
    """Whether any finding calls the class coded by absence; that less of a layer speaks for a class is another thing."""
    return any(f.code == "SC205" and "absence" in f.title.lower() for f in findings)


def absence_of(bench):
    """The unused intervention, where a blank map of a predicted class asks for it and the gradient is there at all."""
    if not bench.region.any() or bench.share() < 0.5:
        return {}
    field_, weights = bench.pooled()
    if not (np.isfinite(weights).all() and weights.any() and engine.blank(field_)):
        return {}
    raised, faded = by_absence(bench)
    without_rival = None  # the default score: the margin, and the logit of several sigmoids
    also = engine.blank(bench.pooled(without_rival)[0])  # else the layer speaks for the class, and nothing is absent
    return {"raised": float(raised), "faded": float(faded), "true": bool(is_absence(raised, faded) and also)}


def chance(explanation, rng):
    """The gains of the same map with `DRAWS` random weights of the same signs, where weights are pooled."""
    weights = np.asarray(explanation.weights, float)
    if weights.ndim != 1 or not weights.size:
        return None
    a, mask = np.asarray(explanation.activations, float), np.asarray(explanation.mask)
    inside = engine.covered(mask, a.shape[:2])[..., None]
    mean_in = (a * inside).sum((0, 1)) / max(inside.sum(), 1e-9)
    mean_out = (a * (1 - inside)).sum((0, 1)) / max((1 - inside).sum(), 1e-9)
    zero = {"zero": 0.0, "mean": a.mean((0, 1)), "midpoint": (mean_in + mean_out) / 2}[explanation.query.baseline]
    drawn = np.abs(rng.normal(size=(DRAWS, weights.size))) * np.sign(weights)
    return [engine.gain(((a - zero) * w).sum(-1), mask) for w in drawn]


def remedies_of(probe, findings):
    """Each remedy that is offered: its gain as said, and beside it what random weights of the same signs reach."""
    found, rng = [], np.random.default_rng(0)
    for finding in findings:
        if finding.remedy is None:
            continue
        explanation = sc.explain(probe, finding.remedy)
        draws = chance(explanation, rng)
        said = {name: getattr(finding.remedy_result, name, None) for name in ("gain", "footprint", "excess", "chance")}
        found.append({
            "code": finding.code, "method": finding.remedy.method, "baseline": finding.remedy.baseline,
            **{name: None if value is None else float(value) for name, value in said.items()},
            "own_gain": engine.gain(np.asarray(explanation.cam, float), np.asarray(explanation.mask)),
            "own_chance": None if draws is None else float(np.median(draws)),
            "own_reach": None if draws is None else float(np.mean(np.array(draws) >= 0.5)),
        })  # fmt: skip
    return found


def opened(built):
    """The probe of the package, and the question."""
    head = {"sigmoid": "sigmoid", "multi": "sigmoid"}.get(built.head)
    probe = sc.open_probe(built.model, built.x, head=head, **built.options)
    region = built.region
    if region is not None:
        region = sc.Everything() if isinstance(region, str) else sc.Mask(region)
    return probe, sc.CamQuery(built.layer, built.target, region, built.score)


def ask(net, diagnose=None):
    """Build a network, prove it (raises BrokenProof), and have it diagnosed by `diagnose` (default: the package's)."""
    began = time.perf_counter()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The object being serialized includes", UserWarning)  # the lambda layer of one network
        built = net.build()
        bench = Bench(built)
        try:
            claims = prove(bench)
        except BrokenProof as broken:
            raise BrokenProof(f"{net.name}: {broken}") from None
        answer = Answer(
            net.name, net.family, net.kind, net.used, sorted(net.expected), NONE, "", "", [], [], False, absence_of(bench),
            claims=len(claims),
        )  # fmt: skip
        try:
            probe, query = opened(built)
            diagnosis = (diagnose or sc.diagnose)(probe, query)
        except sc.SegCamError as error:
            return replace(answer, headline=f"raises {type(error).__name__}", title=str(error))
        answer.headline, answer.title, answer.severity = headline_of(diagnosis)
        answer.named = [finding.code for finding in diagnosis.findings]
        answer.issues = [finding.code for finding in diagnosis.findings if finding.severity == ISSUE]
        answer.says_absence = says_absence(diagnosis.findings)
        answer.remedies = remedies_of(probe, diagnosis.findings)
    answer.seconds = round(time.perf_counter() - began, 2)
    return answer


def ask_all(nets, diagnose=None, said=None):
    """One answer after the other; `said` is told each (network, answer)."""
    answers = []
    for count, net in enumerate(nets, 1):
        answers.append(ask(net, diagnose))
        if said:
            said(net, answers[-1])
        if count % 25 == 0:
            keras.backend.clear_session()
            gc.collect()
    return answers


def progress(net, answer):
    """A line for each network on stderr."""
    mark = {True: "right", False: "WRONG"}[answer.right] if answer.kind in ("one", "named") else answer.kind
    print(f"{mark:10} {net.name}: {answer.headline} {answer.named} {answer.seconds:.1f} s", file=sys.stderr, flush=True)
