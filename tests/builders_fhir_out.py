"""A course's orders, dispensed units, infusions and days for tests of the FHIR door: fixed values."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User
from django.test import Client

from courses.models import (
    AminoAcidBag,
    Course,
    Cycle,
    Directive,
    DispensedUnit,
    Infusion,
    Order,
    StartAuthorisation,
    TherapyDay,
    TherapyStep,
    Vial,
)
from courses.rules.order_states import OrderState
from courses.services.assess import assess_course
from courses.services.orders import move_order
from labs.models import Patient
from labs.services.patients import register_patient
from tests.builders import clinic_time, colleague, draw, give_cycle, make_course, sign
from tests.builders_fhir import OURS, told

FIRST = date(2026, 1, 12)
SECOND = date(2026, 3, 9)  # eight weeks after the first
HANDED_OUT = clinic_time(SECOND, 7)
_TO_DISPENSED = (OrderState.ACCEPTED, OrderState.PREPARED, OrderState.DISPENSED)


def known_patient(*, mrn: str = "T-1", family: str = "Ahorn") -> Patient:
    """A synthetic woman of 65 whose number has a FHIR system."""
    return register_patient(
        mrn=mrn,
        assigning_authority="TEST",
        family=family,
        given="Testa",
        birth_date=date(1961, 3, 2),
        sex="female",
        fhir_system=OURS,
    )


def physician() -> User:
    """An authorised user."""
    return colleague("dr-linde", "physician", "authorised-user")


def signed_course(patient: Patient | None = None) -> Course:
    """Cycle 1 given on its day; cycle 2 signed, its orders active."""
    course = make_course(patient or known_patient(), first_on=FIRST, by=physician())
    give_cycle(course.cycles.get(number=1), by=physician())
    draw(course.patient, SECOND - timedelta(days=6))
    at = clinic_time(SECOND - timedelta(days=5))
    decision = assess_course(course_id=course.pk, now=at)
    assert decision is not None
    sign(decision, by=physician(), now=at)
    course.refresh_from_db()
    return course


def delayed(course: Course) -> Course:
    """The same course after low platelets four days before the day: its orders are suspended."""
    day = SECOND - timedelta(days=4)
    draw(course.patient, day, PLT="60")
    assess_course(course_id=course.pk, now=clinic_time(day, 12))
    course.refresh_from_db()
    return course


def order_of(course: Course, kind: str = "radiopharmaceutical", number: int = 2) -> Order:
    """The newest order of a kind in one cycle."""
    return Order.objects.filter(cycle__course=course, cycle__number=number, kind=kind).latest("pk")


def moved(order: Order, *states: OrderState, reason: str = "") -> Order:
    """An order led through these states."""
    order = Order.objects.select_related("directive").get(pk=order.pk)
    for state in states:
        move_order(
            order=order, to=state, reason_code=reason, actor=None, decision=order.decision, now=HANDED_OUT
        )
    return order


def dispensed(course: Course, *, measured: str = "7.45", label: str = "U-1") -> DispensedUnit:
    """The radiopharmaceutical of cycle 2, handed out in a syringe."""
    order = moved(order_of(course), *_TO_DISPENSED)
    directive = order.directive
    assert directive is not None
    facts: dict[str, Any] = {
        "product": directive.product,
        "product_code": "69488-003-01",
        "lot": "L2403",
        "volume_ml": Decimal("22.50"),
        "expires_at": HANDED_OUT + timedelta(hours=60),
    }
    vial = Vial.objects.create(
        cycle=order.cycle,
        calibrated_gbq=Decimal("7.6"),
        calibrated_at=HANDED_OUT - timedelta(hours=6),
        received_at=HANDED_OUT - timedelta(hours=1),
        recorded_by=colleague("pharmacist-1", "pharmacist"),
        recorded_at=HANDED_OUT - timedelta(hours=1),
        **facts,
    )
    return DispensedUnit.objects.create(
        order=order,
        vial=vial,
        directive=directive,
        form="syringe",
        label=label,
        measured_gbq=Decimal(measured),
        measured_at=HANDED_OUT - timedelta(minutes=20),
        prepared_name="P. Erle",
        verified_name="Q. Esche",
        dispensed_by=colleague("pharmacist-1", "pharmacist"),
        dispensed_at=HANDED_OUT,
        **facts,
    )


def bag(course: Course, *, label: str = "B-1") -> AminoAcidBag:
    """The amino acids of cycle 2, handed out."""
    return AminoAcidBag.objects.create(
        order=moved(order_of(course, "amino_acids"), *_TO_DISPENSED),
        label=label,
        lot="AA-77",
        lysine_g=Decimal("25.00"),
        arginine_g=Decimal("25.00"),
        volume_ml=Decimal("1000.0"),
        expires_at=HANDED_OUT + timedelta(hours=12),
        prepared_name="P. Erle",
        verified_name="Q. Esche",
        dispensed_by=colleague("pharmacist-1", "pharmacist"),
        dispensed_at=HANDED_OUT,
    )


def open_day(cycle: Cycle) -> TherapyDay:
    """A day of therapy of this cycle."""
    return TherapyDay.objects.create(
        cycle=cycle,
        rules_id="lutathera_day",
        rules_sha256="cd" * 32,
        opened_at=clinic_time(SECOND, 8),
        opened_by=colleague("nurse-1", "nurse"),
    )


def not_given(day: TherapyDay, *, reason: str = "unwell") -> TherapyDay:
    """The same day, ended without anything given."""
    TherapyStep.objects.create(
        therapy_day=day,
        kind="not_given",
        data={"reason": reason},
        happened_at=clinic_time(SECOND, 9),
        recorded_by=colleague("nurse-1", "nurse"),
        printed_name="N. Ulme",
        recorded_at=clinic_time(SECOND, 9),
    )
    day.ended_at, day.outcome, day.version = clinic_time(SECOND, 9), "not_given", day.version + 1
    day.save()
    return day


def authorised(day: TherapyDay, unit: DispensedUnit) -> StartAuthorisation:
    """Its start, checked by one person and authorised by another."""
    directive: Directive = unit.directive
    return StartAuthorisation.objects.create(
        therapy_day=day,
        decision=directive.decision,
        directive=directive,
        unit=unit,
        checked_by=colleague("nurse-1", "nurse"),
        checked_name="N. Ulme",
        authorised_by=physician(),
        authorised_name="Dr. Linde",
        authenticated_at=clinic_time(SECOND, 9),
        authorised_at=clinic_time(SECOND, 9),
        evidence_sha256="12" * 32,
        record_sha256="34" * 32,
    )


def infused(
    unit: DispensedUnit, *, day: TherapyDay | None = None, started_at: datetime | None = None, **facts: Any
) -> Infusion:
    """A unit infused on its day."""
    start = started_at or clinic_time(SECOND, 10)
    given: dict[str, Any] = {
        "delivered_gbq": Decimal("7.4000"),
        "ended_how": "complete",
        "deviation": "" if facts.get("authorisation") else "Started without an authorisation.",
        "recorded_at": start + timedelta(hours=1),
    }
    return Infusion.objects.create(
        cycle=unit.order.cycle,
        therapy_day=day,
        unit=unit,
        directive=unit.directive,
        product=unit.product,
        started_at=start,
        ended_at=start + timedelta(minutes=35),
        recorded_by=colleague("nurse-1", "nurse"),
        **(given | facts),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """One course with a row of everything that this door shows."""

    course: Course
    unit: DispensedUnit
    bag: AminoAcidBag
    day: TherapyDay
    authorisation: StartAuthorisation
    infusion: Infusion


def played(patient: Patient | None = None, *, name: str = "1") -> Played:
    """Cycle 1 given, cycle 2 dispensed, authorised and infused."""
    course = signed_course(patient)
    unit, acids = dispensed(course, label=f"U-{name}"), bag(course, label=f"B-{name}")
    day = open_day(unit.order.cycle)
    authorisation = authorised(day, unit)
    infusion = infused(unit, day=day, authorisation=authorisation)
    return Played(
        course=course, unit=unit, bag=acids, day=day, authorisation=authorisation, infusion=infusion
    )


def found(client: Client, kind: str, **query: Any) -> list[dict[str, Any]]:
    """The resources of one page of a search."""
    answer = client.get(f"/fhir/{kind}", query)
    assert answer.status_code == 200, answer.content
    return [each["resource"] for each in told(answer).get("entry", [])]


def shown(client: Client, kind: str, id_: object) -> dict[str, Any]:
    """One resource by its id."""
    answer = client.get(f"/fhir/{kind}/{id_}")
    assert answer.status_code == 200, answer.content
    return told(answer)
