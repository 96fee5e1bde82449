"""The one translation from the rows of a day of therapy to the values its rules judge."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal

from courses.chart import read_for_the_day
from courses.day_library import day_rules
from courses.models import (
    AminoAcidBag,
    Course,
    CycleJudgement,
    Directive,
    DispensedUnit,
    Infusion,
    Order,
    TherapyDay,
    TherapyStep,
)
from courses.rules.activity import Measured
from courses.rules.day_values import (
    Bag,
    DayFacts,
    Directed,
    Go,
    Happened,
    PotassiumSeen,
    PotassiumValue,
    Step,
    Unit,
)
from courses.rules.order_states import OrderKind, OrderState
from courses.rules.values import Measurement, Status
from courses.rules.wording import day_words
from labs.clinic_days import clinic_day, days_between
from labs.models import Observation, Patient, Result
from labs.models.result import WITHDRAWN
from labs.same_person import numbers_of
from labs.zones import clinic_zone

# What belongs to one infusion: after a part was given and judged, the next one begins anew.
_OF_ONE_INFUSION = frozenset(
    {
        Happened.UNIT_SCANNED, Happened.ASSAY, Happened.START_CHECK, Happened.INFUSION_START,
        Happened.LINE_CHECK, Happened.INFUSION_PAUSED, Happened.INFUSION_RESUMED, Happened.INFUSION_END,
        Happened.RESIDUAL,
    }
)  # fmt: skip
_BEGINS_ANEW = (Happened.UNIT_SCANNED, Happened.START_CHECK, Happened.INFUSION_START)
_POTASSIUM = "K"
_FINAL = (Status.FINAL, Status.CORRECTED, Status.AMENDED)
_GONE = (OrderState.CANCELLED.value, OrderState.VOID.value, OrderState.PROPOSED.value)


def read_day(
    day: TherapyDay, *, go: Go, directive: Directive | None, holds: bool, unit: DispensedUnit | None,
    now: datetime,
) -> DayFacts:  # fmt: skip
    """Everything the rules of the day may know of one day at one instant. Raises NoDayRules."""
    cycle = day.cycle
    course, zone = cycle.course, clinic_zone()
    today = clinic_day(now, zone)
    steps = tuple(step_value(row) for row in steps_of_run(day))
    started = max((step.at for step in steps if step.kind is Happened.INFUSION_START), default=now)
    until = min(started, now)
    before_amino = _amino_start(steps, before=until) or until
    known = read_for_the_day(course=course, today=today)
    results = [each for each in known.measurements if each.analyte == _POTASSIUM]
    following = course.cycles.filter(number=cycle.number + 1).first()
    return DayFacts(
        rules=day_rules(course.protocol_id).rules,
        steps=steps,
        go=go,
        directed=_directed(directive, holds=holds),
        unit=_unit(unit),
        bags=_bags(day),
        potassium=_potassium(day, results, until=before_amino, told_until=until, today=today),
        amino_from=before_amino,
        potassium_late=max(
            (each.collected_at for each in results if before_amino < each.collected_at <= until), default=None
        ),
        patient_numbers=tuple(Patient.objects.filter(pk__in=known.numbers).values_list("mrn", flat=True)),
        birth_date=course.patient.birth_date,
        today=today,
        now=now,
        zone=zone,
        next_planned_on=following.planned_on if following else None,
        peritoneal_disease=known.peritoneal_disease,
        cover_ordered=Order.objects.filter(cycle=cycle, kind=OrderKind.STEROID_COVER.value)
        .exclude(state__in=_GONE)
        .exists(),
    )


def on_clock(instant: datetime) -> str:
    """An instant on the clinic's clock, in a sentence: `4 May 2026, 08:10`."""
    local = instant.astimezone(clinic_zone())
    return f"{day_words(local.date())}, {local:%H:%M}"


def effective_steps(day: TherapyDay) -> list[TherapyStep]:
    """The steps of a day as they stand: corrected versions and what was taken back left out.

    Of a day that is not opened yet, and only printed, there are none.
    """
    if day.pk is None:
        return []
    rows = day.steps.filter(corrected_by__isnull=True, taken_back=False)
    return list(rows.select_related("recorded_by", "second_by").order_by("happened_at", "pk"))


def steps_of_run(day: TherapyDay) -> list[TherapyStep]:
    """The same for the infusion at hand: what belonged to a part that was given and judged is over.

    It is over once another directive is signed, or its unit is scanned; until then the day shows the part.
    """
    rows = effective_steps(day)
    if not rows:
        return rows
    judged = (
        CycleJudgement.objects.filter(infusion__therapy_day=day, infusion__corrected_by__isnull=True)
        .order_by("-signed_at")
        .first()
    )
    if judged is None:
        return rows
    anew = [r for r in rows if r.kind in _BEGINS_ANEW and r.recorded_at > judged.signed_at]
    signed_anew = Directive.objects.filter(cycle=day.cycle_id, signature__signed_at__gt=judged.signed_at)
    if not anew and not signed_anew.exists():
        return rows
    return [r for r in rows if r.kind not in _OF_ONE_INFUSION or r.recorded_at > judged.signed_at]


def is_of_one_infusion(row: TherapyStep) -> bool:
    """Whether it belongs to one infusion, so that another one of the same day cannot rest on it."""
    return row.kind in _OF_ONE_INFUSION


def step_value(row: TherapyStep) -> Step:
    """One step as the rules see it."""
    return Step(
        kind=Happened(row.kind),
        at=row.happened_at,
        by=row.printed_name,
        second=row.second_name,
        data=row.data,
    )


def infusions_of(day: TherapyDay) -> list[Infusion]:
    """What was infused on this day, as it stands."""
    return list(
        Infusion.objects.effective()
        .filter(therapy_day=day)
        .select_related("corrects")
        .order_by("started_at", "pk")
    )


def other_infusions_of(course: Course, day: TherapyDay | None) -> list[Infusion]:
    """What else was infused in this course, as it stands: on other days, or without the sheet of one."""
    rows = Infusion.objects.effective().filter(cycle__course=course).select_related("cycle")
    if day is not None:
        rows = rows.exclude(therapy_day=day)
    return list(rows.order_by("started_at", "pk"))


def _directed(directive: Directive | None, *, holds: bool) -> Directed | None:
    if directive is None:
        return None
    return Directed(
        product=directive.product,
        activity_gbq=directive.activity_gbq,
        revision=directive.revision,
        administer_on=directive.administer_on,
        holds=holds,
    )


def _unit(unit: DispensedUnit | None) -> Unit | None:
    if unit is None:
        return None
    written = unit.direction
    return Unit(
        label=unit.label,
        product=unit.product,
        product_code=unit.product_code,
        measured=Measured(gbq=unit.measured_gbq, at=unit.measured_at),
        handed_out_at=unit.dispensed_at,
        expires_at=unit.expires_at,
        revision=unit.directive.revision,
        directed_in_writing=written is not None
        and (written.directive_id, written.measured_gbq, written.measured_at)
        == (unit.directive_id, unit.measured_gbq, unit.measured_at),
    )


def _amino_start(steps: Iterable[Step], *, before: datetime) -> datetime | None:
    """When the amino acids were last started on the day of an instant; what is drawn later is late."""
    day = clinic_day(before, clinic_zone())
    starts = (step.at for step in steps if step.kind is Happened.AMINO_START and step.at <= before)
    return max((at for at in starts if clinic_day(at, clinic_zone()) == day), default=None)


def _bags(day: TherapyDay) -> tuple[Bag, ...]:
    """The bags handed out for the cycle, but those that were started on another day of it."""
    started = TherapyStep.objects.filter(
        therapy_day__cycle=day.cycle_id, kind=Happened.AMINO_START.value, corrected_by__isnull=True,
        taken_back=False,
    ).exclude(therapy_day=day.pk)  # fmt: skip
    used = {row.data.get("bag") for row in started}
    bags = AminoAcidBag.objects.filter(order__cycle=day.cycle_id).order_by("pk")
    return tuple(Bag(label=bag.label, expires_at=bag.expires_at) for bag in bags if bag.label not in used)


def _potassium(
    day: TherapyDay, results: Iterable[Measurement], *, until: datetime, told_until: datetime, today: date
) -> PotassiumSeen | None:
    """The newest until an instant, whatever it is: a doubtful one is not passed over for an older.

    Told is also what was collected after it, until the start: a high one of then counts as well.
    """
    chart_of = {each.ref: each for each in results if each.collected_at <= told_until}
    found = [each for each in results if each.collected_at <= until]
    if not found:
        return None
    newest = max(found, key=lambda each: (each.collected_at, _doubt(each), each.value or Decimal(0)))
    days = day_rules(day.cycle.course.protocol_id).rules.potassium.validity_days
    return PotassiumSeen(
        told=_potassium_told(day, chart_of=chart_of, until=told_until, days=days),
        value=newest.value,
        high=newest.high,
        unit=newest.unit,
        collected_at=newest.collected_at,
        days_old=days_between(newest.collected_on, today),
        comparator=newest.comparator,
        doubt=_doubt(newest),
    )


def _potassium_told(
    day: TherapyDay, *, chart_of: Mapping[str, Measurement], until: datetime, days: int
) -> tuple[PotassiumValue, ...]:
    """Every potassium told of the last days, in each of its versions but the withdrawn ones; one query."""
    rows = (
        Observation.objects.filter(
            patient_id__in=numbers_of(day.cycle.course.patient_id),
            analyte=_POTASSIUM,
            value__isnull=False,
            collected_at__gt=until - timedelta(days=days + 1),
            collected_at__lte=until,
        )
        .exclude(status__in=WITHDRAWN)
        .select_related("result")
        .order_by("collected_at", "pk")
    )
    return tuple(
        PotassiumValue(
            value=row.value,
            high=row.ref_high,
            unit=row.unit,
            collected_at=row.collected_at,
            specimen=_specimen(row.result),
            comparator=row.comparator,
            doubt=_doubt(standing) if (standing := chart_of.get(str(row.public_id))) else "corrected since",
        )
        for row in rows
        if row.value is not None
    )


def _specimen(result: Result) -> str:
    """What the values of one specimen have in common: the laboratory's number of its order."""
    return f"{result.sender} {result.filler_order}" if result.filler_order else f"result-{result.pk}"


def _doubt(measurement: Measurement) -> str:
    """Why a result is not relied on; empty where it is."""
    said = [] if measurement.status in _FINAL else [f"it is {measurement.status.value}"]
    return ", ".join([*said, *measurement.quality])
