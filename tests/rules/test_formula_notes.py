"""Notes beside the creatinine clearance: the age it was derived for, and a weight that moved."""

import copy
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from courses import library
from courses.rules.data_reader import DataError
from courses.rules.protocol import Adults, Protocol, WeightChange
from courses.rules.recommend import recommend
from courses.rules.values import Action, Chart, EvidenceKind, Reason, Weight
from tests.rules.test_protocol_reader import PROTOCOL as DATA
from tests.rules.test_protocol_reader import read
from tests.strategies import BASELINE_DAY, chart, draw_day, panel

PROTOCOL = library.protocol("lutathera_us_2024_04")
TODAY = draw_day() + timedelta(days=1)
# Eighteen on the day after the planned one.
NEARLY_ADULT = (chart().planned_on or TODAY).replace(year=TODAY.year - 18) + timedelta(days=1)


def notes(found: Chart, rule: str, protocol: Protocol = PROTOCOL) -> list[Reason]:
    """The notes of a rule."""
    reasons = recommend(chart=found, protocol=protocol, today=TODAY).reasons
    return [reason for reason in reasons if reason.rule == rule and reason.action is Action.PROCEED]


def weighing(*kilograms: str) -> Chart:
    """A normal chart with weights of the baseline's day, the day before the newest draw, and its day."""
    days = (BASELINE_DAY, draw_day() - timedelta(days=1), draw_day())
    weights = tuple(
        Weight(on=day, kg=Decimal(kg), ref=f"weight:{n}")
        for n, (day, kg) in enumerate(zip(days, kilograms, strict=True))
    )
    return replace(chart(draws=panel(draw_day())), weights=weights)


def test_a_weight_far_from_the_one_before_and_from_the_baselines_names_both_with_the_change() -> None:
    (note,) = notes(weighing("72", "84", "63"), "EV-WEIGHT")
    assert note.sentence == (
        "Body weight 63 kg on 27 April 2026, more than 10 % away from 72 kg on 5 January 2026 and from 84 kg "
        "on 26 April 2026: check the weights, for the creatinine clearance rests on them."
    )
    assert [(c.value, c.unit, c.test, c.limit, c.met) for c in note.comparisons] == [
        ("12.5", "%", "above", "10", True),
        ("25", "%", "above", "10", True),
    ]
    assert [(e.value, e.unit) for e in note.evidence] == [("72", "kg"), ("84", "kg"), ("63", "kg")]
    assert (note.threshold, note.source) == (
        "at most 10 % of change",
        "our choice, hazard log HZ-31: a change of more than 10 % is pointed out "
        "(to be confirmed by the clinic)",
    )
    assert [(e.kind, e.name, e.on, e.ref) for e in note.evidence] == [
        (EvidenceKind.WEIGHT, "Body weight", day, f"weight:{n}")
        for n, day in enumerate((BASELINE_DAY, draw_day() - timedelta(days=1), draw_day()))
    ]
    assert {c.quantity for c in note.comparisons} == {"Change of body weight"}


def test_only_the_weight_that_lies_far_is_named() -> None:
    (note,) = notes(weighing("72", "64", "64"), "EV-WEIGHT")
    assert [c.value_from for c in note.comparisons] == [
        "from 72 kg on 5 January 2026 to 64 kg on 27 April 2026"
    ]
    # A ninth more is told in one place.
    (note,) = notes(weighing("72", "72", "80"), "EV-WEIGHT")
    assert {(c.value, c.limit) for c in note.comparisons} == {("11.1", "10")}
    assert notes(weighing("72", "72", "79.2"), "EV-WEIGHT") == []
    assert notes(weighing("72", "72", "64.8"), "EV-WEIGHT") == []


def test_two_weights_of_one_day_are_not_held_against_each_other() -> None:
    weights = (Weight(on=draw_day(), kg=Decimal(60)), Weight(on=draw_day(), kg=Decimal(72)))
    assert notes(replace(chart(draws=panel(draw_day())), weights=weights), "EV-WEIGHT") == []


def test_somebody_who_turns_eighteen_after_the_planned_day_is_pointed_out() -> None:
    young = chart(draws=panel(draw_day()), birth_date=NEARLY_ADULT)
    (note,) = notes(young, "ELIG-AGE")
    assert note.sentence == (
        "The patient, born on 5 May 2008, is 17 years old on the planned day, and the creatinine clearance "
        "by Cockcroft and Gault was derived in people of 18 years or older: a physician agrees to its use, "
        "or judges the kidney function otherwise."
    )
    assert (note.threshold, note.comparisons[0].value) == ("18 years or older", "17")
    assert note.source == (
        "our choice, Cockcroft-Gault is not validated in adolescents (clinical dossier 7.1, 11 no. 3) "
        "(to be confirmed by the clinic)"
    )
    assert notes(replace(young, birth_date=NEARLY_ADULT - timedelta(days=1)), "ELIG-AGE") == []


def test_who_is_too_young_to_be_treated_is_told_so_and_nothing_of_the_formula() -> None:
    child = chart(draws=panel(draw_day()), birth_date=NEARLY_ADULT.replace(year=NEARLY_ADULT.year + 8))
    assert notes(child, "ELIG-AGE") == []
    assert notes(chart(draws=panel(draw_day()), birth_date=None), "ELIG-AGE") == []


def test_a_protocol_without_the_keys_points_nothing_out() -> None:
    bare = replace(
        PROTOCOL,
        weight=replace(PROTOCOL.weight, change=None),
        clearance=replace(PROTOCOL.clearance, adults=None),
    )
    assert notes(weighing("72", "72", "40"), "EV-WEIGHT", bare) == []
    assert notes(chart(draws=panel(draw_day()), birth_date=NEARLY_ADULT), "ELIG-AGE", bare) == []


def test_the_keys_are_read_with_their_sources_and_may_be_left_out() -> None:
    data = copy.deepcopy(DATA)
    found = read(copy.deepcopy(data))
    assert isinstance(found.weight.change, WeightChange)
    assert isinstance(found.clearance.adults, Adults)
    assert (found.weight.change.percent, found.clearance.adults.from_age) == (10, 18)
    assert found.weight.change.source.to_be_confirmed and found.clearance.adults.source.to_be_confirmed
    for table, key in ((data["weight"], "change"), (data["derived"]["creatinine_clearance"], "adults")):
        broken = copy.deepcopy(table[key])
        del table[key]["source"]
        with pytest.raises(DataError, match="every number names its source"):
            read(copy.deepcopy(data))
        table[key] = broken
    del data["weight"]["change"], data["derived"]["creatinine_clearance"]["adults"]
    found = read(data)
    assert (found.weight.change, found.clearance.adults) == (None, None)
