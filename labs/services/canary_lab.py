"""Make what the trial of the line sends: a synthetic patient of nobody, one laboratory message about them."""

import uuid
from datetime import date, datetime, timedelta

from django.conf import settings
from django.db import transaction

from labs.formats.hl7_write import Sample, SampleResult, write_sample
from labs.models import Patient, Sender
from labs.models.patient import Sex

CANARY_SENDER = "prrt-canary"
_APPLICATION, _FACILITY, _AUTHORITY = "PRRT-CANARY", "SELF-TEST", "PRRT-CANARY"
# A count that every protocol must react to; of nobody.
_PLATELETS = SampleResult(loinc="777-3", name="Platelets", value="20", unit="10*9/L", low="150", high="400")
_DRAWN_BEFORE = timedelta(minutes=10)


def make_canary_patient(*, now: datetime) -> Patient:
    """Register a fresh synthetic patient, one for each trial: no history grows, and no two trials touch."""
    with transaction.atomic():
        _canary_sender()
        patient = Patient(
            mrn=f"CANARY-{uuid.uuid4().hex[:12]}",
            assigning_authority=_AUTHORITY,
            family="Canary",
            given="Synthetic",
            birth_date=date(1961, 3, 2),
            sex=Sex.FEMALE,
            registered_at=now,
            is_canary=True,
        )
        patient.full_clean()
        patient.save(force_insert=True)
    return patient


def canary_body(*, patient: Patient, now: datetime) -> bytes:
    """The trial's message; the same bytes for the same moment, so that it can be sent again."""
    control_id = canary_control_id(patient)
    return write_sample(
        Sample(
            application=_APPLICATION,
            facility=_FACILITY,
            control_id=control_id,
            order=control_id,
            mrn=patient.mrn,
            authority=patient.assigning_authority,
            id_type=patient.id_type,
            family=patient.family,
            given=patient.given,
            birth_date=patient.birth_date,
            sex=patient.sex,
            results=(_PLATELETS,),
            status="F",
            collected_at=now - _DRAWN_BEFORE,
            sent_at=now,
        )
    )


def canary_control_id(patient: Patient) -> str:
    """The number that the trial's message carries."""
    return patient.mrn


def _canary_sender() -> Sender:
    """The sender that the trial's message names; made by the first trial."""
    sender, _ = Sender.objects.get_or_create(
        name=CANARY_SENDER,
        defaults={"msh3": _APPLICATION, "msh4": _FACILITY, "zone": settings.CLINIC_TIME_ZONE},
    )
    return sender
