"""Register patients and record body weights: people and set-up files do, a laboratory's message never."""

from datetime import date
from decimal import Decimal, InvalidOperation

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from labs.clinic_days import clinic_day
from labs.clock import database_now
from labs.models import BodyWeight, Patient
from labs.models.patient import Sex
from labs.signals import evidence_changed
from labs.zones import clinic_zone


def register_patient(
    *,
    mrn: str,
    assigning_authority: str,
    family: str,
    given: str,
    birth_date: date,
    sex: str,
    id_type: str = "MR",
    fhir_system: str = "",
    alt_id: str = "",
    alt_authority: str = "",
) -> Patient:
    """Add one patient. The same number twice, or facts that cannot be, raise ValidationError."""
    now = database_now()
    patient = Patient(
        mrn=mrn.strip(),
        assigning_authority=assigning_authority.strip(),
        id_type=id_type.strip() or "MR",
        fhir_system=fhir_system.strip(),
        alt_id=alt_id.strip(),
        alt_authority=alt_authority.strip(),
        family=family.strip(),
        given=given.strip(),
        birth_date=birth_date,
        sex=sex or Sex.UNKNOWN,
        registered_at=now,
    )
    if birth_date > clinic_day(now, clinic_zone()):
        raise ValidationError({"birth_date": "The birth date lies in the future."})
    try:
        with transaction.atomic():
            patient.full_clean()
            patient.save(force_insert=True)
    except IntegrityError as twin:
        raise ValidationError({"mrn": "This was registered a moment ago: look for the patient."}) from twin
    return patient


def record_weight(*, patient: Patient, measured_on: date, kg: Decimal, recorded_by: str) -> BodyWeight:
    """Add one weighing; a mistake is answered by recording the same day again."""
    now = database_now()
    if measured_on > clinic_day(now, clinic_zone()):
        raise ValidationError({"measured_on": "The day of weighing lies in the future."})
    if measured_on < patient.birth_date:
        raise ValidationError({"measured_on": "The day of weighing lies before the patient's birth."})
    try:
        exact = Decimal(kg).quantize(Decimal("0.01"))
    except InvalidOperation as error:
        raise ValidationError({"kg": "The weight is not a number of kilograms."}) from error
    weight = BodyWeight(
        patient=patient, measured_on=measured_on, kg=exact, recorded_at=now, recorded_by=recorded_by.strip()
    )
    with transaction.atomic():
        weight.full_clean()
        weight.save(force_insert=True)
        transaction.on_commit(
            lambda: evidence_changed.send_robust(sender=BodyWeight, patient_ids=[patient.pk]), robust=True
        )
    return weight
