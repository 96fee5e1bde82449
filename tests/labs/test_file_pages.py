"""Handing a file in, reading its preview, and a second person's commit or discard, through the pages."""

import csv
import io
import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.test.utils import override_settings

from labs.models import (
    CsvPreview,
    CsvUpload,
    CsvUploadEnd,
    LabMessage,
    LabReport,
    MessageOutcome,
    Observation,
    Patient,
    QuarantinedResult,
    Result,
)
from labs.services import keep_message
from tests.builders_labs import csv_row, long_csv, make_feed, make_patient, receive

pytestmark = pytest.mark.django_db
RECORD = (LabMessage, MessageOutcome, LabReport, Result, Observation, QuarantinedResult)


@pytest.fixture
def patient() -> Patient:
    make_feed()
    return make_patient()


@pytest.fixture
def nurse(person: Any) -> User:
    found: User = person("nurse", username="nurse")
    return found


@pytest.fixture
def second(person: Any) -> User:
    found: User = person("physician", username="second")
    return found


def stored() -> list[int]:
    return [model._default_manager.count() for model in RECORD]


def as_user(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def hand_in(user: User, body: bytes, *, feed: str = "csv-lab", name: str = "week.csv") -> Any:
    sent = {"feed": feed, "file": SimpleUploadedFile(name, body, content_type="text/csv")}
    return as_user(user).post("/labs/files/", sent)


def page_of(upload: CsvUpload) -> str:
    return f"/labs/files/{upload.public_id}/"


def seen(user: User, upload: CsvUpload) -> dict[str, str]:
    """The hidden fields of the form as the page gives them."""
    text = as_user(user).get(page_of(upload)).content.decode()
    return dict(re.findall(r'name="(seen_\w+)" value="(\w+)"', text))


def commit(user: User, upload: CsvUpload, fields: dict[str, str] | None = None) -> Any:
    sent = seen(user, upload) if fields is None else fields
    return as_user(user).post(f"{page_of(upload)}commit/", sent, follow=True)


MIXED = long_csv(
    csv_row("62", status="C"),
    csv_row("210", order_no="C2", collected_at="2026-05-05T08:00:00+02:00"),
    csv_row("61", order_no="C3", unit="furlong"),
    csv_row("70", order_no="C4", mrn="9999"),
    csv_row("", order_no="C5", status="I"),
    csv_row("61", order_no="C6"),
    [""] * 16,
)


def test_a_preview_stores_nothing_and_says_what_would_become_of_every_row(
    patient: Patient, nurse: User
) -> None:
    receive(long_csv(csv_row(), csv_row("61", order_no="C6")), door="csv", feed="csv-lab")
    before = stored()
    answer = hand_in(nurse, MIXED)
    upload = CsvUpload.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, page_of(upload))
    assert stored() == before
    assert bytes(upload.body) == MIXED
    lines = {line["row"]: line for line in upload.previews.get().lines}
    assert {row: line["state"] for row, line in lines.items()} == {
        2: "changed",
        3: "new",
        4: "held",
        5: "held",
        6: "no-result",
        7: "unchanged",
        8: "empty",
    }
    assert (lines[2]["old"], lines[2]["new"], lines[2]["new_status"]) == ("60", "62", "corrected")
    assert (lines[4]["reason_code"], lines[5]["reason_code"]) == ("unknown-unit", "unknown-patient")
    text = as_user(nurse).get(page_of(upload)).content.decode()
    for words in ("<del>60</del>", "<strong>62</strong>", "not known for Platelets", "Register the patient"):
        assert words in text
    assert "another person reads it and commits it" in text
    assert "Commit the file" not in text
    assert stored() == before


def test_a_second_person_commits_exactly_what_was_previewed(
    patient: Patient, nurse: User, second: User
) -> None:
    receive(long_csv(csv_row()), door="csv", feed="csv-lab")
    hand_in(nurse, MIXED)
    upload = CsvUpload.objects.get()
    answer = commit(second, upload)
    assert answer.status_code == 200
    assert "Committed: 3 stored, 2 held for a person." in answer.content.decode()
    end = CsvUploadEnd.objects.get()
    assert (end.kind, end.ended_by, end.upload, end.preview) == (
        "committed",
        second,
        upload,
        upload.previews.get(),
    )
    assert bytes(end.message.body) == MIXED
    assert (end.message.door, end.message.sender) == ("csv", "csv-lab")
    assert (end.message.outcome.stored, end.message.outcome.held) == (3, 2)
    assert Result.objects.get(filler_order="C1").current.value == 62


def test_nobody_commits_what_they_handed_in_and_nobody_without_the_right(
    patient: Patient, nurse: User, person: Any
) -> None:
    hand_in(nurse, MIXED)
    upload = CsvUpload.objects.get()
    preview = upload.previews.get()
    form = {"seen_file": upload.sha256, "seen_preview": preview.sha256}
    answer = commit(nurse, upload, form)
    assert answer.status_code == 409
    assert "handed this file in yourself" in answer.content.decode()
    for role in ("pharmacist", "physicist", "auditor", "administrator"):
        other = person(role)
        assert as_user(other).post(f"{page_of(upload)}commit/", form).status_code == 403
        assert as_user(other).get(page_of(upload)).status_code == 403
        assert hand_in(other, MIXED + b"x").status_code == 403
    assert Client().get(page_of(upload)).status_code == 302
    assert not Observation.objects.exists()
    assert CsvUpload.objects.count() == 1


def test_a_preview_that_no_longer_holds_is_not_committed_and_shows_what_changed(
    patient: Patient, nurse: User, second: User
) -> None:
    receive(long_csv(csv_row()), door="csv", feed="csv-lab")
    hand_in(nurse, long_csv(csv_row("62", status="C", reported_at="2026-05-04T12:00:00+02:00")))
    upload = CsvUpload.objects.get()
    form = seen(second, upload)
    correction = csv_row("65", status="C", reported_at="2026-05-04T10:00:00+02:00")
    receive(long_csv(correction), door="csv", feed="csv-lab")
    before = stored()
    answer = commit(second, upload, form)
    text = answer.content.decode()
    assert answer.status_code == 409
    assert "Nothing was committed." in text
    assert "Changes what stands: 60 to 62" in text
    assert "<del>65</del>" in text
    assert stored() == before
    assert CsvPreview.objects.count() == 2
    # The form that was read first stays stale; the new one commits.
    assert commit(second, upload, form).status_code == 409
    assert commit(second, upload).status_code == 200
    assert Result.objects.get().current.value == 62


def test_a_form_of_another_file_or_a_second_commit_changes_nothing(
    patient: Patient, nurse: User, second: User
) -> None:
    hand_in(nurse, MIXED)
    upload = CsvUpload.objects.get()
    good = seen(second, upload)
    for form in ({}, {"seen_file": "0" * 64, "seen_preview": good["seen_preview"]}):
        assert commit(second, upload, form).status_code == 409
    assert not LabMessage.objects.exists()
    assert commit(second, upload, good).status_code == 200
    before = stored()
    again = commit(second, upload, good)
    assert again.status_code == 409
    assert "was committed by second before" in again.content.decode()
    assert stored() == before


def test_discarding_takes_a_reason_and_nothing_in(patient: Patient, nurse: User, second: User) -> None:
    hand_in(nurse, MIXED)
    upload = CsvUpload.objects.get()
    client = as_user(second)
    assert client.post(f"{page_of(upload)}discard/", {"reason": " … "}).status_code == 409
    assert client.post(f"{page_of(upload)}discard/", {"reason": "of another clinic"}).status_code == 302
    assert CsvUploadEnd.objects.get().reason == "of another clinic"
    assert not LabMessage.objects.exists()
    assert commit(second, upload, {"seen_file": upload.sha256, "seen_preview": "x"}).status_code == 409
    assert "of another clinic" in client.get("/labs/files/").content.decode()
    # The same bytes may be handed in again: nothing of them was taken in.
    assert hand_in(nurse, MIXED).status_code == 302


def test_a_file_refused_as_a_whole_says_why_and_cannot_be_committed(
    patient: Patient, nurse: User, second: User
) -> None:
    hand_in(nurse, b"a,b\n1,2\n")
    upload = CsvUpload.objects.get()
    text = as_user(second).get(page_of(upload)).content.decode()
    assert "A column is missing: mrn" in text
    assert "exactly the columns of its feed" in text
    assert "Commit the file" not in text
    form = {"seen_file": upload.sha256, "seen_preview": upload.previews.get().sha256}
    assert commit(second, upload, form).status_code == 409
    assert not LabMessage.objects.exists()


def test_the_same_bytes_again_are_known_and_say_so(patient: Patient, nurse: User, second: User) -> None:
    hand_in(nurse, MIXED)
    waiting = hand_in(nurse, MIXED)
    assert waiting.status_code == 400
    assert "waiting already for a second person" in waiting.content.decode()
    commit(second, CsvUpload.objects.get())
    known = hand_in(nurse, MIXED)
    assert known.status_code == 400
    assert "was taken in before" in known.content.decode()
    assert CsvUpload.objects.count() == 1


def test_bytes_that_came_by_another_door_meanwhile_are_not_taken_twice(
    patient: Patient, nurse: User, second: User
) -> None:
    hand_in(nurse, MIXED)
    upload = CsvUpload.objects.get()
    form = seen(second, upload)
    keep_message(body=MIXED, door="csv", feed="csv-lab")
    answer = commit(second, upload, form)
    assert answer.status_code == 409
    assert "by another door" in answer.content.decode()
    assert LabMessage.objects.count() == 1


@pytest.mark.parametrize(
    ("feed", "body", "words"),
    [
        ("", MIXED, "Choose the feed"),
        ("nowhere", MIXED, "Select a valid choice"),
        ("csv-lab", b"", "The file is empty"),
        ("csv-lab", b"x" * 1025, "larger than 1 KiB"),
    ],
)
def test_what_cannot_be_handed_in_says_why(
    feed: str, body: bytes, words: str, patient: Patient, nurse: User
) -> None:
    with override_settings(FILE_MOST_KIB=1):
        answer = hand_in(nurse, body, feed=feed)
    assert answer.status_code == 400
    assert words in answer.content.decode()
    assert not CsvUpload.objects.exists()


def test_reading_pages_changes_nothing_and_acts_are_posts_only(
    patient: Patient, nurse: User, second: User
) -> None:
    hand_in(nurse, MIXED)
    upload = CsvUpload.objects.get()
    client = as_user(second)
    for address in ("/labs/files/", page_of(upload), f"{page_of(upload)}report.csv"):
        assert client.get(address).status_code == 200
    for act in ("commit", "discard"):
        assert client.get(f"{page_of(upload)}{act}/").status_code == 405
    assert client.get(f"{page_of(upload)}?show=held&page=99").status_code == 200
    assert (CsvPreview.objects.count(), CsvUploadEnd.objects.count()) == (1, 0)
    assert not any(stored())


def test_a_name_and_a_cell_with_script_or_hidden_characters_stay_text(patient: Patient, nurse: User) -> None:
    evil = "<script>alert(1)</script>\u202e"
    hand_in(nurse, long_csv(csv_row(unit=evil)), name=f"{evil}.csv")
    text = as_user(nurse).get(page_of(CsvUpload.objects.get())).content.decode()
    assert "<script>alert" not in text
    assert "\u202e" not in text
    assert "[U+202E]" in text


def test_the_report_file_holds_every_row_and_no_formula(patient: Patient, nurse: User) -> None:
    make_feed(name="wide", layout="wide")
    body = (
        "MRN,Name,DOB,Sex,Collected,=HYPERLINK(1) (10*9/L)\r\n"
        '1001,"Müller, Maria",1961-03-02,F,2026-05-04T08:00,60\r\n'
    ).encode()
    hand_in(nurse, body, feed="wide")
    upload = CsvUpload.objects.get()
    text = as_user(nurse).get(f"{page_of(upload)}report.csv").content.decode()
    [header, row] = list(csv.reader(io.StringIO(text, newline="")))
    cells = dict(zip(header, row, strict=True))
    assert cells["column"] == "'=HYPERLINK(1) (10*9/L)"
    assert (cells["row"], cells["state"], cells["reason_code"]) == ("2", "held", "unmapped-code")
    assert cells["remedy"]
