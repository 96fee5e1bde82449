"""The plan, the move, the end, the follow-up, the start and the calendar in the browser's eyes."""

import re
from datetime import date, timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from courses.models import (
    ChartFact,
    ClosedDay,
    Course,
    CourseEnd,
    CourseStart,
    Cycle,
    CycleMove,
    FollowUpAct,
    FollowUpRecord,
)
from courses.services.assess import assess_course
from labs.clinic_days import add_days, clinic_day
from labs.clock import database_now
from labs.zones import clinic_zone
from tests.builders import PROTOCOL, approve, colleague, draw, give_cycle, make_course, make_patient
from tests.builders_pages import decide
from tests.courses.signing import doctor, other_doctor

pytestmark = pytest.mark.django_db
PASSWORD = "a long pass phrase"
TYPED = "<script>alert(1)</script>"


def today() -> date:
    return clinic_day(database_now(), clinic_zone())


def a_workday(after: date) -> date:
    """A Wednesday near the coming weeks that is no public holiday."""
    found = add_days(after, (2 - after.weekday()) % 7)
    while (found.month, found.day) in {(12, 23), (12, 30), (1, 6)}:
        found = add_days(found, 7)
    return found


@pytest.fixture
def enter_as():
    """A browser in which this person has just logged in with the password."""

    def make(person: Any) -> Client:
        person.set_password(PASSWORD)
        person.is_staff = True
        person.save()
        browser = Client()
        browser.force_login(person)
        browser.post("/accounts/reauthenticate/", {"password": PASSWORD})
        return browser

    return make


def text(response: Any) -> str:
    return unescape(response.content.decode())


@pytest.fixture
def course() -> Course:
    """A course whose first cycle is planned in five weeks."""
    found = make_course(
        make_patient(),
        first_on=add_days(a_workday(today()), 35),
        by=doctor(),
        disease="yes",
        now=database_now(),
    )
    assess_course(course_id=found.pk)
    found.refresh_from_db()
    return found


@pytest.fixture
def treated() -> Course:
    """A course of which one cycle was given fifty days ago."""
    found = make_course(make_patient(mrn="T-7"), first_on=add_days(today(), -50), by=doctor())
    give_cycle(found.cycles.get(number=1), by=doctor())
    return found


def test_the_plan_lists_what_hangs_on_each_cycle(course, enter_as):
    page = text(enter_as(colleague("nora", "nurse")).get(reverse("courses:plan", args=[course.public_id])))
    for words in (
        "Order the vial with the supplier",
        "Last day for a long-acting somatostatin analogue",
        "Blood draw before the cycle: Platelets",
        "Corticosteroid cover is tapered off",
        "Blood draw for the lowest counts",
    ):
        assert words in page
    assert page.count("Move</a>") == 4


def test_a_move_is_shown_then_confirmed_and_a_stale_one_is_shown_again(course, enter_as):
    nurse = enter_as(colleague("nora", "nurse"))
    cycle = course.cycles.get(number=1)
    url = reverse("courses:move_cycle", args=[course.public_id, 1])
    to = add_days(cycle.planned_on, 7)
    said = {"to": to.isoformat(), "cause": "capacity", "reason": f"Full. {TYPED}"}
    shown = nurse.post(url, {**said, "do": "preview"})
    assert shown.status_code == 200
    assert not CycleMove.objects.exists()
    page = text(shown)
    assert "What it moves" in page
    seen = shown.context["preview"].digest
    unread = nurse.post(url, {**said, "do": "confirm", "seen": seen})
    assert unread.status_code == 400
    assert "Tick the statement" in text(unread)
    stale = nurse.post(url, {**said, "do": "confirm", "seen": "0" * 64, "read": "on"})
    assert stale.status_code == 409
    assert "Something has changed since this was shown" in text(stale)
    assert not CycleMove.objects.exists()
    done = nurse.post(url, {**said, "do": "confirm", "seen": seen, "read": "on"}, follow=True)
    assert done.status_code == 200
    assert TYPED not in done.content.decode()
    assert CycleMove.objects.get().to_on == to
    assert Cycle.objects.get(pk=cycle.pk).planned_on == to


def test_what_is_refused_keeps_what_was_typed(course, enter_as):
    nurse = enter_as(colleague("nora", "nurse"))
    url = reverse("courses:move_cycle", args=[course.public_id, 1])
    answer = nurse.post(url, {"do": "preview", "to": "2020-01-01", "cause": "supply", "reason": "Kept words"})
    assert answer.status_code == 400
    assert "Lies in the past" in text(answer)
    assert "Kept words" in text(answer)


def test_a_course_is_ended_by_a_physician_and_undone_by_two(course, enter_as):
    url = reverse("courses:ending", args=[course.public_id])
    nurse = enter_as(colleague("nora", "nurse"))
    assert "A physician ends a course" in text(nurse.get(url))
    first = enter_as(doctor())
    said = {"cause": "withdrawal", "ended_on": today().isoformat(), "reason": "She does not want it."}
    unread = first.post(reverse("courses:end_course", args=[course.public_id]), said)
    assert unread.status_code == 400
    done = first.post(
        reverse("courses:end_course", args=[course.public_id]), {**said, "read": "on"}, follow=True
    )
    assert "Withdrawal of consent" in text(done)
    assert CourseEnd.objects.get().cause == "withdrawal"
    first.post(reverse("courses:undo_end", args=[course.public_id]), {"reason": "Another patient."})
    assert "another physician confirms it" in text(first.get(url))
    second = enter_as(other_doctor())
    second.post(reverse("courses:confirm_undo_end", args=[course.public_id]))
    course.refresh_from_db()
    assert course.is_open
    assert "was undone by" in text(nurse.get(url))


def test_the_follow_up_is_on_the_first_page_recorded_and_closed(treated, enter_as):
    nurse, physician = enter_as(colleague("nora", "nurse")), enter_as(doctor())
    first_page = text(nurse.get("/admin/"))
    assert "To be seen after treatment" in first_page
    assert "Draw for the lowest counts" in first_page
    assert "Overdue" in first_page
    assert "Ahorn" in text(nurse.get(reverse("courses:follow_ups")))
    url = reverse("courses:visit", args=[treated.public_id, "nadir"])
    assert "No final result yet for: Platelets" in text(nurse.get(url))
    empty = nurse.post(url, {"outcome": "done", "on": today().isoformat()})
    assert empty.status_code == 400
    nurse.post(
        url, {"outcome": "elsewhere", "on": today().isoformat(), "note": "Family doctor, counts normal."}
    )
    assert FollowUpRecord.objects.get().outcome == "elsewhere"
    still = physician.post(
        reverse("courses:close_follow_up", args=[treated.public_id]), {"do": "close", "reason": "Why not."}
    )
    assert still.status_code == 400
    assert "it still goes on" in text(still).lower()
    physician.post(
        reverse("courses:end_course", args=[treated.public_id]),
        {"cause": "medical", "ended_on": today().isoformat(), "reason": "Surgery.", "read": "on"},
    )
    physician.post(
        reverse("courses:close_follow_up", args=[treated.public_id]), {"do": "close", "reason": "In Kiel."}
    )
    assert FollowUpAct.objects.get().is_closed
    assert "Ahorn" not in text(nurse.get(reverse("courses:follow_ups")))


ANSWERS = {
    "protocol_id": PROTOCOL,
    "EL-23": "2026-01-07",
    "EL-13": "well",
    "EL-11": "4",
    "EL-08": "yes",
    "EL-09": "no",
    "EL-16": "no",
    "EL-15": "no",
    "EL-19": "90",
    "EL-22": "no",
    "modality": "pet",
    "uptake": "3",
    "imaged_on": "2026-01-05",
    "peritoneal_disease": "no",
    "dialysis": "no",
    "anticoagulated": "no",
    "nyha_class": "1",
    "prior": "none",
    **{
        f"{prefix}-{name}": value
        for prefix in ("prior", "cycle")
        for name, value in (
            ("TOTAL_FORMS", "3"),
            ("INITIAL_FORMS", "0"),
            ("MIN_NUM_FORMS", "0"),
            ("MAX_NUM_FORMS", "3"),
        )
    },
}


def started(browser: Client, patient: Any, **said: str) -> Any:
    first = add_days(a_workday(today()), 42)
    sent = {**ANSWERS, "first_planned_on": first.isoformat(), **said}
    return browser.post(reverse("courses:start", args=[patient.public_id]), sent)


def test_a_course_is_shown_whole_before_it_is_started_and_started_once(enter_as):
    approve()
    patient, nurse = make_patient(), enter_as(colleague("nora", "nurse"))
    draw(patient, add_days(today(), -3))
    assert patient.mrn in text(nurse.get(reverse("courses:start_choose"), {"q": "T-"}))
    shown = started(nurse, patient, do="preview")
    assert shown.status_code == 200, shown.context["form"].errors
    page = text(shown)
    assert not Course.objects.exists()
    assert not ChartFact.objects.filter(kind="sstr_imaging").exists()
    assert "Baselines that are proposed" in page
    assert "228" in page
    assert page.count("Order the vial with the supplier") == 4
    seen = shown.context["preview"].digest
    unread = started(nurse, patient, do="start", seen=seen)
    assert unread.status_code == 400
    assert not Course.objects.exists()
    done = started(nurse, patient, do="start", seen=seen, read="on")
    assert done.status_code == 302, done.context["form"].errors
    course = Course.objects.get()
    assert course.cycles.count() == 4
    assert course.current_decision is not None
    assert CourseStart.objects.get().answers["EL-19: Performance status, Karnofsky scale in percent"] == "90"
    assert ChartFact.objects.filter(kind="sstr_imaging").count() == 1
    assert (ChartFact.objects.get(kind="prior_treatment").data or {})["answer"] == "none"
    again = started(nurse, patient, do="start", seen=seen, read="on")
    assert (again.status_code, again.url) == (302, done.url)
    otherwise = {"dialysis": "yes"}, {"EL-19": "80"}, {"uptake": "4"}, {"peritoneal_disease": "yes"}
    for other in otherwise:
        refused = started(nurse, patient, do="start", seen=seen, read="on", **other)
        assert refused.status_code == 400
        assert "already has an open course: work on with that one" in text(refused)
    another = enter_as(colleague("olga", "nurse"))
    assert started(another, patient, do="start", seen=seen, read="on").status_code == 400
    assert Course.objects.count() == 1
    assert "Answers of nora" in text(nurse.get(reverse("admin:courses_course_change", args=[course.pk])))


def test_unusual_answers_are_pointed_out_and_block_nothing(enter_as):
    approve()
    nurse = enter_as(colleague("nora", "nurse"))
    page = text(
        started(
            nurse,
            make_patient(),
            do="preview",
            **{
                "EL-23": "",
                "EL-11": "60",
                "EL-09": "yes",
                "EL-16": "unknown",
                "peritoneal_disease": "unknown",
            },
        )
    )
    for words in (
        "No decision of a tumour board is recorded.",
        "Ki-67 above 55 %",
        "takes up FDG and not the receptor tracer",
        "Signs of liver failure were not looked for.",
        "no cycle is signed until it is",
    ):
        assert words in page


@pytest.mark.hazard("HZ-43")
def test_whoever_signs_the_first_cycle_reads_what_the_answers_at_the_start_pointed_out(enter_as):
    approve()
    nurse, patient = enter_as(colleague("nora", "nurse")), make_patient()
    said = {"EL-23": "", "EL-11": "60", "EL-13": "carcinoma"}
    seen = started(nurse, patient, do="preview", **said).context["preview"].digest
    assert started(nurse, patient, do="start", seen=seen, read="on", **said).status_code == 302
    decision = Course.objects.get().current_decision
    assert decision is not None
    physician = enter_as(colleague("petra", "physician"))
    for door in ("courses:decision", "courses:decision_print"):
        page = text(physician.get(reverse(door, args=[decision.public_id])))
        assert "Pointed out when the course was started" in page
        assert "Answers of nora" in page
        for warning, question, answer in (
            (
                "No decision of a tumour board is recorded.",
                "On which day did the tumour board",
                "ot answered",
            ),
            ("Ki-67 above 55 %: outside the range", "Ki-67 index in percent", "60"),
            ("Neuroendocrine carcinoma: only", "How is the tumour differentiated?", "Neuroendocrine carc"),
        ):
            line = page[page.index(warning) :]
            assert question in line
            assert answer in line[line.index(question) :]
        assert page.index("Pointed out when") < page.rindex("Signature")
    page = text(physician.get(reverse("courses:decision", args=[decision.public_id])))
    assert "reviews of peptide receptor radionuclide therapy, grade and Ki-67" in page
    given = [{"number": 1, "on": "2026-03-09", "activity_gbq": "7.4"}]
    second = decide(decision.course, decision.course.cycles.get(number=2), action="hold", cycles=given)
    page = text(physician.get(reverse("courses:decision", args=[second.public_id])))
    assert "Pointed out when the course was started" not in page


def test_what_was_pointed_out_at_the_start_stands_when_the_questions_have_changed_since(enter_as):
    course = make_course(make_patient(), first_on=add_days(a_workday(today()), 35), by=doctor())
    CourseStart.objects.create(
        course=course,
        answers={"EL-99: An older question": "yes"},
        warnings=["An older question was answered with yes."],
        questions_sha256="0" * 64,
        answered_by=colleague("nora", "nurse"),
        printed_name="Nora Nurse",
        answered_at=database_now(),
    )
    decision = decide(course, course.cycles.get(number=1), action="proceed")
    page = text(
        enter_as(colleague("petra", "physician")).get(reverse("courses:decision", args=[decision.public_id]))
    )
    assert "An older question was answered with yes." in page
    assert "Answers of Nora Nurse" in page


@pytest.mark.hazard("HZ-60")
@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ({"prior": ""}, "Was the patient treated with a radionuclide before"),
        ({"prior": "given"}, "name each treatment that was given"),
        ({"prior": "none", "prior-0-product": "x"}, "Earlier treatment 1"),
        ({"first_planned_on": ""}, "Name the planned day of the first cycle"),
        ({"first_planned_on": "2020-01-01"}, "Lies in the past"),
        ({"EL-11": "140"}, "Write a number from 0 to 100"),
        ({"EL-13": ""}, "Choose one of the answers"),
        ({"uptake": ""}, "Fill this in for imaging that was done"),
        ({"peritoneal_disease": ""}, "Is there peritoneal or mesenteric disease?"),
    ],
)
def test_what_is_missing_or_cannot_be_is_named_and_nothing_is_stored(said, fault, enter_as):
    approve()
    answer = started(enter_as(colleague("nora", "nurse")), make_patient(), do="preview", **said)
    assert answer.status_code == 400
    assert fault in text(answer)
    assert not Course.objects.exists()
    assert not ChartFact.objects.exists()


@pytest.mark.hazard("HZ-60")
def test_earlier_treatment_and_cycles_given_elsewhere_are_recorded_with_the_start(enter_as):
    approve()
    nurse, patient = enter_as(colleague("nora", "nurse")), make_patient()
    said = {
        "prior": "given",
        "prior-0-product": "90Y-DOTATOC",
        "prior-0-administered_gbq": "3.7",
        "prior-0-month": "2019-05",
        "prior-0-hospital": "St Anna",
        "prior-0-provenance": "discharge letter",
        "cycle-0-on": add_days(today(), -14).isoformat(),
        "cycle-0-administered_gbq": "7.4",
        "cycle-0-hospital": "St Anna",
        "first_planned_on": "",
    }
    shown = started(nurse, patient, do="preview", **said)
    assert shown.status_code == 200, (shown.context["form"].errors, shown.context["faults"])
    done = started(nurse, patient, do="start", seen=shown.context["preview"].digest, read="on", **said)
    assert done.status_code == 302
    course = Course.objects.get()
    assert course.cycles.get(number=2).planned_on == add_days(today(), 42)
    assert (ChartFact.objects.get(kind="prior_treatment").data or {})["hospital"] == "St Anna"


def test_the_calendar_shows_therapies_draws_vials_and_closed_days(course, enter_as):
    nurse = enter_as(colleague("nora", "nurse"))
    on = course.cycles.get(number=1).planned_on
    nurse.post(
        reverse("courses:closed_days"), {"on": add_days(on, 1).isoformat(), "words": f"Outing {TYPED}"}
    )
    twice = nurse.post(reverse("courses:closed_days"), {"on": add_days(on, 1).isoformat(), "words": "Again"})
    assert twice.status_code == 400
    week = nurse.get(reverse("courses:calendar"), {"by": "week", "day": on.isoformat()})
    assert re.search(r"<strong>Therapy</strong>:.*?, cycle 1</li>", text(week), re.DOTALL)
    assert TYPED not in week.content.decode()
    assert "Closed: Outing" in text(week)
    assert "Closed: Sunday" in text(week)
    month = text(
        nurse.get(reverse("courses:calendar"), {"by": "month", "day": add_days(on, -14).isoformat()})
    )
    assert re.search(r"Order the vial with the supplier:.*?, cycle 1</li>", month, re.DOTALL)
    nurse.post(reverse("courses:open_day", args=[ClosedDay.objects.get().pk]))
    assert not ClosedDay.objects.exists()
    assert ClosedDay.history.count() == 2
    assert nurse.get(reverse("courses:calendar"), {"day": "yesterday"}).status_code == 200


def test_the_calendar_asks_as_often_for_many_courses_as_for_one(
    course, enter_as, django_assert_max_num_queries
):
    nurse = enter_as(colleague("nora", "nurse"))
    url = reverse("courses:calendar")
    nurse.get(url)
    with django_assert_max_num_queries(100) as few:
        nurse.get(url)
    for number in range(3):
        make_course(
            make_patient(mrn=f"N-{number}"),
            first_on=add_days(a_workday(today()), 21),
            by=doctor(),
            now=database_now() - timedelta(days=1),
        )
    with django_assert_max_num_queries(len(few.captured_queries)):
        nurse.get(url)
