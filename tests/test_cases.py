"""Every clinical case agrees with the decision core, and every rule has a case."""

from typing import Any

import pytest

from courses import library
from courses.situation import assess
from tests.case_reader import CODES, EXTRA_PROTOCOLS, read_cases, situation

CASES = read_cases()
OWN_RULES = {
    "EV-MISSING", "EV-STALE", "EV-UNUSABLE", "EV-CONFLICT", "EV-BASELINE", "EV-WEIGHT", "SCH-WINDOW",
    "LIM-DELAY", "ELIG-AGE",
}  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=[f"{case['file']}: {case['name']}" for case in CASES])
def test_the_case_gets_the_answer_its_source_gives(case: dict[str, Any]) -> None:
    found, expect = assess(situation(case), extra=EXTRA_PROTOCOLS), case["expect"]
    acting = {reason["rule"]: reason for reason in found["reasons"] if reason["action"] != "proceed"}
    assert found["action"] == expect["action"], found["reasons"]
    assert set(acting) == set(expect.get("because", [])), found["reasons"]
    notes = {reason["rule"] for reason in found["reasons"] if reason["action"] == "proceed"}
    assert set(expect.get("notes", [])) <= notes
    if "activity_gbq" in expect:
        assert found["activity_gbq"] == str(expect["activity_gbq"])
    if "occurrence" in expect:
        assert acting[expect["because"][0]]["occurrence"] == expect["occurrence"]
    if "stops_on" in expect:
        assert found["stops_on"] == (str(expect["stops_on"]) if expect["stops_on"] else None)
    if "missing" in expect:
        assert {gap["code"] for gap in found["missing"]} == {
            CODES.get(item, item) for item in expect["missing"]
        }
    if "awaiting" in expect:
        assert found["awaiting_labs"] == expect["awaiting"]
    for reason in found["reasons"]:
        assert reason["sentence"].endswith(".")
        assert reason["source"]
        assert reason["threshold"]


def test_every_case_names_its_source() -> None:
    assert [case["name"] for case in CASES if not case.get("source")] == []


@pytest.mark.parametrize("protocol_id", library.protocol_ids())
def test_every_rule_of_a_protocol_has_a_case(protocol_id: str) -> None:
    protocol = library.protocol(protocol_id)
    rules = OWN_RULES | {family.id for family in protocol.families} | {floor.id for floor in protocol.floors}
    covered = {
        rule
        for case in CASES
        if case["protocol"] == protocol_id
        for rule in (*case["expect"].get("because", []), *case["expect"].get("notes", []))
    }
    assert rules - covered == set()


@pytest.mark.parametrize("protocol_id", library.protocol_ids())
def test_every_acting_family_has_a_first_and_a_recurrent_case(protocol_id: str) -> None:
    protocol = library.protocol(protocol_id)
    acting = [family for family in protocol.families if not family.never_acts]
    seen = {
        (rule, case["expect"].get("occurrence"))
        for case in CASES
        if case["protocol"] == protocol_id
        for rule in case["expect"].get("because", [])[:1]
    }
    for family in acting:
        assert (family.id, "first") in seen
        if family.on_first.word != "stop":
            assert (family.id, "recurrent") in seen
