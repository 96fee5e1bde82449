"""The gate of the day of therapy: what blocks the start, what only warns, and that the unknown blocks."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from courses.rules.day_gate import as_it_started, not_carrying, release_blockers, start_blockers, warnings
from courses.rules.day_steps import IDS, day_lines, next_line
from courses.rules.day_values import Bag, DayFacts, Go, Happened, PotassiumSeen, StepState
from tests.builders_day_rules import (
    DAY,
    EMA,
    US,
    ZONE,
    at,
    directed,
    facts,
    given,
    happened,
    line,
    potassium,
    unit,
)


def blocked(found: DayFacts) -> list[str]:
    return [each.code for each in start_blockers(found, day_lines(found))]


def warned(found: DayFacts) -> list[str]:
    return [each.id for each in warnings(day_lines(found))]


def test_a_good_day_may_start():
    assert blocked(facts()) == []
    assert warned(facts()) == []
    assert [each.id for each in day_lines(facts())] == list(IDS)


def test_with_nothing_recorded_everything_that_is_unknown_blocks_and_says_what_to_do():
    empty = facts(without=tuple(Happened), unit=None, directed=None, go=Go(allowed=False, sentence="A hold."))
    found = start_blockers(empty, day_lines(empty))
    assert [each.code for each in found] == [
        "ID", "T-02", "T-01", "T-03", "T-04", "ALLERGY", "T-07", "UNIT", "T-09", "T-10", "START",
    ]  # fmt: skip
    assert all(each.sentence and each.remedy for each in found)


@pytest.mark.parametrize(
    "lost", ["identity", "pregnancy", "analogue", "allergy", "amino_start", "unit_scanned", "start_check"]
)
def test_each_missing_step_alone_blocks(lost: str):
    assert blocked(facts(without=(lost,)))


# --- Amino acids (T-07) ----------------------------------------------------------------------


@pytest.mark.hazard("HZ-53")
@pytest.mark.parametrize(("minutes", "may_start"), [(29, False), (30, True), (31, True)])
def test_29_minutes_of_amino_acids_are_refused_and_30_allowed(minutes: int, may_start: bool):
    began = at(12) - timedelta(minutes=minutes)
    found = facts(happened("amino_start", began, bag="BAG-1"), without=("amino_start",))
    assert ("T-07" not in blocked(found)) is may_start


@pytest.mark.hazard("HZ-53")
def test_a_second_below_30_minutes_is_refused():
    found = facts(
        happened("amino_start", at(11, 30) + timedelta(seconds=1), bag="BAG-1"), without=("amino_start",)
    )
    assert blocked(found) == ["T-07"]
    assert line(found, "T-07").until == at(12, 0) + timedelta(seconds=1)
    said = line(found, "T-07").sentence
    assert said == "Amino acids running since 11:30, 29 min; start allowed from 12:00."


@pytest.mark.hazard("HZ-53")
def test_an_interruption_is_taken_off_and_moves_the_start():
    pause = (happened("amino_paused", at(11, 35)), happened("amino_resumed", at(11, 45)))
    found = facts(happened("amino_start", at(11, 25), bag="BAG-1"), *pause, without=("amino_start",))
    assert blocked(found) == ["T-07"]
    assert line(found, "T-07").until == at(12, 5)
    assert blocked(replace(found, now=at(12, 5))) == []


@pytest.mark.hazard("HZ-53")
def test_amino_acids_that_are_interrupted_or_ended_block_however_long_they_ran():
    assert blocked(facts(happened("amino_paused", at(11, 59)))) == ["T-07"]
    assert blocked(facts(happened("amino_end", at(12)))) == ["T-07"]


def test_a_long_interruption_is_warned_of_for_the_physicist():
    found = facts(happened("amino_paused", at(11, 5)), happened("amino_resumed", at(11, 21)))
    assert blocked(found) == []
    assert warned(found) == ["T-07"]
    assert "physicist" in line(found, "T-07").remedy


def test_a_bag_that_pharmacy_did_not_hand_out_blocks():
    found = facts(happened("amino_start", at(11), bag="BAG-9"), without=("amino_start",))
    assert blocked(found) == ["T-07"]
    assert "BAG-9" in line(found, "T-07").sentence


@pytest.mark.hazard("HZ-53")
def test_the_night_in_which_clocks_go_back_counts_minutes_as_they_pass():
    night = date(2026, 10, 25)
    began = datetime(2026, 10, 25, 2, 50, tzinfo=ZONE)  # still summer time
    now = datetime(2026, 10, 25, 2, 20, tzinfo=ZONE).replace(fold=1)  # half an hour later, winter time
    bags = (Bag(label="BAG-1", expires_at=now + timedelta(hours=8)),)
    found = facts(
        happened("amino_start", began, bag="BAG-1"), without=("amino_start",), now=now, today=night, bags=bags
    )
    assert "T-07" not in blocked(found)
    assert "T-07" in blocked(replace(found, now=now - timedelta(minutes=1)))


# --- The unit (UNIT, T-09, T-10) -------------------------------------------------------------


def test_another_label_blocks():
    found = facts(
        happened("unit_scanned", at(11, 50), label="U-2", product_code="69488-003-01"),
    )
    assert blocked(found) == ["UNIT"]
    assert "U-2" in line(found, "UNIT").sentence


def test_a_unit_made_for_an_older_revision_blocks():
    found = facts(unit=unit(revision=1), directed=directed(revision=2))
    assert blocked(found) == ["UNIT"]
    assert "revision 2 holds now" in line(found, "UNIT").sentence


def test_a_void_directive_and_one_of_another_day_block():
    assert blocked(facts(directed=directed(holds=False))) == ["UNIT"]
    assert blocked(facts(directed=directed(administer_on=date(2026, 5, 5)))) == ["UNIT"]


def test_the_code_of_another_lutetium_product_blocks():
    found = facts(happened("unit_scanned", at(11, 50), label="U-1", product_code="69488-010-61"))
    assert blocked(found) == ["UNIT"]


@pytest.mark.parametrize(
    ("gbq", "blocks", "warns"),
    [
        ("8.14", False, False),  # exactly 10 %
        ("8.141", False, True),
        ("8.88", False, True),  # exactly 20 % warns
        ("8.881", True, False),
        ("6.66", False, False),
        ("6.659", False, True),
        ("5.92", False, True),
        ("5.919", True, False),
    ],
)
def test_over_10_percent_warns_more_than_20_blocks_and_exactly_20_warns(gbq: str, blocks: bool, warns: bool):
    found = facts(unit=unit(gbq=gbq))
    assert (blocked(found) == ["T-09"]) is blocks
    assert (warned(found) == ["T-09"]) is warns


@pytest.mark.parametrize(
    ("gbq", "state"),
    [
        ("3.7", StepState.DONE),
        ("4.07", StepState.DONE),
        ("4.44", StepState.WARNING),
        ("4.441", StepState.BLOCKED),
        ("7.4", StepState.BLOCKED),
    ],
)
def test_the_bands_of_a_half_activity_lie_around_3_7(gbq: str, state: StepState):
    half = directed(activity_gbq=Decimal("3.7"))
    assert line(facts(unit=unit(gbq=gbq), directed=half), "T-09").state is state


def test_an_assay_beyond_the_limit_passes_only_as_directed_in_writing_for_this_measurement():
    far = unit(gbq="9", directed_in_writing=True)
    assert blocked(facts(unit=far)) == []
    assert warned(facts(unit=far)) == ["T-09"]
    again = happened("assay", at(12), gbq="9.1")
    assert blocked(facts(again, unit=far)) == ["T-09"]


def test_a_bedside_measurement_from_before_the_unit_was_handed_out_is_of_another_unit():
    far = unit(gbq="9", measured_at=at(11, 40), handed_out_at=at(11, 55))
    assert blocked(facts(happened("assay", at(11, 50), gbq="7.4"), unit=far)) == ["T-09"]
    good = unit(measured_at=at(11, 40), handed_out_at=at(11, 55))
    assert blocked(facts(happened("assay", at(11, 50), gbq="9"), unit=good)) == []
    assert blocked(facts(happened("assay", at(11, 55), gbq="9"), unit=good)) == ["T-09"]


def test_decay_until_the_start_is_judged_as_well_as_the_measurement():
    early = unit(gbq="6.6", measured_at=at(12) - timedelta(hours=48))
    found = facts(unit=early)
    assert blocked(found) == ["T-09"]
    assert "6.6 GBq" in line(found, "T-09").sentence


@pytest.mark.parametrize(("spare", "blocks"), [(timedelta(0), False), (timedelta(seconds=-1), True)])
def test_the_unit_must_be_good_until_the_longest_infusion_ends(spare: timedelta, blocks: bool):
    found = facts(unit=unit(expires_at=at(12, 40) + spare))
    assert (blocked(found) == ["T-10"]) is blocks


# --- The patient -----------------------------------------------------------------------------


def test_identity_needs_two_people_and_both_identifiers():
    alone = happened("identity", at(11), number="T-1", birth_date="1961-03-02")
    other = happened("identity", at(11), second="Nurse Two", number="T-2", birth_date="1961-03-02")
    assert blocked(facts(alone)) == ["ID"]
    assert blocked(facts(other)) == ["ID"]
    assert "number" in line(facts(other), "ID").sentence
    assert "Stop" in line(facts(other), "ID").remedy


@pytest.mark.hazard("HZ-58")
@pytest.mark.parametrize(
    ("finding", "blocks"), [("negative", False), ("not_possible", False), ("positive", True), ("", True)]
)
def test_pregnancy_is_asked_of_everybody_and_only_an_excluding_answer_passes(finding: str, blocks: bool):
    assert (blocked(facts(happened("pregnancy", at(11), finding=finding))) == ["T-01"]) is blocks


@pytest.mark.hazard("HZ-58")
def test_who_was_identified_and_asked_on_another_day_of_the_stay_is_so_again_today():
    before = at(23, day=DAY - timedelta(days=1))
    data = {"number": "T-1", "birth_date": "1961-03-02"}
    asked = (
        happened("identity", before, second="Nurse Two", **data),
        happened("pregnancy", before, finding="negative"),
    )
    found = facts(*asked, without=("identity", "pregnancy"))
    assert blocked(found) == ["ID", "T-01"]
    assert "on another day" in line(found, "T-01").sentence
    positive = facts(happened("pregnancy", before, finding="positive"), without=("pregnancy",))
    assert line(positive, "T-01").state is StepState.BLOCKED


@pytest.mark.hazard("HZ-53")
def test_a_second_start_is_never_judged_by_what_held_at_the_first():
    again = facts(*given(start=at(11, 58), end=at(11, 59), how="equipment"))
    assert blocked(again) == ["T-11"]


@pytest.mark.hazard("HZ-54")
@pytest.mark.parametrize(
    "changed",
    [
        {"value": Decimal("5.2")},
        {"doubt": "the specimen is unreliable (haemolysed)"},
        {"days_old": 8},
        {"high": None},
        {"value": None},
        {"comparator": ">"},
    ],
    ids=["high", "haemolysed", "old", "no limit", "no number", "only a lower bound"],
)
def test_a_potassium_that_does_not_clear_blocks_in_the_eu_and_warns_in_the_us(changed: dict):
    seen = potassium(**changed)
    assert blocked(facts(protocol=EMA, potassium=seen)) == ["T-05"]
    assert blocked(facts(protocol=US, potassium=seen)) == []
    assert warned(facts(protocol=US, potassium=seen)) == ["T-05"]


@pytest.mark.hazard("HZ-54")
def test_no_potassium_blocks_in_the_eu_and_one_at_its_limit_clears():
    assert blocked(facts(protocol=EMA, potassium=None)) == ["T-05"]
    limit = PotassiumSeen(
        value=Decimal("5.1"), high=Decimal("5.1"), unit="mmol/L", collected_at=at(8), days_old=7
    )
    assert blocked(facts(protocol=EMA, potassium=limit)) == []


@pytest.mark.hazard("HZ-56")
@pytest.mark.parametrize(("hours", "minutes", "blocks"), [(24, 0, False), (23, 59, True), (25, 0, False)])
def test_24_hours_without_a_short_acting_analogue(hours: int, minutes: int, blocks: bool):
    last = at(12) - timedelta(hours=hours, minutes=minutes)
    step = happened(
        "analogue", at(11), short_acting="last", short_acting_at=last.isoformat(), long_acting="none"
    )
    found = facts(step)
    assert (blocked(found) == ["T-04"]) is blocks


@pytest.mark.hazard("HZ-56")
def test_a_short_acting_analogue_of_unknown_time_blocks():
    assert blocked(facts(happened("analogue", at(11), short_acting="last", long_acting="none"))) == ["T-04"]


@pytest.mark.hazard("HZ-56")
def test_hours_without_an_analogue_are_counted_as_they_pass_when_clocks_change():
    given_at = datetime(2026, 3, 28, 12, 0, tzinfo=ZONE)
    now = datetime(2026, 3, 29, 12, 30, tzinfo=ZONE)  # 23 hours and a half: one hour was left out at night
    step = happened(
        "analogue", now, short_acting="last", short_acting_at=given_at.isoformat(), long_acting="none"
    )
    found = facts(step, without=("analogue",), now=now, today=now.date())
    assert "T-04" in blocked(found)
    assert "T-04" not in blocked(replace(found, now=now + timedelta(minutes=30)))


@pytest.mark.hazard("HZ-59")
@pytest.mark.parametrize(
    ("data", "blocks"),
    [
        ({"finding": "none"}, False),
        ({"finding": "premedicate", "premedication": "clemastine 2 mg"}, False),
        ({"finding": "premedicate"}, True),
        ({"finding": "contraindicated"}, True),
        ({"finding": "not legible"}, True),
        ({}, True),
    ],
)
def test_an_earlier_reaction_asks_for_premedication_or_forbids(data: dict[str, str], blocks: bool):
    assert (blocked(facts(happened("allergy", at(11), **data))) == ["ALLERGY"]) is blocks


@pytest.mark.parametrize(("kind", "id_"), [("allergy", "ALLERGY"), ("pregnancy", "T-01")])
def test_an_answer_that_says_nothing_known_is_not_told_as_one_and_ends_by_being_taken_back(
    kind: str, id_: str
):
    odd, plain_one = happened(kind, at(11), finding="not legible"), happened(kind, at(11, 30), finding="none")
    said = line(facts(odd, plain_one), id_)
    assert said.sentence.endswith("what was recorded is no answer that the service knows.")
    assert "is corrected or taken back" in said.remedy


def test_an_antiemetic_late_or_missing_warns_and_does_not_block():
    late = facts(happened("antiemetic", at(10, 45), medicine="x", amount="1 mg"), without=("antiemetic",))
    none = facts(without=("antiemetic",))
    after = facts(happened("antiemetic", at(11, 30), medicine="x", amount="1 mg"), without=("antiemetic",))
    for found in (late, none, after):
        assert blocked(found) == []
        assert warned(found) == ["T-06"]


@pytest.mark.parametrize("why", ["rescue", "left_out"])
def test_a_steroid_to_rescue_and_cover_that_was_left_out_are_not_told_as_given_too_early(why: str):
    step = happened("steroid", at(10), medicine="dexamethasone", amount="4 mg", reason="a physician", why=why)
    assert "T-13" not in warned(facts(step, protocol=EMA))


def test_a_steroid_before_the_start_warns_in_the_eu_only():
    step = happened("steroid", at(10), medicine="dexamethasone", amount="4 mg", why="other")
    assert warned(facts(step, protocol=EMA)) == ["T-13"]
    assert warned(facts(step, protocol=US)) == []


# --- The last look ---------------------------------------------------------------------------


def test_a_start_check_is_good_for_as_long_as_an_authorised_start_may_wait():
    assert blocked(facts(now=at(12, 25))) == []
    assert blocked(facts(now=at(12, 25) + timedelta(seconds=1))) == ["START"]


def test_a_unit_scanned_after_the_check_asks_for_another_check():
    again = happened("unit_scanned", at(11, 58), label="U-1", product_code="69488-003-01")
    assert blocked(facts(again)) == ["START"]


@pytest.mark.hazard("HZ-57")
@pytest.mark.parametrize("line", ["patent", "not_patent"])
@pytest.mark.parametrize("rescue", ["yes", "no"])
@pytest.mark.parametrize("risk", ["usual", "raised", "not_assessed", None])
def test_nothing_starts_without_a_patent_line_rescue_medicine_and_an_assessed_risk_of_a_crisis(
    line: str, rescue: str, risk: str | None
):
    data = {"line": line, "rescue_ready": rescue} | ({"crisis_risk": risk} if risk else {})
    good = (line, rescue) == ("patent", "yes") and risk in ("usual", "raised")
    assert blocked(facts(happened("start_check", at(11, 59), **data))) == ([] if good else ["START"])


def test_a_start_of_the_past_is_not_condemned_for_a_question_that_nobody_was_asked_then():
    old = facts(happened("start_check", at(11, 59), line="patent", rescue_ready="yes"))
    assert blocked(old) == ["START"]
    assert not [line for line in not_carrying(day_lines(as_it_started(old))) if line.id == "START"]
    said = facts(
        happened("start_check", at(11, 59), line="patent", rescue_ready="yes", crisis_risk="not_assessed")
    )
    assert [line.id for line in not_carrying(day_lines(as_it_started(said)))] == ["START"]


def test_without_a_signed_go_on_live_data_nothing_starts():
    found = facts(go=Go(allowed=False, sentence="The decision says hold.", remedy="Complete the evidence."))
    assert blocked(found) == ["T-02", "T-03"]


def test_no_second_start_while_an_infusion_runs():
    found = facts(happened("infusion_start", at(11, 58)))
    assert "T-11" in blocked(found)


# --- From the start on -----------------------------------------------------------------------


def test_what_came_before_the_start_is_judged_at_the_start_and_not_later():
    late = facts(*given(start=at(12), end=at(12, 30)), now=at(12) + timedelta(hours=30))
    assert line(late, "T-10").state is StepState.DONE
    assert line(late, "T-09").state is StepState.DONE
    assert line(late, "T-07").state is StepState.DONE


@pytest.mark.parametrize(
    ("end", "state"),
    [
        (at(12, 29), StepState.WARNING),
        (at(12, 30), StepState.DONE),
        (at(12, 40), StepState.DONE),
        (at(12, 41), StepState.WARNING),
    ],
)
def test_the_infusion_takes_30_to_40_minutes(end: datetime, state: StepState):
    assert line(facts(*given(start=at(12), end=end), now=at(13)), "T-11").state is state


def test_line_checks_are_due_after_5_minutes_and_then_every_10():
    running = facts(happened("infusion_start", at(12)))
    assert line(replace(running, now=at(12, 4)), "LINE").state is StepState.WAITING
    assert line(replace(running, now=at(12, 5)), "LINE").state is StepState.DUE
    looked = facts(
        happened("infusion_start", at(12)), happened("line_check", at(12, 6), finding="good"), now=at(12, 15)
    )
    assert line(looked, "LINE").until == at(12, 16)
    assert line(replace(looked, now=at(12, 16)), "LINE").state is StepState.DUE
    swollen = facts(
        happened("infusion_start", at(12)),
        happened("line_check", at(12, 6), finding="swelling"),
        now=at(12, 7),
    )
    assert "Stop the infusion" in line(swollen, "LINE").remedy


def released_day(**changed) -> DayFacts:
    """After the infusion: observed, found well, surveyed."""
    more = (
        happened("observation", changed.pop("seen", at(14, 35)), finding="well"),
        happened("release_survey", at(14, 40), microsievert_per_hour=changed.pop("rate", "18"),
                 metres=changed.pop("metres", "1")),
    )  # fmt: skip
    return facts(*given(start=at(12), end=at(12, 35)), *more, now=changed.pop("now", at(14, 45)), **changed)


def release(found: DayFacts) -> list[str]:
    return [each.code for each in release_blockers(found, day_lines(found))]


def test_a_patient_goes_home_two_hours_after_the_end_and_below_the_dose_rate():
    assert release(released_day()) == []
    assert release(released_day(rate="20")) == []


def test_release_waits_for_the_observation_and_for_the_dose_rate():
    assert release(released_day(seen=at(14, 34))) == ["T-12"]
    assert release(released_day(now=at(14, 34))) == ["T-12", "T-18"]
    assert release(released_day(rate="20.1")) == ["T-18"]
    assert release(released_day(metres="2")) == ["T-18"]
    assert release(facts()) == ["T-11", "T-12", "T-18"]
    assert release(facts(happened("infusion_start", at(12)))) == ["T-11", "T-12", "T-18"]


def test_a_stay_over_the_weekend_is_released_by_the_newest_dose_rate():
    monday = at(9, day=date(2026, 5, 11))
    later = happened("release_survey", monday, microsievert_per_hour="6", metres="1")
    found = released_day(rate="41")
    found = replace(found, steps=(*found.steps, later), now=monday + timedelta(minutes=5))
    assert release(found) == []


@pytest.mark.hazard("HZ-56")
@pytest.mark.parametrize(
    ("given_at", "state"),
    [
        (at(16, 34), StepState.WARNING),
        (at(16, 35), StepState.DONE),
        (at(12, 35) + timedelta(hours=24), StepState.DONE),
        (at(12, 36) + timedelta(hours=24), StepState.WARNING),
    ],
)
def test_the_long_acting_analogue_is_given_4_to_24_hours_after_the_end(given_at: datetime, state: StepState):
    step = happened("analogue_restart", given_at, medicine="octreotide LAR", amount="30 mg")
    found = facts(*given(start=at(12), end=at(12, 35)), step, now=at(12) + timedelta(hours=30))
    assert line(found, "T-14").state is state


@pytest.mark.hazard("HZ-56")
def test_a_forgotten_restart_is_due_and_then_warned_of_and_who_receives_none_needs_none():
    after = facts(*given(start=at(12), end=at(12, 35)), now=at(17))
    assert line(after, "T-14").state is StepState.DUE
    assert line(replace(after, now=at(12, 36) + timedelta(hours=24)), "T-14").state is StepState.WARNING
    none = happened("analogue", at(11), short_acting="none", long_acting="none")
    assert line(replace(after, steps=(*after.steps, none)), "T-14").state is StepState.NOT_NEEDED


def test_amino_acids_go_on_for_3_hours_after_the_infusion():
    running = facts(*given(start=at(12), end=at(12, 35)), now=at(15, 34))
    assert line(running, "T-08").state is StepState.WAITING
    assert line(running, "T-08").until == at(15, 35)
    assert line(replace(running, now=at(15, 35)), "T-08").state is StepState.DUE
    short = replace(running, steps=(*running.steps, happened("amino_end", at(15, 30))))
    assert line(short, "T-08").state is StepState.WARNING
    whole = replace(running, steps=(*running.steps, happened("amino_end", at(15, 35))), now=at(16))
    assert line(whole, "T-08").state is StepState.DONE


@pytest.mark.hazard("HZ-55")
def test_ordered_steroid_cover_is_begun_or_left_out_by_a_physician_before_release():
    assert release(released_day(cover_ordered=True)) == ["COVER"]
    begun = happened("steroid", at(14), medicine="dexamethasone", amount="4 mg", why="cover")
    out = happened("steroid", at(14), why="left_out", reason="allergic to it")
    for step in (begun, out):
        found = released_day(cover_ordered=True)
        assert release(replace(found, steps=(*found.steps, step))) == []


@pytest.mark.hazard("HZ-55")
@pytest.mark.parametrize("disease", [True, False, None])
@pytest.mark.parametrize("word", ["", "cover", "left_out"])
def test_steroid_cover_by_what_is_known_of_the_disease_and_what_was_done(disease: bool | None, word: str):
    steps = (happened("steroid", at(11), medicine="x", why=word, reason="y"),) if word else ()
    found = facts(*steps, cover_ordered=bool(disease), peritoneal_disease=disease)
    assert (blocked(found) == ["COVER"]) is (disease is None and not word)
    needed = disease is not False and not word
    assert ("COVER" in release(found)) is needed


def test_a_residual_that_was_not_measured_is_warned_of():
    found = facts(*given(start=at(12), end=at(12, 35)), now=at(13))
    assert line(found, "T-17").state is StepState.WARNING
    measured = replace(found, steps=(*found.steps, happened("residual", at(12, 50), gbq="0.1")))
    assert line(measured, "T-17").state is StepState.DONE


def test_the_next_thing_to_do_is_the_first_that_somebody_can_act_on():
    assert next_line(day_lines(facts(without=("allergy",)))).id == "ALLERGY"
    assert next_line(day_lines(facts())) is None


# --- A start under an authorisation ----------------------------------------------------------


def not_carried(found: DayFacts) -> list[str]:
    return [each.id for each in not_carrying(day_lines(as_it_started(found)))]


def test_a_good_day_carries_its_authorised_start():
    assert not_carried(facts()) == []


@pytest.mark.hazard("HZ-53")
@pytest.mark.parametrize(
    ("lost", "line_id"),
    [
        ("identity", "ID"),
        ("pregnancy", "T-01"),
        ("analogue", "T-04"),
        ("allergy", "ALLERGY"),
        ("amino_start", "T-07"),
        ("unit_scanned", "UNIT"),
        ("start_check", "START"),
    ],
)
def test_a_start_is_not_carried_without_each_step_alone(lost: str, line_id: str):
    assert not_carried(facts(without=(lost,))) == [line_id]


def test_what_the_live_decision_says_is_asked_where_the_start_is_authorised():
    assert not_carried(facts(go=Go(allowed=False, sentence="A hold."))) == []


def test_the_check_may_be_older_than_an_authorised_start_may_wait():
    later = facts(now=at(12, 40))
    assert "START" in blocked(later)
    assert not_carried(later) == []


def test_a_start_is_judged_at_its_own_instant_whichever_start_is_recorded():
    """Paused at 12:05: a start of noon was carried, another one of 12:20 is not."""
    paused = (happened("infusion_start", at(12)), happened("amino_paused", at(12, 5)))
    assert not_carried(facts(*paused, now=at(12))) == []
    assert not_carried(facts(*paused, now=at(12, 20))) == ["T-07"]
