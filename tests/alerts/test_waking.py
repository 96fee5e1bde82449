"""What wakes somebody: the hours over nights, weekends, holidays and clock changes; how near is near."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.waking import HoursPolicy, Lead, Office, is_near, tell_at
from labs.traffic import WorkingTime

BERLIN = ZoneInfo("Europe/Berlin")
# Christmas on Friday and Saturday; Good Friday and Easter Monday, with the clocks put forward in between.
CLOSED = frozenset({date(2026, 12, 25), date(2026, 12, 26), date(2027, 3, 26), date(2027, 3, 29)})


def made(
    zone: ZoneInfo = BERLIN, *, closed_on: frozenset[date] = CLOSED, opens: int = 8, longest: int = 120
) -> Office:
    return Office(
        hours=HoursPolicy(
            working=WorkingTime(
                days=frozenset(range(5)), opens=opens * 60, closes=18 * 60, closed_on=closed_on
            ),
            therapy_margin=timedelta(hours=24),
            vial_margin=timedelta(hours=4),
            longest_wait=timedelta(hours=longest),
        ),
        zone=zone,
    )


OFFICE = made()


def local(text: str, zone: ZoneInfo = BERLIN) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


@pytest.mark.parametrize(
    ("due", "told"),
    [
        # Within the hours: at once, the opening minute too, the closing minute not.
        ("2026-05-04T08:00", "2026-05-04T08:00"),
        ("2026-05-04T17:59:59", "2026-05-04T17:59:59"),
        ("2026-05-04T18:00", "2026-05-05T08:00"),
        ("2026-05-04T07:59:59", "2026-05-04T08:00"),
        # Nights and weekends.
        ("2026-05-05T03:00", "2026-05-05T08:00"),
        ("2026-05-08T18:00", "2026-05-11T08:00"),
        ("2026-05-09T12:00", "2026-05-11T08:00"),
        # The nights in which clocks are put forward and back: the wall's eight o'clock counts.
        ("2026-03-27T20:00", "2026-03-30T08:00"),
        ("2026-03-29T01:59", "2026-03-30T08:00"),
        ("2026-10-25T02:30", "2026-10-26T08:00"),
        ("2026-10-23T18:00", "2026-10-26T08:00"),
        # Holidays in a row with a weekend.
        ("2026-12-24T18:00", "2026-12-28T08:00"),
        ("2026-12-25T10:00", "2026-12-28T08:00"),
        ("2027-03-25T18:00", "2027-03-30T08:00"),
    ],
)
def test_what_wakes_nobody_is_told_within_the_hours_or_on_the_next_working_morning(
    due: str, told: str
) -> None:
    assert tell_at(local(due), wakes=False, office=OFFICE) == local(told)
    assert tell_at(local(due), wakes=True, office=OFFICE) == local(due)


def test_a_night_in_which_the_clocks_change_is_an_hour_shorter_or_longer() -> None:
    spring = tell_at(local("2026-03-28T20:00"), wakes=False, office=made(closed_on=frozenset()))
    autumn = tell_at(local("2026-10-24T20:00"), wakes=False, office=made(closed_on=frozenset()))
    assert spring - local("2026-03-28T20:00") == timedelta(hours=35)
    assert autumn - local("2026-10-24T20:00") == timedelta(hours=37)


def test_hours_that_begin_at_midnight_begin_where_the_day_does() -> None:
    # In Asuncion the clocks jumped over the midnight that began Sunday, 6 October 2024.
    office = made(ZoneInfo("America/Asuncion"), opens=0)
    told = tell_at(local("2024-10-04T19:00", office.zone), wakes=False, office=office)
    assert told.astimezone(office.zone).isoformat() == "2024-10-07T00:00:00-03:00"


def test_a_calendar_that_closes_everything_silences_nothing_for_longer_than_the_longest_wait() -> None:
    always = frozenset(date(2026, 5, 1) + timedelta(days=n) for n in range(60))
    due = local("2026-05-04T10:00")
    assert tell_at(due, wakes=False, office=made(closed_on=always)) == due + timedelta(hours=120)
    short = made(longest=10)
    assert tell_at(local("2026-05-04T18:00"), wakes=False, office=short) == local("2026-05-05T04:00")


@given(
    st.integers(0, 11 * 366 * 24 * 60),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]),
)
def test_nothing_is_told_early_and_the_morning_is_within_the_hours(minutes: int, zone: str) -> None:
    office = made(ZoneInfo(zone))
    due = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    told = tell_at(due, wakes=False, office=office)
    assert told >= due
    assert office.is_open(told) or told - due == timedelta(hours=120)
    assert tell_at(told, wakes=False, office=office) == told or told - due == timedelta(hours=120)


@pytest.mark.parametrize(
    ("now", "planned_on", "near"),
    [
        # By Tuesday morning more than a day is left before Thursday begins; before Wednesday it is not.
        ("2026-05-04T20:00", date(2026, 5, 7), False),
        ("2026-05-04T20:00", date(2026, 5, 6), True),
        ("2026-05-04T10:00", date(2026, 5, 6), True),
        ("2026-05-04T10:00", date(2026, 5, 7), False),
        # It comes near at the opening of a working day, never in the night.
        ("2026-05-05T07:59:59", date(2026, 5, 7), False),
        ("2026-05-05T08:00", date(2026, 5, 7), True),
        # The weekend counts: on Friday evening the next working morning is that of the Monday.
        ("2026-05-08T20:00", date(2026, 5, 11), True),
        ("2026-05-08T20:00", date(2026, 5, 12), True),
        ("2026-05-08T20:00", date(2026, 5, 13), False),
        # So do holidays: before Christmas the next working morning is four days away.
        ("2026-12-24T20:00", date(2026, 12, 29), True),
        ("2026-12-24T20:00", date(2026, 12, 30), False),
        # The day itself, a day that is over, and one that nobody named.
        ("2026-05-04T20:00", date(2026, 5, 4), True),
        ("2026-05-04T20:00", date(2026, 4, 30), True),
        ("2026-05-04T20:00", None, True),
    ],
)
def test_a_change_is_near_when_the_next_working_morning_leaves_too_little_time(
    now: str, planned_on: date | None, near: bool
) -> None:
    assert is_near(Lead(planned_on=planned_on), now=local(now), office=OFFICE) is near


@pytest.mark.parametrize(
    ("cut_off", "near"),
    [
        ("2026-05-05T11:59", True),
        ("2026-05-05T12:00", False),
        ("2026-05-04T20:00", True),
        # Past it the vial comes whatever anybody does.
        ("2026-05-04T19:59", False),
    ],
)
def test_the_suppliers_last_moment_for_a_change_is_a_deadline_too(cut_off: str, near: bool) -> None:
    lead = Lead(planned_on=date(2026, 5, 20), cut_off_at=local(cut_off))
    assert is_near(lead, now=local("2026-05-04T20:00"), office=OFFICE) is near
