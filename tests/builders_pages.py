"""Courses with decisions written straight into the tables, for tests of what pages show."""

import hashlib
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User

from courses.models import Course, Cycle, Decision, Order, Signature
from labs.clinic_days import clinic_day
from labs.models import Patient
from labs.zones import clinic_zone

NOW = datetime.now(UTC)
TODAY = clinic_day(NOW, clinic_zone())
LOW_PLATELETS = "Platelets 60 x 10^9/L are below 75 x 10^9/L."


def make_patient(n: int, *, family: str = "", given: str = "Test") -> Patient:
    """One patient with a name that says it is not real."""
    return Patient.objects.create(
        mrn=f"T{n:05d}",
        assigning_authority="TEST",
        family=family or f"Sample-{n}",
        given=given,
        birth_date=date(1960, 1, 1) + timedelta(days=n),
        sex="female",
        registered_at=NOW,
    )


def starter() -> User:
    """Whoever starts the courses of a test."""
    user, _ = User.objects.get_or_create(username="starter")
    return user


def make_course(
    n: int,
    *,
    action: str = "delay",
    awaiting: bool = False,
    in_days: int = 5,
    family: str = "",
    patient: Patient | None = None,
) -> Course:
    """A course whose second cycle is planned, with the decision that stands and its order."""
    course = Course.objects.create(
        patient=patient or make_patient(n, family=family),
        protocol_id="lutathera_us_2024_04",
        protocol_sha256="ab" * 32,
        status="active",
        peritoneal_disease="no",
        started_at=NOW,
        started_by=starter(),
    )
    cycle = Cycle.objects.create(course=course, number=2, planned_on=TODAY + timedelta(days=in_days))
    decision = decide(course, cycle, action=action, awaiting=awaiting)
    blocked = action in ("hold", "delay") and not awaiting
    Order.objects.create(
        cycle=cycle,
        kind="radiopharmaceutical",
        state="suspended" if blocked else "proposed",
        reason_code="delay" if blocked else "",
        decision=decision,
        items=[{"product": "test product"}],
        placed_at=NOW,
        updated_at=NOW,
    )
    return course


def decide(
    course: Course,
    cycle: Cycle,
    *,
    action: str,
    awaiting: bool = False,
    confirms: Decision | None = None,
    due_in: int = 20,
    **answer: Any,
) -> Decision:
    """Record one decision and make it the one that stands."""
    gives = action in ("proceed", "reduce")
    activity = Decimal("7.4") if gives else None
    decision = Decision.objects.create(
        course=course,
        cycle=cycle,
        action=action,
        activity_gbq=activity,
        verdict=f"{action}|{activity or '-'}||",
        confirms=confirms,
        evidence_sha256=hashlib.sha256(f"{course.pk}{action}{Decision.objects.count()}".encode()).hexdigest(),
        situation={"labs": [], "facts": {"peritoneal_or_mesenteric_disease": False}},
        answer=answer_for(action) | answer,
        awaiting_labs=awaiting,
        labs_due=TODAY + timedelta(days=due_in) if awaiting else None,
        as_of=TODAY,
        protocol_id=course.protocol_id,
        protocol_sha256="ab" * 32,
        engine="test engine",
        made_at=NOW,
    )
    course.current_decision = decision
    course.save(update_fields=["current_decision"])
    return decision


def standing(course: Course) -> Decision:
    """The decision that stands for a course."""
    assert course.current_decision is not None
    return course.current_decision


def answer_for(action: str) -> dict[str, Any]:
    """The recorded answer of one action, in the shape of the assess command."""
    blocked = action in ("delay", "stop")
    reason = {
        "rule": "DM-PLT",
        "action": action,
        "occurrence": "first",
        "sentence": LOW_PLATELETS,
        "evidence": [
            {"code": "777-3", "value": "60", "unit": "10*9/L", "collected_at": "2026-05-04T06:00:00+00:00"}
        ],
        "threshold": "below 75 x 10^9/L",
        "source": "a label, section 2",
    }
    gap = {
        "code": "2160-0",
        "why": "No creatinine was collected.",
        "resolve": "Draw creatinine.",
        "due_on": None,
    }
    return {
        "action": action,
        "cycle": 2,
        "reasons": [reason] if blocked else [],
        "missing": [gap] if action == "hold" else [],
        "grades": [{"term": "Platelet count decreased", "grade": 2, "version": "5.0", "analyte": "PLT"}],
        "delay": None,
        "stops_on": None,
        "not_considered": ["pregnancy"],
    }


def sign(decision: Decision, *, by: User) -> Signature:
    """A signature on a decision."""
    return Signature.objects.create(
        decision=decision,
        meaning=decision.action,
        signer=by,
        printed_name=by.username,
        signed_at=NOW,
        authenticated_at=NOW,
        record_sha256="cd" * 32,
    )


def make_many(
    first: int, last: int, *, actions: tuple[str, ...] = ("delay", "hold", "proceed", "stop")
) -> None:
    """Courses as `make_course` makes them, in a few statements, over the next 28 days."""
    numbers = range(first, last)
    patients = Patient.objects.bulk_create(
        Patient(
            mrn=f"M{n:05d}",
            assigning_authority="TEST",
            family=f"Many-{n:05d}",
            given="Test",
            birth_date=date(1960, 1, 1) + timedelta(days=n),
            registered_at=NOW,
        )
        for n in numbers
    )
    courses = Course.objects.bulk_create(
        Course(
            patient=patient,
            protocol_id="lutathera_us_2024_04",
            protocol_sha256="ab" * 32,
            status="active",
            peritoneal_disease="no",
            started_at=NOW,
            started_by=starter(),
        )
        for patient in patients
    )
    cycles = Cycle.objects.bulk_create(
        Cycle(course=course, number=2, planned_on=TODAY + timedelta(days=n % 28))
        for n, course in zip(numbers, courses, strict=True)
    )
    decisions = Decision.objects.bulk_create(
        Decision(
            course=cycle.course,
            cycle=cycle,
            action=(action := actions[n % len(actions)]),
            activity_gbq=Decimal("7.4") if action == "proceed" else None,
            verdict=f"{action}|7.4||" if action == "proceed" else f"{action}|-||",
            evidence_sha256=f"{n:064x}",
            situation={"labs": [], "facts": {"peritoneal_or_mesenteric_disease": False}},
            answer=answer_for(action),
            awaiting_labs=action == "hold" and n % 3 == 0,
            labs_due=TODAY + timedelta(days=n % 20) if action == "hold" and n % 3 == 0 else None,
            as_of=TODAY,
            protocol_id=cycle.course.protocol_id,
            protocol_sha256="ab" * 32,
            engine="test engine",
            made_at=NOW,
        )
        for n, cycle in zip(numbers, cycles, strict=True)
    )
    for decision in decisions:
        decision.course.current_decision = decision
    Course.objects.bulk_update(courses, ["current_decision"], batch_size=500)
