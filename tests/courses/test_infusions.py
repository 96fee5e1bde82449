"""Recording what was given is never refused: what departs from the directive opens its review at once."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from courses.chart import read_chart
from courses.models import (
    Administration,
    BaselineLock,
    Course,
    Cycle,
    CycleJudgement,
    Decision,
    Directive,
    Incident,
    Infusion,
    InfusionEnd,
    Order,
    Recall,
    TherapyDay,
    TherapyStep,
)
from courses.rules.activity import Measured
from courses.services.assess import assess_course
from courses.services.authority import NotAllowed, Refused
from courses.services.course import record_administration
from courses.services.day_infusion import entries_about, infused_on
from courses.services.day_state import standing_of
from courses.services.handling import OrderRefused
from courses.services.incident_review import act_on_incident
from courses.services.infusion_corrections import (
    StaleInfusion,
    Wrong,
    as_recorded,
    correct_infusion,
    corrected,
    entries_differ,
)
from courses.services.infusions import Infused, record_infusion
from courses.services.judgements import judge_cycle
from courses.services.pharmacy import accept_order
from courses.services.recalls import acknowledge_recall
from courses.services.therapy_day import BadStep, correct_step
from labs.clinic_days import add_days
from tests.builders import clinic_time, colleague, draw, make_course, make_patient, sign, state
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
    second_nurse,
    sign_now,
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
        second=second_nurse(),
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
    version = correct_infusion(
        infusion=first, infused=far, reason="residual found", by=nurse(), second=second_nurse(), now=at(15)
    )
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


# --- Corrections -----------------------------------------------------------------------------


@pytest.fixture
def given(day: TherapyDay) -> Infusion:
    """Started at 12:01, ended at 12:36, 0.1 GBq left at 12:46."""
    authorise(day)
    found: Infusion = infuse(day)
    return found


def right(
    infusion: Infusion,
    *,
    second: bool = True,
    entries: Infused | None = None,
    now: datetime | None = None,
    **wrong: Any,
) -> Infusion:
    """The nurse corrects what was wrong, with the second nurse where she is there."""
    return correct_infusion(
        infusion=infusion,
        infused=corrected(infusion, Wrong(**wrong), entries=entries),
        reason="misread",
        by=nurse(),
        second=second_nurse() if second else None,
        now=now or at(15),
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"residual_gbq": Decimal("0.2")},
        {"assay_gbq": Decimal("7.3")},
        {"started_at": at(12, 2)},
        {"delivered_gbq": Decimal("7.1")},
    ],
)
def test_what_changes_the_delivered_activity_or_the_start_is_seen_by_a_second_person(
    given: Infusion, wrong: dict[str, Any]
):
    with pytest.raises(BadStep, match="second: is missing"):
        right(given, second=False, **wrong)
    infused = corrected(given, Wrong(**wrong))
    for second, refusal, match in (
        (nurse(), BadStep, "is you again"),
        (colleague("day-auditor", "auditor"), NotAllowed, "second person must be"),
    ):
        with pytest.raises(refusal, match=match):
            correct_infusion(
                infusion=given, infused=infused, reason="misread", by=nurse(), second=second, now=at(15)
            )
    assert list(Infusion.objects.all()) == [given]
    version = right(given, **wrong)
    assert (version.second_by, version.second_name) == (second_nurse(), "day-nurse-2")
    assert version.authorisation == given.authorisation


@pytest.mark.parametrize(
    "wrong", [{"ended_at": at(12, 40)}, {"ended_how": InfusionEnd.OTHER}, {"route": "a central line"}]
)
def test_what_leaves_the_delivered_activity_as_it_was_takes_one_person_and_keeps_it_exactly(
    given: Infusion, wrong: dict[str, Any]
):
    version = right(given, second=False, **wrong)
    assert (version.delivered_gbq, version.assay_gbq, version.residual_gbq) == (
        given.delivered_gbq,
        given.assay_gbq,
        given.residual_gbq,
    )
    assert version.second_by is None


def test_a_corrected_measurement_gives_the_delivered_activity_by_decay_again(given: Infusion):
    assert given.delivered_gbq == Decimal("7.2033")
    version = right(given, residual_gbq=Decimal("0.2"))
    # 0.2 GBq at 12:46 are 0.1 GBq more at the start than before, but for 45 minutes of decay.
    assert version.delivered_gbq == Decimal("7.1030")
    assert (version.residual_gbq, version.residual_at) == (Decimal("0.2"), given.residual_at)
    stated_one = right(version, delivered_gbq=Decimal("7"))
    assert right(stated_one, second=False, ended_at=at(12, 41)).delivered_gbq == 7
    assert right(Infusion.objects.latest("pk"), assay_gbq=Decimal("7.4")).delivered_gbq > Decimal("7.1")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"assay_at": at(12, on=date(1950, 1, 1))}, "assay_at"),
        ({"residual_at": at(16)}, "residual_at"),
        ({"residual_gbq": Decimal(8)}, "residuals"),
        ({"assay_gbq": Decimal(10) ** 30}, "assay"),
        ({"delivered_gbq": Decimal(10) ** 30}, "delivered_gbq"),
        ({"started_at": at(12, on=date(1950, 1, 1))}, "assay_at"),
        ({"started_at": at(12, 40)}, "ended_at"),
    ],
)
def test_a_correction_that_cannot_be_names_its_field(given: Infusion, wrong: dict[str, Any], field: str):
    with pytest.raises(BadStep, match=f"^{field}: "):
        right(given, **wrong)
    assert list(Infusion.objects.all()) == [given]


def test_a_corrected_bedside_figure_is_taken_into_the_record_of_the_infusion(given: Infusion):
    day = given.therapy_day
    assert day is not None
    residual = TherapyStep.objects.get(therapy_day=day, kind="residual")
    before = entries_about(given, state=state_of(day, now=at(14)))
    assert before is not None
    assert not entries_differ(given, before)
    assert before == as_recorded(given)
    correct_step(
        step=residual,
        reason="the other meter",
        by=colleague("day-pharmacist", "pharmacist"),
        data={"activity": "1.6 GBq", "what": "vial"},
        now=at(14),
    )
    entries = entries_about(given, state=state_of(day, now=at(14)))
    assert entries is not None
    assert entries_differ(given, entries)
    version = right(given, entries=entries)
    assert version.residual_gbq == Decimal("1.6")
    assert version.delivered_gbq < Decimal("5.92")
    assert kinds() == ["activity"]


def test_a_review_is_opened_once_through_all_versions_and_again_when_it_was_closed(given: Infusion):
    second = right(given, delivered_gbq=Decimal("5.9"))
    third = right(second, delivered_gbq=Decimal("5.8"))
    assert kinds() == ["activity"]
    for kind in ("no_event", "closed"):
        act_on_incident(
            incident=Incident.objects.get(),
            kind=kind,
            text="The meter was wrong.",
            by=physician(),
            authenticated_at=at(15),
            now=at(15),
        )
    fourth = right(third, second=False, ended_at=at(12, 50))
    assert kinds() == ["activity"]
    fifth = right(fourth, delivered_gbq=Decimal("5.5"))
    assert kinds() == ["activity", "activity"]
    assert Incident.objects.latest("pk").infusion == fifth


def test_the_route_of_an_infusion_is_kept_and_its_correction_reviewed(given: Infusion):
    version = right(given, second=False, route="a central line")
    assert (version.route, kinds()) == ("a central line", ["route"])
    again = right(version, second=False, ended_at=at(12, 50))
    assert (again.route, "central line" in again.deviation) == ("a central line", True)
    assert right(again, second=False, route="").deviation == ""


def test_the_product_of_a_unit_that_was_given_is_not_written_over(given: Infusion):
    with pytest.raises(BadStep, match="product: follows from the unit"):
        corrected(given, Wrong(product="another one"))


def test_a_correction_of_a_version_that_was_corrected_meanwhile_is_refused(given: Infusion):
    right(given, residual_gbq=Decimal("0.2"))
    with pytest.raises(StaleInfusion, match="corrected before"):
        right(given, residual_gbq=Decimal("0.3"))


@pytest.mark.hazard("HZ-46")
@pytest.mark.parametrize("out", [True, False])
def test_a_remainder_ordered_on_a_figure_that_is_corrected_is_called_back_and_judged_again(
    day: TherapyDay, out: bool
):
    authorise(day)
    part: Infusion = infuse(day, minutes=10, how="leak", residual="5 GBq")
    word: dict[str, Any] = {"counts": True, "reason": "seen", "signer": physician()}
    judge_cycle(infusion=part, remainder_gbq=Decimal(5), authenticated_at=at(13), now=at(13), **word)
    sign_now(day.cycle.course, now=at(13, 10))
    if out:
        dispense(day.cycle, now=at(13, 20), label="U-2", bag="BAG-2")
    version = right(part, residual_gbq=Decimal("4.5"))
    order = Order.objects.live().get(cycle=day.cycle, kind="radiopharmaceutical")
    assert order.directive is not None
    assert (order.state, hasattr(order.directive, "voided")) == ("dispensed" if out else "suspended", True)
    assert Recall.objects.unanswered().filter(order=order).exists() is out
    assert list(Infusion.objects.waiting()) == [version]
    if out:
        acknowledge_recall(
            order=order, outcome="returned", by=colleague("day-pharmacist", "pharmacist"), now=at(15, 5)
        )
    judge_cycle(
        infusion=version, remainder_gbq=Decimal("4.4"), authenticated_at=at(15, 10), now=at(15, 10), **word
    )
    sign_now(day.cycle.course, now=at(15, 20))
    newest = Directive.objects.filter(cycle=day.cycle).order_by("revision").last()
    assert newest is not None
    assert (newest.activity_gbq, hasattr(newest, "voided")) == (Decimal("4.4"), False)


# --- A complete infusion that turns out to have been a part -----------------------------------------


def judged(
    part: Infusion, *, counts: bool, remainder: str = "", now: datetime | None = None
) -> CycleJudgement:
    """The physician's word on a part, in the afternoon of its day where nothing else is said."""
    when = now or at(15, 30)
    return judge_cycle(
        infusion=part,
        counts=counts,
        remainder_gbq=Decimal(remainder) if remainder else None,
        reason="seen with the physicist",
        signer=physician(),
        authenticated_at=when,
        now=when,
    )


@pytest.fixture
def part(given: Infusion) -> Infusion:
    """Recorded complete; two people correct that the line leaked after 2.96 GBq."""
    return right(given, ended_how=InfusionEnd.LEAK, delivered_gbq=Decimal("2.96"))


def before_the_second(course: Course) -> tuple[Decision, datetime]:
    """Seven weeks on, with good bloods: what stands for the second cycle, and when."""
    second = course.cycles.get(number=2)
    draw(course.patient, add_days(second.planned_on, -3))
    state(course.patient, "allergy_review", add_days(second.planned_on, -3), finding="none")
    now = clinic_time(add_days(second.planned_on, -2))
    decision = assess_course(course_id=course.pk, now=now)
    assert decision is not None
    return decision, now


@pytest.mark.hazard("HZ-49")
@pytest.mark.hazard("HZ-62")
def test_an_infusion_corrected_to_a_part_keeps_the_next_cycle_from_being_signed_until_it_is_judged(
    part: Infusion,
):
    assert list(Infusion.objects.waiting()) == [part]
    decision, now = before_the_second(part.cycle.course)
    assert (decision.cycle.number, decision.action) == (2, "proceed")
    with pytest.raises(NotAllowed, match="part of cycle 1 was given and nobody has judged it"):
        sign(decision, by=physician(), now=now)
    judged(part, counts=True)
    assert Administration.objects.count() == 1
    sign_now(part.cycle.course, now=now)
    assert Directive.objects.filter(cycle__number=2).count() == 1


def test_a_second_cycle_signed_before_the_correction_is_neither_handed_out_nor_started(given: Infusion):
    course = given.cycle.course
    decision, now = before_the_second(course)
    sign(decision, by=physician(), now=now)
    part = right(given, second=False, ended_how=InfusionEnd.LEAK, now=now)
    order = Order.objects.get(cycle__course=course, cycle__number=2, kind="radiopharmaceutical")
    with pytest.raises(OrderRefused, match="nobody has judged it"):
        accept_order(order=order, by=colleague("day-pharmacist", "pharmacist"), now=now)
    with pytest.raises(Refused, match="nobody has judged it"):
        opened(course.cycles.get(number=2), now=now)
    course.refresh_from_db()
    why = standing_of(course.cycles.get(number=2), decision=course.current_decision).why_not
    assert "judgement" in [each.code for each in why]
    judged(part, counts=True, now=now)
    accept_order(order=order, by=colleague("day-pharmacist", "pharmacist"), now=now)


@pytest.mark.hazard("HZ-49")
def test_a_cycle_on_record_that_does_not_count_ends_the_course_unless_its_record_is_judged_again(
    part: Infusion,
):
    with pytest.raises(BadStep, match="remainder_gbq: cycle 1 is on record as given"):
        judged(part, counts=True, remainder="4.4")
    judged(part, counts=False)
    course = part.cycle.course
    decision, now = before_the_second(course)
    with pytest.raises(NotAllowed, match=r"does not count\..*end this course and start another"):
        sign(decision, by=physician(), now=now)
    with pytest.raises(Refused, match="does not count"):
        opened(course.cycles.get(number=2), now=now)
    again = right(part, second=False, ended_at=at(12, 30))
    judged(again, counts=True)
    sign_now(course, now=now)


def test_a_part_that_did_not_count_does_not_trouble_the_cycle_that_was_then_given_whole(day: TherapyDay):
    leak = stated(ended_how=InfusionEnd.LEAK, delivered_gbq=Decimal(1))
    part = record_infusion(cycle=day.cycle, day=day, infused=leak, by=nurse(), now=at(13))
    judge_cycle(
        infusion=part,
        counts=False,
        reason="seen",
        signer=physician(),
        authenticated_at=at(13, 5),
        now=at(13, 5),
    )
    later = stated(started_at=at(14), ended_at=at(14, 30))
    record_infusion(cycle=day.cycle, day=day, infused=later, by=nurse(), now=at(15))
    assert not Infusion.objects.waiting().exists()
    decision, now = before_the_second(day.cycle.course)
    sign(decision, by=physician(), now=now)
    assert Directive.objects.filter(cycle__number=2).exists()


def test_what_only_corrects_the_figure_of_a_complete_infusion_asks_for_no_judgement(given: Infusion):
    right(given, delivered_gbq=Decimal("6.9"))
    assert not Infusion.objects.waiting().exists()
