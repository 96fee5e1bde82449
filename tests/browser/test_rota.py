"""An on-call week in a real browser, with the nights on which clocks change, on a clock that it sets."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import connection

from alerts.models import Alert, Notification, RotaShift
from tests.browser.browsing import Tab, chromium
from tests.running_clinic import Clinic

pytestmark = [pytest.mark.chromium, pytest.mark.hazard("HZ-69")]
WIDE, PHONE = 1360, 390
# Where the pictures are kept for somebody to look at; the test's own directory by default.
PICTURES = os.environ.get("PRRT_PICTURES", "")


@dataclass
class PretendClock:
    """PostgreSQL's clock, moved: a function of the same name that comes first on the search path."""

    def set(self, instant: str) -> None:
        """From now on it is this late, in UTC."""
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE pretend.clock SET ahead = %s::timestamptz - pg_catalog.clock_timestamp()", [instant]
            )


@pytest.fixture
def clock(real_commits) -> PretendClock:
    """The clock of every process that reads `pretend` before the catalogue."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            CREATE SCHEMA pretend;
            CREATE TABLE pretend.clock (ahead interval NOT NULL);
            INSERT INTO pretend.clock VALUES ('0');
            CREATE FUNCTION pretend.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS
                'SELECT pg_catalog.clock_timestamp() + ahead FROM pretend.clock';
            """
        )
    return PretendClock()


@pytest.fixture
def people(person) -> dict[str, User]:
    """Two who take turns, and the lead."""
    found = {
        "one": person("physician", "on-call", username="one"),
        "two": person("physician", "on-call", username="two"),
        "lead": person("physician", "rota-lead", username="lead"),
    }
    for name, first, last in (("one", "Ona", "First"), ("two", "Tove", "Second"), ("lead", "Lea", "Lead")):
        User.objects.filter(username=name).update(
            email=f"{name}@clinic.example", first_name=first, last_name=last
        )
    return found


@pytest.fixture
def clinic(real_commits, clock, people, serving) -> Iterator[Clinic]:
    """A web server of this test's own, on this test's own database and its pretended clock."""
    clock.set("2026-10-19 07:00+00")
    database = f"{real_commits}?options=-csearch_path%3Dpretend,public,pg_catalog"
    with serving(PRRT_ENV="test", DATABASE_URL=database) as made:
        yield made


def picture(tab: Tab, name: str, tmp_path: Path) -> None:
    """One picture of the page, and nothing of it wider than the window."""
    assert tab.page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    assert tab.page.locator("h1").count() == 1
    tab.page.screenshot(path=Path(PICTURES or tmp_path) / f"rota-{name}.png", full_page=True)


def day_of(tab: Tab, day: str) -> str:
    """What the month's table says of one day, in one line."""
    cell = tab.page.locator("td", has=tab.page.locator(f'time[datetime="{day}"]'))
    return " ".join(cell.inner_text().split())


def opening(person: User, at: str) -> Alert:
    """The alert that opened a person's duty at an instant."""
    begins = datetime.fromisoformat(at)
    (found,) = [
        alert
        for alert in Alert.objects.filter(kind="hand-over", person=person)
        if datetime.fromisoformat(alert.about["starts_at"]) == begins
    ]
    return found


WEEK = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def keep_a_rota(tab: Tab, tmp_path: Path, *days: str) -> None:
    """The lead's first rule: Ona and Tove in turn, on these days from half past two at night."""
    tab.log_in("lead")
    tab.page.get_by_role("link", name="On call", exact=True).click()
    tab.page.get_by_text("Nobody keeps a rota.").wait_for()
    tab.page.get_by_role("link", name="Add the first rule").click()
    tab.page.get_by_label("Name of the rule").fill("Day and night")
    for name in days:
        tab.page.get_by_label(name).press("Space")
    tab.page.get_by_label("Begins at").fill("02:30")
    tab.page.get_by_label("Ends at").fill("02:30")
    tab.page.get_by_label("Who", exact=True).select_option("Another person each day")
    tab.page.get_by_label("Person 1").select_option("Ona First")
    tab.page.get_by_label("Person 2").select_option("Tove Second")
    picture(tab, "rule", tmp_path)
    tab.page.get_by_role("button", name="Save the rule").press("Enter")
    tab.page.get_by_text("The shifts follow the rule from now on.").wait_for()


def test_an_on_call_week_with_the_night_on_which_clocks_go_back(clinic, clock, people, tmp_path) -> None:
    one, two = people["one"], people["two"]
    with chromium(clinic.address, width=WIDE) as tab:
        keep_a_rota(tab, tmp_path, *WEEK[:-1])
        tab.page.get_by_role("link", name="Coverage").click()
        tab.page.get_by_role("heading", name="Nobody is on call").wait_for()
        picture(tab, "gaps", tmp_path)
        tab.open("/rota/")
        # Nobody begins on Sundays yet: the Saturday's duty ends in the hour that is shown twice.
        assert day_of(tab, "2026-10-25") == (
            "25 October schedule Clocks change: 25 hours 00:00 CEST–02:30 CET Tove Second "
            "warning 02:30 CET–24:00 Nobody"
        )
        tab.open("/rota/rules/")
        tab.page.get_by_role("link", name="Change Day and night").click()
        tab.page.get_by_label("Sunday").press("Space")
        tab.page.get_by_role("button", name="Save the rule").press("Enter")
        tab.page.get_by_text("The shifts follow the rule from now on.").wait_for()
        tab.page.get_by_role("link", name="Coverage").click()
        assert tab.page.get_by_text("Somebody who can be told is on call at every moment.").is_visible()
        tab.page.get_by_role("link", name="Month").click()
        assert day_of(tab, "2026-10-19").startswith("19 October Today")
        assert day_of(tab, "2026-10-25") == (
            "25 October schedule Clocks change: 25 hours 00:00 CEST–02:30 CET Tove Second "
            "02:30 CEST–24:00 Ona First"
        )
        picture(tab, "month", tmp_path)
        tab.assert_clean()
    assert not Alert.objects.standing().filter(kind="rota-gap").exists()

    # Tove offers her Tuesday to Ona, who takes it over; on the Friday Ona is away, and Tove stands in.
    with chromium(clinic.address, width=PHONE) as tab:
        tab.log_in("two")
        tab.open("/rota/mine/")
        tab.page.get_by_role("link", name="Offer this duty of 20 Oct 2026 02:30 CEST").click()
        tab.page.get_by_label("Offered to").select_option("Ona First")
        picture(tab, "offer", tmp_path)
        tab.page.get_by_role("button", name="Offer the duty").press("Enter")
        tab.page.get_by_text("Nothing changes until it is accepted.").wait_for()
        tab.assert_clean()
    with chromium(clinic.address, width=PHONE) as tab:
        tab.log_in("one")
        tab.open("/rota/mine/")
        tab.page.get_by_role("button", name="Take it over").press("Enter")
        tab.page.get_by_text("Taken over.").wait_for()
        tab.page.get_by_label("First day away").fill("2026-10-23")
        tab.page.get_by_label("Last day away").fill("2026-10-23")
        tab.page.get_by_role("button", name="I am away on these days").press("Enter")
        tab.page.get_by_text("the rota's lead is told").wait_for()
        tab.page.get_by_role("button", name="Make an address").press("Enter")
        tab.page.get_by_text("Copy this address now.").wait_for()
        picture(tab, "mine", tmp_path)
        tab.assert_clean()
    assert Alert.objects.standing().get(kind="rota-gap").person == one
    with chromium(clinic.address, width=WIDE) as tab:
        tab.log_in("lead")
        tab.open("/rota/coverage/")
        assert tab.page.get_by_text("Ona First is away").first.is_visible()
        picture(tab, "away", tmp_path)
        tab.open("/rota/overrides/new/")
        tab.page.get_by_label("Who is on call").select_option("Tove Second")
        for label, value in (
            ("From, day", "2026-10-23"),
            ("From, time", "02:30"),
            ("To, day", "2026-10-24"),
            ("To, time", "02:30"),
        ):
            tab.page.get_by_label(label).fill(value)
        tab.page.get_by_label("Why").fill("Ona is away.")
        tab.page.get_by_role("button", name="Put on call").press("Enter")
        tab.page.get_by_text("Put on call.", exact=True).wait_for()
        assert "02:30–24:00 instead: Tove Second" in day_of(tab, "2026-10-23")
        tab.assert_clean()
    assert not Alert.objects.standing().filter(kind="rota-gap").exists()

    # The night on which clocks go back: half past two comes twice, and from the first on both are on call.
    night = "2026-10-25T00:30:00+00:00"
    clock.set("2026-10-25 00:15+00")
    clinic.run("runner", "--once")
    clock.set("2026-10-25 00:31+00")
    clinic.run("runner", "--once")
    alert = opening(one, night)
    with chromium(clinic.address, width=PHONE) as tab:
        tab.log_in("one")
        tab.open("/rota/")
        assert tab.page.get_by_text("Ona First, Tove Second").is_visible()
        tab.open(f"/alerts/{alert.public_id}")
        assert tab.page.get_by_text("A duty has begun: say that you are there.").is_visible()
        assert tab.page.get_by_text(
            "On call from 25 Oct 2026 02:30 CEST to 26 Oct 2026 02:30 CET."
        ).is_visible()
        picture(tab, "hand-over", tmp_path)
        tab.page.get_by_role("button", name="Acknowledge").press("Enter")
        tab.page.get_by_text("Acknowledged").first.wait_for()
        tab.assert_clean()
    clock.set("2026-10-25 01:31+00")
    clinic.run("runner", "--once")
    alert.refresh_from_db()
    assert alert.state == "closed"
    assert [each.person.username for each in Notification.objects.filter(alert=alert)] == ["one"]
    with chromium(clinic.address, width=WIDE, dark=True) as tab:
        tab.log_in("lead")
        tab.open("/rota/")
        now = tab.page.get_by_role("region", name="On call now")
        assert " ".join(now.inner_text().split()) == "On call now Ona First"
        picture(tab, "night", tmp_path)
        tab.open("/rota/history/")
        picture(tab, "history", tmp_path)
        tab.assert_clean()

    # The next duty is answered by nobody for half an hour: whoever had the one before and the lead are told.
    clock.set("2026-10-26 01:31+00")
    clinic.run("runner", "--once")
    clock.set("2026-10-26 02:02+00")
    clinic.run("runner", "--once")
    asked = opening(two, "2026-10-26T01:30:00+00:00")
    assert sorted((each.person.username, each.step) for each in Notification.objects.filter(alert=asked)) == [
        ("lead", 2),
        ("one", 2),
        ("two", 1),
        ("two", 2),
    ]
    gaps = RotaShift.objects.order_by("starts_at")
    assert all(earlier.ends_at >= later.starts_at for earlier, later in pairwise(gaps))


def test_an_on_call_week_with_the_night_on_which_clocks_go_forward(clinic, clock, people, tmp_path) -> None:
    """Half past two is never shown: one duty ends and the next begins when clocks jump from two to three."""
    clock.set("2027-03-22 07:00+00")
    with chromium(clinic.address, width=WIDE) as tab:
        keep_a_rota(tab, tmp_path, *WEEK)
        tab.page.get_by_role("link", name="Coverage").click()
        assert tab.page.get_by_text("Somebody who can be told is on call at every moment.").is_visible()
        tab.page.get_by_role("link", name="Month").click()
        assert day_of(tab, "2027-03-28") == (
            "28 March schedule Clocks change: 23 hours 00:00 CET–03:00 CEST Tove Second "
            "03:00 CEST–24:00 Ona First"
        )
        picture(tab, "spring-month", tmp_path)
        tab.assert_clean()
    assert not Alert.objects.standing().filter(kind="rota-gap").exists()

    clock.set("2027-03-28 00:59+00")
    clinic.run("runner", "--once")
    with chromium(clinic.address, width=PHONE) as tab:
        tab.log_in("two")
        tab.open("/rota/")
        now = tab.page.get_by_role("region", name="On call now")
        assert " ".join(now.inner_text().split()) == "On call now Tove Second"
        tab.assert_clean()
    clock.set("2027-03-28 01:01+00")
    clinic.run("runner", "--once")
    alert = opening(people["one"], "2027-03-28T01:00:00+00:00")
    assert [each.person.username for each in Notification.objects.filter(alert=alert)] == ["one"]
    with chromium(clinic.address, width=PHONE) as tab:
        tab.log_in("one")
        tab.open("/rota/")
        now = tab.page.get_by_role("region", name="On call now")
        assert " ".join(now.inner_text().split()) == "On call now Ona First"
        tab.open(f"/alerts/{alert.public_id}")
        assert tab.page.get_by_text(
            "On call from 28 Mar 2027 03:00 CEST to 29 Mar 2027 02:30 CEST."
        ).is_visible()
        picture(tab, "spring-hand-over", tmp_path)
        tab.page.get_by_role("button", name="Acknowledge").press("Enter")
        tab.page.get_by_text("Acknowledged").first.wait_for()
        tab.assert_clean()
    shifts = RotaShift.objects.order_by("starts_at")
    assert all(earlier.ends_at == later.starts_at for earlier, later in pairwise(shifts))
