"""End the alerts of courses that are over: nobody is chased for a cycle that is not given any more."""

from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from alerts.models import Alert
from alerts.rules import DECISION_KINDS
from alerts.services.cause_gone import clear_others
from alerts.services.raising import close
from courses.models import Course, CourseEnd, CourseStatus


def watch_ended(*, now: datetime) -> int:
    """End what decisions asked for in courses that are completed or ended; returns how many changed.

    Where a physician signed the end, that signature is the answer, and the alert is over. After the last
    cycle only its cause is gone: what the policy leaves to people stays until somebody has looked.
    """
    standing = Alert.objects.standing().filter(kind__in=[kind.value for kind in DECISION_KINDS])
    signed = CourseEnd.objects.filter(course=OuterRef("course"), undo__confirmation__isnull=True)
    over = Q(course__status__in=[CourseStatus.COMPLETED, CourseStatus.ENDED])
    found = standing.filter(over, course__patient__is_canary=False, raised_at__lt=now)
    found = found.filter(Q(cause_gone_at__isnull=True) | Exists(signed))
    rows = list(
        found.annotate(is_signed=Exists(signed)).order_by("pk").values_list("pk", "course", "is_signed")
    )
    return sum(_end(alert, course, is_signed=is_signed, now=now) for alert, course, is_signed in rows)


def _end(alert_id: int, course_id: int, *, is_signed: bool, now: datetime) -> bool:
    with transaction.atomic():
        course = Course.objects.select_for_update(no_key=True).get(pk=course_id)
        alert = Alert.objects.standing().select_for_update(no_key=True).filter(pk=alert_id).first()
        if alert is None or course.is_open:
            return False
        before = (alert.state, alert.cause_gone_at)
        if is_signed:
            close(alert, why="course ended", now=now)
        else:
            clear_others(course=course, keep="", now=now)
            alert.refresh_from_db()
        return (alert.state, alert.cause_gone_at) != before
