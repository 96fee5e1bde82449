"""Hold a course that could not be assessed: a fault of ours never lets a cycle go ahead."""

import hashlib
import logging
from datetime import datetime
from typing import Any

from django.db import transaction

from courses.library import engine
from courses.models import Course, Cycle, Decision, Order
from courses.rules.order_states import OrderState, is_legal
from courses.rules.recommend import FAULT_RULE
from courses.services.locking import locked_open_course, next_cycle
from courses.services.orders import move_order
from courses.signals import decision_recorded
from labs.clinic_days import clinic_day
from labs.clock import database_now
from labs.zones import clinic_zone

log = logging.getLogger(__name__)
FAULT_VERDICT = f"hold|-|{FAULT_RULE}|"


def try_to_hold(*, course_id: int, fault: Exception, now: datetime | None) -> None:
    """Hold the course in a transaction of its own; where even that fails, say so in the log."""
    try:
        with transaction.atomic():
            _hold(course_id=course_id, fault=fault, now=now)
    except Exception:
        log.exception("course %s could not even be held; its orders stand as they were", course_id)


def _hold(*, course_id: int, fault: Exception, now: datetime | None) -> None:
    """Record one hold for the fault, suspend what is open, and let triage find it. Twice is harmless."""
    course = locked_open_course(course_id)
    cycle = next_cycle(course) if course else None
    if course is None or cycle is None:
        return
    now = now or database_now()
    decision = course.current_decision
    if decision is None or decision.verdict != FAULT_VERDICT or decision.cycle_id != cycle.pk:
        decision = _record(course=course, cycle=cycle, fault=fault, now=now)
    for order in Order.objects.live().filter(cycle=cycle).order_by("pk"):
        if is_legal(before=OrderState(order.state), after=OrderState.SUSPENDED):
            move_order(
                order=order,
                to=OrderState.SUSPENDED,
                reason_code=FAULT_RULE,
                actor=None,
                decision=decision,
                now=now,
            )


def _record(*, course: Course, cycle: Cycle, fault: Exception, now: datetime) -> Decision:
    """A decision that rests on nothing and says so; it holds no fact of the patient."""
    decision = Decision.objects.create(
        course=course,
        cycle=cycle,
        action="hold",
        verdict=FAULT_VERDICT,
        evidence_sha256=hashlib.sha256(FAULT_RULE.encode()).hexdigest(),
        situation={},
        answer=_answer(course=course, cycle=cycle, fault=fault),
        awaiting_labs=False,
        as_of=clinic_day(now, clinic_zone()),
        protocol_id=course.protocol_id,
        protocol_sha256=course.protocol_sha256,
        engine=engine(),
        made_at=now,
    )
    course.current_decision = decision
    course.save(update_fields=["current_decision"])
    transaction.on_commit(
        lambda: decision_recorded.send(sender=Decision, decision_ids=[decision.pk]), robust=True
    )
    return decision


def _answer(*, course: Course, cycle: Cycle, fault: Exception) -> dict[str, Any]:
    """The shape of every answer, with the one reason there is."""
    return {
        "action": "hold",
        "cycle": cycle.number,
        "activity_gbq": None,
        "planned_on": cycle.planned_on.isoformat(),
        "window": None,
        "reasons": [
            {
                "rule": FAULT_RULE,
                "action": "hold",
                "occurrence": None,
                "sentence": f"The service could not assess this course ({type(fault).__name__}). Nothing may "
                "be given on it: tell the people who run the service, and decide from the chart by hand.",
                "evidence": [],
                "threshold": "no fault",
                "source": "this service's own rule: a fault never lets a cycle proceed",
            }
        ],
        "missing": [],
        "grades": [],
        "delay": None,
        "stops_on": None,
        "awaiting_labs": False,
        "labs_due": None,
        "not_considered": [],
        "protocol": {"id": course.protocol_id, "sha256": course.protocol_sha256},
        "engine": engine(),
    }
