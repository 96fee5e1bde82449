"""Hold a course that cannot be assessed: a fault of ours never lets a cycle go ahead."""

import hashlib
import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from courses.library import engine
from courses.models import Course, Cycle, Decision, Order
from courses.rules.order_states import FOR_EVIDENCE, OrderKind, OrderState, is_legal
from courses.rules.recommend import FAULT_RULE
from courses.services.locking import locked_open_course, next_cycle
from courses.services.orders import move_order, recall_order
from courses.signals import decision_recorded
from labs.clinic_days import clinic_day
from labs.clock import database_now
from labs.zones import clinic_zone

log = logging.getLogger(__name__)
PROTOCOL_RULE = "SYS-PROTOCOL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Why nothing can be said of a course: the rule, the sentence people read, and what would be right."""

    rule: str
    sentence: str
    threshold: str
    source: str

    @property
    def verdict(self) -> str:
        """The verdict of a hold for this trouble."""
        return f"hold|-|{self.rule}|"


def _fault(fault: Exception) -> Trouble:
    return Trouble(
        rule=FAULT_RULE,
        sentence=f"The service could not assess this course ({type(fault).__name__}). Nothing may "
        "be given on it: tell the people who run the service, and decide from the chart by hand.",
        threshold="no fault",
        source="this service's own rule: a fault never lets a cycle proceed",
    )


def _changed_protocol(course: Course) -> Trouble:
    return Trouble(
        rule=PROTOCOL_RULE,
        sentence=f"The file of protocol {course.protocol_id} is not the one that this course follows: it was "
        "changed in place or removed. Nothing may be given until the file is put back, or a physician moves "
        "the course to an approved version.",
        threshold=f"the file's SHA-256 is {course.protocol_sha256}",
        source="this service's own rule: a course follows one version of its protocol",
    )


def try_to_hold(*, course_id: int, fault: Exception, now: datetime | None) -> None:
    """Hold the course in a transaction of its own; where even that fails, say so in the log."""
    try:
        with transaction.atomic():
            course = locked_open_course(course_id)
            cycle = next_cycle(course) if course else None
            if course is not None and cycle is not None:
                _hold(course=course, cycle=cycle, trouble=_fault(fault), now=now or database_now())
    except Exception:
        log.exception("course %s could not even be held; its orders stand as they were", course_id)


def hold_changed_protocol(*, course: Course, cycle: Cycle, now: datetime) -> Decision:
    """Hold a course whose protocol file is no longer the one it follows; the caller holds its lock."""
    return _hold(course=course, cycle=cycle, trouble=_changed_protocol(course), now=now)


def _hold(*, course: Course, cycle: Cycle, trouble: Trouble, now: datetime) -> Decision:
    """Record one hold for the trouble, suspend what is open, call back what is out. Twice is harmless."""
    decision = course.current_decision
    if decision is None or decision.verdict != trouble.verdict or decision.cycle_id != cycle.pk:
        decision = _record(course=course, cycle=cycle, trouble=trouble, now=now)
    for order in Order.objects.live().filter(cycle=cycle).order_by("pk"):
        if order.kind in FOR_EVIDENCE:
            continue  # a draw is never what must not go ahead
        if is_legal(before=OrderState(order.state), after=OrderState.SUSPENDED):
            move_order(
                order=order,
                to=OrderState.SUSPENDED,
                reason_code=trouble.rule,
                actor=None,
                decision=decision,
                now=now,
            )
        elif order.state == OrderState.DISPENSED.value and (
            order.kind == OrderKind.RADIOPHARMACEUTICAL.value
        ):
            recall_order(order=order, reason_code=trouble.rule, decision=decision, now=now)
    return decision


def _record(*, course: Course, cycle: Cycle, trouble: Trouble, now: datetime) -> Decision:
    """A decision that rests on nothing and says so; it holds no fact of the patient."""
    decision = Decision.objects.create(
        course=course,
        cycle=cycle,
        action="hold",
        verdict=trouble.verdict,
        evidence_sha256=hashlib.sha256(trouble.rule.encode()).hexdigest(),
        situation={},
        answer=_answer(course=course, cycle=cycle, trouble=trouble),
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


def _answer(*, course: Course, cycle: Cycle, trouble: Trouble) -> dict[str, Any]:
    """The shape of every answer, with the one reason there is."""
    return {
        "action": "hold",
        "cycle": cycle.number,
        "activity_gbq": None,
        "planned_on": cycle.planned_on.isoformat(),
        "window": None,
        "reasons": [
            {
                "rule": trouble.rule,
                "action": "hold",
                "occurrence": None,
                "sentence": trouble.sentence,
                "evidence": [],
                "threshold": trouble.threshold,
                "source": trouble.source,
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
