"""The commands of the lab door, from outside: what they print and how they end."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from labs.models import CsvFeed, LabMessage, LocalCode, Observation, Patient, Sender
from labs.services import SetupRefused, load_setup
from tests.builders_labs import (
    csv_row,
    long_csv,
    make_feed,
    make_patient,
    make_sender,
    message,
    obr,
    obx,
    receive,
)
from tests.running_listener import listening

MANAGE = str(settings.BASE_DIR / "manage.py")
SETUP = {
    "patients.csv": (
        "mrn,assigning_authority,id_type,fhir_system,alt_id,alt_authority,family,given,dob,sex\n"
        "1001,CLINIC,MR,urn:oid:1.2.3,N-5,NATIONAL,Müller,Maria,1961-03-02,F\n"
        "00123,CLINIC,MR,,,,O'Neill,Sean,1955-12-31,male\n"
    ),
    "senders.csv": (
        "sender,msh3,msh4,tz,default_charset,bare_mrn_ok\n"
        "central-lab,LAB,HOSPITAL,Europe/Berlin,UTF-8,false\n"
        "old-lab,OLD,,Europe/Vienna,8859/1,true\n"
    ),
    "local_codes.csv": "sender,code,coding_system,analyte\nfiles,THRO,L,PLT\ncentral-lab,NEUT#,L,ANC\n",
    "csv_feeds.csv": (
        "feed,layout,encoding,delimiter,decimal,datetime,date,tz,codes\n"
        "csv-lab,long,utf-8,comma,.,iso,iso,Europe/Berlin,LOINC\n"
        'german,wide,cp1252,semicolon,",",%d.%m.%Y %H:%M,%d.%m.%Y,Europe/Berlin,files\n'
    ),
}


def as_files(**changes: str) -> dict[str, bytes]:
    return {name: text.encode() for name, text in (SETUP | changes).items()}


def run(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, MANAGE, *arguments],
        env=os.environ | {"DATABASE_URL": url},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def loaded(output: str) -> Any:
    return json.loads(output)


# --- load_setup ------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_set_up_is_loaded_changed_and_left_alone() -> None:
    assert {row.state for row in load_setup(files=as_files())} == {"created"}
    assert (Patient.objects.count(), Sender.objects.count()) == (2, 2)
    assert (LocalCode.objects.count(), CsvFeed.objects.count()) == (2, 2)
    assert CsvFeed.objects.get(name="german").decimal == ","
    assert Patient.objects.get(mrn="00123").sex == "male"
    assert {row.state for row in load_setup(files=as_files())} == {"unchanged"}
    moved = SETUP["patients.csv"].replace("Müller", "Meier")
    rows = load_setup(files=as_files(**{"patients.csv": moved}))
    assert [row.subject for row in rows if row.state == "updated"] == ["CLINIC 1001"]
    assert [row.family for row in Patient.history.filter(mrn="1001")] == ["Meier", "Müller"]


WRONG = [
    ("patients.csv", "1961-03-02", "02.03.1961", "write it as 1961-03-02"),
    ("patients.csv", "1961-03-02", "2961-03-02", "future"),
    ("patients.csv", ",male", ",man", "not a valid choice"),
    ("patients.csv", "00123", "1001", "The same as row 2"),
    ("patients.csv", "00123,", ",", "cannot be blank"),
    ("patients.csv", ",dob,", ",born,", "The header must be"),
    ("patients.csv", ",dob,", ",dob,dob,", "The header must be"),
    ("patients.csv", ",male", ",male,extra", "11 cells"),
    ("senders.csv", "Europe/Vienna", "Vienna", "IANA"),
    ("senders.csv", "8859/1", "klingon", "not known"),
    ("senders.csv", "true", "perhaps", "true or false"),
    ("senders.csv", "OLD,", "LAB,HOSPITAL", "already exists"),
    ("local_codes.csv", "ANC", "NEUTRO", "known:"),
    ("csv_feeds.csv", "long,", "tall,", "not a valid choice"),
    ("csv_feeds.csv", "semicolon", "pipe", "not a valid choice"),
    ("csv_feeds.csv", '","', "x", "write . or ,"),
    ("csv_feeds.csv", "%d.%m.%Y %H:%M", "%H:%M", "write iso or a form"),
    ("csv_feeds.csv", "iso,iso", "guess,iso", "write iso or a form"),
    ("csv_feeds.csv", ",files", ",nowhere", "neither LOINC nor a sender"),
    ("csv_feeds.csv", "german", '"german', "quoting"),
    ("csv_feeds.csv", "cp1252", "8859/1", "encoding is"),
    ("csv_feeds.csv", "cp1252", "rot13", "encoding is"),
    ("csv_feeds.csv", "cp1252", "klingon", "encoding is"),
    ("csv_feeds.csv", "cp1252", "", "encoding is"),
    ("csv_feeds.csv", "%d.%m.%Y %H:%M", "%d.%m.%Y %I:%M", "write iso or a form"),
    ("csv_feeds.csv", ",codes", ",codes,thousands", "The header must be"),
    ("csv_feeds.csv", "feed,layout,", "feed,", "The header must be"),
    ("csv_feeds.csv", "german,", "csv-lab,", "The same as row 2"),
    ("csv_feeds.csv", "german,", ",", "cannot be blank"),
    ("patients.csv", "Maria", "Ma\0ria", "NUL"),
    ("patients.csv", "Sean", '"Sean', "quoting"),
    ("senders.csv", "sender,msh3", "sender;msh3", "The header must be"),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("file", "old", "new", "reason"), WRONG)
def test_one_wrong_row_changes_nothing(file: str, old: str, new: str, reason: str) -> None:
    assert old in SETUP[file]
    with pytest.raises(SetupRefused) as refusal:
        load_setup(files=as_files(**{file: SETUP[file].replace(old, new, 1)}))
    assert [reason in row.reason for row in refusal.value.rows if row.state == "error"] == [True]
    for model in (Patient, Sender, LocalCode, CsvFeed):
        assert not model._default_manager.exists()


@pytest.mark.django_db
def test_files_that_are_not_utf_8_or_empty_change_nothing_and_say_why() -> None:
    for body, reason in ((SETUP["patients.csv"].encode("cp1252"), "not utf-8"), (b"", "The header must be")):
        with pytest.raises(SetupRefused) as refusal:
            load_setup(files=as_files() | {"patients.csv": body})
        assert [reason in row.reason for row in refusal.value.rows if row.state == "error"] == [True]
        assert not Sender.objects.exists()


@pytest.mark.django_db
def test_a_site_is_onboarded_with_the_four_files_and_its_first_files_are_understood(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, text in SETUP.items():
        (tmp_path / name).write_text(text, encoding="utf-8-sig")
    call_command("load_setup", str(tmp_path))
    assert "8 created" in capsys.readouterr().out
    wide, hl7 = tmp_path / "wide.csv", tmp_path / "first.hl7"
    wide.write_bytes(
        "MRN;Name;DOB;Sex;Collected;THRO (Gpt/l)\r\n"
        "1001;Müller, Maria;02.03.1961;F;04.05.2026 08:00;60,5\r\n".encode("cp1252")
    )
    hl7.write_bytes(message(obr("H1"), obx("3.1", code="NEUT#^Neutrophils^L", limits="")))
    call_command("ingest", "--feed", "german", str(wide))
    call_command("ingest", "--feed", "central-lab", "--format", "hl7", str(hl7))
    capsys.readouterr()
    call_command("results", "--mrn", "1001")
    rows = loaded(capsys.readouterr().out)
    assert {(row["analyte"], row["value"]) for row in rows} == {("PLT", "60.5"), ("ANC", "3.1")}


def test_load_setup_from_outside(real_commits: str, tmp_path: Path) -> None:
    for name, text in SETUP.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    done = run(real_commits, "load_setup", str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert "patients.csv:2: created CLINIC 1001" in done.stdout
    assert "8 created, 0 updated, 0 unchanged" in done.stdout
    (tmp_path / "senders.csv").write_text("sender,msh3\n", encoding="utf-8")
    wrong = run(real_commits, "load_setup", str(tmp_path))
    assert wrong.returncode == 2
    assert "senders.csv:1: error" in wrong.stdout
    assert "Nothing was changed" in wrong.stderr
    assert run(real_commits, "load_setup", str(tmp_path / "nowhere")).returncode == 2


# --- ingest, results ---------------------------------------------------------------------------


def test_ingest_and_results_from_outside(real_commits: str, tmp_path: Path) -> None:
    make_patient()
    make_sender()
    make_feed()
    good, mixed, broken = tmp_path / "good.csv", tmp_path / "mixed.csv", tmp_path / "broken.csv"
    good.write_bytes(long_csv(csv_row()))
    mixed.write_bytes(long_csv(csv_row("210", unit="furlong", order_no="C9")))
    broken.write_bytes(b"a,b\n1,2\n")

    done = run(real_commits, "ingest", "--feed", "csv-lab", "--json", str(good))
    assert done.returncode == 0
    [report] = loaded(done.stdout)["files"]
    assert (report["state"], report["stored"], report["held"], report["duplicate"]) == ("read", 1, 0, False)
    assert report["rows"] == [
        {
            "row": 2,
            "column": "",
            "state": "stored",
            "analyte": "PLT",
            "reason_code": "",
            "reason": "",
            "remedy": "",
        }
    ]

    done = run(real_commits, "ingest", "--feed", "csv-lab", "--json", str(mixed), str(broken))
    assert done.returncode == 1
    held, rejected = loaded(done.stdout)["files"]
    assert (held["rows"][0]["state"], held["rows"][0]["reason_code"]) == ("held", "unknown-unit")
    assert (rejected["state"], rejected["reason_code"]) == ("rejected", "bad-header")

    hl7 = tmp_path / "two.hl7"
    hl7.write_bytes(
        message(obr("H1"), obx("70")) + message(obr("H1"), obx("65", status="C"), control_id="M2")
    )
    done = run(real_commits, "ingest", "--feed", "central-lab", "--format", "hl7", str(hl7))
    assert (done.returncode, done.stdout.count("1 stored")) == (0, 2)

    done = run(real_commits, "results", "--mrn", "1001")
    assert done.returncode == 0
    corrected, platelets = sorted(loaded(done.stdout), key=lambda row: -row["version"])
    assert (corrected["value"], corrected["status"], corrected["version"]) == ("65", "corrected", 2)
    assert platelets == {
        "analyte": "PLT",
        "loinc": "777-3",
        "value": "60",
        "comparator": None,
        "unit": "10*9/L",
        "collected_at": "2026-05-04T06:00:00+00:00",
        "time_precision": "second",
        "status": "final",
        "quality": [],
        "ref_low": "150",
        "ref_high": "400",
        "usable": True,
        "version": 1,
        "state": "current",
        "reason": "",
    }
    done = run(real_commits, "results", "--mrn", "1001", "--history")
    states = sorted((row["state"], row["usable"]) for row in loaded(done.stdout))
    assert states == [("current", True), ("current", True), ("held", False), ("superseded", False)]


def test_ingest_and_results_refuse_what_does_not_exist(real_commits: str, tmp_path: Path) -> None:
    make_feed()
    unknown_feed = run(real_commits, "ingest", "--feed", "nowhere", str(tmp_path / "a.csv"))
    assert (unknown_feed.returncode, "Known feeds: csv-lab" in unknown_feed.stderr) == (2, True)
    no_file = run(real_commits, "ingest", "--feed", "csv-lab", str(tmp_path / "a.csv"))
    assert (no_file.returncode, "cannot be read" in no_file.stderr) == (2, True)
    nobody = run(real_commits, "results", "--mrn", "1001")
    assert (nobody.returncode, "no patient with the number 1001" in nobody.stderr) == (2, True)
    assert not LabMessage.objects.exists()


@pytest.mark.django_db
def test_withdrawn_results_are_history_with_their_reason(capsys: pytest.CaptureFixture[str]) -> None:
    make_sender()
    make_patient()
    receive(message(), message(obr(), obx(status="W"), control_id="M2", at="20260504100000+0200"))
    call_command("results", "--mrn", "1001")
    assert loaded(capsys.readouterr().out) == []
    call_command("results", "--mrn", "1001", "--history")
    rows = {row["state"]: row["reason"] for row in loaded(capsys.readouterr().out)}
    assert rows == {
        "voided": "The laboratory withdrew the result (entered-in-error).",
        "superseded": "It was replaced by version 2 (entered-in-error).",
    }


# --- send_sample -------------------------------------------------------------------------------


def test_samples_go_through_the_whole_lab_door(real_commits: str, tmp_path: Path) -> None:
    make_sender()
    make_patient(mrn="DEMO-0003", family="O'Neil & Söhne|x")
    with listening(real_commits) as (port, _process):

        def send(*arguments: str) -> subprocess.CompletedProcess[str]:
            return run(real_commits, "send_sample", "--port", str(port), *arguments)

        good = send("--value", "60", "--collected-at", "2026-05-04T08:00")
        assert (good.returncode, good.stderr) == (0, "")
        assert "MSA|AA|SAMPLE" in good.stdout
        for bad in ("unit", "patient"):
            assert "MSA|AA|SAMPLE" in send("--bad", bad).stdout
        unfinished = send("--bad", "frame")
        assert (unfinished.returncode, "No answer" in unfinished.stdout) == (0, True)
        assert send("--mrn", "nobody").returncode == 2

        call_command("ingest", "--format", "hl7", *_sample_files(tmp_path))
    stored = Observation.objects.get()
    assert (stored.value, stored.ref_low, stored.patient.mrn) == (60, 150, "DEMO-0003")
    nobody = run(real_commits, "send_sample", "--port", str(port))
    assert nobody.returncode == 2
    assert "Nobody listens" in nobody.stderr
    assert "make run" in nobody.stderr


@pytest.mark.parametrize(
    ("option", "text", "reason"),
    [
        ("--value", "NaN", "--value 'NaN' is not a number"),
        ("--value", "sNaN", "is not a number"),
        ("--value", "-Infinity", "is not a number"),
        ("--value", "6\r0", "--value holds characters that cannot be seen: 6[U+000D]0"),
        ("--mrn", "1001\x1b[2J", "--mrn holds"),
        ("--unit", "g/L\rOBX|2", "--unit holds"),
        ("--low", "1\n5", "--low holds"),
        ("--high", "4\x00", "--high holds"),
        ("--status", "F\rNTE|1", "--status holds"),
        ("--order", "S1\u202e", "--order holds"),
        ("--collected-at", "2026-05-04\t08:00", "--collected-at holds"),
        ("--host", "local\rhost", "--host holds"),
    ],
)
@pytest.mark.django_db
def test_a_sample_that_no_laboratory_could_mean_is_refused(option: str, text: str, reason: str) -> None:
    make_sender()
    make_patient()
    with pytest.raises(CommandError) as refusal:
        call_command("send_sample", *(() if option == "--mrn" else ("--mrn", "1001")), f"{option}={text}")
    assert refusal.value.returncode == 2
    assert reason in str(refusal.value)


def _sample_files(folder: Path) -> list[str]:
    """The good sample's bytes as a file: sent again, they are the same message, now read."""
    row = LabMessage.objects.filter(ack_code="AA").order_by("id").first()
    assert row is not None
    path = folder / "sample.hl7"
    path.write_bytes(bytes(row.body))
    return [str(path)]
