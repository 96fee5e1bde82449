"""Act on a decision only while it is the one that stands, on live data."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from django.db import transaction

from courses.models import Course
from courses.services.assess import assess_at_gate
from courses.services.locking import locked_open_course
from courses.services.sign import StaleDecision
from labs.clock import database_now
from labs.models import Patient

_Made = TypeVar("_Made")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The decision that a person read, and its evidence; both empty where the course had none."""

    decision: str
    evidence_sha256: str


def act_on_seen(
    *, course: Course, seen: Seen, act: Callable[[], _Made], now: datetime | None = None
) -> _Made:
    """Do what a person asked for while reading a decision, if that decision still stands.

    1. lock the patient and the course; 2. assess the course anew; 3. refuse if that gives anything but what
    was read; 4. act, in the same transaction. What step 2 found is kept even when the act is refused there.

    Raises StaleDecision, and whatever the act raises.
    """
    made: list[_Made] = []
    with transaction.atomic():
        # In the order in which a fact is recorded, so that no two people wait for each other.
        Patient.objects.select_for_update(no_key=True).get(pk=course.patient_id)
        locked = locked_open_course(course.pk)
        now = now or database_now()
        current = assess_at_gate(course_id=course.pk, now=now) if locked else None
        stands = Seen(
            decision=str(current.public_id) if current else "",
            evidence_sha256=current.evidence_sha256 if current else "",
        )
        if locked is not None and stands == seen:
            made.append(act())
    if not made:
        raise StaleDecision(current)
    return made[0]
