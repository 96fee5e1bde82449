"""A situation with an impossible day, weight, person or text is refused in one clear line, and alone."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from courses.json_table import Fault, parse_json
from courses.situation import BadSituation, assess, read_situation
from tests.courses.test_situation import GOOD, changed

REFUSED: list[tuple[str, Callable[[dict[str, Any]], object]]] = [
    ("today: 1899-12-31 lies outside", lambda d: d.update(today="1899-12-31")),
    ("today: 2200-01-01 lies outside", lambda d: d.update(today="2200-01-01")),
    ("planned_on: 9999-12-31 lies outside", lambda d: d.update(planned_on="9999-12-31")),
    ("cycles[0].on: 0001-01-01 lies outside", lambda d: d["cycles"][0].update(on="0001-01-01")),
    (
        "labs[0].collected_at: '9999-12-31T23:00:00-12:00' lies outside",
        lambda d: d["labs"][0].update(collected_at="9999-12-31T23:00:00-12:00"),
    ),
    ("weights[0].kg: must be a body weight from 20 to 400", lambda d: d["weights"][0].update(kg=720)),
    ("weights[0].kg: must be a body weight from 20 to 400", lambda d: d["weights"][0].update(kg="19.9")),
    (
        "patient.birth_date: 1901-03-02 makes more than 130 years",
        lambda d: (
            d.update(today="2032-03-02", planned_on=None) or d["patient"].update(birth_date="1901-03-02")
        ),
    ),
    ("planned_on: lies before cycle 2", lambda d: d.update(planned_on="2026-03-08")),
]


def as_text(data: dict[str, Any]) -> str:
    return json.dumps(data, default=str)


@pytest.mark.parametrize(("start", "change"), REFUSED)
def test_an_impossible_fact_is_refused_in_one_line(
    start: str, change: Callable[[dict[str, Any]], object]
) -> None:
    with pytest.raises(BadSituation) as caught:
        read_situation(changed(change))
    (fault,) = caught.value.faults
    assert fault.startswith(start)


def test_a_birth_after_today_is_refused() -> None:
    data = {
        **GOOD,
        "patient": {"birth_date": "2026-04-30", "sex": "female"},
        "labs": [],
        "cycles": [],
        "delays": [],
    }
    with pytest.raises(BadSituation, match=r"birth_date: 2026-04-30 lies after today"):
        read_situation(data)


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["weights"][0].update(kg=20),
        lambda d: d["weights"][0].update(kg=400),
        lambda d: d.update(planned_on="2026-03-09"),
        lambda d: d["patient"].update(birth_date="1900-01-01"),
    ],
)
def test_facts_at_the_edge_of_the_plausible_are_read(change: Callable[[dict[str, Any]], object]) -> None:
    assert read_situation(changed(change)).protocol_id == GOOD["protocol"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('{"a": [{"term": "x\\ud800"}]}', r"a\[0\]\.term: holds a null"),
        ('{"a": {"ref": "\\u0000"}}', r"a\.ref: holds a null"),
        ('{"b\\udfff": 1}', r"'b\\udfff': holds a null"),
        ('"\\u0000"', "situation: holds a null"),
    ],
)
def test_text_that_nothing_can_hold_is_refused_by_its_path(text: str, fault: str) -> None:
    with pytest.raises(Fault, match=fault) as caught:
        parse_json(text)
    assert str(caught.value).encode("utf-8")


def test_a_whole_pair_of_surrogates_is_one_ordinary_letter() -> None:
    assert parse_json('{"a": "\\ud83d\\ude00"}') == {"a": "\U0001f600"}


def answers(file: Path) -> list[dict[str, Any]]:
    out = io.StringIO()
    call_command("assess", str(file), "--jsonl", stdout=out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_line_with_an_impossible_time_costs_no_other_line(tmp_path: Path) -> None:
    bad = changed(lambda d: d["labs"][0].update(collected_at="0001-01-01T01:00:00+00:00"))
    file = tmp_path / "many.jsonl"
    broken = b'{"protocol": "\xff"}'
    file.write_bytes(b"\n".join([as_text(bad).encode(), broken, as_text(GOOD).encode()]))
    found = answers(file)
    assert "lies outside" in found[0]["error"]
    assert "retype the text" in found[1]["error"]
    assert found[2]["action"] == "proceed"


def test_a_fault_of_the_service_is_an_error_of_its_line_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(data: Any) -> dict[str, Any]:
        if data.get("today") == "2026-04-28":
            raise KeyError("birth date of somebody")
        return assess(data)

    monkeypatch.setattr("courses.management.commands.assess.assess", failing)
    file = tmp_path / "many.jsonl"
    file.write_text("\n".join([as_text({**GOOD, "today": "2026-04-28"}), as_text(GOOD)]), encoding="utf-8")
    found = answers(file)
    assert found[0] == {"error": "the service failed on this line (KeyError); decide by hand, report it"}
    assert found[1]["action"] == "proceed"


@pytest.mark.parametrize("mode", ["--jsonl", "--text", None])
def test_a_terminal_without_the_letters_still_gets_the_answer(tmp_path: Path, mode: str | None) -> None:
    file = tmp_path / "one.json"
    data = changed(lambda d: d["adverse_events"][0].update(term="Übelkeit", grade=4))
    file.write_text(as_text(data), encoding="utf-8")
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    call_command("assess", str(file), *([mode] if mode else []), stdout=stream)
    stream.flush()
    text = raw.getvalue().decode("ascii")
    assert "belkeit" in text
    if mode != "--text":
        assert "Übelkeit" in json.dumps(json.loads(text), ensure_ascii=False)
