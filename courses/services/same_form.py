"""A form that comes in twice is taken once: what its key made before, as long as that stands."""

import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.utils import timezone

from courses.models import ChartFact, Course, Cycle, Vial
from courses.services.authority import BadFact, printed_name, stated
from courses.services.handling import OrderRefused, fault
from labs.models import Patient

# The page that answers carries another key, so that pressing once more does record it.
_USED = (
    "form: this page recorded something else before, or that was taken back since; look at what is recorded, "
    "and press once more only if this is to be recorded as well"
)


def plain_data(data: Mapping[str, Any]) -> dict[str, Any]:
    """The data of a fact as it will be read back: exact numbers and days as text."""
    plain: dict[str, Any] = json.loads(json.dumps(dict(data), default=str))
    return plain


def fact_of_form(
    key: UUID | None,
    *,
    kind: str,
    data: Mapping[str, Any],
    reason: str,
    by: User,
    patient: Patient,
    course: Course | None,
) -> ChartFact | None:
    """The fact that the very same form made before, if it stands; what the service added to it is left aside.

    One that was taken back is none: whoever is told that it is recorded would rely on it.
    """
    if key is None:
        return None
    made = ChartFact.objects.standing().filter(public_id=key, kind=kind, recorded_by=by).first()
    if (
        made is None
        or made.patient_id != patient.pk
        or made.course_id not in (None, getattr(course, "pk", 0))
    ):
        return None
    stands = made.data or {}
    is_same = all(stands.get(name) == value for name, value in plain_data(data).items())
    return made if is_same and made.reason == stated(reason) else None


def check_fact_key(key: UUID | None) -> None:
    """Raises BadFact where another fact was recorded under this key."""
    if key is not None and ChartFact.objects.filter(public_id=key).exists():
        raise BadFact(_USED)


def vial_of_form(
    key: UUID | None, *, cycle: Cycle, lot: str, gbq: Decimal, about: Mapping[str, Any], by: User
) -> Vial | None:
    """The vial that the very same form took in before, if nobody wrote its label anew since."""
    if key is None:
        return None
    made = Vial.objects.effective().filter(public_id=key, cycle=cycle, recorded_by=by).first()
    if made is None or (made.lot, made.calibrated_gbq) != (lot, gbq):
        return None
    return made if all(getattr(made, name) == value for name, value in about.items()) else None


def check_vial_is_new(key: UUID | None, *, cycle: Cycle, lot: str, calibrated_at: datetime) -> None:
    """One vial is one row: taken in twice it would be handed out twice. Raises OrderRefused.

    Of a lot another one may come, once it is said what became of the first.
    """
    if key is not None and Vial.objects.filter(public_id=key).exists():
        raise OrderRefused(
            fault(
                "form-used",
                "This page took a vial in before: look at the vials of this cycle. For another one open the "
                "page anew.",
            )
        )
    stands = Vial.objects.effective().filter(cycle=cycle, lot__iexact=lot, calibrated_at=calibrated_at)
    first = stands.filter(fates__isnull=True).select_related("recorded_by").first()
    if first is not None:
        when = timezone.localtime(first.recorded_at)
        raise OrderRefused(
            fault(
                "vial-taken-in",
                "A vial of this lot and calibration is taken in for this cycle already, by "
                f"{printed_name(first.recorded_by)}, {when.day} {when:%B at %H:%M}. Its label is corrected "
                "on its own page. If this is another vial, say there first what became of the one before.",
                "lot",
            )
        )
