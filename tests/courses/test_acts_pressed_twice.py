"""An act whose button is pressed twice: done once, and neither answer says that nothing was done."""

from collections.abc import Callable
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from courses.models import (
    Course,
    CourseEnd,
    Cycle,
    CycleMove,
    DispensedUnit,
    Order,
    OrderEvent,
    StartAuthorisation,
    TherapyStep,
)
from courses.services import same_act
from labs.clinic_days import add_days
from labs.clock import database_now
from tests.builders import colleague
from tests.builders_pharmacy import order_of, prepared
from tests.builders_therapy_day import at, nurse, opened, physician, until_start
from tests.courses.signing import doctor
from tests.courses.test_day_pages import cycle, enter_as, seen, url
from tests.courses.test_pharmacy_pages import address, received, unit_form, version_of
from tests.courses.test_pharmacy_pages import course as of_pharmacy
from tests.courses.test_planning_pages import course as planned
from tests.courses.test_planning_pages import today

__all__ = ["cycle", "enter_as", "of_pharmacy", "planned"]
pytestmark = pytest.mark.django_db
Enter = Callable[..., Client]


def text(answer: Any) -> str:
    return unescape(answer.content.decode())


@pytest.fixture
def two_minutes_on(monkeypatch) -> Callable[[], None]:
    """The clock by which a second press is told from a second thought."""

    def move() -> None:
        monkeypatch.setattr(same_act, "database_now", lambda: database_now() + timedelta(minutes=2))

    return move


# ------------------------------------------------------------------------------------------ the plan


def confirmed_move(browser: Client, course: Course) -> tuple[str, dict[str, str]]:
    """The address and the form of a move that was shown."""
    address = reverse("courses:move_cycle", args=[course.public_id, 1])
    to = add_days(course.cycles.get(number=1).planned_on, 7).isoformat()
    said = {"to": to, "cause": "capacity", "reason": "The ward is full."}
    shown: Any = browser.post(address, {**said, "do": "preview"})
    return address, {**said, "do": "confirm", "read": "on", "seen": shown.context["preview"].digest}


def test_a_move_confirmed_twice_is_one_move_and_both_answers_say_so(planned, enter_as):
    browser = enter_as(colleague("nora", "nurse"))
    address, form = confirmed_move(browser, planned)
    first, again = browser.post(address, form), browser.post(address, form)
    assert (again.status_code, again.url) == (302, first.url), text(again)
    assert CycleMove.objects.count() == 1


def test_somebody_elses_move_to_the_same_day_is_no_second_press(planned, enter_as):
    browser, other = enter_as(colleague("nora", "nurse")), enter_as(colleague("olga", "nurse"))
    address, form = confirmed_move(browser, planned)
    browser.post(address, form)
    for sender, said in ((other, form), (browser, form | {"reason": "Another reason."})):
        answer = sender.post(address, said)
        assert answer.status_code == 400
        assert "planned for this day already" in text(answer)


def test_the_same_move_sent_minutes_later_is_told_that_it_stands(planned, enter_as, two_minutes_on):
    browser = enter_as(colleague("nora", "nurse"))
    address, form = confirmed_move(browser, planned)
    browser.post(address, form)
    two_minutes_on()
    assert "planned for this day already" in text(browser.post(address, form))


def test_a_course_ended_twice_by_one_button_is_ended_and_both_answers_say_so(
    planned, enter_as, send_with_password
):
    browser, address = enter_as(doctor()), reverse("courses:end_course", args=[planned.public_id])
    said = {"cause": "medical", "ended_on": today().isoformat(), "reason": "Surgery.", "read": "on"}
    first, again = send_with_password(browser, address, said), browser.post(address, said)
    assert (again.status_code, again.url) == (302, first.url), text(again)
    assert CourseEnd.objects.count() == 1
    assert browser.post(address, said | {"reason": "Otherwise."}).status_code == 400


# ---------------------------------------------------------------------------------------- pharmacy


def test_each_step_of_pharmacy_pressed_twice_is_one_step_and_both_answers_say_so(of_pharmacy, enter):
    browser, order = enter("pharmacist"), order_of(of_pharmacy)
    for act, form in (("accept", {}), ("prepare", {}), ("cancel", {"reason": "Not needed."})):
        sent, before = version_of(order) | form, OrderEvent.objects.count()
        first, again = browser.post(address(order, act), sent), browser.post(address(order, act), sent)
        assert (again.status_code, again.url) == (302, first.url), text(again)
        assert OrderEvent.objects.count() == before + 1


def test_an_order_that_somebody_else_accepted_is_still_told_as_changed(of_pharmacy, enter):
    order = order_of(of_pharmacy)
    sent = version_of(order)
    assert enter("pharmacist").post(address(order, "accept"), sent).status_code == 302
    answer = enter("pharmacist", username="another").post(address(order, "accept"), sent)
    assert answer.status_code == 409
    assert "has changed since you read it" in text(answer)


def test_a_unit_dispensed_twice_is_one_unit_and_another_measurement_is_no_second_press(
    of_pharmacy, enter, send_with_password
):
    browser = enter("pharmacist")
    order, vial = prepared(of_pharmacy, now=database_now()), received(browser, of_pharmacy)
    form = unit_form(vial, order)
    assert send_with_password(browser, address(order, "dispense"), form).status_code == 302
    assert browser.post(address(order, "dispense"), form).status_code == 302
    for other in ({"activity": "7.41 GBq"}, {"prepared_by": "Somebody else"}):
        assert browser.post(address(order, "dispense"), form | other).status_code == 409
    assert DispensedUnit.objects.count() == 1


def test_an_order_of_the_set_done_twice_by_one_button_is_not_said_to_be_undone(of_pharmacy, enter):
    order = Order.objects.filter(cycle__course=of_pharmacy, state="active", kind="analogue_hold").first()
    assert order is not None
    browser, door = enter("nurse"), reverse("courses:order_done", args=[order.public_id])
    sent = version_of(order)
    for _press in range(2):
        told = text(browser.post(door, sent, follow=True))
        assert "Nothing was recorded" not in told
        assert "Done:" in told


# ------------------------------------------------------------------------------------ day of therapy


def antiemetic(cycle: Cycle, **said: str) -> dict[str, str]:
    return {"medicine": "granisetron", "amount": "1 mg", **said} | seen(cycle)


def test_a_step_of_the_day_pressed_twice_is_one_entry_and_both_answers_say_so(cycle, enter_as, set_clock):
    opened(cycle)
    set_clock(at(10))
    browser, door = enter_as(nurse()), url(cycle, "day_step", "antiemetic")
    form = antiemetic(cycle)
    first, again = browser.post(door, form), browser.post(door, form)
    assert (again.status_code, again.url) == (302, first.url), text(again)
    assert TherapyStep.objects.filter(kind="antiemetic").count() == 1


def test_a_step_typed_otherwise_a_moment_later_is_not_asked_for_again(cycle, enter_as, set_clock):
    opened(cycle)
    set_clock(at(10))
    browser, door = enter_as(nurse()), url(cycle, "day_step", "antiemetic")
    form = antiemetic(cycle)
    browser.post(door, form)
    answer = browser.post(door, form | {"amount": "2 mg"})
    assert answer.status_code == 409
    assert "send this only if it happened a second time" in text(answer)
    assert "Send it again if it still holds" not in text(answer)
    assert TherapyStep.objects.filter(kind="antiemetic").count() == 1


def test_what_another_person_recorded_is_told_and_may_be_sent_again(cycle, enter_as, set_clock):
    opened(cycle)
    set_clock(at(10))
    door, form = url(cycle, "day_step", "antiemetic"), antiemetic(cycle)
    enter_as(physician()).post(door, form)
    answer = enter_as(nurse()).post(door, form)
    assert answer.status_code == 409
    assert "Send it again if it still holds" in text(answer)


def test_a_step_that_was_taken_back_is_not_said_to_stand(cycle, enter_as, set_clock):
    opened(cycle)
    set_clock(at(10))
    browser, door = enter_as(nurse()), url(cycle, "day_step", "antiemetic")
    form = antiemetic(cycle)
    browser.post(door, form)
    step = TherapyStep.objects.get(kind="antiemetic")
    back = {"take_back": "on", "reason": "wrong patient", "medicine": "granisetron", "amount": "1 mg"}
    browser.post(url(cycle, "day_correct", str(step.public_id)), back | seen(cycle))
    assert browser.post(door, form).status_code == 409


def test_a_start_authorised_twice_by_one_button_is_authorised_once_and_both_answers_say_so(
    cycle, enter_as, set_clock, send_with_password
):
    until_start(opened(cycle))
    set_clock(at(12))
    browser, door, form = enter_as(physician()), url(cycle, "day_authorise"), seen(cycle)
    first = send_with_password(browser, door, form)
    again = browser.post(door, form)
    assert (again.status_code, again.url) == (302, first.url), text(again)
    assert StartAuthorisation.objects.count() == 1
