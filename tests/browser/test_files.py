"""A laboratory file in a real browser: one person hands it in, a second one reads and commits it."""

from collections.abc import Callable

import pytest

from labs.models import CsvUploadEnd, Observation, Result
from tests.browser.browsing import chromium
from tests.builders_labs import csv_row, long_csv, make_feed, make_patient, receive

pytestmark = pytest.mark.chromium
WIDE, PHONE = 1360, 390


@pytest.fixture(autouse=True)
def rows(real_commits: str, person: Callable[..., object]) -> None:
    """A clinic with one patient, one feed and a platelet count of 60; served from this test's database."""
    make_patient()
    make_feed()
    receive(long_csv(csv_row(), csv_row("61", order_no="C6")), door="csv", feed="csv-lab")
    person("nurse", username="nurse")
    person("physician", username="second")


def test_a_file_goes_from_upload_over_preview_to_a_second_persons_commit(address, tmp_path):
    week = tmp_path / "week.csv"
    week.write_bytes(
        long_csv(
            csv_row("62", status="C"),
            csv_row("210", order_no="C2", collected_at="2026-05-05T08:00:00+02:00"),
            csv_row("61", order_no="C3", unit="furlong"),
            csv_row("70", order_no="C4", mrn="9999"),
            csv_row("61", order_no="C6"),
            [""] * 16,
        )
    )
    with chromium(address, width=WIDE) as tab:
        tab.log_in("nurse")
        tab.page.get_by_role("link", name="Files").click()
        tab.page.get_by_label("Feed").select_option("csv-lab")
        tab.page.get_by_label("File", exact=True).set_input_files(week)
        tab.page.screenshot(path=tmp_path / "hand-in.png", full_page=True)
        tab.page.get_by_role("button", name="Show what it would do").press("Enter")
        tab.page.get_by_role("heading", name="What committing would do").wait_for()
        assert tab.page.get_by_text("another person reads it and commits it").is_visible()
        assert tab.page.get_by_role("button", name="Commit the file").count() == 0
        tab.page.screenshot(path=tmp_path / "preview.png", full_page=True)
        tab.assert_clean()
    assert Observation.objects.count() == 2
    for width in (PHONE, WIDE):
        with chromium(address, width=width) as tab:
            tab.log_in("second")
            tab.open("/labs/files/")
            tab.page.get_by_role("link", name="week.csv").click()
            rows = tab.page.get_by_role("region", name="Rows of the file")
            assert rows.get_by_text("Changes what stands").is_visible()
            assert rows.get_by_text("Register the patient if it is one of ours").is_visible()
            overhang = tab.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            assert overhang <= 0
            assert tab.page.locator("h1").count() == 1
            tab.page.screenshot(path=tmp_path / f"second-{width}.png", full_page=True)
            if width == WIDE:
                tab.page.get_by_role("button", name="Commit the file").press("Enter")
                tab.page.get_by_text("Committed: 2 stored, 2 held for a person.").wait_for()
                tab.page.get_by_role("heading", name="What committing did").wait_for()
                tab.page.screenshot(path=tmp_path / "committed.png", full_page=True)
            tab.assert_clean()
    end = CsvUploadEnd.objects.get()
    assert (end.kind, end.ended_by.username) == ("committed", "second")
    assert Result.objects.get(filler_order="C1").current.value == 62
