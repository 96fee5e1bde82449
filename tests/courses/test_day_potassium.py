"""Potassium of the chart at the gate of the day: a haemolysed, old or high one never clears in the EU."""

from collections.abc import Callable
from datetime import datetime

import pytest

from courses.models import Incident, TherapyDay
from courses.rules.day_values import StepState
from courses.services.day_infusion import infused_on
from courses.services.infusions import record_infusion
from courses.services.start import StartRefused
from labs.clinic_days import add_days
from labs.models import Patient
from tests.builders import draw, make_course, make_patient, receive
from tests.builders_day_rules import EMA
from tests.builders_therapy_day import (
    DAY,
    at,
    authorise,
    dispense,
    nurse,
    opened,
    physician,
    sign_now,
    state_of,
    step,
    until_start,
)

pytestmark = pytest.mark.django_db


def potassium(
    patient: Patient,
    value: str,
    *,
    drawn: datetime,
    haemolysed: bool = False,
    status: str = "F",
    number: str = "",
) -> None:
    """One potassium with its limits, from the laboratory."""
    when = f"{drawn:%Y%m%d%H%M%S%z}"
    lines = [
        f"MSH|^~\\&|TESTLIS|TESTLAB|PRRT|CLINIC|{when}||ORU^R01^ORU_R01|K{when}{value}{status}|P|2.5.1"
        "||||||UNICODE UTF-8",
        f"PID|1||{patient.mrn}^^^{patient.assigning_authority}^MR||{patient.family}^{patient.given}"
        f"||{patient.birth_date:%Y%m%d}|F",
        f"OBR|1||{number or f'K{when}'}|K^Potassium^L|||{when}|||||||||||||||{when}||LAB|{status}",
        f"OBX|1|NM|2823-3^K^LN||{value}|mmol/L^^UCUM|3.5-5.1||||{status}|||{when}",
    ]
    if haemolysed:
        lines.append("SPM|1|||BLD||||||||||||||||||||HEM")
    receive(("\r".join(lines) + "\r").encode())


@pytest.fixture
def day() -> TherapyDay:
    """A day under the EU protocol, everything done until noon; its potassium is three days old."""
    return good_day()


def good_day() -> TherapyDay:
    patient = make_patient()
    course = make_course(patient, first_on=DAY, by=physician(), protocol_id=EMA)
    for before in (20, 3):
        draw(patient, add_days(DAY, -before))
        potassium(patient, "4.2", drawn=at(8, on=add_days(DAY, -before)))
    sign_now(course, now=at(9, on=add_days(DAY, -2)))
    cycle = course.cycles.get(number=1)
    dispense(cycle)
    day = opened(cycle)
    until_start(day)
    return day


def line(day: TherapyDay) -> tuple[StepState, str]:
    found = next(each for each in state_of(day, now=at(12)).lines if each.id == "T-05")
    return found.state, found.sentence


@pytest.mark.hazard("HZ-54")
def test_a_good_potassium_of_the_last_days_lets_the_start_be_authorised(day: TherapyDay):
    state, sentence = line(day)
    assert state is StepState.DONE
    assert sentence.startswith("4.2 mmol/L, collected at 08:00 on 1 May 2026")
    authorise(day)


@pytest.mark.hazard("HZ-54")
def test_a_haemolysed_one_clears_nothing_though_an_older_good_one_stands(day: TherapyDay):
    patient = day.cycle.course.patient
    potassium(patient, "4.4", drawn=at(9), haemolysed=True)
    state, sentence = line(day)
    assert state is StepState.BLOCKED
    assert "haemolysed" in sentence
    with pytest.raises(StartRefused) as refused:
        authorise(day)
    assert "T-05" in [each.code for each in refused.value.blockers]
    potassium(patient, "4.3", drawn=at(11))
    assert line(day)[0] is StepState.DONE


@pytest.mark.hazard("HZ-54")
def test_a_preliminary_one_clears_nothing(day: TherapyDay):
    potassium(day.cycle.course.patient, "4.2", drawn=at(8), status="P")
    state, sentence = line(day)
    assert state is StepState.BLOCKED
    assert "preliminary" in sentence


@pytest.mark.hazard("HZ-54")
def test_a_potassium_above_its_limit_blocks_beside_whatever_the_protocol_makes_of_it(day: TherapyDay):
    potassium(day.cycle.course.patient, "5.4", drawn=at(9))
    assert line(day) == (StepState.BLOCKED, "Potassium is 5.4 mmol/L, its upper limit 5.1.")
    with pytest.raises(StartRefused) as refused:
        authorise(day)
    assert "T-05" in [each.code for each in refused.value.blockers]


@pytest.mark.hazard("HZ-54")
def test_what_is_drawn_after_the_start_is_not_judged_for_it(day: TherapyDay):
    authorise(day)
    step(day, "infusion_start", at(12, 1))
    potassium(day.cycle.course.patient, "6.1", drawn=at(13))
    found = next(each for each in state_of(day, now=at(13, 30)).lines if each.id == "T-05")
    assert found.state is StepState.DONE


@pytest.mark.hazard("HZ-54")
def test_a_high_one_that_the_laboratory_corrected_needs_a_second_specimen(day: TherapyDay):
    patient = day.cycle.course.patient
    potassium(patient, "5.9", drawn=at(8))
    potassium(patient, "4.4", drawn=at(8), status="C")
    state, sentence = line(day)
    assert state is StepState.BLOCKED
    assert sentence.startswith("Potassium was told as 5.9 mmol/L at 08:00, above its upper limit")
    potassium(patient, "4.3", drawn=at(10))
    assert line(day)[0] is StepState.DONE


@pytest.mark.hazard("HZ-54")
def test_a_later_time_of_the_same_order_of_the_laboratory_is_no_second_specimen(day: TherapyDay):
    patient = day.cycle.course.patient
    potassium(patient, "5.9", drawn=at(8), number="ONE")
    potassium(patient, "4.4", drawn=at(8, 30), number="ONE")
    assert line(day)[0] is StepState.BLOCKED
    potassium(patient, "4.4", drawn=at(10), number="TWO", haemolysed=True)
    assert line(day)[0] is StepState.BLOCKED
    potassium(patient, "4.2", drawn=at(10, 30), number="THREE")
    assert line(day)[0] is StepState.DONE


@pytest.mark.hazard("HZ-54")
def test_one_that_was_drawn_while_the_amino_acids_ran_says_nothing_of_before_them(day: TherapyDay):
    patient = day.cycle.course.patient
    potassium(patient, "5.9", drawn=at(9))
    potassium(patient, "4.4", drawn=at(11, 20))
    state, sentence = line(day)
    assert state is StepState.BLOCKED
    assert sentence.startswith("Potassium is 5.9 mmol/L, its upper limit 5.1.")
    assert sentence.endswith("The one of 11:20 was collected while the amino acids ran.")
    step(day, "amino_end", at(11, 30), why="potassium was not known")
    step(day, "amino_start", at(11, 40), bag="BAG-1")
    assert line(day)[0] is StepState.DONE


@pytest.mark.hazard("HZ-54")
@pytest.mark.parametrize(("told_at", "covered"), [(at(12, 10), False), (at(12, 40), True)])
def test_a_high_potassium_takes_the_cover_of_a_start_where_it_was_told_before_it(
    set_clock: Callable[[datetime], None], told_at: datetime, covered: bool
):
    """What the laboratory tells later nobody could heed as the infusion started; the sheet shows it."""
    set_clock(at(8))
    day = good_day()
    authorise(day)
    if not covered:
        set_clock(told_at)
        potassium(day.cycle.course.patient, "6.2", drawn=at(11, 50))
    step(day, "infusion_start", at(12, 20))
    if covered:
        set_clock(told_at)
        potassium(day.cycle.course.patient, "6.2", drawn=at(11, 50))
    step(day, "infusion_end", at(12, 55), how="complete")
    state = state_of(day, now=at(13))
    infusion = record_infusion(
        cycle=state.day.cycle,
        day=state.day,
        infused=infused_on(state.day, state=state),
        by=nurse(),
        now=at(13),
    )
    assert (infusion.authorisation is not None) is covered
    assert Incident.objects.exists() is not covered


@pytest.mark.hazard("HZ-54")
def test_a_high_one_that_was_drawn_while_the_amino_acids_ran_blocks_the_start(day: TherapyDay):
    potassium(day.cycle.course.patient, "6.2", drawn=at(11, 30))
    state, sentence = line(day)
    assert state is StepState.BLOCKED
    assert sentence.startswith("Potassium was told as 6.2 mmol/L at 11:30, above its upper limit")
    potassium(day.cycle.course.patient, "4.4", drawn=at(11, 50))
    assert line(day)[0] is StepState.DONE
