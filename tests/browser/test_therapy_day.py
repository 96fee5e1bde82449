"""The day of therapy in a real browser: from the vial to the release, and what stops it on the way."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from playwright.sync_api import Locator

from courses.models import (
    AminoAcidBag,
    Course,
    Cycle,
    DispensedUnit,
    Infusion,
    Recall,
    StartAuthorisation,
    TherapyDay,
)
from courses.services.assess import assess_course
from courses.services.day_infusion import infused_on
from courses.services.infusions import record_infusion
from labs.clinic_days import clinic_day
from labs.models import LabMessage
from labs.zones import clinic_zone
from tests import builders_therapy_day as days
from tests.browser.browsing import PASSWORD, Tab, chromium
from tests.builders import draw, judge, receive, sign
from tests.courses import signing

pytestmark = [pytest.mark.chromium, pytest.mark.usefixtures("people")]

WIDE, PHONE = 1360, 390
CODE = "69488-003-01"


def ago(minutes: int) -> datetime:
    """An instant that lies so many minutes back."""
    return datetime.now(UTC) - timedelta(minutes=minutes)


def typed(instant: datetime) -> str:
    """An instant as a person types it, on the clinic's clock."""
    return instant.astimezone(clinic_zone()).strftime("%Y-%m-%dT%H:%M")


@pytest.fixture
def people(real_commits, person) -> dict[str, User]:
    """Who works that day; each has a password."""
    return {
        "nurse": person("nurse", username="nurse"),
        "second": person("nurse", username="second"),
        "physician": person("physician", "authorised-user", username="physician"),
        "other": person("physician", username="other"),
        "pharmacist": person("pharmacist", username="pharmacist"),
        "physicist": person("physicist", username="physicist"),
    }


def send(tab: Tab, button: Locator) -> None:
    """Press a button from the keyboard and wait for the answer; give the password where it is asked."""
    with tab.page.expect_navigation():
        button.press("Enter")
    if tab.page.get_by_role("heading", name="Confirm that it is you").count():
        field = tab.page.get_by_label("Password")
        field.fill(PASSWORD)
        with tab.page.expect_navigation():
            field.press("Enter")


def fill(within: Locator, **values: str) -> None:
    """Fill fields by their labels, underscores for spaces."""
    for label, value in values.items():
        field = within.get_by_label(label.replace("_", " "))
        if field.evaluate("each => each.tagName") == "SELECT":
            field.select_option(label=value)
        else:
            field.fill(value)


def region(tab: Tab, name: str) -> Locator:
    return tab.page.get_by_role("region", name=name, exact=True)


def act(tab: Tab, name: str, button: str, **values: str) -> None:
    """One act on an order's page, by its heading."""
    card = region(tab, name)
    fill(card, **values)
    send(tab, card.get_by_role("button", name=button))
    tab.page.get_by_text(f"{name}: done.").wait_for()


def step(tab: Tab, course: Course, kind: str, at: datetime | None = None, **values: str) -> None:
    """Record one step on its own page, with the password where one is asked."""
    tab.open(f"/courses/{course.public_id}/day/steps/{kind}/")
    form = tab.page.locator("form.prrt-sign")
    fill(form, **values)
    if at is not None:
        form.get_by_label("When it happened").fill(typed(at))
    send(tab, form.get_by_role("button", name=re.compile("^Record")))
    tab.page.get_by_text("Recorded:").wait_for()


def sheet(course: Course) -> str:
    return f"/courses/{course.public_id}/day/"


# --- A whole day -----------------------------------------------------------------------------


def take_in_and_hand_out(address: str, cycle: Cycle) -> DispensedUnit:
    """The pharmacist's morning: the vial, then both orders, until they are handed out."""
    course = cycle.course
    orders = {each.kind: each for each in cycle.orders.all()}
    with chromium(address) as tab:
        tab.log_in("pharmacist")
        tab.open("/pharmacy/")
        tab.page.get_by_role("link", name="Receive one").first.click()
        form = tab.page.locator("form.prrt-sign")
        fill(
            form,
            Product_code=CODE,
            Lot="L-2611",
            Calibrated_activity="8.2 GBq",
            Calibrated_for=typed(ago(20 * 60)),
            Volume_in_mL="22",
            Expires_at=typed(ago(20 * 60) + timedelta(hours=72)),
            Received_at=typed(ago(5)),
        )
        form.get_by_label("Product", exact=True).fill("lutetium Lu 177 dotatate")
        send(tab, form.get_by_role("button", name="Take it in"))
        tab.page.get_by_text("The vial is taken in.").wait_for()
        assert tab.page.get_by_text("8.2 GBq (221.6 mCi)").first.is_visible()

        tab.open(f"/pharmacy/orders/{orders['radiopharmaceutical'].public_id}/")
        assert tab.page.get_by_text("7.4 GBq (200 mCi)").first.is_visible()
        act(tab, "Accept", "Accept this order")
        act(tab, "Prepare", "It is prepared")
        act(
            tab,
            "Dispense",
            "Dispense with your password",
            Vial="lot L-2611",
            Handed_out_as="whole vial",
            Product_code=CODE,
            Lot="L-2611",
            Measured_activity="7.42 GBq",
            Measured_at=typed(ago(2)),
            Volume_in_mL="22",
            Prepared_by="Pat Prepared",
            Verified_by="Vera Verified",
        )
        tab.open(f"/pharmacy/orders/{orders['amino_acids'].public_id}/")
        act(tab, "Accept", "Accept this order")
        act(tab, "Prepare", "It is prepared")
        act(
            tab,
            "Dispense",
            "Dispense with your password",
            Lot="AA-1",
            Lysine_in_g="25",
            Arginine_in_g="25",
            Volume_in_mL="1000",
            Expires_at=typed(ago(-600)),
            Prepared_by="Pat Prepared",
            Verified_by="Vera Verified",
        )
        tab.assert_clean()
    return DispensedUnit.objects.get(order__cycle__course=course)


def everything_before_the_start(tab: Tab, course: Course, unit: DispensedUnit, bag: AminoAcidBag) -> None:
    """The nurse's steps; the amino acids began 31 minutes ago, before somebody was at a screen."""
    patient = course.patient
    tab.open(sheet(course))
    send(tab, tab.page.get_by_role("button", name="Open the day of cycle 1"))
    tab.page.get_by_text("The day is open.").wait_for()
    tab.open(f"{sheet(course)}steps/identity/")
    form = tab.page.locator("form.prrt-sign")
    form.get_by_label("Patient number").fill(patient.mrn)
    form.get_by_label("Birth date").fill(patient.birth_date.isoformat())
    form.get_by_label("Second person: log-in name").fill("second")
    form.get_by_label("Second person: password").fill(PASSWORD)
    with tab.page.expect_navigation():
        form.get_by_label("Second person: password").press("Enter")
    tab.page.get_by_text("Recorded: Patient identified by two people.").wait_for()
    step(tab, course, "pregnancy", Pregnancy="Pregnancy is not possible")
    step(
        tab,
        course,
        "analogue",
        None,
        **{"Short-acting_analogue": "None is used", "Long-acting_analogue": "Receives none"},
    )
    step(tab, course, "allergy", Allergies_and_earlier_reactions="None known")
    step(tab, course, "antiemetic", ago(70), Medicine="granisetron", Amount="1 mg")
    step(tab, course, "amino_start", ago(31), Label_of_the_bag=bag.label)
    step(tab, course, "unit_scanned", Label_of_the_unit=unit.label, Product_code_on_the_unit=CODE)


@pytest.mark.hazard("HZ-53")
def test_a_day_is_played_from_the_vial_to_the_recorded_infusion_and_the_ledger(address, people):
    cycle = days.ready_cycle(on=clinic_day(datetime.now(UTC), clinic_zone()))
    course = cycle.course
    unit = take_in_and_hand_out(address, cycle)
    bag = AminoAcidBag.objects.get()

    with chromium(address) as tab:
        tab.log_in("nurse")
        everything_before_the_start(tab, course, unit, bag)
        step(
            tab,
            course,
            "start_check",
            Line="Patent, blood returns",
            Rescue_medicine_at_the_bedside="Ready",
            Risk_of_a_hormonal_crisis="Assessed: usual",
        )
        assert tab.page.get_by_text("Everything stands. A physician authorises the start.").is_visible()
        assert tab.page.get_by_text(re.compile(r"Amino acids running since \d\d:\d\d, 3\d min")).is_visible()
        tab.assert_clean()

    with chromium(address) as tab:
        tab.log_in("physician")
        tab.open(sheet(course))
        send(tab, tab.page.get_by_role("button", name="Authorise the start with your password"))
        tab.page.get_by_text("Start authorised. Start the infusion, and record it.").wait_for()
        tab.assert_clean()
    assert StartAuthorisation.objects.get().checked_by == people["nurse"]

    with chromium(address) as tab:
        tab.log_in("nurse")
        step(tab, course, "infusion_start")
        step(tab, course, "line_check", Line_and_arm="Good")
        step(tab, course, "infusion_end", How_it_ended="Complete")
        tab.assert_clean()
    with chromium(address) as tab:
        tab.log_in("physicist")
        tab.open(sheet(course))
        step(tab, course, "residual", Activity_with_its_unit="0.1 GBq", Of_what="Vial")
        tab.assert_clean()

    with chromium(address) as tab:
        tab.log_in("nurse")
        tab.open(sheet(course))
        tab.page.get_by_role("link", name="Record the infusion").click()
        send(tab, tab.page.get_by_role("button", name="Record the infusion"))
        tab.page.get_by_text("The infusion is recorded.").wait_for()
        tab.open(f"/patients/{course.patient.public_id}/ledger/")
        assert region(tab, "Administered activity").get_by_role("link", name="Cycle 1").is_visible()
        assert tab.page.get_by_text(re.compile(r"Administered in all: 7\.3\d* GBq")).is_visible()
        tab.assert_clean()
        # It ended a minute ago: nobody leaves before the observation, and the page says so.
        tab.open(f"{sheet(course)}release/")
        send(tab, tab.page.get_by_role("button", name="Release the patient"))
        assert tab.page.get_by_text("Nothing was recorded.").is_visible()
        assert tab.page.get_by_text(re.compile("Observed after the infusion")).first.is_visible()
    assert Infusion.objects.get().authorisation is not None
    assert TherapyDay.objects.get().ended_at is None


def given_hours_ago() -> Cycle:
    """A day whose infusion ended three hours ago, played at its own times."""
    begun = ago(5 * 60)
    if clinic_day(begun, clinic_zone()) != clinic_day(begun + timedelta(minutes=80), clinic_zone()):
        begun -= timedelta(hours=2)  # identified and started on one day, whenever this test runs
    on = clinic_day(begun, clinic_zone())
    cycle = days.ready_cycle(on=on)
    days.dispense(cycle, now=begun - timedelta(hours=1))
    day = days.opened(cycle, now=begun)

    def after(minutes: int) -> datetime:
        return begun + timedelta(minutes=minutes)

    _until_start(day, after=after)
    days.authorise(day, now=after(72))
    days.step(day, "infusion_start", after(75))
    days.step(day, "line_check", after(80), finding="good")
    days.step(day, "infusion_end", after(110), how="complete")
    days.step(day, "residual", after(115), activity="0.1 GBq", what="vial")
    state = days.state_of(day, now=after(118))
    record_infusion(
        cycle=state.day.cycle,
        day=state.day,
        infused=infused_on(state.day, state=state),
        by=days.nurse(),
        now=after(118),
    )
    return cycle


def _until_start(day: TherapyDay, *, after: Callable[[int], datetime]) -> None:
    patient = day.cycle.course.patient
    days.step(day, "identity", after(1), number=patient.mrn, birth_date=patient.birth_date.isoformat())
    days.step(day, "pregnancy", after(2), finding="not_possible")
    days.step(day, "analogue", after(3), short_acting="none", long_acting="none")
    days.step(day, "allergy", after(4), finding="none")
    days.step(day, "antiemetic", after(5), medicine="granisetron", amount="1 mg")
    days.step(day, "amino_start", after(36), bag="BAG-1")
    days.step(day, "unit_scanned", after(60), label="U-1", product_code=CODE)
    days.step(
        day,
        "start_check",
        after(70),
        by=days.second_nurse(),
        line="patent",
        rescue_ready="yes",
        crisis_risk="usual",
    )


def test_after_observation_and_survey_the_nurse_releases_the_patient(address, people):
    course = given_hours_ago().course
    with chromium(address, width=PHONE) as tab:
        tab.log_in("nurse")
        step(tab, course, "amino_end")
        step(tab, course, "observation", The_patient_is="Well")
        step(tab, course, "release_survey", Dose_rate="9", At_how_many_metres="1")
        tab.page.get_by_role("link", name="Release the patient").click()
        send(tab, tab.page.get_by_role("button", name="Release the patient"))
        tab.page.get_by_text("The patient is released.").wait_for()
        assert tab.page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
        entries = region(tab, "What was recorded").first
        assert entries.get_by_text("The patient is: Well").is_visible()
        tab.assert_clean()
    assert TherapyDay.objects.get().outcome == "released"


def test_a_sheet_left_open_counts_on_says_when_it_is_old_and_keeps_what_is_typed(address, people):
    now = datetime.now(UTC)
    cycle = days.ready_cycle(on=clinic_day(now, clinic_zone()))
    days.dispense(cycle, now=now)
    days.opened(cycle, now=now)
    with chromium(address) as tab:
        tab.page.clock.install()
        tab.log_in("nurse")
        step(tab, cycle.course, "amino_start", ago(20), Label_of_the_bag="BAG-1")
        tab.open(sheet(cycle.course))
        passed, again = (
            tab.page.locator("[data-since]"),
            tab.page.get_by_role("link", name="Read the page again"),
        )
        told = int(passed.inner_text().removesuffix(" min"))
        assert told in (20, 21)
        typing = tab.page.get_by_label("Patient number")
        typing.fill("10")
        tab.page.clock.fast_forward("05:00")
        assert int(passed.inner_text().removesuffix(" min")) - told in (5, 6)
        assert not again.is_visible()
        tab.page.clock.fast_forward("06:00")
        again.wait_for()
        # It asks, and reads nothing by itself.
        assert typing.input_value() == "10"
        tab.assert_clean()
        with tab.page.expect_navigation():
            again.click()
        assert not again.is_visible()


# --- What stops it ---------------------------------------------------------------------------


def meanwhile(act: Callable[[], None]) -> None:
    """Do something on the database while a page is open: the browser's own thread may not."""

    def once() -> None:
        try:
            act()
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=1) as pool:
        pool.submit(once).result()


def correct_to_low_platelets(course: Course) -> None:
    """The laboratory sends the last report again, corrected: platelets 60."""
    body = bytes(LabMessage.objects.latest("pk").body)
    sent = re.search(rb"CLINIC\|([^|]*)\|", body)
    assert sent is not None
    body = body.replace(sent.group(1), datetime.now(UTC).strftime("%Y%m%d%H%M%S+0000").encode())
    body = re.sub(rb"\|B(\d+)\|P\|", rb"|C\1|P|", body)
    body = re.sub(rb"\|F(\||\r)", rb"|C\1", body)
    body, count = re.subn(rb"(\^PLT\^LN\|\|)[\d.]+", rb"\g<1>60", body)
    assert count == 1
    receive(body)
    assess_course(course_id=course.pk)


@pytest.mark.hazard("HZ-49")
def test_a_correction_after_dispensing_calls_the_unit_back_and_the_start_is_refused_with_the_reason(
    address, people
):
    begun = ago(90)
    cycle = days.ready_cycle(on=clinic_day(datetime.now(UTC), clinic_zone()))
    course = cycle.course
    days.dispense(cycle, now=begun - timedelta(minutes=30))
    day = days.opened(cycle, now=begun)
    _until_start(day, after=lambda minutes: begun + timedelta(minutes=minutes + 15))
    with chromium(address) as tab:
        tab.log_in("physician")
        tab.open(sheet(course))
        button = tab.page.get_by_role("button", name="Authorise the start with your password")
        button.wait_for()
        meanwhile(lambda: correct_to_low_platelets(course))
        send(tab, button)
        refused = tab.page.locator("#blockers")
        assert refused.get_by_text("The start is not authorised.").is_visible()
        assert refused.get_by_text(re.compile("called back")).first.is_visible()
        tab.open(sheet(course))
        assert tab.page.get_by_text("The infusion may not be started yet:").is_visible()
        assert tab.page.get_by_text(re.compile("delay")).first.is_visible()
        assert tab.outside_requests == []
    assert not StartAuthorisation.objects.exists()

    recall = Recall.objects.unanswered().get()
    with chromium(address) as tab:
        tab.log_in("pharmacist")
        tab.open("/pharmacy/")
        called = tab.page.get_by_role("alert").filter(has_text="Called back: answer these first")
        assert called.get_by_text(re.compile("Platelets 60")).is_visible()
        called.get_by_role("link").first.click()
        assert tab.page.get_by_text("It must not be given.").is_visible()
        act(tab, "Answer the recall", "Record where the unit is", Where_the_unit_is="secured, not given")
        tab.assert_clean()
    recall.refresh_from_db()
    assert recall.answer.outcome == "secured"


def stopped_course() -> Course:
    """A course stopped by a second occurrence of low platelets, and signed so."""
    course = signing.before_third()
    draw(course.patient, date(2026, 2, 9), PLT="60")
    draw(course.patient, date(2026, 4, 28), PLT="60")
    at = signing.AT + timedelta(hours=1)
    judge(course, "occurrence_reviews", at=at, rule="DM-PLT", onset="2026-02-09", counts=True)
    assess_course(course_id=course.pk, now=at)
    sign(signing.standing(course), by=signing.doctor(), now=at)
    course.refresh_from_db()
    assert course.status == "stopped"
    return course


@pytest.mark.hazard("HZ-45")
def test_two_physicians_rescind_a_signed_stop(address, people):
    stopped = stopped_course()
    page = f"/courses/{stopped.public_id}/rescind/"
    with chromium(address) as tab:
        tab.log_in("physician")
        tab.open(page)
        tab.page.get_by_label("Reason").fill("The specimen was another patient's.")
        send(tab, tab.page.get_by_role("button", name="Ask with your password for it to be lifted"))
        tab.page.get_by_text("The stop stands until a second physician confirms it here.").wait_for()
        assert tab.page.get_by_text(
            "You asked for this yourself; another physician confirms it."
        ).is_visible()
        tab.assert_clean()
    with chromium(address) as tab:
        tab.log_in("other")
        tab.open(page)
        send(tab, tab.page.get_by_role("button", name="Confirm with your password: the stop is lifted"))
        tab.page.get_by_text("The stop is lifted, and the course was assessed again.").wait_for()
        tab.assert_clean()
    stopped.refresh_from_db()
    assert stopped.status == "active"


# --- Keyboard, widths, policy ----------------------------------------------------------------


def test_the_forms_of_a_day_are_walked_by_the_tab_key_in_the_order_they_are_read(address, people):
    cycle = days.ready_cycle(on=clinic_day(datetime.now(UTC), clinic_zone()))
    days.dispense(cycle, now=ago(60))
    days.opened(cycle, now=ago(50))
    with chromium(address) as tab:
        tab.log_in("nurse")
        tab.open(f"{sheet(cycle.course)}steps/identity/")
        tab.page.get_by_label("Patient number").focus()
        walked: list[str] = []
        for _ in range(25):
            name = tab.page.evaluate("document.activeElement.name || document.activeElement.type")
            if not walked or walked[-1] != name:
                walked.append(name)
            if name == "submit":
                break
            tab.page.keyboard.press("Tab")
        assert walked == [
            "number", "birth_date", "happened_at", "second_name", "second_password", "submit",
        ]  # fmt: skip
        tab.assert_clean()


def test_a_bar_code_reader_leads_on_and_sends_the_step_only_when_nothing_is_left_to_fill(address, people):
    cycle = days.ready_cycle(on=clinic_day(datetime.now(UTC), clinic_zone()))
    unit = days.dispense(cycle, now=ago(60))
    days.opened(cycle, now=ago(50))
    with chromium(address) as tab:
        tab.log_in("nurse")
        asked: list[str] = []
        tab.page.on("request", lambda request: asked.append(request.method))

        def scan(label: str, code: str) -> None:
            tab.page.get_by_label(label).focus()
            tab.page.keyboard.insert_text(code)
            tab.page.keyboard.press("Enter")

        def focused() -> str:
            return str(tab.page.evaluate("document.activeElement.name"))

        tab.open(f"{sheet(cycle.course)}steps/identity/")
        scan("Patient number", cycle.course.patient.mrn)
        assert focused() == "birth_date"
        assert "POST" not in asked
        tab.open(f"{sheet(cycle.course)}steps/unit_scanned/")
        scan("Product code on the unit", CODE)
        assert focused() == "label"
        assert "POST" not in asked
        with tab.page.expect_navigation():
            scan("Label of the unit", unit.label)
        tab.page.get_by_text("Recorded:").wait_for()
        tab.open(f"{sheet(cycle.course)}steps/unit_scanned/")
        tab.page.get_by_label("Label of the unit").fill(unit.label)
        with tab.page.expect_navigation():
            tab.page.get_by_role("button", name="Record").press("Enter")  # the button sends it as it is
        assert tab.page.get_by_label("Product code on the unit").input_value() == ""
        assert tab.page.get_by_text("Nothing was recorded").first.is_visible()


@pytest.mark.parametrize("width", [WIDE, PHONE])
def test_no_page_of_pharmacy_or_day_is_wider_than_the_screen_and_each_forbids_foreign_code(
    address, people, width
):
    cycle = given_hours_ago()
    course, unit = cycle.course, DispensedUnit.objects.get()
    first = f"/courses/{course.public_id}/day"
    pages = {
        "nurse": [
            f"{first}/",
            *(f"{first}/{each}/" for each in ("print", "release", "not-given", "infusion", "steps/identity")),
            f"/patients/{course.patient.public_id}/ledger/",
            "/incidents/",
            "/admin/",
        ],
        "pharmacist": [
            "/pharmacy/",
            f"/pharmacy/orders/{unit.order.public_id}/",
            f"/pharmacy/vials/{unit.vial.public_id}/",
            f"/pharmacy/vials/receive/{course.public_id}/2/",
            f"/pharmacy/bookings/place/{course.public_id}/2/",
        ],
        "physician": [f"{first}/judge/", f"/courses/{course.public_id}/rescind/"],
    }
    for username, paths in pages.items():
        with chromium(address, width=width) as tab:
            tab.log_in(username)
            for path in paths:
                answer = tab.page.goto(f"{address}{path}")
                assert answer is not None
                policy = answer.headers["content-security-policy"]
                assert "default-src 'self'" in policy, path
                assert "'unsafe-inline'" not in policy.partition("script-src")[2].partition(";")[0], path
                overhang = tab.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
                assert overhang <= 0, path
                assert tab.page.locator("h1").count() == 1, path
            tab.assert_clean()
