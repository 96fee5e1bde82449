"""The lists of the first page: who stands on which, in which order, and why."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from courses.models import Course, Cycle, Order
from courses.worklist import leading_reason, what_ends_it, worklist
from labs.clock import database_now
from tests.builders_day import infuse
from tests.builders_pages import LOW_PLATELETS, TODAY, decide, make_course, sign, standing, starter

pytestmark = pytest.mark.django_db


def families(section) -> list[str]:
    return [line.patient.family for line in section.lines]


def test_a_delayed_cycle_stands_on_the_held_list_with_its_reason_and_suspended_order():
    make_course(1, action="delay", family="Delayed")
    line = worklist(today=TODAY).held.lines[0]
    assert (line.patient.family, line.action, line.why) == ("Delayed", "delay", LOW_PLATELETS)
    assert [order.state for order in line.orders] == ["suspended"]


def test_what_was_going_ahead_and_has_been_stopped_comes_first():
    sooner = make_course(1, action="delay", family="Nothing-Ordered")
    make_course(2, action="delay", family="Was-Going-Ahead")
    Order.objects.filter(cycle__course=sooner).update(state="cancelled")
    Cycle.objects.filter(course=sooner).update(planned_on=TODAY)
    assert families(worklist(today=TODAY).held) == ["Was-Going-Ahead", "Nothing-Ordered"]


def test_a_hold_says_what_is_missing_and_how_to_end_it():
    make_course(1, action="hold", family="Held")
    line = worklist(today=TODAY).held.lines[0]
    assert line.why == "No creatinine was collected."
    assert line.next_step == "Draw creatinine."


def test_patients_merely_between_cycles_stand_apart_and_are_not_held():
    make_course(1, action="hold", awaiting=True, in_days=30, family="Between")
    lists = worklist(today=TODAY)
    assert families(lists.waiting) == ["Between"]
    assert not lists.held.lines
    assert not lists.therapies.lines


def test_a_course_without_a_decision_is_shown_as_not_assessed_and_never_hidden():
    course = make_course(1, family="New")
    Course.objects.filter(pk=course.pk).update(current_decision=None)
    line = worklist(today=TODAY).held.lines[0]
    assert line.action == "none"
    assert line.cycle is None


def test_the_soonest_planned_day_comes_first():
    make_course(1, in_days=6, family="Later")
    make_course(2, in_days=2, family="Sooner")
    assert families(worklist(today=TODAY).held) == ["Sooner", "Later"]


def test_an_unsigned_proposal_waits_for_a_signature_and_a_signed_one_does_not():
    make_course(1, action="proceed", family="Unsigned")
    signed = make_course(2, action="proceed", family="Signed")
    sign(standing(signed), by=starter())
    assert families(worklist(today=TODAY).to_sign) == ["Unsigned"]


def test_what_a_physician_must_confirm_first_is_the_next_step():
    course = make_course(1, action="reduce", family="Interim")
    decide(course, course.cycles.get(), action="reduce", to_confirm=[{"rule": "DM-PLT"}])
    line = worklist(today=TODAY).to_sign.lines[0]
    assert line.next_step.startswith("A physician first says whether an occurrence")


def test_a_signature_stands_when_newer_evidence_confirmed_what_was_signed():
    course = make_course(1, action="proceed")
    first = standing(course)
    sign(first, by=starter())
    decide(course, first.cycle, action="proceed", confirms=first)
    assert not worklist(today=TODAY).to_sign.lines


def test_a_signature_on_an_earlier_verdict_does_not_stand():
    course = make_course(1, action="proceed")
    sign(standing(course), by=starter())
    cycle = standing(course).cycle
    decide(course, cycle, action="delay")
    decide(course, cycle, action="proceed")
    assert len(worklist(today=TODAY).to_sign) == 1


def test_a_stop_needs_confirming_until_it_is_signed():
    course = make_course(1, action="stop", family="Stopped")
    assert families(worklist(today=TODAY).stopped) == ["Stopped"]
    sign(standing(course), by=starter())
    assert not worklist(today=TODAY).stopped.lines


@pytest.mark.parametrize(("in_days", "shown"), [(-1, False), (0, True), (7, True), (8, False)])
def test_therapies_are_those_of_today_and_the_next_seven_days(in_days, shown):
    make_course(1, action="delay", in_days=in_days)
    lines = worklist(today=TODAY).therapies.lines
    assert bool(lines) is shown
    assert all(line.next_step == "Must not go ahead." for line in lines)


def test_a_proposal_whose_day_has_passed_stays_in_sight():
    make_course(1, action="proceed", in_days=-3)
    assert worklist(today=TODAY).therapies.lines[0].next_step == "Waits for a physician's signature."


def test_closed_courses_are_on_no_list():
    course = make_course(1, action="delay")
    Course.objects.filter(pk=course.pk).update(status="stopped")
    lists = worklist(today=TODAY)
    assert not any([lists.held.lines, lists.stopped.lines, lists.to_sign.lines, lists.therapies.lines])


def test_the_number_of_queries_does_not_grow_with_patients():
    actions = ["delay", "hold", "proceed", "reduce", "stop"]
    for n in range(6):
        make_course(n, action=actions[n % 5], awaiting=n == 1)
    few = count_queries()
    for n in range(6, 40):
        make_course(n, action=actions[n % 5], awaiting=n % 10 == 1)
    assert count_queries() == few


def count_queries() -> int:
    with CaptureQueriesContext(connection) as captured:
        worklist(today=TODAY)
    return len(captured)


@pytest.mark.parametrize("answer", [{}, {"action": "delay"}, {"action": "hold", "missing": []}])
def test_an_answer_without_reasons_gives_no_sentence_rather_than_a_wrong_one(answer):
    assert leading_reason(answer) == ""
    assert what_ends_it(answer) == ""


def test_results_missing_in_the_same_way_are_told_in_one_sentence():
    codes = {"777-3": "Platelets", "2160-0": "Creatinine", "1751-7": "Albumin"}
    gaps = [{"code": code, "resolve": f"collect {name}, not before 10 May"} for code, name in codes.items()]
    weigh = {"code": "weight", "resolve": "weigh the patient"}
    told = what_ends_it({"missing": [*gaps, weigh]})
    assert told == "Collect these 3 results, not before 10 May. Weigh the patient."
    assert what_ends_it({"missing": gaps[:2]}) == "Collect Platelets and Creatinine, not before 10 May."


def test_a_part_that_waits_for_its_judgement_is_told_before_any_signature():
    course = make_course(1, action="proceed", family="Part-Given", in_days=1)
    cycle = standing(course).cycle
    infuse(cycle, by=starter(), at=database_now(), gbq="3.6", ended_how="unwell")
    lists = worklist(today=TODAY)
    assert "waits for a physician's judgement" in lists.to_sign.lines[0].why
    assert "nothing is signed for this cycle" in lists.to_sign.lines[0].next_step
    assert "waits for a physician's judgement" in lists.therapies.lines[0].next_step
