"""What the tests of holds, overrides, waivers and rescissions share: a course before its third cycle."""

from datetime import date, datetime, timedelta
from typing import Any

from django.contrib.auth.models import User

from courses.models import ChartFact, Course, Decision, Order
from courses.services.assess import assess_course
from courses.services.facts import confirm_fact, record_fact
from tests.builders import clinic_time, colleague, draw, give_cycle, make_course, make_patient

FIRST = date(2026, 1, 12)
REASON = "Splenic sequestration, stable for years."
AT = clinic_time(date(2026, 4, 28))


def fresh(at: datetime = AT) -> datetime:
    """A password given moments before."""
    return at - timedelta(seconds=10)


def doctor() -> User:
    """A physician who may sign directives."""
    return colleague("dr-bauer", "physician", "authorised-user")


def other_doctor() -> User:
    """Another physician, who may not."""
    return colleague("dr-chen", "physician")


def before_third(**values: Any) -> Course:
    """Two cycles given, the third planned for 4 May, and bloods of 27 April with these values."""
    course = make_course(make_patient(), first_on=FIRST, by=doctor(), disease="yes")
    for number in (1, 2):
        give_cycle(course.cycles.get(number=number), by=doctor())
    draw(course.patient, date(2026, 4, 27), **values)
    assess_course(course_id=course.pk, now=AT)
    course.refresh_from_db()
    return course


def standing(course: Course) -> Decision:
    """The decision that stands."""
    course.refresh_from_db()
    assert course.current_decision is not None
    return course.current_decision


def acting(course: Course) -> set[str]:
    """The rules that speak against the next cycle."""
    return {r["rule"] for r in standing(course).answer["reasons"] if r["action"] != "proceed"}


def notes(course: Course) -> str:
    """Everything that is only a note, as one text."""
    told = standing(course).answer["reasons"]
    return " ".join(reason["sentence"] for reason in told if reason["action"] == "proceed")


def live_states(course: Course) -> set[str]:
    """The states of the third cycle's live orders; an earlier one may still have the analogue's restart."""
    orders = Order.objects.live().filter(cycle__course=course, cycle__number=3)
    return set(orders.values_list("state", flat=True))


def override(
    course: Course,
    *,
    rule: str = "DM-PLT",
    by: User | None = None,
    reason: str = REASON,
    code: str = "long_standing_finding",
    at: datetime = AT,
) -> ChartFact:
    """A physician overrides a rule of the next cycle."""
    return record_fact(
        kind="overrides",
        data={"rule": rule, "code": code},
        by=by or doctor(),
        course=course,
        reason=reason,
        authenticated_at=fresh(at),
        now=at,
    )


def confirm(fact: ChartFact, *, by: User | None = None, at: datetime = AT) -> None:
    """The second physician confirms it."""
    confirm_fact(fact=fact, by=by or other_doctor(), authenticated_at=fresh(at), now=at)
