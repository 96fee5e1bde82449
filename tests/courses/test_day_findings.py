"""A positive test or a severe reaction at the bedside stands against later answers and acts on the course."""

import pytest

from courses.models import ChartFact, Cycle, Directive, TherapyDay
from courses.rules.day_values import StepState
from courses.services.assess import assess_course
from courses.services.facts import withdraw_fact
from courses.services.start import StartRefused
from courses.services.therapy_day import correct_step
from tests.builders_therapy_day import (
    at,
    authorise,
    dispense,
    nurse,
    opened,
    physician,
    ready_cycle,
    state_of,
    step,
    until_start,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def cycle() -> Cycle:
    found = ready_cycle()
    dispense(found)
    return found


@pytest.fixture
def day(cycle: Cycle) -> TherapyDay:
    """Everything done until noon."""
    found = opened(cycle)
    until_start(found)
    return found


def line(day: TherapyDay, id_: str) -> StepState:
    return next(each.state for each in state_of(day, now=at(12)).lines if each.id == id_)


def action(day: TherapyDay) -> str:
    day.cycle.course.refresh_from_db()
    return day.cycle.course.current_decision.action


@pytest.mark.hazard("HZ-58")
def test_a_positive_test_at_the_bedside_delays_the_cycle_at_once_and_another_answer_does_not_undo_it(
    day: TherapyDay,
) -> None:
    step(day, "pregnancy", at(11, 56), finding="positive")
    fact = ChartFact.objects.get(kind="pregnancy", data__finding="positive")
    assert (fact.patient, fact.recorded_by) == (day.cycle.course.patient, nurse())
    assert action(day) == "delay"
    assert not Directive.objects.filter(cycle=day.cycle, voided__isnull=True).exists()
    step(day, "pregnancy", at(11, 57), finding="not_possible")
    assert line(day, "T-01") is StepState.BLOCKED
    assert action(day) == "delay"
    with pytest.raises(StartRefused):
        authorise(day)


@pytest.mark.hazard("HZ-58")
def test_a_wrong_positive_entry_is_corrected_on_the_day_and_its_fact_is_taken_back_by_a_person(
    day: TherapyDay,
) -> None:
    wrong = step(day, "pregnancy", at(11, 56), finding="positive")
    why = "The test of another patient."
    correct_step(step=wrong, reason=why, by=nurse(), data={"finding": "negative"}, now=at(11, 58))
    assert line(day, "T-01") is StepState.DONE
    assert action(day) == "delay"
    fact = ChartFact.objects.get(kind="pregnancy", data__finding="positive")
    withdraw_fact(fact=fact, reason=why, by=nurse(), now=at(11, 59))
    assess_course(course_id=day.cycle.course_id, now=at(11, 59))
    assert action(day) == "proceed"
    assert line(day, "T-02") is StepState.BLOCKED, "it goes on only on a new signature"


@pytest.mark.hazard("HZ-59")
def test_a_severe_reaction_told_at_the_bedside_is_a_review_of_the_patient_and_a_milder_answer_changes_nothing(
    day: TherapyDay,
) -> None:
    step(day, "allergy", at(11, 56), finding="contraindicated")
    assert ChartFact.objects.filter(kind="allergy_review", data__finding="contraindicated").count() == 1
    before = action(day)
    assert before != "proceed"
    step(day, "allergy", at(11, 57), finding="contraindicated")
    step(day, "allergy", at(11, 58), finding="none")
    assert ChartFact.objects.filter(kind="allergy_review", data__finding="contraindicated").count() == 1
    assert line(day, "ALLERGY") is StepState.BLOCKED
    with pytest.raises(StartRefused):
        authorise(day, by=physician())
