"""The page to read: everything of the answer is on it, in plain text of at most 100 columns."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from courses.json_table import parse_json
from courses.situation import judge, read_situation
from courses.text_answer import WIDTH, text_answer
from tests.case_reader import EXTRA_PROTOCOLS, read_cases, situation

ROOT = Path(__file__).parents[2]
# A case that is refused has no answer to explain.
CASES = [case for case in read_cases() if "error" not in case["expect"]]


def page_of(data: object) -> tuple[str, dict[str, Any]]:
    """The page and the answer of one situation."""
    asked = read_situation(data, extra=EXTRA_PROTOCOLS)
    found = judge(asked, extra=EXTRA_PROTOCOLS)
    return text_answer(found, patient="born 2 March 1961, female", today=asked.today), found


def page_of_case(file: str, words: str) -> str:
    (case,) = [case for case in CASES if case["file"] == file and words in case["name"]]
    return page_of(situation(case))[0]


def flat(text: str) -> str:
    """The words of a page without its line breaks."""
    return " ".join(text.split())


@pytest.mark.parametrize("case", CASES, ids=[f"{case['file']}: {case['name']}" for case in CASES])
def test_every_case_fits_the_page_and_leaves_nothing_out(case: dict[str, Any]) -> None:
    page, found = page_of(situation(case))
    assert max(len(line) for line in page.splitlines()) <= WIDTH
    words = flat(page)
    for reason in found["reasons"]:
        assert flat(reason["sentence"]) in words
        assert flat(reason["source"]) in words
    for gap in found["missing"]:
        assert flat(gap["why"]) in words
        assert flat(gap["resolve"]) in words
    for rule in found["silent"]:
        assert f"[{rule['rule']}]" in words
    for text in found["release"]:
        assert flat(text) in words
    assert found["protocol"]["sha256"] in words


def test_the_page_of_the_readme_is_what_the_command_prints() -> None:
    data = parse_json((ROOT / "docs" / "situation.json").read_text(encoding="utf-8"))
    page, _ = page_of(data)
    printed = (ROOT / "docs" / "decision.txt").read_text(encoding="utf-8")

    def without_versions(text: str) -> list[str]:
        return [line for line in text.splitlines() if not line.startswith(("  engine ", "  sha256 "))]

    assert without_versions(printed) == without_versions(page), (
        "write it again: manage.py assess docs/situation.json --text > docs/decision.txt"
    )


def test_a_delay_shows_comparison_distance_release_and_limit() -> None:
    words = flat(page_of(parse_json((ROOT / "docs" / "situation.json").read_text(encoding="utf-8")))[0])
    assert "Platelets 60 ×10^9/L (4 May 2026, 06:00 UTC) below 75: yes; 15 ×10^9/L below 75" in words
    assert "1. Platelets 75 ×10^9/L or more, in a final result collected on or after 5 May 2026" in words
    assert "Earliest day the cycle could be given: 11 May 2026" in words
    assert "day 63 of 112 of a delay by toxicity, counted from 9 March 2026" in words


def test_a_go_has_an_activity_and_nothing_to_release() -> None:
    (case,) = [c for c in CASES if c["file"] == "thrombocytopenia" and c["expect"]["action"] == "proceed"][:1]
    page, _ = page_of(situation(case))
    assert "7.4 GBq (200 mCi)" in page
    assert "No rule asks for anything else." in page
    assert "WHAT WOULD RELEASE" not in page


def test_an_answer_is_worded_where_parts_of_it_are_not_there() -> None:
    found: dict[str, Any] = {
        "action": "hold", "cycle": 1, "activity_gbq": None, "planned_on": None, "window": None, "reasons": [],
        "missing": [], "delay": None, "stops_on": None, "awaiting_labs": True, "not_considered": ["other"],
        "release": ["decide by hand"], "release_on": None, "activity_level": None, "activity_level_why": "",
        "silent": [], "judged_for": None, "to_confirm": [], "protocol": {"id": "p", "sha256": "s"},
        "engine": "e",
        "cycles": [{"number": 1, "on": "2026-01-12", "activity_gbq": "3.7", "elsewhere": "St Anna"}],
        "grades": [
            {"term": "A", "grade": None, "version": "5.0", "collected_on": None},
            {"term": "B", "grade": 3, "version": "5.0", "collected_on": "2026-01-12"},
        ],
        "grade_differences": [
            {"term": "B", "grade": 3, "version": "5.0", "other_term": "C", "other_grade": 2,
             "other_version": "6.0"},
        ],
    }  # fmt: skip
    page = text_answer(found, patient="x", today=date(2026, 1, 12))
    assert "no planned day" in page
    assert "nothing holds but evidence that is not yet due" in page
    assert "Earliest day the cycle could be given: not known" in page
    assert "at St Anna" in page
    assert "A: no single grade (CTCAE 5.0)" in page
    assert "differs in CTCAE 6.0: C, grade 2" in page
