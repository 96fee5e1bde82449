"""The first page tells every role who has fallen silent, in words and with an icon; operations are warned."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from labs.clock import database_now
from labs.models import ExpectedTraffic, LabMessage
from tests.builders_labs import make_feed, make_sender

pytestmark = pytest.mark.django_db
Person = Callable[..., User]


def expect(*, silent_for: timedelta, started: bool = True) -> None:
    """A laboratory that works round the clock: a warning after 4 hours, critical after 10."""
    since = database_now() - silent_for
    ExpectedTraffic.objects.create(
        sender=make_sender(),
        days="mon,tue,wed,thu,fri,sat,sun",
        hours="00:00-24:00",
        warn_hours=4,
        critical_hours=10,
        set_up_at=since,
    )
    if started:
        LabMessage.objects.create(
            door="mllp", sender="central-lab", msh3="L", sha256="0", body=b"MSH|", received_at=since
        )


def first_page(client: Client, person: User) -> str:
    client.force_login(person)
    return client.get("/admin/").content.decode()


@pytest.mark.parametrize(
    "role", ["nurse", "physician", "on-call", "pharmacist", "physicist", "auditor", "administrator"]
)
def test_every_role_sees_the_banner(role: str, client: Client, person: Person) -> None:
    expect(silent_for=timedelta(hours=5))
    page = first_page(client, person(role))
    assert "Warning: no message from central-lab since" in page
    assert "priority_high" in page


def test_at_the_critical_limit_word_and_icon_change(client: Client, person: Person) -> None:
    expect(silent_for=timedelta(hours=10))
    page = first_page(client, person("nurse"))
    assert "Critical: no message from central-lab since" in page
    assert "e911_emergency" in page


def test_a_source_that_never_sent_anything_is_said_to_be_silent(client: Client, person: Person) -> None:
    expect(silent_for=timedelta(hours=5), started=False)
    assert "no message from central-lab has ever come" in first_page(client, person("nurse"))


def test_a_source_in_time_shows_no_banner(client: Client, person: Person) -> None:
    expect(silent_for=timedelta(hours=3))
    page = first_page(client, person("nurse"))
    assert "no message from" not in page
    assert "nobody is told" not in page


@pytest.mark.parametrize(("role", "shown"), [("nurse", True), ("administrator", True), ("pharmacist", False)])
def test_sources_without_an_expectation_are_named(
    role: str, shown: bool, client: Client, person: Person
) -> None:
    make_sender()
    make_feed()
    page = first_page(client, person(role))
    words = "No expected traffic is set up for central-lab, csv-lab: if it falls silent, nobody is told."
    assert (words in page) is shown


def test_operations_are_warned_without_a_name_and_the_service_stays_ready(client: Client) -> None:
    expect(silent_for=timedelta(hours=5))
    answer: Any = client.get("/health/ready")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")
    assert answer.json()["warnings"] == ["laboratory: 1 source(s) silent for longer than expected"]
    assert "central-lab" not in answer.content.decode()
