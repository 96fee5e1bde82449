"""Recording a body weight in the browser: who may, what is asked twice, and where it leads back."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from html import unescape

import pytest
from django.contrib.auth.models import User
from django.test import Client

from labs.clinic_days import add_days, clinic_day
from labs.clock import database_now
from labs.models import BodyWeight, Patient
from labs.zones import clinic_zone
from tests.builders import make_patient

pytestmark = pytest.mark.django_db
Person = Callable[..., User]


@pytest.fixture
def patient() -> Patient:
    return make_patient()


@pytest.fixture
def nurse(person: Person) -> Client:
    client = Client()
    client.force_login(person("nurse"))
    return client


def address(patient: Patient) -> str:
    return f"/patients/{patient.public_id}/weight/"


def today() -> date:
    return clinic_day(database_now(), clinic_zone())


def test_a_nurse_records_a_weight_and_comes_back_to_the_course(nurse: Client, patient: Patient) -> None:
    form = {"kg": "71.5", "measured_on": today().isoformat(), "next": "/admin/courses/course/1/change/"}
    answer = nurse.post(address(patient), form)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/admin/courses/course/1/change/")
    recorded = BodyWeight.objects.get()
    assert (recorded.kg, recorded.measured_on, recorded.recorded_by) == (Decimal("71.5"), today(), "nurse")
    assert "71.5" in nurse.get(address(patient)).content.decode()


def test_a_large_change_is_asked_twice(nurse: Client, patient: Patient) -> None:
    nurse.post(address(patient), {"kg": "72", "measured_on": add_days(today(), -7).isoformat()})
    form = {"kg": "27", "measured_on": today().isoformat()}
    refused = nurse.post(address(patient), form)
    assert refused.status_code == 400
    assert "more than 10 % away from 72 kg" in unescape(refused.content.decode())
    assert BodyWeight.objects.count() == 1
    assert nurse.post(address(patient), {**form, "confirmed": "on"}).status_code == 302
    assert BodyWeight.objects.count() == 2


@pytest.mark.parametrize(
    ("kg", "asked"), [("79.2", False), ("79.21", True), ("64.8", False), ("64.79", True)]
)
def test_exactly_ten_percent_is_not_asked(nurse: Client, patient: Patient, kg: str, asked: bool) -> None:
    nurse.post(address(patient), {"kg": "72", "measured_on": add_days(today(), -7).isoformat()})
    answer = nurse.post(address(patient), {"kg": kg, "measured_on": today().isoformat()})
    assert (answer.status_code == 400) is asked


@pytest.mark.parametrize(
    ("kg", "days", "words"),
    [
        ("72", 1, "lies in the future"),
        ("0", 0, "greater than or equal to 0.01"),
        ("-5", 0, "greater than or equal to 0.01"),
        ("seventy", 0, "Enter a number"),
        ("", 0, "required"),
    ],
)
def test_what_cannot_be_is_refused_at_its_field_and_keeps_what_was_typed(
    nurse: Client, patient: Patient, kg: str, days: int, words: str
) -> None:
    day = add_days(today(), days).isoformat()
    answer = nurse.post(address(patient), {"kg": kg, "measured_on": day})
    assert answer.status_code == 400
    text = unescape(answer.content.decode())
    assert words in text
    assert f'value="{day}"' in text
    assert not BodyWeight.objects.exists()


@pytest.mark.parametrize("role", ["pharmacist", "physicist", "auditor", "administrator"])
def test_other_roles_record_none(person: Person, patient: Patient, role: str) -> None:
    client = Client()
    client.force_login(person(role))
    for answer in (client.get(address(patient)), client.post(address(patient), {"kg": "72"})):
        assert answer.status_code == 403
    assert not BodyWeight.objects.exists()


def test_a_stranger_is_sent_to_the_log_in(client: Client, patient: Patient) -> None:
    answer = client.get(address(patient))
    assert answer.status_code == 302
    assert "/accounts/login/" in answer.headers["Location"]


def test_it_leads_back_to_this_site_only(nurse: Client, patient: Patient) -> None:
    form = {"kg": "72", "measured_on": today().isoformat(), "next": "https://elsewhere.example/"}
    assert nurse.post(address(patient), form).headers["Location"] == address(patient)


def test_looking_records_nothing(nurse: Client, patient: Patient) -> None:
    assert nurse.get(f"{address(patient)}?kg=72&measured_on=2026-01-01").status_code == 200
    assert not BodyWeight.objects.exists()
