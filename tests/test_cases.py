"""Every clinical case agrees with the decision core, and every rule has a case."""

from typing import Any

import pytest

from courses import library
from courses.rules.recommend import recommend
from courses.rules.values import Recommendation
from courses.situation import BadSituation, assess, read_situation
from tests.case_reader import CODES, EXTRA_PROTOCOLS, as_json, read_cases, situation

CASES = read_cases()
OWN_RULES = {
    "EV-MISSING", "EV-STALE", "EV-UNUSABLE", "EV-CONFLICT", "EV-BASELINE", "EV-WEIGHT", "SCH-WINDOW",
    "LIM-DELAY", "ELIG-AGE", "HOLD-PERSON", "ELIG-PRIOR", "EV-WAIVER",
}  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=[f"{case['file']}: {case['name']}" for case in CASES])
def test_the_case_gets_the_answer_its_source_gives(case: dict[str, Any]) -> None:
    expect = case["expect"]
    if "error" in expect:
        with pytest.raises(BadSituation, match=expect["error"]):
            assess(situation(case), extra=EXTRA_PROTOCOLS)
        return
    found = assess(situation(case), extra=EXTRA_PROTOCOLS)
    acting = {reason["rule"]: reason for reason in found["reasons"] if reason["action"] != "proceed"}
    assert found["action"] == expect["action"], found["reasons"]
    assert set(acting) == set(expect.get("because", [])), found["reasons"]
    notes = {reason["rule"] for reason in found["reasons"] if reason["action"] == "proceed"}
    assert set(expect.get("notes", [])) <= notes
    assert notes.isdisjoint(expect.get("no_notes", []))
    if "activity_gbq" in expect:
        assert found["activity_gbq"] == str(expect["activity_gbq"])
    if "occurrence" in expect:
        assert acting[expect["because"][0]]["occurrence"] == expect["occurrence"]
    if "stops_on" in expect:
        assert found["stops_on"] == (str(expect["stops_on"]) if expect["stops_on"] else None)
    check_dates_and_gaps(found, case)
    if "level" in expect:
        assert found["activity_level"] == expect["level"], found["activity_level_why"]
    if "to_confirm" in expect:
        waiting = [[item["rule"], item["onset"]] for item in found["to_confirm"]]
        assert waiting == [[rule, str(onset)] for rule, onset in expect["to_confirm"]]
    for words in expect.get("says", []):
        assert any(words in reason["sentence"] for reason in found["reasons"]), found["reasons"]
    for reason in found["reasons"]:
        assert reason["sentence"].endswith(".")
        assert reason["source"]
        assert reason["threshold"]


def check_dates_and_gaps(found: dict[str, Any], case: dict[str, Any]) -> None:
    """What is missing, when it is due, the window, the orders, and what another version grades otherwise."""
    expect = case["expect"]
    if "missing" in expect:
        assert {gap["code"] for gap in found["missing"]} == {
            CODES.get(item, item) for item in expect["missing"]
        }
    if "due" in expect:
        due = {gap["code"]: gap["due_on"] for gap in found["missing"]}
        assert {item: due.get(CODES.get(item, item)) for item in expect["due"]} == as_json(expect["due"])
    if "window" in expect:
        assert found["window"] == as_json(expect["window"])
    if "awaiting" in expect:
        assert found["awaiting_labs"] == expect["awaiting"]
    if "orders" in expect:
        assert [line.kind for line in asked_of(case).order_set] == expect["orders"]
    if "draws_and_tests" in expect:
        ordered = [each.line.kind for each in asked_of(case).evidence_orders if each.is_due]
        assert ordered == expect["draws_and_tests"]
    if "differs" in expect:
        assert [difference_words(line) for line in found["grade_differences"]] == expect["differs"]


def asked_of(case: dict[str, Any]) -> Recommendation:
    """The recommendation with what is ordered, which the printed answer leaves to the orders themselves."""
    asked = read_situation(situation(case), extra=EXTRA_PROTOCOLS)
    protocol = library.protocol(asked.protocol_id, extra=EXTRA_PROTOCOLS)
    return recommend(chart=asked.chart, protocol=protocol, today=asked.today)


def test_every_case_names_its_source() -> None:
    assert [case["name"] for case in CASES if not case.get("source")] == []


def difference_words(line: dict[str, Any]) -> str:
    """Platelet count decreased: 4, 6.0 Thrombocytopenia: 3."""
    own, other = ("none" if line[key] is None else line[key] for key in ("grade", "other_grade"))
    renamed = "" if line["other_term"] == line["term"] else f" {line['other_term']}"
    return f"{line['term']}: {own}, {line['other_version']}{renamed}: {other}"


def cases_of(protocol_id: str) -> list[dict[str, Any]]:
    """The cases of a protocol; a variant's rules are its base's, so that the base's cases count too."""
    wanted = {protocol_id, library.shelf().base.get(protocol_id, protocol_id)}
    return [case for case in CASES if case["protocol"] in wanted]


@pytest.mark.parametrize("protocol_id", library.shelf().base)
def test_every_variant_has_cases_of_its_own_that_act(protocol_id: str) -> None:
    own = [case for case in CASES if case["protocol"] == protocol_id]
    assert {"proceed", "delay", "stop"} <= {case["expect"]["action"] for case in own}


@pytest.mark.parametrize("protocol_id", library.protocol_ids())
def test_every_rule_of_a_protocol_has_a_case(protocol_id: str) -> None:
    protocol = library.protocol(protocol_id)
    rules = OWN_RULES | {row.id for row in (*protocol.families, *protocol.floors, *protocol.checks)}
    covered = {
        rule
        for case in cases_of(protocol_id)
        for rule in (*case["expect"].get("because", []), *case["expect"].get("notes", []))
    }
    assert rules - covered == set()


@pytest.mark.parametrize("protocol_id", library.protocol_ids())
def test_every_acting_family_has_a_first_and_a_recurrent_case(protocol_id: str) -> None:
    protocol = library.protocol(protocol_id)
    acting = [family for family in protocol.families if not family.never_acts]
    seen = {
        (rule, case["expect"].get("occurrence"))
        for case in cases_of(protocol_id)
        for rule in case["expect"].get("because", [])[:1]
    }
    for family in acting:
        assert (family.id, "first") in seen
        if family.on_first.word != "stop":
            assert (family.id, "recurrent") in seen
