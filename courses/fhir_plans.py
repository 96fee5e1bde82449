"""Show a course with its cycles as FHIR's CarePlan."""

from datetime import date

from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet

from courses.fhir_given import administration_id
from courses.fhir_shapes import (
    CYCLES,
    Shape,
    Viewer,
    concept,
    head,
    instant,
    protocol_concept,
    reference,
    subject,
)
from courses.models import Administration, Course, CourseStatus, Cycle, Infusion
from courses.rules.action_words import NOT_GO
from courses.rules.activity import both_units
from courses.services.authority import printed_name
from labs.clinic_days import clinic_day
from labs.zones import clinic_zone

_OPEN = (CourseStatus.PLANNED.value, CourseStatus.ACTIVE.value)


def courses() -> QuerySet[Course]:
    """Courses with their cycles and what was given in each."""
    cycles = Cycle.objects.select_related("administration").prefetch_related(
        Prefetch("infusions", queryset=Infusion.objects.effective(), to_attr="standing_infusions")
    )
    return (
        Course.objects.select_related("patient", "started_by", "current_decision")
        .defer("current_decision__situation", "current_decision__answer")
        .prefetch_related(Prefetch("cycles", queryset=cycles.order_by("number"), to_attr="all_cycles"))
    )


def plan_statuses() -> dict[str, Q]:
    """Which courses have each of FHIR's statuses; the same as `_status` says of one."""
    held = Q(current_decision__isnull=True) | Q(
        current_decision__action__in=NOT_GO, current_decision__awaiting_labs=False
    )
    is_open = Q(status__in=_OPEN)
    return {
        "active": is_open & ~held,
        "on-hold": is_open & held,
        "completed": Q(status=CourseStatus.COMPLETED.value),
        "revoked": Q(status__in=[CourseStatus.STOPPED.value, CourseStatus.ENDED.value]),
    }


def with_a_cycle_between(low: date | None, high: date | None) -> Q:
    """Courses with a cycle planned or given on a day from `low` on and before `high`."""
    planned, given = Q(), Q()
    if low is not None:
        planned, given = Q(planned_on__gte=low), Q(administration__administered_on__gte=low)
    if high is not None:
        planned &= Q(planned_on__lt=high)
        given &= Q(administration__administered_on__lt=high)
    return Q(Exists(Cycle.objects.filter(planned | given, course=OuterRef("pk"))))


def plan_shape(course: Course, viewer: Viewer) -> list[Shape]:
    """One course. While its decision is no go it is on hold, also where nobody has signed that yet."""
    cycles: list[Cycle] = course.all_cycles  # type: ignore[attr-defined]  # fetched in `courses`
    shape = head("CarePlan", course.public_id) | {
        "instantiatesUri": [f"urn:prrt-clinic:protocol:{course.protocol_id}"],
        "status": _status(course),
        "intent": "plan",
        "category": [protocol_concept(course)],
        "title": "Course of peptide receptor radionuclide therapy",
        "subject": subject(course.patient, viewer),
        "period": {"start": clinic_day(course.started_at, clinic_zone()).isoformat()},
        "created": instant(course.started_at),
        "author": {"display": printed_name(course.started_by)},
    }
    if course.current_decision is not None and viewer.decisions:
        shape["supportingInfo"] = [reference("GuidanceResponse", course.current_decision.public_id)]
    upcoming = next((cycle.number for cycle in cycles if not _given(cycle)), None)
    activities = [_activity(course, cycle, viewer, is_next=cycle.number == upcoming) for cycle in cycles]
    return [shape | ({"activity": activities} if activities else {})]


def _status(course: Course) -> str:
    if course.status == CourseStatus.COMPLETED.value:
        return "completed"
    if course.status in (CourseStatus.STOPPED.value, CourseStatus.ENDED.value):
        return "revoked"
    decision = course.current_decision
    is_held = decision is None or (decision.action in NOT_GO and not decision.awaiting_labs)
    return "on-hold" if is_held else "active"


def _given(cycle: Cycle) -> Administration | None:
    return getattr(cycle, "administration", None)


def _activity(course: Course, cycle: Cycle, viewer: Viewer, *, is_next: bool) -> Shape:
    """One cycle: its planned day, where it stands, and what was given in it."""
    infusions: list[Infusion] = cycle.standing_infusions  # type: ignore[attr-defined]  # fetched in `courses`
    administration = _given(cycle)
    day = cycle.planned_on.isoformat()
    found: Shape = {}
    if viewer.administrations and (progress := _progress(administration, infusions)):
        outcomes = [str(infusion.public_id) for infusion in infusions]
        if not outcomes and administration is not None:
            outcomes = [administration_id(course, cycle.number)]
        found["outcomeReference"] = [reference("MedicationAdministration", each) for each in outcomes]
        found["progress"] = [{"text": text} for text in progress]
    return found | {
        "detail": {
            "kind": "MedicationRequest",
            "code": concept(f"cycle {cycle.number}", system=CYCLES, code=str(cycle.number)),
            "status": _detail_status(course, administration, infusions, is_next=is_next),
            "scheduledPeriod": {"start": day, "end": day},
        }
    }


def _detail_status(
    course: Course, administration: Administration | None, infusions: list[Infusion], *, is_next: bool
) -> str:
    if administration is not None:
        return "completed"
    status = _status(course)
    if status in {"completed", "revoked"}:
        return "stopped" if infusions else "cancelled"
    if infusions:
        return "in-progress"
    return "on-hold" if is_next and status == "on-hold" else "scheduled"


def _progress(administration: Administration | None, infusions: list[Infusion]) -> list[str]:
    """What was given, in words; a part given counts before the cycle does."""
    if administration is not None:
        where = f" at {administration.elsewhere}" if administration.elsewhere else ""
        given, day = both_units(administration.administered_gbq), administration.administered_on.isoformat()
        return [f"{given} administered on {day}{where}."]
    zone = clinic_zone()
    return [
        f"{both_units(each.delivered_gbq)} administered on "
        f"{clinic_day(each.started_at, zone).isoformat()}; the cycle is not complete."
        for each in infusions
    ]
