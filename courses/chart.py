"""The one translation from database rows to the rules' Chart."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.db.models import Max, Q, QuerySet, Sum

from courses.chart_facts import Recorded, declared_measurements, read_recorded
from courses.ledger import given_outside
from courses.models import Administration, Course, Infusion, PeritonealDisease
from courses.rules.evidence import QUARANTINED
from courses.rules.values import Chart, GivenCycle, Measurement, Sex, Status, UncountedPart, Weight
from labs.clinic_days import clinic_day
from labs.library import analytes
from labs.models import BodyWeight, Observation, QuarantinedResult
from labs.models.result import WITHDRAWN
from labs.result_marks import Marked, marked_results
from labs.same_person import numbers_of
from labs.unit_jumps import UNIT_JUMP
from labs.zones import clinic_zone

CONTRADICTED = "contradicted"
NOT_REPRESENTATIVE = "not-representative"
DISEASE = {PeritonealDisease.YES: True, PeritonealDisease.NO: False, PeritonealDisease.UNKNOWN: None}


def read_chart(*, course: Course, planned_on: date, today: date) -> Chart:
    """Everything the rules may know of one course on one day, in a fixed order.

    Twelve queries, thirteen with a disputed result, whatever the length of the history. What lies after
    `today` is not yet known and left out. What is filed under another number of the same person belongs to
    the chart.
    """
    patient = course.patient
    numbers = numbers_of(patient.pk)
    recorded = read_recorded(course=course, today=today, numbers=numbers)
    return Chart(
        birth_date=patient.birth_date,
        sex=Sex(patient.sex) if patient.sex in set(Sex) else None,
        measurements=_measurements(numbers, recorded=recorded, today=today),
        weights=weights_of(BodyWeight.objects.filter(patient_id__in=numbers, measured_on__lte=today)),
        cycles=given_cycles(administrations().filter(cycle__course=course, administered_on__lte=today)),
        uncounted_parts=tuple(_uncounted_parts(course, today=today)),
        adverse_events=recorded.adverse_events,
        delays=recorded.delays,
        planned_on=planned_on,
        prior_activity_gbq=_plain(given_outside(course, numbers=numbers)) or Decimal(0),
        baseline_locked=course.baseline_locked_at is not None,
        peritoneal_or_mesenteric_disease=_peritoneal(course, recorded),
        facts=recorded.facts,
        **recorded.records,
    )


class OfTheDay(NamedTuple):
    """What a day of therapy looks at of a chart: every number of the person, all results, and the disease.

    Disease: whether it is peritoneal or mesenteric; None: unknown.
    """

    numbers: frozenset[int]
    measurements: tuple[Measurement, ...]
    peritoneal_disease: bool | None


def read_for_the_day(*, course: Course, today: date) -> OfTheDay:
    """The same as in the chart, without what a day does not ask for; half its queries."""
    numbers = numbers_of(course.patient_id)
    recorded = read_recorded(course=course, today=today, numbers=numbers)
    return OfTheDay(
        numbers=numbers,
        measurements=_measurements(numbers, recorded=recorded, today=today),
        peritoneal_disease=_peritoneal(course, recorded),
    )


def _measurements(numbers: frozenset[int], *, recorded: Recorded, today: date) -> tuple[Measurement, ...]:
    zone = clinic_zone()
    return (
        *measurements_of(
            marked_results(numbers), zone=zone, today=today, recorded=recorded, versions=_versions
        ),
        *unread_of(_quarantined(numbers), zone=zone, today=today),
        *declared_measurements(recorded.declared, zone=zone),
    )


def _peritoneal(course: Course, recorded: Recorded) -> bool | None:
    """What was recorded last; the answer given at the start of the course where nothing was."""
    if recorded.peritoneal_disease is not None:
        return recorded.peritoneal_disease
    return DISEASE[PeritonealDisease(course.peritoneal_disease)]


def measurements_of(
    found_marked: Iterable[Marked],
    *,
    zone: ZoneInfo,
    today: date,
    recorded: Recorded,
    versions: Callable[[list[int]], Iterable[Observation]],
) -> tuple[Measurement, ...]:
    """What stands of every result, in a fixed order, so that equal evidence always reads the same.

    The laboratory's life cycle has been applied already: a withdrawn result is left out, and no result can
    take the place of another. Of a result whose versions contradict each other each one is shown, marked.
    Marked too is a result that two people call not representative, in all its versions, a baseline, a value
    that lies from the one before it as another unit would, and one that a change close to it may mean, be
    that stored or waiting for its patient. Beside what a waiting correction may mean stands a result unread.
    """
    found: list[Measurement] = []
    disputed: list[int] = []
    for marked in found_marked:
        result = marked.result
        if marked.correction is not None:
            # What it says instead of this result is nobody's yet: nothing is known here.
            found.append(_unread(marked.correction, collected_at=result.collected_at, zone=zone))
        if result.in_conflict:
            disputed.append(result.pk)
        elif result.current is not None and result.current.status not in WITHDRAWN:
            found.append(_marked(_measurement(result.current, zone=zone, recorded=recorded), *marked.codes))
    if disputed:
        stated = (each for each in versions(disputed) if each.status not in WITHDRAWN)
        found.extend(_disputed(_measurement(each, zone=zone, recorded=recorded)) for each in stated)
    return tuple(
        sorted(
            (each for each in found if each.collected_on <= today),
            key=lambda each: (each.collected_at, each.analyte, each.ref),
        )
    )


def _versions(results: list[int]) -> Iterable[Observation]:
    """Every version of results whose versions contradict each other."""
    return Observation.objects.filter(result_id__in=results)


def _quarantined(numbers: frozenset[int]) -> Iterable[QuarantinedResult]:
    rows = QuarantinedResult.objects.unread_of(numbers).filter(analyte__in=list(analytes()))
    return rows.order_by("pk")


def unread_of(rows: Iterable[QuarantinedResult], *, zone: ZoneInfo, today: date) -> Iterator[Measurement]:
    """Results of this patient that came and could not be read: no number, but nobody may act past them."""
    for row in rows:
        measurement = _unread(row, collected_at=row.collected_at or row.opened_at, zone=zone)
        if measurement.collected_on <= today:
            yield measurement


def _unread(row: QuarantinedResult, *, collected_at: datetime, zone: ZoneInfo) -> Measurement:
    """That a result came, of this test and time, which waits for a person: without its number."""
    analyte = analytes()[row.analyte]
    return Measurement(
        analyte=analyte.short,
        code=analyte.loinc,
        value=None,
        unit=analyte.unit,
        collected_at=collected_at,
        collected_on=clinic_day(collected_at, zone),
        quality=(QUARANTINED,),
        result=f"quarantine-{row.pk}",
        ref=str(row.public_id),
    )


def _disputed(measurement: Measurement) -> Measurement:
    """A version that another one contradicts: none outranks the other, and none may clear."""
    marked = _marked(measurement, CONTRADICTED)
    return marked if measurement.status is Status.PRELIMINARY else replace(marked, status=Status.FINAL)


def _marked(measurement: Measurement, *marks: str) -> Measurement:
    return replace(measurement, quality=(*measurement.quality, *marks)) if marks else measurement


def as_stated(chart: Chart) -> Chart:
    """The same chart with every unit jump taken for true; equal to it where there is none."""
    return replace(chart, measurements=tuple(_as_stated(each) for each in chart.measurements))


def _as_stated(measurement: Measurement) -> Measurement:
    if UNIT_JUMP not in measurement.quality:
        return measurement
    return replace(measurement, quality=tuple(mark for mark in measurement.quality if mark != UNIT_JUMP))


def _measurement(observation: Observation, *, zone: ZoneInfo, recorded: Recorded) -> Measurement:
    quality = tuple(observation.quality)
    if observation.result_id in recorded.not_representative:
        quality = (*quality, NOT_REPRESENTATIVE)
    return Measurement(
        analyte=observation.analyte,
        code=observation.loinc,
        value=_plain(observation.value),
        unit=observation.unit,
        collected_at=observation.collected_at,
        collected_on=clinic_day(observation.collected_at, zone),
        comparator=observation.comparator,
        status=Status(observation.status),
        low=_plain(observation.ref_low),
        high=_plain(observation.ref_high),
        quality=quality,
        baseline=observation.result_id in recorded.baseline_results,
        result=f"result-{observation.result_id}",
        ref=str(observation.public_id),
    )


def _plain(number: Decimal | None) -> Decimal | None:
    """The same number without the column's trailing zeros: databases pad, people do not."""
    if number is None:
        return None
    normal = number.normalize()
    return normal.quantize(Decimal(1)) if normal == normal.to_integral_value() else normal


def weights_of(rows: Iterable[BodyWeight]) -> tuple[Weight, ...]:
    """One weight a day: a mistake is answered by a newer row for the same day."""
    newest: dict[date, BodyWeight] = {}
    for row in sorted(rows, key=lambda row: (row.measured_on, row.recorded_at, row.pk)):
        newest[row.measured_on] = row
    return tuple(
        Weight(on=day, kg=_plain(row.kg) or row.kg, ref=f"weight-{row.pk}")
        for day, row in sorted(newest.items())
    )


def administrations() -> QuerySet[Administration]:
    """Administrations with what their infusions say, as those stand after corrections."""
    standing = Q(cycle__infusions__corrected_by__isnull=True)
    rows = Administration.objects.annotate(
        infused_gbq=Sum("cycle__infusions__delivered_gbq", filter=standing),
        infused_at=Max("cycle__infusions__started_at", filter=standing),
    )
    return rows.select_related("cycle").order_by("cycle__course", "cycle__number")


def _uncounted_parts(course: Course, *, today: date) -> Iterator[UncountedPart]:
    """Parts that a physician does not count for their cycle: the interval runs from them all the same."""
    rows = Infusion.objects.uncounted().filter(cycle__course=course).select_related("cycle")
    for row in rows.order_by("started_at", "pk"):
        on = clinic_day(row.started_at, clinic_zone())
        if on <= today:
            gbq = _plain(row.delivered_gbq) or row.delivered_gbq
            yield UncountedPart(cycle=row.cycle.number, on=on, activity_gbq=gbq, ref=str(row.public_id))


def given_cycles(rows: Iterable[Any]) -> tuple[GivenCycle, ...]:
    """The administrations of one course that took place, from rows as `administrations` reads them."""
    return tuple(
        GivenCycle(
            number=row.cycle.number,
            on=clinic_day(row.infused_at, clinic_zone()) if row.infused_at else row.administered_on,
            activity_gbq=_plain(row.infused_gbq or row.administered_gbq) or row.administered_gbq,
            elsewhere=row.elsewhere,
        )
        for row in rows
    )
