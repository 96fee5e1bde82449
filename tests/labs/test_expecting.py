"""What is expected of a source comes from optional columns of the set-up files; pages say who is silent."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from labs.models import CsvFeed, ExpectedTraffic, LabMessage, Sender
from labs.services import SetupRefused, load_setup
from labs.services.canary_lab import CANARY_SENDER, make_canary_patient
from labs.services.feeds import feed_states, silent_feeds, unwatched_sources
from labs.traffic import Quiet
from tests.builders_labs import make_feed, make_sender

pytestmark = pytest.mark.django_db

FROZEN = "sender,msh3,msh4,tz,default_charset,bare_mrn_ok"
EXPECTING = f"{FROZEN},expect_days,expect_hours,expect_not_on,silent_warn_hours,silent_critical_hours"
ROW = "central-lab,LAB,HOSPITAL,Europe/Berlin,UTF-8,false"
FEED_HEADER = (
    "feed,layout,encoding,delimiter,decimal,datetime,date,tz,codes,"
    "expect_days,expect_hours,expect_not_on,silent_warn_hours,silent_critical_hours"
)
MONDAY = datetime(2026, 5, 4, 6, 0, tzinfo=UTC)  # 08:00 in Berlin


def load(*lines: str, name: str = "senders.csv") -> list[str]:
    """The states of the rows of one file."""
    return [row.state for row in load_setup(files={name: "\n".join(lines).encode()})]


def refusal(*lines: str) -> str:
    with pytest.raises(SetupRefused) as refused:
        load(*lines)
    return " ".join(row.reason for row in refused.value.rows)


def expect(source: Sender | CsvFeed, *, set_up_at: datetime = MONDAY, **facts: Any) -> ExpectedTraffic:
    """Weekdays from 7 to 17; a warning after 4 working hours, critical after 10."""
    given = {"days": "mon,tue,wed,thu,fri", "hours": "07:00-17:00", "warn_hours": 4, "critical_hours": 10}
    link = {"sender" if isinstance(source, Sender) else "feed": source}
    return ExpectedTraffic.objects.create(**link, set_up_at=set_up_at, **(given | facts))


def message_from(source: str, at: datetime) -> None:
    LabMessage.objects.create(
        door="mllp", sender=source, msh3=source, control_id=f"{at}", sha256="0", body=b"MSH|", received_at=at
    )


def test_the_frozen_header_keeps_working_and_expects_nothing() -> None:
    assert load(FROZEN, ROW) == ["created"]
    assert not ExpectedTraffic.objects.exists()
    assert unwatched_sources() == ("central-lab",)


def test_the_optional_columns_declare_change_and_end_an_expectation() -> None:
    assert load(EXPECTING, f"{ROW},mon-fri,07:00-17:00,2026-12-25 2026-05-14,4,10") == ["created"]
    found = ExpectedTraffic.objects.get()
    assert (found.source, found.days, found.hours) == ("central-lab", "mon,tue,wed,thu,fri", "07:00-17:00")
    assert (found.closed_on, found.warn_hours, found.critical_hours) == ("2026-05-14 2026-12-25", 4, 10)
    assert unwatched_sources() == ()

    assert load(EXPECTING, f"{ROW},mon-fri,07:00-17:00,2026-05-14 2026-12-25,4,10") == ["unchanged"]
    assert load(EXPECTING, f"{ROW},mon-sat,07:00-17:00,,4,12") == ["updated"]
    assert ExpectedTraffic.objects.get().set_up_at == found.set_up_at
    # A file without the columns says nothing of it.
    assert load(FROZEN, ROW) == ["unchanged"]
    assert ExpectedTraffic.objects.exists()
    assert load(EXPECTING, f"{ROW},,,,,") == ["updated"]
    assert not ExpectedTraffic.objects.exists()
    assert ExpectedTraffic.history.count() == 3  # declared, changed, ended


def test_a_feed_is_expected_in_the_same_way() -> None:
    row = "csv-lab,long,utf-8,comma,.,iso,iso,Europe/Berlin,LOINC,mon-fri,00:00-24:00,,24,48"
    assert load(FEED_HEADER, row, name="csv_feeds.csv") == ["created"]
    assert ExpectedTraffic.objects.get().source == "csv-lab"


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ("mon-fri,,,4,10", "expect_hours: fill in"),
        ("mo-fr,07:00-17:00,,4,10", "expect_days: 'mo-fr' names no days"),
        ("mon-fri,7-17,,4,10", "expect_hours: '7-17' is not a span of hours"),
        ("mon-fri,07:00-17:00,25.12.2026,4,10", "expect_not_on is '25.12.2026'"),
        ("mon-fri,07:00-17:00,,0,10", "silent_warn_hours is '0'"),
        ("mon-fri,07:00-17:00,,4,ten", "silent_critical_hours is 'ten'"),
        ("mon-fri,07:00-17:00,,10,10", "the warning must come before the critical limit"),
    ],
)
def test_an_expectation_that_cannot_be_followed_is_refused_with_its_column(cells: str, words: str) -> None:
    assert words in refusal(EXPECTING, f"{ROW},{cells}")
    assert not Sender.objects.exists()


def test_some_of_the_optional_columns_are_not_enough() -> None:
    text = refusal(f"{FROZEN},expect_days", f"{ROW},mon-fri")
    assert "stand together: give all of them or none" in text
    assert "silent_critical_hours" in text


def test_the_state_of_each_source_follows_its_newest_message() -> None:
    expect(make_sender())
    expect(make_feed())
    message_from("central-lab", MONDAY)
    message_from("central-lab", MONDAY - timedelta(days=3))
    states = {
        state.source: state.silence for state in feed_states(now=MONDAY + timedelta(hours=4, seconds=-1))
    }
    assert states["central-lab"].quiet is Quiet.IN_TIME
    assert (states["central-lab"].since, states["central-lab"].started) == (MONDAY, True)
    assert (states["csv-lab"].since, states["csv-lab"].started) == (MONDAY, False)
    late = silent_feeds(now=MONDAY + timedelta(hours=4))
    assert [(each.source, each.is_critical) for each in late] == [("central-lab", False), ("csv-lab", False)]
    message_from("central-lab", MONDAY + timedelta(hours=8))
    critical = silent_feeds(now=MONDAY + timedelta(hours=25))
    assert [(each.source, each.is_critical) for each in critical] == [("csv-lab", True)]


def test_the_question_costs_one_query_for_any_number_of_sources_and_messages(
    django_assert_num_queries: Callable[[int], Any],
) -> None:
    for number in range(12):
        expect(make_sender(name=f"lab-{number}", msh3=f"LAB{number}"))
        for step in range(5):
            message_from(f"lab-{number}", MONDAY + timedelta(minutes=step))
    with django_assert_num_queries(1):
        assert len(feed_states(now=MONDAY)) == 12


def test_the_sender_of_the_hourly_trial_is_not_one_that_somebody_has_to_watch() -> None:
    make_canary_patient(now=MONDAY)
    assert Sender.objects.get().name == CANARY_SENDER
    assert unwatched_sources() == ()


@pytest.mark.parametrize(
    "facts",
    [
        {"warn_hours": 10},
        {"warn_hours": 0},
        {"days": ""},
        {"hours": ""},
    ],
)
def test_the_database_refuses_an_expectation_that_is_not_whole(facts: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        expect(make_sender(), **facts)


def test_the_database_refuses_an_expectation_of_nothing_and_of_two_things() -> None:
    fine = {"days": "mon", "hours": "07:00-17:00", "warn_hours": 4, "critical_hours": 10, "set_up_at": MONDAY}
    with pytest.raises(IntegrityError), transaction.atomic():
        ExpectedTraffic.objects.create(**fine)
    with pytest.raises(IntegrityError), transaction.atomic():
        ExpectedTraffic.objects.create(**fine, sender=make_sender(), feed=make_feed())


def test_days_that_do_not_exist_are_refused_before_they_are_kept() -> None:
    row = ExpectedTraffic(
        sender=make_sender(),
        days="mon",
        hours="25:00-26:00",
        warn_hours=4,
        critical_hours=10,
        set_up_at=MONDAY,
    )
    with pytest.raises(ValidationError, match="span of hours"):
        row.full_clean()
