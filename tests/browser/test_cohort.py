"""The cohort report in a real browser: pictures with their tables, no overflow, nothing complained about."""

from collections.abc import Callable

import pytest

from tests.browser.browsing import chromium
from tests.builders_cohort import make_cohort

pytestmark = pytest.mark.chromium


@pytest.fixture(autouse=True)
def rows(real_commits: str, person: Callable[..., object]) -> None:
    person("physician", username="physician")
    make_cohort(40)


def test_a_physician_reads_the_cohort_wide_and_on_a_phone(address: str) -> None:
    with chromium(address) as tab:
        tab.log_in("physician")
        tab.page.get_by_role("link", name="Reports", exact=True).click()
        tab.page.get_by_role("link", name="Cohort", exact=True).click()
        picture = tab.page.get_by_role("img", name="Worst grade per patient.")
        picture.wait_for()
        assert "Platelet count decreased:" in (picture.text_content() or "")
        first = tab.page.get_by_role("region", name="Worst grade per patient", exact=True)
        numbers = first.get_by_text("The numbers as a table")
        numbers.focus()
        tab.page.keyboard.press("Enter")
        assert first.get_by_role("columnheader", name="Grade not certain").is_visible()
        for width in (1360, 390):
            tab.page.set_viewport_size({"width": width, "height": 900})
            overhang = tab.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            assert overhang <= 0, width
        assert tab.page.locator("h1").count() == 1
        tab.assert_clean()
