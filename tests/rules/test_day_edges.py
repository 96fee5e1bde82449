"""The edges of a day of therapy: what blocks, how long things ran, predictions, sums of the ledger."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from courses.rules.activity import Measured
from courses.rules.day_gate import release_blockers, start_blockers
from courses.rules.day_steps import day_lines
from courses.rules.day_times import Running, amino_acids, infusion
from courses.rules.day_values import Blocker, DayFacts, DayLine, StepState, after
from courses.rules.ledger import Absorbed, Entry, EntryKind, add_doses, add_up
from courses.rules.prediction import Fit, decay_table
from tests.builders_day_rules import at, facts, given, happened, line
from tests.rules.test_prediction import AT, found

# --- What blocks, in words ---------------------------------------------------------------------------


def blockers_of(day: DayFacts) -> dict[str, Blocker]:
    return {each.code: each for each in start_blockers(day, day_lines(day))}


def test_an_infusion_that_runs_keeps_another_one_from_starting() -> None:
    running = facts(happened("infusion_start", at(12)), now=at(12, 5))
    assert blockers_of(running)["T-11"] == Blocker(
        code="T-11",
        sentence="An infusion is already running.",
        remedy="Record its end before another one starts.",
    )


def test_after_an_infusion_a_physician_says_whether_more_is_given() -> None:
    over = facts(*given(start=at(12), end=at(12, 35)), now=at(13))
    assert blockers_of(over)["T-11"] == Blocker(
        code="T-11",
        sentence="The infusion started at 12:00 has ended.",
        remedy="Record what it delivered; a physician then says whether anything more is given. A start that "
        "was entered by mistake is taken back.",
    )


def test_nobody_goes_home_while_an_infusion_runs_and_it_is_told_once() -> None:
    running = facts(happened("infusion_start", at(12)), now=at(12, 5))
    lines = day_lines(running)
    assert [each.code for each in release_blockers(running, lines)].count("T-11") == 1
    others = tuple(line for line in lines if line.id != "T-11")
    (told,) = (each for each in release_blockers(running, others) if each.code == "T-11")
    assert told == Blocker(
        code="T-11", sentence="The infusion has not ended.", remedy="Record the end of the infusion."
    )
    too_long = facts(happened("infusion_start", at(12)), now=at(13))  # a warning alone lets nobody go home
    assert "T-11" in [each.code for each in release_blockers(too_long, day_lines(too_long))]


@pytest.mark.parametrize("day", [facts(), facts(*given(start=at(12), end=at(12, 35)), now=at(13))])
def test_without_a_running_infusion_its_end_is_not_asked_for_again(day: DayFacts) -> None:
    lines = tuple(line for line in day_lines(day) if line.id != "T-11")
    assert "T-11" not in [each.code for each in release_blockers(day, lines)]


def test_a_step_without_a_remedy_of_its_own_asks_for_its_record() -> None:
    line = DayLine(id="X", name="A step", state=StepState.DUE, sentence="Not done.", for_start=True)
    (told,) = start_blockers(facts(), (line,))
    assert told == Blocker(code="X", sentence="A step: Not done.", remedy="Complete this step and record it.")


# --- How long it ran ---------------------------------------------------------------------------------


def test_what_has_no_offset_of_its_own_is_counted_by_the_clock_of_the_world() -> None:
    away = timezone(timedelta(hours=9))
    run = Running(
        started=at(11),
        ended=None,
        paused=None,
        pauses=((at(11, 10), at(11, 20)),),
        now=at(13),
    )
    assert run.ran(begin=at(11, 15).astimezone(away), end=at(12).astimezone(away)) == timedelta(minutes=40)


def test_nothing_ran_later_than_now_whatever_is_asked() -> None:
    run = Running(started=at(11), ended=None, paused=None, pauses=(), now=at(12))
    assert run.ran(end=at(15)) == timedelta(hours=1)
    assert replace(run, ended=at(13)).ran(end=at(15)) == timedelta(hours=1)


def test_a_span_is_added_in_utc() -> None:
    later = after(at(12), timedelta(hours=1))
    assert (later, later.tzinfo) == (at(13), UTC)


def test_an_answer_of_before_midnight_on_the_clinics_clock_is_of_another_day() -> None:
    asked = happened("allergy", at(23, 30), finding="none")
    late = facts(asked, now=at(0, 30, day=date(2026, 5, 5)))
    assert line(late, "ALLERGY").sentence == "Last asked about at 23:30, on another day."


def test_a_wrong_product_code_is_told_with_every_right_one() -> None:
    day = facts()
    both = replace(day.rules.dispensing, product_codes=("69488-003-01", "69488-003-70"))
    scanned = happened("unit_scanned", at(11, 50), label="U-1", product_code="69488-010-61")
    found = facts(scanned, rules=replace(day.rules, dispensing=both))
    assert "(69488-003-01, 69488-003-70)" in line(found, "UNIT").sentence


def test_every_instant_of_what_ran_is_told_in_utc() -> None:
    away = timezone(timedelta(hours=9))
    steps = (
        happened("infusion_start", at(12).astimezone(away)),
        happened("infusion_paused", at(12, 5).astimezone(away)),
        happened("infusion_resumed", at(12, 9).astimezone(away)),
        happened("infusion_paused", at(12, 20).astimezone(away)),
    )
    run = infusion(facts(*steps, now=at(12, 30).astimezone(away)))
    instants = [run.started, run.paused, run.now, *run.pauses[0]]
    assert instants == [at(12), at(12, 20), at(12, 30), at(12, 5), at(12, 9)]
    assert all(each is not None and each.tzinfo is UTC for each in instants)
    ended = infusion(
        facts(
            happened("infusion_start", at(12)),
            happened("infusion_end", at(12, 30).astimezone(away)),
            now=at(13),
        )
    )
    assert ended.ended is not None
    assert ended.ended.tzinfo is UTC


def test_interruptions_of_the_infusion_are_its_own_and_not_those_of_the_amino_acids() -> None:
    day = facts(
        happened("amino_paused", at(12, 1)),
        happened("amino_resumed", at(12, 2)),
        happened("infusion_start", at(12)),
        happened("infusion_paused", at(12, 5)),
        happened("infusion_resumed", at(12, 9)),
        now=at(12, 30),
    )
    assert infusion(day).pauses == ((at(12, 5), at(12, 9)),)
    assert amino_acids(day).pauses == ((at(12, 1), at(12, 2)),)


def test_what_was_started_anew_after_an_end_counts_from_the_new_start() -> None:
    day = facts(
        *given(start=at(12), end=at(12, 10)),
        happened("infusion_paused", at(12, 12)),  # of nothing that runs
        happened("infusion_start", at(12, 20)),
        happened("infusion_resumed", at(12, 22)),  # of nothing that was interrupted
        now=at(12, 30),
    )
    run = infusion(day)
    assert (run.started, run.ended, run.paused, run.pauses) == (at(12, 20), None, None, ())


def test_a_second_start_of_what_runs_is_no_new_start_and_ends_an_interruption() -> None:
    day = facts(
        happened("infusion_start", at(12)),
        happened("infusion_start", at(12, 2)),
        happened("infusion_paused", at(12, 5)),
        happened("infusion_paused", at(12, 6)),
        happened("infusion_start", at(12, 9)),
        now=at(12, 30),
    )
    run = infusion(day)
    assert (run.started, run.paused, run.pauses) == (at(12), None, ((at(12, 5), at(12, 9)),))


def test_what_was_recorded_before_the_first_start_is_passed_over() -> None:
    day = facts(
        happened("infusion_end", at(11, 50)),
        happened("infusion_paused", at(11, 55)),
        happened("infusion_start", at(12)),
        now=at(12, 30),
    )
    assert infusion(day).started == at(12)


# --- Predictions -------------------------------------------------------------------------------------


def test_a_prediction_says_for_when_and_in_words() -> None:
    told = found("7.4")
    assert (told.at, told.fit) == (AT, Fit.FITS)
    assert told.sentence == "7.4 GBq (200 mCi) at the planned start; it fits the directed 7.4 GBq (200 mCi)."


@pytest.mark.parametrize(
    ("gbq", "directed", "sentence"),
    [
        (
            "6",
            "7.4",
            "6 GBq (162.2 mCi) at the planned start, 18.9 % less than the directed 7.4 GBq (200 mCi): too "
            "little. Ask for an earlier start or another vial.",
        ),
        (
            "7.4",
            "3.7",
            "7.4 GBq (200 mCi) at the planned start, 100 % more than the directed 3.7 GBq (100 mCi): too "
            "much as a whole. Draw the part that is directed.",
        ),
        (
            "7.4",
            None,
            "7.4 GBq (200 mCi) at the planned start; no directive holds that it could be compared with.",
        ),
    ],
)
def test_what_does_not_fit_is_told_with_what_to_do(gbq: str, directed: str | None, sentence: str) -> None:
    assert found(gbq, directed=directed).sentence == sentence


def test_an_expired_one_is_told_whatever_it_holds() -> None:
    assert found("7.4", hours=73).sentence == (
        "Expired by the planned start: it must not be given. Book another vial or another day."
    )


def test_a_table_of_decay_ends_with_its_last_instant_once() -> None:
    measured = Measured(gbq=Decimal("7.4"), at=AT)
    until = AT + timedelta(hours=48)
    rows = decay_table(measured, until=until, half_life=timedelta(hours=48), every=timedelta(hours=24))
    assert [at for at, _ in rows] == [AT, AT + timedelta(hours=24), until]
    assert rows[0][1] == Decimal("7.4")
    assert abs(rows[-1][1] - Decimal("3.7")) < Decimal("0.0000001")


# --- Ledger ------------------------------------------------------------------------------------------


def entry(ref: str, gbq: str | None, **about: object) -> Entry:
    usual: dict[str, object] = {"kind": EntryKind.PRIOR, "on": date(2021, 5, 4), "hospital": "St. Anna"}
    return Entry(ref=ref, activity_gbq=None if gbq is None else Decimal(gbq), **(usual | about))  # type: ignore[arg-type]


def test_several_cycles_of_one_course_are_added_and_an_unknown_activity_adds_nothing() -> None:
    here = {"kind": EntryKind.ADMINISTRATION, "course": "a", "hospital": ""}
    totals = add_up(
        [entry("1", "7.4", **here), entry("2", "3.7", **here), entry("3", None, **(here | {"course": "b"}))]
    )
    assert totals.by_course == {"a": Decimal("11.1"), "b": Decimal(0)}
    assert isinstance(totals.by_course["b"], Decimal)


def test_a_ledger_without_entries_comes_to_a_decimal_nothing() -> None:
    totals = add_up([])
    assert (str(totals.total_gbq), str(totals.elsewhere_gbq), str(totals.deviations_gbq)) == ("0", "0", "0")
    assert isinstance(totals.total_gbq, Decimal)


def test_reports_whose_day_activity_or_hospital_nobody_knows_are_never_the_same() -> None:
    for unknown in ({"on": None}, {"hospital": ""}):
        twice = [entry("1", "7.4", **unknown), entry("2", "7.4", **unknown)]
        assert add_up(twice).doubles == frozenset()
    assert add_up([entry("1", None), entry("2", None)]).doubles == frozenset()


def test_a_report_that_cannot_be_compared_keeps_none_after_it_from_being_compared() -> None:
    rows = [entry("1", None), entry("2", "7.4"), entry("3", "7.4")]
    assert add_up(rows).doubles == {"3"}


def test_the_same_hospital_in_another_spelling_is_the_same_and_joined_words_are_not() -> None:
    spelled = [entry("1", "7.4", hospital="St.  Anna "), entry("2", "7.4", hospital="st. anna")]
    assert add_up(spelled).doubles == {"2"}
    joined = [entry("1", "7.4", hospital="St. Anna"), entry("2", "7.4", hospital="St.XX XXAnna")]
    assert add_up(joined).doubles == frozenset()


def test_absorbed_doses_are_added_for_each_organ_with_the_root_of_the_squares() -> None:
    doses = [
        Absorbed(ref="1", organ="kidneys", gy=Decimal(4), uncertainty_gy=Decimal(3)),
        Absorbed(ref="2", organ="kidneys", gy=Decimal(5), uncertainty_gy=Decimal(4)),
        Absorbed(ref="3", organ="marrow", gy=Decimal("0.1")),
    ]
    kidneys, marrow, liver = add_doses(
        doses, limits={"kidneys": Decimal(23), "marrow": Decimal(2), "liver": None}
    )
    assert (kidneys.organ, kidneys.total_gy, kidneys.uncertainty_gy) == ("kidneys", 9, Decimal("5.00"))
    assert (marrow.organ, marrow.total_gy, marrow.uncertainty_gy) == ("marrow", Decimal("0.1"), None)
    assert (liver.organ, liver.entered, str(liver.total_gy)) == ("liver", 0, "0")
    assert isinstance(liver.total_gy, Decimal)


def test_the_root_has_more_digits_than_are_shown() -> None:
    many = [
        Absorbed(ref=str(n), organ="kidneys", gy=Decimal(1), uncertainty_gy=Decimal("1234567890123456.25"))
        for n in range(4)
    ]
    (kidneys,) = add_doses(many, limits={"kidneys": None})
    assert kidneys.uncertainty_gy == Decimal("2469135780246912.50")


def test_a_later_instant_is_told_in_utc_whatever_zone_it_was_counted_from() -> None:
    berlin = timezone(timedelta(hours=2))
    later = after(datetime(2026, 5, 4, 10, 0, tzinfo=berlin), timedelta(minutes=30))
    assert later == datetime(2026, 5, 4, 8, 30, tzinfo=UTC)
    assert later.tzinfo is UTC
