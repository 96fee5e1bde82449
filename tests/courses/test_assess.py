"""The commands that need no database: assess and check_protocols, through their own door."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command

from courses import library
from courses.json_table import parse_json
from courses.situation import BadSituation, assess
from tests.courses.test_situation import GOOD

ROOT = Path(__file__).parents[2]


def run(*arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    """The command as a user types it, without a reachable database."""
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={
            "PATH": "/usr/bin:/bin",
            "DATABASE_URL": "postgres://nobody@127.0.0.1:1/none",
            "SECRET_KEY": "for-this-test-only-and-nothing-else-at-all",
            "PRRT_ENV": "test",
        },
    )


def as_text(data: object) -> str:
    return json.dumps(data, default=str)


def test_a_situation_from_standard_input_is_answered_without_a_database() -> None:
    done = run("assess", "-", text=as_text(GOOD))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["action"] == "proceed"


def test_a_page_to_read_is_printed_with_text() -> None:
    done = run("assess", "-", "--text", text=as_text(GOOD))
    assert done.returncode == 0, done.stderr
    assert "Action      PROCEED" in done.stdout
    assert "Activity    7.4 GBq (200 mCi)" in done.stdout


def test_what_is_not_known_of_the_patient_is_said_on_the_page(tmp_path: Path) -> None:
    file = tmp_path / "one.json"
    file.write_text(as_text({**GOOD, "patient": {}}), encoding="utf-8")
    out = io.StringIO()
    call_command("assess", str(file), "--text", stdout=out)
    assert "Patient     birth date not known, sex not known" in out.getvalue()


def test_a_page_and_lines_together_are_refused(tmp_path: Path) -> None:
    errors = io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("assess", str(tmp_path / "any.json"), "--text", "--jsonl", stderr=errors)
    assert ended.value.code == 2
    assert errors.getvalue().splitlines() == [
        "--text: prints one page for a reader; leave out --jsonl, or --text"
    ]


def test_a_bad_situation_ends_with_status_two_and_one_line_per_fault() -> None:
    done = run("assess", "-", text=as_text({**GOOD, "surprise": 1}))
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.splitlines() == [line for line in done.stderr.splitlines() if "surprise" in line]


def test_lines_are_answered_one_by_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "situations.jsonl"
    lines = [as_text(GOOD), "", "{", as_text({**GOOD, "cycles": 3})]
    file.write_text("\n".join(lines), encoding="utf-8")
    out = io.StringIO()
    call_command("assess", str(file), "--jsonl", stdout=out)
    found = [json.loads(line) for line in out.getvalue().splitlines()]
    assert found[0]["action"] == "proceed"
    assert found[1]["error"].startswith("not JSON")
    assert found[2]["error"] == "cycles: must be a list"


@pytest.mark.parametrize(("text", "fault"), [("{", "not JSON"), ('{"a": 1, "a": 1}', "given twice")])
def test_broken_json_ends_with_status_two(tmp_path: Path, text: str, fault: str) -> None:
    file = tmp_path / "one.json"
    file.write_text(text, encoding="utf-8")
    errors = io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("assess", str(file), stderr=errors)
    assert ended.value.code == 2
    assert fault in errors.getvalue()


def test_a_file_that_is_not_there_ends_with_status_two() -> None:
    errors = io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("assess", "/nowhere.json", stderr=errors)
    assert ended.value.code == 2
    assert "No such file" in errors.getvalue()


def test_the_protocol_table_can_be_signed() -> None:
    done = run("check_protocols")
    assert done.returncode == 0, done.stderr
    for words in ("DM-PLT", "LIM-DELAY", "to be confirmed", "Checked by", "CTCAE 5.0", "Second reader"):
        assert words in done.stdout


def test_a_broken_protocol_file_ends_with_status_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken.toml").write_text("id = ", encoding="utf-8")
    broken = tmp_path
    monkeypatch.setattr(library, "FOLDER", broken)
    library.shelf.cache_clear()
    errors = io.StringIO()
    try:
        with pytest.raises(SystemExit) as ended:
            call_command("check_protocols", stderr=errors)
    finally:
        library.shelf.cache_clear()
    assert ended.value.code == 2
    assert errors.getvalue().startswith("broken.toml: (file): is not readable TOML")


@pytest.mark.parametrize("status", ["cancelled", "entered-in-error"])
def test_a_withdrawal_needs_neither_value_nor_unit(status: str) -> None:
    situation = json.loads((ROOT / "docs" / "situation.json").read_text())
    situation["labs"].append({"code": "777-3", "collected_at": "2026-05-04T08:00:00+02:00", "status": status})
    found = assess(parse_json(json.dumps(situation)))
    assert "777-3" in [gap["code"] for gap in found["missing"]]
    assert "DM-PLT" not in [reason["rule"] for reason in found["reasons"]]


def test_a_final_result_needs_both() -> None:
    situation = json.loads((ROOT / "docs" / "situation.json").read_text())
    del situation["labs"][0]["unit"]
    with pytest.raises(BadSituation, match=r"labs\[0\].unit: is missing"):
        assess(parse_json(json.dumps(situation)))


def test_every_unknown_key_at_every_depth_is_named() -> None:
    situation = json.loads((ROOT / "docs" / "situation.json").read_text())
    situation |= {"foo": 1, "bar": 2}
    situation["labs"][0]["baz"] = 3
    with pytest.raises(BadSituation) as refused:
        assess(parse_json(json.dumps(situation)))
    assert [fault.split(":")[0] for fault in refused.value.faults] == ["foo", "bar", "labs[0].baz"]
