"""What an independent look at the day of therapy and at judgements found: each way to a wrong go is shut."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from courses.models import CycleJudgement, Incident, Infusion, InfusionEnd, TherapyDay
from courses.services.authority import NotAllowed
from courses.services.infusions import Infused, record_infusion
from courses.services.judgements import judge_cycle
from courses.services.remainder import to_direct
from courses.services.start import StartRefused
from courses.services.therapy_day import BadStep, correct_step
from tests.builders_therapy_day import (
    at,
    authorise,
    dispense,
    infuse,
    nurse,
    opened,
    physician,
    ready_cycle,
    second_nurse,
    step,
    until_start,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def day() -> TherapyDay:
    """Everything done until noon, nothing authorised."""
    cycle = ready_cycle()
    dispense(cycle)
    day = opened(cycle)
    until_start(day)
    return day


def blockers(refused: pytest.ExceptionInfo[StartRefused]) -> list[str]:
    return [each.code for each in refused.value.blockers]


# --- Two people ------------------------------------------------------------------------------


@pytest.mark.hazard("HZ-42")
def test_a_corrected_identity_is_seen_by_two_people_again(day: TherapyDay) -> None:
    wrong = step(day, "identity", at(11, 50), number="ANOTHER", birth_date="1961-03-02")
    data = {"number": "T-1", "birth_date": "1961-03-02"}
    with pytest.raises(BadStep, match="second"):
        correct_step(step=wrong, reason="mistyped", by=nurse(), data=data, now=at(11, 51))
    again = correct_step(
        step=wrong, reason="mistyped", by=nurse(), data=data, second=second_nurse(), now=at(11, 51)
    )
    assert again.second_by == second_nurse()


def test_an_identity_is_taken_back_by_one_person_alone(day: TherapyDay) -> None:
    row = day.steps.get(kind="identity")
    correct_step(step=row, reason="of another patient", by=second_nurse(), take_back=True, now=at(11, 57))
    with pytest.raises(StartRefused) as refused:
        authorise(day)
    assert "ID" in blockers(refused)


# --- One start, one authorisation ------------------------------------------------------------


@pytest.mark.hazard("HZ-53")
def test_a_second_start_is_not_judged_by_what_held_at_the_first(day: TherapyDay) -> None:
    """The amino acids ended long ago; at the first start, which was never recorded as given, they ran."""
    authorise(day)
    step(day, "infusion_start", at(12, 1))
    step(day, "infusion_end", at(12, 5), how="equipment")
    step(day, "amino_end", at(15))
    step(day, "unit_scanned", at(15, 50), label="U-1", product_code="69488-003-01")
    step(
        day,
        "start_check",
        at(15, 55),
        by=second_nurse(),
        line="patent",
        rescue_ready="yes",
        crisis_risk="usual",
    )
    with pytest.raises(StartRefused) as refused:
        authorise(day, now=at(16))
    assert "T-11" in blockers(refused)
    assert "Record what it delivered" in str(refused.value)


@pytest.mark.hazard("HZ-62")
def test_a_second_start_under_a_used_authorisation_opens_its_incident_at_once(day: TherapyDay) -> None:
    authorise(day)
    step(day, "infusion_start", at(12, 1))
    step(day, "infusion_end", at(12, 5), how="leak")
    assert not Incident.objects.exists()
    step(day, "infusion_start", at(12, 10))
    assert "used" in Incident.objects.get().sentence


# --- Parts of a cycle ------------------------------------------------------------------------


def word(part: Infusion, *, remainder: str, now: Any) -> CycleJudgement:
    return judge_cycle(
        infusion=part,
        counts=True,
        remainder_gbq=Decimal(remainder),
        reason="the line leaked",
        signer=physician(),
        authenticated_at=now - timedelta(seconds=5),
        now=now,
    )


def part_of(day: TherapyDay, gbq: str, *, hour: int) -> Infusion:
    """A part that was given without an authorisation."""
    return record_infusion(
        cycle=day.cycle,
        day=day,
        infused=Infused(
            started_at=at(hour),
            ended_at=at(hour, 10),
            ended_how=InfusionEnd.LEAK,
            unit=None,
            delivered_gbq=Decimal(gbq),
        ),
        by=nurse(),
        now=at(hour, 20),
    )


@pytest.mark.hazard("HZ-60")
def test_a_remainder_is_what_all_parts_leave_and_not_the_last_one_alone(day: TherapyDay) -> None:
    """3 GBq and 1 GBq of 7.4: 3.4 are left, though the last part's directive was of 7.4."""
    authorise(day)
    first = infuse(day, minutes=10, how="leak", residual="4.3 GBq")
    word(first, remainder="4", now=at(13))
    second = part_of(day, "1", hour=14)
    assert second.directive is not None
    left = Decimal("7.4") - first.delivered_gbq - 1
    with pytest.raises(BadStep, match="remainder_gbq: at most"):
        word(second, remainder=str(left + Decimal("0.0001")), now=at(15))
    word(second, remainder=str(left), now=at(15))


@pytest.mark.hazard("HZ-60")
def test_a_remainder_is_not_signed_beyond_what_a_lower_decision_leaves_after_all_parts(
    day: TherapyDay,
) -> None:
    authorise(day)
    first = infuse(day, minutes=10, how="leak", residual="4.3 GBq")
    word(first, remainder="4", now=at(13))
    second = part_of(day, "1", hour=14)
    judged = word(second, remainder="2", now=at(15))
    decision = judged.cycle.course.current_decision
    assert decision is not None
    decision.activity_gbq = Decimal("3.7")  # as a reduction would say
    with pytest.raises(NotAllowed, match="judged when more was to be given"):
        to_direct(decision)
