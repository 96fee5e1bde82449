"""What the bedside finds that ends or stops a course becomes a fact of the patient in the same commit."""

from collections.abc import Mapping
from datetime import datetime

from django.contrib.auth.models import User

from courses.models import ChartFact, RecordKind, TherapyStep
from courses.rules.day_values import Happened
from courses.rules.facts import AllergyFinding, PregnancyFinding
from courses.services.at_once import judge_at_once
from courses.services.facts import append_fact
from labs.clinic_days import clinic_day
from labs.same_person import numbers_of
from labs.zones import clinic_zone

_GRAVE: Mapping[str, tuple[RecordKind, str]] = {
    Happened.PREGNANCY.value: (RecordKind.PREGNANCY, PregnancyFinding.POSITIVE.value),
    Happened.ALLERGY.value: (RecordKind.ALLERGY_REVIEW, AllergyFinding.CONTRAINDICATED.value),
}
REASON = "Found on the day of therapy; written down there."


def write_grave_finding(step: TherapyStep, *, by: User, now: datetime) -> ChartFact | None:
    """A positive test or a forbidding reaction as a fact, and the course judged again; none for other steps.

    The caller holds the course's lock. That an entry is corrected later does not take the fact back: a person
    does, on its page.
    """
    kind, finding = _GRAVE.get(step.kind, (None, ""))
    if kind is None or step.data.get("finding") != finding or step.taken_back:
        return None
    course = step.therapy_day.cycle.course
    on = clinic_day(step.happened_at, clinic_zone()).isoformat()
    data = {"finding": finding, "on": on}
    known = ChartFact.objects.standing().filter(kind=kind, patient__in=numbers_of(course.patient_id))
    if any({**(fact.data or {}), **data} == fact.data for fact in known):
        return None
    fact = append_fact(
        kind=kind, data=data, by=by, patient=course.patient, course=None, reason=REASON, now=now
    )
    judge_at_once(course_id=course.pk, now=now)
    return fact
