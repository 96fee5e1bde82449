"""Keeping inside an event loop: the same rows as in a thread, and everything that is not plain left to it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest
from django.db import connection
from django.db.backends.postgresql.base import DatabaseWrapper

from labs.models import LabMessage, MessageOutcome, Sender
from labs.services import Arrival, KeptMessage, LoopKeeper, keep_message
from labs.services.new_message import NewMessage
from tests.builders_labs import make_sender, message, msh, obr, obx, pid

pytestmark = pytest.mark.postgres
NOBODY: frozenset[str] = frozenset()


def arrival(body: bytes, certificate: frozenset[str] = NOBODY) -> Arrival:
    return Arrival(body=body, door="mllp", peer="10.0.0.1:4000", certificate=certificate)


def kept_by_loop(*groups: Sequence[Arrival]) -> list[list[KeptMessage | None]]:
    """What one keeper makes of some groups, one after the other."""
    return run(lambda keeper: in_turn(keeper, groups))


async def in_turn(keeper: LoopKeeper, groups: Sequence[Sequence[Arrival]]) -> list[list[KeptMessage | None]]:
    return [await keeper.keep(group) for group in groups]


def run(
    scene: Callable[[LoopKeeper], Awaitable[list[list[KeptMessage | None]]]],
) -> list[list[KeptMessage | None]]:
    async def whole() -> list[list[KeptMessage | None]]:
        keeper = LoopKeeper()
        try:
            return await scene(keeper)
        finally:
            await keeper.close()

    return asyncio.run(whole())


def columns(row: LabMessage) -> dict[str, object]:
    """What is the same for the same message by whichever way it was kept, apart from ids and instants."""
    skipped = {"id", "public_id", "received_at", "ack", "control_id", "sha256", "body"}
    return {f.name: getattr(row, f.name) for f in row._meta.concrete_fields if f.name not in skipped}


def test_a_plain_message_becomes_the_same_row_as_in_a_thread(real_commits: str) -> None:
    make_sender()
    keep_message(body=message(control_id="M1"), door="mllp", peer="10.0.0.1:4000", certificate=NOBODY)
    [[kept]] = kept_by_loop([arrival(message(control_id="M2"))])
    first, second = LabMessage.objects.order_by("pk")
    assert kept is not None
    assert (kept.message_id, kept.ack_code, kept.duplicate) == (second.pk, "AA", False)
    assert kept.acks == (bytes(second.ack),)
    assert bytes(second.body) == message(control_id="M2")
    assert (second.sender, second.control_id, second.request) == ("central-lab", "M2", {})
    assert columns(second) == columns(first)
    assert not MessageOutcome.objects.exists()


def test_what_arrives_together_is_stored_together_and_only_what_is_plain(real_commits: str) -> None:
    make_sender()
    bodies = [
        message(control_id="M1"),
        b"garbage",
        message(msh(f10="M2", f11="T"), pid(), obr(), obx()),
        message(control_id="M3"),
    ]
    [kept] = kept_by_loop([arrival(body) for body in bodies])
    assert [row is not None for row in kept] == [True, False, False, True]
    assert list(LabMessage.objects.order_by("pk").values_list("control_id", flat=True)) == ["M1", "M3"]


def test_a_twin_is_not_stored_again_and_its_answer_is_left_to_the_thread(real_commits: str) -> None:
    make_sender()
    [first], [again, other] = kept_by_loop(
        [arrival(message())], [arrival(message()), arrival(message(control_id="M2"))]
    )
    assert first is not None
    assert again is None
    assert other is not None
    assert LabMessage.objects.count() == 2


def test_a_sender_bound_to_a_certificate_meanwhile_is_judged_by_it_at_once(real_commits: str) -> None:
    make_sender()

    async def scene(keeper: LoopKeeper) -> list[list[KeptMessage | None]]:
        before = await keeper.keep([arrival(message(control_id="M1"))])
        await asyncio.to_thread(bind)
        stranger = await keeper.keep([arrival(message(control_id="M2"))])
        still = await keeper.keep([arrival(message(control_id="M3"))])
        own = await keeper.keep([arrival(message(control_id="M4"), frozenset({"lis.example"}))])
        return [before, stranger, still, own]

    def bind() -> None:
        Sender.objects.update(certificate="lis.example")
        connection.close()  # this thread's own

    before, stranger, still, own = run(scene)
    assert before[0] is not None
    assert stranger == still == [None]  # refused in the thread, which writes why
    assert own[0] is not None
    assert list(LabMessage.objects.order_by("pk").values_list("control_id", flat=True)) == ["M1", "M4"]


def test_a_connection_that_is_cut_leaves_its_messages_to_the_thread_and_is_made_anew_later(
    real_commits: str,
) -> None:
    make_sender()

    async def scene(keeper: LoopKeeper) -> list[list[KeptMessage | None]]:
        before = await keeper.keep([arrival(message(control_id="M1"))])
        await asyncio.to_thread(cut)
        during = await keeper.keep([arrival(message(control_id="M2"))])
        resting = await keeper.keep([arrival(message(control_id="M3"))])
        keeper.rests_until = 0.0
        after = await keeper.keep([arrival(message(control_id="M4"))])
        return [before, during, resting, after]

    def cut() -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND query LIKE 'INSERT INTO labs_labmessage%'"
            )
        connection.close()  # this thread's own

    before, during, resting, after = run(scene)
    assert before[0] is not None
    assert during == resting == [None]
    assert after[0] is not None
    assert list(LabMessage.objects.order_by("pk").values_list("control_id", flat=True)) == ["M1", "M4"]


def test_without_a_database_nothing_is_kept_and_nothing_raised(
    real_commits: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_sender()
    wanted = connection.get_connection_params() | {"port": 1}
    # Of the class: the event loop asks a connection object of its own.
    monkeypatch.setattr(DatabaseWrapper, "get_connection_params", lambda _connection: dict(wanted))
    assert kept_by_loop([arrival(message())]) == [[None]]
    assert not LabMessage.objects.exists()


def test_a_new_message_has_every_column_that_the_database_does_not_give() -> None:
    fields = {field.name for field in LabMessage._meta.concrete_fields}
    assert fields - {"id", "received_at"} == set(NewMessage._fields)
