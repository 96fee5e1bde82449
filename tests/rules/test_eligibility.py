"""Floors before the first cycle and the age: what acts, what was not looked at, and what is lacking."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from courses import library
from courses.rules.derived import Case
from courses.rules.eligibility import AGE_RULE, age_reasons, floor_lacks, floor_reasons, newest_moment
from courses.rules.evidence import read_history
from courses.rules.protocol import Protocol
from courses.rules.schedule import Dates, dates_of
from courses.rules.values import Action, Chart, Measurement
from tests.strategies import BASELINE_DAY, FIRST, chart, measurement, panel

US = library.protocol("lutathera_us_2024_04")
EMA = library.protocol("lutathera_ema_2024")
TODAY = FIRST - timedelta(days=3)


def before_cycle_1(*drawn: Measurement, birth_date: date | None = None, without: str = "") -> Chart:
    """A normal draw before the first cycle, but for what is given or left out."""
    own = {m.analyte for m in drawn}
    usual = tuple(m for m in panel(BASELINE_DAY) if m.analyte not in own | {without})
    found = replace(chart(given=0), measurements=(*usual, *drawn), planned_on=FIRST)
    return found if birth_date is None else replace(found, birth_date=birth_date)


def asked(found: Chart, protocol: Protocol = US) -> tuple[Case, Dates]:
    history = read_history(found)
    dates = dates_of(chart=found, protocol=protocol, today=TODAY)
    return Case(chart=found, history=history, protocol=protocol, today=TODAY, judged_for=FIRST), dates


@pytest.mark.parametrize("protocol", [US, EMA], ids=lambda protocol: protocol.id)
def test_somebody_is_old_enough_from_the_birthday_on(protocol: Protocol) -> None:
    least = protocol.minimum_age
    birthday = FIRST.replace(year=FIRST.year - least)
    case, dates = asked(before_cycle_1(birth_date=birthday), protocol)
    assert list(age_reasons(case=case, dates=dates)) == []
    case, dates = asked(before_cycle_1(birth_date=birthday + timedelta(days=1)), protocol)
    [young] = age_reasons(case=case, dates=dates)
    on = FIRST + timedelta(days=1)
    assert (young.rule, young.action, young.release_on) == (AGE_RULE, Action.DELAY, on)
    assert young.sentence.endswith(f"is younger than {least} years on the planned day: not eligible yet.")
    assert young.threshold == f"{least} years or older"
    assert young.source == str(protocol.minimum_age_source)


def test_the_newest_results_stand_for_the_day_of_treatment() -> None:
    case, dates = asked(before_cycle_1())
    found = newest_moment(case, dates)
    assert (found.day, found.interval) == (FIRST, 0)
    assert found.samples["PLT"].day == BASELINE_DAY


def test_a_floor_that_was_not_measured_is_told_once_and_asks_for_nothing() -> None:
    case, dates = asked(before_cycle_1(without="ALB"))
    [told] = [r for r in floor_reasons(case=case, dates=dates) if r.rule == "ELIG-ALB"]
    [floor] = [f for f in US.floors if f.id == "ELIG-ALB"]
    names = f"{US.names['ALB']} and {US.names['PTR']}"
    assert told.action is Action.PROCEED
    assert told.sentence == (
        f"{names}: not measured, so the floor before cycle 1 (albumin floor before the first cycle) was not "
        "judged."
    )
    assert told.threshold == "below 30 g/L and below 70 %"
    assert told.source == str(floor.source)
    assert list(floor_lacks(case=case, dates=dates)) == []


@pytest.mark.parametrize(
    ("drawn", "rule", "holds"),
    [
        (measurement("PLT", "100", BASELINE_DAY, comparator="<"), "ELIG-PLT", True),
        (measurement("K", "6", BASELINE_DAY, comparator="<", high=Decimal("5.1")), "CHK-POTASSIUM", False),
    ],
)
def test_a_floor_that_cannot_be_judged_says_what_it_lacks_by_its_own_name(
    drawn: Measurement, rule: str, holds: bool
) -> None:
    case, dates = asked(before_cycle_1(drawn))
    [lack] = [lack for lack in floor_lacks(case=case, dates=dates) if lack.gap.item == drawn.analyte]
    [floor] = [f for f in US.floors if f.id == rule]
    assert lack.gap.why.endswith(f"({rule})")
    assert lack.source == str(floor.source)
    assert lack.holds is holds


def test_albumin_needs_the_prothrombin_ratio_beside_it() -> None:
    low = measurement("ALB", "25", BASELINE_DAY)
    case, dates = asked(before_cycle_1(low))
    assert [lack.gap.item for lack in floor_lacks(case=case, dates=dates)] == ["PTR"]
    old = measurement("PTR", "95", FIRST - timedelta(days=40))  # it excuses nothing any more
    case, dates = asked(before_cycle_1(low, old))
    assert [lack.gap.item for lack in floor_lacks(case=case, dates=dates)] == ["PTR"]
    case, dates = asked(before_cycle_1(low, measurement("PTR", "60", BASELINE_DAY)))
    [acts] = [r for r in floor_reasons(case=case, dates=dates) if r.rule == "ELIG-ALB"]
    assert (acts.action, {e.name for e in acts.evidence}) == (
        Action.DELAY,
        {US.names["ALB"], US.names["PTR"]},
    )
