"""The work list: open courses by what is to be done about them, by day, cycle, protocol and bloods."""

from dataclasses import dataclass
from datetime import date

from django.db.models import Q

from courses.bloods import DAYS_AHEAD
from courses.models import Course, CourseQuerySet
from courses.rules.action_words import GO, HELD
from courses.therapies import signature_stands
from labs.clinic_days import add_days

PER_PAGE = 50
STATES = {
    "held": "Held or delayed",
    "waiting": "Waiting for labs",
    "to_sign": "Awaiting a signature",
    "signed": "Signed, to be given",
    "stop": "Stop to be confirmed",
    "none": "Not assessed yet",
}
DAYS = {
    "passed": "Day has passed",
    "0": "Today",
    "7": "Within 7 days",
    "14": "Within 14 days",
    "28": "Within 28 days",
}
BLOODS = {"overdue": "Overdue", "due": f"Due within {DAYS_AHEAD} days"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The choices of the form; an empty one asks for nothing."""

    state: str = ""
    days: str = ""
    bloods: str = ""
    cycle: str = ""
    protocol: str = ""


def courses_asked(asked: Asked, *, today: date) -> CourseQuerySet:
    """The open courses that fit every choice, the soonest planned day first; one query a page."""
    wanted = _state(asked.state) & _days(asked.days, today) & _bloods(asked.bloods, today)
    if asked.cycle:
        wanted &= Q(current_decision__cycle__number=int(asked.cycle))
    if asked.protocol:
        wanted &= Q(protocol_id=asked.protocol)
    return (
        Course.objects.open()
        .real()
        .filter(wanted)
        .select_related("patient", "current_decision__cycle")
        .defer("current_decision__situation")
        .annotate(is_signed=signature_stands())
        .order_by("current_decision__cycle__planned_on", "pk")
    )


def _state(state: str) -> Q:
    goes = Q(current_decision__action__in=GO)
    stands = Q(signature_stands())
    meant = {
        "held": Q(current_decision__action__in=HELD, current_decision__awaiting_labs=False),
        "waiting": Q(current_decision__awaiting_labs=True),
        "to_sign": goes & ~stands,
        "signed": goes & stands,
        "stop": Q(current_decision__action="stop") & ~stands,
        "none": Q(current_decision__isnull=True),
    }
    return meant.get(state, Q())


def _days(days: str, today: date) -> Q:
    if not days:
        return Q()
    if days == "passed":
        return Q(current_decision__cycle__planned_on__lt=today)
    return Q(current_decision__cycle__planned_on__range=(today, add_days(today, int(days))))


def _bloods(bloods: str, today: date) -> Q:
    """Due within the days that the first page looks ahead; overdue is a hold for want of something."""
    waits = Q(current_decision__awaiting_labs=True)
    if bloods == "due":
        return waits & Q(current_decision__labs_due__lte=add_days(today, DAYS_AHEAD))
    if bloods == "overdue":
        lacks = Q(current_decision__action__in=HELD, current_decision__awaiting_labs=False)
        return lacks & ~Q(current_decision__answer__missing=[])
    return Q()
