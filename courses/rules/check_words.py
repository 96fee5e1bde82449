"""What a check of recorded facts may say, and the words that all checks share."""

from datetime import date

from courses.rules.protocol import CheckRow
from courses.rules.required import Lack
from courses.rules.schedule import Dates
from courses.rules.values import Action, Evidence, EvidenceKind, MissingEvidence, Reason, SilentRule
from courses.rules.wording import day_words
from labs.clinic_days import add_days

_CONSEQUENCES = {
    Action.PROCEED: "to be looked at before the cycle",
    Action.DELAY: "delay",
    Action.STOP: "stop permanently, do not treat again",
}

Said = Reason | Lack | SilentRule


def no_longer(none: str, on: date | None, days: int) -> str:
    """Why no record suffices: there is none, or the newest is too old for the day of treatment."""
    if on is None:
        return none
    return f"the newest, of {day_words(on)}, could be used until {day_words(add_days(on, days))}"


def due_on(days_before: int, dates: Dates) -> date | None:
    """The day by which something is to be recorded; None without a planned day."""
    return None if dates.planned_on is None else add_days(dates.planned_on, -days_before)


def capital(text: str) -> str:
    """The text as a sentence begins."""
    return text[0].upper() + text[1:]


def recorded(name: str, value: str, on: date, ref: str) -> Evidence:
    """A recorded fact as evidence."""
    return Evidence(kind=EvidenceKind.FACT, name=name, value=value.replace("_", " "), on=on, ref=ref)


def content(check: CheckRow, why: str) -> SilentRule:
    """A check that has nothing to say, and why."""
    return SilentRule(rule=check.id, name=check.name, why=why)


def speaks(
    check: CheckRow,
    action: Action,
    found: str,
    threshold: str,
    *,
    evidence: tuple[Evidence, ...],
    release: str = "",
    on: date | None = None,
) -> Reason:
    """What a check found and what follows; nothing but a delay has a release here, and a day for it."""
    return Reason(
        rule=check.id,
        action=action,
        sentence=f"{found}: {_CONSEQUENCES[action]} ({check.name}).",
        threshold=threshold,
        source=str(check.source),
        evidence=evidence,
        release=release if action is Action.DELAY else "",
        release_on=on,
    )


def lacks(
    check: CheckRow,
    item: str,
    name: str,
    why: str,
    resolve: str,
    *,
    due: date | None = None,
    evidence: tuple[Evidence, ...] = (),
) -> Lack:
    """What is still to be recorded, why, and by which day."""
    gap = MissingEvidence(item=item, rule=check.id, why=why, resolve=resolve, due_on=due)
    return Lack(gap=gap, name=name, source=str(check.source), evidence=evidence)
