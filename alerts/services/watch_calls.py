"""Look for patients who were promised to be rung back and have not been."""

from datetime import datetime

from alerts.rules import Kind
from alerts.services.raising import Subject
from alerts.services.settling import Condition, key_of, settle
from courses.calls import CallBack, owed_call_backs


def watch_calls(*, now: datetime) -> int:
    """One alert for each ringing back whose time has passed, until a call settles it or takes it back."""
    conditions = [_condition(each) for each in owed_call_backs(now=now) if each.is_overdue]
    return settle(kinds=[Kind.CALL_BACK_OVERDUE], conditions=conditions, now=now)


def _condition(owed: CallBack) -> Condition:
    """By its time too: put off in a correction, it is another promise."""
    call = owed.call
    assert call.call_back_by is not None
    return Condition(
        kind=Kind.CALL_BACK_OVERDUE,
        key=key_of(Kind.CALL_BACK_OVERDUE, f"call-{call.public_id}", call.call_back_by.isoformat()),
        subject=Subject(
            course=call.course,
            about={"who": call.get_call_back_who_display(), "by": call.call_back_by.isoformat()},
        ),
    )
