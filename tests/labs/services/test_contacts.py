"""Telephone numbers around a patient: versions that are never changed, and numbers that can be dialled."""

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from labs.models import ContactDetails, Patient
from labs.services.authority import NotAllowed
from labs.services.contacts import ContactsHaveChanged, current_contacts, record_contacts
from tests.builders_alerts import NOW, make_course, make_person

pytestmark = pytest.mark.django_db
NUMBERS = {"telephone": "+49 30 123456", "kin_name": "A sister", "kin_telephone": "030/999 (evenings)"[:7]}


@pytest.fixture
def nurse() -> User:
    return make_person("nora", "nurse")


@pytest.fixture
def patient() -> Patient:
    return make_course().patient


def test_a_newer_version_stands_and_the_earlier_is_kept(nurse: User, patient: Patient) -> None:
    first = record_contacts(patient=patient, details=NUMBERS, by=nurse, seen=None, now=NOW)
    second = record_contacts(
        patient=patient, details=NUMBERS | {"telephone": "030 1"[:5]}, by=nurse, seen=first.pk
    )
    assert current_contacts(patient) == second
    assert ContactDetails.objects.get(pk=first.pk).telephone == "+49 30 123456"
    assert (first.recorded_by, first.recorded_at) == (nurse, NOW)


def test_the_same_said_again_adds_nothing(nurse: User, patient: Patient) -> None:
    first = record_contacts(patient=patient, details=NUMBERS, by=nurse, seen=None)
    assert record_contacts(patient=patient, details=NUMBERS, by=nurse, seen=None) == first
    assert ContactDetails.objects.count() == 1


def test_what_a_newer_version_has_overtaken_is_refused(nurse: User, patient: Patient) -> None:
    record_contacts(patient=patient, details=NUMBERS, by=nurse, seen=None)
    with pytest.raises(ContactsHaveChanged, match="Read theirs"):
        record_contacts(patient=patient, details={"telephone": "040 1234"}, by=nurse, seen=None)


@pytest.mark.parametrize(
    ("details", "field"),
    [
        ({"telephone": "call me"}, "telephone"),
        ({"telephone": "=HYPERLINK()"}, "telephone"),
        ({"telephone": "12"}, "telephone"),
        ({"telephone": "٠١٢٣٤٥"}, "telephone"),
        ({"telephone": "++49 30 1234"}, "telephone"),
        ({"kin_name": "A sister"}, "kin_telephone"),
        ({"doctor_telephone": "030 1234"}, "doctor_name"),
        ({"pharmacy_name": "x" * 121, "pharmacy_telephone": "030 1234"}, "pharmacy_name"),
    ],
)
def test_what_cannot_be_dialled_or_is_nobodys_is_refused_by_field(
    nurse: User, patient: Patient, details: dict[str, str], field: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        record_contacts(patient=patient, details=details, by=nurse, seen=None)
    assert set(refused.value.message_dict) == {field}
    assert not ContactDetails.objects.exists()


@pytest.mark.parametrize("role", ["pharmacist", "physicist", "auditor", "administrator", "on-call"])
def test_only_nurses_and_physicians_record_them(patient: Patient, role: str) -> None:
    with pytest.raises(NotAllowed):
        record_contacts(patient=patient, details=NUMBERS, by=make_person("p", role), seen=None)


@pytest.mark.parametrize("who", ["kin", "doctor", "pharmacy"])
def test_the_database_keeps_no_name_without_a_number(nurse: User, patient: Patient, who: str) -> None:
    for field in ("name", "telephone"):
        with pytest.raises(IntegrityError), transaction.atomic():
            ContactDetails.objects.create(
                patient=patient, recorded_at=NOW, recorded_by=nurse, **{f"{who}_{field}": "030 1234"}
            )
