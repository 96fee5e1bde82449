"""Collection times: precision, zones, hours that occur twice or never, and times that cannot be."""

from datetime import date

import pytest

from labs.models import Patient
from tests.builders_labs import make_patient, make_sender, obr, obx
from tests.labs.conformance.doors import held, only, results, send_segments

TAKEN = [
    # zone, as sent, in UTC, precision
    ("Europe/Berlin", "20260504", "2026-05-03T22:00:00+00:00", "day"),
    ("Europe/Berlin", "2026050408", "2026-05-04T06:00:00+00:00", "hour"),
    ("Europe/Berlin", "202605040805", "2026-05-04T06:05:00+00:00", "minute"),
    ("Europe/Berlin", "20260504080510", "2026-05-04T06:05:10+00:00", "second"),
    ("Europe/Berlin", "20260504080510.25", "2026-05-04T06:05:10.250000+00:00", "second"),
    ("Europe/Berlin", "20260504080510.2512", "2026-05-04T06:05:10.251200+00:00", "second"),
    ("Europe/Berlin", "20260504060510+0000", "2026-05-04T06:05:10+00:00", "second"),
    ("Europe/Berlin", "202605040005-0600", "2026-05-04T06:05:00+00:00", "minute"),
    ("Europe/Berlin", "202605041150+0545", "2026-05-04T06:05:00+00:00", "minute"),
    ("Europe/Berlin", "20260504+0200", "2026-05-03T22:00:00+00:00", "day"),
    # winter and summer of the sender's own zone
    ("Europe/Berlin", "202601120800", "2026-01-12T07:00:00+00:00", "minute"),
    ("Asia/Kolkata", "202605041135", "2026-05-04T06:05:00+00:00", "minute"),
    ("America/St_Johns", "202605040335", "2026-05-04T06:05:00+00:00", "minute"),
    ("Australia/Lord_Howe", "202605041635", "2026-05-04T06:05:00+00:00", "minute"),
    ("UTC", "202605040605", "2026-05-04T06:05:00+00:00", "minute"),
    # version 2.3: the second component states the precision
    ("Europe/Berlin", "20260504080510^S", "2026-05-04T06:05:10+00:00", "second"),
    ("Europe/Berlin", "20260504080500^M", "2026-05-04T06:05:00+00:00", "minute"),
    ("Europe/Berlin", "20260504080000^H", "2026-05-04T06:00:00+00:00", "hour"),
    ("Europe/Berlin", "20260504000000^D", "2026-05-03T22:00:00+00:00", "day"),
    ("Europe/Berlin", "20260504^S", "2026-05-03T22:00:00+00:00", "day"),
    ("Europe/Berlin", "20240229080000", "2024-02-29T07:00:00+00:00", "second"),
]


@pytest.mark.parametrize(("zone", "sent", "instant", "precision"), TAKEN)
def test_a_time_keeps_its_precision_and_is_placed_in_the_senders_zone(
    zone: str, sent: str, instant: str, precision: str, db: None
) -> None:
    make_sender(zone=zone)
    make_patient()
    send_segments(obr(collected=""), obx(collected=sent))
    assert (only()["collected_at"], only()["time_precision"], only()["usable"]) == (instant, precision, True)


HELD = [
    ("2026", "coarse-time"),
    ("202605", "coarse-time"),
    ("20260504000000^L", "coarse-time"),
    ("20260504000000^Y", "coarse-time"),
    ("20260230080000", "bad-time"),
    ("20260504240000", "bad-time"),
    ("20260504086000", "bad-time"),
    ("20250229080000", "bad-time"),
    ("20260504080000+1500", "bad-time"),
    ("20260504080000+0260", "bad-time"),
    ("20260504080000CET", "bad-time"),
    ("2026-05-04T08:00:00", "bad-time"),
    ("04.05.2026 08:00", "bad-time"),
    ("today", "bad-time"),
    ("202603290230", "skipped-hour"),
    ("20260504084600+0200", "future-time"),
    ("20270504080000", "future-time"),
    ("20060504080000", "old-time"),
    ("19600504080000", "old-time"),
]


@pytest.mark.parametrize(("sent", "reason"), HELD)
def test_a_time_that_cannot_be_waits(sent: str, reason: str, patient: Patient) -> None:
    send_segments(obr(collected=""), obx(collected=sent))
    assert (results(), held()) == ([], [reason])


def test_a_quarter_of_an_hour_ahead_of_the_messages_clock_is_still_believed(patient: Patient) -> None:
    send_segments(obr(), obx(collected="20260504084500+0200"), at="20260504083000+0200")
    assert only()["usable"]


@pytest.mark.parametrize(
    ("sent", "instant"),
    [("202510260230", "2025-10-26T00:30:00+00:00"), ("202510260230+0100", "2025-10-26T01:30:00+00:00")],
)
def test_of_an_hour_that_occurred_twice_the_earlier_is_taken_with_a_remark(
    sent: str, instant: str, patient: Patient
) -> None:
    taken = send_segments(obr(collected=""), obx(collected=sent))
    assert only()["collected_at"] == instant
    assert ("occurred twice" in taken.remarks) is ("+" not in sent)


SPM = "SPM|1|||BLD|||||||||||||20260503070000+0200"
SOURCES = [
    ("20260504070000+0200", "20260504080000+0200", SPM, "2026-05-04T05:00:00+00:00"),
    ("", "20260504080000+0200", SPM, "2026-05-04T06:00:00+00:00"),
    ("", "", SPM, "2026-05-03T05:00:00+00:00"),
]


@pytest.mark.parametrize(("obx_14", "obr_7", "spm", "instant"), SOURCES)
def test_the_collection_time_is_obx_14_else_obr_7_else_spm_17(
    obx_14: str, obr_7: str, spm: str, instant: str, patient: Patient
) -> None:
    send_segments(obr(collected=obr_7), obx(collected=obx_14), spm)
    assert only()["collected_at"] == instant


def test_no_other_time_stands_in_for_a_missing_one(patient: Patient) -> None:
    analysed = obx() + "||||||20260504081000+0200"
    send_segments(
        "ORC|RE||||||||20260504082000+0200", obr(collected="", changed="20260504082500+0200"), analysed
    )
    assert (results(), held()) == ([], ["no-collection-time"])


def test_a_bad_time_in_the_first_place_is_not_replaced_by_the_next(patient: Patient) -> None:
    send_segments(obr(), obx(collected="yesterday"))
    assert (results(), held()) == ([], ["bad-time"])


def test_a_specimen_from_before_the_patients_birth_waits(db: None) -> None:
    make_sender()
    make_patient(birth_date=date(2024, 3, 2))
    send_segments(
        "PID|1||1001^^^CLINIC^MR||Müller^Maria||20240302|F", obr(collected="20240226080000+0100"), obx()
    )
    assert held() == ["before-birth"]
