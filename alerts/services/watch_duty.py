"""Ask every rule of the alert duty, and tell people of each one that is broken."""

import logging
from datetime import datetime
from itertools import islice

from alerts.rules import Kind
from alerts.services.duty_rule import DutyRule
from alerts.services.duty_rules import DUTY
from alerts.services.heartbeat import DUTY_LOOK, beat
from alerts.services.raising import Subject
from alerts.services.settling import Condition, key_of, settle
from labs.clock import database_now

log = logging.getLogger(__name__)

# So many examples stand on the alert's page; `manage.py verify` names all.
EXAMPLES = 5


class DutyUnknown(Exception):
    """Some rules could not be asked; what nobody knows is not normal."""


def watch_duty(*, now: datetime | None = None) -> int:
    """One standing alert for each broken rule, ended when the rule holds again; how many alerts changed.

    A rule that cannot be asked counts as broken, and DutyUnknown is raised after the others were asked.
    """
    now = now or database_now()
    broken: list[Condition] = []
    unknown: list[str] = []
    for each in DUTY:
        try:
            examples = _examples(each, now=now)
        except Exception:
            # Whatever is wrong with one rule, the others must be asked; raised again below.
            log.exception("The rule %r could not be asked.", each.name)
            unknown.append(each.name)
            examples = ["the rule could not be asked; the log says why"]
        if examples:
            log.error("The rule %r is broken: %s", each.name, "; ".join(examples))
            broken.append(_condition(each, examples))
    changed = settle(kinds=[Kind.INVARIANT_BROKEN], conditions=broken, now=now)
    if unknown:
        raise DutyUnknown(f"Could not be asked: {', '.join(unknown)}")
    beat(name=DUTY_LOOK, now=now)
    return changed


def _examples(each: DutyRule, *, now: datetime) -> list[str]:
    """The first breaches in words that name no patient."""
    found = islice(each.rule.find(now, lambda: None), EXAMPLES)
    return [f"{violation.about} {violation.words}" for violation in found]


def _condition(each: DutyRule, examples: list[str]) -> Condition:
    return Condition(
        kind=Kind.INVARIANT_BROKEN,
        key=key_of(Kind.INVARIANT_BROKEN, each.name),
        subject=Subject(about={"rule": each.name, "sentence": each.rule.sentence, "examples": examples}),
    )
