"""The clinic's time zone, as configured."""

from zoneinfo import ZoneInfo

from django.conf import settings


def clinic_zone() -> ZoneInfo:
    """The one zone of this installation."""
    return ZoneInfo(settings.CLINIC_TIME_ZONE)
