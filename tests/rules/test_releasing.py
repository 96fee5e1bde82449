"""What would release a cycle: applying what is printed really releases it, and not a day earlier."""

import re
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from courses import library
from courses.rules.derived import Case
from courses.rules.evidence import read_history
from courses.rules.explaining import with_release
from courses.rules.facts import Support, SupportKind
from courses.rules.protocol import Protocol
from courses.rules.recommend import recommend
from courses.rules.releasing import (
    STOP_IS_FINAL,
    earliest_day,
    released_by_evidence,
    released_by_results,
)
from courses.rules.schedule import dates_of
from courses.rules.support import mark_supported
from courses.rules.toxicity import follow
from courses.rules.values import (
    Action,
    AdverseEvent,
    Chart,
    Measurement,
    Reason,
    Recommendation,
    Weight,
)
from courses.situation import assess
from tests.case_reader import EXTRA_PROTOCOLS, read_cases, situation
from tests.strategies import FIRST, chart, draw_day, last_day, measurement, panel

CASES = [case for case in read_cases() if "error" not in case["expect"]]
PROTOCOL = library.protocol("lutathera_us_2024_04")
EMA = library.protocol("lutathera_ema_2024")
TODAY = draw_day() + timedelta(days=2)
PLANNED = draw_day() + timedelta(days=7)
ONE_TOXICITY = {
    "PLT": ("74.9", "60", "20"),
    "ANC": ("0.9995", "0.4"),
    "HGB": ("79.9", "60"),
    "CREAT": ("141", "300"),
    "BILI": ("63.1", "230"),
    "ALT": ("175.5", "800"),
    "AST": ("176", "800"),
}


def judge(found: Chart, today: date = TODAY) -> Recommendation:
    return recommend(chart=found, protocol=PROTOCOL, today=today)


def delaying(answer: Recommendation) -> Reason:
    (reason,) = [reason for reason in answer.reasons if reason.action is Action.DELAY]
    return reason


def day_of(release: str) -> date:
    """The day that a release names."""
    words = re.search(r"on or after (\d+) (\w+) (\d{4})", release)
    assert words is not None
    months = ["January", "February", "March", "April", "May", "June", "July", "August"]
    return date(int(words[3]), months.index(words[2]) + 1, int(words[1]))


def value_of(release: str) -> str:
    """The value at the edge that a release names: in brackets, where it is a multiple of something."""
    words = re.search(r"\(([\d.]+) \S+\) or|([\d.]+) \S+ or", release)
    assert words is not None
    return words[1] or words[2]


def planned(found: Chart, on: date, draws: tuple) -> Chart:
    """The same chart with further draws, weighed on their day, and planned for a day."""
    weights = tuple(Weight(on=m.collected_on, kg=Decimal(72)) for m in draws)
    measurements = (*found.measurements, *draws)
    return replace(found, measurements=measurements, weights=(*found.weights, *weights), planned_on=on)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(ONE_TOXICITY)), st.data(), st.integers(0, 30))
def test_a_result_at_the_printed_value_on_the_printed_day_releases_the_cycle(short, data, late) -> None:
    found = chart(draws=panel(draw_day(), **{short: data.draw(st.sampled_from(ONE_TOXICITY[short]))}))
    today = TODAY + timedelta(days=late)
    reason = next(reason for reason in judge(found, today).reasons if reason.action is Action.DELAY)
    collected = day_of(reason.release)
    assert reason.release_on == max(collected, today)
    on = max(collected, today, PLANNED)
    after = judge(planned(found, on, panel(collected, **{short: value_of(reason.release)})), today=on)
    others = [r for r in after.reasons if r.action > Action.REDUCE and r.rule != reason.rule]
    assert after.action is Action.REDUCE or others, after.reasons


@pytest.mark.parametrize("short", sorted(ONE_TOXICITY))
def test_a_value_on_the_wrong_side_of_the_printed_one_releases_nothing(short: str) -> None:
    found = chart(draws=panel(draw_day(), **{short: ONE_TOXICITY[short][0]}))
    reason = next(reason for reason in judge(found).reasons if reason.action is Action.DELAY)
    step = Decimal("-0.0001") if " or more" in reason.release.split(",")[0] else Decimal("0.0001")
    worse = str(Decimal(value_of(reason.release)) + step)
    collected = day_of(reason.release)
    draws = panel(collected, **{short: worse})
    assert not judge(planned(found, PLANNED, draws)).action.is_go


def test_a_specimen_must_be_newer_than_the_one_that_delays_and_still_valid_on_the_day() -> None:
    found = chart(draws=panel(draw_day(), PLT="60"))
    near = delaying(judge(found))
    assert day_of(near.release) == draw_day() + timedelta(days=1)
    far = delaying(judge(replace(found, planned_on=draw_day() + timedelta(days=40))))
    assert day_of(far.release) == draw_day() + timedelta(days=40 - 14)
    assert far.release_on == day_of(far.release)


def test_the_days_after_a_transfusion_are_waited_for() -> None:
    given_on = TODAY - timedelta(days=1)
    platelets = (Support(kind=SupportKind.PLATELETS, on=given_on),)
    found = chart(draws=panel(draw_day(), PLT="60"), support=platelets)
    assert day_of(delaying(judge(found)).release) == given_on + timedelta(days=8)
    # Red cells do not raise platelets.
    cells = replace(found, support=(Support(kind=SupportKind.RED_CELLS, on=given_on),))
    assert day_of(delaying(judge(cells)).release) == draw_day() + timedelta(days=1)


def test_a_go_needs_no_release() -> None:
    found = judge(chart(draws=panel(draw_day())))
    assert (found.action, found.release, found.release_on) == (Action.PROCEED, (), None)


def test_nothing_releases_a_stop_but_a_rescission() -> None:
    event = AdverseEvent(term="Anaphylaxis", grade=3, began_on=last_day() + timedelta(days=1))
    found = judge(chart(draws=panel(draw_day(), PLT="60"), adverse_events=(event,)))
    assert found.action is Action.STOP
    assert (found.release, found.release_on) == ((STOP_IS_FINAL,), None)


def test_the_end_of_an_event_releases_what_it_delays() -> None:
    event = AdverseEvent(term="Nausea", grade=3, began_on=last_day() + timedelta(days=1))
    found = chart(draws=panel(draw_day()), adverse_events=(event,))
    reason = delaying(judge(found))
    assert reason.release == "record the day on which Nausea ended or became grade 2 or milder"
    assert reason.release_on == TODAY
    ended = replace(found, adverse_events=(replace(event, ended_on=TODAY),))
    assert judge(ended).action is Action.REDUCE


def test_each_missing_thing_has_one_act_and_the_same_acts_are_told_together() -> None:
    drawn = tuple(m for m in panel(draw_day()) if m.analyte not in ("PLT", "ANC"))
    found = judge(chart(draws=drawn, sex=None))
    assert "collect Platelets, Neutrophils, not before 20 April 2026" in found.release[0]
    assert "record the sex the formula needs" in found.release[0]
    assert found.release_on == TODAY


def test_before_the_window_its_first_day_releases() -> None:
    first = last_day() + timedelta(days=49)
    drawn = panel(first - timedelta(days=4))
    found = judge(chart(draws=drawn, planned_on=first - timedelta(days=1)), today=first - timedelta(days=3))
    assert (found.action, found.release_on) == (Action.DELAY, first)
    assert found.release == ("plan the cycle for 27 April 2026 to 11 May 2026",)


def test_too_young_a_patient_waits_for_the_birthday() -> None:
    found = chart(given=0, draws=panel(FIRST), birth_date=FIRST.replace(year=FIRST.year - 12, month=6))
    answer = recommend(chart=replace(found, planned_on=None), protocol=PROTOCOL, today=FIRST)
    reason = next(reason for reason in answer.reasons if reason.rule == "ELIG-AGE")
    assert reason.release_on == FIRST.replace(month=6)
    assert "12 years old on 12 June 2026" in reason.release


def test_a_floor_before_the_first_cycle_says_what_releases_it() -> None:
    found = chart(given=0, draws=panel(FIRST, PLT="74.9"))
    answer = recommend(chart=replace(found, planned_on=None), protocol=PROTOCOL, today=FIRST)
    reason = delaying(answer)
    assert reason.release.startswith("Platelets 75 ×10^9/L or more, in a final result")
    later = FIRST + timedelta(days=1)
    drawn = replace(found, measurements=(*found.measurements, *panel(later, PLT="75")), planned_on=later)
    drawn = replace(drawn, weights=(Weight(on=later, kg=Decimal(72)),))
    assert recommend(chart=drawn, protocol=PROTOCOL, today=later).action is Action.PROCEED


def test_no_day_is_told_once_the_limit_of_the_delay_leaves_none() -> None:
    found = chart(draws=panel(draw_day(), PLT="60"))
    stops_on = judge(found).stops_on
    assert stops_on is not None
    eve = stops_on - timedelta(days=1)
    drawn = planned(found, eve, panel(eve, PLT="60"))
    answer = judge(drawn, today=eve)
    assert (answer.action, answer.release_on) == (Action.DELAY, None)
    day_before = eve - timedelta(days=1)
    drawn = planned(found, day_before, panel(day_before, PLT="60"))
    assert judge(drawn, today=day_before).release_on == eve


def test_where_two_draws_are_wanted_the_earlier_one_is_waited_for() -> None:
    found = chart(draws=())
    planned_on = found.planned_on
    assert planned_on is not None
    late = planned_on - timedelta(days=3)
    undrawn = recommend(chart=found, protocol=EMA, today=late)
    assert undrawn.release_on == late + timedelta(days=14)
    early = tuple(
        measurement(short, value, planned_on - timedelta(days=16))
        for short, value in {"WBC": "6.0", "K": "4.2"}.items()
    )
    drawn = replace(
        found, measurements=(*found.measurements, *panel(planned_on - timedelta(days=16)), *early)
    )
    assert recommend(chart=drawn, protocol=EMA, today=late).release_on == planned_on - timedelta(days=2)
    assert recommend(chart=drawn, protocol=EMA, today=planned_on).release_on == planned_on


def test_without_a_day_of_judging_no_day_is_told() -> None:
    found = chart(draws=panel(draw_day(), PLT="60"))
    case = Case(chart=found, history=read_history(found), protocol=PROTOCOL)
    (episode,) = follow(case).episodes
    reason = Reason(rule="DM-PLT", action=Action.DELAY, sentence="", threshold="", source="")
    assert with_release(reason, episode, case) == reason
    assert released_by_results(reason, [], [], TODAY, case) == reason


@pytest.mark.parametrize(
    "act",
    [
        "weigh the patient",
        "record the Body weight",
        # Where two draws are wanted the act names its thing twice.
        "record the Body weight of this week; and record the Body weight of the next one",
        "record the Body weight as {thing}",
    ],
)
def test_the_one_act_that_ends_a_hold_is_told_word_for_word(act: str) -> None:
    reason = Reason(rule="EV-WEIGHT", action=Action.HOLD, sentence="", threshold="", source="")
    found = released_by_evidence(reason, [("Body weight", act)], TODAY)
    assert (found.release, found.release_on) == (act, TODAY)


def test_without_a_text_or_a_day_no_release_by_results_is_told() -> None:
    found = chart(draws=panel(draw_day()))
    dated = Case(chart=found, history=read_history(found), protocol=PROTOCOL, today=TODAY, judged_for=PLANNED)
    reason = Reason(rule="DM-PLT", action=Action.DELAY, sentence="", threshold="", source="")
    told = released_by_results(reason, ["Platelets 75 or more"], ["PLT"], draw_day(), dated)
    assert told.release == "Platelets 75 or more, in a final result collected on or after 28 April 2026"
    for needs, case in [
        ([], dated),
        (["Platelets 75 or more"], replace(dated, today=None)),
        (["Platelets 75 or more"], replace(dated, judged_for=None)),
    ]:
        assert released_by_results(reason, needs, ["PLT"], draw_day(), case) == reason


def test_what_is_needed_together_is_numbered_and_what_is_enough_alone_stands_behind_either() -> None:
    low = {"ALB": "28", "PTR": "60"}
    draws = (*panel(draw_day(), **low), measurement("PTR", "60", draw_day()))
    assert delaying(judge(chart(draws=draws))).release == (
        "all of these, in final results collected on or after 28 April 2026: "
        "(1) Albumin either at least the lower limit of normal (35 g/L) or at least 0.9 × the baseline "
        "(37.8 g/L); (2) Prothrombin ratio at least the lower limit of normal (70 %); "
        "(3) either Albumin at least 30 g/L or Prothrombin ratio at least 70 %"
    )
    before = replace(chart(given=0, draws=draws), planned_on=None)
    floor = recommend(chart=before, protocol=PROTOCOL, today=TODAY)
    assert delaying(floor).release.startswith(
        "either Albumin at least 30 g/L or Prothrombin ratio at least 70 %, in a final result"
    )


AND, OR = re.compile(r"\band\b"), re.compile(r"\bor\b(?! (more|less|after|milder)\b)")


@pytest.mark.parametrize("case", CASES, ids=[f"{case['file']}: {case['name']}" for case in CASES])
def test_no_line_of_release_joins_by_and_beside_or_without_saying_what_belongs_together(case) -> None:
    """Where both words stand in one part of a line, `either` or `both` says how far each reaches."""
    for line in assess(situation(case), extra=EXTRA_PROTOCOLS)["release"]:
        for part in re.split(r"; |: |\(\d\) ", line):
            if AND.search(part) and OR.search(part):
                assert re.search(r"\b(either|both)\b", part), line


def test_things_that_need_the_same_act_are_named_together_once() -> None:
    reason = Reason(rule="EV-MISSING", action=Action.HOLD, sentence="", threshold="", source="")
    acts = [
        ("Platelets", "collect Platelets, not before 20 April 2026"),
        ("Sex", "record the sex the formula needs"),
        ("Neutrophils", "collect Neutrophils, not before 20 April 2026"),
        ("Platelets", "collect Platelets, not before 20 April 2026"),
    ]
    assert released_by_evidence(reason, acts, TODAY).release == (
        "collect Platelets, Neutrophils, not before 20 April 2026; record the sex the formula needs"
    )


# ---------------------------------------- the first day on which the cycle could be given


def blocking(action: Action, release_on: date | None) -> Reason:
    return Reason(rule="DM-PLT", action=action, sentence="", threshold="", source="", release_on=release_on)


def earliest(
    *reasons: Reason,
    draws: tuple[Measurement, ...] = (),
    support: tuple[Support, ...] = (),
    protocol: Protocol = PROTOCOL,
    today: date = TODAY,
) -> date | None:
    """The first day on which a cycle could be given that these reasons keep back."""
    found = chart(draws=draws, support=support)
    history = mark_supported(read_history(found), chart=found, protocol=protocol)
    case = Case(chart=found, history=history, protocol=protocol, today=today)
    dates = dates_of(chart=found, protocol=protocol, today=today)
    return earliest_day(reasons, case=case, dates=dates, stops_on=None, today=today)


def test_the_last_of_the_reasons_to_end_says_the_day() -> None:
    soon, late = TODAY + timedelta(days=3), TODAY + timedelta(days=9)
    assert earliest(blocking(Action.HOLD, soon), blocking(Action.DELAY, late)) == late
    assert earliest(blocking(Action.DELAY, late), blocking(Action.HOLD, soon)) == late
    assert earliest(blocking(Action.HOLD, TODAY - timedelta(days=3))) == TODAY


def test_no_day_is_told_where_one_reason_knows_none_or_where_one_is_a_stop() -> None:
    known, unknown = blocking(Action.DELAY, TODAY), blocking(Action.HOLD, None)
    assert earliest(known) == TODAY
    stop = blocking(Action.STOP, TODAY)
    for reasons in ((unknown,), (known, unknown), (stop,), (known, stop)):
        assert earliest(*reasons) is None
    assert earliest() is None
    assert earliest(blocking(Action.REDUCE, TODAY)) is None


def test_no_day_before_the_window_is_told_whatever_ends_earlier() -> None:
    early = last_day() + timedelta(days=20)
    first = last_day() + timedelta(days=PROTOCOL.schedule.window_first_day)
    assert earliest(blocking(Action.HOLD, early), today=early) == first


LABS = {row.analyte: row for row in EMA.labs}
# Platelets alone are drawn twice; the row before them asks for no earlier draw.
TWICE = replace(EMA, labs=(replace(LABS["HGB"], earlier=None), LABS["PTR"], LABS["PLT"]))


@pytest.mark.parametrize(
    ("drawn", "wait"),
    [
        # None was drawn: one drawn today is far enough back in two weeks.
        ({}, 14),
        ({"PLT": 5}, 9),
        # From two to four weeks back an earlier draw serves today, and on no further day.
        ({"PLT": 14}, 0),
        ({"PLT": 28}, 0),
        ({"PLT": 29}, 14),
        # What another analyte shows is none of it.
        ({"HGB": 20}, 14),
        ({"HGB": 20, "PLT": 5}, 9),
    ],
)
def test_an_analyte_drawn_twice_is_waited_for_as_long_as_its_own_earlier_draw_is_too_near(
    drawn: dict[str, int], wait: int
) -> None:
    draws = tuple(measurement(short, "220", TODAY - timedelta(days=ago)) for short, ago in drawn.items())
    found = earliest(blocking(Action.HOLD, TODAY), draws=draws, protocol=TWICE)
    assert found == TODAY + timedelta(days=wait)


@pytest.mark.parametrize(("kind", "wait"), [(SupportKind.PLATELETS, 14), (SupportKind.RED_CELLS, 0)])
def test_an_earlier_draw_under_a_transfusion_does_not_serve(kind: SupportKind, wait: int) -> None:
    drawn_on = TODAY - timedelta(days=20)
    support = (Support(kind=kind, on=drawn_on - timedelta(days=1)),)
    draws = (measurement("PLT", "220", drawn_on),)
    found = earliest(blocking(Action.HOLD, TODAY), draws=draws, support=support, protocol=TWICE)
    assert found == TODAY + timedelta(days=wait)
