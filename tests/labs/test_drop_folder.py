"""The drop folder: complete files are taken in once and moved; half-written and linked ones are not."""

import csv
import io
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from alerts.services.rounds import make_round
from labs.drop_folder import FolderWatch
from labs.models import LabMessage, MessageOutcome, Observation, QuarantinedResult
from labs.services import keep_message
from tests.builders_labs import csv_row, long_csv, make_feed, make_patient

GOOD = long_csv(csv_row())
Drop = Callable[..., Path]


@pytest.fixture
def feed(tmp_path: Path) -> Path:
    """The folder of a feed, and its patient."""
    make_patient()
    make_feed()
    folder = tmp_path / "drop" / "csv-lab"
    folder.mkdir(parents=True)
    return folder


def watch(folder: Path, *, stable: float = 3600, most: int = 1 << 20) -> FolderWatch:
    return FolderWatch(root=folder.parent, stable_seconds=stable, most_bytes=most)


def drop(folder: Path, body: bytes = GOOD, *, name: str = "week.csv", marker: bool = True) -> Path:
    path = folder / name
    path.write_bytes(body)
    if marker:
        (folder / f"{name}.done").touch()
    return path


def found(folder: Path, kind: str) -> list[str]:
    return sorted(path.name for path in (folder / kind).glob("*")) if (folder / kind).is_dir() else []


def report(folder: Path, kind: str) -> list[dict[str, str]]:
    [path] = (folder / kind).glob("*.report.csv")
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))


@pytest.mark.django_db
class TestOneLook:
    def test_a_marked_file_is_taken_in_and_moved_with_its_report(self, feed: Path) -> None:
        drop(feed, long_csv(csv_row(), csv_row("61", unit="furlong", order_no="C2")))
        assert watch(feed).take_ready() == 1
        assert (Observation.objects.count(), QuarantinedResult.objects.count()) == (1, 1)
        [name, report_name] = found(feed, "done")
        assert report_name == f"{name}.report.csv"
        assert (name.startswith("week."), name.endswith(".csv")) == (True, True)
        assert [path.name for path in feed.iterdir()] == ["done"]
        rows = report(feed, "done")
        assert [(row["row"], row["state"]) for row in rows] == [("0", "read"), ("2", "stored"), ("3", "held")]
        assert rows[2]["reason"]
        assert rows[2]["remedy"]

    @pytest.mark.parametrize("marker", ["week.csv.done", "week.done"])
    def test_both_kinds_of_marker_are_known_and_removed(self, feed: Path, marker: str) -> None:
        drop(feed, marker=False)
        (feed / marker).touch()
        assert watch(feed).take_ready() == 1
        assert not (feed / marker).exists()

    def test_a_refused_file_goes_to_failed_with_the_reason_and_its_bytes_are_kept(self, feed: Path) -> None:
        drop(feed, b"a,b\n1,2\n")
        assert watch(feed).take_ready() == 1
        assert found(feed, "done") == []
        [row] = report(feed, "failed")
        assert (row["row"], row["state"], row["reason_code"]) == ("0", "rejected", "bad-header")
        assert bytes(LabMessage.objects.get().body) == b"a,b\n1,2\n"

    def test_a_folder_of_no_feed_fails_its_files_and_keeps_their_bytes(self, feed: Path) -> None:
        stranger = feed.parent / "nobody"
        stranger.mkdir()
        drop(stranger)
        assert watch(feed).take_ready() == 1
        [row] = report(stranger, "failed")
        assert row["reason_code"] == "unknown-feed"
        message = LabMessage.objects.get()
        assert (bytes(message.body), message.outcome.reason_code) == (GOOD, "unknown-feed")
        assert not Observation.objects.exists()

    def test_the_same_bytes_again_change_nothing_and_the_report_says_so(self, feed: Path) -> None:
        drop(feed)
        watch(feed).take_ready()
        drop(feed, name="again.csv")
        assert watch(feed).take_ready() == 1
        assert (LabMessage.objects.count(), Observation.objects.count()) == (1, 1)
        [again] = [path for path in (feed / "done").glob("again*.report.csv")]
        assert "Taken in before: nothing changed." in again.read_text(encoding="utf-8")

    def test_two_files_of_one_name_are_both_kept(self, feed: Path) -> None:
        drop(feed)
        watch(feed).take_ready()
        drop(feed, long_csv(csv_row("61", order_no="C2")))
        watch(feed).take_ready()
        assert len(found(feed, "done")) == 4

    def test_a_link_is_not_followed_wherever_it_stands(self, feed: Path, tmp_path: Path) -> None:
        outside = tmp_path / "outside"
        outside.mkdir()
        drop(outside, name="secret.csv")
        (feed / "linked.csv").symlink_to(outside / "secret.csv")
        (feed / "linked.csv.done").touch()
        (feed.parent / "linked-feed").symlink_to(outside)
        assert watch(feed).take_ready() == 1
        assert not LabMessage.objects.exists()
        assert (outside / "secret.csv").read_bytes() == GOOD
        [row] = report(feed, "failed")
        assert row["reason_code"] == "not-a-file"

    def test_a_linked_target_folder_is_not_written_to(self, feed: Path, tmp_path: Path) -> None:
        outside = tmp_path / "outside"
        outside.mkdir()
        (feed / "done").symlink_to(outside)
        path = drop(feed)
        assert watch(feed).take_ready() == 0
        assert path.exists()
        assert list(outside.iterdir()) == []

    def test_a_pipe_and_a_folder_hold_nothing_up(self, feed: Path) -> None:
        os.mkfifo(feed / "pipe.csv")
        (feed / "folder.csv").mkdir()
        for name in ("pipe.csv.done", "folder.csv.done"):
            (feed / name).touch()
        drop(feed)
        assert watch(feed).take_ready() == 3
        assert Observation.objects.count() == 1

    def test_a_file_that_is_too_large_is_not_read(self, feed: Path) -> None:
        drop(feed)
        assert watch(feed, most=10).take_ready() == 1
        [row] = report(feed, "failed")
        assert row["reason_code"] == "too-large"
        assert not LabMessage.objects.exists()

    @pytest.mark.parametrize("name", [b"\xff\xfe.csv", ("ü" * 120 + ".csv").encode(), b"=1+1.csv"])
    def test_a_strange_name_is_taken_like_any_other(self, feed: Path, name: bytes) -> None:
        path = os.fsencode(feed) + b"/" + name
        with open(path, "wb") as file:  # noqa: PTH123  (a name of bytes)
            file.write(GOOD)
        with open(path + b".done", "wb"):  # noqa: PTH123
            pass
        assert watch(feed).take_ready() == 1
        assert Observation.objects.count() == 1

    def test_other_names_hidden_files_and_files_of_no_feed_stay(self, feed: Path) -> None:
        for name in ("week.csv.tmp", ".week.csv", "week.txt"):
            drop(feed, name=name)
        drop(feed.parent, name="root.csv")
        assert watch(feed, stable=0).take_ready() == 0
        assert not LabMessage.objects.exists()

    def test_a_file_that_was_kept_by_a_process_that_died_is_moved_without_effect(self, feed: Path) -> None:
        drop(feed)
        keep_message(body=GOOD, door="csv", peer="week.csv", feed="csv-lab")
        assert watch(feed).take_ready() == 1
        assert (LabMessage.objects.count(), Observation.objects.count()) == (1, 1)
        assert len(found(feed, "done")) == 2


@pytest.mark.django_db
class TestSeveralLooks:
    def test_an_unmarked_file_is_read_only_when_two_looks_find_it_alike(
        self, feed: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        now = [100.0]
        monkeypatch.setattr(time, "monotonic", lambda: now[0])
        path = drop(feed, GOOD[:50], marker=False)
        watching = watch(feed, stable=30)
        assert watching.take_ready() == 0
        now[0] += 29
        path.write_bytes(GOOD)  # the writer goes on
        assert watching.take_ready() == 0
        now[0] += 29
        assert watching.take_ready() == 0
        now[0] += 1
        assert watching.take_ready() == 1
        assert Observation.objects.count() == 1

    def test_a_file_that_grows_while_it_is_read_is_left(
        self, feed: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = drop(feed)
        status = os.fstat
        asked: list[os.stat_result] = []

        def slow(handle: int) -> os.stat_result:
            found = status(handle)
            if not asked:  # after the first look at its size, the writer goes on
                path.write_bytes(GOOD + b"more")
            asked.append(found)
            return found

        monkeypatch.setattr(os, "fstat", slow)
        assert watch(feed).take_ready() == 0
        assert path.exists()
        assert not LabMessage.objects.exists()

    def test_files_that_are_gone_are_forgotten(self, feed: Path) -> None:
        path = drop(feed, marker=False)
        watching = watch(feed)
        watching.take_ready()
        assert len(watching.looks) == 1
        path.unlink()
        watching.take_ready()
        assert watching.looks == {}


KILLED = """
import os, sys
import django
django.setup()
from pathlib import Path
from labs import drop_folder
drop_folder.{step} = lambda *a, **k: os.kill(os.getpid(), 9)
drop_folder.FolderWatch(root=Path(sys.argv[1]), stable_seconds=0, most_bytes=1 << 20).take_ready()
"""


@pytest.mark.parametrize(
    "step", ["_read_whole", "read_waiting_messages", "message_report", "_write", "_move"]
)
def test_a_kill_at_any_step_loses_nothing_and_stores_nothing_twice(
    step: str, real_commits: str, tmp_path: Path
) -> None:
    make_patient()
    make_feed()
    folder = tmp_path / "drop" / "csv-lab"
    folder.mkdir(parents=True)
    drop(folder)
    environment = os.environ | {"DATABASE_URL": real_commits}
    died = subprocess.run(
        [sys.executable, "-c", KILLED.format(step=step), str(folder.parent)],
        env=environment,
        cwd=settings.BASE_DIR,
        check=False,
        timeout=120,
    )
    assert died.returncode == -9
    assert (folder / "week.csv").read_bytes() == GOOD
    assert watch(folder).take_ready() == 1
    assert (LabMessage.objects.count(), Observation.objects.count()) == (1, 1)
    assert MessageOutcome.objects.get().state == "read"
    assert len(found(folder, "done")) == 2


def test_the_runner_and_the_command_empty_the_folder(
    real_commits: str, tmp_path: Path, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    make_patient()
    make_feed()
    folder = tmp_path / "drop" / "csv-lab"
    folder.mkdir(parents=True)
    drop(folder)
    assert dict(make_round(all_due=True, watch=watch(folder)).done)["files taken in"] == 1
    drop(folder, long_csv(csv_row("61", order_no="C2")), marker=False)
    settings.DROP_FOLDER, settings.DROP_STABLE_SECONDS = folder.parent, 0
    call_command("watch_folder", "--once")
    assert "files moved: 1" in capsys.readouterr().out
    assert Observation.objects.count() == 2
    settings.DROP_FOLDER = None
    with pytest.raises(CommandError, match="DROP_FOLDER names no folder"):
        call_command("watch_folder", "--once")
