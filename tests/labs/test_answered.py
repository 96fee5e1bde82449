"""Stored answers: as long as their time lasts the same request gets them again, then they are deleted."""

import logging
from datetime import datetime, timedelta

import pytest
from celery import current_app
from django.test import Client

from alerts.services.rounds import make_round
from labs.clock import database_now
from labs.library import limits
from labs.models import AnsweredRequest, LabMessage, MessageOutcome, Observation
from labs.services import forget_old_answers
from labs.tasks import forget_old_answers as forget_task
from prrt_clinic.append_only import APPEND_ONLY, ONE_FINISH
from prrt_clinic.celery import TICK_SECONDS
from tests.builders_fhir import fhir_patient, lab, observation, send

pytestmark = pytest.mark.django_db
LIFE = timedelta(days=limits().fhir_answers_kept_days)


@pytest.fixture
def client() -> Client:
    fhir_patient()
    return lab()


def answered(client: Client, key: str, *, at: datetime) -> None:
    """A request that was answered at a moment of the past."""
    assert send(client, observation(key), idempotency_key=key).status_code in (200, 201)
    AnsweredRequest.objects.filter(key=key).update(answered_at=at)


def left() -> list[str]:
    return list(AnsweredRequest.objects.order_by("key").values_list("key", flat=True))


def test_an_answer_past_its_time_is_deleted_and_one_within_it_is_not(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    now = database_now()
    answered(client, "A", at=now - LIFE - timedelta(seconds=1))
    answered(client, "B", at=now - LIFE)
    answered(client, "C", at=now)
    with caplog.at_level(logging.INFO):
        assert forget_old_answers(now=now) == 1
        assert forget_old_answers(now=now) == 0
    assert left() == ["B", "C"]
    assert [record.getMessage() for record in caplog.records if "stored answer" in record.getMessage()] == [
        "1 stored answer(s) to FHIR requests were past their time and deleted."
    ]


def test_a_pass_deletes_the_oldest_first_and_no_more_than_it_may(client: Client) -> None:
    now = database_now()
    for days, key in enumerate("ABC"):
        answered(client, key, at=now - LIFE - timedelta(days=days + 1))
    assert forget_old_answers(now=now, limit=2) == 2
    assert left() == ["A"]


def test_the_record_stays_and_the_same_request_is_read_as_a_new_one(client: Client) -> None:
    answered(client, "A", at=database_now() - LIFE - timedelta(days=1))
    forget_task()
    assert left() == []
    assert (LabMessage.objects.count(), MessageOutcome.objects.count()) == (1, 1)
    again = send(client, observation("A"), idempotency_key="A")
    assert again.status_code == 200  # the identifier tells that it is known
    assert (Observation.objects.count(), LabMessage.objects.count()) == (1, 2)
    other = send(client, observation("Z"), idempotency_key="A")
    assert other.status_code == 422  # the key is in use again


def test_celery_and_the_second_runner_both_do_it(client: Client) -> None:
    assert TICK_SECONDS[forget_task.name] <= 30
    assert forget_task.name in current_app.tasks
    answered(client, "A", at=database_now() - LIFE - timedelta(days=1))
    assert dict(make_round(all_due=True).done)["stored answers deleted"] == 1
    assert left() == []


def test_stored_answers_are_no_part_of_the_append_only_record() -> None:
    assert "labs.AnsweredRequest" not in {*APPEND_ONLY, *ONE_FINISH}
