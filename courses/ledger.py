"""Read from the database what a person was ever administered, under all numbers, and what organs absorbed."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django.contrib.auth.models import User
from django.db.models import QuerySet

from courses.day_library import NoDayRules, day_rules
from courses.models import (
    AbsorbedDose,
    Administration,
    ChartFact,
    Course,
    DoseSignOff,
    Infusion,
    Organ,
)
from courses.rules.day_rules import DoseLimits
from courses.rules.ledger import Absorbed, Entry, EntryKind, Ledger, add_doses, add_up, in_order
from labs.clinic_days import clinic_day
from labs.models import Patient
from labs.same_person import People, numbers_of, read_people
from labs.zones import clinic_zone

# The answer people give of treatment before the first course here.
PRIOR_TREATMENT = "prior_treatment"
_NONE, _UNKNOWN = "none", "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class DoseLine:
    """One absorbed dose as its page shows it, with the versions it took the place of."""

    row: AbsorbedDose
    earlier: tuple[AbsorbedDose, ...]


def ledger_of(patient_id: int) -> Ledger:
    """The ledger of one person; the number of queries does not depend on how much was given."""
    numbers = numbers_of(patient_id)
    entries = [entry for _, entry in _entries(numbers)]
    doses = AbsorbedDose.objects.effective().filter(patient_id__in=numbers)
    return Ledger(
        entries=in_order(entries),
        totals=add_up(entries),
        organs=add_doses(
            (
                Absorbed(
                    ref=str(row.public_id),
                    organ=row.organ,
                    gy=row.absorbed_gy,
                    uncertainty_gy=row.uncertainty_gy,
                )
                for row in doses
            ),
            limits=organ_limits(dose_limits_of(numbers)),
        ),
    )


def given_outside(course: Course, *, numbers: Collection[int]) -> Decimal:
    """What the ledger counts for the person beside this course, in GBq; three queries."""
    totals = add_up(entry for _, entry in _entries(numbers))
    return totals.total_gbq - totals.by_course.get(str(course.public_id), Decimal(0))


def entries_by_person() -> dict[int, list[Entry]]:
    """The entries of everybody, by the number that stands for the person; a fixed number of queries."""
    people: People = read_people()
    found: dict[int, list[Entry]] = defaultdict(list)
    for patient_id, entry in _entries(None):
        found[people.survivor_of(patient_id)].append(entry)
    return dict(found)


def dose_limits_of(numbers: Collection[int]) -> DoseLimits | None:
    """The limits that the protocol of the person's newest course names; none without a course or a day."""
    newest = Course.objects.filter(patient_id__in=numbers).order_by("-pk").first()
    try:
        return day_rules(newest.protocol_id).rules.dose_limits if newest else None
    except NoDayRules:
        return None


def organ_limits(limits: DoseLimits | None) -> Mapping[str, Decimal | None]:
    """The limit of each organ that is followed."""
    return {
        Organ.KIDNEYS.value: limits.kidneys_gy if limits else None,
        Organ.BONE_MARROW.value: limits.bone_marrow_gy if limits else None,
    }


def dose_lines(patient_id: int) -> list[DoseLine]:
    """The absorbed doses of one person as they stand, each with what it corrects, the oldest entry first."""
    rows = AbsorbedDose.objects.filter(patient_id__in=numbers_of(patient_id)).select_related(
        "cycle__course", "entered_by"
    )
    by_pk = {row.pk: row for row in rows.order_by("pk")}
    corrected = {row.corrects_id for row in by_pk.values()}
    return [
        DoseLine(row=row, earlier=tuple(_before(row, by_pk)))
        for row in by_pk.values()
        if row.pk not in corrected
    ]


def _before(row: AbsorbedDose, by_pk: Mapping[int, AbsorbedDose]) -> Iterator[AbsorbedDose]:
    """What a correction took the place of, the newest first."""
    while row.corrects_id is not None:
        row = by_pk[row.corrects_id]
        yield row


def sign_offs_of(patient_id: int) -> QuerySet[DoseSignOff]:
    """What physicists said of the totals, the newest first."""
    return DoseSignOff.objects.filter(patient_id__in=numbers_of(patient_id)).order_by("-pk")


def _entries(numbers: Collection[int] | None) -> Iterator[tuple[int, Entry]]:
    """Each entry with the row id of the number it is filed under; of everybody where no numbers are given."""
    infusions = defaultdict(list)
    for infusion in _infusions(numbers):
        infusions[infusion.cycle_id].append(infusion)
    for given in _administrations(numbers):
        parts = infusions.pop(given.cycle_id, [])
        yield from _of_given_cycle(given, parts)
    for parts in infusions.values():
        for part in parts:
            yield part.cycle.course.patient_id, _of_infusion(part, note="the cycle is not completed")
    for fact in _prior_treatments(numbers):
        if fact.data and fact.data.get("answer") != _NONE:
            yield fact.patient_id, _of_prior(fact)


def _of_given_cycle(given: Administration, parts: list[Infusion]) -> Iterator[tuple[int, Entry]]:
    """The administration counts, unless an infusion it was made of was corrected afterwards.

    An infusion written down where the administration rests on none is counted beside it: nobody has said
    that the two are one, and a total is rather too high than too low.
    """
    patient_id = given.cycle.course.patient_id
    made_of = [part for part in parts if part.corrects_id or part.recorded_at <= given.recorded_at]
    later = [part for part in parts if part.recorded_at > given.recorded_at]
    if made_of and later:
        note = f"stands for the administration recorded as {_gbq(given.administered_gbq)}"
        for part in parts:
            yield patient_id, _of_infusion(part, note=note)
        return
    yield patient_id, _of_administration(given)
    for part in later:
        note = "beside the recorded administration of the cycle: check whether the two are one"
        yield patient_id, _of_infusion(part, note=note)


def _administrations(numbers: Collection[int] | None) -> QuerySet[Administration]:
    rows = Administration.objects.select_related("cycle__course__patient", "recorded_by")
    return rows if numbers is None else rows.filter(cycle__course__patient_id__in=numbers)


def _infusions(numbers: Collection[int] | None) -> QuerySet[Infusion]:
    rows = Infusion.objects.effective().select_related(
        "cycle__course__patient", "recorded_by", "directive", "authorisation"
    )
    return rows if numbers is None else rows.filter(cycle__course__patient_id__in=numbers)


def _prior_treatments(numbers: Collection[int] | None) -> QuerySet[ChartFact]:
    rows = ChartFact.objects.counting().filter(kind=PRIOR_TREATMENT).select_related("patient")
    return rows if numbers is None else rows.filter(patient_id__in=numbers)


def _of_administration(given: Administration) -> Entry:
    course = given.cycle.course
    return Entry(
        ref=f"administration-{given.pk}",
        kind=EntryKind.ELSEWHERE if given.elsewhere else EntryKind.ADMINISTRATION,
        activity_gbq=given.administered_gbq,
        on=given.administered_on,
        product=given.product,
        course=str(course.public_id),
        cycle=given.cycle.number,
        number=_number(course.patient),
        hospital=given.elsewhere,
        deviation=given.deviation,
        provenance=_recorded("Administration", by=given.recorded_by, at=given.recorded_at),
    )


def _of_infusion(part: Infusion, *, note: str) -> Entry:
    course = part.cycle.course
    rests_on = f"directive revision {part.directive.revision}" if part.directive else "no directive"
    asked = "an authorised start" if part.authorisation_id else "no authorisation"
    recorded = _recorded("Infusion", by=part.recorded_by, at=part.recorded_at)
    return Entry(
        ref=f"infusion-{part.public_id}",
        kind=EntryKind.INFUSION,
        activity_gbq=part.delivered_gbq,
        on=clinic_day(part.started_at, clinic_zone()),
        product=part.product,
        course=str(course.public_id),
        cycle=part.cycle.number,
        number=_number(course.patient),
        deviation=part.deviation,
        note=note,
        provenance=f"{recorded} Ended: {part.get_ended_how_display()}. Rests on {rests_on} and {asked}.",
    )


def _of_prior(fact: ChartFact) -> Entry:
    """A recorded treatment before the first course here, by whatever of it was written down."""
    data: Mapping[str, Any] = fact.data or {}
    on, when = _day(data)
    said = str(data.get("provenance", "")).strip().rstrip(".")
    recorded = f"Recorded on {_words(fact.recorded_at)} by {fact.printed_name}."
    return Entry(
        ref=fact.ref,
        kind=EntryKind.PRIOR,
        activity_gbq=_activity(data),
        on=on,
        when=when,
        product=str(data.get("product", "")),
        number=_number(fact.patient),
        hospital=str(data.get("hospital", "")),
        note="nobody knows whether there was treatment before" if data.get("answer") == _UNKNOWN else "",
        provenance=f"{recorded} Known from: {said}." if said else recorded,
    )


def _day(data: Mapping[str, Any]) -> tuple[date | None, str]:
    """The day of the treatment, or what is known instead of it: a month, or nothing.

    `on` is not asked: of an answer it is the day on which it was given.
    """
    try:
        return date.fromisoformat(str(data.get("day", ""))), ""
    except ValueError:
        return None, str(data.get("month", "")) or "day not known"


def _activity(data: Mapping[str, Any]) -> Decimal | None:
    """The activity in GBq; none where it is not known."""
    try:
        found = Decimal(str(data.get("administered_gbq", "")))
    except InvalidOperation:
        return None
    return found if found.is_finite() and found > 0 else None


def _recorded(what: str, *, by: User, at: datetime) -> str:
    return f"{what} recorded on {_words(at)} by {by.get_full_name() or by.get_username()}."


def _words(at: datetime) -> str:
    day = clinic_day(at, clinic_zone())
    return f"{day.day} {day:%B %Y}"


def _gbq(activity_gbq: Decimal) -> str:
    return f"{activity_gbq.normalize():f} GBq"


def _number(patient: Patient) -> str:
    return f"{patient.mrn} ({patient.assigning_authority})"
