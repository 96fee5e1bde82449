"""Keeping a message: bytes first, once, with an answer that never promises too much."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from labs.models import LabMessage, MessageOutcome, Observation, Sender
from labs.services import Arrival, keep_message, keep_messages, keep_refused, load_setup
from tests.builders_labs import make_sender, message, msh, obr, obx, pid

pytestmark = pytest.mark.django_db


def keep(body: bytes) -> tuple[str, bool]:
    kept = keep_message(body=body, door="mllp", peer="10.0.0.1:4000")
    return kept.ack_code, kept.duplicate


def test_a_message_is_kept_byte_for_byte_with_its_acknowledgement() -> None:
    make_sender()
    kept = keep_message(body=message(), door="mllp", peer="10.0.0.1:4000")
    row = LabMessage.objects.get(pk=kept.message_id)
    assert bytes(row.body) == message()
    assert (row.sender, row.msh3, row.msh4, row.control_id) == ("central-lab", "LAB", "HOSPITAL", "M1")
    assert kept.acks == (bytes(row.ack),)
    assert kept.ack_code == "AA"
    assert not MessageOutcome.objects.exists()


def test_the_same_bytes_again_are_answered_with_the_first_acknowledgement() -> None:
    first = keep_message(body=message(), door="mllp")
    again = keep_message(body=message(), door="mllp")
    assert again.duplicate
    assert (again.message_id, again.acks) == (first.message_id, first.acks)
    assert LabMessage.objects.count() == 1


def test_the_same_control_id_with_other_bytes_is_a_new_message() -> None:
    assert keep(message()) == ("AA", False)
    assert keep(message(obr(), obx("61"))) == ("AA", False)
    assert LabMessage.objects.count() == 2


@pytest.mark.parametrize(
    ("body", "code", "reason"),
    [
        (b"garbage", "AR", "not-hl7"),
        (b"", "AR", "not-hl7"),
        (message(msh(f11="T"), pid(), obr(), obx()), "AR", "not-production"),
        (message(msh(f10=""), pid(), obr(), obx()), "AE", "no-control-id"),
        (message(msh(), obr(), obx()), "AE", "no-patient"),
    ],
)
def test_what_is_refused_is_kept_all_the_same_with_its_reason(body: bytes, code: str, reason: str) -> None:
    assert keep(body) == (code, False)
    assert keep(body) == (code, True)
    outcome = MessageOutcome.objects.get()
    assert (outcome.state, outcome.reason_code) == ("rejected", reason)
    assert bytes(outcome.message.body) == body
    assert not Observation.objects.exists()


def test_enhanced_mode_keeps_both_acknowledgements_for_a_repeat() -> None:
    body = message(msh(f15="AL", f16="AL"), pid(), obr(), obx())
    first = keep_message(body=body, door="mllp").acks
    assert [ack.split(b"\rMSA|")[1][:2] for ack in first] == [b"CA", b"AA"]
    assert keep_message(body=body, door="mllp").acks == first


def test_header_fields_longer_than_their_columns_are_cut_and_the_bytes_are_whole() -> None:
    body = message(msh(f3="L" * 400), pid(), obr(), obx())
    assert keep(body)[0] == "AA"
    assert bytes(LabMessage.objects.get().body) == body


def test_a_broken_frame_is_kept_as_an_incident() -> None:
    keep_refused(body=b"MSH|half", door="mllp", peer="x", code="unfinished-frame", reason="It ended.")
    keep_refused(body=b"MSH|half", door="mllp", peer="x", code="unfinished-frame", reason="It ended.")
    outcome = MessageOutcome.objects.get()
    assert (outcome.state, outcome.reason_code) == ("rejected", "unfinished-frame")


@pytest.mark.parametrize("count", [1, 10])
def test_what_arrives_together_takes_two_queries_however_much_it_is(
    count: int, django_assert_num_queries: Callable[[int], AbstractContextManager[object]]
) -> None:
    make_sender()
    bodies = [message(control_id=f"M{number}") for number in range(count)]
    with django_assert_num_queries(2):
        kept = keep_messages([Arrival(body=body, door="mllp") for body in bodies])
    assert [row.duplicate for row in kept] == [False] * count
    again = keep_messages([Arrival(body=body, door="mllp") for body in [*bodies, bodies[0]]])
    assert [row.message_id for row in again] == [row.message_id for row in [*kept, kept[0]]]


def test_the_same_bytes_twice_at_once_are_one_message() -> None:
    one, two = keep_messages([Arrival(body=message(), door="mllp")] * 2)
    assert (one.message_id, one.acks) == (two.message_id, two.acks)
    assert [one.duplicate, two.duplicate] == [False, True]


def test_a_set_up_file_binds_a_certificate_to_its_sender_and_may_leave_that_out() -> None:
    head = b"sender,msh3,msh4,tz,default_charset,bare_mrn_ok"
    row = b"central-lab,LAB,HOSPITAL,Europe/Berlin,UTF-8,false"
    load_setup(files={"senders.csv": head + b",certificate\n" + row + b",LIS.Example\n"})
    assert Sender.objects.get().certificate == "lis.example"
    load_setup(files={"senders.csv": head + b"\n" + row + b"\n"})
    assert Sender.objects.get().certificate == "lis.example"
