"""Look for patients whom nobody has seen in time after a cycle, or after their last one."""

from collections.abc import Iterator
from datetime import date, datetime

from alerts.rules import Kind
from alerts.services.raising import Subject
from alerts.services.settling import Condition, key_of, settle
from courses.follow_ups import FollowUpLine, follow_ups
from labs.clinic_days import clinic_day
from labs.zones import clinic_zone


def watch_follow_up(*, now: datetime) -> int:
    """One alert for each visit or draw that is overdue, until it is recorded or the follow-up closed.

    Between two cycles the draw for the lowest counts is chased until the draws before the next cycle are due:
    from then on what is missing holds the cycle and is told by that.
    """
    today = clinic_day(now, clinic_zone())
    late = follow_ups(today=today, keep=lambda line: bool(line.overdue))
    conditions = [condition for line in late for condition in _overdue(line, today=today)]
    return settle(kinds=[Kind.FOLLOW_UP_OVERDUE], conditions=conditions, now=now)


def _overdue(line: FollowUpLine, *, today: date) -> Iterator[Condition]:
    if line.is_between_cycles and _is_judged_soon(line, today=today):
        return
    for each in line.overdue:
        yield Condition(
            kind=Kind.FOLLOW_UP_OVERDUE,
            # By the administration's day too: after a corrected one the same visit is another duty.
            key=key_of(
                Kind.FOLLOW_UP_OVERDUE,
                f"course-{line.course.pk}",
                each.visit.key,
                line.last_on.isoformat(),
            ),
            subject=Subject(
                course=line.course,
                about={"what": each.words, "by": each.visit.last.isoformat()},
            ),
        )


def _is_judged_soon(line: FollowUpLine, *, today: date) -> bool:
    """Whether the draws before the next cycle are due, so that its decision asks for them."""
    decision = line.course.current_decision
    due = decision.labs_due if decision is not None else None
    return decision is not None and (not decision.awaiting_labs or (due is not None and today > due))
