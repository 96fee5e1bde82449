"""The inbox: which alerts somebody may read, narrowed by filters, counted, and one page at a time."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Count, Q
from django.db.models.fields.json import KeyTextTransform, KeyTransform

from alerts.frozen_wording import title_of_kind
from alerts.library import policy
from alerts.models import Alert, with_patients
from alerts.models.alert import AlertQuerySet
from alerts.rules import DOSE_KINDS, NEEDS_SOMEBODY, RECALL_KINDS, Kind, State

PAGE = 25
CRITICAL = 1
STANDING = "standing"
STATE_WORDS: Mapping[str, str] = {
    STANDING: "Not over",
    State.OPEN.value: "Nobody has it",
    State.CLEARED_UNACKED.value: "Cause gone, not acknowledged",
    State.ACKED.value: "Acknowledged",
    State.CLOSED.value: "Closed",
    "all": "All",
}


class BadFilter(Exception):
    """A filter of the address says something that is not one; the text names it and the remedy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What the address asks for; an empty text asks for everything."""

    state: str = STANDING
    severity: str = ""
    kind: str = ""
    role: str = ""
    mine: str = ""
    after: str = ""

    def address(self, **changed: str) -> str:
        """The query of a link with some filters changed; the page begins anew."""
        values = {name: getattr(self, name) for name in _NAMES} | {"after": ""} | changed
        kept = {name: value for name, value in values.items() if value and value != _DEFAULTS.get(name, "")}
        return f"?{urlencode(kept)}" if kept else "?"


_NAMES = ("state", "severity", "kind", "role", "mine")
_DEFAULTS = {"state": STANDING}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One link of a filter: its words, how many alerts it leads to, and whether it is chosen."""

    words: str
    count: int | None
    address: str
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Facet:
    """One filter with its choices."""

    title: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbox:
    """One page of alerts, and the filters around it."""

    alerts: tuple[Alert, ...]
    facets: tuple[Facet, ...]
    more: str


def filters_from(sent: Mapping[str, str]) -> Filters:
    """The filters of an address. Raises BadFilter."""
    allowed: dict[str, set[str]] = {
        "state": set(STATE_WORDS),
        "severity": {str(level) for level in policy().words},
        "kind": {kind.value for kind in Kind},
        "role": set(_roles()),
        "mine": {"yes"},
    }
    found: dict[str, str] = {}
    for name, values in allowed.items():
        value = sent.get(name, "")
        if value and value not in values:
            raise BadFilter(f"{name}: choose one of the links of this page instead.")
        if value:
            found[name] = value
    return Filters(**found, after=sent.get("after", ""))


def readable(person: User | AnonymousUser) -> AlertQuerySet:
    """The alerts that somebody may open: all, or those of the kinds they could take over."""
    rows = Alert.objects.for_people()
    if person.has_perm("alerts.view_alert") or person.has_perm("alerts.acknowledge_alert"):
        return rows
    may = Q(pk__in=[])
    if person.has_perm("alerts.acknowledge_recall_alert"):
        may |= Q(kind__in=[kind.value for kind in RECALL_KINDS])
    if person.has_perm("alerts.acknowledge_dose_alert"):
        may |= Q(kind__in=[kind.value for kind in DOSE_KINDS])
    if person.has_perm("alerts.acknowledge_technical_alert"):
        may |= Q(technical=True)
    return rows.filter(may)


RIGHTS = (
    "alerts.view_alert",
    "alerts.acknowledge_alert",
    "alerts.acknowledge_recall_alert",
    "alerts.acknowledge_dose_alert",
    "alerts.acknowledge_technical_alert",
)


def reads_some(person: User | AnonymousUser) -> bool:
    """Whether there is any kind of alert that somebody may read."""
    return any(person.has_perm(right) for right in RIGHTS)


def open_criticals(person: User | AnonymousUser) -> dict[str, int]:
    """How many critical alerts that somebody may read are not over, and how many nobody has. One query.

    What somebody has and a newer decision has overtaken is not critical any more.
    """
    unheld = Q(state__in=[state.value for state in NEEDS_SOMEBODY])
    rows = readable(person).standing().filter(severity=CRITICAL, cause_gone_at__isnull=True)
    return rows.aggregate(standing=Count("pk"), unheld=Count("pk", filter=unheld))


def inbox(*, person: User, filters: Filters) -> Inbox:
    """One page, the most severe and newest first. The number of queries is always the same."""
    rows = with_patients(_narrowed(readable(person), filters, person)).select_related("cycle", "acked_by")
    if filters.after:
        rows = rows.filter(_beyond(filters.after))
    page = list(rows.order_by("severity", "-raised_at", "-pk")[: PAGE + 1])
    more = ""
    if len(page) > PAGE:
        last = page[PAGE - 1]
        cursor = f"{last.severity}~{last.raised_at.isoformat()}~{last.pk}"
        more = filters.address(after=cursor)
    return Inbox(alerts=tuple(page[:PAGE]), facets=_facets(person, filters), more=more)


def _beyond(cursor: str) -> Q:
    """The rows after the one a cursor names. Raises BadFilter."""
    try:
        severity, raised, key = cursor.split("~")
        level, at, pk = int(severity), datetime.fromisoformat(raised), int(key)
    except ValueError as error:
        raise BadFilter("after: this link was damaged. Begin with the first page again.") from error
    if at.tzinfo is None or not 0 <= pk < 2**63 or not 0 <= level <= 9:
        raise BadFilter("after: this link was damaged. Begin with the first page again.")
    return (
        Q(severity__gt=level)
        | Q(severity=level, raised_at__lt=at)
        | Q(severity=level, raised_at=at, pk__lt=pk)
    )


def _narrowed(rows: AlertQuerySet, filters: Filters, person: User, *, but: str = "") -> AlertQuerySet:
    """The rows that the filters leave; `but` names one that is left out, for its own counts."""
    if but != "state" and filters.state == STANDING:
        rows = rows.standing()
    elif but != "state" and filters.state != "all":
        rows = rows.filter(state=filters.state)
    if but != "severity" and filters.severity:
        rows = rows.filter(severity=int(filters.severity))
    if but != "kind" and filters.kind:
        rows = rows.filter(kind=filters.kind)
    if but != "role" and filters.role:
        rows = _told_by_its_ladder(rows, filters.role)
    if but != "mine" and filters.mine:
        rows = rows.filter(_mine(person))
    return rows


def _mine(person: User) -> Q:
    """What somebody has taken over."""
    return Q(acked_by=person, state=State.ACKED.value)


def _told_by_its_ladder(rows: AlertQuerySet, role: str) -> AlertQuerySet:
    """The ladder is frozen into each alert, so its own is asked, not today's policy."""
    return rows.alias(ladder=KeyTextTransform("steps", "plan")).filter(ladder__contains=f'"{role}"')


def _by_role(rows: AlertQuerySet) -> Counter[str]:
    """How many alerts tell each role. Thousands of alerts have a handful of ladders: these are read once."""
    counts: Counter[str] = Counter()
    ladders = rows.annotate(ladder=KeyTransform("steps", "plan")).values_list("ladder")
    for steps, number in ladders.annotate(number=Count("pk")):
        for role in {role for step in steps for role in step["audience"]}:
            counts[role] += number
    return counts


def _roles() -> list[str]:
    """Every role that some ladder tells."""
    plans = [plan for entry in policy().kinds.values() for plan in (entry.plan, entry.at_its_worst().plan)]
    found = {role for plan in plans for step in plan.steps for role in step.audience}
    return sorted(found - {Kind.CANARY.value})


def _facets(person: User, filters: Filters) -> tuple[Facet, ...]:
    def rows(but: str) -> AlertQuerySet:
        return _narrowed(readable(person), filters, person, but=but).order_by()

    states = _grouped(rows("state"), "state")
    standing = sum(count for state, count in states.items() if state != State.CLOSED.value)
    states |= {STANDING: standing, "all": sum(states.values())}
    severities = {str(level): count for level, count in _grouped(rows("severity"), "severity").items()}
    kinds = _grouped(rows("kind"), "kind")
    counted = _by_role(rows("role"))
    roles = {role: counted[role] for role in _roles()}
    mine = rows("mine").filter(_mine(person)).count()
    words = {str(level): word.capitalize() for level, word in sorted(policy().words.items())}
    named = {kind: title_of_kind(kind) for kind in sorted(kinds.keys() | {filters.kind} - {""})}
    return (
        _facet("State", "state", STATE_WORDS, states, filters, every=False),
        _facet("Severity", "severity", words, severities, filters),
        _facet("Whose", "mine", {"yes": "Mine"}, {"yes": mine}, filters),
        _facet("Kind", "kind", named, kinds, filters),
        _facet("Tells", "role", {role: role.capitalize() for role in roles}, roles, filters),
    )


def _grouped(rows: AlertQuerySet, column: str) -> dict[Any, int]:
    return dict(rows.values_list(column).annotate(count=Count("pk")))


def _facet(
    title: str,
    name: str,
    words: Mapping[str, str],
    counts: Mapping[Any, int],
    filters: Filters,
    *,
    every: bool = True,
) -> Facet:
    """The links of one filter; what was chosen leads back to everything."""
    chosen = getattr(filters, name)
    choices = [
        Choice(
            words=words[value],
            count=counts.get(value, 0),
            address=filters.address(**{name: value}),
            chosen=chosen == value,
        )
        for value in words
    ]
    if every:
        choices.insert(
            0, Choice(words="All", count=None, address=filters.address(**{name: ""}), chosen=not chosen)
        )
    return Facet(title=title, choices=tuple(choices))
