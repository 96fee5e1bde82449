"""Where the grades of a quantity lie and where a rule acts: each line with its number, words and source."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest

from courses.rules.facts import DiseaseFlags, Facts
from courses.rules.limit_lines import GradeBand, RuleLine
from courses.rules.protocol import CREATININE_CLEARANCE, Bound, GradeRow, Protocol, Reference, Test
from courses.rules.values import Action, Chart, Source
from tests.rules.test_trends import EMA, PLT, PROTOCOL, case_of, drawn, lines
from tests.rules.test_trends_edges import CTCAE_6
from tests.strategies import BASELINE_DAY, chart, measurement

BILIRUBIN = "above 3 × the upper limit of normal (63 µmol/L)"
Placed = tuple[int, object, object]


def bands(quantity: str, found: Chart, protocol: Protocol = PROTOCOL, *, term: str = "") -> list[Placed]:
    """Grade, lower and upper end of each band, of one term where a quantity has several."""
    told = lines(quantity, case_of(found, protocol)).bands
    return [(band.grade, band.low, band.high) for band in told if term in ("", band.term)]


def with_baseline(short: str, value: str, **more: object) -> Chart:
    """A chart with another baseline of one analyte."""
    found = chart()
    others = tuple(m for m in found.measurements if m.analyte != short)
    return replace(found, measurements=(*others, measurement(short, value, BASELINE_DAY, **more)))


def bound(quantity: str, test: Test, limit: str, reference: Reference | None = None) -> Bound:
    return Bound(
        quantity=quantity, test=test, limit=Decimal(limit), exact=Fraction(limit), reference=reference
    )


def graded_by(term: str, *rows: tuple[int, Bound]) -> Protocol:
    """The protocol where a term is graded by these rows."""
    told = tuple(GradeRow(grade=grade, grade_to=grade, bound=each) for grade, each in rows)
    known = PROTOCOL.criteria.by_term
    changed = {**known, term: replace(known[term], rows=told)}
    return replace(PROTOCOL, criteria=replace(PROTOCOL.criteria, by_term=changed))


# --- Bands of grades -----------------------------------------------------------------------------


def test_where_two_limits_make_a_grade_the_milder_one_begins_it():
    # Above 1.5 or 3 times the upper limit of 84, or 1.5 or 3 times the baseline of 70.
    assert bands("CREAT", chart()) == [(4, 504, None), (3, 210, 504), (2, 105, 210), (1, 84, 105)]
    # Below 26 mL/min is grade 3, and below 10 symptoms decide between 3 and 4.
    found = lines(CREATININE_CLEARANCE, case_of(chart(), CTCAE_6)).bands
    term = "Creatinine clearance decreased"
    assert [band for band in found if band.term == term] == [
        GradeBand(term=term, grade=3, grade_to=4, low=None, high=Fraction(26)),
        GradeBand(term=term, grade=2, grade_to=2, low=Fraction(26), high=Fraction(50)),
    ]


def test_an_abnormal_baseline_has_its_own_bands_and_a_normal_one_those_of_the_limit():
    # Upper limit 35; multiples 1, 3, 5 and 20 of it, or 1.5, 3, 5 and 20 of the baseline.
    assert bands("ALT", chart()) == [(4, 700, None), (3, 175, 700), (2, 105, 175), (1, 35, 105)]
    assert bands("ALT", with_baseline("ALT", "40")) == [
        (4, 800, None), (3, 200, 800), (2, 120, 200), (1, 60, 120),
    ]  # fmt: skip


def test_a_grade_whose_limit_is_that_of_the_worse_one_has_no_band():
    assert bands("PLT", with_baseline("PLT", "220", low=Decimal(75))) == [
        (4, None, 25), (3, 25, 50), (2, 50, 75),
    ]  # fmt: skip
    rising = chart(draws=(drawn("K", "4.2", 20, high=Decimal("5.5")),))
    assert bands("K", rising, term="Hyperkalemia") == [
        (4, 7, None), (3, 6, 7), (2, Fraction("5.5"), 6),
    ]  # fmt: skip


def test_a_milder_grade_beside_one_without_a_band_keeps_its_own():
    site = graded_by(
        "Hyperkalemia",
        (3, bound("K", Test.ABOVE, "1", Reference.ULN)),
        (2, bound("K", Test.ABOVE, "5.5")),
        (1, bound("K", Test.ABOVE, "4.5")),
    )
    found = chart(draws=(drawn("K", "4.2", 20),))  # upper limit 5.1
    assert bands("K", found, site, term="Hyperkalemia") == [
        (3, Fraction("5.1"), None), (1, Fraction("4.5"), Fraction("5.1")),
    ]  # fmt: skip


def test_a_term_with_one_row_has_one_band_and_its_rule_acts_there():
    site = graded_by(PLT, (4, bound("PLT", Test.BELOW, "25")))
    found = lines("PLT", case_of(chart(), site))
    assert [(band.grade, band.low, band.high) for band in found.bands] == [(4, None, 25)]
    assert [(line.words, line.limit) for line in found.rules] == [("below 25 ×10^9/L (grade 2 or worse)", 25)]


@pytest.mark.parametrize(
    ("anticoagulated", "doubtful"),
    [
        (
            None,
            (
                "grade 3 of INR increased, above 2.5 × the baseline, if that applies",
                "grade 2 of INR increased, above 1.5 × the baseline, if that applies",
                "grade 1 of INR increased, above the baseline, if that applies",
            ),
        ),
        (False, ()),
    ],
)
def test_rows_for_anticoagulated_patients_are_told_in_words_until_it_is_recorded(anticoagulated, doubtful):
    flags = DiseaseFlags(nyha_class=1, dialysis=False, anticoagulated=anticoagulated)
    found = chart(draws=(drawn("INR", "1.0", -7), drawn("INR", "1.0", 20)), facts=Facts(disease_flags=flags))
    told = lines("INR", case_of(found))
    assert [(band.grade, band.low) for band in told.bands] == [
        (3, Fraction("2.5")), (2, Fraction("1.5")), (1, Fraction("1.2")),
    ]  # fmt: skip
    assert told.not_placed == doubtful


# --- Lines of rules ------------------------------------------------------------------------------


def test_a_rule_that_acts_by_a_multiple_of_the_limit_of_normal_has_its_number_words_and_source():
    family, floor = lines("BILI", case_of(chart(given=0), EMA)).rules
    assert (family.rule, family.action, family.words, family.limit) == ("DM-HEP", Action.DELAY, BILIRUBIN, 63)
    assert (family.source.document, family.source.section) == (
        "Lutathera EU summary of product characteristics, 2024",
        "4.2 dose modification, hepatic (EU-21)",
    )
    assert floor == RuleLine(
        rule="ELIG-BILI",
        action=Action.DELAY,
        words=BILIRUBIN,
        limit=Fraction(63),
        source=Source(
            document="Lutathera EU summary of product characteristics, 2024",
            section="4.4: not recommended (EU-19)",
            confidence="GK",
            checked=date(2026, 11, 21),
            to_be_confirmed=True,
        ),
    )


def test_a_rule_acts_from_where_the_mildest_of_its_grades_begins():
    [line] = lines("ALT", case_of(chart())).rules
    assert (line.rule, line.limit) == ("DM-OTH", 175)
    assert line.words == "above 5 × the upper limit of normal (175 U/L) (grade 3 or worse)"


def test_a_floor_that_is_only_a_note_has_no_line():
    rules = lines(CREATININE_CLEARANCE, case_of(chart(given=0), EMA)).rules
    floors = [(line.rule, line.limit) for line in rules if line.rule.startswith("ELIG")]
    assert floors == [("ELIG-CRCL", 40), ("ELIG-RENAL-FAILURE", 30)]


def test_of_bounds_that_act_together_each_has_its_line_and_names_the_others():
    found = chart(draws=(drawn("PTR", "90", 20),))
    [ratio] = lines("PTR", case_of(found)).rules
    assert (ratio.rule, ratio.limit) == ("DM-HEP", 70)
    assert ratio.words == "below 70 %, together with Albumin below 30 g/L"
    [floor] = [each for each in EMA.floors if each.id == "ELIG-ALB"]
    three = replace(floor, bounds=(*floor.bounds, bound("BILI", Test.ABOVE, "3", Reference.ULN)))
    before = case_of(replace(found, cycles=()), replace(EMA, floors=(three,)))
    [told] = [line.words for line in lines("PTR", before).rules if line.rule == "ELIG-ALB"]
    assert told == (
        "below 70 %, together with Albumin below 30 g/L "
        "and Bilirubin, total above 3 × the upper limit of normal"
    )
