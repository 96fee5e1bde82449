"""Creatinine clearance and corrected calcium, exactly, against values worked out by hand."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest

from courses import library
from courses.rules.derived import (
    Case,
    GapKind,
    Known,
    Moment,
    clearance,
    gap,
    quantity_at,
    quantity_at_baseline,
    weight_for,
)
from courses.rules.evidence import read_history
from courses.rules.facts import DiseaseFlags, Facts
from courses.rules.intervals import Interval, is_below
from courses.rules.protocol import CORRECTED_CALCIUM, CREATININE_CLEARANCE
from courses.rules.values import Chart, Sex, Weight
from tests.strategies import measurement

PROTOCOL = library.protocol("lutathera_us_2024_04")
DAY = date(2026, 5, 4)


def case(
    *, sex: Sex | None = Sex.MALE, born: date | None = date(1966, 1, 1), kg: str = "80", **labs: str
) -> Case:
    chart = Chart(
        birth_date=born,
        sex=sex,
        measurements=tuple(measurement(short, value, DAY) for short, value in labs.items()),
        weights=(Weight(on=DAY, kg=Decimal(kg)),),
    )
    return Case(chart=chart, history=read_history(chart), protocol=PROTOCOL)


def cleared(found: Case) -> Interval | None:
    sample = found.history.newest("CREAT")
    return clearance(sample=sample, case=found).value


@pytest.mark.parametrize(
    ("sex", "born", "kg", "mg_per_dl", "expected"),
    [
        (Sex.MALE, date(1966, 1, 1), "80", "1.2", "74.07"),
        (Sex.FEMALE, date(1981, 1, 1), "65", "0.9", "81.00"),
        (Sex.MALE, date(1961, 1, 1), "70", "1.4", "52.08"),
        (Sex.MALE, date(1956, 1, 1), "72", "1.75", "40.00"),
    ],
)
def test_the_formula_gives_the_golden_values(sex, born, kg, mg_per_dl, expected) -> None:
    umol = Decimal(mg_per_dl) * Decimal("88.42")
    value = cleared(case(sex=sex, born=born, kg=kg, CREAT=str(umol)))
    assert value is not None
    assert value.low is not None
    assert round(value.low, 2) == Fraction(expected)


def test_the_boundary_case_is_exactly_forty() -> None:
    value = cleared(case(born=date(1956, 1, 1), kg="72", CREAT="154.735"))
    assert value == Interval(Fraction(40), Fraction(40))


def test_age_counts_completed_years_on_the_day_of_the_sample() -> None:
    before = cleared(case(born=date(1966, 5, 5), CREAT="100"))
    on_the_day = cleared(case(born=date(1966, 5, 4), CREAT="100"))
    assert before is not None
    assert on_the_day is not None
    assert is_below(on_the_day, before)


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"sex": None}, GapKind.SEX),
        ({"born": None}, GapKind.BIRTH_DATE),
        ({"born": date(2027, 1, 1)}, GapKind.BIRTH_DATE),
    ],
)
def test_without_a_fact_about_the_person_there_is_no_clearance(change, kind) -> None:
    found = case(CREAT="100", **change)
    known = clearance(sample=found.history.newest("CREAT"), case=found)
    assert known.value is None
    assert {gap.kind for gap in known.gaps} == {kind}


def test_without_a_creatinine_there_is_no_clearance() -> None:
    assert {gap.kind for gap in clearance(sample=None, case=case()).gaps} == {GapKind.RESULT}


def test_a_creatinine_known_within_bounds_gives_a_clearance_within_bounds() -> None:
    found = case()
    chart = Chart(
        birth_date=found.chart.birth_date,
        sex=Sex.MALE,
        measurements=(measurement("CREAT", "100", DAY, comparator="<"),),
        weights=found.chart.weights,
    )
    bounded = Case(chart=chart, history=read_history(chart), protocol=PROTOCOL)
    value = cleared(bounded)
    assert value is not None
    assert value.high is None
    assert value.low_open


def test_the_nearest_weight_in_time_is_used() -> None:
    found = case(CREAT="100")
    weights = (Weight(on=date(2026, 4, 1), kg=Decimal(90)), Weight(on=date(2026, 5, 1), kg=Decimal(80)))
    chart = Chart(birth_date=None, sex=None, weights=weights)
    bare = Case(chart=chart, history=found.history, protocol=PROTOCOL)
    assert weight_for(DAY, case=bare) == weights[1]
    assert weight_for(date(2026, 7, 1), case=bare) is None
    assert weight_for(date(2026, 7, 1), case=bare, baseline=True) == weights[1]


def test_calcium_is_corrected_to_a_normal_albumin() -> None:
    found = case(CA="2.00", ALB="30")
    moment = Moment(day=DAY, interval=0, samples={s.analyte: s for s in found.history.decisive})
    assert quantity_at(CORRECTED_CALCIUM, moment, found).value == Interval(Fraction("2.2"), Fraction("2.2"))
    alone = Moment(day=DAY, interval=0, samples={"CA": moment.samples["CA"]})
    assert quantity_at(CORRECTED_CALCIUM, alone, found).value is None


def test_without_a_creatinine_it_says_what_is_lacking() -> None:
    known = clearance(sample=None, case=case())
    assert known == Known(None, frozenset({gap(GapKind.RESULT, "CREAT")}))


@pytest.mark.parametrize(("dialysis", "kind"), [(True, GapKind.DIALYSIS), (None, GapKind.DIALYSIS_UNKNOWN)])
def test_on_dialysis_or_where_that_is_not_recorded_there_is_no_clearance(
    dialysis: bool | None, kind: GapKind
) -> None:
    usual = case(CREAT="100")
    facts = Facts(disease_flags=DiseaseFlags(dialysis=dialysis))
    found = replace(usual, chart=replace(usual.chart, facts=facts), known={})
    known = clearance(sample=found.history.newest("CREAT"), case=found)
    assert known == Known(None, frozenset({gap(kind, "dialysis")}))


def test_somebody_born_on_the_day_of_the_sample_has_an_age() -> None:
    assert cleared(case(born=DAY, CREAT="100")) is not None


def test_a_weight_counts_on_the_last_day_of_its_validity_and_for_the_baseline_longer() -> None:
    days = PROTOCOL.weight.validity_days
    found = case(CREAT="100")
    sample = found.history.newest("CREAT")
    for age, known, known_for_baseline in ((days, True, True), (days + 1, False, True)):
        weights = (Weight(on=DAY - timedelta(days=age), kg=Decimal(80)),)
        weighed = replace(found, chart=replace(found.chart, weights=weights), known={})
        assert (weight_for(DAY, case=weighed) is not None) is known
        assert (weight_for(DAY, case=weighed, baseline=True) is not None) is known_for_baseline
        assert (clearance(sample=sample, case=weighed).value is not None) is known
        assert (clearance(sample=sample, case=weighed, baseline=True).value is not None) is known_for_baseline


def test_the_clearance_of_a_baseline_may_rest_on_an_older_weight_than_one_of_today() -> None:
    usual = case(CREAT="100")
    days = PROTOCOL.weight.validity_days + 1
    weights = (Weight(on=DAY - timedelta(days=days), kg=Decimal(80)),)
    found = replace(usual, chart=replace(usual.chart, weights=weights), known={})
    sample = found.history.newest("CREAT")
    assert sample is not None
    assert found.history.baselines == {"CREAT": sample}
    moment = Moment(day=DAY, interval=0, samples={"CREAT": sample})
    # (140 - 60) × 80 kg × 88.42 / (72 × 100 µmol/L)
    expected = Interval(Fraction("56588800") / 720000, Fraction("56588800") / 720000)
    assert quantity_at_baseline(CREATININE_CLEARANCE, found) == Known(expected)
    assert quantity_at(CREATININE_CLEARANCE, moment, found) == Known(
        None, frozenset({gap(GapKind.WEIGHT, "weight")})
    )
