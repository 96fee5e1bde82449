"""Read every fact a patient's paper tells, in no language, and say whether a printed one still holds."""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings

from courses.day_facts import effective_steps
from courses.day_library import day_rules
from courses.follow_ups import follow_up_of
from courses.models import Course, Cycle, Infusion, PaperKind, StepKind
from courses.paper_library import paper_numbers
from courses.planned_days import days_of
from courses.rules.day_rules import DayRules
from courses.rules.decimals import plain
from courses.rules.derived_days import DayKind
from courses.rules.follow_up import VisitState
from courses.rules.precautions import Given, PaperNumbers, PrecautionKind, birth_control, ends_of
from courses.rules.values import Sex
from labs.clinic_days import add_days, clinic_day
from labs.zones import clinic_zone

Facts = dict[str, Any]
# What a patient comes for, or stops by; the rest is the clinic's own business.
PATIENT_DAYS = (
    DayKind.THERAPY, DayKind.EARLIER_DRAW, DayKind.LAST_DRAW, DayKind.NADIR_DRAW, DayKind.PREGNANCY_TEST,
    DayKind.LONG_ACTING_STOP, DayKind.SHORT_ACTING_STOP, DayKind.ANALOGUE_RESTART,
)  # fmt: skip
NUCLIDE = "Lu-177"
_GBQ = Decimal("0.01")  # as a card tells it
_SECOND, _MINUTE, _HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


def cycle_for(kind: PaperKind, course: Course) -> Cycle | None:
    """The cycle a paper would be about now; none where there is nothing to tell, or for the plan."""
    if kind is PaperKind.SCHEDULE:
        return None
    cycles = list(Cycle.objects.filter(course=course).select_related("administration").order_by("number"))
    given_here = [cycle for cycle in cycles if given_in(cycle)]
    planned = next((each for each in cycles if not hasattr(each, "administration")), None)
    upcoming = planned if course.is_open else None
    if kind is PaperKind.DAY:
        return upcoming
    newest = given_here[-1] if given_here else None
    return newest if newest is not None or kind is PaperKind.CARD else upcoming


def given_in(cycle: Cycle) -> tuple[Given, ...]:
    """What reached the patient here in a cycle, with the day on which each infusion ended."""
    zone = clinic_zone()
    infusions = Infusion.objects.effective().filter(cycle=cycle, delivered_gbq__gt=0)
    found = tuple(Given(on=clinic_day(each.ended_at, zone), gbq=each.delivered_gbq) for each in infusions)
    known = getattr(cycle, "administration", None)
    if found or known is None or known.elsewhere:
        return found
    return (Given(on=known.administered_on, gbq=known.administered_gbq),)


def facts_of(kind: PaperKind, course: Course, *, cycle: Cycle | None, today: date) -> Facts:
    """Everything one paper tells. Raises NoDayRules, LibraryError."""
    numbers, patient = paper_numbers().numbers, course.patient
    found: Facts = {
        "patient": {
            "name": " ".join(each for each in (patient.given, patient.family) if each),
            "born": patient.birth_date.isoformat(),
            "number": patient.mrn,
        },
        "clinic": {
            "name": settings.CLINIC_NAME,
            "phone": settings.PATIENT_PHONE,
            "place": settings.CLINIC_PLACE,
        },
        "fever_celsius": plain(numbers.number("fever.celsius")),
    }
    if cycle is None:
        return found | _schedule(course, today=today)
    found["cycle"] = cycle.number
    if kind is PaperKind.DAY:
        return found | _day(course, cycle, numbers)
    if kind is PaperKind.HOME:
        return found | _home(course, cycle, numbers)
    return found | _card(cycle, numbers)


def holds(printed: Facts, now: Facts, *, today: date) -> bool:
    """Whether a printed paper tells what would be printed now; visits that are over count no more."""
    return _to_come(printed, today) == _to_come(now, today)


def _to_come(facts: Facts, today: date) -> Facts:
    if "visits" not in facts:
        return facts
    return facts | {"visits": [each for each in facts["visits"] if each["last"] > today.isoformat()]}


def _schedule(course: Course, *, today: date) -> Facts:
    visits: list[Facts] = [
        {
            "kind": each.kind.value,
            "cycle": each.cycle,
            "first": each.first.isoformat(),
            "last": each.last.isoformat(),
            "unknown": each.is_asked is None,
        }
        for each in days_of(course).days
        if each.kind in PATIENT_DAYS and each.last >= today
    ]
    line = None if course.is_open else follow_up_of(course, today=today)
    for each in line.visits if line is not None and line.closed is None else ():
        if each.state is not VisitState.DONE and each.visit.last >= today:
            visits.append(
                {
                    "kind": "nadir" if each.visit.months is None else "months",
                    "months": each.visit.months,
                    "first": each.visit.first.isoformat(),
                    "last": each.visit.last.isoformat(),
                    "unknown": False,
                }
            )
    return {"visits": sorted(visits, key=lambda each: (str(each["first"]), str(each["last"])))}


def _in(length: timedelta, unit: timedelta) -> str:
    return plain(Decimal(length // _SECOND) / Decimal(unit // _SECOND))


def _rules(course: Course) -> DayRules:
    return day_rules(course.protocol_id).rules


def _day(course: Course, cycle: Cycle, numbers: PaperNumbers) -> Facts:
    rules = _rules(course)
    stops = [
        each.last
        for each in days_of(course).days
        if each.kind is DayKind.LONG_ACTING_STOP and each.cycle == cycle.number
    ]
    return {
        "on": cycle.planned_on.isoformat(),
        "start": f"{settings.THERAPY_START:%H:%M}",
        "stay_hours": numbers.whole("stay.hours"),
        "full_meal_hours": numbers.whole("before.full_meal_hours"),
        "glasses_per_hour": numbers.whole("drinking.glasses_per_hour"),
        "amino_lead_minutes": _in(rules.amino_acids.lead, _MINUTE),
        "amino_hours": _in(rules.amino_acids.in_all, _HOUR),
        "observation_minutes": _in(rules.release.observation, _MINUTE),
        "short_acting_off_hours": _in(rules.analogue.short_acting_off, _HOUR),
        "long_acting_stop": stops[0].isoformat() if stops else None,
    }


def _iso(days: Mapping[PrecautionKind, date], kind: PrecautionKind) -> str | None:
    return days[kind].isoformat() if kind in days else None


def _home(course: Course, cycle: Cycle, numbers: PaperNumbers) -> Facts:
    given = given_in(cycle)
    ends = ends_of(numbers, given)
    sex = {each.value: each for each in Sex}.get(course.patient.sex)
    control = birth_control(numbers, sex=sex, last=ends.counted_from)
    breast_days = numbers.whole("breast_feeding.days")
    until = add_days(ends.counted_from, breast_days).isoformat() if ends.counted_from else None
    return {
        "ask": ends.ask.value,
        "on": ends.counted_from.isoformat() if ends.counted_from else None,
        "rules": [
            {
                "kind": each.kind.value,
                "days": each.days,
                "metres": plain(each.metres) if each.metres is not None else None,
                "minutes": each.minutes,
                "until": _iso(ends.last_days, each.kind),
            }
            for each in numbers.precautions
        ],
        "sex": sex.value if sex else "",
        "birth_months": list(control.months),
        "birth_until": [each.isoformat() for each in control.until],
        "breast_days": None if sex is Sex.MALE else breast_days,
        "breast_until": None if sex is Sex.MALE else until,
    }


def _card(cycle: Cycle, numbers: PaperNumbers) -> Facts:
    given = given_in(cycle)
    ends = ends_of(numbers, given)
    return {
        "ask": ends.ask.value,
        "product": _product(cycle),
        "nuclide": NUCLIDE,
        "half_life_days": plain(numbers.number("activity.half_life_days")),
        "given": [{"on": each.on.isoformat(), "gbq": plain(each.gbq.quantize(_GBQ))} for each in given],
        "survey": _survey(cycle),
        "carry_until": _iso(ends.last_days, PrecautionKind.CARD),
        "fluids_until": _iso(ends.last_days, PrecautionKind.TESTS),
        "distance_until": _iso(ends.last_days, PrecautionKind.DISTANCE),
    }


def _product(cycle: Cycle) -> str:
    infusion = Infusion.objects.effective().filter(cycle=cycle).order_by("-started_at").first()
    known = getattr(cycle, "administration", None)
    return infusion.product if infusion is not None else known.product if known is not None else ""


def _survey(cycle: Cycle) -> dict[str, str] | None:
    """The dose rate measured last after the newest infusion ended; none where nobody measured it."""
    ended = (
        Infusion.objects.effective().filter(cycle=cycle, delivered_gbq__gt=0).order_by("-ended_at").first()
    )
    if ended is None:
        return None
    steps = [
        step
        for day in cycle.therapy_days.all()
        for step in effective_steps(day)
        if step.kind == StepKind.RELEASE_SURVEY and step.happened_at >= ended.ended_at
    ]
    if not steps:
        return None
    newest = max(steps, key=lambda step: (step.happened_at, step.pk))
    return {
        "rate": plain(Decimal(newest.data["microsievert_per_hour"])),
        "metres": plain(Decimal(newest.data["metres"])),
        "at": newest.happened_at.astimezone(clinic_zone()).isoformat(timespec="minutes"),
    }


def is_over(kind: PaperKind, *, facts: Facts, cycle: Cycle | None, today: date) -> bool:
    """Whether what a paper is for has passed: its day of treatment, or the last of its days.

    A day that was moved before it came is not over: whoever holds that paper needs another one.
    """
    if kind is PaperKind.SCHEDULE or cycle is None:
        return False
    if kind is PaperKind.DAY:
        on = date.fromisoformat(facts["on"])
        return hasattr(cycle, "administration") or (on < today and on == cycle.planned_on)
    last_days = [
        *(each["until"] for each in facts.get("rules", ())),
        *facts.get("birth_until", ()),
        facts.get("breast_until"),
        facts.get("carry_until"),
    ]
    known = [each for each in last_days if each]
    return bool(known) and max(known) < today.isoformat()
