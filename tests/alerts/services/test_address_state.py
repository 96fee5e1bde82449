"""An address that refused mail, or from which mail came back, is known as such until a mail arrives there."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from alerts.models import DeliveryAttempt, DeliveryReport, Notification
from alerts.services.address_state import CAME_BACK, FOREIGN, REFUSED, unreached
from tests.builders_alerts import NOW, make_alert, make_person

pytestmark = pytest.mark.django_db
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def person() -> User:
    return make_person("oncall1", "on-call")


def letter(person: User, outcome: str, at: datetime, *, returned: datetime | None = None) -> None:
    """One more mail to somebody, how handing it over went, and when it came back."""
    mail = Notification.objects.filter(person=person, endpoint=person.email).first()
    if mail is None:
        mail = make_alert(now=NOW).notifications.get(person=person)
    made = DeliveryAttempt.objects.create(
        notification=mail, n=mail.attempts.count() + 1, started_at=at, finished_at=at, outcome=outcome
    )
    if returned:
        DeliveryReport.objects.create(
            sha256=f"{made.pk:064}", kind="bounced", attempt=made, status="5.1.1", received_at=returned
        )


def state(person: User, at: datetime) -> tuple[str, datetime | None] | None:
    found = unreached([person], now=at).get(person.pk)
    return (found.why, found.since) if found else None


@pytest.mark.parametrize("outcome", ["accepted", "temporary", "unknown", "withdrawn"])
def test_what_is_no_refusal_says_nothing_of_an_address(person: User, outcome: str) -> None:
    letter(person, outcome, NOW)
    assert state(person, NOW + HOUR) is None


def test_a_refusal_stands_from_the_first_one_on_until_a_mail_is_taken(person: User) -> None:
    letter(person, "permanent", NOW)
    letter(person, "permanent", NOW + 5 * MINUTE)
    assert state(person, NOW + 400 * 24 * HOUR) == (REFUSED, NOW)
    letter(person, "accepted", NOW + 6 * MINUTE)
    assert state(person, NOW + 7 * MINUTE) is None
    letter(person, "permanent", NOW + 8 * MINUTE)
    assert state(person, NOW + 9 * MINUTE) == (REFUSED, NOW + 8 * MINUTE)


def test_where_mail_came_back_a_server_that_takes_the_next_one_proves_nothing_for_an_hour(
    person: User,
) -> None:
    letter(person, "accepted", NOW, returned=NOW + MINUTE)
    assert state(person, NOW + 2 * MINUTE) == (CAME_BACK, NOW + MINUTE)
    letter(person, "accepted", NOW + 3 * MINUTE)
    assert state(person, NOW + 62 * MINUTE) == (CAME_BACK, NOW + MINUTE)
    assert state(person, NOW + 63 * MINUTE) is None


def test_every_mail_that_comes_back_keeps_the_first_day_it_began(person: User) -> None:
    for hours in range(3):
        letter(person, "accepted", NOW + hours * HOUR, returned=NOW + hours * HOUR + MINUTE)
    assert state(person, NOW + 24 * HOUR) == (CAME_BACK, NOW + MINUTE)


def test_another_address_is_another_matter(person: User) -> None:
    letter(person, "permanent", NOW)
    person.email = "mended@clinic.example"
    person.save()
    assert state(person, NOW + MINUTE) is None


def test_an_address_outside_the_clinics_domains_is_never_mailed(person: User, settings: Any) -> None:
    settings.MAIL_DOMAINS = ("hospital.example",)
    assert state(person, NOW) == (FOREIGN, None)


def test_the_number_of_queries_does_not_follow_the_people_or_their_mails(person: User) -> None:
    people = [person]

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            unreached(people, now=NOW + HOUR)
        return len(queries)

    assert cost() == 2
    for number in range(2, 6):
        people.append(make_person(f"oncall{number}", "on-call"))
    for each in people:
        letter(each, "permanent", NOW)
        letter(each, "accepted", NOW)
    assert cost() == 3
