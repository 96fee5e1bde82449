"""Several people at one day at once on PostgreSQL: one authorisation, one infusion, and one of two ends."""

import threading
from collections.abc import Callable

import pytest
from django.db import connection

from courses.models import Administration, Infusion, StartAuthorisation, TherapyDay
from courses.services.authority import Refused
from courses.services.day_end import end_not_given
from courses.services.day_infusion import infused_on
from courses.services.infusions import record_infusion
from courses.services.start import StartRefused
from courses.services.therapy_day import BadStep
from tests.builders_therapy_day import (
    at,
    authorise,
    dispense,
    nurse,
    opened,
    physician,
    ready_cycle,
    state_of,
    step,
    until_start,
)

pytestmark = pytest.mark.postgres


def at_once(*works: Callable[[], object]) -> list[BaseException]:
    """Each in a thread of its own, started at one moment; returns what went wrong."""
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
def day(real_commits: str) -> TherapyDay:
    """Everything done until noon."""
    nurse(), physician()
    cycle = ready_cycle()
    dispense(cycle)
    day = opened(cycle)
    until_start(day)
    return day


def test_four_authorisations_at_once_are_one(day: TherapyDay):
    faults = at_once(*[lambda: authorise(day)] * 4)
    assert [type(fault) for fault in faults] == [StartRefused] * 3
    assert StartAuthorisation.objects.count() == 1


def test_an_infusion_recorded_four_times_at_once_is_one(day: TherapyDay):
    authorise(day)
    step(day, "infusion_start", at(12, 1))
    step(day, "infusion_end", at(12, 36), how="complete")
    infused = infused_on(day, state=state_of(day, now=at(12, 40)))
    faults = at_once(
        *[lambda: record_infusion(cycle=day.cycle, day=day, infused=infused, by=nurse(), now=at(12, 40))] * 4
    )
    assert [type(fault) for fault in faults] == [BadStep] * 3
    assert (Infusion.objects.count(), Administration.objects.count()) == (1, 1)


def test_a_start_and_an_end_without_infusion_at_once_do_not_both_stand(day: TherapyDay):
    def end() -> None:
        end_not_given(day=day, reason="unwell", note="", vial="wasted", by=nurse(), now=at(12))

    faults = at_once(lambda: authorise(day), end)
    # Whichever came second: the day has ended, or it ends with its authorisation unused.
    assert all(isinstance(fault, StartRefused | Refused) for fault in faults)
    ended = TherapyDay.objects.get()
    assert ended.outcome == "not_given"
    step_after = pytest.raises(BadStep)
    with step_after:
        step(ended, "infusion_start", at(12, 1))
