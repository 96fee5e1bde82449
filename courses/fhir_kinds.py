"""Name every kind of resource this door shows: from which rows, by which right, found how."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.db.models import Q, QuerySet

from courses import fhir_decisions, fhir_given, fhir_orders, fhir_plans, fhir_provenance, fhir_words
from courses.fhir_shapes import Shape, Viewer
from labs.clinic_days import start_of_day
from labs.zones import clinic_zone

_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_OWN = re.compile(_UUID)
_NUMBERED = re.compile(rf"({_UUID})\.([1-9][0-9]{{0,2}})")
_HASH = re.compile(r"[0-9a-f]{64}")
Days = Callable[[date | None, date | None], Q]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One table that a kind of resource is made of.

    `patient` leads from a row to its patient; `days` finds rows from one day on and before another;
    `listed` leaves out of a search what only a read still shows.
    """

    right: str
    rows: Callable[[], QuerySet[Any]]
    show: Callable[[Any, Viewer], list[Shape]]
    patient: str
    days: Days
    find: Callable[[str], Q | None]
    statuses: Mapping[str, Q] = field(default_factory=dict)
    listed: Q = field(default_factory=Q)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of resource: its sources, FHIR's own name of its date, and what its date and status mean."""

    name: str
    sources: tuple[Source, ...]
    date_name: str
    date_words: str
    is_versioned: bool

    @property
    def statuses(self) -> frozenset[str]:
        """Every status a search may ask for; none where the kind has no status."""
        return frozenset(status for source in self.sources for status in source.statuses)


def _on_day(path: str) -> Days:
    """By a field that holds a clinic day."""

    def between(low: date | None, high: date | None) -> Q:
        found = Q() if low is None else Q(**{f"{path}__gte": low})
        return found if high is None else found & Q(**{f"{path}__lt": high})

    return between


def _at_instant(path: str) -> Days:
    """By the clinic day on which an instant falls."""

    def between(low: date | None, high: date | None) -> Q:
        zone = clinic_zone()
        found = Q() if low is None else Q(**{f"{path}__gte": start_of_day(low, zone)})
        return found if high is None else found & Q(**{f"{path}__lt": start_of_day(high, zone)})

    return between


def _by_public_id(id_: str) -> Q | None:
    return Q(public_id=id_) if _OWN.fullmatch(id_) else None


def _by_decision_and_place(id_: str) -> Q | None:
    found = _NUMBERED.fullmatch(id_)
    return None if found is None else Q(public_id=found[1])


def _by_course_and_cycle(id_: str) -> Q | None:
    found = _NUMBERED.fullmatch(id_)
    return None if found is None else Q(cycle__course__public_id=found[1], cycle__number=int(found[2]))


def _by_record_hash(id_: str) -> Q | None:
    return Q(record_sha256=id_) if _HASH.fullmatch(id_) else None


def _by_order_and_place(id_: str) -> Q | None:
    found = _NUMBERED.fullmatch(id_)
    return None if found is None else Q(order__public_id=found[1], place=int(found[2]))


def _by_order_left_out(id_: str) -> Q | None:
    order = id_.removesuffix(f".{fhir_words.LEAVING_OUT}")
    return Q(order__public_id=order) if order != id_ and _OWN.fullmatch(order) else None


_EVERY = Q(pk__isnull=False)
_CYCLES_PATIENT = "cycle__course__patient"
_ORDERS_PATIENT = "order__cycle__course__patient"

_PLANS = Kind(
    name="CarePlan",
    date_name="activity-date",
    date_words="a day on which a cycle is planned or was given",
    is_versioned=False,
    sources=(
        Source(
            right="courses.view_course",
            rows=fhir_plans.courses,
            show=fhir_plans.plan_shape,
            patient="patient",
            days=fhir_plans.with_a_cycle_between,
            find=_by_public_id,
            statuses=fhir_plans.plan_statuses(),
        ),
    ),
)
_REQUESTS = Kind(
    name="MedicationRequest",
    date_name="",
    date_words="the planned day of its cycle",
    is_versioned=True,
    sources=(
        Source(
            right="courses.view_order",
            rows=fhir_orders.orders,
            show=fhir_orders.request_shape,
            patient=_CYCLES_PATIENT,
            days=_on_day("cycle__planned_on"),
            find=_by_public_id,
            statuses=fhir_orders.request_statuses(),
        ),
    ),
)
_DISPENSES = Kind(
    name="MedicationDispense",
    date_name="whenhandedover",
    date_words="the day it was handed out",
    is_versioned=True,
    sources=(
        Source(
            right="courses.view_dispensedunit",
            rows=fhir_orders.units,
            show=fhir_orders.unit_shape,
            patient=_ORDERS_PATIENT,
            days=_at_instant("dispensed_at"),
            find=_by_public_id,
            statuses=fhir_orders.dispense_statuses(),
        ),
        Source(
            right="courses.view_aminoacidbag",
            rows=fhir_orders.bags,
            show=fhir_orders.bag_shape,
            patient=_ORDERS_PATIENT,
            days=_at_instant("dispensed_at"),
            find=_by_public_id,
            statuses=fhir_orders.dispense_statuses(),
        ),
    ),
)
_ADMINISTRATIONS = Kind(
    name="MedicationAdministration",
    date_name="effective-time",
    date_words="the day on which it began, or on which nothing was given",
    is_versioned=True,
    sources=(
        Source(
            right="courses.view_infusion",
            rows=fhir_given.infusions,
            show=fhir_given.infusion_shape,
            patient=_CYCLES_PATIENT,
            days=_at_instant("started_at"),
            find=_by_public_id,
            statuses=fhir_given.infusion_statuses(),
            listed=Q(corrected_by__isnull=True),
        ),
        Source(
            right="courses.view_administration",
            rows=fhir_given.administrations,
            show=fhir_given.administration_shape,
            patient=_CYCLES_PATIENT,
            days=_on_day("administered_on"),
            find=_by_course_and_cycle,
            statuses={"completed": _EVERY},
        ),
        Source(
            right="courses.view_therapyday",
            rows=fhir_given.days_not_given,
            show=fhir_given.not_done_shape,
            patient=_CYCLES_PATIENT,
            days=_at_instant("opened_at"),
            find=_by_public_id,
            statuses={"not-done": _EVERY},
        ),
    ),
)
_GUIDANCE = Kind(
    name="GuidanceResponse",
    date_name="",
    date_words="the day the decision was made",
    is_versioned=False,
    sources=(
        Source(
            right="courses.view_decision",
            rows=fhir_decisions.decisions,
            show=fhir_decisions.guidance_shape,
            patient="course__patient",
            days=_at_instant("made_at"),
            find=_by_public_id,
            statuses=fhir_decisions.guidance_statuses(),
        ),
    ),
)
_ISSUES = Kind(
    name="DetectedIssue",
    date_name="identified",
    date_words="the day the decision was made",
    is_versioned=False,
    sources=(
        Source(
            right="courses.view_decision",
            rows=fhir_decisions.standing_issues,
            show=fhir_decisions.issue_shapes,
            patient="course__patient",
            days=_at_instant("made_at"),
            find=_by_decision_and_place,
            statuses=fhir_decisions.issue_statuses(),
        ),
    ),
)
_PROVENANCES = Kind(
    name="Provenance",
    date_name="recorded",
    date_words="the day it was signed",
    is_versioned=True,
    sources=(
        Source(
            right="courses.view_signature",
            rows=fhir_provenance.signatures,
            show=fhir_provenance.signature_shape,
            patient="decision__course__patient",
            days=_at_instant("signed_at"),
            find=_by_record_hash,
        ),
        Source(
            right="courses.view_directive",
            rows=fhir_provenance.directives,
            show=fhir_provenance.directive_shape,
            patient=_CYCLES_PATIENT,
            days=_at_instant("signature__signed_at"),
            find=_by_public_id,
        ),
        Source(
            right="courses.view_startauthorisation",
            rows=fhir_provenance.authorisations,
            show=fhir_provenance.authorisation_shape,
            patient="therapy_day__cycle__course__patient",
            days=_at_instant("authorised_at"),
            find=_by_public_id,
        ),
        Source(
            right="courses.view_cyclejudgement",
            rows=fhir_words.judgements,
            show=fhir_words.judgement_shape,
            patient=_CYCLES_PATIENT,
            days=_at_instant("signed_at"),
            find=_by_public_id,
        ),
        Source(
            right="courses.view_assaydirection",
            rows=fhir_words.assay_directions,
            show=fhir_words.assay_direction_shape,
            patient=_ORDERS_PATIENT,
            days=_at_instant("signed_at"),
            find=_by_order_and_place,
        ),
        Source(
            right="courses.view_chartfact",
            rows=fhir_words.physicians_acts,
            show=fhir_words.act_shape,
            patient="patient",
            days=_at_instant("recorded_at"),
            find=_by_public_id,
        ),
        Source(
            right="courses.view_orderevent",
            rows=fhir_words.leavings_out,
            show=fhir_words.leaving_out_shape,
            patient=_ORDERS_PATIENT,
            days=_at_instant("at"),
            find=_by_order_left_out,
        ),
    ),
)
KINDS = (_PLANS, _REQUESTS, _DISPENSES, _ADMINISTRATIONS, _ISSUES, _GUIDANCE, _PROVENANCES)
