"""A list of any length shows its first rows and says when there are more; its filters read no table."""

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from labs import long_list
from labs.admin import PatientAdmin
from labs.models import Patient
from tests.builders_labs import make_patient, make_sender, message, obr, obx, receive

pytestmark = pytest.mark.django_db
MORE = "There are more."


@pytest.fixture
def reader(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("everything"))
    return client


def page_of(reader: Client, address: str) -> str:
    return reader.get(address).content.decode()


def test_a_list_says_when_only_its_first_rows_can_be_turned_to(
    reader: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(long_list, "MOST", 3)
    monkeypatch.setattr(PatientAdmin, "list_per_page", 2)
    patients = reverse("admin:labs_patient_changelist")
    for number in range(3):
        make_patient(mrn=f"A{number}", family=f"Name{number}")
    assert MORE not in page_of(reader, patients)
    make_patient(mrn="A3", family="Name3")
    assert MORE in page_of(reader, patients)
    last = page_of(reader, f"{patients}?p=2")
    assert "Name2" in last
    assert "Name3" not in last
    assert "Name3" in page_of(reader, f"{patients}?q=Name3")


def test_only_as_many_rows_are_counted_as_can_be_turned_to(
    reader: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(long_list, "MOST", 3)
    with CaptureQueriesContext(connection) as captured:
        page_of(reader, reverse("admin:courses_order_changelist"))
    [count] = [
        each["sql"]
        for each in captured.captured_queries
        if "COUNT(" in each["sql"] and "courses_order" in each["sql"]
    ]
    assert "LIMIT 4" in count


@pytest.mark.parametrize(
    ("table", "field", "offered"),
    [
        ("labs_result", "analyte", ["CREA", "PLT"]),
        ("courses_decision", "action", ["proceed", "stop"]),
        ("courses_course", "current_decision__action", ["proceed", "stop"]),
    ],
)
def test_filters_offer_known_words_without_reading_the_table(
    reader: Client, table: str, field: str, offered: list[str]
) -> None:
    with CaptureQueriesContext(connection) as captured:
        page = page_of(reader, reverse(f"admin:{table}_changelist"))
    assert all(f"?{field}={word}" in page for word in offered)
    assert not [each for each in captured.captured_queries if "DISTINCT" in each["sql"]]


def test_a_filter_by_a_known_word_finds_its_rows(reader: Client) -> None:
    make_sender()
    make_patient()
    receive(message(obr(), obx("60"), control_id="A"))
    results = reverse("admin:labs_result_changelist")
    [analyte] = set(Patient.objects.get().results.values_list("analyte", flat=True))
    assert "born" in page_of(reader, f"{results}?analyte={analyte}")
    assert "born" not in page_of(reader, f"{results}?analyte=CREA")
