"""Say which values a critical-value alert tells of, for the page on which somebody passes them on."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.contrib.auth.models import User
from django.urls import reverse

from alerts.models import Alert, CriticalFinding
from alerts.rules import Kind
from labs.formats.parsed import ParsedNumber
from labs.models import Observation, QuarantinedResult
from labs.models.result import WITHDRAWN
from labs.services.item import read_item

# The newest of them; reading one that is kept apart takes queries of its own.
SHOWN = 10
_RESULTS = "labs.view_result"
_QUARANTINE = ("labs.view_quarantinedresult", "labs.view_patient")


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldValue:
    """One value as it was found critical, and whether it still counts."""

    analyte: str
    comparator: str
    value: Decimal | None
    unit: str
    # What the message says, where no number could be read from it.
    as_sent: str
    collected_at: datetime | None
    received_at: datetime
    is_doubtful: bool
    is_kept_apart: bool
    counts: bool
    # Where it is read with its source; empty where the reader may not open that page.
    address: str


def told_values(alert: Alert, person: User) -> tuple[list[ToldValue], bool]:
    """What the alert tells of, the newest first, for those who read results; and whether there is more."""
    if alert.kind != Kind.CRITICAL_VALUE or not person.has_perm(_RESULTS):
        return [], False
    rows = CriticalFinding.objects.filter(alert=alert).select_related("observation__result", "held__message")
    found = list(rows.order_by("-pk")[: SHOWN + 1])
    return [_told(row, person) for row in found[:SHOWN]], len(found) > SHOWN


def _told(finding: CriticalFinding, person: User) -> ToldValue:
    row = finding.value
    if isinstance(row, Observation):
        return _stored(row, person, doubtful=finding.doubtful)
    return _kept_apart(row, person, doubtful=finding.doubtful)


def _stored(row: Observation, person: User, *, doubtful: bool) -> ToldValue:
    return ToldValue(
        analyte=row.analyte,
        comparator=row.comparator,
        value=row.value,
        unit=row.unit,
        as_sent=row.sent_value,
        collected_at=row.collected_at,
        received_at=row.received_at,
        is_doubtful=doubtful,
        is_kept_apart=False,
        counts=row.result.current_id == row.pk and row.status not in WITHDRAWN,
        address=reverse("admin:labs_result_change", args=[row.result_id]) if person.is_staff else "",
    )


def _kept_apart(row: QuarantinedResult, person: User, *, doubtful: bool) -> ToldValue:
    reading = read_item(row)
    number = reading.sent.number if reading.sent else None
    may_open = all(person.has_perm(right) for right in _QUARANTINE)
    return ToldValue(
        analyte=row.analyte,
        comparator=number.comparator if isinstance(number, ParsedNumber) else "",
        value=reading.value,
        unit=reading.analyte.unit if reading.analyte else "",
        as_sent=row.sent,
        collected_at=row.collected_at,
        received_at=row.message.received_at,
        is_doubtful=doubtful,
        is_kept_apart=True,
        counts=row.state == QuarantinedResult.State.OPEN,
        address=reverse("labs:quarantine_item", args=[row.public_id]) if may_open else "",
    )
