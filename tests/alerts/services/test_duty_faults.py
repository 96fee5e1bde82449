"""What the duty to tell promises holds, and each promise breaks when the control that keeps it is off."""

from collections.abc import Callable

import pytest

from tests.alerts.services.duty_faults import FAULTS, PROMISES, Promise
from tests.alerts.services.planted import Plant

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.hazard("HZ-68"),
    pytest.mark.hazard("HZ-69"),
    pytest.mark.hazard("HZ-72"),
    pytest.mark.hazard("HZ-74"),
]


def name_of(promise: Callable[..., None]) -> str:
    return promise.__name__


@pytest.mark.parametrize("promise", PROMISES, ids=name_of)
def test_a_promise_of_the_duty_holds(promise: Promise) -> None:
    promise()


@pytest.mark.parametrize(("promise", "plant"), FAULTS.values(), ids=list(FAULTS))
def test_a_planted_fault_breaks_its_promise(
    promise: Promise, plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        promise()


def test_every_promise_is_broken_by_a_fault() -> None:
    assert {name_of(promise) for promise, _ in FAULTS.values()} == {name_of(each) for each in PROMISES}
