"""What is asked for where a result could not be judged: a repeat, a correction, a limit, another baseline."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from courses import library
from courses.rules.derived import Case
from courses.rules.evidence import read_history
from courses.rules.facts import Support, SupportKind
from courses.rules.recommend import recommend
from courses.rules.required import lab_lack, unknown_lacks, weight_lacks
from courses.rules.schedule import Dates, dates_of
from courses.rules.support import mark_supported
from courses.rules.toxicity import follow
from courses.rules.values import Chart, Measurement, Recommendation, Status, Weight
from tests.strategies import BASELINE_DAY, chart, draw_day, last_day, measurement, panel

PROTOCOL = library.protocol("lutathera_us_2024_04")
TODAY = draw_day()
EARLIER = TODAY - timedelta(days=10)
DAYS_BEFORE = TODAY - timedelta(days=3)  # still valid on the planned day
MARK = ", or have two people mark the result it belongs to as not representative"


def judge(*draws: Measurement, baseline: tuple[Measurement, ...] = ()) -> Recommendation:
    """Later draws beside the normal baseline, some of whose results are replaced."""
    found = chart(draws=draws)
    replaced = {m.analyte for m in baseline}
    kept = [m for m in found.measurements if m.collected_on != BASELINE_DAY or m.analyte not in replaced]
    found = replace(found, measurements=(*kept, *baseline))
    return recommend(chart=found, protocol=PROTOCOL, today=draw_day())


def cures(answer: Recommendation) -> list[tuple[str, str]]:
    return [(gap.item, gap.resolve) for gap in answer.missing]


def without(draws: tuple[Measurement, ...], analyte: str) -> tuple[Measurement, ...]:
    return tuple(m for m in draws if m.analyte != analyte)


def bounded(analyte: str, value: str, day: date) -> Measurement:
    return measurement(analyte, value, day, comparator="<")


def test_the_newest_result_within_bounds_is_repeated_and_an_older_one_corrected() -> None:
    newest = judge(*without(panel(draw_day()), "PLT"), bounded("PLT", "100", draw_day()))
    assert cures(newest) == [
        ("PLT", "repeat Platelets so that it gives a number, or have the laboratory correct it")
    ]
    older = judge(bounded("PLT", "100", EARLIER), *panel(draw_day()))
    correct = "have the laboratory correct Platelets of 17 April 2026 so that it gives a number"
    assert cures(older) == [("PLT", correct + MARK)]


def test_a_limit_that_did_not_come_is_asked_for_of_its_day() -> None:
    older = replace(measurement("BILI", "70", EARLIER), high=None)
    wanted = "ask the laboratory for the upper limit of normal of Bilirubin, total of 17 April 2026"
    assert cures(judge(older, *panel(draw_day()))) == [("BILI", wanted)]
    unneeded = replace(measurement("BILI", "70", EARLIER), low=None)
    assert cures(judge(unneeded, *panel(draw_day()))) == []


def test_a_result_both_too_old_and_within_bounds_is_asked_for_as_both() -> None:
    day = draw_day() - timedelta(days=14)
    answer = judge(*without(panel(draw_day()), "PLT"), bounded("PLT", "100", day))
    assert [(gap.item, gap.rule) for gap in answer.missing] == [("PLT", "EV-STALE"), ("PLT", "EV-UNUSABLE")]


def test_every_count_that_would_explain_a_leukopenia_is_asked_for() -> None:
    draws = (*without(panel(draw_day()), "ANC"), measurement("WBC", "1.5", draw_day()))
    assert {gap.item for gap in judge(*draws).missing} == {"ANC", "LYMPH"}


def test_a_creatinine_without_a_weight_of_its_time_says_within_how_many_days() -> None:
    draws = (measurement("CREAT", "90", last_day() + timedelta(days=5)), *without(panel(draw_day()), "CREAT"))
    weights = tuple(Weight(on=day, kg=Decimal(72)) for day in (BASELINE_DAY, draw_day()))
    answer = recommend(chart=chart(draws=draws, weights=weights), protocol=PROTOCOL, today=draw_day())
    (gap,) = [gap for gap in answer.missing if gap.item == "weight"]
    assert gap.why == "none within 28 days of the creatinine (DM-REN)"


# ---------------------------------------- which of the two is at fault: the result or its baseline

BASELINE_CURE = (
    "have the laboratory correct Creatinine of 5 January 2026, the baseline, so that it gives a number, or "
    "record another result collected before cycle 1 as the baseline"
)
REPEAT = "repeat {} so that it gives a number, or have the laboratory correct it"


@pytest.mark.parametrize(
    ("newest", "baseline", "cure"),
    [
        (measurement("CREAT", "80", draw_day()), bounded("CREAT", "70", BASELINE_DAY), BASELINE_CURE),
        (bounded("CREAT", "110", draw_day()), bounded("CREAT", "70", BASELINE_DAY), REPEAT),
        (bounded("CREAT", "110", draw_day()), measurement("CREAT", "70", BASELINE_DAY), REPEAT),
    ],
)
def test_a_baseline_within_bounds_is_at_fault_only_where_the_result_itself_is_a_number(
    newest: Measurement, baseline: Measurement, cure: str
) -> None:
    answer = judge(*without(panel(draw_day()), "CREAT"), newest, baseline=(baseline,))
    assert {item: text for item, text in cures(answer)} == {"CREAT": cure.format("Creatinine")}


@pytest.mark.parametrize("usual", [(), (measurement("CA", "2.3", BASELINE_DAY),)])
def test_a_calcium_corrected_by_an_albumin_within_bounds_blames_no_baseline(usual) -> None:
    draws = (
        *without(panel(draw_day()), "ALB"),
        bounded("ALB", "42", draw_day()),
        measurement("CA", "2.9", draw_day()),
        measurement("PTR", "95", draw_day()),
    )
    answer = judge(*usual, *draws)
    told = " ".join(reason.sentence for reason in answer.reasons)
    assert "baseline" not in told
    assert "the result is known only within bounds, and its two ends differ in what they ask for" in told


def test_an_enzyme_without_its_limit_is_asked_for_it_whatever_its_baseline() -> None:
    bare = replace(measurement("ALT", "200", draw_day()), high=None)
    answer = judge(*without(panel(draw_day()), "ALT"), bare, baseline=(bounded("ALT", "20", BASELINE_DAY),))
    assert cures(answer) == [
        ("ALT", "ask the laboratory for the upper limit of normal of Alanine aminotransferase (ALT)")
    ]


@pytest.mark.parametrize(
    ("kind", "days_after_draw", "first"),
    [
        # A week after platelets, and platelets alone; otherwise as long as it is valid on the planned day.
        (SupportKind.PLATELETS, 1, "6 May 2026"),
        (SupportKind.PLATELETS, -14, "21 April 2026"),
        (SupportKind.PLATELETS, -15, "20 April 2026"),
        (SupportKind.RED_CELLS, 1, "20 April 2026"),
    ],
)
def test_a_missing_result_is_asked_for_from_the_first_day_on_which_it_can_serve(
    kind: SupportKind, days_after_draw: int, first: str
) -> None:
    given = (Support(kind=kind, on=draw_day() + timedelta(days=days_after_draw)),)
    found = chart(draws=without(panel(draw_day()), "PLT"), support=given)
    answer = recommend(chart=found, protocol=PROTOCOL, today=draw_day() + timedelta(days=2))
    assert cures(answer) == [("PLT", f"collect Platelets, not before {first}")]


# ---------------------------------------- why there is no usable result, and no usable weight


def case_of(found: Chart, today: date) -> tuple[Case, Dates]:
    """A chart and its calendar as they are judged on a day."""
    dates = dates_of(chart=found, protocol=PROTOCOL, today=today)
    history = mark_supported(read_history(found), chart=found, protocol=PROTOCOL)
    return Case(chart=found, history=history, protocol=PROTOCOL, today=today), dates


def platelets_lack(found: Chart, today: date = TODAY) -> tuple[str, str, list[str]]:
    """The rule, the reason and the evidence of the platelets that cannot be used."""
    case, dates = case_of(found, today)
    row = PROTOCOL.lab("PLT")
    assert row is not None
    lack = lab_lack(row, case=case, dates=dates)
    assert lack is not None
    return lack.gap.rule, lack.gap.why, [item.value for item in lack.evidence]


def preliminary(analyte: str, value: str, day: date) -> Measurement:
    return measurement(analyte, value, day, status=Status.PRELIMINARY)


def test_a_doubtful_result_of_another_analyte_is_none_of_the_missing_one() -> None:
    found = chart(draws=(preliminary("ANC", "3.5", draw_day()),))
    why = "no usable result since cycle 2 of 9 March 2026, and it must not be older than 14 days"
    assert platelets_lack(found) == ("EV-MISSING", why, [])


def test_a_doubtful_result_from_before_the_last_cycle_is_none_after_it() -> None:
    early = preliminary("PLT", "60", last_day() - timedelta(days=2))
    found = chart(draws=(early,), planned_on=last_day() + timedelta(days=7))
    why = "no usable result since cycle 2 of 9 March 2026, and it must not be older than 14 days"
    assert platelets_lack(found, last_day() + timedelta(days=3)) == ("EV-MISSING", why, [])


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_doubtful_results_the_newest_is_named(order: int) -> None:
    draws = (preliminary("PLT", "60", DAYS_BEFORE), preliminary("PLT", "70", draw_day()))
    why = "Platelets 70 ×10^9/L on 27 April 2026 cannot be used: it is preliminary"
    assert platelets_lack(chart(draws=draws[::order])) == ("EV-UNUSABLE", why, ["70"])


def test_a_doubtful_result_is_named_before_an_older_one_under_a_transfusion() -> None:
    given = (Support(kind=SupportKind.PLATELETS, on=DAYS_BEFORE - timedelta(days=1)),)
    draws = (measurement("PLT", "60", DAYS_BEFORE), preliminary("PLT", "70", draw_day()))
    why = "Platelets 70 ×10^9/L on 27 April 2026 cannot be used: it is preliminary"
    assert platelets_lack(chart(draws=draws, support=given)) == ("EV-UNUSABLE", why, ["70"])


def test_a_result_too_old_for_the_day_of_treatment_says_until_when_it_could_be_used() -> None:
    found = chart(draws=(measurement("PLT", "220", date(2026, 4, 19)),))
    why = "the newest result, of 19 April 2026, could be used until 3 May 2026"
    assert platelets_lack(found) == ("EV-STALE", why, ["220"])


@pytest.mark.parametrize(
    ("weighed", "whys"),
    [
        ((), ["no body weight is recorded"]),
        ((date(2026, 4, 6),), []),
        (
            (date(2026, 1, 5), date(2026, 4, 5)),
            ["the newest body weight, of 5 April 2026, could be used until 3 May 2026"],
        ),
    ],
)
def test_a_weight_that_is_missing_or_too_old_says_so(weighed: tuple[date, ...], whys: list[str]) -> None:
    weights = tuple(Weight(on=day, kg=Decimal(72)) for day in weighed)
    case, dates = case_of(chart(weights=weights), draw_day())
    lacks = list(weight_lacks(case=case, dates=dates))
    assert [lack.gap.why for lack in lacks] == whys
    assert all(
        (lack.name, lack.gap.rule, lack.gap.item) == ("Body weight", "EV-WEIGHT", "weight") for lack in lacks
    )


def test_what_a_family_that_never_acts_does_not_know_hides_nothing_of_the_others() -> None:
    draws = tuple(bounded(short, value, draw_day()) for short, value in (("LYMPH", "0.9"), ("PLT", "100")))
    case, dates = case_of(chart(draws=draws), draw_day())
    unknowns = follow(case).unknowns
    assert {unknown.track.family.id for unknown in unknowns} == {"DM-PLT", "DM-LYM"}
    for order in (unknowns, unknowns[::-1]):
        lacks = list(unknown_lacks(unknowns=order, case=case, dates=dates))
        assert [(lack.gap.item, lack.gap.rule) for lack in lacks] == [("PLT", "EV-UNUSABLE")]
