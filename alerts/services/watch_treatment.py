"""Look at what is being given: recalls nobody answered, deviations, incidents the regulator waits for."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import BooleanField, Exists, ExpressionWrapper, F, OuterRef

from alerts.library import policy
from alerts.models import Acknowledgement, Alert
from alerts.rules import Kind
from alerts.services.raising import Subject
from alerts.services.settling import Condition, key_of, settle
from courses.covered import is_covered
from courses.incidents import IncidentLine, open_incidents
from courses.models import Administration, Incident, Infusion, Recall
from labs.clinic_days import clinic_day
from labs.zones import clinic_zone


def watch_recalls(*, now: datetime) -> int:
    """One alert for each recall that pharmacy has not answered; it is worse once the answer is late.

    Becoming worse opens it again, so that an acknowledged alert does not stand in for the answer.
    """
    late = timedelta(minutes=policy().watch.recall_answer_minutes)
    recalls = Recall.objects.unanswered().select_related("order__cycle__course")
    conditions = [
        Condition(
            kind=Kind.RECALL_UNANSWERED,
            key=key_of(Kind.RECALL_UNANSWERED, f"recall-{recall.pk}"),
            subject=Subject(
                course=recall.order.cycle.course,
                cycle=recall.order.cycle,
                about={"since": recall.opened_at.isoformat(), "reason": recall.reason_code},
            ),
            worse=now - recall.opened_at >= late,
        )
        for recall in recalls
    ]
    return settle(kinds=[Kind.RECALL_UNANSWERED], conditions=conditions, now=now)


def watch_deviations(*, now: datetime) -> int:
    """One alert for each infusion or administration that departed from what was directed.

    It holds until somebody acknowledged it. One that no valid authorisation covers, or for which an incident
    was opened, is worse. An administration made of infusions that have their own alert adds none, and neither
    does a correction that leaves the deviation as it was.
    """
    looked_at = set(
        Alert.objects.filter(kind=Kind.DEVIATION.value)
        .filter(Exists(Acknowledgement.objects.filter(alert=OuterRef("pk"))))
        .values_list("condition_key", flat=True)
    )
    found = [*_deviating_infusions(), *_deviating_administrations()]
    conditions = [condition for condition in found if condition.key not in looked_at]
    return settle(kinds=[Kind.DEVIATION], conditions=conditions, now=now)


def _deviating_infusions() -> Iterator[Condition]:
    under_review = set(Incident.objects.filter(infusion__isnull=False).values_list("infusion", flat=True))
    rows = Infusion.objects.effective().exclude(deviation="").exclude(corrects__deviation=F("deviation"))
    for row in rows.select_related("cycle__course"):
        authorised = row.authorisation_id is not None
        yield _deviation(row, "infusion", authorised=authorised, worse=row.pk in under_review)


def _deviating_administrations() -> Iterator[Condition]:
    parts = Infusion.objects.effective().exclude(deviation="").filter(cycle=OuterRef("cycle"))
    rows = (
        Administration.objects.filter(elsewhere="")
        .exclude(deviation="")
        .exclude(Exists(parts.filter(recorded_at__lte=OuterRef("recorded_at"))))
        .select_related("cycle__course")
        .annotate(
            has_incident=Exists(Incident.objects.filter(administration=OuterRef("pk"))),
            covered=ExpressionWrapper(is_covered(), output_field=BooleanField()),
        )
    )
    for row in rows:
        yield _deviation(row, "administration", authorised=row.covered, worse=row.has_incident)


def _deviation(row: Infusion | Administration, what: str, *, authorised: bool, worse: bool) -> Condition:
    """What departed is read on the alert's page from the row itself: people may have typed anything."""
    return Condition(
        kind=Kind.DEVIATION,
        key=key_of(Kind.DEVIATION, f"{what}-{row.pk}"),
        subject=Subject(
            course=row.cycle.course,
            cycle=row.cycle,
            about={"since": row.recorded_at.isoformat(), "authorised": authorised, what: row.pk},
        ),
        worse=worse or not authorised,
    )


def watch_incidents(*, now: datetime) -> int:
    """One alert for each open incident whose next day of the regulator is near; past it, it is worse."""
    today = clinic_day(now, clinic_zone())
    near = policy().watch.incident_near_days
    conditions = []
    for line in open_incidents():
        deadline = line.next_deadline
        if deadline is not None and deadline.days_left(today) <= near:
            conditions.append(_incident(line, past=deadline.days_left(today) < 0))
    return settle(kinds=[Kind.INCIDENT_DUE], conditions=conditions, now=now)


def _incident(line: IncidentLine, *, past: bool) -> Condition:
    incident, deadline = line.incident, line.next_deadline
    assert deadline is not None
    return Condition(
        kind=Kind.INCIDENT_DUE,
        # What is waited for is part of it: once the regulator is notified, the report is another matter.
        key=key_of(Kind.INCIDENT_DUE, f"incident-{incident.pk}", deadline.what),
        subject=Subject(
            course=incident.cycle.course,
            cycle=incident.cycle,
            about={
                "since": incident.opened_at.isoformat(),
                "what": deadline.what,
                "by": deadline.by.isoformat(),
                "incident": str(incident.public_id),
            },
        ),
        worse=past,
    )
