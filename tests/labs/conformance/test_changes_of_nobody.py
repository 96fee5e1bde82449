"""A correction or withdrawal that waits for its patient leaves the stored result it may mean in doubt."""

from datetime import date
from typing import Any

import pytest
from django.contrib.auth.models import User

from labs.clock import database_now
from labs.models import Patient, QuarantinedResult
from labs.services.quarantine import confirm_resolution, state_resolution
from tests.builders_labs import csv_row, long_csv, make_feed, make_patient, obr, obx, pid, receive
from tests.labs.conformance.doors import only, results, send_segments

HOURS = [f"202605041{hour}0000+0200" for hour in range(6)]
# Whom the change names: every way in which it may be uncertain whose result it means.
NOT_CERTAIN = [
    pid(born="19610203"),
    pid(name="Müller^Martha"),
    pid(name="Meier^Maria"),
    pid(sex="M"),
    pid("1001"),
    pid("1001^^^ELSEWHERE^MR"),
    pid("9999^^^CLINIC^MR"),
    pid(""),
    pid("1001^^^CLINIC^MR~1002^^^CLINIC^MR"),
]


def doubted(mrn: str = "1001") -> bool:
    """Whether the one current result of a patient is in doubt because of a change that waits."""
    row = only(mrn)
    assert row["usable"] is not ("changed-nearby" in row["quality"])
    assert ("waits for a person" in row["reason"]) is not row["usable"]
    return not row["usable"]


def stated(number: int = 0) -> None:
    send_segments(obr(), obx("200"), control_id="M1", at=HOURS[number])


def change(person: str, *, letter: str = "C", order: str = "F1", number: int = 1, **fields: str) -> None:
    value = "" if letter in "DWX" else "60"
    lines = obr(order), obx(fields.pop("value", value), status=letter, **fields)
    taken = send_segments(person, *lines, control_id=f"C{number}", at=HOURS[number])
    assert (taken.ack, taken.state) == ("AA", "quarantined")


@pytest.mark.parametrize("person", NOT_CERTAIN)
@pytest.mark.parametrize("letter", ["C", "A", "W", "D", "X"])
def test_the_result_it_may_mean_clears_nothing_and_keeps_its_value(
    person: str, letter: str, patient: Patient
) -> None:
    make_patient(mrn="1002", family="Schmidt", given="Eva", birth_date=date(1970, 1, 1))
    stated()
    assert not doubted()
    change(person, letter=letter)
    assert doubted()
    row = only()
    assert (row["value"], row["status"]) == ("200", "final")
    # Nobody else is given anything, nor is the waiting change shown as anybody's.
    assert results("1002", history=True) == []
    assert [each["state"] for each in results(history=True)] == ["current"]


def test_it_does_so_whichever_of_the_two_comes_first(patient: Patient) -> None:
    change(pid(born="19610203"), letter="W")
    assert results() == []
    stated()
    assert doubted()


@pytest.mark.parametrize("at", ["20260504080100+0200", "20260504", "202605040700+0200", "20"])
def test_a_collection_time_that_differs_a_little_or_cannot_be_read_is_no_way_out(
    at: str, patient: Patient
) -> None:
    stated()
    change(pid(born="19610203"), letter="W", collected=at)
    assert doubted()


def test_a_deleted_value_is_a_withdrawal_too(patient: Patient) -> None:
    stated()
    change(pid(born="19610203"), letter="F", value='""')
    assert doubted()


CANNOT_MEAN_IT = [
    ({"order": "F2"}, "the same test of another order"),
    ({"code": "718-7^Haemoglobin^LN", "unit": "g/L"}, "another test"),
    ({"sub_id": "2"}, "another part of the order"),
    ({"collected": "20260501080000+0200"}, "a draw of another day"),
    ({"letter": "F"}, "no change at all"),
]


@pytest.mark.parametrize(("fields", "why"), CANNOT_MEAN_IT)
def test_what_it_cannot_mean_is_not_in_doubt(fields: dict[str, Any], why: str, patient: Patient) -> None:
    stated()
    change(pid(born="19610203"), **fields)
    assert not doubted(), why


def test_without_an_order_number_the_named_number_alone_says_who_may_be_meant(patient: Patient) -> None:
    make_patient(mrn="1002", family="Schmidt", given="Eva", birth_date=date(1970, 1, 1))
    bare = "OBR|1|||58410-2^Blood count^LN|||20260504080000+0200"
    send_segments(bare, obx("200"), control_id="M1", at=HOURS[0])
    eva = pid("1002^^^CLINIC^MR", name="Schmidt^Eva", born="19700101")
    send_segments(eva, bare, obx("210"), control_id="M2", at=HOURS[0])
    send_segments(pid(born="19610203"), bare, obx("", status="W"), control_id="M3", at=HOURS[1])
    assert (doubted("1001"), doubted("1002")) == (True, False)


@pytest.mark.parametrize("letter", ["C", "W"])
def test_a_later_correction_of_certain_identity_ends_the_doubt(letter: str, patient: Patient) -> None:
    stated()
    change(pid(born="19610203"), letter=letter)
    # An old value sent once more says nothing of the change.
    send_segments(obr(), obx("200"), control_id="M2", at=HOURS[2])
    assert doubted()
    send_segments(obr(), obx("190", status="C"), control_id="M3", at=HOURS[3])
    assert (doubted(), only()["value"]) == (False, "190")


def test_a_correction_from_before_the_change_does_not(patient: Patient) -> None:
    stated()
    send_segments(obr(), obx("190", status="C"), control_id="M2", at=HOURS[1])
    change(pid(born="19610203"), letter="W", number=2)
    assert doubted()


def resolve(item: QuarantinedResult, kind: str, by: User, second: User, **data: str) -> None:
    said = state_resolution(
        item=item,
        kind=kind,
        data=data,
        reason="Compared with the report.",
        by=by,
        authenticated_at=database_now(),
    )
    confirm_resolution(resolution=said, by=second, authenticated_at=database_now())


def test_two_people_end_the_doubt_by_rejecting_or_matching_what_waits(patient: Patient, person) -> None:
    nurse, physician = person("nurse", username="nora"), person("physician", username="pia")
    stated()
    change(pid(name="Meier^Maria"), letter="W")
    resolve(QuarantinedResult.objects.get(), "reject", nurse, physician)
    assert not doubted()
    change(pid(name="Meier^Maria"), letter="W", number=2)
    assert doubted()
    waiting = QuarantinedResult.objects.get(state="open")
    resolve(waiting, "match", nurse, physician, mrn="1001", birth_date="1961-03-02")
    assert results() == []


def test_a_row_of_a_file_does_the_same(patient: Patient) -> None:
    make_feed()
    receive(long_csv(csv_row("200")), door="csv", feed="csv-lab")
    later = {"status": "C", "dob": "1961-02-03", "reported_at": "2026-05-04T11:00:00+02:00"}
    receive(long_csv(csv_row("60", **later)), door="csv", feed="csv-lab")
    assert doubted()
