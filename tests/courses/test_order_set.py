"""The set of a cycle through the services, the pages and the API: nothing of it is forgotten."""

import json
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from courses.fhir_orders import orders as medicines
from courses.fhir_orders import request_shape
from courses.fhir_shapes import Viewer
from courses.models import Course, Decision, Order, OrderEvent
from courses.services.assess import assess_course
from courses.services.authority import NotAllowed
from courses.services.by_hand import mark_done
from courses.services.facts import record_fact
from courses.services.handling import OrderRefused
from courses.services.leave_out import leave_out
from courses.services.pharmacy import accept_order, cancel_order
from labs.models import Patient
from labs.services.patients import register_patient
from tests.builders import clinic_time, colleague, draw, make_course, make_patient, sign, state
from tests.courses.conftest import PASSWORD

pytestmark = pytest.mark.django_db
AT = clinic_time(date(2026, 3, 7))
WHY = "Takes her own medicine against nausea."
US, EU = "lutathera_us_2024_04", "lutathera_ema_2024"


def physician() -> User:
    return colleague("dr-bauer", "physician", "authorised-user")


def nurse() -> User:
    return colleague("n-kurz", "nurse")


@pytest.fixture
def course() -> Course:
    """A first cycle on 9 March 2026 that may go, with its set proposed."""
    return proposed()


def proposed(*, disease: str = "no", protocol: str = US, patient: Patient | None = None) -> Course:
    made = make_course(
        patient or make_patient(),
        first_on=date(2026, 3, 9),
        by=physician(),
        disease=disease,
        protocol_id=protocol,
    )
    for day in (date(2026, 2, 16), date(2026, 3, 6)):
        draw(made.patient, day)
        draw(made.patient, day, only=("K",))
    assess_course(course_id=made.pk, now=AT)
    made.refresh_from_db()
    return made


def woman_of_36() -> Patient:
    """One who may be pregnant, and is not."""
    patient = register_patient(
        mrn="T-36",
        assigning_authority="TEST",
        family="Birke",
        given="Testa",
        birth_date=date(1990, 1, 5),
        sex="female",
    )
    state(patient, "pregnancy", date(2026, 3, 6), finding="negative")
    return patient


def standing(course: Course) -> Decision:
    course.refresh_from_db()
    assert course.current_decision is not None
    return course.current_decision


def order(course: Course, kind: str) -> Order:
    return Order.objects.filter(cycle__course=course, kind=kind).latest("pk")


def without(course: Course, kind: str, **changes: Any) -> Order:
    said: dict[str, Any] = {
        "order": order(course, kind),
        "by": physician(),
        "reason": WHY,
        "authenticated_at": AT - timedelta(seconds=5),
        "now": AT,
        **changes,
    }
    return leave_out(**said)


def code_of(act: Any) -> str:
    with pytest.raises(OrderRefused) as refused:
        act()
    return str(refused.value.faults[0].code)


def answer(course: Course, *, value: bool, at: datetime = AT) -> None:
    record_fact(
        kind="disease_flags",
        data={"flag": "peritoneal_disease", "value": value, "on": at.date().isoformat()},
        by=nurse(),
        patient=course.patient,
        now=at,
    )
    assess_course(course_id=course.pk, now=at)


# --- Corticosteroid cover ------------------------------------------------------------------------


@pytest.mark.hazard("HZ-55")
@pytest.mark.parametrize("protocol", [US, EU])
@pytest.mark.parametrize("disease", ["yes", "no", "unknown"])
def test_the_cover_is_ordered_left_away_or_blocks_the_signature(disease: str, protocol: str) -> None:
    course = proposed(disease=disease, protocol=protocol)
    assert standing(course).action == "proceed", standing(course).answer
    ordered = Order.objects.filter(cycle__course=course, kind="steroid_cover").exists()
    assert ordered is (disease == "yes")
    if disease == "unknown":
        with pytest.raises(NotAllowed, match="peritoneal or mesenteric disease is not known"):
            sign(standing(course), by=physician(), now=AT)
        assert not Order.objects.filter(state="active").exists()
        return
    sign(standing(course), by=physician(), now=AT)
    assert ordered is Order.objects.filter(kind="steroid_cover", state="active").exists()


@pytest.mark.hazard("HZ-55")
@pytest.mark.parametrize("value", [True, False])
def test_once_the_disease_is_answered_the_go_can_be_signed(value: bool) -> None:
    course = proposed(disease="unknown")
    answer(course, value=value)
    assert Order.objects.filter(cycle__course=course, kind="steroid_cover").exists() is value
    sign(standing(course), by=physician(), now=AT)
    assert Order.objects.filter(kind="steroid_cover", state="active").exists() is value


@pytest.mark.hazard("HZ-55")
def test_cover_for_a_disease_that_the_patient_does_not_have_is_not_signed_and_comes_back_with_it() -> None:
    course = proposed(disease="yes")
    answer(course, value=False)
    cover = order(course, "steroid_cover")
    assert (cover.state, cover.reason_code) == ("void", "no-longer-asked")
    answer(course, value=True, at=AT + timedelta(minutes=1))
    assert order(course, "steroid_cover").state == "proposed"
    answer(course, value=False, at=AT + timedelta(minutes=2))
    sign(standing(course), by=physician(), now=AT + timedelta(minutes=3))
    assert not Order.objects.filter(kind="steroid_cover", state="active").exists()


def test_an_answer_from_before_the_course_does_not_stand_against_the_answer_at_its_start() -> None:
    patient = make_patient()
    record_fact(
        kind="disease_flags",
        data={"flag": "peritoneal_disease", "value": False, "on": "2026-01-05"},
        by=nurse(),
        patient=patient,
        now=clinic_time(date(2026, 1, 5)),
    )
    course = make_course(patient, first_on=date(2026, 3, 9), by=physician(), disease="yes")
    draw(patient, date(2026, 3, 6))
    assess_course(course_id=course.pk, now=AT)
    assert Order.objects.filter(cycle__course=course, kind="steroid_cover").exists()


@pytest.mark.parametrize(("protocol", "warned"), [(US, False), (EU, True)])
def test_the_decision_page_warns_of_the_timing_before_signing_where_the_eu_text_does(
    protocol: str, warned: bool, enter, set_clock
) -> None:
    set_clock(AT)
    course = proposed(disease="yes", protocol=protocol)
    page = reverse("courses:decision", args=[standing(course).public_id])
    told = enter("physician", "authorised-user").get(page).content.decode()
    assert ("within 1 hour after its end" in told) is warned
    assert "With a signature these become active:" in told


def test_the_decision_page_offers_no_signature_while_the_disease_is_unknown(enter, set_clock) -> None:
    set_clock(AT)
    course = proposed(disease="unknown")
    page = reverse("courses:decision", args=[standing(course).public_id])
    told = enter("physician", "authorised-user").get(page).content.decode()
    assert "Until it is answered nobody can sign this" in told
    assert "Sign with your password" not in told


# --- Left out ------------------------------------------------------------------------------------


def test_what_is_left_out_is_cancelled_with_name_and_reason_and_not_proposed_again(course: Course) -> None:
    without(course, "antiemetic")
    left = order(course, "antiemetic")
    assert (left.state, left.reason_code) == ("cancelled", "left-out")
    event = OrderEvent.objects.filter(order=left).latest("pk")
    assert (event.actor, event.note) == (physician(), WHY)
    draw(course.patient, date(2026, 3, 7), PLT="210")
    assess_course(course_id=course.pk, now=AT + timedelta(hours=1))
    sign(standing(course), by=physician(), now=AT + timedelta(hours=2))
    assert Order.objects.filter(cycle__course=course, kind="antiemetic").count() == 1
    assert order(course, "amino_acids").state == "active"


def test_what_was_left_out_stays_so_when_the_same_verdict_comes_back_after_a_delay(course: Course) -> None:
    without(course, "rescue")
    draw(course.patient, date(2026, 3, 7), PLT="60")
    later = AT + timedelta(hours=6)
    assess_course(course_id=course.pk, now=later)
    assert order(course, "rescue").state == "cancelled"
    draw(course.patient, date(2026, 3, 8), PLT="180")
    assess_course(course_id=course.pk, now=AT + timedelta(days=1, hours=4))
    assert standing(course).action == "proceed"
    assert order(course, "rescue").state == "cancelled"


@pytest.mark.parametrize("kind", ["radiopharmaceutical", "amino_acids"])
def test_radiopharmaceutical_and_amino_acids_are_never_left_out(course: Course, kind: str) -> None:
    assert code_of(lambda: without(course, kind)) == "never-left-out"
    assert order(course, kind).state == "proposed"


def test_leaving_out_takes_a_physician_a_reason_and_a_fresh_password(course: Course) -> None:
    with pytest.raises(NotAllowed, match="Only a physician"):
        without(course, "rescue", by=nurse())
    with pytest.raises(NotAllowed, match="fresh"):
        without(course, "rescue", authenticated_at=AT - timedelta(hours=3))
    assert code_of(lambda: without(course, "rescue", reason=" ")) == "reason-missing"
    assert order(course, "rescue").state == "proposed"


def test_nothing_is_left_out_while_the_cycle_may_not_go(course: Course) -> None:
    draw(course.patient, date(2026, 3, 7), PLT="60")
    later = AT + timedelta(hours=6)
    act = lambda: without(course, "rescue", now=later, authenticated_at=later)  # noqa: E731
    assert code_of(act) == "not-a-go"
    assert order(course, "rescue").state == "suspended"


# --- Done by hand, and not by pharmacy -----------------------------------------------------------


def test_a_nurse_marks_the_hold_of_the_analogue_as_done(course: Course) -> None:
    assert code_of(lambda: mark_done(order=order(course, "analogue_hold"), by=nurse(), now=AT)) == (
        "wrong-state"
    )
    sign(standing(course), by=physician(), now=AT)
    mark_done(order=order(course, "analogue_hold"), by=nurse(), now=AT)
    held = order(course, "analogue_hold")
    assert (held.state, held.events.latest("pk").actor) == ("done", nurse())
    assert code_of(lambda: mark_done(order=order(course, "antiemetic"), by=nurse(), now=AT)) == "not-by-hand"
    with pytest.raises(NotAllowed):
        mark_done(order=order(course, "analogue_restart"), by=colleague("p-1", "pharmacist"), now=AT)


@pytest.mark.parametrize("kind", ["analogue_hold"])
def test_pharmacy_neither_accepts_nor_cancels_what_is_not_its_own(course: Course, kind: str) -> None:
    sign(standing(course), by=physician(), now=AT)
    by, found = colleague("p-1", "pharmacist"), order(course, kind)
    assert code_of(lambda: accept_order(order=found, by=by, now=AT)) == "not-pharmacys"
    assert code_of(lambda: cancel_order(order=found, by=by, reason="none", now=AT)) == "not-pharmacys"
    assert accept_order(order=order(course, "rescue"), by=by, now=AT).state == "accepted"


def test_draws_and_pregnancy_test_are_no_medication_requests_and_the_hold_says_do_not(course: Course) -> None:
    found = {each.kind: each for each in medicines()}
    assert "lab_draws" not in found
    assert {"rescue", "analogue_restart"} <= set(found)
    (shape,) = request_shape(
        found["analogue_hold"], Viewer(names=False, administrations=False, decisions=False)
    )
    assert shape["doNotPerform"] is True


# --- Pages and API -------------------------------------------------------------------------------


def test_a_physician_leaves_out_on_the_page_and_everybody_reads_why(
    course: Course, enter, send_with_password, set_clock
) -> None:
    set_clock(AT)
    browser = enter("physician", "authorised-user", username="dr-page")
    found = order(course, "rescue")
    course_page = reverse("admin:courses_course_change", args=[course.pk])
    form = reverse("courses:leave_out", args=[found.public_id])
    assert form in browser.get(course_page).content.decode()
    assert "Leave it out with your password" in browser.get(form).content.decode()
    sent = {"reason": WHY, "version": str(found.version)}
    sign_at = reverse("courses:sign_leave_out", args=[found.public_id])
    assert send_with_password(browser, sign_at, sent).status_code == 302
    told = browser.get(course_page).content.decode()
    assert "Left out by dr-page" in told
    assert WHY in told
    decision = reverse("courses:decision", args=[standing(course).public_id])
    assert WHY in browser.get(decision).content.decode()
    amino = reverse("courses:leave_out", args=[order(course, "amino_acids").public_id])
    assert "never left out" in browser.get(amino).content.decode()
    assert enter("nurse").get(form).status_code == 403


def test_a_nurse_marks_an_order_as_done_on_the_course_page(course: Course, enter, set_clock) -> None:
    set_clock(AT)
    sign(standing(course), by=physician(), now=AT)
    browser, found = enter("nurse", username="n-page"), order(course, "analogue_hold")
    address = reverse("courses:order_done", args=[found.public_id])
    course_page = reverse("admin:courses_course_change", args=[course.pk])
    assert address in browser.get(course_page).content.decode()
    browser.post(address, {"version": "999"})
    assert order(course, "analogue_hold").state == "active"
    browser.post(address, {"version": str(found.version)})
    assert order(course, "analogue_hold").state == "done"
    assert "Done by n-page" in browser.get(course_page).content.decode()


def leave_by_api(browser: Client, found: Order, etag: str, **body: str) -> Any:
    return browser.post(
        f"/api/v1/orders/{found.public_id}/leave-out/",
        json.dumps(body),
        content_type="application/json",
        headers={"If-Match": etag},
    )


def test_a_physician_leaves_out_by_the_api_with_a_session_and_the_password(
    course: Course, enter, set_clock
) -> None:
    set_clock(AT)
    browser, found = enter("physician", username="dr-api"), order(course, "rescue")
    etag = browser.get(f"/api/v1/orders/{found.public_id}/").headers["ETag"]
    wrong = leave_by_api(browser, found, etag, reason=WHY, password="guessed")
    assert (wrong.status_code, order(course, "rescue").state) == (403, "proposed")
    amino = order(course, "amino_acids")
    tag = browser.get(f"/api/v1/orders/{amino.public_id}/").headers["ETag"]
    never = leave_by_api(browser, amino, tag, reason=WHY, password=PASSWORD)
    assert (never.status_code, never.json()["code"]) == (409, "never-left-out")
    left = leave_by_api(browser, found, etag, reason=WHY, password=PASSWORD)
    assert left.status_code == 200, left.content
    assert (left.json()["state"], order(course, "rescue").reason_code) == ("cancelled", "left-out")
    assert leave_by_api(browser, found, etag, reason=WHY, password=PASSWORD).status_code == 412
    assert leave_by_api(enter("nurse"), found, etag, reason=WHY, password=PASSWORD).status_code == 403


def done_by_api(browser: Client, found: Order, etag: str, *, key: str = "") -> Any:
    headers = {"If-Match": etag} if etag else {}
    return browser.post(
        f"/api/v1/orders/{found.public_id}/done/",
        "{}",
        content_type="application/json",
        headers=headers | ({"Idempotency-Key": key} if key else {}),
    )


@pytest.mark.parametrize("kind", ["analogue_hold", "analogue_restart", "pregnancy_test"])
def test_a_nurse_marks_as_done_by_the_api_what_is_done_by_hand(kind: str, enter, set_clock) -> None:
    set_clock(AT)
    course = proposed(patient=woman_of_36())
    found = order(course, kind)
    browser = enter("nurse", username="n-api")
    etag = browser.get(f"/api/v1/orders/{found.public_id}/").headers["ETag"]
    early = done_by_api(browser, found, etag)
    assert (early.status_code, early.json()["code"]) == (409, "wrong-state")
    sign(standing(course), by=physician(), now=AT)
    assert done_by_api(browser, found, "").status_code == 428
    assert done_by_api(browser, found, etag).status_code == 412
    etag = browser.get(f"/api/v1/orders/{found.public_id}/").headers["ETag"]
    told = done_by_api(browser, found, etag, key="k-1")
    assert told.status_code == 200, told.content
    assert told.json()["state"] == "done"
    again = done_by_api(browser, found, etag, key="k-1")
    assert (again.status_code, again.content) == (200, told.content)
    event = Order.objects.get(pk=found.pk).events.latest("pk")
    assert (event.actor.username, event.reason_code) == ("n-api", "done-by-hand")


def test_what_pharmacy_ends_is_not_marked_as_done_by_the_api_nor_by_a_pharmacist(
    course: Course, enter, set_clock
) -> None:
    set_clock(AT)
    sign(standing(course), by=physician(), now=AT)
    browser, found = enter("nurse", username="n-api"), order(course, "antiemetic")
    etag = browser.get(f"/api/v1/orders/{found.public_id}/").headers["ETag"]
    refused = done_by_api(browser, found, etag)
    assert (refused.status_code, refused.json()["code"]) == (409, "not-by-hand")
    held = order(course, "analogue_hold")
    assert done_by_api(enter("pharmacist"), held, etag).status_code == 403
    assert order(course, "analogue_hold").state == "active"


# --- Draws and tests before any go -----------------------------------------------------------------


def test_draws_and_test_are_ordered_as_their_window_opens_and_done_as_their_results_are_in() -> None:
    patient = make_patient()
    Patient.objects.filter(pk=patient.pk).update(birth_date=date(1986, 3, 2))
    made = make_course(patient, first_on=date(2026, 3, 9), by=physician())
    for days_before, expected in ((15, []), (14, ["lab_draws"]), (7, ["lab_draws", "pregnancy_test"])):
        at = clinic_time(date(2026, 3, 9) - timedelta(days=days_before))
        assess_course(course_id=made.pk, now=at)
        found = list(Order.objects.filter(cycle__course=made).order_by("kind").values_list("kind", "state"))
        assert found == [(kind, "active") for kind in expected]
    # A hold because the day has passed by which they were due leaves them to be done.
    assess_course(course_id=made.pk, now=AT)
    assert standing(made).action == "hold"
    assert not standing(made).awaiting_labs
    assert set(Order.objects.filter(cycle__course=made).values_list("state", flat=True)) == {"active"}
    mark_done(order=order(made, "pregnancy_test"), by=nurse(), now=AT)
    record_fact(
        kind="pregnancy",
        data={"on": "2026-03-06", "finding": "negative"},
        by=nurse(),
        patient=made.patient,
        now=AT,
    )
    draw(made.patient, date(2026, 3, 6))
    assess_course(course_id=made.pk, now=AT + timedelta(hours=1))
    assert standing(made).action == "proceed", standing(made).answer
    draws, test = order(made, "lab_draws"), order(made, "pregnancy_test")
    assert (draws.state, draws.reason_code) == ("done", "draws-in")
    assert (test.state, test.reason_code) == ("done", "done-by-hand")
    sign(standing(made), by=physician(), now=AT + timedelta(hours=2))
    assert Order.objects.filter(cycle__course=made, kind="lab_draws").count() == 1
