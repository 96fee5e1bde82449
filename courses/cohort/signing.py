"""What physicians signed of many courses: decisions, directed activities, stops and ends, in four queries."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from django.db.models import QuerySet

from courses.models import Course, CourseEnd, CourseStatus, Directive, EndCause, Signature

_STANDING = {
    CourseStatus.PLANNED.value: "no cycle given here yet",
    CourseStatus.ACTIVE.value: "under treatment",
    CourseStatus.COMPLETED.value: "every planned cycle given",
    CourseStatus.STOPPED.value: "stop signed",
    CourseStatus.ENDED.value: "cause not recorded",
}


class SignedDecision(NamedTuple):
    """The first signature on a decision: of which cycle, what it means, and both instants."""

    cycle: int
    meaning: str
    made_at: datetime
    signed_at: datetime


@dataclass(slots=True, kw_only=True)
class CourseSigning:
    """Everything that was signed of one course."""

    decisions: list[SignedDecision] = field(default_factory=list)
    directed_gbq: dict[int, Decimal] = field(default_factory=dict)
    stop_rules: tuple[str, ...] = ()
    end: str = ""

    def ending(self, status: str) -> str:
        """How the course stands, or the signed cause that ended it."""
        over = status in (CourseStatus.COMPLETED, CourseStatus.ENDED)
        return self.end if self.end and over else _STANDING[status]


def read_signing(courses: QuerySet[Course]) -> dict[int, CourseSigning]:
    """By course; a course of which nothing was signed is there with nothing."""
    found: dict[int, CourseSigning] = defaultdict(CourseSigning)
    seen: set[int] = set()
    signed = Signature.objects.filter(decision__course__in=courses).order_by("signed_at", "pk")
    told = signed.values_list(
        "decision__course", "decision", "decision__cycle__number", "meaning", "decision__made_at", "signed_at"
    )
    for course, decision, cycle, meaning, made_at, signed_at in told.iterator():
        if decision not in seen:
            seen.add(decision)
            found[course].decisions.append(SignedDecision(cycle, meaning, made_at, signed_at))
    # What remained of a cycle after a part of it is directed apart, and is no reduction.
    directed = Directive.objects.filter(cycle__course__in=courses, remainder_of__isnull=True)
    for course, cycle, gbq in directed.order_by("revision").values_list(
        "cycle__course", "cycle__number", "activity_gbq"
    ):
        found[course].directed_gbq[cycle] = gbq
    stopped = Signature.objects.filter(
        meaning="stop", decision__course__in=courses, decision__course__status=CourseStatus.STOPPED
    )
    for course, answer in stopped.order_by("pk").values_list("decision__course", "decision__answer"):
        reasons = answer.get("reasons", [])
        found[course].stop_rules = tuple(
            sorted({str(each["rule"]) for each in reasons if each["action"] == "stop"})
        )
    ends = CourseEnd.objects.filter(course__in=courses, undo__confirmation__isnull=True)
    for course, cause in ends.order_by("pk").values_list("course", "cause"):
        found[course].end = str(EndCause(cause).label)
    return found
