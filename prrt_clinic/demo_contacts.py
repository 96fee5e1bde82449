"""Telephone numbers for the demonstration clinic's patients; no telephone anywhere answers to them."""

from django.contrib.auth.models import User

from labs.models import Patient
from labs.services.contacts import record_contacts


def record_demo_contacts(patient: Patient, *, number: int, by: User) -> None:
    """The patient, next of kin, referring doctor and pharmacy, from the numbers kept free for fiction."""
    record_contacts(
        patient=patient,
        details={
            "telephone": f"+49 30 23125 {number:03d}",
            "kin_name": "Demo-Relative, next of kin",
            "kin_telephone": f"+49 30 23125 {300 + number:03d}",
            "doctor_name": "Dr Demo-Practice",
            "doctor_telephone": "+49 30 23125 900",
            "pharmacy_name": "Demo radiopharmacy",
            "pharmacy_telephone": "+49 30 23125 950",
        },
        by=by,
        seen=None,
    )
