"""Rows the alert tests start from: people, courses, decisions and alerts, with fixed values."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

from django.contrib.auth.models import Group, User
from django.db import transaction

from alerts.models import Alert
from alerts.rules import DECISION_KINDS, Kind
from alerts.services.escalation import take_due_step
from alerts.services.raising import Subject, raise_alert
from courses.models import Course, CourseStatus, Cycle, Decision, PeritonealDisease
from labs.models import LabMessage, MessageOutcome, Patient

NOW = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
TODAY = date(2026, 5, 4)
PROTOCOL = "lutathera_us_2024_04"

# Strings that must never leave the building: each is found in a record that an alert is made from.
CANARIES = (
    "Kanarienvogel",
    "Zuckmayerin",
    "MRN-77Q41",
    "1961-03-02",
    "Mar 1961",
    "March 1961",
    "777-3",
    "61.5",
    "DM-PLT",
    "Platelet",
    "Lutathera",
    "therapy",
)

_numbers = count(1)


def make_person(username: str, *roles: str, email: str | None = None) -> User:
    """A person with roles of the matrix and an address."""
    address = f"{username}@clinic.example" if email is None else email
    user = User.objects.create_user(username, email=address, password="a long pass phrase")
    user.groups.set([Group.objects.get(name=role) for role in roles])
    return user


def make_course(*, status: CourseStatus = CourseStatus.ACTIVE) -> Course:
    """A course of a patient whose every detail is a canary, with cycle 3 planned for tomorrow."""
    number = next(_numbers)
    patient = Patient.objects.create(
        mrn=f"MRN-77Q41-{number}",
        assigning_authority="CLINIC",
        family="Kanarienvogel",
        given="Zuckmayerin",
        birth_date=date(1961, 3, 2),
        sex="female",
        registered_at=NOW,
    )
    starter, _ = User.objects.get_or_create(username="starter")
    course = Course.objects.create(
        patient=patient,
        protocol_id=PROTOCOL,
        protocol_sha256="0" * 64,
        status=status,
        peritoneal_disease=PeritonealDisease.NO,
        started_at=NOW,
        started_by=starter,
    )
    Cycle.objects.create(course=course, number=3, planned_on=TODAY + timedelta(days=1))
    return course


def reason(rule: str, action: str) -> dict[str, Any]:
    """One reason as a decision's answer holds it."""
    return {
        "rule": rule,
        "action": action,
        "occurrence": "first",
        "sentence": f"Platelets 61.5 are below the bound of {rule}.",
        "evidence": [
            {"code": "777-3", "value": "61.5", "unit": "10*9/L", "collected_at": "2026-05-04T06:00:00+00:00"}
        ],
        "threshold": "below 75 x 10*9/L",
        "source": "Prescribing information 2024-04, section 2.4",
    }


def make_decision(
    course: Course,
    *,
    action: str = "delay",
    rules: Sequence[tuple[str, str]] | None = None,
    awaiting_labs: bool = False,
    labs_due: date | None = None,
    confirms: Decision | None = None,
    made_at: datetime = NOW,
) -> Decision:
    """A recorded decision."""
    acting = rules if rules is not None else [("DM-PLT", action)]
    return Decision.objects.create(
        course=course,
        cycle=course.cycles.get(),
        action=action,
        activity_gbq="7.4" if action in ("proceed", "reduce") else None,
        verdict=f"{action}:{acting}",
        confirms=confirms,
        evidence_sha256="0" * 64,
        situation={},
        answer={"action": action, "reasons": [reason(*pair) for pair in acting], "missing": []},
        awaiting_labs=awaiting_labs,
        labs_due=labs_due,
        as_of=TODAY,
        protocol_id=PROTOCOL,
        protocol_sha256="0" * 64,
        engine="1",
        made_at=made_at,
    )


def make_alert(course: Course | None = None, *, kind: Kind = Kind.DELAY, now: datetime = NOW) -> Alert:
    """An open alert whose first step has been taken; of a decision, at its worst."""
    course = course or make_course()
    decision = make_decision(course)
    subject = Subject(course=course, cycle=decision.cycle, decision=decision)
    with transaction.atomic():
        alert = raise_alert(
            kind=kind,
            condition_key=f"{kind.value}:course-{course.pk}",
            subject=subject,
            now=now,
            worse=kind in DECISION_KINDS,
        )
        take_due_step(alert, now=now)
    return alert


def make_kept_message(*, sender: str = "LAB", held: int = 0, at: datetime = NOW) -> MessageOutcome:
    """A message of which something waits for a person."""
    number = next(_numbers)
    message = LabMessage.objects.create(
        door="mllp",
        sender=sender,
        control_id=f"C{number}",
        sha256=f"{number:064d}",
        body=b"MSH|",
        received_at=at,
    )
    return MessageOutcome.objects.create(
        message=message,
        state="read" if held else "quarantined",
        reason_code="unknown-patient",
        reason="No patient Kanarienvogel with number MRN-77Q41 is known.",
        held=held,
        at=at,
    )
