"""The values of a diagnosis: findings with their numbers, rules that passed, rules that do not apply."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Literal, Self

from segcam_widgets.core.explanation.explanation import Explanation
from segcam_widgets.core.query import CamQuery
from segcam_widgets.core.text.one_line import one_line

if TYPE_CHECKING:
    import pandas as pd

Severity = Literal["issue", "tip"]


@dataclass(frozen=True, slots=True)
class RemedyResult(Mapping[str, float | bool]):
    """What the map looks like after the remedy, measured, beside what would come of it anyway. Also a mapping of these names.

    Attributes
    ----------
    is_empty : bool
    positive_share, focus, gain : float
        As on :class:`~segcam_widgets.Explanation`; gain is nan where the region is everything.
    footprint : float
        Gain of sum_k |G_k|, a map of where the gradient is at all; nan for pooled weights, which do not follow it.
    excess : float
        (gain - footprint) / (1 - footprint): what the map shows beyond the footprint; nan for pooled weights.
    chance : float
        Share, in [0, 1], of 64 random weightings with the same signs whose map has a gain of 0.5 or more; nan for pixelwise
        weights, for a single channel, and where the region is everything: there is nothing to compare.
    """

    is_empty: bool
    positive_share: float
    focus: float
    gain: float
    footprint: float = float("nan")
    excess: float = float("nan")
    chance: float = float("nan")

    @classmethod
    def of(cls, explanation: Explanation, **controls: float) -> Self:
        """Read off an explanation, with what it is compared with."""
        return cls(explanation.is_empty, explanation.positive_share, explanation.focus, explanation.gain, **controls)

    def __getitem__(self, name: str) -> float | bool:
        if name not in list(self):
            raise KeyError(name)
        value: float | bool = getattr(self, name)
        return value

    def __iter__(self) -> Iterator[str]:
        return (f.name for f in fields(self))

    def __len__(self) -> int:
        return len(fields(self))


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule that fired.

    Attributes
    ----------
    code, name : str
        "SC205", "coded-by-absence".
    severity : {"issue", "tip"}
    title : str
        One line.
    message : str
        What was measured, in plain words.
    evidence : mapping of str to number
        The measured numbers.
    docs_url : str
        The rule's section in the documentation.
    advice : str
        What to do; "" where there is nothing to add to the remedy.
    remedy : CamQuery or None
        A question whose map helps: it was asked, its map is not blank, and it shows the region.
    remedy_result : RemedyResult or None
        What came of asking it.
    channels : tuple of int
        The channels that the finding speaks of.
    """

    code: str
    name: str
    severity: Severity
    title: str
    message: str
    evidence: Mapping[str, float | int | bool]
    docs_url: str
    advice: str = ""
    remedy: CamQuery | None = None
    remedy_result: RemedyResult | None = None
    channels: tuple[int, ...] = field(default=())

    def __repr__(self) -> str:
        return one_line("Finding", f"{self.code} {self.severity}, {self.title}")


@dataclass(frozen=True, slots=True)
class Passed:
    """One rule that looked and found nothing: its code and name, and what it saw."""

    code: str
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class NotApplicable:
    """One rule that could not look here: its code and name, and why."""

    code: str
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What :func:`segcam_widgets.diagnose` answers: every rule exactly once.

    Attributes
    ----------
    query : CamQuery
        What was asked, resolved as far as it goes.
    subject : str
        The same in words: "Seg-Grad-CAM of brick at tail_conv2".
    blank : bool
        Whether nothing is left after a ReLU: the map is nowhere positive, or there is none.
    findings : tuple of Finding
        The headline first.
    passed : tuple of Passed
    not_applicable : tuple of NotApplicable
    class_names : tuple of str
        The model's, to say a remedy in words.
    faint : bool
        Whether the map is not blank and less than a hundredth of it is positive.
    order : tuple of str
        Codes of all rules, in the order of the decision table.
    is_number : bool
        Whether the layer has one cell: what is asked is a number and no map, neither blank nor faint.
    """

    query: CamQuery
    subject: str
    blank: bool
    findings: tuple[Finding, ...]
    passed: tuple[Passed, ...]
    not_applicable: tuple[NotApplicable, ...]
    class_names: tuple[str, ...] = field(default=(), repr=False)
    faint: bool = False
    is_number: bool = False
    order: tuple[str, ...] = field(default=(), repr=False)

    @property
    def headline(self) -> Finding | None:
        """The finding that matters most; None where no rule fired."""
        return self.findings[0] if self.findings else None

    @property
    def issues(self) -> tuple[Finding, ...]:
        """The findings of severity "issue"."""
        return tuple(finding for finding in self.findings if finding.severity == "issue")

    def summary(self) -> str:
        """One line: the question, and what is wrong or that nothing is."""
        from segcam_widgets.diagnosis.report import verdict

        said = verdict(self)
        if said.endswith(":"):
            said += f" {'; '.join(finding.title for finding in self.findings)}"
        return f"{self.subject}. {said}."

    def __repr__(self) -> str:
        return one_line("Diagnosis", self.summary())

    def to_frame(self) -> "pd.DataFrame":
        """One row per rule (pandas), in the order of the decision table: outcome, title or reason, message, remedy."""
        from segcam_widgets.diagnosis.report import to_frame

        return to_frame(self)

    def to_markdown(self) -> str:
        """The findings as markdown, with their numbers as tables, and a line for the rest."""
        from segcam_widgets.diagnosis.report import to_markdown

        return to_markdown(self)

    def _repr_html_(self) -> str:
        from segcam_widgets.diagnosis.report import to_html

        return to_html(self)
