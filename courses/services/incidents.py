"""Open the review of what may be a medical event, with the regulator's days."""

from datetime import datetime

from courses.day_library import NoDayRules, day_rules
from courses.models import Administration, Cycle, Incident, IncidentKind, Infusion
from labs.clinic_days import add_days, clinic_day
from labs.zones import clinic_zone


def open_incident(
    *,
    cycle: Cycle,
    kind: IncidentKind,
    sentence: str,
    infusion: Infusion | None = None,
    administration: Administration | None = None,
    now: datetime,
) -> Incident:
    """Open one review; the days of the regulator are counted on the clinic's calendar from its discovery.

    Where no rules of the day exist no day is known, and the review is opened all the same.
    """
    found = clinic_day(now, clinic_zone())
    try:
        regulator = day_rules(cycle.course.protocol_id).rules.regulator
    except NoDayRules:
        regulator = None
    return Incident.objects.create(
        cycle=cycle,
        infusion=infusion,
        administration=administration,
        kind=kind,
        sentence=sentence,
        notify_by=add_days(found, regulator.notify_days) if regulator else None,
        report_by=add_days(found, regulator.report_days) if regulator else None,
        opened_at=now,
    )
