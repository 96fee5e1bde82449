"""Forms that ask for a password: two at once, a second press, and their addresses opened without a form."""

from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest
from django.db.models import QuerySet
from django.test import Client
from django.urls import reverse

from courses.models import Course, Order, OrderEvent, Signature, StartAuthorisation
from courses.services.assess import assess_course
from labs.clinic_days import add_days, clinic_day
from labs.clock import database_now
from labs.zones import clinic_zone
from tests import builders
from tests.builders_pages import make_course
from tests.courses.conftest import PASSWORD

pytestmark = pytest.mark.django_db
ONLY_OPENED = "Opening this address signs and records nothing."


def with_decision(number: int) -> Course:
    """A second cycle planned in a few days and platelets too low for it: the decision says delay."""
    today = clinic_day(database_now(), clinic_zone())
    by = builders.colleague("starter", "physician", "authorised-user")
    patient = builders.make_patient(mrn=f"SUSPENDED-{number}")
    course = builders.make_course(patient, first_on=add_days(today, -52), by=by)
    builders.give_cycle(course.cycles.get(number=1), by=by)
    builders.draw(patient, add_days(today, -1), PLT="60")
    assess_course(course_id=course.pk)
    course.refresh_from_db()
    assert course.current_decision is not None
    assert course.current_decision.action == "delay"
    return course


def delays() -> QuerySet[Signature]:
    """What was signed in the browser."""
    return Signature.objects.filter(meaning="delay")


def sign_url(course: Course) -> str:
    assert course.current_decision is not None
    return reverse("courses:sign", args=[course.current_decision.public_id])


def form_of(course: Course) -> dict[str, str]:
    assert course.current_decision is not None
    return {"meaning": "delay", "evidence_sha256": course.current_decision.evidence_sha256}


def asked_in(browser: Client, course: Course) -> str:
    """Press the button that signs; the address that asks for the password."""
    answer: Any = browser.post(sign_url(course), form_of(course))
    assert answer.url.startswith(reverse("account_reauthenticate"))
    return str(answer.url)


def give_password(browser: Client, asked: str, course: Course) -> Any:
    return browser.post(asked, {"password": PASSWORD, "next": sign_url(course)})


def messages_of(answer: Any) -> str:
    return unescape(answer.content.decode())


# ------------------------------------------------------------------------- two forms that wait at once


def test_two_decisions_that_wait_for_the_password_in_two_tabs_are_both_signed(enter):
    first, second = with_decision(1), with_decision(2)
    browser = enter("physician")
    in_first, in_second = asked_in(browser, first), asked_in(browser, second)
    for asked, course in ((in_first, first), (in_second, second)):
        answer = give_password(browser, asked, course)
        assert answer.status_code == 302
        assert Signature.objects.filter(decision=course.current_decision).count() == 1


def test_the_password_of_one_form_takes_up_no_other(enter):
    first, second = with_decision(1), with_decision(2)
    browser = enter("physician")
    asked_in(browser, first)
    asked = asked_in(browser, second)
    give_password(browser, asked, second)
    assert [each.decision for each in delays()] == [second.current_decision]


def test_of_many_forms_that_wait_the_newest_are_kept_and_a_forgotten_one_signs_nothing(enter):
    courses = [with_decision(number) for number in range(1, 8)]
    browser = enter("physician")
    asked = [asked_in(browser, course) for course in courses]
    answer = browser.post(asked[0], {"password": PASSWORD, "next": sign_url(courses[0])}, follow=True)
    assert answer.status_code == 200
    assert ONLY_OPENED in messages_of(answer)
    assert not delays().exists()
    give_password(browser, asked[-1], courses[-1])
    assert delays().get().decision == courses[-1].current_decision


def test_the_password_sent_twice_signs_once_and_leads_back_to_the_decision(enter):
    course = with_decision(1)
    browser = enter("physician")
    asked = asked_in(browser, course)
    give_password(browser, asked, course)
    again = browser.post(asked, {"password": PASSWORD, "next": sign_url(course)}, follow=True)
    assert again.status_code == 200
    assert again.redirect_chain[-1][0] == sign_url(course).removesuffix("sign")
    assert "Signed: delay of cycle 2." in messages_of(again)
    assert ONLY_OPENED in messages_of(again)
    assert delays().count() == 1


# ------------------------------------------------------------------------- an address without its form


def doors(course: Course) -> Iterator[tuple[str, str]]:
    """Every address of a form that asks for the password, and the page the form stands on."""
    order = Order.objects.filter(cycle__course=course).first()
    assert order is not None
    mine, ledger = [course.public_id], [course.patient.public_id]
    sign = sign_url(course)
    yield sign, sign.removesuffix("sign")
    yield reverse("courses:day_authorise", args=mine), reverse("courses:day", args=mine)
    yield (
        reverse("courses:sign_leave_out", args=[order.public_id]),
        reverse("courses:leave_out", args=[order.public_id]),
    )
    for name in ("end_course", "undo_end", "confirm_undo_end"):
        yield reverse(f"courses:{name}", args=mine), reverse("courses:ending", args=mine)
    for name in ("ask_rescission", "confirm_rescission"):
        yield reverse(f"courses:{name}", args=mine), reverse("courses:rescind", args=mine)
    yield reverse("courses:close_follow_up", args=mine), reverse("courses:follow_up", args=mine)
    yield reverse("courses:sign_off_doses", args=[*ledger, "kidneys"]), reverse("courses:ledger", args=ledger)
    for act in ("accept", "prepare", "dispense", "direct", "cancel", "recall"):
        yield (
            reverse("courses:pharmacy_act", args=[order.public_id, act]),
            reverse("courses:pharmacy_order", args=[order.public_id]),
        )


@pytest.mark.parametrize("method", ["get", "head"])
def test_the_address_of_a_form_that_is_only_opened_leads_to_its_page_and_does_nothing(enter, method):
    course = make_course(1, action="delay")
    browser = enter("physician", "authorised-user", "pharmacist", "physicist")
    before = OrderEvent.objects.count()
    for address, page in doors(course):
        answer = getattr(browser, method)(address)
        assert (answer.status_code, answer.url) == (302, page), address
    assert ONLY_OPENED in messages_of(browser.get(reverse("courses:rescind", args=[course.public_id])))
    assert not Signature.objects.exists()
    assert not StartAuthorisation.objects.exists()
    assert OrderEvent.objects.count() == before


def test_the_address_of_a_form_is_closed_to_whoever_may_not_send_it(enter):
    course = make_course(1, action="delay")
    browser = enter("auditor")
    for address, _page in doors(course):
        assert browser.get(address).status_code == 403, address
