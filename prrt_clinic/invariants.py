"""Every rule that must hold, of all apps, and those of the database itself."""

from collections.abc import Iterator
from datetime import datetime

from django.db import connection

from alerts.invariants import INVARIANTS as OF_ALERTS
from courses.invariants import INVARIANTS as OF_COURSES
from labs.invariants import INVARIANTS as OF_LABS
from labs.invariants import Invariant, Seen, Violation
from prrt_clinic.append_only import APPEND_ONLY, ONE_FINISH, missing_triggers


def missing_append_only(now: datetime, seen: Seen) -> Iterator[Violation]:
    """Triggers that keep the record as it was written and do not stand."""
    for name in missing_triggers(connection):
        yield Violation(about=f"trigger {name}", words="is missing or is not as it was made")


_OF_THE_DATABASE = (
    Invariant(
        id="I-20",
        sentence="no row of the record can be changed or deleted",
        of="append-only tables",
        count=lambda: len(APPEND_ONLY) + len(ONE_FINISH),
        find=missing_append_only,
    ),
)

INVARIANTS: tuple[Invariant, ...] = tuple(
    sorted((*OF_LABS, *OF_COURSES, *OF_ALERTS, *_OF_THE_DATABASE), key=lambda each: each.id)
)
