"""Where people are told is changed in the browser by those who answer for it, and by nobody else."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from alerts.models import PushAddress
from prrt_clinic.roles import roles

pytestmark = pytest.mark.django_db
NEW = "admin:alerts_pushaddress_add"
SECRET = "topsecrettoken"
OTHERS = sorted(
    role.name for role in roles().values() if role.kind == "person" and role.name != "administrator"
)


@pytest.fixture
def browser(person: Callable[..., User]) -> Client:
    """The administrator's."""
    client = Client()
    client.force_login(person("administrator"))
    return client


@pytest.fixture
def nurse(person: Callable[..., User]) -> User:
    return person("nurse")


def page_of(user: User) -> str:
    return reverse("admin:auth_user_change", args=[user.pk])


def words(response: Any) -> str:
    return str(response.content.decode())


@pytest.mark.hazard("HZ-71")
def test_an_address_of_a_foreign_domain_is_refused_in_words_and_nothing_is_stored(
    browser: Client, nurse: User, settings: Any
) -> None:
    settings.MAIL_DOMAINS = ["clinic.example"]
    answer = browser.post(page_of(nurse), {"email": "nurse@elsewhere.example"})
    assert answer.status_code == 200
    assert "Alerts are mailed to addresses of clinic.example only" in words(answer)
    assert "MAIL_DOMAINS" in words(answer)
    nurse.refresh_from_db()
    assert nurse.email == ""


def test_an_address_of_the_clinic_is_stored_and_who_changed_it_is_noted(
    browser: Client, nurse: User, settings: Any
) -> None:
    settings.MAIL_DOMAINS = ["clinic.example"]
    answer = browser.post(page_of(nurse), {"email": "nurse@clinic.example"})
    assert answer.status_code == 302
    nurse.refresh_from_db()
    assert nurse.email == "nurse@clinic.example"
    entry = LogEntry.objects.get()
    assert (entry.user.username, entry.object_id) == ("administrator", str(nurse.pk))


def test_nobody_is_left_without_an_address(browser: Client, nurse: User) -> None:
    User.objects.filter(pk=nurse.pk).update(email="nurse@clinic.example")
    assert "told of no alert" in words(browser.post(page_of(nurse), {"email": ""}))
    nurse.refresh_from_db()
    assert nurse.email == "nurse@clinic.example"


def test_the_form_gives_no_right_whatever_is_sent(browser: Client, nurse: User) -> None:
    sent = {"email": "nurse@clinic.example", "is_superuser": "on", "is_staff": "", "username": "root"}
    assert browser.post(page_of(nurse), sent | {"groups": ["1", "2"]}).status_code == 302
    before = (nurse.username, list(nurse.groups.values_list("name", flat=True)))
    nurse = User.objects.get(pk=nurse.pk)
    assert (nurse.username, list(nurse.groups.values_list("name", flat=True))) == before
    assert (nurse.is_superuser, nurse.is_staff) == (False, True)


@pytest.mark.parametrize("role", OTHERS)
def test_no_other_role_changes_where_people_are_told(
    role: str, person: Callable[..., User], settings: Any
) -> None:
    settings.PUSH_SERVICES = ["json"]
    other, target = person(role, username="other"), person("nurse", username="target")
    client = Client()
    client.force_login(other)
    assert client.post(page_of(target), {"email": "a@b.example"}).status_code == 403
    sent = {"person": target.pk, "url": "json://127.0.0.1/x"}
    assert client.post(reverse(NEW), sent).status_code == 403
    target.refresh_from_db()
    assert target.email == ""
    assert not PushAddress.objects.exists()


def test_a_push_address_is_begun_shown_without_its_secret_and_ended(
    browser: Client, nurse: User, settings: Any
) -> None:
    settings.PUSH_SERVICES = ["json"]
    url = f"json://user:{SECRET}@127.0.0.1/{SECRET}"
    assert browser.get(reverse(NEW)).status_code == 200
    assert browser.post(reverse(NEW), {"person": nurse.pk, "url": url}).status_code == 302
    made = PushAddress.objects.get()
    assert (made.person, made.service, made.made_by.username) == (nurse, "json", "administrator")
    page = reverse("admin:alerts_pushaddress_change", args=[made.pk])
    for shown in (browser.get(page), browser.get(reverse("admin:alerts_pushaddress_changelist"))):
        assert "json" in words(shown)
        assert SECRET not in words(shown)
        assert made.encrypted_url not in words(shown)
    assert "Tick the box" in words(browser.post(page, {}))
    made.refresh_from_db()
    assert made.ended_at is None
    assert browser.post(page, {"stop": "on"}).status_code == 302
    made.refresh_from_db()
    assert made.ended_at is not None
    assert made.ended_by is not None
    assert SECRET not in str(list(LogEntry.objects.values()))
    assert browser.post(page, {"stop": "on"}).status_code == 403  # it is over


def test_a_push_address_of_no_named_service_is_refused_in_words(
    browser: Client, nurse: User, settings: Any
) -> None:
    settings.PUSH_SERVICES = ["json"]
    answer = browser.post(reverse(NEW), {"person": nurse.pk, "url": "ntfys://host/topic"})
    assert "Begin the address with one of json://" in words(answer)
    settings.PUSH_SERVICES = []
    answer = browser.post(reverse(NEW), {"person": nurse.pk, "url": "ntfys://host/topic"})
    assert "PUSH_SERVICES" in words(answer)
    assert not PushAddress.objects.exists()


def test_the_auditor_reads_what_came_back(person: Callable[..., User]) -> None:
    client = Client()
    client.force_login(person("auditor"))
    assert client.get(reverse("admin:alerts_deliveryreport_changelist")).status_code == 200
    assert client.get(reverse("admin:alerts_pushaddress_changelist")).status_code == 200
    client.force_login(person("physician"))
    assert client.get(reverse("admin:alerts_deliveryreport_changelist")).status_code == 403
