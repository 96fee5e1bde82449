"""A button pressed twice, or a page sent again: one record, and the answer of the first."""

from collections.abc import Callable
from html import unescape
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client
from django.urls import reverse

from courses.models import ChartFact, Course, Vial
from courses.services.facts import withdraw_fact
from courses.services.handling import OrderRefused
from courses.services.vials import record_vial_fate
from tests.builders_pharmacy import cycle_of, pharmacist, receive, signed_course
from tests.courses.test_fact_pages import course, day, seen, url
from tests.courses.test_pharmacy_pages import course as of_pharmacy
from tests.courses.test_pharmacy_pages import label_form

__all__ = ["course", "of_pharmacy"]
pytestmark = pytest.mark.django_db
Enter = Callable[..., Client]
EARLIER = {
    "answer": "given",
    "product": "90Y-DOTATOC",
    "administered_gbq": "3.70",
    "month": "2021-03",
    "hospital": "St Anna",
    "provenance": "discharge letter",
}


def key_on(page: Any) -> str:
    """The key that a page's form carries."""
    found = unescape(page.content.decode()).partition('name="key" value="')[2].partition('"')[0]
    return str(UUID(found))


def text(answer: Any) -> str:
    return unescape(answer.content.decode())


def holds(course: Course) -> list[ChartFact]:
    return list(ChartFact.objects.standing().filter(course=course, kind="precautionary_holds"))


# ------------------------------------------------------------------------------------------- facts


def test_hold_this_course_pressed_twice_is_one_hold_and_both_presses_say_so(course, enter):
    browser, address = enter("nurse"), url(course, "precautionary_holds")
    form = {"key": key_on(browser.get(address)), "reason": "new confusion"}
    first, again = browser.post(address, form), browser.post(address, form)
    assert (first.status_code, again.status_code) == (302, 302)
    assert first.url == again.url
    (hold,) = holds(course)
    assert str(hold.public_id) == form["key"]
    withdraw_fact(fact=hold, by=hold.recorded_by, reason="well again")
    assert not holds(course)


def test_an_earlier_treatment_sent_twice_counts_once(course, enter):
    browser, address = enter("nurse"), url(course, "prior_treatment")
    form = EARLIER | {"key": key_on(browser.get(address)), "on": day(1)}
    before = ChartFact.objects.standing().filter(kind="prior_treatment").count()
    for _press in range(2):
        assert browser.post(address, form).status_code == 302
    assert ChartFact.objects.standing().filter(kind="prior_treatment").count() == before + 1


def test_two_holds_from_two_pages_are_two(course, enter):
    browser, address = enter("nurse"), url(course, "precautionary_holds")
    for _page in range(2):
        form = {"key": key_on(browser.get(address)), "reason": "new confusion"}
        assert browser.post(address, form).status_code == 302
    assert len(holds(course)) == 2


def test_a_hold_that_was_taken_back_is_not_said_to_stand_when_its_page_is_sent_again(course, enter):
    browser, address = enter("nurse"), url(course, "precautionary_holds")
    form = {"key": key_on(browser.get(address)), "reason": "new confusion"}
    browser.post(address, form)
    (hold,) = holds(course)
    withdraw_fact(fact=hold, by=hold.recorded_by, reason="well again")
    answer = browser.post(address, form)
    assert answer.status_code == 400
    assert "taken back since" in text(answer)
    assert not holds(course)
    # The page that said so records it when it is pressed once more.
    assert browser.post(address, form | {"key": key_on(answer)}).status_code == 302
    assert len(holds(course)) == 1


def test_a_page_sent_again_with_other_words_records_nothing_and_says_so(course, enter):
    browser, address = enter("nurse"), url(course, "precautionary_holds")
    form = {"key": key_on(browser.get(address)), "reason": "new confusion"}
    browser.post(address, form)
    answer = browser.post(address, form | {"reason": "a fall"})
    assert answer.status_code == 400
    assert "press once more only if this is to be recorded as well" in text(answer)
    assert [hold.reason for hold in holds(course)] == ["new confusion"]


def test_the_key_of_one_person_is_no_record_of_another(course, enter):
    address = url(course, "precautionary_holds")
    form = {"key": str(uuid4()), "reason": "new confusion"}
    assert enter("nurse").post(address, form).status_code == 302
    assert enter("nurse", username="another").post(address, form).status_code == 400
    assert len(holds(course)) == 1


@pytest.mark.parametrize("key", ["", "no key", "0"])
def test_a_form_without_a_key_that_can_be_read_is_recorded(course, enter, key):
    browser, address = enter("nurse"), url(course, "precautionary_holds")
    assert browser.post(address, {"key": key, "reason": "new confusion"}).status_code == 302
    assert len(holds(course)) == 1


def test_a_change_sent_twice_is_one_change_and_is_not_answered_by_a_page_not_found(course, enter):
    browser, address = enter("nurse"), url(course, "support")
    browser.post(address, {"kind": "red_cell_transfusion", "on": day(2)})
    old = ChartFact.objects.standing().get(kind="support")
    form = {
        "key": str(uuid4()),
        "kind": "red_cell_transfusion",
        "on": day(3),
        "replaces": str(old.public_id),
        "reason": "another day",
    }
    for _press in range(2):
        assert browser.post(address, form).status_code == 302
    assert ChartFact.objects.filter(kind="support").count() == 2


def test_a_physicians_word_sent_twice_is_one_and_the_second_press_is_not_told_of_other_evidence(
    course, enter, send_with_password
):
    browser, address = enter("physician", username="dr"), url(course, "manual_grades")
    form = seen(course) | {
        "key": str(uuid4()),
        "term": "Anemia",
        "grade": "2",
        "on": day(1),
        "reason": "seen on the ward",
    }
    assert send_with_password(browser, address, form).status_code == 302
    again = browser.post(address, form)
    assert again.status_code == 302, text(again)
    assert again.url.startswith(reverse("admin:courses_course_change", args=[course.pk]))
    assert ChartFact.objects.standing().filter(kind="manual_grades").count() == 1


# ------------------------------------------------------------------------------------------- vials


def test_a_vial_taken_in_twice_by_one_form_is_one_vial_and_both_presses_lead_to_it(of_pharmacy, enter):
    browser = enter("pharmacist")
    address = reverse("courses:pharmacy_receive", args=[of_pharmacy.public_id, 2])
    form = label_form(key=key_on(browser.get(address)))
    first, again = browser.post(address, form), browser.post(address, form)
    assert (first.status_code, again.status_code) == (302, 302), text(again)
    assert first.url == again.url
    assert Vial.objects.count() == 1


def test_the_same_lot_and_calibration_is_refused_with_who_took_it_in_and_what_to_do(of_pharmacy, enter):
    browser = enter("pharmacist")
    address = reverse("courses:pharmacy_receive", args=[of_pharmacy.public_id, 2])
    form = label_form()
    assert browser.post(address, form).status_code == 302
    answer = browser.post(address, form | {"lot": form["lot"].lower()})
    assert answer.status_code == 400
    assert "A vial of this lot and calibration is taken in for this cycle already, by" in text(answer)
    assert "say there first what became of the one before" in text(answer)
    assert Vial.objects.count() == 1
    assert browser.post(address, form | {"lot": "L-2612"}).status_code == 302


def test_another_vial_of_a_lot_is_taken_in_once_it_is_said_what_became_of_the_first():
    of_cycle = signed_course()
    first = receive(of_cycle)
    with pytest.raises(OrderRefused, match="taken in for this cycle already"):
        receive(of_cycle)
    record_vial_fate(vial=first, fate="damaged", reason="dropped", by=pharmacist())
    receive(of_cycle)
    assert Vial.objects.filter(cycle=cycle_of(of_cycle)).count() == 2
