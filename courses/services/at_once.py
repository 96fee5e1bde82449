"""Judge a course in the very commit of an act that holds it or lets it go on."""

from datetime import datetime

from django.db import InterfaceError, OperationalError, transaction

from courses.models import Decision
from courses.services.assess import assess_at_gate
from courses.services.faults import try_to_hold


def judge_at_once(*, course_id: int, now: datetime) -> Decision | None:
    """The decision that stands after the act, its orders moved; the caller is in a transaction.

    A course that cannot be assessed is held instead: the act itself is kept.
    """
    try:
        with transaction.atomic():
            return assess_at_gate(course_id=course_id, now=now)
    except (OperationalError, InterfaceError):
        raise
    except Exception as fault:  # whatever keeps the core from judging must not undo a person's hold
        try_to_hold(course_id=course_id, fault=fault, now=now)
        return None
