"""The inbox: filters that stand in the address, counts that lead where they say, pages without gaps."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from alerts.inbox import PAGE, BadFilter, Filters, filters_from, inbox, open_criticals, readable, reads_some
from alerts.models import Alert
from alerts.rules import Kind
from alerts.services.raising import close
from tests.builders_acts import hold_alert, make_staff, take
from tests.builders_alerts import NOW, make_alert, make_person

pytestmark = pytest.mark.django_db


@pytest.fixture
def nurse() -> User:
    make_staff()
    return make_person("nora", "nurse", "on-call")


@pytest.fixture
def alerts(nurse: User) -> dict[str, Alert]:
    """One of each state, of three kinds."""
    made = {
        "open": make_alert(),
        "mine": make_alert(kind=Kind.HOLD),
        "cleared": make_alert(kind=Kind.REDUCE),
        "closed": make_alert(kind=Kind.HOLD),
    }
    make_person("robot", "canary")
    make_alert(kind=Kind.CANARY)
    take(made["mine"], nurse)
    Alert.objects.filter(pk=made["cleared"].pk).update(state="cleared_unacked")
    close(made["closed"], why="test", now=NOW)
    return made


def shown(person: User, **filters: str) -> set[int]:
    return {alert.pk for alert in inbox(person=person, filters=filters_from(filters)).alerts}


def test_each_filter_leaves_what_it_says(nurse: User, alerts: dict[str, Alert]) -> None:
    def keys(*names: str) -> set[int]:
        return {alerts[name].pk for name in names}

    assert shown(nurse) == keys("open", "mine", "cleared")
    assert shown(nurse, state="all") == keys("open", "mine", "cleared", "closed")
    assert shown(nurse, state="open") == keys("open")
    assert shown(nurse, state="cleared_unacked") == keys("cleared")
    assert shown(nurse, severity="1") == keys("open")
    assert shown(nurse, kind="hold") == keys("mine")
    assert shown(nurse, kind="hold", state="closed") == keys("closed")
    assert shown(nurse, mine="yes") == keys("mine")
    assert shown(nurse, role="on-call") == keys("open", "mine", "cleared")
    assert shown(nurse, role="administrator") == set()


def test_every_count_is_the_number_of_alerts_its_link_leads_to(nurse: User, alerts: dict[str, Alert]) -> None:
    for filters in (
        Filters(),
        Filters(state="all"),
        Filters(kind="hold"),
        Filters(severity="1", role="physician"),
    ):
        for facet in inbox(person=nurse, filters=filters).facets:
            for choice in facet.choices:
                sent = {name: values[0] for name, values in parse_qs(urlsplit(choice.address).query).items()}
                if choice.count is not None:
                    assert len(shown(nurse, **sent)) == choice.count, (facet.title, choice)


def test_pages_follow_each_other_without_gap_or_repeat_while_new_alerts_come(nurse: User) -> None:
    made = [hold_alert(now=NOW + timedelta(minutes=number // 3)) for number in range(2 * PAGE + 3)]
    first = inbox(person=nurse, filters=Filters())
    make_alert(now=NOW + timedelta(days=1))
    found, more = list(first.alerts), first.more
    while more:
        sent = {name: values[0] for name, values in parse_qs(more.removeprefix("?")).items()}
        page = inbox(person=nurse, filters=filters_from(sent))
        found, more = [*found, *page.alerts], page.more
    assert len(found) == len({alert.pk for alert in found}) == len(made)
    order = [(alert.severity, -alert.raised_at.timestamp(), -alert.pk) for alert in found]
    assert order == sorted(order)


@pytest.mark.parametrize(
    "sent",
    [
        {"state": "gone"},
        {"severity": "0"},
        {"severity": "²"},
        {"kind": "nothing"},
        {"role": "stranger"},
        {"mine": "no"},
        {"after": "x"},
        {"after": "1~2026-05-04T08:00:00~5"},
        {"after": "1~2026-05-04T08:00:00+00:00~99999999999999999999"},
    ],
)
def test_a_filter_that_is_none_is_refused_by_name(nurse: User, sent: dict[str, str]) -> None:
    with pytest.raises(BadFilter, match=next(iter(sent))):
        inbox(person=nurse, filters=filters_from(sent))


def test_the_number_of_queries_stays_the_same_however_many_stand(nurse: User) -> None:
    def asked() -> int:
        person = User.objects.get(pk=nurse.pk)
        with CaptureQueriesContext(connection) as queries:
            list(inbox(person=person, filters=Filters()).alerts)
        return len(queries)

    make_alert()
    few = asked()
    for _ in range(PAGE + 5):
        hold_alert()
    assert asked() == few <= 12


@pytest.mark.parametrize(
    ("role", "kinds"),
    [
        ("nurse", {"delay", "recall-unanswered", "deviation", "address-refused"}),
        ("auditor", {"delay", "recall-unanswered", "deviation", "address-refused"}),
        ("pharmacist", {"recall-unanswered"}),
        ("physicist", {"deviation"}),
        ("administrator", {"address-refused"}),
        ("lab-feed", set()),
    ],
)
def test_each_role_finds_what_it_may_read(role: str, kinds: set[str]) -> None:
    make_staff()
    for kind in ("delay", "recall-unanswered", "deviation", "address-refused"):
        make_alert(kind=Kind(kind))
    person = make_person("somebody", role)
    assert set(readable(person).values_list("kind", flat=True)) == kinds
    assert reads_some(person) is bool(kinds)


def test_open_criticals_are_counted_with_those_that_nobody_has(nurse: User) -> None:
    assert open_criticals(nurse) == {"standing": 0, "unheld": 0}
    one, _two, over = make_alert(), make_alert(), make_alert()
    hold_alert()
    take(one, nurse)
    close(over, why="test", now=NOW)
    assert open_criticals(nurse) == {"standing": 2, "unheld": 1}


@pytest.mark.parametrize(
    ("role", "told"), [("pharmacist", Kind.RECALL_UNANSWERED), ("physicist", Kind.DEVIATION)]
)
def test_the_first_page_shows_each_role_the_alerts_that_it_may_take_over(
    client: Client, role: str, told: Kind
) -> None:
    make_staff()
    person = make_person(f"{role}9", role)
    person.is_staff = True
    person.save()
    theirs, another = make_alert(kind=told), make_alert(kind=Kind.DELAY)
    client.force_login(person)
    page = client.get("/admin/").content.decode()
    assert theirs.ref in page
    assert another.ref not in page
