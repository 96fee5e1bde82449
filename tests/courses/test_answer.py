"""The answer as other programs read it: the keys of the contract, and the explanation beside them."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from courses.answer import answer
from courses.json_table import parse_json
from courses.rules.values import (
    Action,
    ActivityLevel,
    Comparison,
    Evidence,
    EvidenceKind,
    GivenCycle,
    GradeDifference,
    Purpose,
    Reason,
    Recommendation,
    SilentRule,
    ToConfirm,
)
from courses.situation import assess

ROOT = Path(__file__).parents[2]
CONTRACT = {
    "action", "cycle", "activity_gbq", "window", "reasons", "missing", "grades", "delay", "stops_on",
    "protocol", "engine",
}  # fmt: skip
DAY = date(2026, 5, 4)


def found() -> dict[str, Any]:
    return assess(parse_json((ROOT / "docs" / "situation.json").read_text(encoding="utf-8")))


def worded(**more: object) -> dict[str, Any]:
    """The answer to a recommendation with little in it but what a test is about."""
    facts: dict[str, object] = {
        "protocol_id": "p", "action": Action.HOLD, "activity_gbq": None, "cycle": 1, "planned_on": None,
        "window": None, "reasons": (), **more,
    }  # fmt: skip
    return answer(Recommendation(**facts), sha256="s")  # type: ignore[arg-type]  # the dataclass's own facts


def test_every_key_of_the_contract_is_there() -> None:
    assert found().keys() >= CONTRACT


def test_a_comparison_tells_numbers_distance_and_origin_and_leaves_out_what_it_has_not() -> None:
    first, second = found()["reasons"][0]["comparisons"]
    assert first == {
        "quantity": "Platelets", "value": "60", "unit": "10*9/L", "test": "below", "limit": "75", "met": True,
        "collected_at": "2026-05-04T06:00:00+00:00", "to_limit": "15 ×10^9/L below 75",
        "to_next_grade": "10 ×10^9/L above grade 3 (below 50)",
    }  # fmt: skip
    assert second["purpose"] == "resolution"
    assert "to_next_grade" not in second


def test_a_delay_says_what_releases_it_and_when() -> None:
    reason = found()["reasons"][0]
    assert reason["release"] == (
        "Platelets 75 ×10^9/L or more, in a final result collected on or after 5 May 2026"
    )
    assert (reason["release_on"], found()["release_on"]) == ("2026-05-11", "2026-05-11")
    assert found()["release"][0] == reason["release"]


def test_the_course_so_far_is_told() -> None:
    assert found()["cycles"][1] == {"number": 2, "on": "2026-03-09", "activity_gbq": "7.4"}
    assert found()["clock_day"] == 63
    assert (found()["activity_level"], found()["judged_for"]) == ("reduced", "2026-05-11")


def test_silent_rules_differences_and_occurrences_to_confirm_are_told() -> None:
    comparison = Comparison(
        quantity="A", value="1", unit="d", test="below", limit="2", met=True, purpose=Purpose.VALIDITY,
        value_from="x", limit_from="y",
    )  # fmt: skip
    data = worded(
        silent=(
            SilentRule(rule="R", name="n", why="w", comparisons=(comparison,)),
            SilentRule(rule="S", name="n", why="w"),
        ),
        grade_differences=(
            GradeDifference(
                term="A", grade=1, version="5.0", other_term="B", other_grade=None, other_version="6.0"
            ),
        ),
        to_confirm=(ToConfirm(rule="R", onset=DAY, sentence="t"),),
        activity_level=ActivityLevel.FULL,
        given=(GivenCycle(number=1, on=DAY, activity_gbq=Decimal("3.70"), elsewhere="St Anna"),),
    )
    assert data["silent"][0]["comparisons"][0] == {
        "quantity": "A", "value": "1", "unit": "d", "test": "below", "limit": "2", "met": True,
        "purpose": "validity", "value_from": "x", "limit_from": "y",
    }  # fmt: skip
    assert "comparisons" not in data["silent"][1]
    assert data["grade_differences"][0]["other_grade"] is None
    assert data["to_confirm"] == [
        {"rule": "R", "onset": "2026-05-04", "sentence": "t", "track": "", "grade": None}
    ]
    assert data["activity_level"] == "full"
    assert data["cycles"] == [
        {"number": 1, "on": "2026-05-04", "activity_gbq": "3.7", "elsewhere": "St Anna"}
    ]


def test_an_event_as_evidence_tells_when_it_ended() -> None:
    event = Evidence(
        kind=EvidenceKind.ADVERSE_EVENT, name="Nausea", value="grade 3", on=DAY, until=DAY, ref="r"
    )
    lab = Evidence(
        kind=EvidenceKind.LAB, name="Platelets", value="60", collected_at=datetime(2026, 5, 4, 6, tzinfo=UTC)
    )
    reason = Reason(
        rule="R", action=Action.HOLD, sentence="s", threshold="t", source="u", evidence=(event, lab)
    )
    first, second = worded(reasons=(reason,))["reasons"][0]["evidence"]
    assert (first["on"], first["until"], first["ref"]) == ("2026-05-04", "2026-05-04", "r")
    assert second == {"code": "", "value": "60", "unit": "", "collected_at": "2026-05-04T06:00:00+00:00"}
