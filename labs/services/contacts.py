"""Write and find the telephone numbers around a patient."""

import re
from collections.abc import Mapping
from datetime import datetime

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction

from labs.clock import database_now
from labs.models import ContactDetails, Patient
from labs.models.contact import TELEPHONE
from labs.same_person import numbers_of
from labs.services.authority import check_right, stated

RECORD = "labs.add_contactdetails"
NUMBERS = ("telephone", "kin_telephone", "doctor_telephone", "pharmacy_telephone")
NAMES = ("kin_name", "doctor_name", "pharmacy_name")
_NO_NUMBER = "Write a telephone number with digits, spaces and at most one leading +, such as +49 30 123456."


class ContactsHaveChanged(Exception):
    """Somebody recorded a newer version since the page was made."""


def current_contacts(patient: Patient) -> ContactDetails | None:
    """The newest version for this person, under whichever number it was recorded. Two queries."""
    found = ContactDetails.objects.filter(patient__in=numbers_of(patient.pk)).select_related("recorded_by")
    return found.first()


def record_contacts(
    *,
    patient: Patient,
    details: Mapping[str, str],
    by: User,
    seen: int | None,
    now: datetime | None = None,
) -> ContactDetails:
    """Add a version. `seen` is the version the page showed; saying the same again adds nothing.

    1. check the right and the numbers; 2. lock the patient; 3. refuse what a newer version has overtaken;
    4. append. Raises NotAllowed, ValidationError by field, ContactsHaveChanged.
    """
    check_right(by, RECORD, else_say="Your role does not record telephone numbers.")
    wanted = {name: stated(details.get(name, "")) for name in (*NUMBERS, *NAMES)}
    _check(wanted)
    with transaction.atomic():
        Patient.objects.select_for_update().get(pk=patient.pk)
        standing = current_contacts(patient)
        if standing is not None and all(getattr(standing, name) == wanted[name] for name in wanted):
            return standing
        if (standing.pk if standing else None) != seen:
            raise ContactsHaveChanged(
                "Somebody recorded other numbers since you opened the page. Nothing was recorded. "
                "Read theirs, then record yours again if they are still right."
            )
        return ContactDetails.objects.create(
            patient=patient, recorded_by=by, recorded_at=now or database_now(), **wanted
        )


def _check(wanted: Mapping[str, str]) -> None:
    """Numbers that can be dialled, and each with the name it belongs to."""
    faults: dict[str, str] = {}
    for name in NUMBERS:
        if wanted[name] and not re.fullmatch(TELEPHONE, wanted[name], re.ASCII):
            faults[name] = _NO_NUMBER
    for name in NAMES:
        number = name.replace("_name", "_telephone")
        if wanted[name] and not wanted[number]:
            faults.setdefault(number, "Add the number, or leave the name empty too.")
        elif wanted[number] and not wanted[name]:
            faults.setdefault(name, "Say whose number this is.")
        if len(wanted[name]) > 120:
            faults.setdefault(name, "Use at most 120 letters.")
    if faults:
        raise ValidationError(faults)
