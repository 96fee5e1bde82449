"""What an override rests on, value by value, and the words by which a void one is told."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest

from courses.rules.facts import UsedValue
from courses.rules.override_basis import override_basis
from courses.rules.values import Action, Chart, Measurement, Status
from tests.rules.test_overrides import US, given_override, judge
from tests.strategies import chart, draw_day, measurement, panel

DAY = draw_day()
EVENING = datetime.combine(DAY, time(20), tzinfo=UTC)


def platelets(value: str, *more: Measurement) -> Chart:
    """A whole draw with these platelets, of a record with a name."""
    others = (each for each in panel(DAY) if each.analyte != "PLT")
    return chart(draws=(*others, measurement("PLT", value, DAY, ref="result:1"), *more))


def used(value: str, at: datetime, ref: str) -> UsedValue:
    return UsedValue(
        kind="lab", name="Platelets", value=value, code="777-3", unit="10*9/L", at=at, on=DAY, ref=ref
    )


def test_an_override_rests_on_what_the_rule_rests_on_and_the_newest_result_of_that_analyte() -> None:
    newer = measurement("PLT", "74", DAY, collected_at=EVENING, status=Status.PRELIMINARY, ref="result:2")
    empty = replace(newer, value=None, collected_at=EVENING + timedelta(hours=1), ref="result:3")
    morning = datetime.combine(DAY, time(8), tzinfo=UTC)
    basis = override_basis(rule="DM-PLT", chart=platelets("60", newer, empty), protocol=US, today=DAY)
    assert basis == (Action.DELAY, (used("60", morning, "result:1"), used("74", EVENING, "result:2")))


def test_an_override_of_the_window_rests_on_the_planned_day() -> None:
    soon = date(2026, 4, 18)  # six weeks after the second cycle
    today = soon - timedelta(days=5)
    found = chart(draws=panel(today), planned_on=soon)
    assert override_basis(rule="SCH-WINDOW", chart=found, protocol=US, today=today) == (
        Action.DELAY,
        (UsedValue(kind="planned day", name="Planned day", value="2026-04-18", on=soon),),
    )


def test_a_rule_that_asks_for_nothing_has_nothing_to_override() -> None:
    assert override_basis(rule="DM-PLT", chart=platelets("220"), protocol=US, today=DAY) is None


@pytest.mark.parametrize(("on", "of"), [(DAY, " of 27 April 2026"), (None, "")])
def test_a_void_override_names_the_value_that_was_corrected(on: date | None, of: str) -> None:
    override = given_override(platelets("60"), "DM-PLT")
    override = replace(override, values=tuple(replace(value, on=on) for value in override.values))
    corrected = measurement("PLT", "61", DAY, status=Status.CORRECTED, ref="result:1")
    others = (each for each in panel(DAY) if each.analyte != "PLT")
    told = judge(chart(draws=(*others, corrected), overrides=(override,))).reasons
    assert [reason.sentence for reason in told if reason.rule == "DM-PLT"][1:] == [
        "The override of cycle 3 by Dr Bauer and Dr Chen, 27 April 2026, is void: "
        f"Platelets 60 ×10^9/L{of} was corrected or withdrawn."
    ]


def test_a_void_override_names_the_value_that_became_worse_and_the_worse_one() -> None:
    override = given_override(platelets("60"), "DM-PLT")
    worse = measurement("PLT", "59", DAY, collected_at=EVENING, ref="result:2")
    told = judge(replace(platelets("60", worse), overrides=(override,))).reasons
    assert [reason.sentence for reason in told if reason.rule == "DM-PLT"][1:] == [
        "The override of cycle 3 by Dr Bauer and Dr Chen, 27 April 2026, is void: "
        "Platelets 60 ×10^9/L of 27 April 2026 worsened to 59 ×10^9/L on 27 April 2026."
    ]


def test_what_is_overridden_is_told_by_whom_and_why_with_what_the_rule_says() -> None:
    override = given_override(platelets("60"), "DM-PLT")
    told = judge(replace(platelets("60"), overrides=(override,))).reasons
    of_rule = [reason for reason in told if reason.rule == "DM-PLT"]
    assert [(each.action, each.release, each.release_on) for each in of_rule] == [(Action.PROCEED, "", None)]
    assert [reason.sentence for reason in of_rule] == [
        "Overridden for cycle 3 by Dr Bauer and Dr Chen because the tumour board decided so (Discussed and "
        "decided by the tumour board); void when a value it rests on worsens, is corrected or is withdrawn, "
        "or when the rule asks for more than to delay. The rule says: Platelets 60 ×10^9/L on 27 April 2026, "
        "below 75 ×10^9/L (grade 2, first occurrence): delay until 75 ×10^9/L or more."
    ]
