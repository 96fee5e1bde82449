"""Recording what was given is never refused: what departs from the directive opens its review at once."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from courses.chart import read_chart
from courses.models import Administration, BaselineLock, Cycle, Incident, Infusion, InfusionEnd, TherapyDay
from courses.rules.activity import Measured
from courses.services.authority import NotAllowed, Refused
from courses.services.course import record_administration
from courses.services.day_infusion import infused_on
from courses.services.infusions import Infused, correct_infusion, record_infusion
from courses.services.therapy_day import BadStep
from tests.builders import colleague, draw, make_course, make_patient
from tests.builders_therapy_day import (
    DAY,
    at,
    authorise,
    dispense,
    infuse,
    nurse,
    opened,
    physician,
    ready_cycle,
    state_of,
    step,
    until_start,
)

pytestmark = pytest.mark.django_db


def kinds() -> list[str]:
    return sorted(Incident.objects.values_list("kind", flat=True))


@pytest.fixture
def day() -> TherapyDay:
    """Everything done until noon, nothing authorised."""
    cycle = ready_cycle()
    dispense(cycle)
    day = opened(cycle)
    until_start(day)
    return day


def stated(**changed: Any) -> Infused:
    """An infusion of noon whose delivered activity is known, and nothing else."""
    facts: dict[str, Any] = {
        "started_at": at(12),
        "ended_at": at(12, 35),
        "ended_how": InfusionEnd.COMPLETE,
        "delivered_gbq": Decimal("7.3"),
    }
    return Infused(**(facts | changed))


@pytest.mark.hazard("HZ-62")
def test_a_start_without_authorisation_opens_its_incident_at_once_and_only_once(day: TherapyDay):
    step(day, "infusion_start", at(12, 1))
    incident = Incident.objects.get()
    assert (incident.kind, incident.opened_at) == ("unauthorised", at(12, 1))
    assert (incident.notify_by, incident.report_by) == (date(2026, 5, 5), date(2026, 5, 19))
    step(day, "infusion_end", at(12, 36), how="complete")

    state = state_of(day, now=at(12, 40))
    infusion = record_infusion(
        cycle=day.cycle, day=day, infused=infused_on(day, state=state), by=nurse(), now=at(12, 40)
    )
    assert infusion.authorisation is None
    assert infusion.deviation.startswith("given without a valid authorisation: no start was authorised")
    assert kinds() == ["unauthorised"]
    given = Administration.objects.get()
    assert given.deviation == infusion.deviation
    assert given.administered_gbq == infusion.delivered_gbq


@pytest.mark.hazard("HZ-62")
def test_an_infusion_without_any_day_or_directive_is_recorded_and_counts():
    course = make_course(make_patient(), first_on=DAY, by=physician())
    cycle = course.cycles.get(number=1)
    infusion = record_infusion(cycle=cycle, infused=stated(), by=nurse(), now=at(13))
    assert infusion.deviation == "given without a valid authorisation: no day of therapy was opened for it"
    assert kinds() == ["unauthorised"]
    assert Administration.objects.get().administered_gbq == Decimal("7.3")
    chart = read_chart(course=course, planned_on=DAY, today=DAY)
    assert [(given.number, given.activity_gbq) for given in chart.cycles] == [(1, Decimal("7.3"))]
    assert course.cycles.get(number=2).planned_on == date(2026, 6, 29)


@pytest.mark.hazard("HZ-62")
@pytest.mark.parametrize(
    ("gbq", "event"), [("8.879", False), ("8.88", True), ("5.92", True), ("5.921", False)]
)
def test_the_review_starts_at_20_percent_of_the_directive(day: TherapyDay, gbq: str, event: bool):
    authorisation = authorise(day)
    record_infusion(
        cycle=day.cycle,
        day=day,
        infused=stated(unit=authorisation.unit, delivered_gbq=Decimal(gbq), started_at=at(12, 1)),
        by=nurse(),
        now=at(13),
    )
    assert kinds() == (["activity"] if event else [])


def test_another_product_another_unit_and_another_route_are_told_apart(day: TherapyDay):
    authorise(day)
    infusion = record_infusion(
        cycle=day.cycle,
        day=day,
        infused=stated(product="lutetium Lu 177 vipivotide tetraxetan", route="into the arm's tissue"),
        by=nurse(),
        now=at(13),
    )
    assert kinds() == ["product", "route", "unauthorised"]
    assert "another unit was given than the start was authorised for" in infusion.deviation
    assert "vipivotide" in infusion.deviation


def test_an_extravasation_is_reviewed_and_waits_for_its_judgement(day: TherapyDay):
    authorise(day)
    part = infuse(day, minutes=12, how="extravasation", residual="1 GBq")
    assert kinds() == ["route"]
    assert list(Infusion.objects.waiting()) == [part]


def test_an_infusion_that_ran_to_its_end_and_brought_nothing_waits_for_a_physicians_word(day: TherapyDay):
    authorisation = authorise(day)
    nothing = stated(unit=authorisation.unit, started_at=at(12, 1), delivered_gbq=Decimal(0))
    part = record_infusion(cycle=day.cycle, day=day, infused=nothing, by=nurse(), now=at(12, 40))
    assert list(Infusion.objects.waiting()) == [part]
    assert not Administration.objects.filter(cycle=day.cycle).exists()


def test_an_authorised_start_that_ran_out_no_longer_covers(day: TherapyDay):
    authorise(day)
    late = at(12, 30) + timedelta(seconds=1)
    step(day, "infusion_start", late)
    assert "had run out" in Incident.objects.get().sentence


def test_a_result_that_comes_between_authorisation_and_start_takes_the_cover_away(day: TherapyDay):
    authorise(day)
    draw(day.cycle.course.patient, DAY, PLT="60")
    step(day, "infusion_start", at(12, 5))
    assert kinds() == ["unauthorised"]


def test_an_authorisation_covers_one_infusion_only(day: TherapyDay):
    authorisation = authorise(day)
    record_infusion(
        cycle=day.cycle, day=day, infused=stated(unit=authorisation.unit, started_at=at(12, 1)),
        by=nurse(), now=at(12, 40),
    )  # fmt: skip
    again = record_infusion(
        cycle=day.cycle,
        day=day,
        infused=stated(unit=authorisation.unit, started_at=at(12, 20), ended_at=at(12, 50)),
        by=nurse(),
        now=at(13),
    )
    assert "used for an earlier infusion" in again.deviation
    assert "the cycle already had its administration" in again.deviation
    chart = read_chart(course=day.cycle.course, planned_on=DAY, today=DAY)
    assert chart.cycles[0].activity_gbq == Decimal("14.6")


def test_the_same_infusion_is_not_recorded_twice_by_a_second_click(day: TherapyDay):
    record_infusion(cycle=day.cycle, infused=stated(), by=nurse(), now=at(13))
    with pytest.raises(BadStep, match="recorded already"):
        record_infusion(cycle=day.cycle, infused=stated(), by=nurse(), now=at(13))


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"ended_at": at(11)}, "ended_at"),
        ({"ended_at": at(14)}, "ended_at"),
        ({"delivered_gbq": None}, "delivered_gbq"),
        (
            {
                "delivered_gbq": None,
                "assay": Measured(gbq=Decimal(7), at=at(12)),
                "residuals": (Measured(gbq=Decimal(8), at=at(12, 40)),),
            },
            "residuals",
        ),
    ],
)
def test_only_what_cannot_be_is_refused(day: TherapyDay, changed: dict[str, Any], field: str):
    with pytest.raises(BadStep) as bad:
        record_infusion(cycle=day.cycle, infused=stated(**changed), by=nurse(), now=at(13))
    assert bad.value.faults[0].startswith(field)


def test_an_auditor_records_no_infusion(day: TherapyDay):
    with pytest.raises(NotAllowed):
        record_infusion(cycle=day.cycle, infused=stated(), by=colleague("aud", "auditor"), now=at(13))


def test_a_correction_is_a_new_version_and_the_sums_follow(day: TherapyDay):
    first = record_infusion(cycle=day.cycle, infused=stated(), by=nurse(), now=at(13))
    sunday = DAY - timedelta(days=1)
    second = correct_infusion(
        infusion=first,
        infused=stated(
            delivered_gbq=Decimal("7.1"), started_at=at(12, on=sunday), ended_at=at(12, 35, on=sunday)
        ),
        reason="the day before",
        by=nurse(),
        now=at(14),
    )
    assert list(Infusion.objects.effective()) == [second]
    course = day.cycle.course
    chart = read_chart(course=course, planned_on=DAY, today=DAY)
    assert [(g.on, g.activity_gbq) for g in chart.cycles] == [(sunday, Decimal("7.1"))]
    assert course.cycles.get(number=2).planned_on == date(2026, 6, 28)
    assert kinds() == ["unauthorised"]
    with pytest.raises(BadStep, match="corrected before"):
        correct_infusion(infusion=first, infused=stated(), reason="again", by=nurse(), now=at(14))
    with pytest.raises(BadStep, match="reason"):
        correct_infusion(infusion=second, infused=stated(), reason="", by=nurse(), now=at(14))


def test_a_correction_that_reaches_20_percent_opens_the_review_it_lacked(day: TherapyDay):
    authorisation = authorise(day)
    good = stated(unit=authorisation.unit, started_at=at(12, 1))
    first = record_infusion(cycle=day.cycle, day=day, infused=good, by=nurse(), now=at(13))
    assert kinds() == []
    far = stated(unit=authorisation.unit, started_at=at(12, 1), delivered_gbq=Decimal("5.9"))
    version = correct_infusion(infusion=first, infused=far, reason="residual found", by=nurse(), now=at(15))
    assert version.authorisation == authorisation
    assert kinds() == ["activity"]


@pytest.mark.parametrize("how", [InfusionEnd.COMPLETE, InfusionEnd.LEAK])
def test_a_specimen_of_the_day_of_the_first_infusion_is_no_baseline(day: TherapyDay, how: InfusionEnd):
    draw(day.cycle.course.patient, DAY, PLT="140")
    record_infusion(cycle=day.cycle, day=day, infused=stated(ended_how=how), by=nurse(), now=at(13))
    lock = BaselineLock.objects.get(analyte="PLT")
    assert lock.result is not None
    assert lock.result.current.value == 228


# --- The door for back-entry -----------------------------------------------------------------


@pytest.mark.hazard("HZ-62")
@pytest.mark.hazard("HZ-63")
def test_a_back_entry_without_a_valid_order_opens_an_incident():
    course = make_course(make_patient(), first_on=DAY, by=physician())
    given = record_administration(
        cycle=course.cycles.get(number=1),
        administered_on=DAY,
        administered_gbq=Decimal("7.4"),
        by=nurse(),
        now=at(16),
    )
    assert given.deviation == "given without a signed directive"
    incident = Incident.objects.get()
    assert (incident.kind, incident.administration) == ("unauthorised", given)


def test_a_back_entry_under_a_signed_order_opens_one_only_for_its_activity():
    cycle = ready_cycle()
    record_administration(
        cycle=cycle, administered_on=DAY, administered_gbq=Decimal("5.9"), by=nurse(), now=at(16)
    )
    assert kinds() == ["activity"]


def test_a_back_entry_in_the_future_did_not_happen():
    cycle: Cycle = ready_cycle()
    with pytest.raises(Refused, match="future"):
        record_administration(
            cycle=cycle,
            administered_on=DAY + timedelta(days=1),
            administered_gbq=Decimal("7.4"),
            by=nurse(),
            now=at(16),
        )


def test_only_who_may_record_what_was_given_enters_it_by_the_door_for_back_entry():
    cycle: Cycle = ready_cycle()
    with pytest.raises(NotAllowed, match="Nurses, physicians and physicists"):
        record_administration(
            cycle=cycle,
            administered_on=DAY,
            administered_gbq=Decimal("7.4"),
            by=colleague("day-pharmacist", "pharmacist"),
            now=at(16),
        )
    assert not Administration.objects.exists()
