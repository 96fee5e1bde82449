"""The alert budget of each rule: how many it raised, what they led to, and how soon somebody had them."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.db.models import Min, QuerySet

from alerts.act_rules import ACTED_ON, ClosingOutcome, is_beyond_budget, nearest_rank, whole_minutes
from alerts.library import policy
from alerts.models import Acknowledgement, Alert, AlertEvent, Closing, ReadBack
from alerts.models.alert import EventKind
from alerts.models.read_back import ENDS_THE_ALERT
from alerts.rules import DECISION_KINDS, ActingRule, State, strongest_rule
from alerts.services.signed_away import SIGNED
from alerts.services.working_time import office
from labs.clinic_days import add_days, start_of_day
from labs.formats.csv_write import write_table
from labs.zones import clinic_zone

# Kind, course and cycle stand before the rule in what names a condition.
_BEFORE_RULE = 3
HEADER = (
    "rule",
    "kind",
    "raised",
    "judged by a person",
    "acted on",
    "precision % of judged",
    "went on all the same",
    "override rate % of judged",
    "false alarms",
    "ended without a person's judgement",
    "not over",
    "repeats that told nobody",
    "minutes to acknowledge, median",
    "minutes to acknowledge, 90 of 100",
    "never acknowledged",
    "raised out of hours",
    "to be reviewed",
)


@dataclass(slots=True, kw_only=True)
class _Tally:
    """What is counted of one rule."""

    raised: int = 0
    standing: int = 0
    repeats: int = 0
    out_of_hours: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    minutes: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleBudget:
    """One line of the budget; percentages are of what was judged, and none where nothing was.

    Raised are those judged by a person, those that ended without a judgement, and those that are not over.
    Whoever was the first to acknowledge one, or to pass a critical value on, had it.
    """

    rule: str
    kind: str
    raised: int
    judged: int
    acted: int
    precision: int | None
    overridden: int
    override_rate: int | None
    false_alarms: int
    unjudged: int
    standing: int
    repeats: int
    median: int | None
    ninetieth: int | None
    never: int
    out_of_hours: int
    beyond: bool

    def cells(self) -> tuple[object, ...]:
        """The line as a table has it."""
        return (
            self.rule,
            self.kind,
            self.raised,
            self.judged,
            self.acted,
            _or_nothing(self.precision),
            self.overridden,
            _or_nothing(self.override_rate),
            self.false_alarms,
            self.unjudged,
            self.standing,
            self.repeats,
            _or_nothing(self.median),
            _or_nothing(self.ninetieth),
            self.never,
            self.out_of_hours,
            "yes" if self.beyond else "no",
        )


def budget(*, first: date, last: date) -> tuple[RuleBudget, ...]:
    """Every rule that raised an alert from the first to the last clinic day. Five queries."""
    zone = clinic_zone()
    since, until = start_of_day(first, zone), start_of_day(add_days(last, 1), zone)
    rows = Alert.objects.for_people().filter(raised_at__gte=since, raised_at__lt=until)
    hours = office()
    of_alert: dict[int, tuple[str, str]] = {}
    raised: dict[int, datetime] = {}
    tallies: dict[tuple[str, str], _Tally] = defaultdict(_Tally)
    facts = rows.values_list("pk", "kind", "condition_key", "decision__answer", "raised_at", "state")
    for pk, kind, key, answer, at, state in facts.order_by("pk").iterator():
        of_alert[pk], raised[pk] = (_rule(kind, key, answer), kind), at
        tally = tallies[of_alert[pk]]
        tally.raised += 1
        tally.standing += state != State.CLOSED
        tally.out_of_hours += not hours.is_open(at)
    outcomes, had_at, repeats = _what_came_of(rows.order_by())
    for alert, outcome in outcomes.items():
        tallies[of_alert[alert]].outcomes[outcome] += 1
    for alert, at in had_at.items():
        tallies[of_alert[alert]].minutes.append(max(0, whole_minutes(at - raised[alert])))
    for alert, number in repeats.items():
        tallies[of_alert[alert]].repeats += number
    lines = (_line(rule, kind, tally) for (rule, kind), tally in tallies.items())
    return tuple(sorted(lines, key=lambda line: (-line.raised, line.rule, line.kind)))


def _what_came_of(alerts: QuerySet[Alert]) -> tuple[dict[int, str], dict[int, datetime], Counter[int]]:
    """How a person ended each alert, when somebody first had it, and how often it came again.

    A person ends an alert on its page, by signing what it tells of, or by passing a critical value on.
    """
    outcomes: dict[int, str] = {}
    repeats: Counter[int] = Counter()
    events = AlertEvent.objects.filter(alert__in=alerts, kind__in=[EventKind.SEEN_AGAIN, EventKind.CLOSED])
    for alert, kind, of, detail in events.order_by().values_list("alert", "kind", "alert__kind", "detail"):
        if kind == EventKind.SEEN_AGAIN:
            repeats[alert] += 1
        elif detail.get("why") == SIGNED:
            # Only what withholds or changes treatment ends so, and its kind is what was signed.
            outcomes[alert] = ClosingOutcome(of).value
    acks = Acknowledgement.objects.filter(alert__in=alerts).values_list("alert")
    had_at = {alert: at for alert, at in acks.annotate(first=Min("at")).order_by() if at is not None}
    passed_on = ReadBack.objects.filter(alert__in=alerts, outcome__in=ENDS_THE_ALERT)
    for alert, at in passed_on.order_by().values_list("alert", "at"):
        outcomes[alert] = ClosingOutcome.HANDLED.value
        had_at[alert] = min(at, had_at.get(alert, at))
    outcomes.update(Closing.objects.filter(alert__in=alerts).values_list("alert", "outcome"))
    return outcomes, had_at, repeats


def as_csv(lines: Iterable[RuleBudget]) -> str:
    """The budget as a table for a spreadsheet, in which no cell is a formula."""
    return write_table(HEADER, (line.cells() for line in lines))


def _rule(kind: str, key: str, answer: Mapping[str, Any] | None) -> str:
    """The rule an alert came from: as its condition names it, else the one that weighs most in its decision.

    Its kind where no rule raised it.
    """
    if kind not in DECISION_KINDS:
        return kind
    named = key.split(":", _BEFORE_RULE)
    if len(named) > _BEFORE_RULE:
        return named[-1]
    reasons = (answer or {}).get("reasons", [])
    acting = tuple(ActingRule(rule=str(each["rule"]), action=str(each["action"])) for each in reasons)
    return strongest_rule(acting) if acting else kind


def _line(rule: str, kind: str, tally: _Tally) -> RuleBudget:
    judged = tally.outcomes.total()
    acted = sum(count for outcome, count in tally.outcomes.items() if outcome in ACTED_ON)
    overridden = tally.outcomes[ClosingOutcome.CONTINUE.value]
    return RuleBudget(
        rule=rule,
        kind=kind,
        raised=tally.raised,
        judged=judged,
        acted=acted,
        precision=_percent(acted, judged),
        overridden=overridden,
        override_rate=_percent(overridden, judged),
        false_alarms=tally.outcomes[ClosingOutcome.FALSE_ALARM.value],
        unjudged=tally.raised - judged - tally.standing,
        standing=tally.standing,
        repeats=tally.repeats,
        median=nearest_rank(tally.minutes, 50),
        ninetieth=nearest_rank(tally.minutes, 90),
        never=tally.raised - len(tally.minutes),
        out_of_hours=tally.out_of_hours,
        beyond=is_beyond_budget(acted=acted, judged=judged, limits=policy().acts),
    )


def _percent(part: int, whole: int) -> int | None:
    return (200 * part + whole) // (2 * whole) if whole else None


def _or_nothing(value: int | None) -> object:
    return "" if value is None else value
