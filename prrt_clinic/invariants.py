"""Every rule that must hold, of all apps, and those of the database itself."""

from collections.abc import Iterator
from datetime import datetime

from django.db import connection

from alerts.invariants import INVARIANTS as OF_ALERTS
from courses.invariants import INVARIANTS as OF_COURSES
from labs.invariants import INVARIANTS as OF_LABS
from labs.invariants import Invariant, Seen, Violation
from labs.models import Seal
from labs.services.seals import broken_seals
from prrt_clinic.append_only import APPEND_ONLY, ONE_FINISH, missing_triggers


def missing_append_only(now: datetime, seen: Seen) -> Iterator[Violation]:
    """Triggers that keep the record as it was written and do not stand."""
    for name in missing_triggers(connection):
        yield Violation(about=f"trigger {name}", words="is missing or is not as it was made")


def broken_links(now: datetime, seen: Seen) -> Iterator[Violation]:
    """Rows of the record, and links of its chain, that are no longer as they were sealed."""
    for broken in broken_seals(seen=seen):
        yield Violation(about=broken.about, words=broken.words)


_OF_THE_DATABASE = (
    Invariant(
        id="I-20",
        sentence="no row of the record can be changed or deleted",
        of="append-only tables",
        count=lambda: len(APPEND_ONLY) + len(ONE_FINISH),
        find=missing_append_only,
    ),
    Invariant(
        id="I-21",
        sentence="the record is as it was sealed, link by link",
        of="links",
        count=Seal.objects.count,
        find=broken_links,
        reads_every_row=True,
    ),
)

INVARIANTS: tuple[Invariant, ...] = tuple(
    sorted((*OF_LABS, *OF_COURSES, *OF_ALERTS, *_OF_THE_DATABASE), key=lambda each: each.id)
)
