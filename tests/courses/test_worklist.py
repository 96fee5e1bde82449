"""The lists of the first page: who stands on which, in which order, and why."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from courses.decision_words import leading_reason, what_ends_it
from courses.models import Administration, Course, Cycle, Directive, Order, Recall, VialBooking
from courses.services.orders import BY_HAND
from courses.therapies import TherapyLine, therapies
from courses.worklist import worklist
from labs.clinic_days import add_days
from labs.clock import database_now
from tests.builders_day import infuse
from tests.builders_pages import LOW_PLATELETS, TODAY, decide, make_course, sign, standing, starter

pytestmark = pytest.mark.django_db


def planned() -> tuple[TherapyLine, ...]:
    return therapies(today=TODAY, now=database_now()).planned


def stopped_short() -> list[str]:
    found = therapies(today=TODAY, now=database_now())
    return [line.patient.family for line in found.stopped_short]


def named(course: Course) -> TherapyLine:
    """The line of this course among what must not go ahead."""
    found = therapies(today=TODAY, now=database_now()).stopped_short
    return next(line for line in found if line.course == course)


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
    assert not planned()


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
    lines = planned()
    assert bool(lines) is shown
    assert all(not line.state.may_go for line in lines)


def test_a_proposal_whose_day_has_passed_stays_in_sight():
    make_course(1, action="proceed", in_days=-3)
    assert planned()[0].next_step == "Waits for a physician's signature."


# --- What must not go ahead, and how far each therapy is -------------------------------------------


@pytest.mark.hazard("HZ-38")
@pytest.mark.parametrize(
    ("action", "in_days", "awaiting", "told"),
    [
        ("delay", 0, False, True),
        ("hold", 0, True, True),
        ("proceed", 0, False, True),  # nobody has signed it
        ("stop", 0, False, True),
        ("delay", 1, False, False),
        ("proceed", 1, False, False),
    ],
)
def test_the_first_page_names_what_of_today_may_not_be_given(action, in_days, awaiting, told):
    course = make_course(1, action=action, awaiting=awaiting, in_days=in_days)
    booked(course)
    assert bool(stopped_short()) is told


@pytest.mark.parametrize(("cut_off_days", "listed"), [(2, True), (6, True), (9, False)])
def test_what_is_held_before_the_next_vial_deadline_is_named_however_far_that_is(cut_off_days, listed):
    held = make_course(1, action="delay", in_days=6, family="Held")
    booked(held, cut_off_days=cut_off_days)
    assert stopped_short() == ["Held"]
    found = therapies(today=TODAY, now=database_now())
    assert [each.cycle.course for each in found.deadlines] == ([held] if listed else [])
    assert found.next_deadline == add_days(TODAY, cut_off_days)


def signed_and_directed(in_days: int) -> Course:
    """A cycle that may be given as it stands, its vial confirmed."""
    course = make_course(1, action="proceed", in_days=in_days, family="Go")
    signature = sign(standing(course), by=starter())
    cycle = course.cycles.get()
    Directive.objects.create(
        cycle=cycle, revision=1, decision=standing(course), signature=signature, product="lutetium",
        activity_gbq="7.4", route="intravenous", administer_on=cycle.planned_on,
    )  # fmt: skip
    booked(course, cut_off_days=in_days)
    return course


@pytest.mark.parametrize("in_days", [0, 1])
def test_a_signed_cycle_whose_unit_is_called_back_is_named_before_the_deadline_too(in_days):
    course = signed_and_directed(in_days)
    assert stopped_short() == []
    order = Order.objects.filter(cycle__course=course).earliest("pk")
    Recall.objects.create(order=order, reason_code="directive-void", opened_at=database_now())
    assert stopped_short() == ["Go"]
    (line,) = therapies(today=TODAY, now=database_now()).stopped_short
    assert line.why == "What was handed out for it is called back."


def test_a_signed_cycle_of_today_with_a_vial_for_another_day_is_named():
    course = signed_and_directed(0)
    VialBooking.objects.filter(cycle__course=course).update(needed_on=TODAY)
    assert stopped_short() == []
    VialBooking.objects.filter(cycle__course=course).update(needed_on=add_days(TODAY, 1))
    (line,) = therapies(today=TODAY, now=database_now()).stopped_short
    assert line.why.startswith("Vial: ordered for ")


def test_a_signed_cycle_before_the_next_vial_deadline_is_named_when_its_vial_is_for_another_day():
    course = signed_and_directed(2)
    Order.objects.filter(cycle__course=course, kind="radiopharmaceutical").update(
        state="active", directive=Directive.objects.get()
    )
    make_course(9, action="delay", in_days=16, family="Sets-The-Deadline")
    planned = add_days(TODAY, 2)
    VialBooking.objects.filter(cycle__course=course).update(needed_on=planned)
    assert course.patient.family not in stopped_short()
    VialBooking.objects.filter(cycle__course=course).update(needed_on=add_days(planned, 1))
    line = named(course)
    assert line.why.startswith("Vial: ordered for ")
    assert line.next_step == "Its vial is ordered for another day: move the vial's order, or the cycle."


def test_a_signed_cycle_before_the_next_vial_deadline_is_named_when_its_directive_is_for_another_day():
    course = signed_and_directed(2)
    Order.objects.filter(cycle__course=course, kind="radiopharmaceutical").update(
        state="active", directive=Directive.objects.get()
    )
    make_course(9, action="delay", in_days=16, family="Sets-The-Deadline")
    VialBooking.objects.filter(cycle__course=course).update(needed_on=add_days(TODAY, 2))
    Cycle.objects.filter(pk=standing(course).cycle_id).update(planned_on=add_days(TODAY, 1))
    VialBooking.objects.filter(cycle__course=course).update(needed_on=add_days(TODAY, 1))
    line = named(course)
    assert line.why.startswith("Directive: revision 1 is for ")
    assert line.next_step == "Its directive is for another day: a physician signs for the planned one."


def test_a_cycle_without_a_vial_past_the_day_of_its_order_is_named_when_it_may_not_go():
    make_course(1, action="delay", in_days=10, family="No-Vial")
    make_course(2, action="delay", in_days=20, family="In-Time")
    found = therapies(today=TODAY, now=database_now())
    # The protocol orders a vial 14 days before: of the first that day has passed, of the second it is near.
    assert [(each.cycle.course.patient.family, (each.on - TODAY).days) for each in found.deadlines] == [
        ("No-Vial", -4),
        ("In-Time", 6),
    ]
    assert stopped_short() == ["No-Vial", "In-Time"]


def test_a_stopped_course_whose_therapy_is_today_is_named_and_its_vial_called_off():
    course = make_course(1, action="stop", in_days=0, family="Stopped")
    Course.objects.filter(pk=course.pk).update(status="stopped")
    line = therapies(today=TODAY, now=database_now()).stopped_short[0]
    assert (line.patient.family, line.next_step[:18]) == ("Stopped", "The course is over")


def test_how_far_a_therapy_is_stands_in_parts_with_the_one_next_thing():
    course = make_course(1, action="proceed", in_days=0)
    assert parts() == {
        "Labs": "done in",
        "Decision": "done proceed, 7.4 GBq (200 mCi)",
        "Signature": "due waits for a physician",
        "Directive": "waiting none that holds",
        "Vial": "blocked not ordered",
        "Premedication": "waiting not ordered",
        "Flags": "done none",
    }
    sign(standing(course), by=starter())
    assert parts()["Signature"] == "done signed"
    assert planned()[0].next_step == "Waits for its written directive."
    booked(course)
    assert parts()["Vial"] == "due ordered, not confirmed"
    VialBooking.objects.update(needed_on=TODAY + timedelta(days=1))
    assert parts()["Vial"].startswith("blocked ordered for")
    decide(course, standing(course).cycle, action="hold", reasons=[{"rule": "HOLD-PERSON", "action": "hold"}])
    assert parts()["Flag"] == "blocked held by a person"
    assert parts()["Labs"] == "blocked 1 missing"
    assert planned()[0].next_step == "Draw creatinine."


def test_a_delay_says_which_value_would_release_it():
    course = make_course(1, action="delay", in_days=2)
    release = "Platelets 75 or more, in a final result collected on or after 5 May 2026"
    decide(course, course.cycles.get(), action="delay", release=[release, "collect Platelets"])
    assert planned()[0].next_step == f"{release}."
    assert worklist(today=TODAY).held.lines[0].next_step == f"{release}."


@pytest.mark.hazard("HZ-13")
def test_two_people_of_similar_names_on_one_list_are_marked():
    make_course(1, in_days=1, family="Müller")
    make_course(2, in_days=2, family="Mueller")
    make_course(3, in_days=3, family="Ahorn")
    assert [line.is_name_alike for line in planned()] == [True, True, False]


@pytest.mark.hazard("HZ-13")
def test_two_people_of_similar_names_are_marked_where_a_physician_signs_and_where_blood_is_due(enter):
    for number, family in ((1, "Müller"), (2, "Mueller"), (3, "Ahorn")):
        make_course(number, action="proceed", family=family)
    for number, family in ((4, "Schmidt"), (5, "Schmitt")):
        make_course(number, action="hold", in_days=3, family=family)
    lists = worklist(today=TODAY)
    to_sign, bloods = lists.to_sign, lists.bloods
    assert sorted(x.patient.family for x in to_sign.lines if x.patient.pk in to_sign.alike) == [
        "Mueller", "Müller",
    ]  # fmt: skip
    assert {x.patient.family for x in bloods if x.patient.pk in lists.bloods_alike} == {"Schmidt", "Schmitt"}
    page = enter("physician").get("/admin/").content.decode()
    shown = page.partition('id="tosign"')[2].partition("</section>")[0]
    assert shown.count("similar name on this list") == 2


def test_bloods_are_due_within_a_week_overdue_and_said_to_be_drawn():
    waiting = make_course(1, action="hold", awaiting=True, in_days=9, family="Due")
    late = make_course(2, action="hold", in_days=3, family="Late")
    make_course(3, action="delay", in_days=3, family="Nothing-Lacks")
    gap = {"code": "777-3", "why": "None.", "resolve": "collect Platelets", "due_on": str(TODAY)}
    decide(waiting, standing(waiting).cycle, action="hold", awaiting=True, missing=[gap])
    assert [line.patient.family for line in worklist(today=TODAY).bloods] == ["Late"]
    decide(waiting, standing(waiting).cycle, action="hold", awaiting=True, due_in=0, missing=[gap])
    first, second = worklist(today=TODAY).bloods
    assert (first.patient.family, first.is_overdue, first.names) == ("Late", True, ("Creatinine",))
    assert (second.is_overdue, second.due_on, second.is_drawn) == (False, TODAY, False)
    drawn = Order.objects.filter(cycle__course=late)
    drawn.update(kind="lab_draws", state="done", reason_code="draws-in")
    assert not worklist(today=TODAY).bloods[0].is_drawn, "a result ended it, nobody said that it was drawn"
    drawn.update(reason_code=BY_HAND)
    assert worklist(today=TODAY).bloods[0].is_drawn


def booked(course: Course, *, cut_off_days: int | None = None) -> VialBooking:
    cycle, now = course.cycles.get(), database_now()
    return VialBooking.objects.create(
        cycle=cycle,
        supplier="the manufacturer",
        needed_on=cycle.planned_on,
        cut_off_at=None if cut_off_days is None else now + timedelta(days=cut_off_days),
        placed_at=now,
        updated_at=now,
    )


def parts() -> dict[str, str]:
    return {part.name: f"{part.state.value} {part.words}" for part in planned()[0].state.parts}


def test_closed_courses_are_on_no_list():
    course = make_course(1, action="delay")
    Course.objects.filter(pk=course.pk).update(status="stopped")
    lists = worklist(today=TODAY)
    assert not any([lists.held.lines, lists.stopped.lines, lists.to_sign.lines, planned()])


def test_the_number_of_queries_does_not_grow_with_patients():
    actions = ["delay", "hold", "proceed", "reduce", "stop"]
    for n in range(11):
        make_course(n, action=actions[n % 5], awaiting=n == 1)
    few = count_queries()
    for n in range(11, 40):
        make_course(n, action=actions[n % 5], awaiting=n % 10 == 1)
    assert count_queries() == few


def count_queries() -> int:
    with CaptureQueriesContext(connection) as captured:
        worklist(today=TODAY)
        therapies(today=TODAY, now=database_now())
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
    assert "waits for a physician's judgement" in planned()[0].next_step
    assert not planned()[0].state.may_go


def test_a_given_cycle_corrected_to_a_part_is_told_to_the_physician_while_the_next_one_waits_for_labs():
    course = make_course(1, action="hold", awaiting=True, family="Part-Given", in_days=40)
    given = infuse(standing(course).cycle, by=starter(), at=database_now(), ended_how="complete")
    Administration.objects.create(
        cycle=given.cycle,
        administered_on=TODAY,
        administered_gbq=given.delivered_gbq,
        product=given.product,
        deviation=given.deviation,
        recorded_at=database_now(),
        recorded_by=starter(),
    )
    assert (len(worklist(today=TODAY).to_sign), len(worklist(today=TODAY).waiting)) == (0, 1)
    infuse(
        given.cycle,
        by=starter(),
        at=database_now(),
        gbq="2.96",
        ended_how="leak",
        corrects=given,
        reason="the line had leaked",
    )
    lists = worklist(today=TODAY)
    assert (len(lists.to_sign), len(lists.waiting)) == (1, 0)
    assert (lists.to_sign.lines[0].action, lists.to_sign.lines[0].is_to_judge) == ("waiting", True)
