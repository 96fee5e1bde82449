"""A morning with low platelets in a real browser: message, alert, a delay signed once, and an old page."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection

from alerts.models import Acknowledgement, Alert
from alerts.services.triage import triage_decisions
from courses.models import Course, CycleMove, Decision, Order, Signature
from courses.services.assess import assess_course
from labs.clinic_days import add_days, clinic_day
from labs.models import BodyWeight
from labs.zones import clinic_zone
from tests import builders
from tests.browser.browsing import PASSWORD, Tab, chromium
from tests.builders_alerts import make_person

pytestmark = [pytest.mark.chromium, pytest.mark.usefixtures("course")]


@pytest.fixture
def course(real_commits, person) -> Course:
    """A first cycle in five days with good bloods and a signed go; people who work, one of them on call."""
    for name, roles in (("nurse", ("nurse",)), ("physician", ("physician", "authorised-user", "on-call"))):
        make_person(name, *roles)
        User.objects.filter(username=name).update(is_staff=True)
    today = clinic_day(datetime.now(UTC), clinic_zone())
    made = builders.make_course(
        builders.make_patient(family="Lowe"),
        first_on=add_days(today, 5),
        by=User.objects.get(username="nurse"),
        now=builders.clinic_time(add_days(today, -20)),
    )
    builders.draw(made.patient, add_days(today, -2))
    now = datetime.now(UTC)
    decision = assess_course(course_id=made.pk, now=now)
    assert decision is not None
    builders.sign(decision, by=User.objects.get(username="physician"), now=now)
    return made


def meanwhile(act: Callable[[], object]) -> None:
    """Do something on the database while a page is open: the browser's own thread may not."""

    def once() -> None:
        try:
            act()
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=1) as pool:
        pool.submit(once).result()


def message_of_low_platelets(course: Course) -> None:
    """The laboratory tells 60; the course is assessed, and the decision alerts."""
    drawn = datetime.now(UTC) - timedelta(hours=3)
    builders.receive(builders.panel_message(course.patient, drawn_at=drawn, PLT="60"))
    assess_course(course_id=course.pk)
    triage_decisions()


def test_low_platelets_go_from_the_message_to_an_acknowledged_alert_and_a_delay_signed_once(
    address: str, course: Course
) -> None:
    with chromium(address) as tab:
        tab.log_in("nurse")
        held = tab.page.get_by_role("region", name="Held and delayed")
        assert not held.get_by_text("Lowe, Testa").is_visible()
        meanwhile(lambda: message_of_low_platelets(course))
        tab.page.reload()
        assert held.get_by_text("Lowe, Testa").is_visible()
        assert held.get_by_text("suspended", exact=True).first.is_visible()
        held.get_by_role("link", name="Lowe, Testa").click()
        tab.page.get_by_role("link", name="Record a weight").click()
        tab.page.get_by_label("kg").fill("71.5")
        tab.page.get_by_role("button", name="Record").click()
        tab.page.get_by_text("71.5").first.wait_for()
        tab.assert_clean()
    assess_course(course_id=course.pk)  # the weight is evidence, too
    assert BodyWeight.objects.filter(patient=course.patient, kg="71.5").count() == 1

    alert, decision = Alert.objects.get(course=course, kind="delay"), _standing(course)
    to = weekday_after(decision.cycle.planned_on, days=14)
    with chromium(address) as tab:
        tab.log_in("physician")
        tab.open("/alerts/")
        tab.page.get_by_role("link", name=alert.ref).click()
        tab.page.get_by_role("button", name="Acknowledge: I take this over").dblclick()
        tab.page.get_by_text("Acknowledged by physician").first.wait_for()
        old = Tab(tab.page.context.new_page(), address=address)
        for page in (tab, old):
            page.open(f"/courses/decisions/{decision.public_id}/")
            page.page.get_by_role("checkbox").check()
        tab.page.get_by_role("button", name="Sign with your password").click()
        tab.page.get_by_label("Password").fill(PASSWORD)
        tab.page.get_by_role("button", name="Continue and sign").dblclick()
        tab.page.get_by_text("physician signed").first.wait_for()
        assert tab.page.get_by_role("checkbox").count() == 0
        tab.page.get_by_text("The day is not moved yet.").wait_for()
        # The other page is no longer true: its button signs nothing more, and shows what was signed.
        old.page.get_by_role("button", name="Sign with your password").click()
        if old.page.get_by_role("button", name="Continue and sign").count():
            old.page.get_by_label("Password").fill(PASSWORD)
            old.page.get_by_role("button", name="Continue and sign").click()
        old.page.get_by_text("physician signed").first.wait_for()
        assert old.outside_requests == tab.outside_requests == []
        # Signing has moved nothing: the page leads on to where the cycle is really moved.
        move_by_link(tab, to=to)
        assert tab.console_errors == []
    moved = CycleMove.objects.get(cycle__course=course)
    assert (moved.to_on, moved.cause, moved.printed_name) == (to, "toxicity", "physician")
    assert course.cycles.get(number=1).planned_on == to
    assert Acknowledgement.objects.filter(alert=alert).count() == 1
    assert Signature.objects.filter(decision=decision, meaning="delay").count() == 1
    cycle_orders = Order.objects.filter(cycle__course=course, kind="radiopharmaceutical")
    assert not cycle_orders.filter(state="active").exists()


def weekday_after(day: date, *, days: int) -> date:
    """So many days later, or the Monday after where that is a weekend."""
    later = add_days(day, days)
    return add_days(later, 7 - later.weekday()) if later.weekday() > 4 else later


def move_by_link(tab: Tab, *, to: date) -> None:
    """From the decision's page to the page that moves its cycle: shown, read, confirmed."""
    tab.page.get_by_role("link", name="Move this cycle to another day").click()
    tab.page.get_by_role("textbox", name="New day").fill(to.isoformat())
    tab.page.get_by_label("Cause", exact=True).select_option(label="toxicity")
    tab.page.get_by_label("Reason in your words").fill("Platelets 60; a count every week.")
    tab.page.get_by_role("button", name="Show what this moves").click()
    tab.page.get_by_label("I have read what this changes").check()
    tab.page.get_by_role("button", name="Move cycle 1").click()
    tab.page.get_by_role("heading", name="Moves so far").wait_for()


def _standing(course: Course) -> Decision:
    course.refresh_from_db()
    assert course.current_decision is not None
    return course.current_decision
