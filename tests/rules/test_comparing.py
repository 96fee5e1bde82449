"""A printed comparison can be made again: no display crosses its limit, distances are those displayed."""

import re
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courses import library
from courses.rules.comparing import _distance, compared_bound, compared_window, counted, opposite
from courses.rules.decimals import apart, exact_text, interval_text
from courses.rules.derived import Case, Moment
from courses.rules.evidence import read_history
from courses.rules.intervals import Interval, exactly
from courses.rules.protocol import Bound, Reference, Test
from courses.rules.schedule import dates_of
from courses.rules.values import Chart, Comparison, Purpose, Sex, Status, Weight
from tests.strategies import FIRST, chart, draw_day, measurement, panel

PROTOCOL = library.protocol("lutathera_us_2024_04")
numbers = st.fractions(min_value=0, max_value=1000, max_denominator=10**6)


def compare(
    draws: tuple, bound: Bound, *, term: str = "", purpose: Purpose = Purpose.TRIGGER, **more: Any
) -> Comparison:
    """One bound at the last draw of a chart."""
    found: Chart = chart(draws=draws, **more)
    history = read_history(found)
    case = Case(chart=found, history=history, protocol=PROTOCOL)
    samples = {s.analyte: s for s in history.decisive if history.present(s)}
    moment = Moment(day=draw_day(), interval=2, samples=samples)
    return compared_bound(bound, moment, case, term=term, purpose=purpose)


def bound(quantity: str, test: Test, limit: str, reference: Reference | None = None) -> Bound:
    return Bound(
        quantity=quantity, test=test, limit=Decimal(limit), exact=Fraction(limit), reference=reference
    )


@given(numbers, numbers)
def test_computed_numbers_are_printed_on_their_own_side(value: Fraction, limit: Fraction) -> None:
    one, other = (Fraction(text) for text in apart(exactly(value), exactly(limit), computed=True))
    assert (one < other, one > other) == (value < limit, value > limit)


@given(st.decimals(min_value=0, max_value=10_000, places=4))
def test_measured_numbers_are_printed_whole(value: Decimal) -> None:
    text, _ = apart(exactly(value), None, computed=False)
    assert Decimal(text) == value


@pytest.mark.parametrize("value", ["39.9999999", "40", "40.0000001"])
def test_a_clearance_beside_forty_stays_beside_forty(value: str) -> None:
    printed, limit = apart(exactly(Fraction(value)), exactly(Fraction(40)), computed=True)
    assert (Decimal(printed) < 40, Decimal(printed) > 40) == (Decimal(value) < 40, Decimal(value) > 40)
    assert limit == "40"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Interval(Fraction(75), Fraction(75)), "75"),
        (Interval(Fraction(0), Fraction(75), False, True), "<75"),
        (Interval(Fraction(0), Fraction(75)), "<=75"),
        (Interval(None, Fraction(75)), "<=75"),
        (Interval(Fraction(75), None, True, False), ">75"),
        (Interval(Fraction(75), None), ">=75"),
        (Interval(Fraction(60), Fraction(75)), "60 to 75"),
        (Interval(Fraction(60), Fraction(75), True, True), ">60 to <75"),
        (Interval(None, None), "not known"),
    ],
)
def test_what_is_known_within_bounds_is_printed_with_them(value: Interval, text: str) -> None:
    assert interval_text(value) == text


def test_a_number_without_an_end_is_rounded() -> None:
    assert exact_text(Fraction(1, 3)) == "0.333"
    assert exact_text(Fraction(1, 3), 1) == "0.3"


def test_both_sides_within_bounds_are_kept_apart() -> None:
    value = Interval(Fraction(1, 3), None, True, False)
    assert apart(value, exactly(Fraction(33, 100)), computed=True) == (">0.333", "0.33")
    assert apart(None, exactly(Fraction(33, 100)), computed=True) == ("not known", "0.3")


def test_the_distance_to_the_limit_and_to_the_next_grade_is_told() -> None:
    found = compare(
        panel(draw_day(), PLT="60"), bound("PLT", Test.BELOW, "75"), term="Platelet count decreased"
    )
    assert (found.met, found.to_limit) == (True, "15 ×10^9/L below 75")
    assert found.to_next_grade == "10 ×10^9/L above grade 3 (below 50)"


def test_at_the_limit_and_at_the_edge_of_a_grade_it_says_exactly() -> None:
    found = compare(
        panel(draw_day(), PLT="75"), bound("PLT", Test.BELOW, "75"), term="Platelet count decreased"
    )
    assert (found.met, found.to_limit) == (False, "exactly at 75")
    assert found.to_next_grade == "exactly at grade 2 (below 75)"


def test_beyond_the_worst_grade_there_is_no_next_one() -> None:
    found = compare(
        panel(draw_day(), PLT="20"), bound("PLT", Test.BELOW, "75"), term="Platelet count decreased"
    )
    assert found.to_next_grade == ""


def test_a_value_within_bounds_has_no_distance() -> None:
    drawn = (
        *(m for m in panel(draw_day()) if m.analyte != "PLT"),
        measurement("PLT", "75", draw_day(), comparator="<"),
    )
    found = compare(drawn, bound("PLT", Test.BELOW, "75"), term="Platelet count decreased")
    assert (found.value, found.met, found.to_limit, found.to_next_grade) == ("<75", True, "", "")


def test_a_multiple_says_what_it_is_a_multiple_of() -> None:
    found = compare(panel(draw_day()), bound("BILI", Test.ABOVE, "3", Reference.ULN))
    assert (found.limit, found.limit_from) == ("63", "3 × the upper limit of normal 21 µmol/L")
    once = compare(panel(draw_day()), bound("BILI", Test.ABOVE, "1", Reference.ULN))
    assert once.limit_from == "the upper limit of normal 21 µmol/L"


def test_a_multiple_of_something_unknown_is_unknown() -> None:
    drawn = (
        *(m for m in panel(draw_day()) if m.analyte != "BILI"),
        measurement("BILI", "30", draw_day(), high=None),
    )
    found = compare(drawn, bound("BILI", Test.ABOVE, "3", Reference.ULN))
    assert (found.limit, found.met, found.limit_from) == ("not known", None, "3 × the upper limit of normal")
    baseline = compare(
        (*panel(draw_day()), measurement("GLU", "5", draw_day())),
        bound("GLU", Test.ABOVE, "2", Reference.BASELINE),
    )
    assert (baseline.met, baseline.limit_from) == (None, "2 × the baseline")


def test_a_clearance_of_a_man_and_without_a_weight() -> None:
    clearance = bound("creatinine_clearance", Test.BELOW, "40")
    assert "(male)" in compare(panel(draw_day()), clearance, sex=Sex.MALE).value_from
    unknown = compare(panel(draw_day()), clearance, weights=())
    assert (unknown.value, unknown.met, unknown.value_from) == ("not known", None, "")
    undrawn = compare((), clearance)
    assert (undrawn.value, undrawn.value_from, undrawn.collected_at) == ("not known", "", None)


def test_a_ratio_without_a_unit_is_told_without_one() -> None:
    drawn = (*panel(draw_day()), measurement("INR", "1.4", draw_day()))
    assert compare(drawn, bound("INR", Test.ABOVE, "1.2")).to_limit == "0.2 above 1.2"


@pytest.mark.parametrize("test", list(Test))
def test_the_opposite_of_a_bound_is_met_exactly_when_it_is_not(test: Test) -> None:
    for value in ("74", "75", "76"):
        drawn = panel(draw_day(), PLT=value)
        one = compare(drawn, bound("PLT", test, "75"))
        assert compare(drawn, opposite(bound("PLT", test, "75"))).met is not one.met


def test_days_are_counted_and_compared() -> None:
    found = counted("Age", 12, "a", Test.BELOW, 12)
    assert (found.met, found.to_limit, found.purpose) == (False, "exactly at 12", Purpose.TRIGGER)
    dates = dates_of(chart=chart(), protocol=PROTOCOL, today=FIRST)
    assert dates.window is not None
    assert dates.last is not None
    edge = compared_window(dates.last, dates.judged_for, Test.BELOW, dates.window.earliest)
    assert (edge.value, edge.limit, edge.value_from) == ("56", "49", "from 9 March 2026 to 4 May 2026")


def test_a_clearance_told_by_its_baseline_may_rest_on_an_older_weight_than_one_of_today() -> None:
    far = (Weight(on=FIRST - timedelta(days=400), kg=Decimal(72)),)
    found = compare(
        panel(draw_day()), bound("creatinine_clearance", Test.BELOW, "0.6", Reference.BASELINE), weights=far
    )
    assert "72 kg (weighed on" in found.limit_from
    assert (found.value_from, found.met) == ("", None)


def test_the_formula_of_somebody_born_on_the_day_of_the_sample_is_told() -> None:
    found = compare(panel(draw_day()), bound("creatinine_clearance", Test.BELOW, "40"), birth_date=draw_day())
    assert "- 0 years)" in found.value_from


def test_a_man_has_no_factor_in_the_formula() -> None:
    found = compare(
        panel(draw_day()), bound("creatinine_clearance", Test.BELOW, "40"), sex=Sex.MALE
    ).value_from
    assert re.search(r"\(weighed on [^)]*\) \(male\) × ", found)


def test_what_cannot_prove_a_recovery_says_why_of_every_specimen() -> None:
    early = [
        measurement(short, value, draw_day(), status=Status.PRELIMINARY)
        for short, value in (("CA", "2.4"), ("ALB", "40"))
    ]
    found = chart(draws=tuple(early))
    history = read_history(found)
    case = Case(chart=found, history=history, protocol=PROTOCOL)
    samples = {s.analyte: s for s in history.doubtful}
    moment = Moment(day=draw_day(), interval=2, samples=samples)
    asked = bound("corrected_calcium", Test.AT_MOST, "2.9")
    why = samples["CA"].why
    for purpose in (Purpose.RESOLUTION, Purpose.RETURN):
        told = compared_bound(asked, moment, case, purpose=purpose)
        assert (told.met, told.value_from) == (None, f"{why}; {why}")
    told = compared_bound(asked, moment, case, purpose=Purpose.TRIGGER)
    assert told.met is True
    assert why not in told.value_from


def test_a_corrected_calcium_tells_both_of_its_numbers_where_nothing_else_was_drawn() -> None:
    both = (measurement("CA", "2.4", draw_day()), measurement("ALB", "30", draw_day()))
    found = compare(both, bound("corrected_calcium", Test.ABOVE, "2.9"))
    assert found.value_from
    assert found.value == "2.6"


def test_a_row_of_grades_without_a_measured_distance_tells_no_next_grade() -> None:
    within = (
        *(m for m in panel(draw_day()) if m.analyte != "PLT"),
        measurement("PLT", "80", draw_day(), comparator=">"),
    )
    found = compare(within, bound("PLT", Test.BELOW, "75"), term="Platelet count decreased")
    assert (found.value, found.to_next_grade) == (">80", "")


@pytest.mark.parametrize(
    ("value", "distance"), [("74.5", "0.5 d below 75"), ("75", "exactly at 75"), ("76", "1 d above 75")]
)
def test_a_distance_is_told_with_the_side_it_lies_on(value: str, distance: str) -> None:
    assert _distance(value, "75", "d") == distance


def test_a_comparison_of_a_grade_tells_when_the_specimen_was_taken() -> None:
    taken_at = measurement("PLT", "60", draw_day()).collected_at
    found = counted("grade given by Dr. Weber", 3, "", Test.AT_LEAST, 2, collected_at=taken_at)
    assert (found.met, found.to_limit, found.collected_at) == (True, "1 above 2", taken_at)
    assert counted("Age", 12, "a", Test.BELOW, 12).collected_at is None
