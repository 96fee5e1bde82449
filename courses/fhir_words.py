"""Show what physicians put their name to beside decisions, directives and starts, as FHIR's Provenance."""

from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from courses.fhir_provenance import provenance
from courses.fhir_shapes import MEANINGS, Shape, Viewer, concept, reference
from courses.models import AssayDirection, ChartFact, CycleJudgement, OrderEvent
from courses.models.fact import OF_PHYSICIANS
from courses.rules.activity import both_units
from courses.rules.order_states import LEFT_OUT, OrderState
from courses.services.authority import printed_name

LEAVING_OUT = "left-out"


def judgements() -> QuerySet[CycleJudgement]:
    """Physicians' words on cycles given in part."""
    return CycleJudgement.objects.select_related("cycle__course", "infusion")


def judgement_shape(judgement: CycleJudgement, viewer: Viewer) -> list[Shape]:
    """One word on a part: whether it counts, and any remainder."""
    words = "counts as given" if judgement.counts else "does not count: it is given anew"
    if judgement.remainder_gbq is not None:
        words = f"is completed by a remainder of {both_units(judgement.remainder_gbq)}"
    cycle = judgement.cycle
    return [
        provenance(
            str(judgement.public_id),
            targets=[
                reference("MedicationAdministration", judgement.infusion.public_id),
                reference("CarePlan", cycle.course.public_id),
            ],
            at=judgement.signed_at,
            activity=concept(
                f"part of cycle {cycle.number} judged: it {words}", system=MEANINGS, code="judgement"
            ),
            people=[("author", judgement.printed_name)],
            why=judgement.reason,
        )
    ]


def assay_directions() -> QuerySet[AssayDirection]:
    """Written words of authorised users on measured activities, each with its number among its order's."""
    earlier = (
        AssayDirection.objects.filter(order=OuterRef("order"), pk__lte=OuterRef("pk"))
        .order_by()
        .values("order")
        .annotate(found=Count("pk"))
        .values("found")
    )
    place = Coalesce(Subquery(earlier, output_field=IntegerField()), 1)
    return AssayDirection.objects.select_related("order__cycle__course", "directive").annotate(place=place)


def assay_direction_shape(direction: AssayDirection, viewer: Viewer) -> list[Shape]:
    """One written word on one measurement, under one revision of the directive."""
    order = direction.order
    words = (
        f"{both_units(direction.measured_gbq)} directed in writing although measured beyond the bound, under "
        f"revision {direction.directive.revision} of the written directive"
    )
    place = direction.place  # type: ignore[attr-defined]  # annotated in `assay_directions`
    return [
        provenance(
            f"{order.public_id}.{place}",
            targets=[
                reference("MedicationRequest", order.public_id),
                reference("CarePlan", order.cycle.course.public_id),
            ],
            at=direction.signed_at,
            activity=concept(words, system=MEANINGS, code="assay-direction"),
            people=[("author", direction.printed_name)],
            why=direction.reason,
        )
    ]


def physicians_acts() -> QuerySet[ChartFact]:
    """Overrides, waivers, rescissions, grades and reviews, and the rows that take one of them back."""
    kinds = [kind.value for kind in OF_PHYSICIANS]
    return ChartFact.objects.filter(kind__in=kinds).select_related("patient", "course", "confirmation")


def act_shape(fact: ChartFact, viewer: Viewer) -> list[Shape]:
    """One act, with the physician who confirmed it where two are needed."""
    name = str(fact.get_kind_display())
    about = fact.data or {}
    rule = f" of rule {about['rule']}" if about.get("rule") else ""
    confirmation = getattr(fact, "confirmation", None)
    if fact.data is None:
        words = f"taken back: {name}"
    elif fact.needs_two and confirmation is None:
        words = f"{name}{rule}; a second physician is awaited"
    else:
        words = f"{name}{rule}"
    people = [("author", fact.printed_name)]
    if confirmation is not None:
        people.append(("verifier", confirmation.printed_name))
    target = (
        reference("CarePlan", fact.course.public_id)
        if fact.course is not None
        else reference("Patient", fact.patient.public_id)
    )
    return [
        provenance(
            str(fact.public_id),
            targets=[target],
            at=fact.recorded_at,
            activity=concept(words, system=MEANINGS, code=fact.kind.replace("_", "-")),
            people=people,
            why=fact.reason,
            changed_at=None if confirmation is None else confirmation.confirmed_at,
        )
    ]


def leavings_out() -> QuerySet[OrderEvent]:
    """Orders of a set that a physician left out with a reason."""
    return OrderEvent.objects.filter(
        reason_code=LEFT_OUT, to_state=OrderState.CANCELLED.value, actor__isnull=False
    ).select_related("order__cycle__course", "actor")


def leaving_out_shape(event: OrderEvent, viewer: Viewer) -> list[Shape]:
    """One order left out, by whom and why."""
    order = event.order
    assert event.actor is not None
    return [
        provenance(
            f"{order.public_id}.{LEAVING_OUT}",
            targets=[
                reference("MedicationRequest", order.public_id),
                reference("CarePlan", order.cycle.course.public_id),
            ],
            at=event.at,
            activity=concept(
                f"left out: {order.get_kind_display()} of cycle {order.cycle.number}",
                system=MEANINGS,
                code=LEAVING_OUT,
            ),
            people=[("author", printed_name(event.actor))],
            why=event.note,
        )
    ]
