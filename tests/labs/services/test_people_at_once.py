"""Several people at one result at one moment on PostgreSQL: one of them acts, and nothing is stored twice."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection

from labs.clock import database_now
from labs.models import (
    ManualAct,
    MessageReplay,
    Observation,
    OwnershipEvent,
    QuarantinedResult,
    QuarantineResolution,
    ResolutionVerdict,
    UnitSpelling,
)
from labs.services.answers import BadResolution
from labs.services.manual import verify_result, withdraw_result
from labs.services.manual_checks import BadEntry
from labs.services.quarantine import confirm_resolution, state_resolution, take
from labs.services.replay import read_again
from tests.builders_labs import make_patient, make_sender, message, obr, obx, receive
from tests.labs.services.test_manual import enter

pytestmark = pytest.mark.postgres


def together(*works: Callable[[], object]) -> list[BaseException]:
    """Do these in threads of their own, started at one moment; returns what went wrong."""
    barrier, faults = threading.Barrier(len(works)), []

    def run(work: Callable[[], object]) -> None:
        try:
            barrier.wait()
            work()
        except BaseException as fault:
            faults.append(fault)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return faults


@pytest.fixture
def item(real_commits: str) -> QuarantinedResult:
    """Two messages of one sender whose platelets have an unknown unit; the first one's row."""
    make_sender()
    make_patient()
    receive(message(obr(), obx(unit="furlong")))
    receive(message(obr("F2", collected="20260503080000+0200"), obx("61", unit="furlong"), control_id="M2"))
    found = QuarantinedResult.objects.order_by("pk").first()
    assert found is not None
    return found


def say(item: QuarantinedResult, by: User) -> QuarantineResolution:
    return state_resolution(
        item=item,
        kind="map-unit",
        data={"unit": "10*9/L"},
        reason="asked",
        by=by,
        authenticated_at=database_now() - timedelta(seconds=5),
    )


def confirm(said: QuarantineResolution, by: User) -> object:
    return confirm_resolution(resolution=said, by=by, authenticated_at=database_now() - timedelta(seconds=5))


def test_two_confirmations_at_once_act_once(item: QuarantinedResult, person: Callable[..., User]) -> None:
    said = say(item, person("physician", username="a"))
    people = [person("physicist", username="b"), person("physician", username="c")]
    faults = together(*(lambda by=by: confirm(said, by) for by in people))
    assert [type(fault) for fault in faults] == [BadResolution]
    assert (ResolutionVerdict.objects.count(), UnitSpelling.objects.count()) == (1, 1)
    assert (Observation.objects.count(), MessageReplay.objects.count()) == (2, 2)


def test_two_words_at_once_leave_one_on_the_table(
    item: QuarantinedResult, person: Callable[..., User]
) -> None:
    people = [person("physicist", username="b"), person("physician", username="c")]
    faults = together(*(lambda by=by: say(item, by) for by in people))
    assert [type(fault) for fault in faults] == [BadResolution]
    assert QuarantineResolution.objects.count() == 1


def test_two_maps_of_one_unit_from_two_results_end_in_one(
    item: QuarantinedResult, person: Callable[..., User]
) -> None:
    other = QuarantinedResult.objects.exclude(pk=item.pk).get()
    first, second = (
        say(item, person("physician", username="a")),
        say(other, person("physicist", username="b")),
    )
    third = person("physician", username="c")
    faults = together(lambda: confirm(first, third), lambda: confirm(second, third))
    assert all(isinstance(fault, BadResolution) for fault in faults)
    assert UnitSpelling.objects.count() == 1
    assert Observation.objects.count() == 2
    assert not QuarantinedResult.objects.filter(state="open").exists()


def test_reading_again_at_once_stores_once(item: QuarantinedResult, person: Callable[..., User]) -> None:
    UnitSpelling.objects.create(sender="central-lab", analyte="PLT", spelling="furlong", unit="10*9/L")
    nurse = person("nurse")
    work = lambda: read_again(item=item, by=nurse)  # noqa: E731
    assert together(work, work, work, work) == []
    assert Observation.objects.count() == 1


def test_of_two_who_take_it_at_once_one_owns_it(item: QuarantinedResult, person: Callable[..., User]) -> None:
    people = [person("nurse", username="a"), person("nurse", username="b")]
    faults = together(*(lambda by=by: take(item=item, by=by, seen_owner_id=None) for by in people))
    assert [type(fault) for fault in faults] == [BadResolution]
    assert OwnershipEvent.objects.count() == 1


def test_a_typed_result_is_verified_once_and_ends_withdrawn_however_the_two_meet(
    item: QuarantinedResult, person: Callable[..., User]
) -> None:
    assert item.patient is not None
    act = enter(item.patient, person("nurse", username="a"))
    second, third = person("nurse", username="b"), person("physician", username="c")
    fresh = database_now() - timedelta(seconds=5)
    faults = together(
        lambda: verify_result(act=act, by=second, authenticated_at=fresh),
        lambda: verify_result(act=act, by=third, authenticated_at=fresh),
        lambda: withdraw_result(act=act, by=second, reason="wrong sheet", authenticated_at=fresh),
    )
    assert {type(fault) for fault in faults} == {BadEntry}
    kinds = list(ManualAct.objects.order_by("pk").values_list("kind", flat=True))
    assert kinds in (["enter", "verify", "withdraw"], ["enter", "withdraw"])
    newest = Observation.objects.filter(message__manual_act__isnull=False).latest("version")
    assert newest.status == "entered-in-error"
