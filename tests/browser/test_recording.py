"""Facts, protocols and moves in a real browser: by keyboard, at two widths, with mistakes and corrections."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from courses.models import ChartFact, Course, FactConfirmation, ProtocolApproval, RecordKind
from courses.services.assess import assess_course
from courses.services.course import record_administration
from labs.clinic_days import add_days, clinic_day
from labs.zones import clinic_zone
from tests import builders
from tests.browser.browsing import PASSWORD, Tab, chromium

pytestmark = [pytest.mark.chromium, pytest.mark.usefixtures("course")]

WIDE, PHONE = 1360, 390
EMA = "lutathera_ema_2024"


def today() -> date:
    return clinic_day(datetime.now(UTC), clinic_zone())


@pytest.fixture
def course(real_commits, person) -> Course:
    """A course whose second cycle is near, with a low potassium that a physician has to attribute."""
    for roles, name in (
        (("nurse",), "nurse"),
        (("physician", "authorised-user"), "physician"),
        (("physician",), "second"),
    ):
        person(*roles, username=name)
    giver = person("nurse", username="giver")
    course = builders.make_course(
        builders.make_patient(family="Longname"), first_on=add_days(today(), -54), by=giver
    )
    builders.draw(course.patient, add_days(today(), -58))
    record_administration(
        cycle=course.cycles.get(number=1),
        administered_on=add_days(today(), -54),
        administered_gbq=Decimal("7.4"),
        by=giver,
    )
    builders.draw(course.patient, add_days(today(), -1), PLT="60", ALT="500")
    assess_course(course_id=course.pk)
    course.refresh_from_db()
    return course


def fact_page(course: Course, kind: str) -> str:
    return f"/courses/{course.public_id}/facts/{kind}/"


def course_page(course: Course) -> str:
    return f"/admin/courses/course/{course.pk}/change/"


def give_password(tab: Tab) -> None:
    tab.page.get_by_label("Password").fill(PASSWORD)
    tab.page.get_by_role("button", name="Continue and sign").click()


@pytest.mark.parametrize("width", [WIDE, PHONE])
def test_no_page_is_wider_than_the_screen_and_none_complains(address, course, width, tmp_path):
    decision = course.current_decision
    assert decision is not None
    pages = {
        "course": course_page(course),
        "decision": f"/courses/decisions/{decision.public_id}/",
        **{f"fact-{kind}": fact_page(course, kind) for kind in RecordKind.values},
        "protocols": "/protocols/",
        "protocol": f"/protocols/{builders.PROTOCOL}/",
        "move": f"/courses/{course.public_id}/protocol/",
    }
    with chromium(address, width=width) as tab:
        tab.log_in("physician")
        for name, path in pages.items():
            tab.open(path)
            overhang = tab.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            tab.page.screenshot(path=tmp_path / f"{name}-{width}.png", full_page=True)
            assert overhang <= 0, path
            assert tab.page.locator("h1").count() == 1, path
        tab.assert_clean()


def test_a_nurse_records_a_fact_by_keyboard_and_a_mistake_takes_the_focus(address, course, tmp_path):
    two_days_ago = add_days(today(), -2).isoformat()
    with chromium(address) as tab:
        tab.log_in("nurse")
        tab.open(course_page(course))
        tab.page.get_by_role("link", name="Record: Pregnancy").press("Enter")
        tab.page.get_by_label("What was found").focus()
        tab.page.keyboard.type("Pregnancy test neg")
        tab.page.get_by_role("button", name="Record", exact=True).press("Enter")
        summary = tab.page.locator("#faults")
        summary.wait_for()
        tab.page.wait_for_load_state("domcontentloaded")
        assert tab.page.evaluate("document.activeElement.id") == "faults"
        tab.page.screenshot(path=tmp_path / "mistake.png", full_page=True)
        summary.get_by_role("link", name="Established on").press("Enter")
        tab.page.get_by_label("Established on").fill(two_days_ago)
        tab.page.get_by_role("button", name="Record", exact=True).press("Enter")
        facts = tab.page.get_by_role("region", name="Recorded facts").first
        facts.get_by_text("Pregnancy test negative").wait_for()
        assert tab.page.get_by_text("Recorded. The course is assessed again").is_visible()
        tab.page.screenshot(path=tmp_path / "recorded.png", full_page=True)
        tab.open(fact_page(course, "pregnancy"))
        tab.page.get_by_role("link", name="Take back: Pregnancy test negative").press("Enter")
        tab.page.get_by_label("Reason").fill("another patient's test")
        tab.page.screenshot(path=tmp_path / "withdraw.png", full_page=True)
        tab.page.get_by_role("button", name="Take back", exact=True).press("Enter")
        tab.page.get_by_text("Taken back. The course is assessed again").wait_for()
    fact = ChartFact.objects.get(kind="pregnancy", data__isnull=False)
    assert fact.recorded_by.username == "nurse"
    assert fact.withdrawn_by.reason == "another patient's test"
    # The refused form was answered as one: nothing else failed.
    assert tab.outside_requests == []
    assert [failure.split()[0] for failure in tab.failures] == ["400"]


def test_a_physician_attributes_a_finding_from_the_decision_with_the_password(address, course, tmp_path):
    decision = course.current_decision
    assert decision is not None
    with chromium(address) as tab:
        tab.log_in("physician")
        tab.open(f"/courses/decisions/{decision.public_id}/")
        tab.page.get_by_role("link", name="Record what Alanine aminotransferase increased comes of").click()
        assert tab.page.get_by_label("CTCAE term").input_value() == "Alanine aminotransferase increased"
        assert tab.page.get_by_label("Does the finding come of the treatment?").input_value() == ""
        tab.page.get_by_label("Does the finding come of the treatment?").select_option("no")
        tab.page.get_by_label("Reason").fill("gall stones on the ultrasound of yesterday")
        tab.page.screenshot(path=tmp_path / "attribution.png", full_page=True)
        tab.page.get_by_role("button", name="Record with your password").click()
        give_password(tab)
        tab.page.get_by_text("Recorded. The course is assessed again").wait_for()
        tab.assert_clean()
    assert (ChartFact.objects.get(kind="attributions").data or {})["related"] is False


def test_two_physicians_set_a_result_aside(address, course, tmp_path):
    with chromium(address) as tab:
        tab.log_in("physician")
        tab.open(course_page(course))
        tab.page.get_by_role("link", name="Platelets is not representative").click()
        assert "Platelets 60" in tab.page.get_by_label("Result").locator("option:checked").inner_text()
        tab.page.get_by_label("Reason").fill("drawn above a running infusion")
        tab.page.get_by_role("button", name="Record with your password").click()
        give_password(tab)
        tab.page.get_by_text("A second physician must confirm it before it counts.").wait_for()
    with chromium(address) as tab:
        tab.log_in("second")
        tab.open(fact_page(course, "not_representative"))
        tab.page.get_by_role("link", name="Confirm: Platelets 60").click()
        tab.page.screenshot(path=tmp_path / "confirm.png", full_page=True)
        tab.page.get_by_role("button", name="Confirm with your password").click()
        give_password(tab)
        tab.page.get_by_text("Confirmed. The course is assessed again").wait_for()
        tab.assert_clean()
    assert FactConfirmation.objects.get().confirmed_by.username == "second"


def test_a_physician_moves_a_course_after_reading_both_verdicts(address, course, tmp_path):
    builders.approve(EMA)
    with chromium(address) as tab:
        tab.log_in("physician")
        tab.open(course_page(course))
        tab.page.get_by_role("link", name="Other versions").click()
        tab.page.get_by_role("link", name=f"Compare with {EMA}").click()
        tab.page.get_by_role("region", name=f"Now: {builders.PROTOCOL}").wait_for()
        assert tab.page.get_by_role("region", name=f"Then: {EMA}").is_visible()
        tab.page.get_by_label("Reason").fill("moved here from abroad")
        tab.page.screenshot(path=tmp_path / "both.png", full_page=True)
        tab.page.get_by_role("button", name="Move with your password").click()
        give_password(tab)
        tab.page.get_by_text(f"Moved to {EMA}").wait_for()
        tab.assert_clean()
    course.refresh_from_db()
    assert course.protocol_id == EMA


def test_a_physician_reads_a_version_and_approves_it_with_the_password(address, course, tmp_path):
    ours = ProtocolApproval.objects.filter(approved_by__username="physician")
    with chromium(address) as tab:
        tab.log_in("physician")
        tab.page.get_by_role("link", name="Protocols").click()
        tab.page.get_by_role("link", name="Lutathera (lutetium Lu 177 dotatate), US").first.click()
        tab.page.get_by_role("link", name="Show which courses would change").click()
        box = tab.page.get_by_role("checkbox")
        assert not box.is_checked()
        box.check()
        tab.page.get_by_role("button", name="Approve with your password").click()
        give_password(tab)
        tab.page.get_by_text(f"You approved {builders.PROTOCOL}").wait_for()
        tab.page.screenshot(path=tmp_path / "approved.png", full_page=True)
        tab.assert_clean()
    assert ours.count() == 1
