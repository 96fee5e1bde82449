"""Calls in the browser's eyes: nothing preselected, nothing typed lost, one record however often sent."""

from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from courses.models import ChartFact, Course, PatientCall
from courses.services.assess import assess_course
from courses.services.call_checks import questions_for
from courses.services.call_facts import facts_of
from courses.services.facts import record_fact
from labs.clinic_days import add_days, clinic_day
from labs.clock import database_now
from labs.services.contacts import record_contacts
from labs.zones import clinic_zone
from tests.builders import colleague, give_cycle, make_course, make_patient
from tests.courses.conftest import Enter
from tests.courses.signing import doctor

pytestmark = pytest.mark.django_db
PASSWORD = "a long pass phrase"
TYPED = "<script>alert(1)</script>"


def now_typed(**shift: int) -> str:
    return (database_now() + timedelta(**shift)).astimezone(clinic_zone()).strftime("%Y-%m-%dT%H:%M")


def text(response: Any) -> str:
    return unescape(response.content.decode())


@pytest.fixture
def course() -> Course:
    """One cycle given two days ago; the next one is weeks away."""
    today = clinic_day(database_now(), clinic_zone())
    found = make_course(make_patient(), first_on=add_days(today, -2), by=doctor())
    give_cycle(found.cycles.get(number=1), by=doctor())
    assess_course(course_id=found.pk)
    return found


@pytest.fixture
def nurse(enter: Enter) -> Client:
    return enter("nurse", username="nora")


def url(course: Course, name: str = "record_call", *more: Any) -> str:
    return reverse(f"courses:{name}", args=[course.public_id, *more])


def rows(count: int = 3, **fields: str) -> dict[str, str]:
    """The rows of complaints; the first is filled with these fields."""
    return {
        "symptom-TOTAL_FORMS": str(count),
        "symptom-INITIAL_FORMS": "0",
        **{f"symptom-0-{name}": value for name, value in fields.items()},
    }


def filled(page: Any, **more: str) -> dict[str, str]:
    """The form as the page gave it, filled in for an ordinary call."""
    form = page.context["form"]
    hidden = {name: str(form[name].value() or "") for name in ("key", "occasion", "cycle", "about_on")}
    usual = {
        "outcome": "spoken",
        "channel": "telephone",
        "spoken_at": now_typed(),
        "spoken_by": "Nora Nurse",
        "spoken_with": "patient",
    }
    return hidden | usual | echoed(page) | more


def echoed(page: Any) -> dict[str, str]:
    """The rows of complaints as the page shows them, untouched."""
    symptoms = page.context["symptoms"]
    shown = {
        f"symptom-{place}-{name}": str(row.initial[name] or "")
        for place, row in enumerate(symptoms.initial_forms)
        for name in ("fact_id", "term", "grade", "from_day", "to_day")
    }
    count = len(symptoms.initial_forms)
    return {"symptom-TOTAL_FORMS": str(count + 3), "symptom-INITIAL_FORMS": str(count)} | shown


def usual_answers(course: Course, occasion: str) -> dict[str, str]:
    return {f"answer-{q.id}": q.expected.value for q in questions_for(occasion, course.patient)}


@pytest.mark.hazard("HZ-83")
def test_a_call_after_therapy_is_due_recorded_and_read_on_every_page_of_the_patient(course, nurse):
    record_contacts(
        patient=course.patient,
        details={"telephone": "+49 30 123456"},
        by=colleague("clerk", "nurse"),
        seen=None,
    )
    for address in (reverse("admin:index"), reverse("courses:calls"), url(course, "course_calls")):
        page = text(nurse.get(address))
        assert "Call after therapy, cycle 1 given on" in page, address
        assert "Due" in page
    asked = nurse.get(url(course), {"occasion": "after", "cycle": "1"})
    page = text(asked)
    assert "+49 30 123456" in page
    assert 'value="yes" checked' not in page
    assert "checked" not in page
    assert "Flushing, severe diarrhoea" in page
    sent = filled(asked, note=TYPED) | usual_answers(course, "after")
    sent |= {"answer-precautions": "unknown"} | rows(
        term="nausea", grade="2", from_day=add_days(clinic_day(database_now(), clinic_zone()), -1).isoformat()
    )
    done = nurse.post(url(course), sent)
    assert done.status_code == 302, text(done)
    assert nurse.post(url(course), sent).url == done.url
    call = PatientCall.objects.get()
    assert [(fact.data or {})["term"] for fact in facts_of(call)] == ["Nausea"]
    page = nurse.get(done.url)
    assert TYPED in text(page)
    assert TYPED not in page.content.decode()
    assert "Are the radiation precautions at home understood and kept? Not known" in text(page)
    assert "Go through them together" in text(page)
    for address in (
        url(course, "course_calls"),
        url(course, "follow_up"),
        reverse("admin:courses_course_change", args=[course.pk]),
    ):
        assert "Call after therapy, cycle 1, spoke with somebody (the patient) by telephone" in " ".join(
            text(nurse.get(address)).split()
        )
    assert "Nobody is to be rung now." in text(nurse.get(reverse("courses:calls")))


def test_an_answer_that_speaks_against_going_on_is_asked_about_and_nothing_typed_is_lost(course, nurse):
    asked = nurse.get(url(course), {"occasion": "after", "cycle": "1"})
    sent = filled(asked, advice="Drink more.", note="Tired.") | usual_answers(course, "after")
    sent |= {"answer-crisis": "yes", "answer-arm": "", "symptom-0-term": "Flushing", "symptom-0-grade": "3"}
    back = nurse.post(url(course), sent)
    assert back.status_code == 400
    page = text(back)
    assert "Complaint 1, From: Fill this in." in page
    for kept in ("Drink more.", "Tired.", "Flushing"):
        assert kept in page
    sent["symptom-0-from_day"] = clinic_day(database_now(), clinic_zone()).isoformat()
    back = nurse.post(url(course), sent)
    page = text(back)
    assert back.status_code == 400
    assert "Choose yes, no or not known" in page
    assert "These answers speak against going on: Flushing, severe diarrhoea" in page
    assert 'href="#id_answer-arm_0"' in page
    assert page.count("checked") == 9  # what became of it, how, and seven of the eight questions
    assert not PatientCall.objects.exists()
    sent |= {"answer-arm": "no", "hold": "hold"}
    done = nurse.post(url(course), sent)
    assert done.status_code == 302, text(done)
    assert ChartFact.objects.standing().filter(kind="precautionary_holds").count() == 1
    course.refresh_from_db()
    assert course.current_decision is not None
    assert course.current_decision.action == "delay"  # of the complaint; held as well
    assert "HOLD" in str(course.current_decision.answer["reasons"]).upper()
    page = text(nurse.get(done.url))
    assert "Hold: Flushing, severe diarrhoea" in page
    # The next form shows the hold and the complaint that lasts, and asks for neither again.
    page = text(nurse.get(url(course)))
    assert "The course is held already" in page
    assert "Flushing, grade 3, since" in page


def test_what_is_wrong_is_told_at_its_place(course, nurse):
    asked = nurse.get(url(course))
    tomorrow = add_days(clinic_day(database_now(), clinic_zone()), 1).isoformat()
    sent = filled(asked, spoken_at=now_typed(hours=2), call_back_who="nurse") | rows(
        term="Pain", grade="1", from_day=tomorrow
    )
    page = text(nurse.post(url(course), sent))
    for words in ("Lies ahead; enter when you spoke", "Say by when"):
        assert words in page
    page = text(nurse.post(url(course), sent | {"spoken_at": now_typed(), "call_back_who": ""}))
    assert "Complaint 1, From:" in page
    assert "lies after today" in page
    for wrong in ({"occasion": "carol"}, {"about_on": "soon"}, {"key": "x"}, {"symptom-TOTAL_FORMS": "a"}):
        back = nurse.post(url(course), sent | wrong)
        assert back.status_code == 400, wrong
    assert not PatientCall.objects.exists()
    assert nurse.get(url(course), {"occasion": "after", "cycle": "4"}).status_code == 404
    assert nurse.get(url(course), {"occasion": "carol", "cycle": "1"}).status_code == 404


def test_a_call_is_corrected_settles_another_and_is_taken_back_by_a_physician_with_a_password(
    course, nurse, enter, send_with_password
):
    today = clinic_day(database_now(), clinic_zone())
    sent = filled(
        nurse.get(url(course)),
        call_back_who="physician",
        call_back_by=now_typed(hours=3),
        call_back_about="Pain",
    ) | rows(term="Pain", grade="3", from_day=today.isoformat())
    first = nurse.post(url(course), sent)
    call = PatientCall.objects.get()
    board = text(nurse.get(reverse("admin:index")))
    assert "A physician rings back by" in board
    asked = nurse.get(url(course), {"settles": str(call.public_id)})
    assert "This call settles what was still open" in text(asked)
    nurse.post(url(course), filled(asked, settles=str(call.public_id)))
    assert not PatientCall.objects.to_ring_back().exists()
    address = url(course, "correct_call", call.public_id)
    asked = nurse.get(address)
    fact = facts_of(call)[0]
    assert "Recorded by mistake" in text(asked)
    sent |= {"seen": "1", "reason": "Grade 2.", "symptom-INITIAL_FORMS": "1", "symptom-TOTAL_FORMS": "4"}
    sent |= {"symptom-0-fact_id": str(fact.public_id), "symptom-0-grade": "2"}
    assert nurse.post(address, sent | {"reason": ""}).status_code == 400
    assert nurse.post(address, sent | {"seen": "7"}).status_code == 409
    assert nurse.post(address, sent).url == first.url
    page = text(nurse.get(first.url))
    assert "Version 1" in page
    assert "Pain grade 2" in page
    newest = call.__class__.objects.get(public_id=call.public_id, version=2)
    judged = facts_of(newest)[0]
    record_fact(
        kind="adverse_event",
        data=(judged.data or {}) | {"related": True},
        by=doctor(),
        course=course,
        replaces=judged,
        reason="Flare of the tumour.",
    )
    address = url(course, "take_back_call", call.public_id)
    back = nurse.post(address, {"seen": "2", "reason": "Other patient."})
    assert back.status_code == 403
    assert "A physician has recorded Pain since" in text(back)
    assert "Other patient." in text(back)
    physician = enter("physician", username="dr-late")
    done = send_with_password(physician, address, {"seen": "2", "reason": "Other patient."})
    assert done.status_code == 302
    assert PatientCall.objects.filter(public_id=call.public_id).latest("version").outcome == "taken_back"
    assert not ChartFact.objects.standing().filter(kind="adverse_event").exists()
    assert "Taken back" in text(nurse.get(first.url))
    assert nurse.post(address, {"seen": "2", "reason": "Again."}).status_code == 409


def test_nobody_reached_leaves_the_call_on_the_list(course, nurse):
    asked = nurse.get(url(course), {"occasion": "after", "cycle": "1"})
    done = nurse.post(url(course), filled(asked, outcome="not_reached", spoken_with=""), follow=True)
    assert "the call stays on the list" in text(done)
    assert "nobody was reached" in text(done)
    assert "Tried in vain 1 time" in text(nurse.get(reverse("courses:calls")))


def test_who_reads_no_facts_sees_no_calls(course, enter):
    for role in ("pharmacist", "physicist", "auditor"):
        page = text(enter(role, username=role).get(reverse("admin:courses_course_change", args=[course.pk])))
        assert "Calls and visits" not in page, role
