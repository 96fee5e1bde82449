"""What physicians set aside in a month: overrides, waivers, orders left out; by whom, why, what followed."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Count, QuerySet

from courses.models import Administration, ChartFact, Course, Incident, OrderEvent, RecordKind, Signature
from courses.rules.action_words import GO
from courses.rules.activity import both_units
from courses.rules.order_states import LEFT_OUT, OrderState
from courses.services.authority import printed_name
from labs.clinic_days import add_days, start_of_day
from labs.models import Patient
from labs.templatetags.clinic_text import day as day_words
from labs.templatetags.clinic_text import instant
from labs.zones import clinic_zone

_KINDS = {RecordKind.OVERRIDE.value: "Override", RecordKind.WAIVER.value: "Waiver"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAside:
    """One thing that was set aside, in words."""

    at: datetime
    kind: str
    what: str
    who: str
    reason: str
    patient: Patient
    course: Course
    cycle: int
    standing: str
    before: int
    followed: str

    @property
    def again(self) -> str:
        """Whether the same was set aside in this course before."""
        return f"set aside in this course {self.before} time(s) before" if self.before else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """A month of the clinic's calendar, with everything that was set aside in it, the oldest first."""

    first: date
    lines: tuple[SetAside, ...]
    signed: int

    @property
    def summary(self) -> str:
        """The month in one sentence, beside the decisions that were signed for going ahead."""
        kinds = Counter(line.kind.lower() for line in self.lines)
        told = ", ".join(f"{count} × {kind}" for kind, count in sorted(kinds.items())) or "nothing set aside"
        again = sum(bool(line.before) for line in self.lines)
        return f"{told}; {again} of the same again in one course; {self.signed} decisions signed to go ahead."


def set_aside_in(first: date) -> Month:
    """Everything of one month, in the same few queries whatever its length."""
    begins, ends = _bounds(first)
    facts = list(_facts().filter(recorded_at__gte=begins, recorded_at__lt=ends))
    events = list(_leavings_out().filter(at__gte=begins, at__lt=ends))
    courses = {fact.course_id for fact in facts} | {event.order.cycle.course_id for event in events}
    history = _History(courses)
    lines = [*(_of_fact(fact, history) for fact in facts), *(_of_event(event, history) for event in events)]
    signed = Signature.objects.filter(signed_at__gte=begins, signed_at__lt=ends, meaning__in=GO).filter(
        decision__course__patient__is_canary=False
    )
    return Month(first=first, lines=tuple(sorted(lines, key=lambda line: line.at)), signed=signed.count())


def next_month(first: date) -> date:
    """The first day of the month after."""
    return add_days(first.replace(day=28), 4).replace(day=1)


def month_before(first: date) -> date:
    """The first day of the month before."""
    return add_days(first, -1).replace(day=1)


def _bounds(first: date) -> tuple[datetime, datetime]:
    zone = clinic_zone()
    return start_of_day(first, zone), start_of_day(next_month(first), zone)


def _facts() -> QuerySet[ChartFact]:
    return ChartFact.objects.filter(
        kind__in=list(_KINDS), data__isnull=False, course__isnull=False, patient__is_canary=False
    ).select_related("patient", "course", "confirmation", "withdrawn_by")


def _leavings_out() -> QuerySet[OrderEvent]:
    return OrderEvent.objects.filter(
        reason_code=LEFT_OUT,
        to_state=OrderState.CANCELLED.value,
        order__cycle__course__patient__is_canary=False,
    ).select_related("order__cycle__course__patient", "actor")


class _History:
    """What went before in these courses and what followed: set aside, given, reviewed."""

    def __init__(self, courses: Iterable[int | None]) -> None:
        ids = [each for each in courses if each is not None]
        self._earlier = [
            (row.course_id, row.kind, _subject(row), row.recorded_at)
            for row in ChartFact.objects.filter(
                course__in=ids, kind__in=list(_KINDS), data__isnull=False
            ).only("course", "kind", "data", "recorded_at")
        ] + [
            (row.order.cycle.course_id, LEFT_OUT, row.order.kind, row.at)
            for row in _leavings_out().filter(order__cycle__course__in=ids)
        ]
        given = Administration.objects.filter(cycle__course__in=ids).select_related("cycle")
        self._given = {(row.cycle.course_id, row.cycle.number): row for row in given}
        reviews = (
            Incident.objects.filter(cycle__course__in=ids)
            .values_list("cycle__course", "cycle__number")
            .annotate(found=Count("pk"))
        )
        self._reviews = {(course, number): found for course, number, found in reviews}

    def before(self, course: int, kind: str, subject: str, at: datetime) -> int:
        """How often the same was set aside in this course before."""
        same = (course, kind, subject)
        return sum((c, k, s) == same and when < at for c, k, s, when in self._earlier)

    def followed(self, course: int, cycle: int) -> str:
        """What became of the cycle."""
        given = self._given.get((course, cycle))
        told = (
            f"cycle {cycle} given on {day_words(given.administered_on)}, {both_units(given.administered_gbq)}"
            if given is not None
            else f"cycle {cycle} not given so far"
        )
        reviews = self._reviews.get((course, cycle), 0)
        return f"{told}; {reviews} review(s) of incidents opened" if reviews else told


def _subject(fact: ChartFact) -> str:
    """What a fact sets aside: the rule, or the value that a waiver is about."""
    about = fact.data or {}
    return str(about.get("rule") or about.get("analyte") or "")


def _of_fact(fact: ChartFact, history: _History) -> SetAside:
    about = fact.data or {}
    assert fact.course is not None
    confirmed = getattr(fact, "confirmation", None)
    who = f"{fact.printed_name} and {confirmed.printed_name}" if confirmed else fact.printed_name
    cycle = int(about.get("cycle") or 0)
    said = [str(about[key]).replace("_", " ") for key in ("code", "action", "what", "days") if about.get(key)]
    return SetAside(
        at=fact.recorded_at,
        kind=_KINDS[fact.kind],
        what=" · ".join([_subject(fact), *said]),
        who=who,
        reason=fact.reason,
        patient=fact.patient,
        course=fact.course,
        cycle=cycle,
        standing="; ".join(_standing(fact, is_confirmed=confirmed is not None)),
        before=history.before(fact.course.pk, fact.kind, _subject(fact), fact.recorded_at),
        followed=history.followed(fact.course.pk, cycle),
    )


def _standing(fact: ChartFact, *, is_confirmed: bool) -> Iterator[str]:
    """Whether it counts: confirmed where two are needed, and not taken back."""
    end = getattr(fact, "withdrawn_by", None)
    if fact.needs_two:
        yield "confirmed by a second physician" if is_confirmed else "a second physician has not confirmed it"
    if end is not None:
        yield f"taken back by {end.printed_name}, {instant(end.recorded_at)}: {end.reason}"
    elif is_confirmed or not fact.needs_two:
        yield "not taken back"


def _of_event(event: OrderEvent, history: _History) -> SetAside:
    cycle = event.order.cycle
    return SetAside(
        at=event.at,
        kind="Left out",
        what=event.order.get_kind_display(),
        who=printed_name(event.actor) if event.actor else "nobody known",
        reason=event.note,
        patient=cycle.course.patient,
        course=cycle.course,
        cycle=cycle.number,
        standing="not ordered under the same verdict",
        before=history.before(cycle.course_id, LEFT_OUT, event.order.kind, event.at),
        followed=history.followed(cycle.course_id, cycle.number),
    )
