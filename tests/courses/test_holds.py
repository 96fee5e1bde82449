"""A precautionary hold: anyone clinical places it at once, and nothing is given until it is taken back."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from courses.models import ChartFact, Course
from courses.services import at_once
from courses.services.authority import BadFact, NotAllowed
from courses.services.facts import record_fact, withdraw_fact
from courses.services.sign import sign_decision
from tests.builders import colleague, sign
from tests.courses.signing import (
    AT,
    acting,
    before_third,
    doctor,
    fresh,
    live_states,
    other_doctor,
    standing,
)

pytestmark = pytest.mark.django_db
WHY = "new confusion since the morning"


@pytest.fixture
def signed() -> Course:
    """A course whose third cycle is signed: its orders are active."""
    course = before_third()
    sign(standing(course), by=doctor(), now=AT)
    assert live_states(course) == {"active"}
    return course


def hold(course: Course, *, role: str = "nurse", why: str = WHY) -> ChartFact:
    return record_fact(
        kind="precautionary_holds",
        data={},
        by=colleague(f"{role}-who-holds", role),
        course=course,
        reason=why,
        now=AT + timedelta(minutes=5),
    )


@pytest.mark.parametrize("role", ["nurse", "physician", "pharmacist", "physicist", "on-call"])
def test_every_clinical_role_holds_at_once_and_without_a_password(signed, role):
    hold(signed, role=role)
    assert standing(signed).action == "hold"
    assert acting(signed) == {"HOLD-PERSON"}
    sentence = standing(signed).answer["reasons"][0]["sentence"]
    assert sentence.startswith(f"Held by {role}-who-holds since 28 April 2026: {WHY}.")
    assert live_states(signed) == {"suspended"}


@pytest.mark.parametrize("role", ["auditor", "administrator", "lab-feed", "service-pharmacy"])
def test_nobody_else_holds(signed, role):
    with pytest.raises(NotAllowed, match="tell the nurse"):
        hold(signed, role=role)
    assert live_states(signed) == {"active"}


@pytest.mark.parametrize("why", ["", "  ", "\u200b\u200b", "\u3164"])
def test_a_hold_says_why(signed, why):
    with pytest.raises(BadFact, match="reason: is missing"):
        hold(signed, why=why)
    assert live_states(signed) == {"active"}


def test_the_database_takes_no_hold_without_a_reason(signed):
    row = hold(signed)
    row.pk, row.public_id, row.reason = None, uuid4(), ""
    with pytest.raises(IntegrityError), transaction.atomic():
        row.save(force_insert=True)


def test_two_holds_are_one_reason_and_one_stays_when_the_other_is_taken_back(signed):
    first = hold(signed)
    hold(signed, role="pharmacist", why="vial looks cloudy")
    assert len(standing(signed).answer["reasons"]) == 1
    withdraw_fact(
        fact=first, by=first.recorded_by, reason="seen by the neurologist", now=AT + timedelta(hours=1)
    )
    assert acting(signed) == {"HOLD-PERSON"}
    assert "vial looks cloudy" in standing(signed).answer["reasons"][0]["sentence"]
    assert WHY not in standing(signed).answer["reasons"][0]["sentence"]


def test_its_author_takes_it_back_and_the_cycle_is_signed_anew(signed):
    held = hold(signed)
    withdraw_fact(
        fact=held, by=held.recorded_by, reason="seen by the neurologist", now=AT + timedelta(hours=1)
    )
    assert standing(signed).action == "proceed"
    # What is released lets nothing be given until somebody signs again.
    assert live_states(signed) == {"suspended"}
    sign(standing(signed), by=doctor(), now=AT + timedelta(hours=2))
    assert live_states(signed) == {"active"}


def test_a_physician_takes_it_back_and_another_nurse_does_not(signed):
    held = hold(signed)
    with pytest.raises(NotAllowed, match="Only nurse-who-holds, who placed this hold, or a physician"):
        withdraw_fact(fact=held, by=colleague("another", "nurse"), reason="looks fine to me")
    assert acting(signed) == {"HOLD-PERSON"}
    withdraw_fact(fact=held, by=other_doctor(), reason="examined, no finding", now=AT + timedelta(hours=1))
    assert acting(signed) == set()


def test_taking_it_back_needs_a_reason(signed):
    held = hold(signed)
    with pytest.raises(BadFact, match="reason: is missing"):
        withdraw_fact(fact=held, by=held.recorded_by, reason="\u200b")
    assert acting(signed) == {"HOLD-PERSON"}


def test_a_held_cycle_cannot_be_signed(signed):
    hold(signed)
    decision = standing(signed)
    with pytest.raises(NotAllowed, match="take back the hold"):
        sign_decision(
            decision_public_id=decision.public_id,
            evidence_sha256=decision.evidence_sha256,
            meaning="proceed",
            signer=doctor(),
            authenticated_at=fresh(AT + timedelta(minutes=6)),
            now=AT + timedelta(minutes=6),
        )


def test_a_hold_stands_even_when_the_core_fails(signed, monkeypatch):
    def broken(**_: object) -> None:
        raise ValueError("seeded")

    monkeypatch.setattr(at_once, "assess_at_gate", broken)
    hold(signed)
    assert ChartFact.objects.filter(kind="precautionary_holds").count() == 1
    assert standing(signed).action == "hold"
    assert live_states(signed) == {"suspended"}


# ------------------------------------------------------------------------------------------- the page


def page_of(course: Course) -> str:
    return reverse("courses:record_fact", args=[course.public_id, "precautionary_holds"])


@pytest.mark.parametrize("role", ["nurse", "physician", "pharmacist", "physicist", "on-call"])
def test_whoever_may_hold_finds_the_page_and_holds_with_one_form(signed, enter, role):
    browser = enter(role)
    assert "Hold this course" in browser.get(page_of(signed)).content.decode()
    # The physician's way to disagree toward safety: from the page of the decision that says proceed.
    decision = browser.get(reverse("courses:decision", args=[standing(signed).public_id]))
    assert page_of(signed) in decision.content.decode()
    answer = browser.post(page_of(signed), {"reason": WHY})
    assert answer.status_code == 302
    assert ChartFact.objects.get(kind="precautionary_holds").reason == WHY
    assert live_states(signed) == {"suspended"}


@pytest.mark.parametrize("role", ["nurse", "physician", "pharmacist", "physicist"])
def test_whoever_placed_a_hold_in_their_role_takes_it_back(signed, role):
    held = hold(signed, role=role)
    withdraw_fact(
        fact=held,
        by=colleague(f"{role}-who-holds", role),
        reason="seen",
        authenticated_at=AT,
        now=AT + timedelta(minutes=6),
    )
    assert "HOLD-PERSON" not in acting(signed)


def test_the_duty_of_being_on_call_alone_places_a_hold_and_takes_none_back(signed, enter):
    browser = enter("on-call")
    browser.post(page_of(signed), {"reason": WHY})
    held = ChartFact.objects.get(kind="precautionary_holds", data__isnull=False)
    address = reverse("courses:withdraw_fact", args=[signed.public_id, held.public_id])
    answer = browser.post(address, {"reason": "it was nothing"})
    assert answer.status_code == 403
    assert "HOLD-PERSON" in acting(signed)
    on_call_nurse = enter("nurse", "on-call", username="nurse-on-call")
    on_call_nurse.post(page_of(signed), {"reason": WHY})
    own = ChartFact.objects.filter(kind="precautionary_holds").latest("pk")
    own_address = reverse("courses:withdraw_fact", args=[signed.public_id, own.public_id])
    assert on_call_nurse.post(own_address, {"reason": "bloods repeated"}).status_code == 302


def test_a_form_without_a_reason_keeps_the_page_and_holds_nothing(signed, enter):
    answer = enter("nurse").post(page_of(signed), {"reason": " "})
    assert answer.status_code == 400
    assert live_states(signed) == {"active"}


def test_the_pharmacist_takes_their_own_hold_back_on_the_page(signed, enter):
    browser = enter("pharmacist")
    browser.post(page_of(signed), {"reason": WHY})
    held = ChartFact.objects.get(kind="precautionary_holds", data__isnull=False)
    address = reverse("courses:withdraw_fact", args=[signed.public_id, held.public_id])
    assert browser.get(address).status_code == 200
    assert browser.post(address, {"reason": "vial exchanged"}).status_code == 302
    assert "HOLD-PERSON" not in acting(signed)


def test_the_auditor_sees_no_form(signed, enter):
    browser = enter("auditor")
    assert browser.get(page_of(signed)).status_code == 403
    assert browser.post(page_of(signed), {"reason": WHY}).status_code == 403
