"""What one rule answered."""

from segcam_widgets.core.text.numbers import number
from segcam_widgets.diagnosis import RULES


def fired(diagnosis, code):
    """The rule's finding; it must have one."""
    return next(f for f in diagnosis.findings if f.code == code)


def passed(diagnosis, code):
    """What the rule saw instead; it must have passed."""
    return next(p for p in diagnosis.passed if p.code == code).reason


def not_applicable(diagnosis, code):
    """Why the rule could not look; it must have said so."""
    return next(n for n in diagnosis.not_applicable if n.code == code).reason


def headline(net, code, **keywords):
    """The finding that heads a blank map; it must be this one, and an issue."""
    diagnosis = net.diagnose(**keywords)
    assert diagnosis.blank
    assert (diagnosis.headline.code, diagnosis.headline.severity) == (code, "issue")
    return diagnosis.headline


def tip(net, code, **keywords):
    """A finding that is no headline; it must be there."""
    finding = fired(net.diagnose(**keywords), code)
    assert finding.severity == "tip"
    return finding


def findings(net, **keywords):
    """Codes and severities, in order."""
    return [(f.code, f.severity) for f in net.diagnose(**keywords).findings]


def numbers_in_message(finding, *names):
    """Whether the message carries these numbers of the evidence, as it writes them."""
    return all(number(finding.evidence[name]) in finding.message for name in names)


def order(code):
    """The rule's place in the list."""
    return [rule.code for rule in RULES.values()].index(code)
