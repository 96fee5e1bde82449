"""Precautionary holds: while somebody of the clinic holds a course, nothing is given on it."""

from collections.abc import Iterator

from courses.rules.derived import Case
from courses.rules.facts import PrecautionaryHold
from courses.rules.values import Action, Evidence, EvidenceKind, Reason
from courses.rules.wording import day_words, unended

HOLD_RULE = "HOLD-PERSON"
_SOURCE = "this service's own rule: anyone clinical may hold a course at once"


def hold_reasons(case: Case) -> Iterator[Reason]:
    """One reason for all holds that stand, however many, so that one thing is told once."""
    held = sorted(case.chart.precautionary_holds, key=lambda hold: (hold.on, hold.by, hold.ref))
    if not held:
        return
    told = "; ".join(f"{each.by} since {day_words(each.on)}: {unended(each.reason)}" for each in held)
    people = dict.fromkeys(each.by for each in held)
    ends = [f"{name}, or a physician, takes back the hold of {name} with a reason" for name in people]
    alone = f"{held[0].by}, or a physician, takes it back with a reason"
    yield Reason(
        rule=HOLD_RULE,
        action=Action.HOLD,
        sentence=f"Held by {told}. Nothing is given while a person holds the course.",
        threshold="nobody holds the course",
        source=_SOURCE,
        evidence=tuple(map(_evidence, held)),
        release=alone if len(people) == 1 else "; ".join(ends),
    )


def _evidence(hold: PrecautionaryHold) -> Evidence:
    return Evidence(
        kind=EvidenceKind.FACT,
        name=f"Precautionary hold, {hold.by}",
        value=hold.reason,
        on=hold.on,
        ref=hold.ref,
    )
