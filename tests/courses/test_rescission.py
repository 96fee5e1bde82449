"""A signed stop is lifted by two physicians only, stays on record, and its withdrawn basis is told."""

from datetime import date, timedelta

import pytest
from django.urls import reverse

from courses.models import ChartFact, Course, CourseStatus, Signature
from courses.services.assess import assess_course
from courses.services.authority import BadFact, NotAllowed
from courses.services.course import Refused
from courses.services.facts import confirm_fact, record_fact, withdraw_fact
from courses.services.rescind import confirm_rescission, request_rescission
from courses.stops import withdrawn_bases
from labs.models import Result
from tests.builders import colleague, draw, judge, make_course, make_patient, panel_message, receive, sign
from tests.courses.signing import AT, before_third, doctor, fresh, live_states, other_doctor, standing

pytestmark = pytest.mark.django_db
WHY = "The specimen was another patient's."
LATER = AT + timedelta(hours=2)


@pytest.fixture
def stopped() -> Course:
    """A course stopped by a second occurrence of low platelets, and signed so."""
    course = before_third()
    draw(course.patient, date(2026, 2, 9), PLT="60")
    draw(course.patient, date(2026, 4, 28), PLT="60")
    at = AT + timedelta(hours=1)
    judge(course, "occurrence_reviews", at=at, rule="DM-PLT", onset="2026-02-09", counts=True)
    assess_course(course_id=course.pk, now=at)
    assert standing(course).action == "stop", standing(course).answer["reasons"]
    sign(standing(course), by=doctor(), now=at)
    course.refresh_from_db()
    assert course.status == CourseStatus.STOPPED
    return course


def ask(course: Course, *, by=None, reason: str = WHY) -> ChartFact:
    return request_rescission(
        course=course, by=by or doctor(), reason=reason, authenticated_at=fresh(LATER), now=LATER
    )


def lift(course: Course, *, by=None) -> Course:
    return confirm_rescission(
        course=course, by=by or other_doctor(), authenticated_at=fresh(LATER), now=LATER
    )


@pytest.mark.hazard("HZ-45")
def test_one_physician_alone_lifts_no_stop(stopped):
    ask(stopped)
    stopped.refresh_from_db()
    assert stopped.status == CourseStatus.STOPPED
    with pytest.raises(NotAllowed, match="a second physician confirms it"):
        lift(stopped, by=doctor())
    stopped.refresh_from_db()
    assert stopped.status == CourseStatus.STOPPED


@pytest.mark.hazard("HZ-45")
def test_two_physicians_open_the_course_and_it_is_assessed_at_once(stopped):
    ask(stopped)
    course = lift(stopped)
    assert course.status == CourseStatus.ACTIVE
    assert course.current_decision is not None
    # The evidence has not changed: it asks for a stop again, which nobody has signed yet.
    assert course.current_decision.action == "stop"
    assert course.current_decision.confirms_id is None
    assert live_states(course) == set()
    stop = Signature.objects.get(meaning="stop")
    assert stop.decision_id != course.current_decision_id


@pytest.mark.hazard("HZ-45")
def test_a_stop_that_was_rescinded_can_be_signed_again(stopped):
    ask(stopped)
    course = lift(stopped)
    sign(standing(course), by=doctor(), now=LATER + timedelta(minutes=5))
    course.refresh_from_db()
    assert course.status == CourseStatus.STOPPED
    # What was rescinded before does not lift the new stop.
    with pytest.raises(BadFact, match="no rescission waits"):
        lift(course)


@pytest.mark.hazard("HZ-45")
@pytest.mark.parametrize("roles", [("nurse",), ("pharmacist",), ("service-pharmacy",), ("authorised-user",)])
def test_only_physicians_rescind(stopped, roles):
    person = colleague("somebody", *roles)
    with pytest.raises(NotAllowed):
        ask(stopped, by=person)
    ask(stopped)
    with pytest.raises(NotAllowed):
        lift(stopped, by=person)


@pytest.mark.hazard("HZ-42")
def test_both_give_a_fresh_password(stopped):
    old = LATER - timedelta(hours=1)
    with pytest.raises(NotAllowed, match="password"):
        request_rescission(course=stopped, by=doctor(), reason=WHY, authenticated_at=old, now=LATER)
    ask(stopped)
    with pytest.raises(NotAllowed, match="password"):
        confirm_rescission(course=stopped, by=other_doctor(), authenticated_at=old, now=LATER)


@pytest.mark.parametrize("reason", ["", " ", "\u200b"])
def test_it_takes_a_reason(stopped, reason):
    with pytest.raises(BadFact, match="reason: is missing"):
        ask(stopped, reason=reason)


def test_what_is_not_stopped_is_not_rescinded():
    with pytest.raises(BadFact, match="not stopped by a signature"):
        ask(before_third())


def test_a_second_request_waits_for_the_first(stopped):
    ask(stopped)
    with pytest.raises(BadFact, match="waits already"):
        ask(stopped, by=other_doctor())


def test_a_request_is_taken_back_and_nothing_waits_any_more(stopped):
    fact = ask(stopped)
    withdraw_fact(fact=fact, by=doctor(), reason="asked too soon", authenticated_at=fresh(LATER), now=LATER)
    with pytest.raises(BadFact, match="no rescission waits"):
        lift(stopped)


def test_the_general_doors_rescind_nothing(stopped):
    with pytest.raises(BadFact, match="on its own page"):
        record_fact(
            kind="stop_rescissions",
            data={"decision": str(Signature.objects.get(meaning="stop").decision.public_id)},
            by=doctor(),
            course=stopped,
            reason=WHY,
            authenticated_at=fresh(LATER),
            now=LATER,
        )
    fact = ask(stopped)
    with pytest.raises(BadFact, match="on the page of the stop"):
        confirm_fact(fact=fact, by=other_doctor(), authenticated_at=fresh(LATER), now=LATER)
    stopped.refresh_from_db()
    assert stopped.status == CourseStatus.STOPPED


def test_a_stopped_patient_starts_no_course_and_is_told_how_a_stop_is_lifted(stopped):
    with pytest.raises(Refused, match="Rescind the stop"):
        make_course(stopped.patient, first_on=date(2026, 6, 1), by=doctor())


# --------------------------------------------------------------------------------------- the pages


@pytest.mark.hazard("HZ-45")
def test_two_physicians_rescind_on_the_page_and_the_stop_stays_visible(stopped, enter, send_with_password):
    page = reverse("courses:rescind", args=[stopped.public_id])
    first = enter("physician", username="first")
    course_page = reverse("admin:courses_course_change", args=[stopped.pk])
    assert page in first.get(course_page).content.decode()
    asked = send_with_password(
        first, reverse("courses:ask_rescission", args=[stopped.public_id]), {"reason": WHY}
    )
    assert asked.status_code == 302
    confirm_at = reverse("courses:confirm_rescission", args=[stopped.public_id])
    assert "another physician confirms it" in first.get(page).content.decode()
    assert first.post(confirm_at).status_code == 403
    second = enter("physician", username="second")
    assert "asked for it" in second.get(page).content.decode()
    assert send_with_password(second, confirm_at, {}).status_code == 302
    stopped.refresh_from_db()
    assert stopped.status == CourseStatus.ACTIVE
    stop = Signature.objects.get(meaning="stop")
    told = second.get(reverse("courses:decision", args=[stop.decision.public_id])).content.decode()
    assert "signed <strong>stop</strong>" in told
    assert "was <strong>rescinded</strong> by first" in told
    assert "A signed stop was rescinded by first and second" in second.get(course_page).content.decode()


def test_a_nurse_reads_the_page_and_finds_no_button(stopped, enter):
    page = enter("nurse").get(reverse("courses:rescind", args=[stopped.public_id])).content.decode()
    assert "Physicians rescind a stop" in page
    assert "<form" not in page.split('id="rescind"')[1]


# ------------------------------------------------------------------------------ the basis withdrawn


def withdraw(course: Course, day: date) -> None:
    """The laboratory takes back the platelets of a day."""
    result = Result.objects.get(patient=course.patient, analyte="PLT", current__collected_at__date=day)
    assert result.current is not None
    body = bytes(result.current.message.body)
    number = body.split(b"OBR|1||")[1].split(b"|")[0]
    message = panel_message(
        course.patient, drawn_at=result.collected_at.astimezone(), status="D", only=("PLT",), PLT="60"
    )
    receive(message.replace(message.split(b"OBR|1||")[1].split(b"|")[0], number))


def test_a_stop_whose_evidence_stands_is_no_task(stopped):
    assert withdrawn_bases() == ()


@pytest.mark.hazard("HZ-45")
def test_withdrawn_evidence_of_a_signed_stop_is_told_on_the_first_page(stopped, enter):
    withdraw(stopped, date(2026, 4, 28))
    told = withdrawn_bases()
    assert [each.course for each in told] == [stopped]
    assert "which the laboratory withdrew" in told[0].sentence
    assert "Two physicians decide whether it is rescinded" in told[0].sentence
    page = enter("physician").get(reverse("admin:index")).content.decode()
    assert "Signed stops whose basis was withdrawn" in page
    assert "which the laboratory withdrew" in page
    # The stop stands until two physicians lift it.
    stopped.refresh_from_db()
    assert stopped.status == CourseStatus.STOPPED


def test_after_the_rescission_nothing_is_told_any_more(stopped):
    withdraw(stopped, date(2026, 4, 28))
    ask(stopped)
    course = lift(stopped)
    assert withdrawn_bases() == ()
    assert standing(course).action != "stop"


def test_the_number_of_queries_does_not_grow_with_the_stops(stopped, django_assert_max_num_queries):
    withdraw(stopped, date(2026, 4, 28))
    with django_assert_max_num_queries(5):
        assert len(withdrawn_bases()) == 1


def test_another_patients_stop_is_not_touched(stopped):
    other = make_course(make_patient(mrn="T-9", family="Birke"), first_on=date(2026, 5, 4), by=doctor())
    draw(other.patient, date(2026, 4, 28), PLT="300")
    assert withdrawn_bases() == ()
