"""The task, the system check, and two workers at once."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.db import OperationalError, connection

from labs import library, services
from labs.apps import analytes_are_whole
from labs.models import LabMessage, MessageOutcome, Observation
from labs.services import read as reading
from labs.services import read_waiting_messages
from labs.tasks import read_messages
from tests.builders_labs import make_patient, make_sender, message, obr, obx


def keep(count: int) -> list[int]:
    make_sender()
    make_patient()
    bodies = [message(obr(f"F{n}"), obx(str(60 + n)), control_id=f"M{n}") for n in range(count)]
    return [services.keep_message(body=body, door="mllp").message_id for body in bodies]


@pytest.mark.django_db
def test_the_task_reads_the_messages_it_is_given_or_all() -> None:
    ids = keep(3)
    read_messages(ids[1:2])
    assert MessageOutcome.objects.get().message_id == ids[1]
    read_messages()
    assert MessageOutcome.objects.count() == 3


def test_the_task_is_acknowledged_only_when_done() -> None:
    assert read_messages.acks_late


def test_two_workers_read_every_message_exactly_once(real_commits: str) -> None:
    keep(12)

    def work() -> int:
        try:
            return read_waiting_messages()
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        done = [future.result() for future in [pool.submit(work), pool.submit(work)]]
    assert sum(done) == 12
    assert MessageOutcome.objects.filter(state="read").count() == 12
    assert Observation.objects.count() == 12


@pytest.mark.django_db
def test_a_message_the_database_refuses_for_now_stays_waiting_and_hides_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ids = keep(2)
    claim = reading._claim

    def refuse_first(message_ids: Sequence[int]) -> list[LabMessage]:
        if ids[0] in message_ids:
            raise OperationalError("seeded fault: lock time-out")
        return claim(message_ids)

    monkeypatch.setattr(reading, "_claim", refuse_first)
    assert read_waiting_messages() == 1
    monkeypatch.setattr(reading, "_claim", claim)
    assert read_waiting_messages() == 1


@pytest.mark.django_db
def test_a_database_that_keeps_refusing_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    keep(4)

    def refuse(message_ids: Sequence[int]) -> list[LabMessage]:
        raise OperationalError("seeded fault: lock time-out")

    monkeypatch.setattr(reading, "_claim", refuse)
    with pytest.raises(OperationalError):
        read_waiting_messages()
    assert not MessageOutcome.objects.exists()


def test_a_damaged_analyte_file_is_a_system_check_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert analytes_are_whole(None) == []
    damaged = tmp_path / "analytes.toml"
    damaged.write_text("[sources]\n", encoding="utf-8")
    monkeypatch.setattr(library, "FILE", damaged)
    [error] = analytes_are_whole(None)
    assert error.id == "labs.E001"
    assert "analytes.toml: (top)" in error.msg
