"""A call is one commit: what was said, its complaints and its hold stand together and go together."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, transaction

from courses.calls import calls_for_page, calls_of, calls_to_make, owed_call_backs
from courses.models import CallFact, ChartFact, ClosedDay, Course, Cycle, PatientCall
from courses.rules.calls import CallState
from courses.services.assess import assess_course
from courses.services.authority import BadFact, NotAllowed
from courses.services.call_checks import questions_for
from courses.services.call_facts import facts_of, lasting_symptoms
from courses.services.call_said import CallSaid, Symptom
from courses.services.calls import StaleCall, correct_call, record_call, take_back_call
from courses.services.ending import end_course
from courses.services.facts import record_fact, withdraw_fact
from labs.clinic_days import add_days
from tests.builders import clinic_time, colleague, give_cycle, make_course, make_patient
from tests.courses.signing import AT, acting, before_third, doctor, fresh, other_doctor, standing

pytestmark = pytest.mark.django_db
THIRD_ON = date(2026, 5, 4)
HOUR = timedelta(hours=1)
NAUSEA = Symptom(term="Nausea", grade=3, began_on=date(2026, 4, 20))


def nora() -> Any:
    return colleague("nora", "nurse")


def say(**more: Any) -> CallSaid:
    """What a nurse says of an ordinary call with the patient."""
    usual: dict[str, Any] = {
        "occasion": "other",
        "outcome": "spoken",
        "spoken_at": AT,
        "channel": "telephone",
        "spoken_by": "Nora Nurse",
        "spoken_with": "patient",
    }
    return CallSaid(**usual | more)


def say_before(course: Course, *, cycle: int = 3, on: date = THIRD_ON, **more: Any) -> CallSaid:
    """The call before a cycle, with nothing to point out but what is said otherwise."""
    usual = {q.id: q.expected.value for q in questions_for("before", course.patient)}
    answers = usual | more.pop("answers", {})
    return say(occasion="before", cycle=cycle, about_on=on, answers=answers, **more)


def ring(course: Course, said: CallSaid | None = None, *, by: Any = None, **more: Any) -> PatientCall:
    return record_call(course=course, key=uuid4(), said=said or say(**more), by=by or nora(), now=AT)


def said_of(fact: ChartFact) -> dict[str, Any]:
    assert fact.data is not None
    found: dict[str, Any] = fact.data
    return found


def refused(course: Course, said: CallSaid) -> str:
    """What is said of a call that cannot be recorded; nothing of it stays."""
    before = (PatientCall.objects.count(), ChartFact.objects.count())
    with pytest.raises(BadFact) as bad:
        record_call(course=course, key=uuid4(), said=said, by=nora(), now=AT)
    assert before == (PatientCall.objects.count(), ChartFact.objects.count())
    return str(bad.value)


@pytest.fixture
def course() -> Course:
    """Two cycles given, the third planned for 4 May 2026 and free to be signed on 28 April."""
    return before_third()


# --- What a nurse hears reaches the decision, and a physician attributes --------------------------


def test_a_grade_3_complaint_delays_until_a_physician_says_it_is_not_related(course):
    assert standing(course).action == "proceed"
    call = ring(course, symptoms=[NAUSEA])
    assess_course(course_id=course.pk, now=AT + HOUR)
    assert (standing(course).action, acting(course)) == ("delay", {"DM-OTH"})
    fact = facts_of(call)[0]
    assert fact.data == {"term": "Nausea", "grade": 3, "from": "2026-04-20", "related": None}
    record_fact(
        kind="adverse_event",
        data=said_of(fact) | {"related": False},
        by=doctor(),
        course=course,
        replaces=fact,
        reason="Gastroenteritis of the whole family.",
        now=AT + 2 * HOUR,
    )
    assess_course(course_id=course.pk, now=AT + 3 * HOUR)
    assert standing(course).action == "proceed"


def test_a_grade_2_complaint_is_recorded_and_changes_nothing(course):
    ring(course, symptoms=[Symptom(term="Fatigue", grade=2, began_on=date(2026, 4, 20))])
    assess_course(course_id=course.pk, now=AT + HOUR)
    assert standing(course).action == "proceed"


def test_a_complaint_that_lasts_is_changed_by_the_next_call_and_counts_once(course):
    ring(course, symptoms=[NAUSEA])
    known = lasting_symptoms(course)[0]
    over = Symptom(
        term="Nausea",
        grade=2,
        began_on=NAUSEA.began_on,
        ended_on=date(2026, 4, 27),
        fact=str(known.public_id),
    )
    later = ring(course, symptoms=[over])
    assert ChartFact.objects.standing().filter(kind="adverse_event").count() == 1
    assert facts_of(later)[0].withdraws == known
    assert lasting_symptoms(course) == []
    # A form made before that, whose row nobody touched, undoes nothing and records nothing.
    untouched = ring(course, symptoms=[replace(NAUSEA, fact=str(known.public_id))])
    assert facts_of(untouched) == []


def test_what_a_physician_recorded_no_nurse_changes_by_a_call(course):
    ring(course, by=other_doctor(), symptoms=[NAUSEA])
    known = lasting_symptoms(course)[0]
    row = Symptom(term="Nausea", grade=1, began_on=NAUSEA.began_on, fact=str(known.public_id))
    with pytest.raises(NotAllowed, match="A physician has recorded Nausea since"):
        ring(course, symptoms=[row])
    assert lasting_symptoms(course) == [known]
    # Left as it is, it is in nobody's way.
    ring(course, symptoms=[replace(NAUSEA, fact=str(known.public_id))])


# --- A hold, right there -------------------------------------------------------------------------


def test_an_answer_that_speaks_against_going_on_asks_whether_the_course_is_held(course):
    assert "Fever, an infection or another new illness? Not known" in (
        refused(course, say_before(course, answers={"infection": "unknown"}))
    )
    said = say_before(course, answers={"infection": "yes"})
    assert "hold: these answers speak against going on: Fever, an infection or another new illness? Yes" in (
        refused(course, said)
    )
    assert "hold_reason: say in a few words why the course is not held" in (
        refused(course, say_before(course, answers={"infection": "yes"}, hold="go_on"))
    )
    call = ring(course, say_before(course, answers={"infection": "yes"}, hold="hold"))
    hold = facts_of(call)[0]
    assert hold.kind == "precautionary_holds"
    assert hold.reason == "Fever, an infection or another new illness? Yes"
    assert standing(course).action == "hold"  # in the same commit


def test_why_it_is_not_held_is_kept(course):
    reason = "Dr Bauer was told and sees the patient at noon."
    call = ring(course, say_before(course, answers={"infection": "yes"}, hold="go_on", hold_reason=reason))
    assert call.not_held_because == reason
    assert standing(course).action == "proceed"


def test_somebody_elses_hold_is_no_answer_to_what_speaks_against_going_on(course):
    ring(course, hold="hold", hold_reason="A death in the family.")
    infected = say_before(course, answers={"infection": "yes"})
    assert "Say whether you hold the course" in refused(course, infected)
    call = ring(course, replace(infected, hold="hold"))
    assert standing(course).action == "hold"
    # What this call holds it for is not asked again when its words are corrected.
    corrected = replace(infected, note="Fever of 38.4 since Monday.")
    after = correct_call(
        call=call, seen=1, said=corrected, reason="The note was missing.", by=call.recorded_by
    )
    assert [fact.kind for fact in facts_of(after)] == ["precautionary_holds"]


def test_a_hold_without_a_reason_or_of_a_course_that_is_over_is_refused(course):
    assert "hold_reason: say in a few words why the course is held" in refused(course, say(hold="hold"))
    Course.objects.filter(pk=course.pk).update(status="completed")
    course.refresh_from_db()
    assert "hold: the course is over" in refused(course, say(hold="hold", hold_reason="Fever."))
    # What the patient reports after the last cycle is recorded all the same.
    assert facts_of(ring(course, symptoms=[NAUSEA]))


# --- What cannot be so ---------------------------------------------------------------------------


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"outcome": "taken_back"}, "outcome: say whether somebody was reached"),
    ({"channel": "pigeon"}, "channel: say how you spoke"),
    ({"spoken_by": " "}, "spoken_by: say who of the clinic spoke"),
    ({"spoken_by": "n" * 201}, "spoken_by: is longer than 200 letters"),
    ({"spoken_with": ""}, "spoken_with: say with whom you spoke"),
    ({"spoken_with": "kin"}, "spoken_with_name: name the person"),
    ({"outcome": "not_reached", "symptoms": [NAUSEA]}, "outcome: nobody was reached, yet"),
    ({"spoken_at": AT + HOUR}, "spoken_at: lies ahead"),
    ({"spoken_at": clinic_time(date(1950, 1, 1))}, "spoken_at: lies before the patient's birth"),
    ({"occasion": "carol"}, "occasion: no such call is planned"),
    ({"occasion": "before", "cycle": 9, "about_on": THIRD_ON}, "occasion: names no cycle"),
    ({"occasion": "before", "cycle": 3, "about_on": date(2026, 4, 1)}, "lies after the therapy"),
    ({"occasion": "after", "cycle": 3, "about_on": THIRD_ON}, "lies before the therapy"),
    ({"answers": {"infection": "no"}}, "answer-infection: is not asked in this call"),
    ({"note": "x" * 1001}, "note: is longer than 1000 letters"),
    ({"advice": "bell\x00"}, "advice: holds a character that cannot be stored"),
    ({"call_back_who": "nobody"}, "call_back_who: choose who rings back"),
    ({"call_back_who": "nurse"}, "call_back_by: say by when"),
    ({"call_back_by": AT + HOUR}, "call_back_who: say who rings back"),
    ({"call_back_who": "nurse", "call_back_by": AT}, "call_back_by: lies before the call"),
    ({"call_back_who": "nurse", "call_back_by": AT + 400 * 24 * HOUR}, "more than a year ahead"),
    ({"call_back_about": "pain"}, "call_back_who: say who rings back, or leave out"),
    ({"settles": [UUID(int=7)]}, "settles: is no call of this course"),
    ({"hold": "perhaps"}, "hold: say whether you hold the course"),
    ({"symptoms": [Symptom(term="Nausea", grade=6, began_on=date(2026, 4, 1))]}, "symptom-0-grade"),
    ({"symptoms": [NAUSEA, Symptom(term="Pain", grade=1, began_on=date(2027, 1, 1))]}, "symptom-1-from"),
    ({"symptoms": [replace(NAUSEA, fact=str(UUID(int=7)))]}, "is not recorded any more"),
]


def test_what_cannot_be_so_is_refused_at_its_field_and_nothing_of_it_stays(course):
    for more, fault in WRONG:
        assert fault in refused(course, say(**more)), more


def test_every_question_is_answered_where_somebody_was_reached_and_none_otherwise(course):
    said = say(occasion="before", cycle=3, about_on=THIRD_ON, answers={})
    told = refused(course, said).splitlines()
    assert len(told) == 13  # each of the twelve questions, and the hold that the gaps ask for
    assert "answer-pregnancy: choose yes, no or not known" in told
    tried = ring(course, say(occasion="before", cycle=3, about_on=THIRD_ON, outcome="not_reached"))
    assert tried.answers == []


def test_only_nurses_and_physicians_record_calls(course):
    for role in ("pharmacist", "physicist", "on-call", "auditor", "administrator"):
        with pytest.raises(NotAllowed, match="Only nurses and physicians record calls"):
            record_call(course=course, key=uuid4(), said=say(), by=colleague(role, role), now=AT)
    ring(course, by=doctor())


def test_the_database_takes_no_half_call(course):
    whole: dict[str, Any] = {
        "course": course,
        "occasion": "other",
        "outcome": "spoken",
        "spoken_at": AT,
        "channel": "telephone",
        "spoken_by": "N",
        "spoken_with": "patient",
        "form_sha256": "ab",
        "recorded_by": nora(),
        "printed_name": "N",
        "recorded_at": AT,
    }
    for wrong in (
        {"call_back_who": "nurse", "call_back_by": None},
        {"call_back_by": AT + HOUR},
        {"call_back_who": "nurse", "call_back_by": AT},
        {"spoken_with": ""},
        {"occasion": "before"},
        {"occasion": "before", "about_on": THIRD_ON},
        {"outcome": "not_reached", "answers": [{"id": "infection"}]},
        {"version": 2},
        {"outcome": "guessed"},
        {"printed_name": ""},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            PatientCall.objects.create(**whole | wrong)
    PatientCall.objects.create(**whole)


# --- Twice, corrected, taken back ----------------------------------------------------------------


def test_the_same_form_sent_twice_is_one_call_and_other_words_under_its_key_are_refused(course):
    key = uuid4()
    facts: dict[str, Any] = {"course": course, "key": key, "by": nora(), "now": AT}
    first = record_call(said=say(symptoms=[NAUSEA]), **facts)
    assert record_call(said=say(symptoms=[NAUSEA]), **facts) == first
    assert ChartFact.objects.filter(kind="adverse_event").count() == 1
    with pytest.raises(BadFact, match="recorded before, and with other words"):
        record_call(said=say(note="More."), **facts)
    with pytest.raises(BadFact, match="recorded before"):
        record_call(said=say(symptoms=[NAUSEA]), **facts | {"by": doctor()})


@pytest.mark.hazard("HZ-38")
def test_a_correction_is_a_newer_version_and_its_facts_follow_it(course):
    pain = Symptom(term="Pain", grade=3, began_on=date(2026, 4, 22))
    call = ring(course, symptoms=[NAUSEA, pain])
    nausea, hurts = facts_of(call)
    rows = [
        Symptom(term="Nausea", grade=2, began_on=NAUSEA.began_on, fact=str(nausea.public_id)),
        Symptom(term="Pain", grade=3, began_on=pain.began_on, fact=str(hurts.public_id), is_mistake=True),
        Symptom(term="Fatigue", grade=1, began_on=date(2026, 4, 21)),
    ]
    facts: dict[str, Any] = {"call": call, "seen": 1, "reason": "Misheard.", "by": nora(), "now": AT + HOUR}
    after = correct_call(said=say(symptoms=rows), **facts)
    assert (after.version, after.corrects, after.public_id) == (2, call, call.public_id)
    told = [(said_of(fact)["term"], said_of(fact)["grade"]) for fact in facts_of(after)]
    assert told == [("Nausea", 2), ("Fatigue", 1)]
    assert ChartFact.objects.standing().filter(kind="adverse_event").count() == 2
    assert correct_call(said=say(symptoms=rows), **facts) == after  # sent twice
    with pytest.raises(StaleCall, match="somebody changed this call since"):
        correct_call(said=say(note="Late."), **facts)
    with pytest.raises(BadFact, match="reason: is missing"):
        correct_call(said=say(), **facts | {"seen": 2, "reason": " "})
    # Untouched rows keep their facts.
    rows = [Symptom(term="Nausea", grade=2, began_on=NAUSEA.began_on, fact=str(facts_of(after)[0].public_id))]
    third = correct_call(said=say(symptoms=rows, note="Well."), **facts | {"seen": 2})
    assert facts_of(third) == facts_of(after)
    assert list(PatientCall.objects.current()) == [third]


def test_a_call_taken_back_takes_its_complaints_and_its_hold_with_it(course):
    call = ring(course, symptoms=[NAUSEA], hold="hold", hold_reason="Grade 3.")
    assert standing(course).action == "delay"
    with pytest.raises(BadFact, match="reason: is missing"):
        take_back_call(call=call, seen=1, reason="", by=nora(), now=AT + HOUR)
    facts: dict[str, Any] = {"call": call, "seen": 1, "reason": "Wrong patient.", "by": nora()}
    gone = take_back_call(**facts, now=AT + HOUR)
    assert gone.outcome == "taken_back"
    assert take_back_call(**facts, now=AT + HOUR) == gone  # sent twice
    assert not ChartFact.objects.standing().filter(kind__in=["adverse_event", "precautionary_holds"]).exists()
    assert standing(course).action == "proceed"  # the hold is judged at once
    with pytest.raises(StaleCall):
        take_back_call(**facts | {"reason": "Again."}, now=AT + HOUR)
    with pytest.raises(BadFact, match="was taken back; record another one"):
        correct_call(call=call, seen=2, said=say(), reason="Back.", by=nora(), now=AT + HOUR)


def test_where_one_fact_cannot_be_taken_back_nothing_is(course):
    call = ring(course, symptoms=[NAUSEA], hold="hold", hold_reason="Grade 3.")
    facts: dict[str, Any] = {"call": call, "seen": 1, "reason": "Mistake.", "now": AT + HOUR}
    with pytest.raises(NotAllowed, match="who placed this hold, or a physician"):
        take_back_call(by=colleague("nils", "nurse"), **facts)
    assert len(facts_of(call)) == 2
    assert PatientCall.objects.count() == 1
    nausea = facts_of(call)[0]
    record_fact(
        kind="adverse_event",
        data=said_of(nausea) | {"related": True},
        by=doctor(),
        course=course,
        replaces=nausea,
        reason="Of the treatment.",
        now=AT + HOUR,
    )
    with pytest.raises(NotAllowed, match="A physician has recorded Nausea since"):
        take_back_call(by=nora(), **facts)
    later: dict[str, Any] = {"authenticated_at": fresh(AT + HOUR)}
    take_back_call(by=other_doctor(), **facts | later)
    assert not ChartFact.objects.standing().filter(kind__in=["adverse_event", "precautionary_holds"]).exists()


def test_taking_back_a_call_that_changed_an_older_complaint_lets_the_older_one_stand_again(course):
    ring(course, symptoms=[NAUSEA])
    known = lasting_symptoms(course)[0]
    milder = Symptom(term="Nausea", grade=1, began_on=NAUSEA.began_on, fact=str(known.public_id))
    later = ring(course, symptoms=[milder])
    corrected = correct_call(
        call=later,
        seen=1,
        said=say(
            symptoms=[
                Symptom(
                    term="Nausea",
                    grade=2,
                    began_on=NAUSEA.began_on,
                    fact=str(facts_of(later)[0].public_id),
                )
            ]
        ),
        reason="Misheard.",
        by=nora(),
        now=AT + HOUR,
    )
    take_back_call(call=corrected, seen=2, reason="Wrong patient.", by=nora(), now=AT + 2 * HOUR)
    stands = ChartFact.objects.standing().get(kind="adverse_event")
    assert (said_of(stands)["term"], said_of(stands)["grade"]) == ("Nausea", 3)
    assert not CallFact.objects.filter(fact=stands).exists()


def test_a_fact_taken_back_by_itself_is_no_hindrance(course):
    call = ring(course, symptoms=[NAUSEA])
    withdraw_fact(fact=facts_of(call)[0], by=nora(), reason="Misheard.", now=AT + HOUR)
    assert facts_of(call) == []
    assert take_back_call(call=call, seen=1, reason="Mistake.", by=nora(), now=AT + HOUR).version == 2


# --- Whom to ring --------------------------------------------------------------------------------


def due(now: datetime) -> list[tuple[str, int, str]]:
    return [(line.plan.id, line.cycle.number, line.state) for line in calls_to_make(now=now).lines]


def test_the_call_before_is_due_on_the_last_working_day_and_done_once_somebody_spoke(course):
    ClosedDay.objects.create(on=date(2026, 4, 30), words="Outing", added_by=nora(), added_at=AT)
    eve = next(line.days.first for line in calls_of(course, now=AT) if line.plan.id == "before")
    assert eve in (date(2026, 4, 29), date(2026, 5, 1))  # with and without the holiday of 1 May
    assert due(clinic_time(add_days(eve, -1))) == []
    assert due(clinic_time(eve)) == [("before", 3, CallState.DUE)]
    assert due(clinic_time(THIRD_ON)) == [("before", 3, CallState.OVERDUE)]
    assert due(clinic_time(add_days(THIRD_ON, 1))) == []
    ring(course, say(occasion="before", cycle=3, about_on=THIRD_ON, outcome="not_reached"))
    line = calls_to_make(now=clinic_time(eve)).lines[0]
    assert (line.state, len(line.attempts)) == (CallState.DUE, 1)
    ring(course, say_before(course))
    assert due(clinic_time(eve)) == []
    # After a move the call for the new day is another duty; back on the old day it is done.
    Cycle.objects.filter(course=course, number=3).update(planned_on=add_days(THIRD_ON, 7))
    assert due(clinic_time(add_days(THIRD_ON, 6))) == [("before", 3, CallState.DUE)]
    Cycle.objects.filter(course=course, number=3).update(planned_on=THIRD_ON)
    assert due(clinic_time(THIRD_ON)) == []


def test_the_calls_after_follow_from_the_day_it_was_given_and_end_with_the_patients_death():
    course = make_course(make_patient(mrn="T-4"), first_on=date(2026, 1, 12), by=doctor())
    give_cycle(course.cycles.get(number=1), by=doctor())
    given = date(2026, 1, 12)
    states = [due(clinic_time(add_days(given, days))) for days in (0, 1, 3, 4, 10, 14, 15, 28, 29)]
    one, two = ("after", 1), ("after_weeks", 1)
    assert states == [
        [],
        [(*one, CallState.DUE)],
        [(*one, CallState.DUE)],
        [(*one, CallState.OVERDUE)],
        [(*one, CallState.OVERDUE), (*two, CallState.DUE)],
        [(*two, CallState.DUE)],
        [(*two, CallState.OVERDUE)],
        [(*two, CallState.OVERDUE)],
        [],
    ]
    page = calls_for_page(course, now=clinic_time(add_days(given, 2)), shown=5)
    assert [(line.plan.id, line.cycle.number, line.state) for line in page.lines] == [
        ("after", 1, CallState.DUE),
        ("after_weeks", 1, CallState.COMING),
        ("before", 2, CallState.COMING),
    ]
    end_course(
        course=course,
        cause="death",
        reason="Died at home.",
        ended_on=add_days(given, 1),
        by=doctor(),
        authenticated_at=clinic_time(add_days(given, 2)),
        now=clinic_time(add_days(given, 2)),
    )
    assert due(clinic_time(add_days(given, 3))) == []


def test_ringing_back_is_owed_until_a_call_settles_it_and_a_call_taken_back_settles_nothing(course):
    by = AT + 4 * HOUR
    owed: dict[str, Any] = {
        "call_back_who": "physician",
        "call_back_by": by,
        "call_back_about": "Pain relief",
    }
    call = ring(course, **owed)
    assert [each.is_overdue for each in owed_call_backs(now=by)] == [False]
    assert [each.is_overdue for each in owed_call_backs(now=by + HOUR)] == [True]
    tried = say(outcome="not_reached", settles=[call.public_id])
    assert "settles: nobody was reached" in refused(course, tried)
    answer = ring(course, settles=[call.public_id], note="Rung.")
    assert list(owed_call_backs(now=by + HOUR)) == []
    corrected = correct_call(
        call=answer,
        seen=1,
        said=say(settles=[call.public_id], note="Rung, and well."),
        reason="More words.",
        by=nora(),
        now=AT + HOUR,
    )
    assert list(owed_call_backs(now=by + HOUR)) == []
    take_back_call(call=corrected, seen=2, reason="Other patient.", by=nora(), now=AT + HOUR)
    assert [each.call for each in owed_call_backs(now=by + HOUR)] == [call]
    later = correct_call(
        call=call,
        seen=1,
        said=say(**owed | {"call_back_by": by + 2 * HOUR}),
        reason="Agreed on later.",
        by=nora(),
        now=AT + HOUR,
    )
    assert [(each.call, each.is_overdue) for each in owed_call_backs(now=by + HOUR)] == [(later, False)]


def test_the_list_asks_as_often_for_many_patients_as_for_one(course, django_assert_num_queries):
    now = clinic_time(THIRD_ON)
    with django_assert_num_queries(7):
        calls_to_make(now=now)
    for number in range(3):
        other = make_course(make_patient(mrn=f"T-2{number}"), first_on=THIRD_ON, by=doctor())
        ring(other, say_before(other, cycle=1))
        ring(other, call_back_who="nurse", call_back_by=AT + HOUR)
    with django_assert_num_queries(7):
        assert len(calls_to_make(now=now)) == 4
