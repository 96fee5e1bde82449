"""Say when a cycle's infusion is expected to start: its planned day, at the clinic's usual hour."""

from datetime import UTC, date, datetime

from django.conf import settings

from labs.zones import clinic_zone


def planned_start(day: date) -> datetime:
    """The instant for which the activity of a vial or unit is told."""
    return datetime.combine(day, settings.THERAPY_START, tzinfo=clinic_zone()).astimezone(UTC)
