"""What the diagnosis has to reach on the suite, and by which networks it misses it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """One line of the verdict: found against wanted, and the networks that miss."""

    name: str
    found: str
    wanted: str
    met: bool
    misses: tuple[str, ...]


def planted(answers):
    """Those with one cause, told by the headline, or by a tip where the design makes it one."""
    return [a for a in answers if a.kind in ("one", "named")]


def both_named(answer):
    return set(answer.expected) <= set(answer.named)


def said(answer):
    """A miss by name, and what was said instead."""
    return f"{answer.name}: {answer.headline}{' (' + ', '.join(answer.named) + ')' if answer.named else ''}"


def share(name, answers, good, wanted):
    """At least this share of the answers is good."""
    if not answers:
        return None
    misses = [a for a in answers if not good(a)]
    right = len(answers) - len(misses)
    return Target(
        name, f"{right} of {len(answers)} ({right / len(answers):.0%})", f"at least {wanted:.0%}",
        right >= wanted * len(answers), tuple(map(said, misses)),
    )  # fmt: skip


def nowhere(name, answers, bad):
    """Not one answer is bad."""
    if not answers:
        return None
    misses = [a for a in answers if bad(a)]
    return Target(name, f"{len(misses)} of {len(answers)}", "0", not misses, tuple(map(said, misses)))


def judged(answers):
    """The targets that these answers can be held to."""
    asked = [a for a in answers if a.absence]
    true = [a for a in asked if a.absence["true"]]
    found = [
        share("headline right, all", planted(answers), lambda a: a.right, 0.95),
        share("headline right, used", [a for a in planted(answers) if a.used], lambda a: a.right, 0.95),
        share("headline right, unused", [a for a in planted(answers) if not a.used], lambda a: a.right, 0.95),
        share("both causes named", [a for a in answers if a.kind == "two"], both_named, 0.8),
        nowhere("traps called absence", [a for a in answers if a.kind == "trap"], lambda a: a.says_absence),
        nowhere("absence said and not true", [a for a in asked if not a.absence["true"]], lambda a: a.says_absence),
        share("absence true and said", true, lambda a: a.says_absence, 0.95),
        nowhere("false alarms on look-alikes", [a for a in answers if a.kind == "look-alike"], lambda a: bool(a.issues)),
    ]
    return [target for target in found if target is not None]
