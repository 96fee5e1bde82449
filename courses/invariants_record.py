"""What must hold of plans, baselines, sums and stored answers: searches in the record."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from itertools import chain, pairwise
from typing import NamedTuple

from django.db.models import F, Max, Min, Sum

from courses.ledger import entries_by_person
from courses.library import UnknownProtocol, protocol
from courses.models import (
    Administration,
    BaselineLock,
    CallFact,
    CallOutcome,
    ChartFact,
    Course,
    Cycle,
    Decision,
    Directive,
    Infusion,
    PatientCall,
    RecordKind,
)
from courses.replay import differences, has_present_bytes
from courses.rules.silence import WINDOW_RULE
from labs.clinic_days import clinic_day, days_between
from labs.invariants import CHUNK, Seen, Violation
from labs.same_person import read_people
from labs.zones import clinic_zone


def plans_beyond_protocol(now: datetime, seen: Seen) -> Iterator[Violation]:
    """Cycles numbered beyond their protocol, and people with two open courses.

    That a cycle has one administration and one live order of each kind the database itself enforces.
    """
    people, open_of = read_people(), defaultdict(list)
    for course in Course.objects.open().order_by("pk"):
        open_of[people.survivor_of(course.patient_id)].append(course)
    for courses in open_of.values():
        for course in courses[1:]:
            words = f"is open beside course {courses[0].public_id} of the same person"
            yield Violation(about=f"course {course.public_id}", words=words)
    most = Cycle.objects.values_list("course__public_id", "course__protocol_id").annotate(last=Max("number"))
    for public_id, protocol_id, last in most.order_by("course"):
        try:
            cycles = protocol(protocol_id).schedule.cycles
        except UnknownProtocol:
            continue
        if last > cycles:
            words = f"has a cycle {last}; its protocol knows {cycles}"
            yield Violation(about=f"course {public_id}", words=words)


class _Treatment(NamedTuple):
    """One treatment that took place or is planned, and whether its distance is exempt.

    `part`: a part of a cycle still open. Its own remainder follows it at any distance where it counts.
    """

    on: date
    course: Course
    number: int
    is_exempt: bool
    part: str = ""


_COUNTS, _UNCOUNTED = "counts", "does not count"


def treatments_too_close(now: datetime, seen: Seen) -> Iterator[Violation]:
    """Treatments of one person closer than the protocol's shortest interval.

    Recorded deviations and treatment elsewhere are exempt (rulings 3.7). A part that does not count starts an
    interval too; two physicians who override the window for its cycle may plan within it.
    """
    people = read_people()
    by_person: dict[int, list[_Treatment]] = defaultdict(list)
    parts = _parts_by_cycle()
    for each in (*chain.from_iterable(parts.values()), *_given_and_planned(parts)):
        by_person[people.survivor_of(each.course.patient_id)].append(each)
    overridden = _overridden_windows()
    for treatments in by_person.values():
        # Of one day the part comes first: what is planned beside it is planned after it.
        yield from _too_close(sorted(treatments, key=lambda each: (each.on, not each.part)), overridden)


def _parts_by_cycle() -> dict[int, list[_Treatment]]:
    """What reached patients in cycles that are still open, by the cycle's key."""
    found: dict[int, list[_Treatment]] = defaultdict(list)
    rows = Infusion.objects.reached().filter(
        cycle__administration__isnull=True, cycle__course__patient__is_canary=False
    )
    for row in rows.select_related("cycle__course", "judgement").order_by("pk"):
        judgement = getattr(row, "judgement", None)
        part = _UNCOUNTED if judgement is not None and not judgement.counts else _COUNTS
        on = clinic_day(row.started_at, clinic_zone())
        found[row.cycle_id].append(
            _Treatment(on, row.cycle.course, row.cycle.number, bool(row.deviation), part)
        )
    return found


def _given_and_planned(parts: Mapping[int, list[_Treatment]]) -> Iterator[_Treatment]:
    """Administrations, and the plans of open courses; the day on which a part was given is no plan any more.

    It is one again where a directive for the whole activity holds.
    """
    cycles = Cycle.objects.filter(course__patient__is_canary=False).select_related("course", "administration")
    open_ids = set(Course.objects.open().values_list("pk", flat=True))
    directed = set(
        Directive.objects.filter(voided__isnull=True, remainder_of__isnull=True).values_list(
            "cycle", flat=True
        )
    )
    for cycle in cycles.order_by("pk"):
        given = getattr(cycle, "administration", None)
        if given is not None:
            exempt = bool(given.deviation or given.elsewhere)
            yield _Treatment(given.administered_on, cycle.course, cycle.number, exempt)
            continue
        last = max((part.on for part in parts.get(cycle.pk, ())), default=None)
        is_plan = last is None or cycle.planned_on > last or cycle.pk in directed
        if is_plan and cycle.course_id in open_ids:
            yield _Treatment(cycle.planned_on, cycle.course, cycle.number, is_exempt=False)


def _overridden_windows() -> set[tuple[int | None, int]]:
    """Course and number of each cycle whose window two physicians have overridden."""
    rows = ChartFact.objects.counting().filter(kind=RecordKind.OVERRIDE, data__rule=WINDOW_RULE)
    return {(row.course_id, row.data["cycle"]) for row in rows.only("course", "data") if row.data}


def _too_close(treatments: list[_Treatment], overridden: set[tuple[int | None, int]]) -> Iterator[Violation]:
    for before, after in pairwise(treatments):
        try:
            least = protocol(after.course.protocol_id).schedule.window_first_day
        except UnknownProtocol:
            continue
        apart = days_between(before.on, after.on)
        if apart < least and not _is_exempt(before, after, overridden):
            yield Violation(
                about=f"cycle {after.number} of course {after.course.public_id}",
                words=f"lies {apart} days after the treatment before it; at least {least} are needed",
            )


def _is_exempt(before: _Treatment, after: _Treatment, overridden: set[tuple[int | None, int]]) -> bool:
    """Whether what followed may lie so near; that a part was a deviation excuses nothing that follows it."""
    if after.is_exempt or (before.is_exempt and not before.part):
        return True
    is_same = (before.course.pk, before.number) == (after.course.pk, after.number)
    if before.part == _COUNTS and is_same:
        return True
    return bool(before.part) and (after.course.pk, after.number) in overridden


def sums_that_differ(now: datetime, seen: Seen) -> Iterator[Violation]:
    """Cycles whose administration is not the sum of its infusions, and rows that no ledger counts.

    An infusion corrected after the administration was written down counts in its place.
    """
    cycles = (
        Infusion.objects.effective()
        .filter(cycle__administration__isnull=False)
        .values("cycle")
        .annotate(parts=Sum("delivered_gbq"), newest=Max("recorded_at"))
        .order_by("cycle")
    )
    given = {row.cycle_id: row for row in Administration.objects.select_related("cycle__course")}
    told = {entry.ref for entries in entries_by_person().values() for entry in entries}
    overtaken = set()
    for row in cycles:
        administration = given[row["cycle"]]
        if row["newest"] > administration.recorded_at:
            overtaken.add(administration.pk)
        elif Decimal(row["parts"]) != administration.administered_gbq:
            words = (
                f"says {_gbq(administration.administered_gbq)}; its infusions come to {_gbq(row['parts'])}"
            )
            yield Violation(about=_administration(administration), words=words)
    for administration in given.values():
        if f"administration-{administration.pk}" not in told and administration.pk not in overtaken:
            yield Violation(about=_administration(administration), words="stands in no ledger")


def _administration(row: Administration) -> str:
    return f"administration of cycle {row.cycle.number} of course {row.cycle.course.public_id}"


def _gbq(activity_gbq: Decimal) -> str:
    return f"{activity_gbq.normalize():f} GBq"


def late_baselines(now: datetime, seen: Seen) -> Iterator[Violation]:
    """Courses treated without locked baselines, and locked baselines of its day or after it."""
    treated = Course.objects.annotate(first=Min("cycles__administration__recorded_at"))
    late = treated.filter(first__isnull=False).exclude(baseline_locked_at__lte=F("first"))
    for public_id in late.order_by("pk").values_list("public_id", flat=True):
        words = "was treated before its baselines were locked"
        yield Violation(about=f"course {public_id}", words=words)
    locks = BaselineLock.objects.filter(result__isnull=False, amendment__isnull=True).annotate(
        first_on=Min("course__cycles__administration__administered_on")
    )
    columns = ("course__public_id", "analyte", "result__collected_at", "first_on")
    for public_id, analyte, collected_at, first_on in locks.order_by("pk").values_list(*columns):
        if first_on is not None and clinic_day(collected_at, clinic_zone()) >= first_on:
            words = f"has a baseline of {analyte} that is not from before the day of its first treatment"
            yield Violation(about=f"course {public_id}", words=words)


def answers_that_differ(now: datetime, seen: Seen) -> Iterator[Violation]:
    """Decisions whose stored evidence no longer gives their stored answer.

    A decision for a fault rests on no evidence; one made under other bytes of its file is replayed by
    `replay_decisions` and proves nothing here.
    """
    for decision in Decision.objects.order_by("pk").iterator(chunk_size=CHUNK):
        seen()
        if decision.situation and has_present_bytes(decision):
            for line in differences(decision):
                yield Violation(about=f"decision {decision.public_id}", words=line)


def facts_of_calls_taken_back(now: datetime, seen: Seen) -> Iterator[Violation]:
    """Complaints that count although the call that recorded them was taken back.

    What a call had only changed stands again by a fact of its own, which the call does not name.
    """
    taken_back = PatientCall.objects.filter(outcome=CallOutcome.TAKEN_BACK).values("public_id")
    links = CallFact.objects.filter(
        call__public_id__in=taken_back,
        fact__kind=RecordKind.ADVERSE_EVENT,
        fact__withdrawn_by__isnull=True,
    ).select_related("call", "fact")
    for link in links.order_by("pk"):
        words = f"was taken back, but fact {link.fact.public_id} still stands"
        yield Violation(about=f"call {link.call.public_id}", words=words)
