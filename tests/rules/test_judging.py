"""Three-valued answers to single bounds: what they rest on, and what is missing where they are unknown."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest

from courses import library
from courses.rules.derived import Case, Gap, GapKind, Known, Moment, gap
from courses.rules.evidence import read_history
from courses.rules.intervals import exactly
from courses.rules.judging import (
    Judged,
    bound_holds,
    normal_limit,
    parts_or_surrogate,
    recovered,
    unless,
)
from courses.rules.protocol import Bound, Reference, Surrogate, Test
from courses.rules.values import Measurement, Weight
from tests.strategies import BASELINE_DAY, chart, draw_day, measurement

PROTOCOL = library.protocol("lutathera_us_2024_04")
TENTH = Fraction(1, 10)
RESULT = gap(GapKind.RESULT, "PLT")


def at_draw(*drawn: Measurement, weights: tuple[Weight, ...] | None = None) -> tuple[Moment, Case]:
    """What one draw brought, beside a normal baseline."""
    found = chart(draws=drawn) if weights is None else chart(draws=drawn, weights=weights)
    case = Case(chart=found, history=read_history(found), protocol=PROTOCOL)
    samples = {s.analyte: s for s in case.history.decisive if s.day == draw_day()}
    return Moment(day=draw_day(), interval=2, samples=samples), case


def drawn(short: str, value: str, **more: object) -> Measurement:
    return measurement(short, value, draw_day(), **more)


@pytest.mark.parametrize(
    ("answer", "excuse", "expected"),
    [
        (True, Judged(False), Judged(True)),
        (True, Judged(True), Judged(False)),
        (False, Judged(None, frozenset({RESULT})), Judged(False)),
        (True, Judged(None, frozenset({RESULT})), Judged(None, frozenset({RESULT}))),
    ],
)
def test_an_excuse_ends_what_holds_and_an_unknown_one_says_what_it_lacks(
    answer: bool, excuse: Judged, expected: Judged
) -> None:
    assert unless(Judged(answer), excuse) == expected


BASELINE = {m.analyte: m.value for m in chart().measurements if m.collected_on == BASELINE_DAY}
PLATELETS, CREATININE = BASELINE["PLT"], BASELINE["CREAT"]
assert PLATELETS is not None and CREATININE is not None


@pytest.mark.parametrize(
    ("short", "value", "low", "high", "back"),
    [
        # Within the reference range, wherever the baseline was.
        ("PLT", "150", "150", "400", True),
        # Below it: back from nine tenths of the baseline on, and exactly there.
        ("PLT", str(PLATELETS * Decimal("0.9")), "300", "400", True),
        ("PLT", str(PLATELETS * Decimal("0.9") - Decimal("0.01")), "300", "400", False),
        # Above the range a fall is over all the same.
        ("PLT", "500", "150", "400", True),
        ("CREAT", "100", "45", "100", True),
        ("CREAT", str(CREATININE * Decimal("1.1")), "45", "50", True),
        ("CREAT", str(CREATININE * Decimal("1.1") + Decimal("0.01")), "45", "50", False),
        ("CREAT", "20", "45", "50", True),
    ],
)
def test_a_quantity_is_back_within_its_range_or_near_its_baseline(
    short: str, value: str, low: str, high: str, back: bool
) -> None:
    moment, case = at_draw(drawn(short, value, low=Decimal(low), high=Decimal(high)))
    falls = short == "PLT"  # the toxicity pushes platelets down, creatinine up
    assert recovered(short, falls=falls, tolerance=TENTH, moment=moment, case=case) == Judged(back)


def test_a_clearance_is_back_by_its_baseline_alone_and_says_what_it_lacks() -> None:
    moment, case = at_draw(drawn("CREAT", str(CREATININE)))
    back = recovered("creatinine_clearance", falls=True, tolerance=TENTH, moment=moment, case=case)
    assert back == Judged(True)
    moment, case = at_draw(drawn("CREAT", str(CREATININE)), weights=())
    lacks = recovered("creatinine_clearance", falls=True, tolerance=TENTH, moment=moment, case=case)
    assert lacks.holds is None
    assert gap(GapKind.WEIGHT, "weight") in lacks.gaps


def test_a_value_within_bounds_that_reach_over_the_limit_is_unknown_for_its_own_analyte() -> None:
    moment, case = at_draw(drawn("PLT", "300", comparator="<", low=Decimal(150), high=Decimal(400)))
    found = recovered("PLT", falls=True, tolerance=TENTH, moment=moment, case=case)
    assert found == Judged(None, frozenset({gap(GapKind.BOUNDS, "PLT")}))


def test_a_bound_on_something_not_drawn_says_so() -> None:
    moment, case = at_draw(drawn("CREAT", "80"))
    bound = Bound(quantity="PLT", test=Test.BELOW, limit=Decimal(75), exact=Fraction(75))
    assert bound_holds(bound, moment, case) == Judged(None, frozenset({RESULT}))


@pytest.mark.parametrize(
    ("reference", "missing", "kind"),
    [
        (Reference.ULN, "high", GapKind.UPPER_LIMIT),
        (Reference.LLN, "low", GapKind.LOWER_LIMIT),
    ],
)
def test_a_multiple_of_a_limit_that_did_not_come_says_which(
    reference: Reference, missing: str, kind: GapKind
) -> None:
    moment, case = at_draw(drawn("CREAT", "80", **{missing: None}))
    bound = Bound(quantity="CREAT", test=Test.ABOVE, limit=Decimal(3), exact=Fraction(3), reference=reference)
    assert bound_holds(bound, moment, case) == Judged(None, frozenset({gap(kind, "CREAT")}))


def test_the_weight_of_the_baseline_may_be_older_than_one_for_today() -> None:
    far = (Weight(on=BASELINE_DAY.replace(year=BASELINE_DAY.year - 1), kg=Decimal(72)),)
    moment, case = at_draw(drawn("CREAT", "80"), weights=far)
    bound = Bound(
        quantity="creatinine_clearance",
        test=Test.BELOW,
        limit=Decimal("0.6"),
        exact=Fraction("0.6"),
        reference=Reference.BASELINE,
    )
    assert bound_holds(bound, moment, case) == Judged(None, frozenset({gap(GapKind.WEIGHT, "weight")}))


@pytest.mark.parametrize(
    ("is_set", "quantity", "analytes"),
    [
        (True, "PTR", ("PTR", "INR")),
        (True, "INR", ("INR",)),
        (True, "corrected_calcium", ("CA", "ALB")),
        (False, "PTR", ("PTR",)),
    ],
)
def test_only_the_quantity_a_site_chose_is_made_of_what_stands_in_for_it_as_well(
    is_set: bool, quantity: str, analytes: tuple[str, ...]
) -> None:
    above = Bound(quantity="INR", test=Test.ABOVE, limit=Decimal("1.5"), exact=Fraction(3, 2))
    chosen = Surrogate(quantity="PTR", bound=above, source=PROTOCOL.schedule.source)
    site = replace(PROTOCOL, prothrombin_surrogate=chosen if is_set else None)
    _, case = at_draw()
    assert parts_or_surrogate(quantity, replace(case, protocol=site)) == analytes


@pytest.mark.parametrize(
    ("quantity", "reference", "lacking"),
    [
        ("PLT", Reference.LLN, RESULT),
        ("PLT", Reference.ULN, RESULT),
        ("corrected_calcium", Reference.ULN, gap(GapKind.RESULT, "CA")),
        ("creatinine_clearance", Reference.LLN, gap(GapKind.LOWER_LIMIT, "creatinine_clearance")),
        ("creatinine_clearance", Reference.ULN, gap(GapKind.UPPER_LIMIT, "creatinine_clearance")),
    ],
)
def test_a_limit_of_normal_that_is_not_known_says_of_what_it_is_lacking(
    quantity: str, reference: Reference, lacking: Gap
) -> None:
    moment, _ = at_draw(drawn("CREAT", "80"), drawn("ALB", "40"))
    assert normal_limit(quantity, reference, moment) == Known(None, frozenset({lacking}))


def test_a_corrected_calcium_borrows_both_limits_of_calcium() -> None:
    moment, _ = at_draw(drawn("CA", "2.3", low=Decimal("2.1"), high=Decimal("2.6")), drawn("ALB", "40"))
    found = [normal_limit("corrected_calcium", side, moment) for side in (Reference.LLN, Reference.ULN)]
    assert found == [Known(exactly(Decimal("2.1"))), Known(exactly(Decimal("2.6")))]
