"""Two requests at the same moment: conditional creates make one resource, one key does one thing."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from threading import Barrier
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connections
from django.test import Client

from labs.clock import database_now
from labs.models import (
    FhirKey,
    FhirResource,
    LabMessage,
    MessageOutcome,
    Observation,
    QuarantinedResult,
    QuarantineResolution,
    Result,
)
from labs.services.answers import BadResolution
from labs.services.quarantine import confirm_resolution, state_resolution
from tests.builders_fhir import LAB_IDS, bundle, entry, fhir_patient, lab, observation, quantity, send, values

pytestmark = pytest.mark.usefixtures("real_commits")
R1 = f"identifier={LAB_IDS}|R1"
ROUNDS = 4


def together(*calls: Callable[[], Any]) -> list[Any]:
    """All at once, each in a thread with a connection of its own."""
    start = Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        try:
            start.wait(30)
            return call()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [each.result(60) for each in [pool.submit(run, call) for call in calls]]


@pytest.fixture
def client() -> Client:
    fhir_patient()
    return lab()


def test_conditional_creates_at_one_moment_make_one_resource(client: Client) -> None:
    for n in range(ROUNDS):
        condition = f"identifier={LAB_IDS}|N{n}"
        body = observation(f"N{n}", effectiveDateTime=f"2026-05-0{n + 1}T08:00:00Z")
        answers = together(*[lambda b=body, c=condition: send(client, b, if_none_exist=c)] * 3)
        assert sorted(answer.status_code for answer in answers) == [200, 200, 201]
        assert len({answer.headers["Location"] for answer in answers}) == 1
    assert FhirResource.objects.count() == FhirKey.objects.count() == Result.objects.count() == ROUNDS
    assert not LabMessage.objects.filter(outcome__isnull=True).exists()


def test_conditional_updates_at_one_moment_make_one_resource(client: Client) -> None:
    put = f"Observation?{R1}"
    answers = together(*[lambda: send(client, observation(), put, method="put")] * 3)
    assert sorted(answer.status_code for answer in answers) == [200, 200, 201]
    assert (FhirResource.objects.count(), Observation.objects.count()) == (1, 1)


def test_of_two_updates_of_one_version_one_is_stale(client: Client) -> None:
    send(client, observation())
    bodies = [observation("R1", status="corrected", valueQuantity=quantity(value)) for value in ("70", "80")]
    put = f"Observation?{R1}"
    answers = together(
        *[lambda b=body: send(client, b, put, method="put", if_match='W/"1"') for body in bodies]
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412]
    assert FhirResource.objects.get().version == 2
    assert len(values()) == 1


def test_one_idempotency_key_at_one_moment_does_one_thing(client: Client) -> None:
    answers = together(*[lambda: send(client, observation(""), idempotency_key="k")] * 3)
    assert [answer.status_code for answer in answers] == [201] * 3
    assert len({answer.content for answer in answers}) == 1
    assert FhirResource.objects.count() == 1
    assert not LabMessage.objects.filter(outcome__isnull=True).exists()
    assert MessageOutcome.objects.filter(state="read").count() == 1


def test_transactions_that_share_a_result_at_one_moment_make_it_once(client: Client) -> None:
    def sent(name: str) -> dict[str, Any]:
        return bundle(
            entry(observation("R1")), entry(observation(name, effectiveDateTime="2026-05-06T08:00:00Z"))
        )

    answers = together(lambda: send(client, sent("A")), lambda: send(client, sent("B")))
    assert [answer.status_code for answer in answers] == [200, 200]
    assert FhirResource.objects.count() == 3
    assert Observation.objects.filter(collected_at="2026-05-04T06:00:00Z").count() == 1


def map_unit(item: QuarantinedResult, *, by: User) -> QuarantineResolution:
    """One person's word on what a unit means; a second one has to confirm it."""
    now = database_now()
    return state_resolution(
        item=item, kind="map-unit", data={"unit": "10*9/L"}, reason="asked", by=by, authenticated_at=now
    )


def confirm(said: QuarantineResolution, by: User) -> None:
    with suppress(BadResolution):  # the update may have ended it first
        confirm_resolution(resolution=said, by=by, authenticated_at=database_now())


def test_a_request_read_again_and_an_update_at_one_moment_leave_the_update_standing(
    client: Client, person: Callable[..., User]
) -> None:
    """A colleague's confirmation has the first request read again just as the laboratory corrects it."""
    for n in range(ROUNDS):
        at = {"effectiveDateTime": f"2026-05-0{n + 1}T08:00:00Z"}
        made = send(client, observation(f"R{n}", **at, valueQuantity=quantity("60", f"furlong-{n}")))
        address = made.headers["Location"].split("/fhir/")[1]
        corrected = observation(f"R{n}", **at, status="corrected", valueQuantity=quantity("70"))
        corrected["id"] = address.split("/")[1]
        item = QuarantinedResult.objects.get(state="open")
        said = map_unit(item, by=person("physician", username=f"a{n}"))
        _, answer = together(
            partial(confirm, said, person("physician", username=f"b{n}")),
            partial(send, client, corrected, address, method="put"),
        )
        assert answer.status_code == 200, answer.content
        assert values() == [("PLT", "70", "corrected")] * (n + 1)
        assert not QuarantinedResult.objects.filter(state="open").exists()
    assert not LabMessage.objects.filter(outcome__isnull=True).exists()
