"""P11: whoever has only the printed answer reaches the same verdict by hand; here a small checker does so.

The checker reads the answer and nothing else: it makes every comparison again with exact numbers, asks of
every reason whether what is printed with it carries its action, takes the most severe, and reads off the
activity.
"""

import json
import re
from bisect import bisect_left, bisect_right
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from courses import library
from courses.answer import answer
from courses.rules.protocol import Protocol
from courses.rules.recommend import recommend
from courses.rules.values import Chart
from courses.situation import assess
from tests.case_reader import EXTRA_PROTOCOLS, read_cases, situation
from tests.strategies import charts, draw_day, full_charts

Json = dict[str, Any]
# A value with its unit where it has one, and its day.
BASELINE = re.compile(r"baseline\W.*\d\S*( \S+)? on \d+ \w+ \d{4}|weighed on \d+ \w+ \d{4}")
SEVERITY = ["proceed", "reduce", "hold", "delay", "stop"]
# A case that is refused has no answer to explain.
CASES = [case for case in read_cases() if "error" not in case["expect"]]
PROTOCOLS = library.protocol_ids()
MOST = settings(max_examples=60, deadline=None)


def ends(text: str) -> tuple[Fraction | None, bool, Fraction | None, bool] | None:
    """The lowest and highest number a printed value may be, and whether each end itself is excluded."""
    if text == "not known":
        return None
    if " to " in text:
        low, high = text.split(" to ")
        return Fraction(low.strip(">")), low.startswith(">"), Fraction(high.strip("<")), high.startswith("<")
    number = Fraction(text.strip("<>="))
    if text.startswith("<"):
        return None, False, number, not text.startswith("<=")
    if text.startswith(">"):
        return number, not text.startswith(">="), None, False
    return number, False, number, False


def surely_below(one: str, other: str) -> bool:
    """Whether every number the one may be is smaller than every number the other may be."""
    first, second = ends(one), ends(other)
    if first is None or second is None:
        return False
    high, high_open, low, low_open = first[2], first[3], second[0], second[1]
    if high is None or low is None:
        return False
    return high < low or (high == low and (high_open or low_open))


def surely_at_most(one: str, other: str) -> bool:
    """Whether no number the one may be is larger than any the other may be."""
    first, second = ends(one), ends(other)
    if first is None or second is None or first[2] is None or second[0] is None:
        return False
    return first[2] <= second[0]


def redone(comparison: Json) -> bool | None:
    """The comparison made again from its two printed sides."""
    value, limit = comparison["value"], comparison["limit"]
    below, not_below = surely_below(value, limit), surely_at_most(limit, value)
    above, not_above = surely_below(limit, value), surely_at_most(value, limit)
    yes, no = {
        "below": (below, not_below),
        "at_least": (not_below, below),
        "above": (above, not_above),
        "at_most": (not_above, above),
    }[comparison["test"]]
    return True if yes else False if no else None


def check_comparison(comparison: Json) -> None:
    found = redone(comparison)
    if (
        comparison["met"] is None
        and comparison.get("purpose") in ("resolution", "return")
        and found is not None
    ):
        # The numbers would do; the specimen proves nothing, and the answer says why.
        assert comparison["value_from"]
        return
    assert found is comparison["met"], comparison
    if comparison.get("to_limit"):
        check_distance(comparison)


def check_distance(comparison: Json) -> None:
    """`15 ×10^9/L below 75` is what the two printed numbers give."""
    value, limit = Decimal(comparison["value"]), Decimal(comparison["limit"])
    if value == limit:
        assert comparison["to_limit"].startswith("exactly at")
        return
    assert Decimal(comparison["to_limit"].split()[0]) == abs(value - limit)
    assert (" below " in comparison["to_limit"]) == (value < limit)


def of_purpose(reason: Json, purpose: str) -> list[Json]:
    return [c for c in reason["comparisons"] if c.get("purpose", "trigger") == purpose]


def of_kind(reason: Json, kind: str) -> list[Json]:
    return [item for item in reason["evidence"] if item.get("kind") == kind]


def intervals(reason: Json, cycle_days: list[str]) -> set[int]:
    """In which intervals between administrations the findings of a reason lie."""
    drawn = [
        c["collected_at"][:10] for c in of_purpose(reason, "trigger") if c["met"] and "collected_at" in c
    ]
    events = [item["on"] for item in of_kind(reason, "adverse event")]
    return {bisect_left(cycle_days, day) for day in drawn} | {bisect_right(cycle_days, day) for day in events}


def has_recovered(reason: Json) -> bool:
    """Nothing acts any longer and every quantity is back by one of its bounds, or the event ended."""
    events = of_kind(reason, "adverse event")
    if events:
        return all("until" in item for item in events)
    by_quantity: dict[str, list[bool]] = {}
    for comparison in of_purpose(reason, "return"):
        by_quantity.setdefault(comparison["quantity"], []).append(comparison["met"] is True)
    ended = all(comparison["met"] for comparison in of_purpose(reason, "resolution"))
    return ended and all(any(met) for met in by_quantity.values())


def is_explained(reason: Json, found: Json) -> bool:
    """Counts that explain a finding away, or a physician's word on its cause."""
    said = [r for r in found["reasons"] if r["rule"] == reason["rule"] and of_kind(r, "recorded fact")]
    return bool(said) or any(c["met"] for c in of_purpose(reason, "exception"))


def carries_its_action(reason: Json, found: Json) -> bool:
    """Whether what is printed with a reason makes its action."""
    if reason["action"] == "hold":
        # Of a person's hold: who, since when, and why.
        by_person = reason["rule"] == "HOLD-PERSON" and bool(of_kind(reason, "recorded fact"))
        return by_person or reason["rule"] in {gap["rule"] for gap in found["missing"]}
    triggers = of_purpose(reason, "trigger")
    facts = of_kind(reason, "adverse event") or of_kind(reason, "recorded fact")
    shown = any(c["met"] for c in triggers) or bool(facts)
    if reason["rule"] == "LIM-DELAY":
        return shown and triggers[-1]["unit"] == "d" and triggers[-1]["met"] is True
    if reason["occurrence"] == "recurrent":
        return shown and len(intervals(reason, [cycle["on"] for cycle in found["cycles"]])) > 1
    if reason["occurrence"] == "first" and reason["action"] == "delay":
        return shown and not has_recovered(reason)
    if reason["action"] == "reduce":
        return shown and (has_recovered(reason) or is_explained(reason, found))
    return shown


def verdict_by_hand(found: Json, protocol: Protocol) -> tuple[str, Decimal | None]:
    """Action and activity from the printed answer alone, and the two activities of the protocol."""
    for block in (*found["reasons"], *found["silent"]):
        for comparison in block.get("comparisons", []):
            check_comparison(comparison)
    acting = [reason for reason in found["reasons"] if reason["action"] != "proceed"]
    for reason in acting:
        assert carries_its_action(reason, found), reason
    action = max((reason["action"] for reason in acting), key=SEVERITY.index, default="proceed")
    activity = {"proceed": protocol.schedule.activity_gbq, "reduce": protocol.schedule.reduced_activity_gbq}
    return action, activity.get(action)


def check(found: Json, protocol: Protocol) -> None:
    """The verdict by hand is the printed one, all rules are told of, and no silent one should have spoken."""
    found = json.loads(json.dumps(found))
    action, activity = verdict_by_hand(found, protocol)
    assert found["action"] == action
    printed = found["activity_gbq"]
    assert (None if printed is None else Decimal(printed)) == activity
    told = {block["rule"] for block in (*found["reasons"], *found["silent"])}
    assert rule_ids(protocol) - told == set()
    for silent in found["silent"]:
        triggers = [c for c in silent.get("comparisons", []) if c.get("purpose", "trigger") == "trigger"]
        assert silent["why"]
        if triggers and all(c["met"] for c in triggers):
            assert "not counted" in silent["why"] or "could not be judged" in silent["why"], silent
        if "not counted" in silent["why"]:
            apart = "collected on different days and are not read together" in silent["why"]
            assert apart or is_explained(silent, found), silent
    check_baselines_are_told(found)
    if action in ("hold", "delay"):
        assert found["release"]
    if action == "stop":
        assert found["release"] == ["a stop is final unless two physicians rescind it"]
    assert (found["release"] == []) == (action in ("proceed", "reduce"))


def check_baselines_are_told(found: Json) -> None:
    """Whoever reads of a baseline finds its value and its day beside it, or that it is not known."""
    for block in (*found["reasons"], *found["silent"]):
        comparisons = block.get("comparisons", [])
        for comparison in comparisons:
            origin = comparison.get("limit_from", "")
            if "baseline" in origin and comparison["limit"] != "not known":
                assert BASELINE.search(origin), comparison
        if "no worse than grade" in block.get("why", ""):
            assert BASELINE.search(block["why"]), block
        if "of the baseline" in block.get("sentence", "") and "%" in block["sentence"]:
            assert any("baseline" in c.get("limit_from", "") for c in comparisons), block


def rule_ids(protocol: Protocol) -> set[str]:
    """Every row of a protocol that may speak, the calendar and the age."""
    rows = (*protocol.families, *protocol.floors, *protocol.checks)
    return {row.id for row in rows} | {"SCH-WINDOW", "LIM-DELAY", "ELIG-AGE"}


@pytest.mark.parametrize("case", CASES, ids=[f"{case['file']}: {case['name']}" for case in CASES])
def test_p11_a_clinical_case_is_reached_again_from_its_printed_answer(case: Json) -> None:
    found = assess(situation(case), extra=EXTRA_PROTOCOLS)
    check(found, library.protocol(case["protocol"], extra=EXTRA_PROTOCOLS))


@MOST
@given(charts(), st.sampled_from(PROTOCOLS))
def test_p11_any_chart_is_reached_again_from_its_printed_answer(chart: Chart, protocol_id: str) -> None:
    protocol = library.protocol(protocol_id)
    check(answer(recommend(chart=chart, protocol=protocol, today=draw_day()), sha256=""), protocol)


@MOST
@given(full_charts(), st.sampled_from(PROTOCOLS), st.integers(0, 70))
def test_p11_holds_with_facts_other_hospitals_and_words_of_people(
    chart: Chart, protocol_id: str, days: int
) -> None:
    protocol = library.protocol(protocol_id)
    today = draw_day(len(chart.cycles)) + timedelta(days=days)
    check(answer(recommend(chart=chart, protocol=protocol, today=today), sha256=""), protocol)


def test_p11_the_checker_finds_a_number_that_was_changed() -> None:
    case = next(
        case for case in CASES if case["expect"]["action"] == "delay" and case["file"] == "thrombocytopenia"
    )
    found = assess(situation(case), extra=EXTRA_PROTOCOLS)
    comparison = next(c for reason in found["reasons"] for c in reason["comparisons"] if c["met"])
    comparison["value"] = "500"
    with pytest.raises(AssertionError):
        check(found, library.protocol(case["protocol"], extra=EXTRA_PROTOCOLS))


def test_p11_the_checker_finds_a_rule_that_is_not_told() -> None:
    found = assess(situation(CASES[0]), extra=EXTRA_PROTOCOLS)
    found["silent"] = [block for block in found["silent"] if block["rule"] != "DM-HSR"]
    with pytest.raises(AssertionError):
        check(found, library.protocol(CASES[0]["protocol"], extra=EXTRA_PROTOCOLS))
