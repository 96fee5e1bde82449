"""What the pages of a day of therapy share: which day they are about, and who may do what on it."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from allauth.account.decorators import reauthentication_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from courses.day_data import STEPS
from courses.models import Course, TherapyDay
from courses.rules.day_values import Happened
from courses.services.authority import Refused
from courses.services.day_state import DayState, day_state
from courses.services.locking import next_cycle
from courses.services.therapy_day import rules_of
from courses.views.frame import found_course
from labs.clock import database_now

READ = ["labs.view_patient", "courses.view_course", "courses.view_therapyday"]
METHODS = ["GET", "HEAD", "POST"]
_DIGITS = 4  # of a cycle's number in an address; a longer one is nobody's
Act = Callable[[], Any]


def with_fresh_password(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    wrapped: Callable[..., HttpResponse] = reauthentication_required(view)
    return wrapped


def newest_day(course: Course) -> TherapyDay | None:
    """The day that is open, else the newest one."""
    days = TherapyDay.objects.filter(cycle__course=course).select_related(
        "cycle__course__patient", "cycle__course__current_decision"
    )
    return days.open().order_by("-pk").first() or days.order_by("-pk").first()


def day_of(course: Course) -> TherapyDay:
    day = newest_day(course)
    if day is None:
        raise Http404("No day of therapy has been opened in this course.")
    return day


def day_for_paper(course: Course, *, number: str) -> TherapyDay:
    """The newest day, or of the cycle with this number; one that is not opened yet is printed without steps.

    Nothing is stored: whoever prints the evening before has not begun the day. Raises Http404.
    """
    day, cycle = newest_day(course), next_cycle(course)
    if number:
        asked = (
            int(number) if number.isdecimal() and len(number) <= _DIGITS else 0
        )  # no cycle has that number
        cycle = course.cycles.filter(number=asked).first()
        rows = TherapyDay.objects.filter(cycle=cycle).select_related("cycle__course__patient")
        day = rows.open().first() or rows.order_by("-pk").first() if cycle is not None else None
    if day is not None:
        return day
    if cycle is None:
        raise Http404("No cycle of this course is to be given.")
    try:
        pinned = rules_of(course)
    except Refused as none:
        raise Http404(str(none)) from none
    return TherapyDay(cycle=cycle, rules_id=pinned.rules.id, rules_sha256=pinned.sha256)


def state_on(course: Course, day: TherapyDay) -> DayState:
    """On the decision that stands: a page is read, so nothing is assessed."""
    return day_state(day, decision=course.current_decision, now=database_now())


def may_record(request: HttpRequest, kind: Happened) -> bool:
    return any(request.user.has_perm(right) for right in STEPS[kind].rights)


def sheet_of(public_id: UUID) -> str:
    """The address of a course's day. Raises Http404."""
    return reverse("courses:day", args=[found_course(public_id).public_id])


def back(course: Course) -> HttpResponse:
    return HttpResponseRedirect(reverse("courses:day", args=[course.public_id]))
