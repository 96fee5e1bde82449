"""Registering a patient in the browser: who may, what is asked, and who looks like somebody known."""

from collections.abc import Callable
from datetime import date
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from labs.models import Patient
from labs.services import register_patient

pytestmark = pytest.mark.django_db
Person = Callable[..., User]
ADDRESS = "/patients/new/"
SAID = {
    "mrn": "4711", "assigning_authority": "CLINIC", "family": "Zander", "given": "Testina",
    "birth_date": "1958-11-30", "sex": "female",
}  # fmt: skip


@pytest.fixture
def nurse(person: Person) -> Client:
    client = Client()
    client.force_login(person("nurse"))
    return client


def known(**changes: str) -> Patient:
    """Somebody who is registered already."""
    said: dict[str, Any] = SAID | {"birth_date": date(1958, 11, 30)} | changes
    return register_patient(**said)


def text(answer) -> str:
    return unescape(answer.content.decode())


def test_a_nurse_registers_a_patient_and_comes_back_to_where_she_was(nurse: Client) -> None:
    page = text(nurse.get(f"{ADDRESS}?next=/courses/start/"))
    assert 'name="next" value="/courses/start/"' in page
    assert 'value="female" selected' not in page
    answer = nurse.post(ADDRESS, SAID | {"next": "/courses/start/"})
    patient = Patient.objects.get()
    assert answer.status_code == 302
    assert answer.headers["Location"] == f"/courses/start/?registered={patient.public_id}"
    assert (patient.mrn, patient.family, patient.sex) == ("4711", "Zander", "female")
    assert patient.history.get().history_user.username == "nurse"


def test_whoever_came_from_starting_a_course_goes_on_with_the_patient_chosen(nurse: Client) -> None:
    answer = nurse.post(ADDRESS, SAID | {"next": "/courses/start/?q=Zan"}, follow=True)
    patient = Patient.objects.get()
    assert answer.redirect_chain[-1] == (f"/courses/start/{patient.public_id}/", 302)
    page = text(answer)
    assert "The patient is registered." in page
    assert "Zander" in page
    assert 'name="protocol_id"' in page


@pytest.mark.parametrize("named", ["", "nobody", "00000000-0000-4000-8000-000000000000"])
def test_nobody_is_chosen_who_is_not_registered(nurse: Client, named: str) -> None:
    page = nurse.get("/courses/start/", {"registered": named})
    assert page.status_code == 200
    assert "For whom?" in text(page)


def test_without_a_place_to_go_back_to_the_patients_page_follows_and_never_another_site(
    nurse: Client,
) -> None:
    answer = nurse.post(ADDRESS, SAID | {"next": "https://evil.example/"})
    assert answer.headers["Location"] == f"/admin/labs/patient/{Patient.objects.get().pk}/change/"


def test_the_authority_that_most_numbers_have_is_offered(nurse: Client) -> None:
    known(mrn="1", assigning_authority="NORTH")
    assert 'value="NORTH"' in text(nurse.get(ADDRESS))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"mrn": ""}, "Patient number"),
        ({"family": " "}, "Family name"),
        ({"sex": ""}, "Sex"),
        ({"birth_date": "2999-01-01"}, "lies in the future"),
        ({"birth_date": "30.11."}, "Birth date"),
    ],
)
def test_what_is_missing_or_cannot_be_is_named_and_what_was_typed_stays(
    nurse: Client, changes: dict[str, str], words: str
) -> None:
    answer = nurse.post(ADDRESS, SAID | changes)
    assert answer.status_code == 400
    assert "Nothing was registered." in text(answer)
    assert words in text(answer)
    assert 'value="Testina"' in text(answer)
    assert not Patient.objects.exists()


@pytest.mark.hazard("HZ-13")
def test_somebody_who_looks_like_a_known_patient_is_compared_first(nurse: Client) -> None:
    known(mrn="0815", given="Testine")
    shown = nurse.post(ADDRESS, SAID)
    assert shown.status_code == 409
    assert "Zander, Testine" in text(shown)
    assert "no. 0815" in text(shown)
    assert Patient.objects.count() == 1
    assert nurse.post(ADDRESS, SAID | {"is_another": "on"}).status_code == 302
    assert Patient.objects.count() == 2


def test_the_same_number_is_registered_once_and_a_button_pressed_twice_answers_alike(nurse: Client) -> None:
    assert nurse.post(ADDRESS, SAID).status_code == 302
    assert nurse.post(ADDRESS, SAID).status_code == 302
    other = nurse.post(ADDRESS, SAID | {"family": "Quast", "given": "Erna", "birth_date": "1940-01-01"})
    assert other.status_code == 400
    assert Patient.objects.count() == 1


def test_two_who_register_the_same_number_at_once_are_told_and_nothing_fails(
    nurse: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    known(family="Quast", given="Erna")
    # The other one's row came between the look and the writing.
    monkeypatch.setattr(Patient, "full_clean", lambda self: None)
    answer = nurse.post(ADDRESS, SAID | {"birth_date": "1931-05-17"})
    assert answer.status_code == 400
    assert "registered a moment ago" in text(answer)
    assert Patient.objects.count() == 1


def test_who_may_not_register_does_not(person: Person) -> None:
    for role in ("pharmacist", "physicist", "auditor"):
        client = Client()
        client.force_login(person(role))
        assert client.get(ADDRESS).status_code == 403
        assert client.post(ADDRESS, SAID).status_code == 403
    assert not Patient.objects.exists()


def test_starting_a_course_leads_there(nurse: Client) -> None:
    page = text(nurse.get("/courses/start/?q=Nobody"))
    assert f'href="{ADDRESS}?next=/courses/start/"' in page
    assert "under Patients" not in page
