"""An alert in a real browser: from the inbox to closed, on a telephone and by keyboard."""

import pytest
from django.contrib.auth.models import User

from alerts.models import Alert, Closing, HandOver
from labs.clock import database_now
from labs.services.contacts import record_contacts
from tests.browser.browsing import Tab, chromium
from tests.builders_acts import hold_alert, stand
from tests.builders_alerts import make_alert, make_course, make_person

pytestmark = [pytest.mark.chromium, pytest.mark.usefixtures("alert")]

WIDE, PHONE = 1360, 390


@pytest.fixture
def people(real_commits) -> dict[str, User]:
    """Those who are told, with names people know."""
    made = {}
    for username, first, role in (("nora", "Nora", "nurse"), ("dora", "Dora", "physician")):
        person = make_person(username, role, "on-call")
        person.first_name, person.last_name, person.is_staff = first, "Test", True
        person.save()
        made[username] = person
    return made


@pytest.fixture
def alert(people: dict[str, User]) -> Alert:
    """A delay that nobody has yet, of a patient with telephone numbers; and an urgent one beside it."""
    course = make_course()
    details = {"telephone": "+49 30 123456", "kin_name": "A sister", "kin_telephone": "030 1234"}
    record_contacts(patient=course.patient, details=details, by=people["nora"], seen=None)
    hold_alert(now=database_now())
    return make_alert(course, now=database_now())


def open_act(tab: Tab, words: str) -> None:
    """An act unfolds from the keyboard."""
    tab.page.locator("summary", has_text=words).focus()
    tab.page.keyboard.press("Enter")


@pytest.mark.parametrize("width", [WIDE, PHONE])
def test_an_alert_goes_from_the_inbox_through_a_hand_over_to_closed(
    address: str, alert: Alert, people: dict[str, User], width: int
) -> None:
    with chromium(address, width=width, height=844) as tab:
        tab.log_in("nora")
        banner = tab.page.get_by_text("1 critical alert is not over; nobody has it.")
        banner.wait_for()
        tab.page.get_by_role("link", name="Open the critical alert").click()
        tab.page.get_by_role("link", name=alert.ref).click()
        tab.page.get_by_text("+49 30 123456").wait_for()
        tab.page.get_by_role("button", name="Acknowledge: I take this over").click()
        tab.page.get_by_text("Acknowledged by Nora Test").wait_for()
        open_act(tab, "Record a call")
        tab.page.get_by_label("Who was called").select_option(label="the patient")
        tab.page.get_by_label("How it ended").select_option(label="not reached")
        tab.page.get_by_role("button", name="Record the call").click()
        tab.page.get_by_text("called the patient: not reached").wait_for()
        open_act(tab, "Hand over to somebody")
        tab.page.get_by_label("Hand over to").select_option(label="Dora Test")
        tab.page.get_by_role("button", name="Hand over", exact=True).click()
        tab.page.get_by_text("Nora Test handed it over to Dora Test").wait_for()
        tab.assert_clean()
    assert HandOver.objects.get().to == people["dora"]
    assert alert.course is not None
    stand(alert.course, "delay", signer=people["dora"])
    with chromium(address, width=width, height=844) as tab:
        tab.log_in("dora")
        tab.open(f"/alerts/{alert.public_id}")
        tab.page.get_by_role("button", name="Acknowledge: I take this over").click()
        open_act(tab, "Say what came of it, and close")
        tab.page.get_by_label("What came of it").select_option(label="The cycle is delayed")
        tab.page.get_by_role("textbox", name="Why").fill("Platelets are low.")
        tab.page.get_by_role("button", name="Close the alert").click()
        tab.page.get_by_text("by Dora Test: The cycle is delayed").wait_for()
        tab.assert_clean()
    assert Closing.objects.get().by == people["dora"]


@pytest.mark.parametrize("width", [WIDE, PHONE])
def test_every_page_of_alerts_fits_the_screen_has_one_heading_and_names_every_field(
    address: str, alert: Alert, width: int
) -> None:
    contacts = f"/patients/{alert.course.patient.public_id}/contacts/"
    pages = ["", "deliveries/", "readiness/", "budget/"]
    with chromium(address, width=width, height=844) as tab:
        tab.log_in("dora")
        for path in (*(f"/alerts/{page}" for page in pages), f"/alerts/{alert.public_id}", contacts):
            tab.open(path)
            for fold in tab.page.locator("main details summary").all():
                fold.click()
            overhang = tab.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            assert overhang <= 0, path
            assert tab.page.locator("h1").count() == 1, path
            assert tab.page.evaluate(UNNAMED) == [], path
        tab.assert_clean()


# Fields, buttons and links that a screen reader could not name, and ids that stand twice.
UNNAMED = """() => {
    const named = (each) => each.labels?.length || each.getAttribute('aria-label') || each.title
        || each.textContent.trim();
    const wanted = 'input:not([type=hidden]), select, textarea, button, a[href]';
    const fields = [...document.querySelectorAll(wanted)];
    const ids = [...document.querySelectorAll('[id]')].map((each) => each.id);
    return [
        ...fields.filter((each) => !named(each)).map((each) => each.outerHTML.slice(0, 80)),
        ...ids.filter((id, at) => ids.indexOf(id) !== at).map((id) => `twice: ${id}`),
    ];
}"""


def test_a_page_that_is_no_longer_true_shows_both_versions(
    address: str, alert: Alert, people: dict[str, User]
) -> None:
    with chromium(address, width=PHONE, height=844) as tab:
        tab.log_in("nora")
        tab.open(f"/alerts/{alert.public_id}")
        open_act(tab, "Escalate now")
        tab.page.get_by_label("Why the next people are needed now").fill("I am alone here.")
        browser = tab.page.context.browser
        assert browser is not None
        other = Tab(browser.new_page(), address=address)
        other.log_in("dora")
        other.open(f"/alerts/{alert.public_id}")
        other.page.get_by_role("button", name="Acknowledge: I take this over").click()
        other.page.get_by_text("Acknowledged by Dora Test").wait_for()
        tab.page.get_by_role("button", name="Tell the next people now").click()
        tab.page.get_by_role("heading", name="Both versions").wait_for()
        tab.page.get_by_role("row", name="Who has it").get_by_text("Dora Test").wait_for()
        overhang = tab.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert overhang <= 0


@pytest.mark.hazard("HZ-70")
def test_a_browser_that_only_opens_the_mails_link_changes_nothing_with_or_without_a_log_in(
    address: str, alert: Alert
) -> None:
    before = Alert.objects.filter(pk=alert.pk).values().get()
    with chromium(address, width=PHONE, height=844) as tab:
        tab.open(f"/alerts/{alert.public_id}")
        tab.page.get_by_role("heading", name="Log in").wait_for()
        tab.log_in("nora")
        tab.open(f"/alerts/{alert.public_id}")
        # Every script has run, and whatever could act by itself has had its time.
        tab.page.wait_for_load_state("networkidle")
        tab.page.wait_for_timeout(3000)
    assert Alert.objects.filter(pk=alert.pk).values().get() == before
    assert set(alert.events.exclude(kind="viewed").values_list("kind", flat=True)) == {"raised", "step"}
    assert alert.events.filter(kind="viewed").count() == 1
