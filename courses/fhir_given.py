"""Show what was given, in part or not at all, as FHIR's MedicationAdministration."""

from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet

from courses.fhir_shapes import Shape, Viewer, concept, head, instant, quantity, reference, subject
from courses.models import (
    Administration,
    Course,
    DayOutcome,
    Directive,
    Infusion,
    InfusionEnd,
    StepKind,
    TherapyDay,
    TherapyStep,
)
from courses.rules.activity import both_units
from courses.services.authority import printed_name

_KIND = "MedicationAdministration"
_WITHOUT_DIRECTIVE = "radiopharmaceutical; no directive was written"


def infusions() -> QuerySet[Infusion]:
    """Infusions, superseded versions too: a search lists those that stand."""
    return Infusion.objects.select_related(
        "cycle__course__patient", "unit__order", "directive", "recorded_by", "judgement", "corrected_by"
    )


def infusion_statuses() -> dict[str, Q]:
    """Which infusions have each of FHIR's statuses; an overtaken version is one entered in error."""
    stands = Q(corrected_by__isnull=True)
    complete = Q(ended_how=InfusionEnd.COMPLETE.value)
    return {
        "completed": stands & complete,
        "stopped": stands & ~complete,
        "entered-in-error": Q(corrected_by__isnull=False),
    }


def infusion_shape(infusion: Infusion, viewer: Viewer) -> list[Shape]:
    """One infusion: the activity that reached the patient, referred to its start."""
    correction = getattr(infusion, "corrected_by", None)
    written = infusion if correction is None else correction
    shape = head(_KIND, infusion.public_id, version=1 if correction is None else 2, at=written.recorded_at)
    is_complete = infusion.ended_how == InfusionEnd.COMPLETE.value
    status = "completed" if is_complete else "stopped"
    shape["status"] = status if correction is None else "entered-in-error"
    if not is_complete:
        shape["statusReason"] = [concept(infusion.get_ended_how_display())]
    shape |= {
        "medicationCodeableConcept": concept(infusion.product),
        "subject": subject(infusion.cycle.course.patient, viewer),
        "effectivePeriod": {"start": instant(infusion.started_at), "end": instant(infusion.ended_at)},
        "performer": [
            {"function": concept("recorded"), "actor": {"display": printed_name(infusion.recorded_by)}}
        ],
    }
    # What was handed out for another patient is named on that patient's own record alone.
    if infusion.unit is not None and infusion.unit.order.cycle_id == infusion.cycle_id:
        shape["request"] = reference("MedicationRequest", infusion.unit.order.public_id)
    notes = [
        f"Cycle {infusion.cycle.number}: {both_units(infusion.delivered_gbq)} at the start of the infusion."
    ]
    notes += [f"Deviation: {infusion.deviation}"] if infusion.deviation else []
    notes += _judged(infusion)
    if correction is not None:
        notes.append(f"Corrected: {correction.reason} See {_KIND}/{correction.public_id}.")
    shape["note"] = [{"text": text} for text in notes]
    dosage: Shape = {"dose": quantity(infusion.delivered_gbq, "GBq")}
    if infusion.directive is not None:
        dosage = {"route": concept(infusion.directive.route), **dosage}
    return [shape | {"dosage": dosage}]


def _judged(infusion: Infusion) -> list[str]:
    """What a physician signed of a cycle given in part."""
    judgement = getattr(infusion, "judgement", None)
    if judgement is None:
        return []
    counts = "counts" if judgement.counts else "does not count"
    text = f"The cycle {counts}, signed by {judgement.printed_name}: {judgement.reason}"
    if judgement.remainder_gbq is not None:
        text += f" Remainder: {both_units(judgement.remainder_gbq)}."
    return [text]


def administrations() -> QuerySet[Administration]:
    """Administrations recorded without an infusion: entered later, or given elsewhere.

    Where infusions stand they are listed in its place, so that no activity is counted twice.
    """
    infused = Infusion.objects.effective().filter(cycle=OuterRef("cycle"))
    return Administration.objects.filter(~Exists(infused)).select_related(
        "cycle__course__patient", "recorded_by"
    )


def administration_id(course: Course, cycle_number: int) -> str:
    """The id of an administration: that of its course with the cycle's number."""
    return f"{course.public_id}.{cycle_number}"


def administration_shape(administration: Administration, viewer: Viewer) -> list[Shape]:
    """One administration of a day."""
    given = both_units(administration.administered_gbq)
    notes = [f"Cycle {administration.cycle.number}: {given}."]
    notes += [f"Given at {administration.elsewhere}."] if administration.elsewhere else []
    notes += [f"Deviation: {administration.deviation}"] if administration.deviation else []
    recorder = printed_name(administration.recorded_by)
    id_ = administration_id(administration.cycle.course, administration.cycle.number)
    return [
        head(_KIND, id_, version=1, at=administration.recorded_at)
        | {
            "status": "completed",
            "medicationCodeableConcept": concept(administration.product),
            "subject": subject(administration.cycle.course.patient, viewer),
            "effectiveDateTime": administration.administered_on.isoformat(),
            "performer": [{"function": concept("recorded"), "actor": {"display": recorder}}],
            "note": [{"text": text} for text in notes],
            "dosage": {"dose": quantity(administration.administered_gbq, "GBq")},
        }
    ]


def days_not_given() -> QuerySet[TherapyDay]:
    """Days of therapy that ended without anything given."""
    infused = Infusion.objects.effective().filter(therapy_day=OuterRef("pk"))
    why = TherapyStep.objects.filter(
        kind=StepKind.NOT_GIVEN.value, corrected_by__isnull=True, taken_back=False
    ).order_by("pk")
    newest = Directive.objects.order_by("-revision")
    return (
        TherapyDay.objects.filter(~Exists(infused), outcome=DayOutcome.NOT_GIVEN.value)
        .select_related("cycle__course__patient", "opened_by")
        .prefetch_related(
            Prefetch("steps", queryset=why, to_attr="not_given_steps"),
            Prefetch("cycle__directives", queryset=newest, to_attr="newest_directives"),
        )
    )


def not_done_shape(day: TherapyDay, viewer: Viewer) -> list[Shape]:
    """One day on which nothing was given, and why."""
    steps: list[TherapyStep] = day.not_given_steps  # type: ignore[attr-defined]  # fetched with the row
    directives: list[Directive] = day.cycle.newest_directives  # type: ignore[attr-defined]  # the same
    ended = day.ended_at or day.opened_at
    reasons = [str(step.data.get("reason") or "not stated").replace("_", " ") for step in steps]
    recorder = steps[-1].printed_name if steps else printed_name(day.opened_by)
    return [
        head(_KIND, day.public_id, version=day.version, at=ended)
        | {
            "status": "not-done",
            "statusReason": [concept(text) for text in reasons or ["not stated"]],
            "medicationCodeableConcept": concept(directives[0].product if directives else _WITHOUT_DIRECTIVE),
            "subject": subject(day.cycle.course.patient, viewer),
            "effectivePeriod": {"start": instant(day.opened_at), "end": instant(ended)},
            "performer": [{"function": concept("recorded"), "actor": {"display": recorder}}],
            "note": [{"text": f"Cycle {day.cycle.number}: nothing was given."}],
        }
    ]
