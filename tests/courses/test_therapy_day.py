"""A day of therapy through the services: from the signed directive to the released patient, and otherwise."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from courses.ledger import ledger_of
from courses.models import (
    Administration,
    ChartFact,
    Cycle,
    Decision,
    Directive,
    Incident,
    Infusion,
    InfusionEnd,
    Order,
    StartAuthorisation,
    TherapyDay,
    TherapyStep,
    VialEvent,
)
from courses.rules.day_values import StepState
from courses.services.assess import assess_course
from courses.services.authority import NotAllowed, Refused
from courses.services.course import record_administration
from courses.services.day_end import ReleaseRefused, end_not_given, rebook, release
from courses.services.facts import withdraw_fact
from courses.services.infusions import Infused, record_infusion
from courses.services.judgements import judge_cycle
from courses.services.manifests import manifest_holds
from courses.services.sign import current_signature
from courses.services.start import StartRefused, authorise_start
from courses.services.therapy_day import BadStep, correct_step, record_step
from tests.builders import colleague, draw, judge, sign
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
from tests.courses.signing import confirm, override

pytestmark = pytest.mark.django_db


def codes(refused: pytest.ExceptionInfo) -> list[str]:
    return [each.code for each in refused.value.blockers]


@pytest.fixture
def day() -> TherapyDay:
    """The day of a signed first cycle, dispensed and opened, everything done until noon."""
    cycle = ready_cycle()
    dispense(cycle)
    day = opened(cycle)
    until_start(day)
    return day


# --- The whole day ---------------------------------------------------------------------------


@pytest.mark.hazard("HZ-44")
def test_a_day_goes_from_the_signed_directive_to_the_released_patient(day: TherapyDay):
    authorisation = authorise(day)
    assert manifest_holds(authorisation)
    assert (authorisation.checked_name, authorisation.authorised_name) == ("day-nurse-2", "day-physician")
    assert authorisation.decision.cycle_id == authorisation.directive.cycle_id == day.cycle_id
    infusion = infuse(day)
    assert infusion.authorisation == authorisation
    assert infusion.deviation == ""
    # 7.4 GBq of 9:00 are 7.30364 at 12:01 (0.98698 of it), and 0.1 GBq of 12:46 were 0.10033 then.
    assert infusion.delivered_gbq == Decimal("7.2033")
    given = Administration.objects.get(cycle=day.cycle)
    assert (given.administered_on, given.administered_gbq, given.deviation) == (DAY, Decimal("7.2033"), "")
    assert day.cycle.course.cycles.get(number=2).planned_on == date(2026, 6, 29)
    with pytest.raises(ReleaseRefused) as refused:
        release(day=day, by=nurse(), now=at(14, 35))
    assert codes(refused) == ["T-12", "T-18"]
    step(day, "observation", at(14, 37), finding="well")
    step(day, "release_survey", at(14, 40), microsievert_per_hour="18", metres="1")
    step(day, "amino_end", at(15, 40))
    release(day=day, by=nurse(), now=at(15, 45))
    day.refresh_from_db()
    assert (day.outcome, day.ended_at) == ("released", at(15, 45))
    assert not Incident.objects.exists()
    # What was given that day is done; the analogue comes back in the evening, and its entry ends its order.
    open_orders = Order.objects.filter(cycle=day.cycle).exclude(state="done")
    assert list(open_orders.values_list("kind", "state")) == [("analogue_restart", "active")]
    step(day, "analogue_restart", at(17), medicine="octreotide LAR", amount="30 mg")
    assert not open_orders.exists()


def test_a_day_over_a_weekend_is_released_when_the_dose_rate_has_fallen(day: TherapyDay):
    authorise(day)
    infuse(day)
    step(day, "observation", at(15), finding="well")
    step(day, "release_survey", at(15, 1), microsievert_per_hour="40", metres="1")
    with pytest.raises(ReleaseRefused):
        release(day=day, by=nurse(), now=at(15, 2))
    monday = date(2026, 5, 11)
    step(day, "release_survey", at(9, on=monday), microsievert_per_hour="7", metres="1")
    release(day=day, by=nurse(), now=at(9, 5, on=monday))
    day.refresh_from_db()
    assert day.outcome == "released"


def test_a_patient_who_leaves_all_the_same_is_recorded_with_what_was_open(day: TherapyDay):
    authorise(day)
    infuse(day)
    left = release(day=day, by=nurse(), left_against="left by taxi, was told of the risk", now=at(13, 30))
    assert left.data["open"]
    day.refresh_from_db()
    assert day.outcome == "released"


# --- The gate --------------------------------------------------------------------------------


@pytest.mark.hazard("HZ-53")
@pytest.mark.parametrize(("minute", "allowed"), [(31, False), (30, True)])
def test_the_start_is_refused_after_29_minutes_of_amino_acids_and_allowed_after_30(
    minute: int, allowed: bool
):
    cycle = ready_cycle()
    dispense(cycle)
    day = opened(cycle)
    until_start(day, amino_at=at(11, minute))
    if allowed:
        authorise(day)
        return
    with pytest.raises(StartRefused) as refused:
        authorise(day)
    assert codes(refused) == ["T-07"]
    assert "start allowed from 12:01" in str(refused.value)
    assert not StartAuthorisation.objects.exists()


def test_every_blocker_is_named_with_its_remedy():
    cycle = ready_cycle()
    dispense(cycle)
    with pytest.raises(StartRefused) as refused:
        authorise(opened(cycle))
    assert codes(refused) == ["ID", "T-01", "T-04", "ALLERGY", "T-07", "UNIT", "START"]
    assert all(each.remedy for each in refused.value.blockers)


def test_nothing_starts_in_a_cycle_whose_decision_no_longer_says_go(day: TherapyDay):
    draw(day.cycle.course.patient, DAY, PLT="60")
    with pytest.raises(StartRefused) as refused:
        authorise(day)
    assert set(codes(refused)) >= {"decision", "recall"}
    order = Order.objects.get(cycle=day.cycle, kind="radiopharmaceutical")
    assert order.state == "dispensed"
    assert order.events.filter(from_state="dispensed", to_state="dispensed").exists()
    assert Decision.objects.filter(course=day.cycle.course).latest("pk").action == "delay"


@pytest.mark.hazard("HZ-49")
def test_a_cycle_planned_too_early_cannot_be_opened_or_started():
    first = ready_cycle(on=date(2026, 4, 13))
    record_administration(
        cycle=first,
        administered_on=first.planned_on,
        administered_gbq=Decimal("7.4"),
        by=physician(),
        now=at(16, on=first.planned_on),
    )
    second = first.course.cycles.get(number=2)
    second.planned_on = DAY  # three weeks after the first
    second.save(update_fields=["planned_on"])
    draw(first.course.patient, date(2026, 5, 1))
    decision = assess_course(course_id=first.course_id, now=at(9))
    assert decision is not None
    assert decision.action not in ("proceed", "reduce")
    with pytest.raises(Refused, match="no active order"):
        opened(second)


@pytest.mark.hazard("HZ-55")
def test_steroid_cover_that_is_ordered_is_begun_before_the_patient_goes_home():
    cycle = ready_cycle(disease="yes")
    dispense(cycle)
    day = opened(cycle)
    until_start(day)
    authorise(day)
    infuse(day)
    step(day, "observation", at(14, 40), finding="well")
    step(day, "release_survey", at(14, 41), microsievert_per_hour="18", metres="1")
    with pytest.raises(ReleaseRefused) as refused:
        release(day=day, by=nurse(), now=at(14, 45))
    assert codes(refused) == ["COVER"]
    with pytest.raises(NotAllowed, match="Only a physician"):
        step(day, "steroid", at(14, 46), why="left_out", reason="not needed")
    step(day, "steroid", at(14, 46), why="cover", medicine="dexamethasone", amount="4 mg")
    release(day=day, by=nurse(), now=at(14, 47))


@pytest.mark.hazard("HZ-55")
def test_an_unknown_peritoneal_disease_blocks_the_start_until_a_physician_decides():
    # Answered before the signature, since nothing is signed without it; the answer is taken back afterwards.
    cycle = ready_cycle(disease="unknown", answered=False)
    answer = ChartFact.objects.get(kind="disease_flags", data__flag="peritoneal_disease")
    withdraw_fact(fact=answer, by=nurse(), reason="Entered for another patient.", now=at(8))
    dispense(cycle)
    day = opened(cycle)
    until_start(day)
    with pytest.raises(StartRefused) as refused:
        authorise(day)
    assert codes(refused) == ["COVER"]
    step(day, "steroid", at(11, 59), by=physician(), why="left_out", reason="no disease on the scan of April")
    authorise(day)


def test_a_late_result_that_changes_only_a_note_leaves_the_start_allowed(day: TherapyDay):
    before = day.cycle.course.decisions.latest("pk")
    draw(day.cycle.course.patient, DAY, PLT="140")
    authorisation = authorise(day)
    assert authorisation.decision_id != before.pk
    assert authorisation.decision.confirms_id == before.verdict_origin_id


def test_a_wrong_label_is_refused(day: TherapyDay):
    step(day, "unit_scanned", at(11, 56), label="U-7", product_code="69488-003-01")
    step(
        day,
        "start_check",
        at(11, 57),
        by=second_nurse(),
        line="patent",
        rescue_ready="yes",
        crisis_risk="usual",
    )
    with pytest.raises(StartRefused) as refused:
        authorise(day)
    assert codes(refused) == ["UNIT"]


def test_a_second_start_is_not_authorised_while_the_first_may_be_used(day: TherapyDay):
    authorise(day)
    with pytest.raises(StartRefused) as refused:
        authorise(day, now=at(12, 1))
    assert codes(refused) == ["authorised"]
    with pytest.raises(StartRefused) as refused:
        authorise(day, now=at(12, 31))
    assert codes(refused) == ["START"]  # the check has become too old as well


def test_rules_of_the_day_that_changed_meanwhile_block_the_start(day: TherapyDay):
    TherapyDay.objects.filter(pk=day.pk).update(rules_sha256="0" * 64)
    with pytest.raises(StartRefused) as refused:
        authorise(day)
    assert codes(refused) == ["rules"]


# --- Two people ------------------------------------------------------------------------------


def test_who_checked_the_start_does_not_authorise_it():
    cycle = ready_cycle()
    dispense(cycle)
    day = opened(cycle)
    until_start(day)
    step(
        day, "start_check", at(11, 58), by=physician(), line="patent", rescue_ready="yes", crisis_risk="usual"
    )
    with pytest.raises(StartRefused) as refused:
        authorise(day)
    assert codes(refused) == ["second"]
    authorise(day, by=colleague("another-physician", "physician"))


def test_a_nurse_and_a_stale_password_authorise_nothing(day: TherapyDay):
    with pytest.raises(NotAllowed, match="Only a physician authorises"):
        authorise(day, by=nurse())
    with pytest.raises(NotAllowed, match="password"):
        authorise_start(day=day, by=physician(), authenticated_at=at(11), now=at(12))


def test_identity_takes_a_second_other_person_who_may_treat(day: TherapyDay):
    data = {"number": "T-1", "birth_date": "1961-03-02"}
    for second, error in ((None, BadStep), (nurse(), BadStep), (colleague("aud", "auditor"), NotAllowed)):
        with pytest.raises(error):
            record_step(day=day, kind="identity", data=data, by=nurse(), second=second, now=at(11))


def test_pharmacists_measure_and_nurses_do_not(day: TherapyDay):
    with pytest.raises(NotAllowed, match="Pharmacists and physicists"):
        step(day, "residual", at(12), by=nurse(), activity="0.1 GBq", what="vial")
    with pytest.raises(NotAllowed, match="Nurses and physicians"):
        step(day, "allergy", at(12), by=colleague("ph", "pharmacist"), finding="none")


# --- Recording and correcting ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "data", "field"),
    [
        ("dance", {}, "kind"),
        ("allergy", {}, "finding"),
        ("allergy", {"finding": "maybe"}, "finding"),
        ("allergy", {"finding": "none", "colour": "red"}, "colour"),
        ("amino_start", {"bag": " "}, "bag"),
        ("release_survey", {"microsievert_per_hour": "-1", "metres": "1"}, "microsievert_per_hour"),
        ("steroid", {"why": "cover"}, "medicine"),
        ("steroid", {"why": "left_out"}, "reason"),
    ],
)
def test_a_step_that_says_nothing_is_refused_with_its_field(
    day: TherapyDay, kind: str, data: dict, field: str
):
    with pytest.raises(BadStep) as bad:
        step(day, kind, at(12), by=physician() if data.get("why") == "left_out" else None, **data)
    assert bad.value.faults[0].startswith(field)


def test_an_activity_without_its_unit_is_refused(day: TherapyDay):
    with pytest.raises(BadStep, match="7400 has no unit"):
        step(day, "assay", at(12), activity="7400")


def test_a_step_lies_neither_in_the_future_nor_days_before(day: TherapyDay):
    for happened_at in (at(12, 1), at(9) - timedelta(hours=48)):
        with pytest.raises(BadStep, match="happened_at"):
            record_step(
                day=day, kind="note", data={"text": "x"}, by=nurse(), happened_at=happened_at, now=at(12)
            )


def test_a_correction_is_a_new_version_with_its_reason_and_the_newest_counts(day: TherapyDay):
    first = day.steps.get(kind="amino_start")
    second = correct_step(
        step=first, reason="the clock was read wrongly", by=nurse(), happened_at=at(11, 45), now=at(11, 56)
    )
    assert second.data == first.data
    with pytest.raises(StartRefused) as refused:
        authorise(day)
    assert codes(refused) == ["T-07"]
    with pytest.raises(BadStep, match="corrected before"):
        correct_step(step=first, reason="again", by=nurse(), now=at(12))
    with pytest.raises(BadStep, match="reason"):
        correct_step(step=second, reason=" \u200b", by=nurse(), now=at(12))
    correct_step(step=second, reason="of another patient", by=nurse(), take_back=True, now=at(12))
    with pytest.raises(StartRefused) as refused:
        authorise(day)
    assert "Not started yet" in str(refused.value)
    assert day.steps.filter(kind="amino_start").count() == 3


def test_each_entry_makes_another_version_of_the_day(day: TherapyDay):
    before = TherapyDay.objects.get(pk=day.pk).version
    step(day, "note", at(12), text="calm")
    assert TherapyDay.objects.get(pk=day.pk).version == before + 1


# --- Opening ---------------------------------------------------------------------------------


def test_a_day_opens_only_once_and_only_with_a_signed_order(day: TherapyDay):
    with pytest.raises(Refused, match="open already"):
        opened(day.cycle)
    with pytest.raises(Refused, match="no active order"):
        opened(day.cycle.course.cycles.get(number=2))


def test_a_protocol_without_rules_of_the_day_says_so(day: TherapyDay):
    course = day.cycle.course
    course.protocol_id = "no_such_day"
    course.save(update_fields=["protocol_id"])
    with pytest.raises(Refused, match="not described"):
        opened(course.cycles.get(number=2))


# --- Not given -------------------------------------------------------------------------------


def test_an_unwell_patient_ends_the_day_and_the_cycle_stays_open(day: TherapyDay):
    end_not_given(
        day=day,
        reason="unwell",
        note="vomited",
        vial="wasted",
        rebook_on=date(2026, 5, 6),
        by=nurse(),
        now=at(12),
    )
    day.refresh_from_db()
    assert day.outcome == "not_given"
    states = dict(
        Order.objects.filter(cycle=day.cycle).exclude(state="proposed").values_list("kind", "state")
    )
    assert states == {
        "radiopharmaceutical": "cancelled",
        "amino_acids": "done",
        "antiemetic": "done",
        "analogue_hold": "cancelled",
        "analogue_restart": "cancelled",
        "rescue": "cancelled",
        "lab_draws": "done",
    }
    assert Directive.objects.get(cycle=day.cycle).voided.reason_code == "not-given-unwell"
    assert VialEvent.objects.get().fate == "wasted"
    assert {s.kind for s in TherapyStep.objects.filter(therapy_day=day)} >= {"antiemetic", "amino_start"}
    cycles = day.cycle.course.cycles
    assert cycles.get(number=1).planned_on == date(2026, 5, 6)
    assert cycles.get(number=2).planned_on == date(2026, 7, 1)
    assert not Administration.objects.exists()
    # The old signature lets nothing be given: the decision is unsigned, and its orders only proposed.
    decision = day.cycle.course.decisions.latest("pk")
    assert decision.action == "proceed"
    assert current_signature(decision) is None
    assert set(Order.objects.live().filter(cycle=day.cycle).values_list("state", flat=True)) == {"proposed"}


def test_after_a_day_without_an_infusion_the_cycle_is_signed_and_given_on_its_new_day(day: TherapyDay):
    end_not_given(day=day, reason="access", note="", vial="kept", by=nurse(), now=at(12))
    rebook(day=day, on=date(2026, 5, 5), by=nurse(), now=at(12, 5))
    sign_now(day.cycle.course, now=at(13))
    newest = Directive.objects.filter(cycle=day.cycle).first()
    assert (newest.revision, newest.administer_on) == (2, date(2026, 5, 5))
    order = Order.objects.live().get(cycle=day.cycle, kind="radiopharmaceutical")
    assert (order.state, order.directive_id) == ("active", newest.pk)


def test_a_bag_that_was_started_on_another_day_is_not_taken_again(day: TherapyDay):
    end_not_given(day=day, reason="access", note="", vial="kept", by=nurse(), now=at(12))
    rebook(day=day, on=date(2026, 5, 5), by=nurse(), now=at(12, 5))
    sign_now(day.cycle.course, now=at(13))
    later = date(2026, 5, 5)
    tomorrow = opened(Cycle.objects.get(pk=day.cycle_id), now=at(8, on=later))
    step(tomorrow, "amino_start", at(8, 30, on=later), bag="BAG-1")
    lines = state_of(tomorrow, now=at(9, on=later)).lines
    running = next(line for line in lines if line.id == "T-07")
    assert running.state is StepState.BLOCKED
    assert running.sentence == "The bag BAG-1 is none that pharmacy handed out for this cycle and day."


def test_a_late_vial_ends_the_day_without_a_unit():
    cycle = ready_cycle()
    day = opened(cycle)
    with pytest.raises(BadStep, match="vial"):
        end_not_given(day=day, reason="vial_late", note="", vial="late", by=nurse(), now=at(15))
    end_not_given(day=day, reason="vial_late", note="stuck at customs", by=nurse(), now=at(15))
    assert not VialEvent.objects.exists()
    assert Order.objects.get(cycle=cycle, directive__isnull=False).state == "cancelled"


@pytest.mark.parametrize(
    ("reason", "note", "vial", "field"),
    [
        ("tired", "", "wasted", "reason"),
        ("other", " ", "wasted", "note"),
        ("unwell", "", "", "vial"),
        ("unwell", "", "eaten", "vial"),
    ],
)
def test_not_given_says_why_and_what_becomes_of_the_vial(
    day: TherapyDay, reason: str, note: str, vial: str, field: str
):
    with pytest.raises(BadStep) as bad:
        end_not_given(day=day, reason=reason, note=note, vial=vial, by=nurse(), now=at(12))
    assert bad.value.faults[0].startswith(field)


def test_a_vial_is_kept_only_inside_its_expiry_and_near_its_directive(day: TherapyDay):
    for later in (timedelta(hours=72), timedelta(hours=60)):
        with pytest.raises(BadStep, match="vial"):
            end_not_given(day=day, reason="unwell", note="", vial="kept", by=nurse(), now=at(9) + later)


def test_once_an_infusion_was_started_it_is_recorded_and_not_called_not_given(day: TherapyDay):
    authorise(day)
    step(day, "infusion_start", at(12, 1))
    with pytest.raises(Refused, match="Record its end"):
        end_not_given(day=day, reason="unwell", note="", vial="wasted", by=nurse(), now=at(12, 2))


# --- A half activity -------------------------------------------------------------------------


@pytest.fixture
def half() -> Cycle:
    """A second cycle at half activity: platelets were low between the cycles and have recovered."""
    first = ready_cycle(on=date(2026, 3, 9))
    record_administration(
        cycle=first,
        administered_on=first.planned_on,
        administered_gbq=Decimal("7.4"),
        by=physician(),
        now=at(16, on=first.planned_on),
    )
    course = first.course
    draw(course.patient, date(2026, 4, 6), PLT="60")
    assess_course(course_id=course.pk, now=at(12, on=date(2026, 4, 6)))
    draw(course.patient, date(2026, 5, 1), PLT="180")
    friday = date(2026, 5, 1)
    decision = assess_course(course_id=course.pk, now=at(12, on=friday))
    assert decision is not None
    for item in decision.answer.get("to_confirm", []):
        judge(
            course,
            "occurrence_reviews",
            at=at(12, 30, on=friday),
            rule=item["rule"],
            onset=item["onset"],
            counts=True,
            track=item["track"],
            grade=item["grade"],
        )
    sign_now(course, now=at(13, on=friday))
    second = course.cycles.get(number=2)
    assert second.planned_on == DAY
    return second


@pytest.mark.parametrize(("gbq", "allowed"), [("4.44", True), ("4.45", False), ("7.4", False)])
def test_a_half_activity_is_judged_around_3_7(half: Cycle, gbq: str, allowed: bool):
    dispense(half, gbq=gbq, now=at(11, 59))
    day = opened(half)
    until_start(day)
    if allowed:
        authorise(day)
        assert infuse(day).deviation == ""
        return
    with pytest.raises(StartRefused) as refused:
        authorise(day)
    assert codes(refused) == ["T-09"]
    assert "3.7 GBq (100 mCi) directed" in str(refused.value)


# --- A part of a cycle -----------------------------------------------------------------------


@pytest.fixture
def part(day: TherapyDay) -> Infusion:
    """The line leaked after 10 minutes; 5 GBq were left."""
    authorise(day)
    found: Infusion = infuse(day, minutes=10, how="leak", residual="5 GBq")
    return found


def day_of(part: Infusion) -> TherapyDay:
    assert part.therapy_day is not None
    return part.therapy_day


def word(part: Infusion, *, counts: bool = True, remainder: str = "", when=None, by=None, reason="seen"):
    when = when or at(13)
    return judge_cycle(
        infusion=part,
        counts=counts,
        remainder_gbq=Decimal(remainder) if remainder else None,
        reason=reason,
        signer=by or physician(),
        authenticated_at=when - timedelta(seconds=5),
        now=when,
    )


@pytest.mark.hazard("HZ-62")
def test_a_part_waits_for_a_judgement_and_nothing_is_signed_meanwhile(part: Infusion):
    assert not Administration.objects.exists()
    assert part.delivered_gbq < Decimal("2.4")
    assert [each.kind for each in Incident.objects.all()] == ["activity"]
    with pytest.raises(NotAllowed, match="nobody has judged it"):
        sign_now(part.cycle.course, now=at(13))
    with pytest.raises(StartRefused) as refused:
        authorise(day_of(part), now=at(13))
    assert "judgement" in codes(refused)


def test_a_cycle_given_in_part_is_planned_anew_only_once_the_part_is_judged(part: Infusion):
    day = day_of(part)
    release(day=day, by=nurse(), left_against="went home at once", now=at(12, 50))
    monday = DAY + timedelta(days=7)
    with pytest.raises(Refused, match="nobody has judged it"):
        rebook(day=day, on=monday, by=nurse(), now=at(13))
    assert part.cycle.course.cycles.get(number=1).planned_on == DAY
    word(part, counts=False, when=at(13, 10))
    rebook(day=day, on=monday, by=nurse(), now=at(13, 20))
    assert part.cycle.course.cycles.get(number=1).planned_on == monday


def test_a_part_that_counts_is_the_administration_of_its_cycle(part: Infusion):
    word(part)
    given = Administration.objects.get(cycle=part.cycle)
    assert given.administered_gbq == part.delivered_gbq
    assert part.cycle.course.cycles.get(number=2).planned_on == date(2026, 6, 29)


def reassessed(part: Infusion, *, when=None) -> Decision:
    """The decision that stands after the part."""
    decision = assess_course(course_id=part.cycle.course_id, now=when or at(13, 30))
    assert decision is not None
    return decision


def acting(decision: Decision) -> set[str]:
    return {each["rule"] for each in decision.answer["reasons"] if each["action"] != "proceed"}


@pytest.mark.hazard("HZ-49")
def test_a_part_that_does_not_count_leaves_the_cycle_open_and_starts_the_interval(part: Infusion):
    word(part, counts=False)
    assert not Administration.objects.exists()
    decision = reassessed(part)
    assert (decision.action, acting(decision)) == ("delay", {"SCH-WINDOW"})
    assert decision.answer["window"]["earliest"] == "2026-06-22"
    reason = next(each for each in decision.answer["reasons"] if each["rule"] == "SCH-WINDOW")
    assert "first day after the part of cycle 1 of 4 May 2026 that does not count" in reason["sentence"]
    with pytest.raises(NotAllowed, match="says delay"):
        sign(decision, by=physician(), now=at(13, 40), meaning="proceed")
    assert not Directive.objects.filter(cycle=part.cycle, voided__isnull=True).exists()
    assert ledger_of(part.cycle.course.patient_id).totals.total_gbq == part.delivered_gbq


@pytest.mark.hazard("HZ-49")
def test_after_an_extravasation_of_6_gbq_the_whole_activity_is_not_signed_for_the_next_day(day: TherapyDay):
    authorise(day)
    part = infuse(day, minutes=20, how="extravasation", residual="1.3 GBq")
    assert Decimal(6) < part.delivered_gbq < Decimal("6.2")
    word(part, counts=False)
    release(day=day, by=nurse(), left_against="went home at once", now=at(13, 10))
    rebook(day=day, on=DAY + timedelta(days=1), by=nurse(), now=at(13, 20))
    decision = reassessed(part)
    assert (decision.action, acting(decision)) == ("delay", {"SCH-WINDOW"})


@pytest.mark.hazard("HZ-49")
def test_two_physicians_may_give_it_anew_within_the_window_until_another_part_is_given(part: Infusion):
    word(part, counts=False)
    course = part.cycle.course
    fact = override(course, rule="SCH-WINDOW", by=physician(), at=at(13, 20))
    assert reassessed(part, when=at(13, 21)).action == "delay"
    confirm(fact, at=at(13, 25))
    sign_now(course, now=at(13, 30))
    newest = Directive.objects.get(cycle=part.cycle, voided__isnull=True)
    assert (newest.activity_gbq, newest.remainder_of) == (Decimal("7.4"), None)
    second = record_infusion(
        cycle=part.cycle,
        infused=Infused(
            started_at=at(14), ended_at=at(14, 5), ended_how=InfusionEnd.LEAK, delivered_gbq=Decimal(1)
        ),
        by=nurse(),
        now=at(14, 10),
    )
    word(second, counts=False, when=at(14, 20))
    decision = reassessed(part, when=at(14, 30))
    assert (decision.action, acting(decision)) == ("delay", {"SCH-WINDOW"})


def test_a_part_that_brought_nothing_starts_no_interval(day: TherapyDay):
    authorise(day)
    step(day, "infusion_start", at(12, 1))
    step(day, "infusion_end", at(12, 2), how="equipment")
    nothing = record_infusion(
        cycle=day.cycle,
        day=day,
        infused=Infused(
            started_at=at(12, 1),
            ended_at=at(12, 2),
            ended_how=InfusionEnd.EQUIPMENT,
            delivered_gbq=Decimal(0),
        ),
        by=nurse(),
        now=at(12, 20),
    )
    word(nothing, counts=False)
    assert reassessed(nothing).action == "proceed"


def test_a_remainder_is_directed_given_and_makes_the_cycle_whole(part: Infusion):
    judgement = word(part, remainder="5")
    day = day_of(part)
    sign_now(part.cycle.course, now=at(13, 10))
    newest = Directive.objects.filter(cycle=part.cycle).first()
    assert (newest.activity_gbq, newest.remainder_of, newest.revision) == (Decimal(5), judgement, 2)
    # The next assessment sees 7.4 GBq in the decision and leaves the remainder's directive alone.
    assess_course(course_id=part.cycle.course_id, now=at(13, 15))
    order = Order.objects.live().get(cycle=part.cycle, kind="radiopharmaceutical")
    assert (order.state, order.directive_id) == ("active", newest.pk)
    dispense(part.cycle, now=at(13, 20), label="U-2", bag="BAG-2")
    step(day, "unit_scanned", at(13, 30), label="U-2", product_code="69488-003-01")
    step(
        day,
        "start_check",
        at(13, 35),
        by=second_nurse(),
        line="patent",
        rescue_ready="yes",
        crisis_risk="usual",
    )
    authorise(day, now=at(13, 40))
    rest = infuse(day, start=at(13, 41))
    assert rest.deviation == ""
    given = Administration.objects.get(cycle=part.cycle)
    assert given.administered_gbq == part.delivered_gbq + rest.delivered_gbq


def test_a_remainder_falls_when_the_recommendation_changes(part: Infusion):
    word(part, remainder="5")
    sign_now(part.cycle.course, now=at(13, 10))
    draw(part.cycle.course.patient, DAY, PLT="60")
    assess_course(course_id=part.cycle.course_id, now=at(14))
    assert Order.objects.filter(cycle=part.cycle, kind="radiopharmaceutical", state="suspended").exists()


@pytest.mark.parametrize(
    ("counts", "remainder", "match"),
    [(False, "5", "no remainder"), (True, "5.2", "at most"), (True, "7.4", "at most")],
)
def test_a_judgement_is_bounded_by_what_is_left(part: Infusion, counts: bool, remainder: str, match: str):
    with pytest.raises(BadStep, match=match):
        word(part, counts=counts, remainder=remainder)


def test_only_a_physician_judges_with_a_reason_and_once(part: Infusion):
    with pytest.raises(NotAllowed, match="Only a physician"):
        word(part, by=nurse())
    with pytest.raises(BadStep, match="reason"):
        word(part, reason=" ")
    word(part)
    with pytest.raises(NotAllowed, match="Nothing waits"):
        word(part)
