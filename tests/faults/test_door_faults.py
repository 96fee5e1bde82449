"""The other doors under kill -9: FHIR, files that people hand in, and the drop folder.

After each, what the sender was told is compared with what stands: everything once, nothing half.
The suite runs a short profile; `make long` every point.
"""

import os
import re
import signal
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from labs.clock import database_now
from labs.failpoints import POINTS
from labs.formats.fhir_json import dump
from labs.models import (
    CsvUpload,
    FhirResource,
    LabMessage,
    MessageOutcome,
    Observation,
    QuarantinedResult,
    Result,
)
from labs.services import read_waiting_messages
from tests.builders import colleague
from tests.builders_fhir import FHIR, fhir_patient, observation, quantity, subject
from tests.builders_labs import csv_row, long_csv, make_feed, make_patient
from tests.faults.ledger import run_until_read
from tests.faults.web_ledger import Answer, Browser, Web, at_once, web_server

LONG = os.environ.get("PRRT_LONG") == "1"
EVERY_DOORS = [point for point in POINTS if point.startswith(("keep.", "read."))]
UPLOADING = [*EVERY_DOORS, "upload.kept", "upload.ended"]
DROPPING = [*EVERY_DOORS, "drop.reported", "drop.moved"]
PASSINGS = [2, 3] if LONG else [2]


# --- FHIR --------------------------------------------------------------------------------------


@pytest.mark.parametrize("passing", PASSINGS)
@pytest.mark.parametrize("point", EVERY_DOORS if LONG else ["read.committed"])
def test_fhir_requests_are_taken_once_however_often_the_web_server_is_killed(
    real_commits: str,
    free_port: Callable[[], int],
    monkeypatch: pytest.MonkeyPatch,
    point: str,
    passing: int,
) -> None:
    fhir_patient()
    out = StringIO()
    call_command("token", role="lab-feed", name="central-lab", stdout=out, stderr=StringIO())
    token = f"Bearer {out.getvalue().split()[-1]}"
    sent = {f"{name}-{number}": _resource(f"{name}-{number}", number) for name in "ab" for number in range(4)}
    statuses: dict[str, int] = {}
    with web_server(free_port(), armed=f"{point}:{passing}", DATABASE_URL=real_commits) as web:

        def deliver(name: str) -> None:
            for key, body in sent.items():
                if key.startswith(name):
                    # One laboratory numbers its requests, the other relies on its resources' identifiers.
                    numbered = {"Idempotency-Key": key} if name == "a" else {}
                    headers = {"Authorization": token, "Content-Type": FHIR, **numbered}
                    statuses[key] = web.insist(_asking(web, body, headers)).status

        at_once(deliver, ["a", "b"])
        assert web.repeats > 0, "the failpoint was not reached"
    _read_what_lost_its_server(monkeypatch)
    compare_resources(sent, statuses)


def _asking(web: Web, body: bytes, headers: dict[str, str]) -> Callable[[], Answer | None]:
    return lambda: web.ask("/fhir/Observation", data=body, headers=headers)


def _resource(key: str, number: int) -> bytes:
    """Most are good; the third of each laboratory names nobody of ours, the fourth breaks a rule."""
    parts = {
        "effectiveDateTime": f"2026-05-04T08:{10 * (key[0] == 'b') + number:02}:00+02:00",
        "valueQuantity": quantity(str(60 + number)),
    }
    if number == 2:
        parts["subject"] = subject("7777")
    if number == 3:
        parts["valueQuantity"] = quantity("60", comparator="ad")
    return dump(observation(key, **parts)).encode()


def _read_what_lost_its_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """A minute later the readers take what nobody has answered."""
    later = database_now() + timedelta(minutes=5)
    monkeypatch.setattr("labs.services.read.database_now", lambda: later)
    read_waiting_messages()


def compare_resources(sent: dict[str, bytes], statuses: dict[str, int]) -> None:
    """Every request was answered as it deserves, and stands here once."""
    number = {key: int(key[-1]) for key in sent}
    good = {key for key in sent if number[key] < 2}
    assert {key for key, status in statuses.items() if status in {200, 201}} == good, statuses
    assert {key for key, status in statuses.items() if status == 202} == {k for k in sent if number[k] == 2}
    assert {key for key, status in statuses.items() if status == 422} == {k for k in sent if number[k] == 3}
    assert {bytes(row.body) for row in LabMessage.objects.all()} == set(sent.values())
    assert not LabMessage.objects.filter(outcome__isnull=True).exists()
    assert Observation.objects.count() == Result.objects.count() == len(good)
    assert Counter(Observation.objects.values_list("value", flat=True)) == Counter({60: 2, 61: 2})
    assert not Result.objects.filter(current__isnull=True).exists()
    assert FhirResource.objects.count() == len(good) + 2
    assert QuarantinedResult.objects.filter(state="open").count() == 2


# --- Files that people hand in -----------------------------------------------------------------


@pytest.mark.parametrize("passing", PASSINGS)
@pytest.mark.parametrize("point", UPLOADING if LONG else ["upload.ended"])
def test_files_are_handed_in_and_committed_once_however_often_the_web_server_is_killed(
    real_commits: str, free_port: Callable[[], int], point: str, passing: int
) -> None:
    make_patient()
    make_feed()
    bodies = [_file(number) for number in range(3)]
    nurse, physician = colleague("nora", "nurse"), colleague("pia", "physician")
    with web_server(free_port(), armed=f"{point}:{passing}", DATABASE_URL=real_commits) as web:
        submitter, committer = Browser.of(nurse, web), Browser.of(physician, web)
        for body in bodies:
            _hand_in(submitter, body)
        for upload in CsvUpload.objects.order_by("pk"):
            _commit(committer, f"/labs/files/{upload.public_id}/")
        assert web.repeats > 0, "the failpoint was not reached"
    run_until_read(real_commits)
    assert [bytes(row.body) for row in CsvUpload.objects.order_by("pk")] == bodies
    assert {row.end.kind for row in CsvUpload.objects.select_related("end")} == {"committed"}
    compare_files(bodies)


def _file(number: int) -> bytes:
    """Two results of a day of their own, of which one waits."""
    day = f"2026-05-{10 + number}T08:00:00+02:00"
    rows = [csv_row(order_no=f"C{number}", collected_at=day, reported_at=day)]
    rows.append(csv_row(order_no=f"D{number}", mrn="7777", collected_at=day, reported_at=day))
    return long_csv(*rows)


def _hand_in(browser: Browser, body: bytes) -> None:
    """As a person does who sees the connection break: once more, until the page says that it is there."""
    answer = browser.web.insist(lambda: browser.post("/labs/files/", {"feed": "csv-lab"}, file=body))
    known = "Exactly this file is waiting already"
    assert answer.status == 302 or (answer.status == 400 and known in answer.text), answer


def _commit(browser: Browser, path: str) -> None:
    """The same with the commit; the page shows whether it went through."""
    while "seen_preview" in (text := browser.get(path).text):
        fields = dict(re.findall(r'name="(seen_\w+)" value="(\w+)"', text))
        answer = browser.post(f"{path}commit/", fields)
        assert answer is None or answer.status == 302, answer


def compare_files(bodies: list[bytes]) -> None:
    """Each file stands here once, with its one good and its one strange row."""
    assert sorted(bytes(row.body) for row in LabMessage.objects.all()) == sorted(bodies)
    assert MessageOutcome.objects.filter(stored=1, held=1).count() == len(bodies)
    assert Observation.objects.count() == Result.objects.count() == len(bodies)
    assert QuarantinedResult.objects.filter(state="open").count() == len(bodies)


# --- The drop folder ---------------------------------------------------------------------------


@pytest.mark.parametrize("passing", [1, 2] if LONG else [2])
@pytest.mark.parametrize("point", DROPPING if LONG else ["keep.committed", "drop.reported"])
def test_a_drop_folder_whose_reader_was_killed_ends_with_each_file_in_one_place(
    real_commits: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str, passing: int
) -> None:
    make_patient()
    make_feed()
    folder = tmp_path / "drop" / "csv-lab"
    folder.mkdir(parents=True)
    monkeypatch.setenv("DROP_FOLDER", str(folder.parent))
    bodies = [_file(number) for number in range(3)]
    for number, body in enumerate(bodies):
        (folder / f"week-{number}.csv").write_bytes(body)
        (folder / f"week-{number}.csv.done").touch()
    assert run_until_read(real_commits, armed=f"{point}:{passing}") == -signal.SIGKILL
    run_until_read(real_commits)
    moved = sorted((folder / "done").glob("week-?.????????????????.csv"))
    assert sorted(path.read_bytes() for path in moved) == sorted(bodies)
    assert sorted(path.name for path in (folder / "done").iterdir()) == sorted(
        name for path in moved for name in (path.name, f"{path.name}.report.csv")
    )
    # A marker that outlived its file says nothing of any other.
    assert {path.suffix for path in folder.iterdir() if path.is_file()} <= {".done"}
    compare_files(bodies)
