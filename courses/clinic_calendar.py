"""What lies on each day of a week or month: therapies, draws, vials and visits, read for the calendar."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby

from django.db.models import Exists, OuterRef, Q

from courses.closed_days import closed_days
from courses.follow_ups import FollowUpLine, VisitLine, follow_ups
from courses.models import Course, Cycle, VialBooking
from courses.plan_state import OPEN_BOOKINGS
from courses.planned_days import days_of_all
from courses.rules.derived_days import DayKind, DerivedDay
from labs.clinic_days import add_days
from labs.models import Patient
from labs.similar_names import similar_to_each_other

VIAL, VISIT = "vial", "visit"
_REACH = 120  # days; nothing on the calendar hangs on a cycle further away
# What stands on the calendar by its last day; the rest is read on the plan of the course.
_SHOWN = (
    DayKind.THERAPY,
    DayKind.VIAL_ORDER,
    DayKind.EARLIER_DRAW,
    DayKind.LAST_DRAW,
    DayKind.NADIR_DRAW,
    DayKind.PREGNANCY_TEST,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing on one day: a derived day of a course, or a vial or visit, in words."""

    course: Course
    patient: Patient
    item: DerivedDay | None = None
    words: str = ""
    what: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarDay:
    """One day of the calendar, why the clinic is closed on it, if it is, and what lies on it."""

    on: date
    closed: str
    entries: tuple[Entry, ...]

    @property
    def groups(self) -> tuple[tuple[Entry, ...], ...]:
        """What lies on the day, with those together that are told in the same words."""
        return tuple(tuple(alike) for _, alike in groupby(self.entries, key=_told_alike))


def _told_alike(entry: Entry) -> tuple[object, ...]:
    if entry.item is None:
        return ("", entry.what, entry.words)
    return (entry.item.kind, entry.item.first, entry.item.analytes, entry.item.is_asked)


def week_of(day: date) -> tuple[date, date]:
    """Monday and Sunday of the week of a day."""
    monday = add_days(day, -day.weekday())
    return monday, add_days(monday, 6)


def month_of(day: date) -> tuple[date, date]:
    """The first and the last day of the month of a day."""
    first = day.replace(day=1)
    return first, add_days((first + timedelta(days=32)).replace(day=1), -1)


def alike_on(days: Iterable[CalendarDay]) -> set[int]:
    """The keys of those on these days whose name may be taken for somebody else's there."""
    return similar_to_each_other([entry.patient for day in days for entry in day.entries])


def calendar(first: date, last: date, *, today: date) -> list[CalendarDay]:
    """Every day from one to another; the number of queries does not depend on the number of courses."""
    days = [add_days(first, n) for n in range((last - first).days + 1)]
    found: dict[date, list[Entry]] = defaultdict(list)
    for on, entry in (*_planned(first, last), *_vials(first, last), *_visits(first, last, today=today)):
        if first <= on <= last:
            found[on].append(entry)
    closed = closed_days(days)
    return [CalendarDay(on=day, closed=closed.get(day, ""), entries=tuple(found[day])) for day in days]


def _planned(first: date, last: date) -> Iterator[tuple[date, Entry]]:
    """What hangs on the cycles of open courses, on its last day; therapies come first."""
    near = (add_days(first, -_REACH), add_days(last, _REACH))
    cycles = Cycle.objects.filter(course=OuterRef("pk")).filter(
        Q(planned_on__range=near) | Q(administration__administered_on__range=near)
    )
    rows = Course.objects.open().real().filter(Exists(cycles))
    courses = list(rows.select_related("patient").order_by("pk"))
    every = [
        (item, found.course) for found in days_of_all(courses) for item in found.days if item.kind in _SHOWN
    ]
    every.sort(key=lambda each: (_SHOWN.index(each[0].kind), each[1].patient.family, each[1].pk))
    for item, course in every:
        yield item.last, Entry(course=course, patient=course.patient, item=item)


def _vials(first: date, last: date) -> Iterator[tuple[date, Entry]]:
    """Vials that are to come; one ordered for another day than its cycle is planned for says so."""
    rows = VialBooking.objects.filter(
        state__in=OPEN_BOOKINGS, needed_on__range=(first, last), cycle__course__patient__is_canary=False
    )
    for booking in rows.select_related("cycle__course__patient").order_by("needed_on", "pk"):
        course, planned = booking.cycle.course, booking.cycle.planned_on
        other = (
            "" if booking.needed_on == planned else f", but the cycle is planned for {planned.isoformat()}"
        )
        told = f"{booking.supplier}, {booking.get_state_display()}{other}"
        words = f"Vial of cycle {booking.cycle.number} from {told}"
        yield booking.needed_on, Entry(course=course, patient=course.patient, words=words, what=VIAL)


def _visits(first: date, last: date, *, today: date) -> Iterator[tuple[date, Entry]]:
    """Visits after the last cycle, on the day by which they are due."""

    def falls(each: VisitLine) -> bool:
        return each.state != "done" and first <= each.visit.last <= last

    def keep(line: FollowUpLine) -> bool:
        return not line.is_between_cycles and any(falls(each) for each in line.visits)

    for line in follow_ups(today=today, keep=keep):
        for each in line.visits:
            if falls(each):
                entry = Entry(course=line.course, patient=line.patient, words=each.words, what=VISIT)
                yield each.visit.last, entry
