"""Messages that share one commit: the same is stored as one by one, and a fault of one costs no other."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labs.formats import hl7v2
from labs.library import limits
from labs.models import (
    LabMessage,
    MessageOutcome,
    Observation,
    Patient,
    PatientMerge,
    QuarantinedResult,
    Result,
    UnitUse,
)
from labs.services import bulk, keep_message, outcomes, read, read_waiting_messages, storing
from labs.services.read import _groups
from labs.signals import evidence_changed
from tests.builders_labs import make_feed, make_patient, make_sender, message, msh, obr, obx, pid, receive
from tests.labs.test_merges import agreed
from tests.labs.test_ways_of_writing import left_behind

pytestmark = pytest.mark.django_db
LATER, LAST = "20260504100000+0200", "20260504110000+0200"
OTHER = pid("1002^^^CLINIC^MR", name="Schmidt^Eva", born="19700101")


@pytest.fixture
def patient() -> Patient:
    make_sender()
    make_patient(mrn="1002", family="Schmidt", given="Eva", birth_date=date(1970, 1, 1))
    return make_patient()


@pytest.fixture
def commits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many messages each commit was to hold."""
    found: list[int] = []
    whole = read._read

    def counting(message_ids: Sequence[int], this: Any) -> int:
        found.append(len(message_ids))
        return whole(message_ids, this)

    monkeypatch.setattr(read, "_read", counting)
    return found


def states() -> list[tuple[str, str]]:
    return list(MessageOutcome.objects.order_by("message_id").values_list("state", "reason_code"))


def stumble_over(monkeypatch: pytest.MonkeyPatch, control_id: str) -> None:
    """Have our parser fail over one message."""
    whole = hl7v2.parse

    def stumble(body: bytes, **profile: Any) -> Any:
        if control_id.encode() in body:
            raise RuntimeError("seeded fault")
        return whole(body, **profile)

    monkeypatch.setattr(hl7v2, "parse", stumble)


def test_a_correction_meets_the_result_that_a_message_of_the_same_commit_states(
    patient: Patient, commits: list[int]
) -> None:
    receive(
        message(obr(), obx("160")),
        message(OTHER, obr("F2"), obx("90"), control_id="M2"),
        message(obr(), obx("60", status="C"), control_id="M3", at=LATER),
        message(obr(), obx("60", status="C"), control_id="M4", at=LAST),
    )
    assert commits == [4]
    current = Result.objects.get(patient=patient).current
    assert current is not None and current.supersedes is not None
    assert (current.value, current.version, current.supersedes.value) == (60, 2, 160)
    assert states() == [("read", ""), ("read", ""), ("read", ""), ("duplicate", "")]


def test_a_promotion_a_withdrawal_and_a_revival_in_one_commit_keep_their_order(patient: Patient) -> None:
    receive(
        message(obr(), obx("60", status="P")),
        message(obr(), obx("", status="U", unit="", limits=""), control_id="M2", at=LATER),
        message(OTHER, obr(), obx("", status="U", unit="", limits=""), control_id="M3"),
        message(obr(), obx("60", status="D"), control_id="M4", at=LAST),
        message(obr(), obx("61"), control_id="M5", at="20260504113000+0200"),
    )
    versions = Observation.objects.filter(patient=patient).order_by("version")
    assert [row.status for row in versions] == ["preliminary", "final", "entered-in-error", "final"]
    result = Result.objects.get()
    assert result.current is not None
    assert (result.current.status, result.in_conflict) == ("entered-in-error", True)
    assert [reason for _state, reason in states()] == ["", "", "nothing-to-promote", "", "after-withdrawal"]


def test_two_numbers_of_one_person_in_one_commit_are_one_result(
    patient: Patient, person: Callable[..., User]
) -> None:
    retired = make_patient(mrn="900")
    agreed(retired, patient, (person("nurse", username="nurse-1"), person("physician", username="doctor-1")))
    assert PatientMerge.objects.in_force().exists()
    receive(
        message(pid("900^^^CLINIC^MR"), obr(), obx("160")),
        message(obr(), obx("60", status="C"), control_id="M2", at=LATER),
    )
    result = Result.objects.get()
    assert result.current is not None
    assert (result.patient, result.current.value, result.current.version) == (retired, 60, 2)


def test_a_later_correction_in_the_same_commit_settles_a_result_of_too_many_versions(
    patient: Patient,
) -> None:
    many = [obx(str(100 + number)) for number in range(limits().versions_in_message + 1)]
    receive(message(obr(), *many), message(obr(), obx("90", status="C"), control_id="M2", at=LAST))
    assert Result.objects.get().is_usable


def test_a_spelling_is_noted_with_the_first_message_that_used_it(patient: Patient) -> None:
    ids = [
        keep_message(body=body, door="mllp").message_id
        for body in (
            message(obr("F1"), obx("60", unit="/nL")),
            message(OTHER, obr("F2"), obx("60", unit="/nL"), control_id="M2"),
        )
    ]
    read_waiting_messages()
    assert UnitUse.objects.get().message_id == ids[0]


def test_a_spelling_is_noted_also_where_the_commit_that_noted_it_first_failed(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = outcomes.finish

    def fail_together(answered: Sequence[Any], **facts: Any) -> None:
        if len(answered) > 1:
            raise RuntimeError("seeded fault, after the units were noted")
        whole(answered, **facts)

    monkeypatch.setattr(read, "finish", fail_together)
    receive(message(obr("F1"), obx("60", unit="/nL")), message(OTHER, obr("F2"), obx("90"), control_id="M2"))
    assert states() == [("read", ""), ("read", "")]
    assert sorted(UnitUse.objects.values_list("unit", flat=True)) == ["/nl", "10*9/l"]


def test_a_reused_control_id_is_remarked_on_in_its_own_message_only(patient: Patient) -> None:
    receive(message(), message(obr("F2"), obx("70")), message(OTHER, obr("F3"), obx("80"), control_id="M2"))
    noted = [bool(row.notes) for row in MessageOutcome.objects.order_by("message_id")]
    assert noted == [False, True, False]


def test_what_cannot_be_read_waits_between_others_of_its_commit(patient: Patient, commits: list[int]) -> None:
    receive(
        message(),
        message(msh("M2", f4="ELSEWHERE"), pid(), obr("F2"), obx()),
        message(pid("9999^^^CLINIC^MR"), obr("F3"), obx(), control_id="M3"),
        message(obr("F4"), obx("70"), control_id="M4"),
    )
    assert commits == [4]
    assert states() == [
        ("read", ""),
        ("quarantined", "unknown-sender"),
        ("quarantined", "unknown-patient"),
        ("read", ""),
    ]
    held = QuarantinedResult.objects.order_by("message_id").values_list("reason_code", "position")
    assert list(held) == [("unknown-sender", 0), ("unknown-patient", 4)]


def test_a_fault_of_ours_in_the_middle_has_each_message_read_for_itself(
    patient: Patient, commits: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    stumble_over(monkeypatch, "POISON")
    receive(
        message(obr(), obx("160")),
        message(OTHER, obr("F2"), obx("90"), control_id="POISON"),
        message(obr(), obx("60", status="C"), control_id="M3", at=LATER),
    )
    assert commits == [3, 1, 1, 1]
    assert states() == [("read", ""), ("quarantined", "reader-failed"), ("read", "")]
    assert Observation.objects.count() == 2
    assert Result.objects.get().current is not None


def test_a_fault_while_storing_leaves_nothing_of_the_commit_behind(
    patient: Patient,
    commits: list[int],
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Callable[..., Any],
) -> None:
    told: list[list[int]] = []
    before: list[tuple[int, int]] = []
    whole = outcomes.finish

    def fail_once(answered: Sequence[Any], **facts: Any) -> None:
        whole(answered, **facts)
        if len(answered) > 1:
            raise RuntimeError("seeded fault, after everything was written")
        before.append((MessageOutcome.objects.count(), Observation.objects.count()))

    def listen(patient_ids: list[int], **_: Any) -> None:
        told.append(patient_ids)

    monkeypatch.setattr(read, "finish", fail_once)
    evidence_changed.connect(listen)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            receive(message(), message(OTHER, obr("F2"), obx("90"), control_id="M2"))
    finally:
        evidence_changed.disconnect(listen)
    assert commits == [2, 1, 1]
    assert before == [(1, 1), (2, 2)]
    assert states() == [("read", ""), ("read", "")]
    assert sorted(pk for ids in told for pk in ids) == sorted(Patient.objects.values_list("pk", flat=True))


def test_a_commit_that_the_database_refuses_is_tried_message_by_message(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = bulk.insert_tables

    def refuse(*tables: tuple[Any, Sequence[Any]]) -> None:
        if len(tables[0][1]) > 1:
            raise OperationalError("seeded fault: deadlock detected")
        whole(*tables)

    monkeypatch.setattr(storing, "insert_tables", refuse)
    receive(message(), message(OTHER, obr("F2"), obx("90"), control_id="M2"))
    assert states() == [("read", ""), ("read", "")]


def test_one_message_that_another_worker_took_stops_none_of_its_commit(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = read._claim
    monkeypatch.setattr(read, "_claim", lambda message_ids: claim(message_ids)[1:])
    for number in range(3):
        keep_message(body=message(obr(f"F{number}"), obx(), control_id=f"M{number}"), door="mllp")
    assert read_waiting_messages() == 2
    assert LabMessage.objects.get(outcome__isnull=True).control_id == "M0"


def test_what_is_long_or_no_hl7_has_a_commit_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read, "_TOGETHER", 3)
    monkeypatch.setattr(read, "_TOGETHER_BYTES", 100)
    waiting = [
        *((number, "mllp", 10) for number in (1, 2, 3, 4)),
        (5, "csv", 1),
        (6, "mllp", 60),
        (7, "hl7-file", 60),
        (8, "mllp", 5000),
        (9, "mllp", 1),
        (10, "fhir", 1),
        (11, "manual", 1),
    ]
    assert list(_groups(waiting)) == [[1, 2, 3], [4], [5], [6], [7], [8], [9], [10], [11]]
    assert list(_groups([])) == []


def test_a_commit_of_many_messages_asks_no_more_than_one_of_two(patient: Patient) -> None:
    def queries(count: int, name: str) -> int:
        for number in range(count):
            body = message(obr(f"{name}{number}"), obx(), control_id=f"{name}{number}")
            keep_message(body=body, door="mllp")
        with CaptureQueriesContext(connection) as captured:
            assert read_waiting_messages() == count
        return len(captured)

    receive(message())  # the first message of a laboratory also notes its units
    assert queries(20, "A") == queries(2, "B")


STATEMENTS = st.tuples(
    st.sampled_from(["60", "160", "5000", '""', ""]),
    st.sampled_from(["10*9/L", "10*9/L", "/nL", "furlong"]),
    st.sampled_from(["P", "F", "F", "C", "W", "X", "I", "V", "U"]),
    st.integers(0, 2),
    st.sampled_from(["1001", "1001", "1002", "1003"]),
)


def one_by_one(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(read, "_TOGETHER", 1)


def few_together(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(read, "_TOGETHER", 3)


def all_together(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(read, "_TOGETHER", 1000)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(st.lists(STATEMENTS, min_size=1, max_size=3), min_size=2, max_size=8), st.booleans())
def test_any_messages_leave_the_same_rows_whatever_shares_a_commit(
    sent: list[list[tuple[str, str, str, int, str]]], dated: bool
) -> None:
    with transaction.atomic():
        make_sender()
        make_feed()
        make_patient()
        make_patient(mrn="1002")
        arrived = []
        for place, statements in enumerate(sent):
            lines = [
                line
                for value, unit, status, order, mrn in statements
                for line in (
                    pid(f"{mrn}^^^CLINIC^MR"),
                    obr(f"F{order}", changed=f"2026050410{place:02}00+0200" if dated else ""),
                    obx(value, unit=unit, status=status, kind="ST"),
                )
            ]
            at = f"2026050411{place:02}00+0200"
            arrived.append((message(*lines, control_id=f"M{place % 5}-{place}", at=at), "mllp", ""))
        alone = left_behind(arrived, one_by_one)
        assert left_behind(arrived, few_together) == alone
        assert left_behind(arrived, all_together) == alone
        transaction.set_rollback(True)
