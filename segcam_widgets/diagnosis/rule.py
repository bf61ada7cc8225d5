"""What a rule is, and the registry of all of them."""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from segcam_widgets.core.support.registry import Registry
from segcam_widgets.diagnosis.case import Case
from segcam_widgets.diagnosis.findings import Finding, NotApplicable, Passed, Severity
from segcam_widgets.diagnosis.remedies import Remedy

DOCS = "rules.html"
"""The page of the documentation with a section for each rule."""


@dataclass(frozen=True, slots=True)
class Hit:
    """What a rule found: everything about a finding but its place in the list.

    Attributes
    ----------
    message : str
    evidence : mapping of str to number
    advice : str
    remedy : Remedy or None
        A query that helps, with the explanation that came of it.
    channels : tuple of int
        The channels it speaks of.
    title : str
        Where it differs from the rule's own; "{layer}" and "{class_name}" stand for those of the question.
    """

    message: str
    evidence: Mapping[str, float | int | bool]
    advice: str = ""
    remedy: Remedy | None = None
    channels: tuple[int, ...] = ()
    title: str = ""


class Rule(ABC):
    """One rule. To add one: a class in a module of `diagnosis.rules`, registered there; a test file; a section of the docs.

    Attributes
    ----------
    code, name : str
        Stable: "SC205", "coded-by-absence".
    title : str
        The finding in one line; "{layer}" and "{class_name}" stand for those of the question.
    holds : str
        The condition, as the documentation states it.
    needs : tuple of str
        What must be there for the rule to look: see :meth:`Case.lacks`.
    in_list : bool
        Part of the decision table: it can be a blank map's headline.
    always_issue : bool
        An issue wherever it holds, be the map blank or not.
    """

    code: ClassVar[str]
    name: ClassVar[str]
    title: ClassVar[str]
    holds: ClassVar[str]
    needs: ClassVar[tuple[str, ...]] = ()
    in_list: ClassVar[bool] = True
    always_issue: ClassVar[bool] = False

    def check(self, case: Case) -> Hit | Passed | NotApplicable:
        """Look at a case."""
        for need in self.needs:
            reason = case.lacks(need)
            if reason:
                return NotApplicable(self.code, self.name, reason)
        seen = self.look(case)
        return Passed(self.code, self.name, seen) if isinstance(seen, str) else seen

    @abstractmethod
    def look(self, case: Case) -> Hit | str | NotApplicable:
        """What the rule found, or what it saw instead, in words."""

    @property
    def general_title(self) -> str:
        """The title without a question at hand: "At this layer, the class is coded by the absence of features"."""
        return self.title.format(layer="this layer", class_name="the class")

    @property
    def docs_url(self) -> str:
        """Its section in the documentation."""
        return f"{DOCS}#{self.code.lower()}-{self.name}"

    def not_here(self, reason: str) -> NotApplicable:
        """The third outcome."""
        return NotApplicable(self.code, self.name, reason)

    def finding(self, hit: Hit, severity: Severity, case: Case) -> Finding:
        """A hit in its place."""
        names = {"{layer}": case.query.layer, "{class_name}": case.class_name}
        # in one pass: a layer may be called "{class_name}"
        title = re.sub(r"\{layer\}|\{class_name\}", lambda found: names[found.group()], hit.title or self.title)
        return Finding(
            code=self.code,
            name=self.name,
            severity=severity,
            title=title,
            message=hit.message,
            evidence=hit.evidence,
            docs_url=self.docs_url,
            advice=hit.advice,
            remedy=None if hit.remedy is None else hit.remedy.query,
            remedy_result=None if hit.remedy is None else hit.remedy.result,
            channels=hit.channels,
        )


class RuleBook(Registry[Rule]):
    """The rules by name, in the order of the decision table; a rule's code finds it as well."""

    def __getitem__(self, name: str) -> Rule:
        by_code = {rule.code: rule for rule in self._entries.values()}
        return by_code[name] if name in by_code else super().__getitem__(name)


RULES = RuleBook("rule")
