"""The harness itself: what it counts as lost and doubled, and that its table cannot pass by being empty."""

from datetime import timedelta
from pathlib import Path

import pytest

from alerts.services.dispatch import dispatch_due
from labs.clock import database_now
from tests.faults.alerts import table
from tests.faults.alerts.clinic import make_team, raise_one
from tests.faults.alerts.owed import judge
from tests.faults.alerts.sink import Sink
from tests.faults.alerts.table import Row, percentile, read, show, situation


def test_a_mail_whose_sender_was_told_nothing_is_lost_until_it_is_sent_again_and_then_doubled(
    mail: Sink,
) -> None:
    make_team()
    now = database_now()
    alert = raise_one(now=now)
    mail.moods.vanishes = 1
    dispatch_due(now=now)
    first = Row(id="T9", scaled="")
    judge(first, mail, [alert])
    assert (first.owed, first.lost, first.doubled, first.missed) == (1, 1, 0, ["1 lost"])
    dispatch_due(now=now + timedelta(minutes=1))
    second = Row(id="T9", scaled="")
    judge(second, mail, [alert])
    assert (second.owed, second.lost, second.doubled, second.passed) == (1, 0, 1, True)
    assert len(second.seconds) == 1


def test_nothing_owed_is_a_missed_line(mail: Sink) -> None:
    row = Row(id="T1", scaled="")
    judge(row, mail, [])
    assert row.missed == ["nothing was owed"]


def test_a_time_that_was_never_taken_is_a_missed_line() -> None:
    row = Row(id="T1", scaled="")
    row.within(p95=5)
    assert row.missed == ["p95 inf s, at most 5 s"]


@pytest.mark.parametrize(("share", "value"), [(0.5, 5.0), (0.95, 10.0), (0.99, 10.0), (1, 10.0)])
def test_percentiles_are_by_nearest_rank(share: float, value: float) -> None:
    assert percentile([float(number) for number in range(10, 0, -1)], share) == value


def test_a_missed_line_fails_its_test_and_stands_in_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(table.FILE, str(tmp_path / "rows"))
    with pytest.raises(AssertionError, match="T3 missed: 2 early"), situation("T3", scaled="not") as row:
        row.line(False, "2 early")
    with pytest.raises(ZeroDivisionError), situation("T4", scaled="not"):
        raise ZeroDivisionError("broke off")
    rows = read(tmp_path / "rows")
    assert [(row.id, row.missed) for row in rows] == [
        ("T3", ["2 early"]),
        ("T4", ["ZeroDivisionError: broke off"]),
    ]
    assert not show(rows, wanted=["T3", "T4"])
    assert "FAIL: 2 early" in capsys.readouterr().out


def test_a_situation_that_nobody_played_fails_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    played = Row(id="T3", scaled="not", owed=1, lost=0, doubled=0, seconds=[1.0])
    assert show([played], wanted=["T3"])
    assert not show([played], wanted=["T3", "T5"])
    assert "was not played" in capsys.readouterr().out
