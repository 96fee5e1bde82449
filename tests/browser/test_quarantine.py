"""Results kept apart, typed results and samples in a real browser: two people, two passwords, two widths."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from labs.models import ManualAct, Observation, Patient, QuarantinedResult, Result, UnitSpelling
from labs.zones import clinic_zone
from tests import builders
from tests.browser.browsing import PASSWORD, Tab, chromium

pytestmark = [pytest.mark.chromium, pytest.mark.usefixtures("patient")]
WIDE, PHONE = 1360, 390


@pytest.fixture
def patient(real_commits, person) -> Patient:
    """A patient whose newest platelets came in a unit nobody knows, beside a good haemoglobin."""
    for role, name in (("nurse", "nurse"), ("physician", "physician"), ("physicist", "physicist")):
        person(role, username=name)
    found = builders.make_patient(family="Longname")
    drawn = builders.clinic_time((datetime.now(UTC) - timedelta(days=1)).date(), 8)
    body = builders.panel_message(found, drawn_at=drawn, only=("PLT", "HGB"), PLT="60")
    builders.receive(body.replace(b"|10*9/L^^UCUM|", "|Zellen\u202e/pl|".encode()))
    return found


def give_password(tab: Tab) -> None:
    tab.page.get_by_label("Password").fill(PASSWORD)
    tab.page.get_by_role("button", name="Continue and sign").click()


def fits(tab: Tab, path: Path) -> None:
    """Take a picture; the page is not wider than the screen and has one heading."""
    tab.page.screenshot(path=path, full_page=True)
    overhang = tab.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert overhang <= 0, path.name
    assert tab.page.locator("h1").count() == 1


def test_two_people_cure_an_unknown_unit_from_the_first_page_on(address, patient, tmp_path):
    with chromium(address) as tab:
        tab.log_in("physician")
        tab.page.get_by_role("link", name="All of them, with filters").click()
        fits(tab, tmp_path / "queue.png")
        tab.page.get_by_role("row").get_by_role("link", name="Platelets").click()
        assert "Zellen[U+202E]/pl" in tab.page.content()
        tab.page.get_by_role("button", name="Take it").click()
        tab.page.get_by_text("It is yours now.").wait_for()
        fits(tab, tmp_path / "item.png")
        form = tab.page.locator("form", has=tab.page.get_by_label("Known unit that is meant"))
        form.get_by_role("button").click()
        tab.page.get_by_role("alert").wait_for()
        form.get_by_label("Known unit that is meant").select_option("10*9/L")
        form.get_by_label("Reason").fill("the laboratory says so by phone")
        form.get_by_role("button").press("Enter")
        give_password(tab)
        tab.page.get_by_text("A second person must confirm it before anything follows.").wait_for()
        fits(tab, tmp_path / "said.png")
        # The empty form was refused once, on purpose.
        assert [line for line in tab.failures if not line.startswith("400 ")] == []
        assert tab.outside_requests == []
    assert not UnitSpelling.objects.exists()
    with chromium(address, width=PHONE) as tab:
        tab.log_in("physicist")
        tab.open("/labs/quarantine/")
        fits(tab, tmp_path / "queue-phone.png")
        tab.page.get_by_role("link", name="Platelets").click()
        fits(tab, tmp_path / "confirm-phone.png")
        tab.page.get_by_role("button", name="Confirm with your password").click()
        give_password(tab)
        tab.page.get_by_text("The message was read again: 1 stored.").wait_for()
        fits(tab, tmp_path / "resolved-phone.png")
        tab.assert_clean()
    row = QuarantinedResult.objects.get()
    assert (row.state, row.resolved_by) == ("resolved", "physicist")
    assert Observation.objects.get(analyte="PLT").value == 60


@pytest.mark.parametrize("width", [WIDE, PHONE])
def test_a_typed_result_is_verified_by_a_second_person(address, patient, width, tmp_path):
    collected = datetime.now(clinic_zone()) - timedelta(hours=3)
    with chromium(address, width=width) as tab:
        tab.log_in("nurse")
        tab.open(f"/patients/{patient.public_id}/results/new/")
        tab.page.locator("#id_analyte").select_option("K")
        tab.page.locator("#id_value").fill("14")
        tab.page.locator("#id_unit").fill("mmol/L")
        tab.page.locator("#id_collected").fill(f"{collected:%Y-%m-%dT%H:%M}")
        tab.page.locator("#id_source").select_option("report")
        tab.page.get_by_role("button", name="Record").click()
        tab.page.get_by_label("I checked the value against the source").wait_for()
        fits(tab, tmp_path / f"asked-twice-{width}.png")
        tab.page.locator("#id_value").fill("4.1")
        tab.page.get_by_role("button", name="Record").click()
        tab.page.get_by_text("Recorded, not verified").wait_for()
        assert [line for line in tab.failures if not line.startswith("400 ")] == []
    act = ManualAct.objects.get()
    with chromium(address, width=width) as tab:
        tab.log_in("physician")
        tab.page.get_by_role("link", name="1 typed or phoned result to be verified").click()
        tab.page.get_by_role("link", name="Longname").last.click()
        fits(tab, tmp_path / f"typed-{width}.png")
        tab.page.get_by_role("button", name="Verify with your password").click()
        give_password(tab)
        tab.page.get_by_text("Verified: the result counts from now on.").wait_for()
        tab.open(f"/patients/{patient.public_id}/results/new/")
        fits(tab, tmp_path / f"typed-list-{width}.png")
        tab.assert_clean()
    assert Result.objects.get(sender="manual", sub_id=str(act.entry)).is_usable


@pytest.mark.parametrize("width", [WIDE, PHONE])
def test_a_pasted_sample_shows_how_it_is_understood(address, patient, width, tmp_path):
    drawn = datetime.now(clinic_zone()) - timedelta(days=1)
    sample = builders.panel_message(patient, drawn_at=drawn, only=("PLT", "HGB", "CREAT")).decode()
    before = Observation.objects.count()
    with chromium(address, width=width) as tab:
        tab.log_in("physicist")
        tab.open("/labs/sample/")
        tab.page.locator("#id_text").fill(sample.replace("\r", "\n").replace("|g/L^^UCUM|", "|furlong|"))
        tab.page.get_by_role("button", name="Show how it is understood").click()
        tab.page.get_by_role("heading", name="Segment by segment").wait_for()
        fits(tab, tmp_path / f"sample-{width}.png")
        assert tab.page.get_by_text("unknown-unit").count() == 1
        tab.assert_clean()
    assert Observation.objects.count() == before
